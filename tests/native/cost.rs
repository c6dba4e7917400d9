//! The arithmetic of `docs/cost.md`: its tables follow from its prices and from the limits in the code.

use longshore::limits::FLUSH_OUTCOMES;
use longshore::limits::cost::{
    CPU_MS_PER_JOB, CPU_PRICE, DAYS_PER_MONTH, FREE_OPERATIONS_A_DAY, FREE_REQUESTS_A_DAY, FREE_ROWS_A_DAY,
    MINUTES_PER_DAY, OPERATIONS_PER_MESSAGE, OPERATIONS_PRICE, PAID_PLAN_CENTS, PUTS_PRICE, Price, REQUESTS_PRICE,
    ROWS_PER_DELETION, ROWS_PER_FLUSH, ROWS_PER_JOB, ROWS_PRICE,
};
use longshore::limits::plan::PAID;
use longshore::manage::status::Estimate;

use crate::root;

/// Milliseconds of CPU for a job in bulk, as the document assumes.
const CPU_MS_IN_BULK: f64 = 2.0;

/// Usage of a number of jobs, in millions.
struct Usage {
    rows: f64,
    operations: f64,
    requests: f64,
    cpu_ms: f64,
    puts: f64,
}

impl Usage {
    /// Usage of `jobs` million jobs one by one. One consumer request has `flush` outcomes.
    fn one_by_one(jobs: f64, flush: f64, rows: f64) -> Usage {
        Usage {
            rows: jobs * (rows + number(ROWS_PER_FLUSH) / flush),
            operations: jobs * number(OPERATIONS_PER_MESSAGE),
            requests: jobs * (1.0 + 1.0 / flush),
            cpu_ms: jobs * number(CPU_MS_PER_JOB),
            puts: jobs / flush,
        }
    }

    /// Usage of `jobs` million jobs in bulk, whose messages are full.
    fn in_bulk(jobs: f64, rows: f64) -> Usage {
        let (flush, message) = (count(FLUSH_OUTCOMES), count(PAID.hint_jobs));
        let one_by_one = Usage::one_by_one(jobs, flush, rows);
        Usage {
            operations: one_by_one.operations / message,
            requests: 0.0,
            cpu_ms: jobs * CPU_MS_IN_BULK,
            ..one_by_one
        }
    }

    /// Prices of D1, Queues, Workers and R2 without allowances.
    fn prices(&self) -> [f64; 4] {
        let workers = self.requests * price(REQUESTS_PRICE) + self.cpu_ms * price(CPU_PRICE);
        let (rows, puts) = (self.rows * price(ROWS_PRICE), self.puts * price(PUTS_PRICE));
        [rows, self.operations * price(OPERATIONS_PRICE), workers, puts]
    }

    /// Bill of a month with allowances.
    fn bill(&self) -> f64 {
        let beyond = |used: f64, of: Price| (used - number(of.included) / 1e6).max(0.0) * price(of);
        let workers = beyond(self.requests, REQUESTS_PRICE) + beyond(self.cpu_ms, CPU_PRICE);
        let rest = beyond(self.rows, ROWS_PRICE) + beyond(self.operations, OPERATIONS_PRICE);
        number(PAID_PLAN_CENTS) / 100.0 + rest + workers + beyond(self.puts, PUTS_PRICE)
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

fn number(number: i64) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

/// Dollars a million.
fn price(of: Price) -> f64 {
    number(of.cents) / 100.0
}

/// Rounds to cents; half a cent, which has no exact binary form, is rounded up.
fn dollars(price: f64) -> String {
    format!("${:.2}", price + 1e-9)
}

#[test]
fn the_document_of_costs_adds_up() {
    let document = std::fs::read_to_string(root().join("docs/cost.md")).unwrap();
    let expect = |line: &str| assert!(document.contains(line), "docs/cost.md lacks {line:?}");
    for (name, of) in [
        ("| Requests |", REQUESTS_PRICE),
        ("| CPU |", CPU_PRICE),
        ("| D1 rows written |", ROWS_PRICE),
        ("| Queues operations (write, read or delete of 64 KB) |", OPERATIONS_PRICE),
        ("| R2 class A (put, list) |", PUTS_PRICE),
    ] {
        expect(&format!("{name} {} a million", dollars(price(of))));
    }
    let rows = number(ROWS_PER_JOB);
    let price = |pace| Usage::one_by_one(1.0, pace, rows).prices().iter().sum::<f64>();
    // Ten isolates share ten jobs a second, at random. After a quiet second, e^-1 of them, a job is a flush.
    let express = (-1.0_f64).exp();
    let shared = express * price(1.0) + (1.0 - express) * price(10.0 * (1.0 - express));
    expect(&format!("{} instead of {} for ten isolates", dollars(shared), dollars(price(10.0))));
    for pace in [1.0, 10.0, 100.0] {
        let prices = Usage::one_by_one(1.0, pace, rows).prices();
        let cells: Vec<_> = prices.iter().chain([&prices.iter().sum()]).map(|price| dollars(*price)).collect();
        expect(&format!("| {pace} | {pace} | {} |", cells.join(" | ")));
    }
    let one_by_one: f64 = Usage::one_by_one(1.0, count(FLUSH_OUTCOMES), rows).prices().iter().sum();
    let in_bulk: f64 = Usage::in_bulk(1.0, rows).prices().iter().sum();
    expect(&format!("| **sum** | **{}** | **{}** |", dollars(one_by_one), dollars(in_bulk)));
    let seconds = 30.0 * 86_400.0;
    for (name, jobs) in [("100 thousand", 0.1), ("5 million", 5.0), ("50 million", 50.0_f64)] {
        let flush = (jobs * 1e6 / seconds).max(1.0);
        let rows = rows + number(ROWS_PER_DELETION);
        let one_by_one = Usage::one_by_one(jobs, flush, rows).bill();
        let in_bulk = Usage::in_bulk(jobs, rows).bill();
        expect(&format!("| {name} | {} | {} |", dollars(one_by_one), dollars(in_bulk)));
    }
}

/// The status of a deployment estimates the bills of the document, with the rows and requests of the idle crons.
#[test]
fn the_status_estimates_the_bills_of_the_document() {
    let document = std::fs::read_to_string(root().join("docs/cost.md")).unwrap();
    let month = DAYS_PER_MONTH * MINUTES_PER_DAY * 60_000;
    for (name, jobs) in [("100 thousand", 100_000), ("5 million", 5_000_000)] {
        let cents = Estimate::of(jobs, month, &PAID).bill_cents();
        let line = format!("| {name} | ${}.{:02} |", cents / 100, cents % 100);
        assert!(document.contains(&line), "docs/cost.md lacks {line:?}");
    }
    for (name, amount) in [
        ("Queues operations", FREE_OPERATIONS_A_DAY),
        ("D1 rows written", FREE_ROWS_A_DAY),
        ("Workers requests", FREE_REQUESTS_A_DAY),
    ] {
        let line = format!("| {name} | {},000 |", amount / 1_000);
        assert!(document.contains(&line), "docs/cost.md lacks {line:?}");
    }
}
