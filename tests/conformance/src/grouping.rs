//! Cases of groups: their counters match a count of the rows, also after repeats.

use longshore::accept::insert::accept;
use longshore::accept::request::check;
use longshore::limits::plan::PAID;
use longshore::manage::groups::{Group, read_group};
use longshore::manage::operate::{cancel, replay};
use longshore::model::job::JobRef;
use longshore::model::outcome::{ErrorClass, Outcome};
use longshore::model::result::JobResult;
use longshore::model::state::Decision;
use longshore::run::settle::{Settlement, settle};
use longshore::store::counted::GroupRow;
use longshore::sweep::sweep;
use longshore::wire::problem::Problem;
use serde_json::{Value, json};

use super::stand::{Case, DEAD_LETTER, Stand, Store, measured, operator, place, request};

/// Returns a request for a job of a group.
pub(crate) fn of(group: &str) -> Value {
    request(json!({"group": group}))
}

impl<S: Store> Case<'_, S> {
    /// Reads a group.
    pub(crate) async fn group(&self, id: &str) -> GroupRow {
        read_group(self.stand, &self.tenant, id).await.unwrap()
    }

    /// Returns `total, succeeded, dead, replayed, cancelled`, and true if the group has finished.
    pub(crate) async fn counts(&self, id: &str) -> ([u64; 5], bool) {
        let row = self.group(id).await;
        ([row.total, row.succeeded, row.dead, row.replayed, row.cancelled], row.finished_at.is_some())
    }

    /// Accepts jobs of one group.
    pub(crate) async fn grouped(&self, id: &str, count: usize) -> Vec<JobRef> {
        let answers = self.accept(&vec![(of(id), None); count]).await.unwrap();
        answers.into_iter().map(|answer| answer.unwrap().job).collect()
    }

    /// Claims jobs and settles each with its decision, twice, as after a lost answer.
    pub(crate) async fn settle_twice(&self, decisions: &[(&JobRef, Decision)]) {
        let token = self.stand.token();
        let jobs: Vec<_> = decisions.iter().map(|(job, _)| *job).collect();
        self.claim(&token, &jobs, false).await;
        let settlement = |(job, decision): &(&JobRef, Decision)| {
            let failed = Outcome::Failed { class: ErrorClass::Http5xx, message: "no".into(), retry_after: None };
            let outcome =
                if *decision == Decision::Succeed { Outcome::Succeeded { result: JobResult::Empty } } else { failed };
            let place = longshore::run::settle::JobPlace { counted: true, ..place(String::new()) };
            Settlement::new(job.attempt(1), place, outcome, *decision, measured(1, None))
        };
        let settlements: Vec<_> = decisions.iter().map(settlement).collect();
        for settled in [decisions.len(), 0] {
            assert_eq!(settle(self.stand, &token, &PAID, &settlements).await.unwrap().len(), settled);
        }
    }
}

/// A group counts each job once: duplicates of a key, refused jobs, jobs without a group and repeats count nothing.
pub async fn a_group_counts_each_job_once<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    assert_eq!(read_group(stand, &case.tenant, "import").await, Err(Problem::not_found("Group", "import")));
    let unknown = json!({"kind": "webhook", "endpoint": "unknown", "payload": {}, "group": "import"});
    let requests = [
        (of("import"), Some("a")),
        (of("import"), Some("a")),
        (of("import"), None),
        (of("other"), None),
        (request(json!({})), None),
        (unknown, None),
    ];
    let jobs = requests.iter().enumerate().map(|(index, (body, key))| {
        check(stand, &stand.settings, body.to_string().as_bytes(), index, key.map(str::to_owned)).unwrap()
    });
    let jobs: Vec<_> = jobs.collect();
    // The same batch again, as after a lost answer; then the same request again, with new ids.
    for _ in 0..2 {
        accept(stand, &case.caller, jobs.clone()).await.unwrap();
    }
    case.accept_one(of("import"), Some("a")).await.unwrap();
    assert_eq!(case.counts("import").await, ([2, 0, 0, 0, 0], false));
    assert_eq!(case.counts("other").await, ([1, 0, 0, 0, 0], false));
}

/// Each end of a job counts once, by its state; the group finishes with its last job, and a new job reopens it.
pub async fn ended_jobs_are_counted_by_state<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let jobs = case.grouped("import", 5).await;
    let retry = Decision::Retry { delay: std::time::Duration::from_mins(1), failures: 1 };
    let [first, second, third, fourth, fifth] = [0, 1, 2, 3, 4].map(|at| &jobs[at]);
    case.settle_twice(&[
        (first, Decision::Succeed),
        (second, Decision::Succeed),
        (third, DEAD_LETTER),
        (fourth, retry),
    ])
    .await;
    assert_eq!(case.counts("import").await, ([5, 2, 1, 0, 0], false));
    for _ in 0..2 {
        cancel(stand, &operator(stand), &stand.settings, fourth).await.unwrap();
        cancel(stand, &operator(stand), &stand.settings, fifth).await.unwrap();
    }
    assert_eq!(case.counts("import").await, ([5, 2, 1, 0, 2], true));
    let finished_at = case.group("import").await.finished_at;
    let shown = json!(Group::from(&case.group("import").await));
    assert_eq!((&shown["open"], &shown["dead"]), (&json!(0), &json!(1)));
    // A replay adds one job; the dead letter counts as replayed.
    let successor = replay(stand, &operator(stand), &stand.settings, third, None).await.unwrap();
    assert!(replay(stand, &operator(stand), &stand.settings, third, None).await.is_err());
    assert_eq!(case.counts("import").await, ([6, 2, 0, 1, 2], false));
    case.settle_twice(&[(&successor.job(), Decision::Succeed)]).await;
    assert_eq!(case.counts("import").await, ([6, 3, 0, 1, 2], true));
    assert!(case.group("import").await.finished_at >= finished_at);
}

/// Jobs that the sweep dead-letters count too; a finished group is deleted after its retention.
pub async fn jobs_ended_by_the_sweep_count<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let jobs = case.grouped("import", 2).await;
    let sent_too_often = "UPDATE jobs SET attempt = 100, next_check_at = 1 WHERE tenant = ?1 AND id = ?2 RETURNING id";
    stand.sql(sent_too_often, vec![case.tenant.as_str().into(), jobs[0].id.as_str().into()]).await;
    let token = stand.token();
    assert_eq!(case.claim(&token, &[&jobs[1]], false).await.len(), 1);
    cancel(stand, &operator(stand), &stand.settings, &jobs[1]).await.unwrap();
    let check_now = "UPDATE jobs SET next_check_at = 1, lease_until = 1 WHERE tenant = ?1 AND id = ?2 RETURNING id";
    stand.sql(check_now, vec![case.tenant.as_str().into(), jobs[1].id.as_str().into()]).await;
    for _ in 0..2 {
        sweep(stand, &stand.settings).await.unwrap();
    }
    assert_eq!(case.counts("import").await, ([2, 0, 1, 0, 1], true));
    let long_ago = "UPDATE groups SET finished_at = 1 WHERE tenant = ?1 RETURNING id";
    stand.sql(long_ago, vec![case.tenant.as_str().into()]).await;
    sweep(stand, &stand.settings).await.unwrap();
    assert_eq!(read_group(stand, &case.tenant, "import").await, Err(Problem::not_found("Group", "import")));
    // A dead letter that outlived its group can still be replayed.
    replay(stand, &operator(stand), &stand.settings, &jobs[0], None).await.unwrap();
    assert_eq!(case.counts("import").await.0[0], 1);
}
