//! Cases of the audit log: each change by an operator writes one entry, in the batch of the change.

use futures_util::future::join_all;
use longshore::accept::insert::{Submitter, accept_for};
use longshore::accept::quotas::put_quota;
use longshore::accept::request::check;
use longshore::index::manage::{drop_index, put_index};
use longshore::manage::audit::{AuditEntry, AuditFilter, AuditRow, list_audit};
use longshore::manage::causes::{CauseChange, change_cause};
use longshore::manage::endpoints::{
    EndpointChange, change_endpoint, put_endpoint, read_secrets, read_tenant_secret, rotate_secret,
};
use longshore::manage::keys::{create_key, revoke_key};
use longshore::manage::operate::{
    RestoredJobs, RestoredRequest, cancel, discard, replay, restored, retry_now, set_paused,
};
use longshore::manage::resend::resend;
use longshore::model::origin::Origin;
use longshore::routes::Operation;
use longshore::schedules::manage::{delete_schedule, put_schedule, run_schedule};
use longshore::security::key::Scope;
use longshore::settings::Settings;
use longshore::store::audit::{Operator, Target};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::stand::{Case, OPERATOR, Stand, Store, operator, request};

/// Operation, kind of the target, before and after.
type Entry = (String, String, Value, Value);

fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by_key(|entry| format!("{entry:?}"));
    entries
}

impl<S: Store> Case<'_, S> {
    pub(super) async fn audit(&self, filter: &AuditFilter) -> Vec<AuditRow> {
        list_audit(self.stand, &self.tenant, filter, None, 100).await.unwrap().rows
    }

    /// Returns what the entries say: operation, kind of the target, before and after. Sorted, because requests of the same
    /// millisecond have no order.
    pub(super) async fn entries(&self) -> Vec<Entry> {
        let state = |json: &Option<Box<RawValue>>| json.as_ref().map_or(Value::Null, |json| json!(json));
        let rows = self.audit(&AuditFilter::default()).await.into_iter();
        sorted(rows.map(|row| (row.operation, row.kind, state(&row.before), state(&row.after))).collect())
    }

    /// Asserts the entries since the last call, and forgets them.
    async fn assert_new(&self, what: &str, expected: &[(&str, &str, Value, Value)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(operation, kind, before, after)| {
                ((*operation).to_owned(), (*kind).to_owned(), before.clone(), after.clone())
            })
            .collect();
        assert_eq!(self.entries().await, sorted(expected), "{what}");
        let forget = "DELETE FROM audit WHERE tenant = ?1 RETURNING ''";
        self.stand.sql(forget, vec![self.tenant.as_str().into()]).await;
    }

    async fn entries_of_all(&self, by: &Operator) -> Vec<Value> {
        let rows = list_audit(self.stand, "*", &AuditFilter::default(), None, 100).await.unwrap().rows;
        let by = by.does(Operation::Pause, "*", Target::Deployment, "*");
        let id = format!("{by:?}");
        rows.iter().filter(|row| id.contains(&row.id)).map(|row| json!(AuditEntry::from(row))).collect()
    }
}

impl<S: Store> Stand<S> {
    /// Creates a tenant with a key, whose entry is asserted.
    async fn audited(&self) -> Case<'_, S> {
        let case = self.case().await;
        case.assert_new("key", &[("CreateKey", "key", Value::Null, key("case", "jobs:write", None))]).await;
        case
    }
}

/// Changes of jobs and dead letters write one entry each; a repeat or a refusal writes none.
pub async fn a_change_of_a_job_is_one_entry<S: Store>(stand: &Stand<S>) {
    let case = stand.audited().await;
    let by = || operator(stand);
    let state = |name: &str| json!({"state": name});
    let (waiting, running) = (case.plain().await, case.plain().await);
    case.claim(&stand.token(), &[&running], false).await;
    for job in [&waiting, &waiting, &running, &running] {
        cancel(stand, &by(), &stand.settings, job).await.unwrap();
    }
    let requested = json!({"state": "running", "cancel_requested": true});
    case.assert_new(
        "cancel",
        &[("CancelJob", "job", state("queued"), state("cancelled")), ("CancelJob", "job", state("running"), requested)],
    )
    .await;
    assert!(retry_now(stand, &by(), &waiting).await.is_err());
    let later = case.accept_one(request(json!({"delay_seconds": 9_000})), None).await.unwrap().job;
    retry_now(stand, &by(), &later).await.unwrap();
    case.assert_new("retry", &[("RetryJob", "job", state("scheduled"), state("queued"))]).await;

    let (replayed, discarded) = (case.dead(None).await, case.dead(None).await);
    let answers = join_all((0..5).map(async |_| replay(stand, &by(), &stand.settings, &replayed, None).await)).await;
    let successor = answers.into_iter().find_map(Result::ok).unwrap().id;
    let after = json!({"state": "replayed", "replayed_by": successor, "payload_edited": false});
    case.assert_new("replay", &[("ReplayDeadLetter", "dead_letter", state("open"), after)]).await;
    discard(stand, &by(), &discarded, Some("Mr Smith called".into())).await.unwrap();
    assert!(discard(stand, &by(), &discarded, None).await.is_err());
    case.assert_new("discard", &[("DiscardDeadLetter", "dead_letter", state("open"), state("discarded"))]).await;

    let again = resend(stand, &by(), &stand.settings, &waiting, Some("once")).await.unwrap();
    assert!(resend(stand, &by(), &stand.settings, &waiting, Some("once")).await.unwrap().duplicate);
    case.assert_new("resend", &[("ResendJob", "job", Value::Null, json!({"job": again.row.id}))]).await;
    let unknown = case.job("job_0001KBJ3DW00ZX3VJ5T8M4QY6R7N");
    assert!(cancel(stand, &by(), &stand.settings, &unknown).await.is_err());
    case.assert_new("an unknown job", &[]).await;
}

/// Changes of causes write one entry each, and a repeat none.
pub async fn a_change_of_a_cause_is_one_entry<S: Store>(stand: &Stand<S>) {
    let case = stand.audited().await;
    let insert = "INSERT INTO causes (tenant, id, text, first_seen, state, check_at)
        VALUES (?1, 'cause_a', '', 1, 'open', 9999999999999) RETURNING id";
    stand.sql(insert, vec![case.tenant.as_str().into()]).await;
    let change = async |change| change_cause(stand, &operator(stand), &case.tenant, "cause_a", change).await.unwrap();
    for _ in 0..2 {
        change(CauseChange::Resolve).await;
    }
    for _ in 0..2 {
        change(CauseChange::Ignore(60)).await;
    }
    for _ in 0..2 {
        change(CauseChange::Reopen).await;
    }
    let state = |name: &str| json!({"state": name});
    let ignored = json!({"state": "ignored", "seconds": 60});
    let expected = [
        ("ResolveCause", "cause", state("open"), state("resolved")),
        ("IgnoreCause", "cause", state("resolved"), ignored.clone()),
        // Another end of the time.
        ("IgnoreCause", "cause", state("ignored"), ignored),
        ("ReopenCause", "cause", state("ignored"), state("open")),
    ];
    case.assert_new("causes", &expected).await;
}

/// Changes of endpoints and secrets write one entry each, without secret values.
pub async fn a_change_of_an_endpoint_is_one_entry<S: Store>(stand: &Stand<S>) {
    let case = stand.audited().await;
    let (tenant, by) = (case.tenant.as_str(), || operator(stand));
    let put = async |body: Value| {
        put_endpoint(stand, &by(), &stand.settings, tenant, "orders", body.to_string().as_bytes()).await.unwrap();
    };
    let change = async |change| change_endpoint(stand, &by(), tenant, "orders", change).await.unwrap();
    for _ in 0..2 {
        put(json!({"url": "https://a.example.com/hook?token=canary", "redact": {"headers": ["x-a"]}})).await;
    }
    let settings = |state: &str, url: &str, headers: Value, attempts: u32| {
        let redact = if url.contains("//a.") { json!(["x-a"]) } else { json!([]) };
        json!({"state": state, "url": url, "service": null, "headers": headers, "timeout_seconds": 20, "connections": 2,
            "schedule": "webhook-standard", "max_attempts": attempts, "evidence": "full", "keep_payload": false,
            "dead_letter_on": [], "redact": {"headers": redact, "body_pointers": []}})
    };
    let first = settings("active", "https://a.example.com/hook", json!([]), 10);
    case.assert_new("put", &[("PutEndpoint", "endpoint", Value::Null, first.clone())]).await;
    for _ in 0..2 {
        put(json!({"url": "https://b.example.com/", "headers": {"X-Key": "canary"}, "max_attempts": 3})).await;
    }
    let second = settings("active", "https://b.example.com/", json!(["x-key"]), 3);
    // Sealed values cannot be compared.
    let again = ("PutEndpoint", "endpoint", second.clone(), second.clone());
    case.assert_new("headers", &[("PutEndpoint", "endpoint", first, second.clone()), again]).await;
    for to in [EndpointChange::Pause, EndpointChange::Pause, EndpointChange::Resume, EndpointChange::Resume] {
        change(to).await;
    }
    let (active, paused) =
        (json!({"state": "active", "paused_reason": null}), json!({"state": "paused", "paused_reason": "operator"}));
    let expected =
        [("PauseEndpoint", "endpoint", active.clone(), paused.clone()), ("ResumeEndpoint", "endpoint", paused, active)];
    case.assert_new("pause", &expected).await;

    rotate_secret(stand, &by(), &stand.settings, tenant, "orders").await.unwrap();
    read_secrets(stand, &by(), &stand.settings, tenant, "orders").await.unwrap();
    read_tenant_secret(stand, &by(), &stand.settings, tenant).await.unwrap();
    assert!(read_secrets(stand, &by(), &stand.settings, tenant, "unknown").await.is_err());
    let expected = [
        ("RotateSecret", "endpoint", json!({"secret_version": 1}), json!({"secret_version": 2})),
        ("ReadSecret", "endpoint", Value::Null, Value::Null),
        ("ReadTenantSecret", "tenant", Value::Null, Value::Null),
    ];
    case.assert_new("secrets", &expected).await;
    change(EndpointChange::Delete).await;
    assert!(change_endpoint(stand, &by(), tenant, "orders", EndpointChange::Delete).await.is_err());
    case.assert_new("delete", &[("DeleteEndpoint", "endpoint", second, Value::Null)]).await;
}

/// Changes of schedules write one entry each; the payload of the jobs is not recorded.
pub async fn a_change_of_a_schedule_is_one_entry<S: Store>(stand: &Stand<S>) {
    let case = stand.audited().await;
    let (tenant, by) = (case.tenant.as_str(), || operator(stand));
    let put = async |more: Value| {
        let mut body = request(json!({"cron": "@yearly", "metadata": {"subject": "canary"}}));
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        put_schedule(stand, &by(), &stand.settings, tenant, "report", body.to_string().as_bytes()).await
    };
    for _ in 0..2 {
        put(json!({})).await.unwrap();
    }
    let settings = |paused: bool| {
        json!({"cron": "@yearly", "time_zone": "UTC", "overlap": "allow", "catch_up": "latest", "paused": paused,
            "endpoint": null, "kind": "webhook"})
    };
    case.assert_new("put", &[("PutSchedule", "schedule", Value::Null, settings(false))]).await;
    put(json!({"paused": true})).await.unwrap();
    case.assert_new("pause", &[("PutSchedule", "schedule", settings(false), settings(true))]).await;
    put(json!({"paused": true, "payload": {"url": "https://example.com/hook", "body": "canary"}})).await.unwrap();
    let mut changed = settings(true);
    changed["job_changed"] = json!(true);
    case.assert_new("payload", &[("PutSchedule", "schedule", settings(true), changed)]).await;
    let refused = put(json!({"endpoint": "unknown", "payload": {"body": 1}})).await;
    assert!(refused.is_err());
    case.assert_new("a refused put", &[]).await;

    let run = async |key| run_schedule(stand, &by(), tenant, "report", key, &Origin::default()).await.unwrap();
    let made = run(Some("once")).await.job.id;
    assert!(run(Some("once")).await.duplicate);
    case.assert_new("run", &[("RunSchedule", "schedule", Value::Null, json!({"job": made}))]).await;
    delete_schedule(stand, &by(), tenant, "report").await.unwrap();
    assert!(delete_schedule(stand, &by(), tenant, "report").await.is_err());
    case.assert_new("delete", &[("DeleteSchedule", "schedule", settings(true), Value::Null)]).await;
}

/// Changes of keys, quotas, indexes and erasures write one entry each.
pub async fn a_change_of_a_tenant_is_one_entry<S: Store>(stand: &Stand<S>) {
    let case = stand.audited().await;
    let (tenant, by) = (case.tenant.as_str(), || operator(stand));
    let body = json!({"tenant": tenant, "scopes": ["admin"], "name": "ops", "jobs_per_day": 7}).to_string();
    let made = create_key(stand, &by(), None, body.as_bytes()).await.unwrap();
    for _ in 0..2 {
        revoke_key(stand, &by(), "*", &made.key.id).await.unwrap();
    }
    assert!(revoke_key(stand, &by(), "another", &made.key.id).await.is_err());
    let revoked = json!({"name": "ops", "scopes": ["admin"]});
    let expected =
        [("CreateKey", "key", Value::Null, key("ops", "admin", Some(7))), ("RevokeKey", "key", revoked, Value::Null)];
    case.assert_new("keys", &expected).await;

    for body in ["{}", r#"{"jobs_per_day":9}"#, r#"{"jobs_per_day":9}"#, "{}"] {
        put_quota(stand, &by(), tenant, body.as_bytes()).await.unwrap();
    }
    let jobs = |jobs: Option<u32>| json!({"jobs_per_day": jobs});
    let expected =
        [("PutQuota", "tenant", jobs(None), jobs(Some(9))), ("PutQuota", "tenant", jobs(Some(9)), jobs(None))];
    case.assert_new("quota", &expected).await;

    let put =
        async |body: &str| put_index(stand, &by(), &stand.settings, tenant, "docs", body.as_bytes()).await.unwrap();
    let (first, second) = (r#"{"provider":"builtin"}"#, r#"{"provider":"builtin","chunk_chars":800}"#);
    for body in [first, first, second, second] {
        put(body).await;
    }
    drop_index(stand, &by(), tenant, "docs").await.unwrap();
    assert!(drop_index(stand, &by(), tenant, "docs").await.is_err());
    let made: Vec<_> =
        case.entries().await.into_iter().map(|entry| (entry.0, entry.2["chunk_chars"].clone())).collect();
    let expected = [("DeleteIndex", json!(1_200)), ("PutIndex", Value::Null), ("PutIndex", json!(1_200))];
    assert_eq!(made, expected.map(|(operation, before)| (operation.to_owned(), before)));
}

fn key(name: &str, scope: &str, jobs_per_day: Option<u32>) -> Value {
    json!({"name": name, "scopes": [scope], "expires_at": null, "jobs_per_day": jobs_per_day})
}

/// A change of the whole deployment has an entry that belongs to no tenant.
pub async fn a_change_of_the_deployment_is_one_entry<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (first, second, third) = (operator(stand), operator(stand), operator(stand));
    set_paused(stand, &first, false).await.unwrap();
    assert!(case.entries_of_all(&first).await.is_empty(), "it was not paused");
    set_paused(stand, &second, true).await.unwrap();
    set_paused(stand, &third, true).await.unwrap();
    let [entry] = &case.entries_of_all(&second).await[..] else { panic!("one entry") };
    assert_eq!((&entry["before"], &entry["after"]), (&json!({"paused": false}), &json!({"paused": true})));
    assert_eq!((&entry["tenant"], &entry["target"]), (&json!("*"), &json!({"kind": "deployment", "id": "*"})));
    assert_eq!((&entry["key"], &entry["address"]), (&json!(OPERATOR), &json!("192.0.2.7")));
    assert!(entry["id"].as_str().unwrap().ends_with(entry["request_id"].as_str().unwrap()));
    assert!(case.entries_of_all(&third).await.is_empty(), "it was paused already");
    set_paused(stand, &operator(stand), false).await.unwrap();

    let (by, again) = (operator(stand), operator(stand));
    let next = Settings { epoch: 3, ..stand.settings.clone() };
    for by in [&by, &again] {
        restored(stand, by, &next, &RestoredRequest { jobs: RestoredJobs::Resend }).await.unwrap();
    }
    let [entry] = &case.entries_of_all(&by).await[..] else { panic!("one entry") };
    assert_eq!((&entry["before"]["epoch"], &entry["after"]["epoch"]), (&json!(0), &json!(3)));
    assert!(case.entries_of_all(&again).await.is_empty());
    stand.sql("DELETE FROM meta WHERE name = 'epoch' RETURNING ''", vec![]).await;
}

/// A job that an operator submits is recorded with the insert: once, and not for a repeat or a refused job.
pub async fn a_submitted_job_is_one_entry<S: Store>(stand: &Stand<S>) {
    let case = stand.audited().await;
    let submit = async |clock_off: i64| {
        let action = operator(stand).does(Operation::TestEndpoint, &case.tenant, Target::Endpoint, "shop");
        let submitter = Submitter { caller: &case.caller, scope: Scope::JobsWrite, action: Some(&action) };
        stand.clock_off_ms.set(clock_off);
        let body = request(json!({})).to_string();
        let job = check(stand, &stand.settings, body.as_bytes(), 0, Some("once".into())).unwrap();
        let job = accept_for(stand, submitter, vec![job]).await.unwrap().pop().unwrap().unwrap();
        stand.clock_off_ms.set(0);
        job
    };
    let made = submit(90_000).await;
    assert!(submit(0).await.duplicate);
    let id = json!({"job": made.job.id});
    case.assert_new("a clock that is off", &[("TestEndpoint", "endpoint", Value::Null, id)]).await;
    case.plain().await;
    case.assert_new("an accepted job", &[]).await;
}
