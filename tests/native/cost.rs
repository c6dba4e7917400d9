//! The arithmetic of `docs/cost.md`: its tables follow from its prices and from the limits in the code.

use longshore::limits::FLUSH_OUTCOMES;
use longshore::limits::plan::PAID;

use crate::root;

/// Rows written for a job that succeeds at once. `a_job_costs_four_rows` holds them on D1.
const ROWS: f64 = 4.0;
/// Rows written for a job that is deleted after its retention.
const ROWS_WITH_DELETION: f64 = ROWS + 1.0;
/// Rows of counters for each flush, as the document assumes.
const ROWS_OF_A_FLUSH: f64 = 2.0;
/// Queue operations of a message: write, read, delete.
const OPERATIONS: f64 = 3.0;
/// Milliseconds of CPU for a job, one by one and in bulk, as the document assumes.
const CPU_MS: (f64, f64) = (6.0, 2.0);

/// Prices in dollars a million, and how many millions the plan includes a month.
const ROW: (f64, f64) = (1.00, 50.0);
const OPERATION: (f64, f64) = (0.40, 1.0);
const REQUEST: (f64, f64) = (0.30, 10.0);
const CPU: (f64, f64) = (0.02, 30.0);
const PUT: (f64, f64) = (4.50, 1.0);
/// Price of the plan a month.
const PLAN: f64 = 5.0;

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
            rows: jobs * (rows + ROWS_OF_A_FLUSH / flush),
            operations: jobs * OPERATIONS,
            requests: jobs * (1.0 + 1.0 / flush),
            cpu_ms: jobs * CPU_MS.0,
            puts: jobs / flush,
        }
    }

    /// Usage of `jobs` million jobs in bulk, whose messages are full.
    fn in_bulk(jobs: f64, rows: f64) -> Usage {
        let (flush, message) = (count(FLUSH_OUTCOMES), count(PAID.hint_jobs));
        let one_by_one = Usage::one_by_one(jobs, flush, rows);
        Usage { operations: jobs * OPERATIONS / message, requests: 0.0, cpu_ms: jobs * CPU_MS.1, ..one_by_one }
    }

    /// Prices of D1, Queues, Workers and R2 without allowances.
    fn prices(&self) -> [f64; 4] {
        let workers = self.requests * REQUEST.0 + self.cpu_ms * CPU.0;
        [self.rows * ROW.0, self.operations * OPERATION.0, workers, self.puts * PUT.0]
    }

    /// Bill of a month with allowances.
    fn bill(&self) -> f64 {
        let beyond = |used: f64, (price, included): (f64, f64)| (used - included).max(0.0) * price;
        let workers = beyond(self.requests, REQUEST) + beyond(self.cpu_ms, CPU);
        PLAN + beyond(self.rows, ROW) + beyond(self.operations, OPERATION) + workers + beyond(self.puts, PUT)
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

/// Rounds to cents; half a cent, which has no exact binary form, is rounded up.
fn dollars(price: f64) -> String {
    format!("${:.2}", price + 1e-9)
}

#[test]
fn the_document_of_costs_adds_up() {
    let document = std::fs::read_to_string(root().join("docs/cost.md")).unwrap();
    let expect = |line: &str| assert!(document.contains(line), "docs/cost.md lacks {line:?}");
    for (name, (price, _)) in [
        ("| Requests |", REQUEST),
        ("| CPU |", CPU),
        ("| D1 rows written |", ROW),
        ("| Queues operations (write, read or delete of 64 KB) |", OPERATION),
        ("| R2 class A (put, list) |", PUT),
    ] {
        expect(&format!("{name} {} a million", dollars(price)));
    }
    let price = |pace| Usage::one_by_one(1.0, pace, ROWS).prices().iter().sum::<f64>();
    // Ten isolates share ten jobs a second, at random. After a quiet second, e^-1 of them, a job is a flush.
    let express = (-1.0_f64).exp();
    let shared = express * price(1.0) + (1.0 - express) * price(10.0 * (1.0 - express));
    expect(&format!("{} instead of {} for ten isolates", dollars(shared), dollars(price(10.0))));
    for pace in [1.0, 10.0, 100.0] {
        let prices = Usage::one_by_one(1.0, pace, ROWS).prices();
        let cells: Vec<_> = prices.iter().chain([&prices.iter().sum()]).map(|price| dollars(*price)).collect();
        expect(&format!("| {pace} | {pace} | {} |", cells.join(" | ")));
    }
    let one_by_one: f64 = Usage::one_by_one(1.0, count(FLUSH_OUTCOMES), ROWS).prices().iter().sum();
    let in_bulk: f64 = Usage::in_bulk(1.0, ROWS).prices().iter().sum();
    expect(&format!("| **sum** | **{}** | **{}** |", dollars(one_by_one), dollars(in_bulk)));
    let seconds = 30.0 * 86_400.0;
    for (name, jobs) in [("100 thousand", 0.1), ("5 million", 5.0), ("50 million", 50.0_f64)] {
        let flush = (jobs * 1e6 / seconds).max(1.0);
        let one_by_one = Usage::one_by_one(jobs, flush, ROWS_WITH_DELETION).bill();
        let in_bulk = Usage::in_bulk(jobs, ROWS_WITH_DELETION).bill();
        expect(&format!("| {name} | {} | {} |", dollars(one_by_one), dollars(in_bulk)));
    }
}
