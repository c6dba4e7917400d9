//! Cases of the status: what fails, for whom, and how its counts are bounded.

use longshore::limits::plan::PAID;
use longshore::limits::{DAY_MS, STATUS_CAUSES_MAX};
use longshore::manage::causes::{CauseChange, change_cause};
use longshore::manage::operate::{discard, set_paused};
use longshore::manage::status::{StatusOf, StatusRead, read_status};
use longshore::model::job::JobRef;
use longshore::model::outcome::Outcome;
use longshore::model::state::Decision;
use longshore::run::settle::{Settlement, settle};
use serde_json::{Value, json};

use super::stand::{Case, DEAD_LETTER, RETRY, Stand, Store, measured, operator, place};

impl<S: Store> Case<'_, S> {
    async fn fails(&self, job: &JobRef, text: &str, decision: Decision) {
        self.fail_with(job, (500, text), decision).await;
    }

    async fn succeeds(&self, job: &JobRef) {
        let token = self.stand.token();
        let attempt = self.claim(&token, &[job], false).await[0].attempt;
        let outcome = Outcome::Succeeded { result: json!({"status": 200}).into() };
        let endpoint = self.stand.row(job).await.endpoint;
        let done =
            Settlement::new(job.attempt(attempt), place(endpoint), outcome, Decision::Succeed, measured(5, Some(200)));
        assert_eq!(settle(self.stand, &token, &PAID, &[done]).await.unwrap().len(), 1);
    }

    async fn status_read(&self) -> StatusRead {
        read_status(self.stand, &self.stand.settings, Some(&self.tenant), false).await.unwrap()
    }

    /// Returns the status of the tenant, without reasons of the deployment, which all cases share.
    async fn status(&self) -> Value {
        let read = self.status_read().await;
        let settings = &self.stand.settings;
        let of = StatusOf { read: &read, settings, tenant: Some(&self.tenant), spent: None, queues: None };
        let mut status = json!(of.status());
        status["reasons"].as_array_mut().unwrap().retain(|reason| !reason["tenant"].is_null());
        status
    }
}

fn codes(status: &Value) -> Vec<&str> {
    status["reasons"].as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect()
}

fn count(status: &Value, state: &str) -> i64 {
    status["jobs"][state]["count"].as_i64().unwrap()
}

/// An endpoint fails from its first dead letter on, is degraded while dead letters are left, and is well after them.
pub async fn a_failing_endpoint_is_a_reason_until_its_dead_letters_are_gone<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("orders").await;
    assert_eq!(codes(&case.status().await), Vec::<&str>::new());
    let (dead, waits) = (case.to_endpoint("orders").await, case.to_endpoint("orders").await);
    case.fails(&waits, "down", RETRY).await;
    let retrying = case.status().await;
    assert_eq!((codes(&retrying), &retrying["reasons"][0]["level"]), (vec!["endpoint_failing"], &json!("degraded")));
    case.fails(&dead, "down", DEAD_LETTER).await;
    let failing = case.status().await;
    let reason = &failing["reasons"][0];
    for (name, expected) in [
        ("level", json!("failing")),
        ("code", json!("endpoint_failing")),
        ("fault", json!("receiver")),
        ("endpoint", json!("orders")),
        ("tenant", json!(case.tenant)),
        ("count", json!({"count": 2, "at_least": false})),
        ("cause", json!(stand.row(&dead).await.cause)),
    ] {
        assert_eq!(reason[name], expected, "{name}");
    }
    assert_eq!(["dead", "retrying", "held"].map(|state| count(&failing, state)), [1, 1, 0]);
    assert_eq!(failing["failing_endpoints"][0]["failing_since"], reason["since"]);
    case.make_past(30_000).await;
    case.succeeds(&waits).await;
    let recovered = case.status().await;
    assert_eq!((codes(&recovered), &recovered["reasons"][0]["level"]), (vec!["dead_letters"], &json!("degraded")));
    discard(stand, &operator(stand), &dead, None).await.unwrap();
    let well = case.status().await;
    assert_eq!((codes(&well), count(&well, "dead"), &well["causes"]), (vec![], 0, &json!([])));
}

/// A cause that an operator has set aside is no reason; its dead letters are still counted.
pub async fn a_resolved_cause_is_no_reason<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (first, second) = (case.plain().await, case.plain().await);
    case.fails(&first, "down", DEAD_LETTER).await;
    let id = stand.row(&first).await.cause.unwrap();
    assert_eq!(codes(&case.status().await), ["dead_letters"]);
    change_cause(stand, &operator(stand), &case.tenant, &id, CauseChange::Resolve).await.unwrap();
    let resolved = case.status().await;
    assert_eq!((codes(&resolved), count(&resolved, "dead")), (vec![], 1));
    case.fails(&second, "down", DEAD_LETTER).await;
    assert_eq!(codes(&case.status().await), ["dead_letters"], "it came back");
    change_cause(stand, &operator(stand), &case.tenant, &id, CauseChange::Ignore(3_600)).await.unwrap();
    assert!(codes(&case.status().await).is_empty());
    let over = "UPDATE causes SET until = until - 3600000 WHERE tenant = ?1 RETURNING id";
    stand.sql(over, vec![case.tenant.as_str().into()]).await;
    assert_eq!(codes(&case.status().await), ["dead_letters"], "its time is over");
}

/// Jobs of a paused endpoint are held, and the status says who paused it.
pub async fn a_paused_endpoint_is_a_reason_while_it_holds_jobs<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    for (endpoint, why) in [("orders", "operator"), ("pay", "gone")] {
        case.endpoint(endpoint).await;
        let job = case.to_endpoint(endpoint).await;
        let pause =
            "UPDATE endpoints SET state = 'paused', paused_reason = ?3 WHERE tenant = ?1 AND id = ?2 RETURNING id";
        stand.sql(pause, vec![case.tenant.as_str().into(), endpoint.into(), why.into()]).await;
        assert!(codes(&case.status().await).len() < 2, "no job is held yet");
        assert!(case.claim(&stand.token(), &[&job], false).await.is_empty());
    }
    let status = case.status().await;
    let shown: Vec<_> = status["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| [&reason["endpoint"], &reason["fault"], &reason["level"]].map(|it| it.as_str().unwrap()))
        .collect();
    assert_eq!(shown, [["pay", "receiver", "failing"], ["orders", "operator", "degraded"]]);
    assert_eq!(count(&status, "held"), 2);
    let resume = "UPDATE endpoints SET state = 'active', paused_reason = NULL WHERE tenant = ?1 RETURNING id";
    stand.sql(resume, vec![case.tenant.as_str().into()]).await;
    assert!(codes(&case.status().await).is_empty());
}

/// A tenant sees its jobs and causes alone; a key of all tenants sees those of each.
pub async fn a_status_is_of_one_tenant_or_of_all<S: Store>(stand: &Stand<S>) {
    let (case, other) = (stand.case().await, stand.case().await);
    for case in [&case, &other] {
        case.fails(&case.plain().await, "down", DEAD_LETTER).await;
        case.fails(&case.plain().await, "down", RETRY).await;
    }
    let status = case.status().await;
    assert_eq!(["dead", "retrying"].map(|state| count(&status, state)), [1, 1]);
    assert_eq!(status["causes"].as_array().unwrap().len(), 1);
    assert_eq!(status["usage"], Value::Null, "a tenant does not see the account");
    let all = read_status(stand, &stand.settings, None, true).await.unwrap();
    assert!(all.row.dead >= 2 && all.usage.is_some(), "{all:?}");
    let seen = |name: &str| all.causes.iter().any(|cause| cause.cause.tenant == name);
    assert!(all.has_more || (seen(&case.tenant) && seen(&other.tenant)));
}

/// New jobs are counted by state for some minutes.
pub async fn new_jobs_are_counted_by_state<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let jobs = [case.plain().await, case.plain().await, case.plain().await];
    case.claim(&stand.token(), &[&jobs[0]], false).await;
    case.succeeds(&jobs[1]).await;
    let recent = case.status().await["jobs"]["recent"].clone();
    let counts = ["queued", "running", "succeeded", "scheduled"].map(|state| recent[state].as_i64().unwrap());
    assert_eq!((counts, &recent["jobs"]), ([1, 1, 1, 0], &json!({"count": 3, "at_least": false})));
    case.age_id(&jobs[2], 11 * 60_000).await;
    assert_eq!(case.status().await["jobs"]["recent"]["queued"], 0, "it is 11 minutes old");
}

/// More causes than the status reads are a part of it that says so.
pub async fn causes_beyond_the_limit_are_announced<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let words = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"];
    for word in words {
        assert!(!case.status_read().await.has_more, "{word}");
        case.fails(&case.plain().await, &format!("{word} is down"), DEAD_LETTER).await;
    }
    let read = case.status_read().await;
    assert_eq!((read.causes.len(), read.has_more), (STATUS_CAUSES_MAX, true));
}

/// The sweep notes the size of the database once a day, and the status measures its growth.
pub async fn the_growth_of_the_database_is_measured<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let forget = "DELETE FROM meta WHERE name LIKE 'size%' RETURNING name";
    stand.sql(forget, vec![]).await;
    stand.size.set(Some(1_000_000_000));
    case.sweep().await;
    let older = "UPDATE meta SET value = value - ?1 WHERE name IN ('size_noted_at', 'size_before_at') RETURNING name";
    let days = async || case.status().await["storage"]["days_until_full"].clone();
    stand.size.set(Some(1_100_000_000));
    assert_eq!(days().await, Value::Null, "the time is too short");
    stand.sql(older, vec![DAY_MS.into()]).await;
    assert_eq!(days().await, 79, "7,900 MB at 100 MB a day");
    case.sweep().await;
    stand.sql(older, vec![(DAY_MS / 2).into()]).await;
    case.sweep().await;
    stand.size.set(Some(1_300_000_000));
    assert_eq!(days().await, 38, "7,700 MB at 300 MB in a day and a half; half a day is no new note");
    stand.sql(older, vec![DAY_MS.into()]).await;
    case.sweep().await;
    stand.size.set(None);
    let noted = "SELECT value FROM meta WHERE name = 'size_before'";
    assert_eq!(stand.sql(noted, vec![]).await, ["1100000000"], "the note before the last");
}

/// A pause of the pipeline is a reason of the deployment.
pub async fn a_paused_pipeline_is_a_reason<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    set_paused(stand, &operator(stand), true).await.unwrap();
    let read = case.status_read().await;
    set_paused(stand, &operator(stand), false).await.unwrap();
    let of = StatusOf { read: &read, settings: &stand.settings, tenant: Some(&case.tenant), spent: None, queues: None };
    let status = json!(of.status());
    assert!(codes(&status).contains(&"pipeline_paused") && status["crons"]["paused"] == true, "{status}");
}
