//! Cases of usage: what jobs spend with providers counts once, by day and model, and is deleted with its tenant and by
//! age.

use std::time::Duration;

use longshore::limits::plan::PAID;
use longshore::limits::{DAY_MS, USAGE_DAYS};
use longshore::manage::usage::{Days, Usage as Shown, UsageRow, list_usage};
use longshore::model::attempt::EvidenceRef;
use longshore::model::job::JobRef;
use longshore::model::outcome::Outcome;
use longshore::model::result::JobResult;
use longshore::model::state::Decision;
use longshore::run::settle::{Settlement, settle};
use longshore::run::usage::ModelUsage;
use serde_json::{Value, json};

use longshore_kit::client::early_in_a_day;

use super::erasing::AGE_MS;
use super::listing::exported;
use super::stand::{Case, Stand, Store, measured, place};

/// Model with its calls, texts and tokens.
type Spent<'a> = (&'a str, u64, u64, u64);

const SMALL: Spent<'_> = ("own/small", 2, 101, 4_000);
const LARGE: Spent<'_> = ("own/acme/large", 1, 7, 0);

fn settlement(job: &JobRef, attempt: u32, spent: &[Spent<'_>]) -> Settlement {
    let entry = measured(12, Some(200));
    let outcome = Outcome::Succeeded { result: JobResult::Empty };
    let usage = |(model, calls, texts, tokens): &Spent<'_>| ModelUsage {
        model: (*model).to_owned(),
        calls: *calls,
        texts: *texts,
        tokens: *tokens,
    };
    let mut settled = Settlement::new(job.attempt(attempt), place(String::new()), outcome, Decision::Succeed, entry);
    settled.entry.evidence = Some(EvidenceRef::Off);
    Settlement { usage: spent.iter().map(usage).collect(), ..settled }
}

impl<S: Store> Case<'_, S> {
    /// Settles one job for each of these usages, in one flush.
    async fn spend(&self, spent: &[&[Spent<'_>]]) {
        let token = self.stand.token();
        let mut settlements = Vec::new();
        for spent in spent {
            let job = self.age_id(&self.plain().await, AGE_MS).await;
            assert_eq!(self.claim(&token, &[&job], false).await.len(), 1);
            settlements.push(settlement(&job, 1, spent));
        }
        assert_eq!(settle(self.stand, &token, &PAID, &settlements).await.unwrap().len(), settlements.len());
    }

    /// Returns everything that was counted: days ago, model and counts.
    async fn usage(&self) -> Vec<(i64, String, [u64; 3])> {
        let today = self.stand.store.now_ms() / DAY_MS;
        let rows = list_usage(self.stand, &self.tenant, Days::ALL, None, 100).await.unwrap();
        let counts = |row: UsageRow| (today - row.day, row.model, [row.calls, row.texts, row.tokens]);
        rows.into_iter().map(counts).collect()
    }

    /// Makes all usage of the tenant older by this number of days.
    async fn spent_before(&self, days: i64) {
        let sql = "UPDATE usage SET day = CAST(day - ?2 AS INTEGER) WHERE tenant = ?1 RETURNING day";
        self.stand.sql(sql, vec![self.tenant.as_str().into(), days.into()]).await;
    }
}

/// A repeated settlement counts no usage again, and one without the lease counts none; a deferral counts once, too.
pub async fn usage_is_counted_once<S: Store>(stand: &Stand<S>) {
    early_in_a_day();
    let case = stand.case().await;
    let (job, token) = (case.plain().await, stand.token());
    assert_eq!(case.claim(&token, &[&job], false).await.len(), 1);
    let first = settlement(&job, 1, &[SMALL]);
    for (token, attempt) in [(stand.token(), 1), (token.clone(), 2)] {
        let lost = Settlement { attempt, ..first.clone() };
        assert_eq!(settle(stand, &token, &PAID, &[lost]).await.unwrap(), []);
        assert_eq!(case.usage().await, [], "without the lease");
    }
    let once = [(0, "own/small".to_owned(), [2, 101, 4_000])];
    for settled in [1, 0] {
        assert_eq!(settle(stand, &token, &PAID, std::slice::from_ref(&first)).await.unwrap().len(), settled);
        assert_eq!(case.usage().await, once);
    }
    case.spend(&[&[]]).await;
    assert_eq!(case.usage().await, once, "nothing was spent");
    let (job, token, due_in) = (case.plain().await, stand.token(), Duration::from_mins(10));
    assert_eq!(case.claim(&token, &[&job], false).await.len(), 1);
    let (decision, entry) = (Decision::Defer { due_in, failures: 0 }, measured(1, Some(202)));
    let deferred = Settlement::new(job.attempt(1), place(String::new()), Outcome::Deferred { due_in }, decision, entry);
    let deferred = Settlement { usage: first.usage, ..deferred };
    for _ in 0..2 {
        assert_eq!(settle(stand, &token, &PAID, std::slice::from_ref(&deferred)).await.unwrap().len(), 1);
        assert_eq!(case.usage().await[0].2, [4, 202, 8_000], "it keeps its lease");
    }
}

/// Usage of one flush is summed by model and added to that day's counts; each day and each tenant is counted
/// separately.
pub async fn usage_is_counted_by_model_and_day<S: Store>(stand: &Stand<S>) {
    early_in_a_day();
    let (case, other) = (stand.case().await, stand.case().await);
    case.spend(&[&[SMALL, LARGE], &[SMALL]]).await;
    case.spent_before(1).await;
    case.spend(&[&[SMALL]]).await;
    case.spend(&[&[SMALL], &[]]).await;
    other.spend(&[&[LARGE]]).await;
    let (small, large) = (SMALL.0.to_owned(), LARGE.0.to_owned());
    let counts = [4, 202, 8_000];
    assert_eq!(case.usage().await, [(0, small.clone(), counts), (1, large.clone(), [1, 7, 0]), (1, small, counts)]);
    assert_eq!(other.usage().await, [(0, large, [1, 7, 0])]);
}

/// Pages continue where they stopped, the latest day first; a range of days includes both its ends; an export contains
/// all days.
pub async fn usage_is_listed_by_day<S: Store>(stand: &Stand<S>) {
    early_in_a_day();
    let (case, other) = (stand.case().await, stand.case().await);
    for _ in 0..3 {
        case.spent_before(1).await;
        case.spend(&[&[SMALL, LARGE]]).await;
    }
    other.spend(&[&[SMALL]]).await;
    let pages = async |days: Days, limit| {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = list_usage(stand, &case.tenant, days, after, limit).await.unwrap();
            all.extend(page.iter().map(|row| json!(Shown::from(row))));
            assert!(page.len() <= limit as usize);
            after = page.last().map(UsageRow::position);
            if page.len() < limit as usize {
                return all;
            }
        }
    };
    let all = pages(Days::ALL, 100).await;
    assert_eq!(all.len(), 6);
    let day = |at: usize| all[at]["day"].as_str().unwrap();
    assert!(day(0) == day(1) && day(1) > day(2) && day(3) > day(5));
    assert_eq!(
        ["own", "acme/large", "small"],
        [&all[0]["provider"], &all[0]["model"], &all[1]["model"]].map(|it| it.as_str().unwrap())
    );
    for limit in [1, 2, 4] {
        assert_eq!(pages(Days::ALL, limit).await, all);
    }
    for (from, to, expected) in [
        (Some(day(2)), None, 0..4),
        (None, Some(day(2)), 2..6),
        (Some(day(2)), Some(day(2)), 2..4),
        (Some(day(4)), Some(day(0)), 0..6),
        (Some(day(0)), Some(day(4)), 0..0),
    ] {
        let days = Days::parse(from, to).unwrap();
        assert_eq!(pages(days, 3).await, all[expected.clone()], "{from:?} to {to:?}");
    }
    let lines = exported(&case, PAID).await.into_iter().filter(|line| line["type"] == "usage");
    let line = |row: &Value| {
        let mut line = row.clone();
        (line["type"], line["tenant"]) = (json!("usage"), json!(case.tenant));
        line
    };
    assert_eq!(lines.collect::<Vec<_>>(), all.iter().map(line).collect::<Vec<_>>());
}

/// An erasure of a tenant deletes its usage when it is done; an erasure of a subject does not.
pub async fn usage_is_erased_with_its_tenant<S: Store>(stand: &Stand<S>) {
    let (case, other) = (stand.case().await, stand.case().await);
    for case in [&case, &other] {
        case.spend(&[&[SMALL]]).await;
    }
    case.finish(&case.erasure(Some("someone")).await).await;
    assert_eq!(case.usage().await.len(), 1, "usage has no subject");
    case.finish(&case.erasure(None).await).await;
    assert_eq!((case.usage().await.len(), other.usage().await.len()), (0, 1));
}

/// Usage older than its retention is deleted by the sweep.
pub async fn old_usage_is_deleted<S: Store>(stand: &Stand<S>) {
    early_in_a_day();
    let case = stand.case().await;
    case.spend(&[&[SMALL]]).await;
    case.spent_before(1).await;
    case.spend(&[&[SMALL]]).await;
    case.spent_before(USAGE_DAYS).await;
    case.spend(&[&[SMALL]]).await;
    case.sweep().await;
    let days: Vec<_> = case.usage().await.into_iter().map(|(days, ..)| days).collect();
    assert_eq!(days, [0, USAGE_DAYS]);
}
