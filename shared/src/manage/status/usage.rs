//! Estimate of what the deployment uses of the plan, from the number of accepted jobs and the costs of
//! `docs/cost.md`. It counts each job as accepted alone and successful at once: bulk costs less, retries cost more.

use serde::{Deserialize, Serialize};

use crate::limits::cost::{
    CPU_MS_PER_JOB, CPU_PRICE, CRONS, DAYS_PER_MONTH, FREE_OPERATIONS_A_DAY, FREE_PUTS_A_MONTH, FREE_REQUESTS_A_DAY,
    FREE_ROWS_A_DAY, MINUTES_PER_DAY, OPERATIONS_PER_MESSAGE, OPERATIONS_PRICE, PAID_PLAN_CENTS, PUTS_PRICE, Price,
    REQUESTS_PRICE, ROWS_PER_DELETION, ROWS_PER_FLUSH, ROWS_PER_JOB, ROWS_PER_SWEEP, ROWS_PER_TICK, ROWS_PRICE,
};
use crate::limits::plan::{PAID, Plan};
use crate::limits::{DAY_MS, FLUSH_OUTCOMES, PACE_HOURS, STATUS_HOURS_MAX};

/// Numbers of accepted jobs as the store returns them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub struct UsageRow {
    /// Pairs of tenant and hour that were read.
    pub pairs: i64,
    /// Jobs accepted since midnight UTC.
    pub today: i64,
    /// Jobs accepted in the last 24 hours.
    pub day: i64,
    /// Jobs accepted in the last [`PACE_HOURS`] whole hours.
    pub recent: i64,
}

/// Estimated usage of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Estimate {
    /// Jobs that were accepted.
    jobs: i64,
    /// D1 rows written.
    rows_written: i64,
    /// Queues operations.
    queue_operations: i64,
    /// R2 class A operations.
    puts: i64,
    /// Requests of both Workers, crons included.
    requests: i64,
}

impl Estimate {
    /// Estimates the usage of jobs that were accepted one by one, evenly over `ms`, with the idle crons of that time.
    pub fn of(jobs: i64, ms: i64, plan: &Plan) -> Estimate {
        let flushes = flushes(jobs, ms);
        let minutes = ms / 60_000;
        let sweeps = minutes * i64::try_from(plan.sweeps_per_minute).unwrap_or(i64::MAX);
        let idle_rows = sweeps * ROWS_PER_SWEEP + minutes * ROWS_PER_TICK;
        Estimate {
            jobs,
            rows_written: jobs * (ROWS_PER_JOB + ROWS_PER_DELETION) + flushes * ROWS_PER_FLUSH + idle_rows,
            queue_operations: jobs * OPERATIONS_PER_MESSAGE,
            puts: flushes,
            requests: jobs + flushes + minutes * CRONS,
        }
    }

    /// Returns the bill of this usage in a month on the paid plan, in cents.
    pub fn bill_cents(&self) -> i64 {
        let beyond = |used: i64, price: Price| i128::from((used - price.included).max(0)) * i128::from(price.cents);
        let millionths = beyond(self.rows_written, ROWS_PRICE)
            + beyond(self.queue_operations, OPERATIONS_PRICE)
            + beyond(self.requests, REQUESTS_PRICE)
            + beyond(self.jobs * CPU_MS_PER_JOB, CPU_PRICE)
            + beyond(self.puts, PUTS_PRICE);
        // Rounded to the nearest cent.
        PAID_PLAN_CENTS + i64::try_from((millionths + 500_000) / 1_000_000).unwrap_or(i64::MAX)
    }
}

/// Number of flushes of jobs that come evenly: one a second while there are jobs, with 1 to 100 outcomes each.
fn flushes(jobs: i64, ms: i64) -> i64 {
    let outcomes_max = i64::try_from(FLUSH_OUTCOMES).unwrap_or(i64::MAX);
    jobs.min(ms / 1_000).max(jobs.unsigned_abs().div_ceil(outcomes_max.unsigned_abs()).cast_signed())
}

/// Period of an allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Day from one midnight UTC to the next.
    Day,
    /// Calendar month.
    Month,
}

/// Number that the plan includes in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Allowance {
    amount: i64,
    per: Period,
}

/// Allowances of the plan. Above those of a day Cloudflare refuses, above those of a month it charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Allowances {
    rows_written: Allowance,
    queue_operations: Allowance,
    puts: Allowance,
    requests: Allowance,
}

impl Allowances {
    fn of(plan: &Plan) -> Allowances {
        let day = |amount| Allowance { amount, per: Period::Day };
        let month = |amount| Allowance { amount, per: Period::Month };
        if plan.name == PAID.name {
            return Allowances {
                rows_written: month(ROWS_PRICE.included),
                queue_operations: month(OPERATIONS_PRICE.included),
                puts: month(PUTS_PRICE.included),
                requests: month(REQUESTS_PRICE.included),
            };
        }
        Allowances {
            rows_written: day(FREE_ROWS_A_DAY),
            queue_operations: day(FREE_OPERATIONS_A_DAY),
            puts: month(FREE_PUTS_A_MONTH),
            requests: day(FREE_REQUESTS_A_DAY),
        }
    }
}

/// Estimated bill of a month of 30 days like the last 24 hours, for this deployment alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Forecast {
    /// Usage from midnight to midnight UTC, if jobs continue to come.
    at_midnight: Estimate,
    /// Bill of the paid plan in US cents; 0 on the free plan.
    bill_of_month_cents: i64,
}

/// Estimated usage of the account by this deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct PlanUsage {
    /// Constant true: Cloudflare's dashboard has the measured numbers.
    #[cfg_attr(feature = "openapi", schemars(extend("const" = true)))]
    estimated: bool,
    /// True if the deployment has more tenants than were added up, so all numbers are too low.
    at_least: bool,
    /// Name of the plan: `free` or `paid`.
    plan: &'static str,
    /// Usage since midnight UTC.
    today: Estimate,
    allowances: Allowances,
    forecast: Forecast,
}

impl PlanUsage {
    /// Estimates the usage at the time `now`.
    pub fn of(row: &UsageRow, now: i64, plan: &Plan) -> PlanUsage {
        let into_day = now.rem_euclid(DAY_MS);
        // The higher pace counts: a limit that is met early is worse than one that is not met.
        let per_day = row.day.max(row.recent * 24 / PACE_HOURS);
        let to_come = i128::from(per_day) * i128::from(DAY_MS - into_day) / i128::from(DAY_MS);
        let at_midnight = row.today + i64::try_from(to_come).unwrap_or(i64::MAX);
        let month = Estimate::of(row.day * DAYS_PER_MONTH, DAYS_PER_MONTH * MINUTES_PER_DAY * 60_000, plan);
        let is_paid = plan.name == PAID.name;
        PlanUsage {
            estimated: true,
            at_least: row.pairs > STATUS_HOURS_MAX,
            plan: plan.name,
            today: Estimate::of(row.today, into_day, plan),
            allowances: Allowances::of(plan),
            forecast: Forecast {
                at_midnight: Estimate::of(at_midnight, DAY_MS, plan),
                bill_of_month_cents: if is_paid { month.bill_cents() } else { 0 },
            },
        }
    }

    /// Returns the names of the daily allowances that the day exceeds by the forecast, with use and allowance.
    pub(super) fn exceeded(&self) -> Vec<(&'static str, i64, i64)> {
        let (used, allowed) = (&self.forecast.at_midnight, &self.allowances);
        let all = [
            ("rows written", used.rows_written, allowed.rows_written),
            ("queue operations", used.queue_operations, allowed.queue_operations),
            ("requests", used.requests, allowed.requests),
        ];
        let exceeded =
            all.into_iter().filter(|(_, used, allowed)| allowed.per == Period::Day && *used > allowed.amount);
        exceeded.map(|(name, used, allowed)| (name, used, allowed.amount)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::limits::HOUR_MS;
    use crate::limits::plan::FREE;

    /// Noon.
    const NOON: i64 = 20_000 * DAY_MS + 12 * HOUR_MS;

    #[test]
    fn an_idle_day_costs_what_the_crons_write() {
        for (plan, rows) in [(&PAID, 10_080), (&FREE, 4_320)] {
            let idle = json!(Estimate::of(0, DAY_MS, plan));
            assert_eq!((&idle["rows_written"], &idle["requests"]), (&json!(rows), &json!(2_880)), "{}", plan.name);
            assert_eq!((&idle["queue_operations"], &idle["puts"]), (&json!(0), &json!(0)));
        }
    }

    #[test]
    fn a_flush_has_one_to_a_hundred_outcomes() {
        for (jobs, ms, expected) in
            [(0, DAY_MS, 0), (10, DAY_MS, 10), (100_000, 10_000, 1_000), (50, 10_000, 10), (1, 0, 1), (101, 0, 2)]
        {
            assert_eq!(flushes(jobs, ms), expected, "{jobs} jobs in {ms} ms");
        }
    }

    #[test]
    fn the_forecast_takes_the_higher_pace() {
        let of = |today, day, recent| {
            let row = UsageRow { pairs: 1, today, day, recent };
            PlanUsage::of(&row, NOON, &FREE).forecast.at_midnight.jobs
        };
        assert_eq!(of(500, 1_000, 0), 1_000, "half of a day like the last");
        assert_eq!(of(500, 1_000, 300), 500 + 1_200, "100 an hour for 12 hours");
        assert_eq!(of(0, 0, 0), 0);
    }

    #[test]
    fn a_forecast_beyond_the_allowance_of_a_day_is_named() {
        let of =
            |day, plan| PlanUsage::of(&UsageRow { pairs: 1, today: day / 2, day, recent: 0 }, NOON, plan).exceeded();
        assert_eq!(of(3_000, &FREE), []);
        assert_eq!(of(4_000, &FREE), [("queue operations", 12_000, 10_000)]);
        let many: Vec<_> = of(60_000, &FREE).into_iter().map(|(name, ..)| name).collect();
        assert_eq!(many, ["rows written", "queue operations", "requests"]);
        assert_eq!(of(60_000_000, &PAID), [], "the paid plan charges instead");
    }

    #[test]
    fn more_tenants_than_are_read_make_the_numbers_too_low() {
        let of = |pairs| PlanUsage::of(&UsageRow { pairs, today: 1, day: 1, recent: 1 }, NOON, &PAID).at_least;
        assert_eq!([of(STATUS_HOURS_MAX), of(STATUS_HOURS_MAX + 1)], [false, true]);
    }

    #[test]
    fn only_the_paid_plan_has_a_bill() {
        let bill = |plan| {
            let row = UsageRow { pairs: 1, today: 0, day: 1_000_000, recent: 0 };
            PlanUsage::of(&row, NOON, plan).forecast.bill_of_month_cents
        };
        assert_eq!(bill(&FREE), 0);
        // 30 million jobs: 155.5 million rows, 90 million operations, 32.7 million requests, 180 million ms, 2.6 million puts.
        assert_eq!(bill(&PAID), 500 + 10_549 + 3_560 + 680 + 300 + 716);
    }
}
