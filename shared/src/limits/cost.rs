//! Prices and allowances of the platform, and what a job costs: the numbers of `docs/cost.md`, which a test compares.

/// Rows written for a job that succeeds at once: 2 accept, 1 claim, 1 settle.
pub const ROWS_PER_JOB: i64 = 4;
/// Rows written to delete a job after its retention.
pub const ROWS_PER_DELETION: i64 = 1;
/// Rows of counters for each flush.
pub const ROWS_PER_FLUSH: i64 = 2;
/// Queue operations of a message: write, read, delete. A job that is accepted alone has one message.
pub const OPERATIONS_PER_MESSAGE: i64 = 3;
/// Milliseconds of CPU for a job that is accepted alone.
pub const CPU_MS_PER_JOB: i64 = 6;
/// Rows that each sweep writes, also without jobs.
pub const ROWS_PER_SWEEP: i64 = 2;
/// Rows that each tick of the schedules writes, also without jobs.
pub const ROWS_PER_TICK: i64 = 1;
/// Crons of the deployment, each with one request a minute.
pub const CRONS: i64 = 2;
/// Minutes of a day.
pub const MINUTES_PER_DAY: i64 = 24 * 60;
/// Days of a month, as `docs/cost.md` counts it.
pub const DAYS_PER_MONTH: i64 = 30;

/// Price of the paid plan a month, in cents.
pub const PAID_PLAN_CENTS: i64 = 500;

/// A price of the paid plan beyond what it includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Cents a million.
    pub cents: i64,
    /// Number that the plan includes a month.
    pub included: i64,
}

/// D1 rows written (developers.cloudflare.com/d1/platform/pricing).
pub const ROWS_PRICE: Price = Price { cents: 100, included: 50_000_000 };
/// Queues operations (developers.cloudflare.com/queues/platform/pricing).
pub const OPERATIONS_PRICE: Price = Price { cents: 40, included: 1_000_000 };
/// Requests (developers.cloudflare.com/workers/platform/pricing).
pub const REQUESTS_PRICE: Price = Price { cents: 30, included: 10_000_000 };
/// Milliseconds of CPU.
pub const CPU_PRICE: Price = Price { cents: 2, included: 30_000_000 };
/// R2 class A operations, which are puts and lists (developers.cloudflare.com/r2/pricing).
pub const PUTS_PRICE: Price = Price { cents: 450, included: 1_000_000 };

/// D1 rows that the free plan allows a day.
pub const FREE_ROWS_A_DAY: i64 = 100_000;
/// Queues operations that the free plan allows a day.
pub const FREE_OPERATIONS_A_DAY: i64 = 10_000;
/// Requests that the free plan allows a day.
pub const FREE_REQUESTS_A_DAY: i64 = 100_000;
/// R2 class A operations that the free plan allows a month.
pub const FREE_PUTS_A_MONTH: i64 = 1_000_000;
