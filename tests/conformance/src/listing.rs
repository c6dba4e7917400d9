//! Cases of reading: pages, filters, dead letters, endpoints, evidence, and the separation of tenants.

use longshore::limits::plan::{PAID, Plan};
use longshore::manage::endpoints::{list_endpoints, read_endpoint};
use longshore::manage::export::{ExportStep, TenantExport};
use longshore::manage::filter::JobFilter;
use longshore::manage::operate::{cancel, discard, replay, retry_now};
use longshore::manage::query::{list_by_key, list_dead_letters, list_jobs, read_evidence};
use longshore::run::process::process;
use longshore::security::key::Scope;
use longshore::store::rows::read_job;
use longshore::wire::job_queue::JobQueue;
use longshore::wire::problem::Problem;
use serde_json::{Value, json};

use super::stand::{Case, Stand, Store, operator, request};

/// Pages of a list contain every job once, the newest first.
pub async fn pages_continue_where_they_stopped<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let mut expected = Vec::new();
    for _ in 0..7 {
        expected.push(case.plain().await.id);
    }
    expected.sort_unstable_by(|a, b| b.cmp(a));
    let (mut seen, mut before, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = list_jobs(stand, &case.tenant, &JobFilter::default(), before, 3).await.unwrap();
        seen.extend(page.rows.into_iter().map(|row| row.id));
        pages += 1;
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!((seen, pages), (expected, 3));
}

/// Each filter narrows the list, and times limit it.
pub async fn filters_narrow<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let grouped = case.accept_one(request(json!({"group": "g", "event_id": "e"})), None).await.unwrap().job;
    let metadata = json!({"customer": {"id": 42}, "vip": true, "name": "Zoë", "left": null});
    let later = request(json!({"delay_seconds": 60, "metadata": metadata}));
    let later = case.accept_one(later, None).await.unwrap().job;
    let case = &case;
    let ids = |filter: JobFilter| async move {
        let page = list_jobs(stand, &case.tenant, &filter, None, 10).await.unwrap();
        page.rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    let all = JobFilter::default;
    for (filter, expected) in [
        (JobFilter { group: some("g"), ..all() }, Some(&grouped.id)),
        (JobFilter { event_id: some("e"), ..all() }, Some(&grouped.id)),
        (JobFilter { event_id: some(&later.id), ..all() }, Some(&later.id)),
        (JobFilter { state: some("scheduled"), ..all() }, Some(&later.id)),
        (JobFilter { endpoint: some("x"), ..all() }, None),
    ] {
        let filter_text = format!("{filter:?}");
        assert_eq!(ids(filter).await.iter().collect::<Vec<_>>(), Vec::from_iter(expected), "{filter_text}");
    }
    let now = stand.store.now_ms();
    for (metadata, expected) in [
        ([("$.\"customer\".\"id\"", "42")].as_slice(), 1),
        (&[("$.\"customer\".\"id\"", "42"), ("$.\"vip\"", "true"), ("$.\"name\"", "Zoë")], 1),
        (&[("$.\"customer\".\"id\"", "42"), ("$.\"vip\"", "false")], 0),
        (&[("$.\"customer\"", "42")], 0),
        (&[("$.\"left\"", "null")], 1),
    ] {
        let metadata = metadata.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
        let filter = JobFilter { metadata, ..all() };
        let filter_text = format!("{filter:?}");
        assert_eq!(ids(filter).await.len(), expected, "{filter_text}");
    }
    assert!(ids(JobFilter { created_before: Some(now - 60_000), ..all() }).await.is_empty());
    assert_eq!(ids(JobFilter { created_after: Some(now - 60_000), ..all() }).await.len(), 2);
}

/// Open dead letters are listed by time of death, the latest first; replayed and discarded ones are not listed.
pub async fn dead_letters_by_death<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let mut dead = Vec::new();
    for _ in 0..4 {
        dead.push(case.dead(None).await.id);
        case.make_past(1_000).await;
    }
    dead.reverse();
    let first = list_dead_letters(stand, &case.tenant, &JobFilter::default(), None, 3).await.unwrap();
    let second = list_dead_letters(stand, &case.tenant, &JobFilter::default(), first.next.clone(), 3).await.unwrap();
    let seen: Vec<_> = first.rows.iter().chain(&second.rows).map(|row| row.id.clone()).collect();
    assert_eq!((seen, second.next), (dead.clone(), None));
    discard(stand, &operator(stand), &case.job(&dead[0]), None).await.unwrap();
    replay(stand, &operator(stand), &stand.settings, &case.job(&dead[1]), None).await.unwrap();
    let rest = list_dead_letters(stand, &case.tenant, &JobFilter::default(), None, 10).await.unwrap();
    assert_eq!(rest.rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>(), dead[2..]);
}

/// Dead letters are narrowed by the filters of jobs; a page that finds nothing reads on, and says how far.
pub async fn filters_narrow_dead_letters<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let died = case.dead(None).await;
    let now = stand.row(&died).await.finished_at.unwrap();
    let some = |text: &str| Some(text.to_owned());
    let all = JobFilter::default;
    for (filter, expected) in [
        (JobFilter { reason: some("attempts_exhausted"), ..all() }, 1),
        (JobFilter { reason: some("crash_loop"), ..all() }, 0),
        (JobFilter { kind: some("webhook"), died_after: Some(now), ..all() }, 1),
        (JobFilter { died_after: Some(now + 1), ..all() }, 0),
        (JobFilter { died_before: Some(now), ..all() }, 0),
        (JobFilter { died_before: Some(now + 1), created_before: Some(now + 1), ..all() }, 1),
        (JobFilter { schedule: some("nightly"), ..all() }, 0),
    ] {
        let page = list_dead_letters(stand, &case.tenant, &filter, None, 10).await.unwrap();
        assert_eq!((page.rows.len(), page.next, page.searched_to), (expected, None, None), "{filter:?}");
        let jobs = list_jobs(stand, &case.tenant, &filter, None, 10).await.unwrap();
        assert_eq!(jobs.rows.len(), expected, "{filter:?}");
    }
}

/// Endpoints are listed by name, and keep their secret when they are put again.
pub async fn endpoints_by_name<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    for name in ["b", "a", "c", "a"] {
        case.endpoint(name).await;
    }
    let page = list_endpoints(stand, &case.tenant, "", 2).await.unwrap();
    assert_eq!(page.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let rest = list_endpoints(stand, &case.tenant, "b", 2).await.unwrap();
    assert_eq!(rest.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["c"]);
    assert_eq!(read_endpoint(stand, &case.tenant, "a").await.unwrap().secret_version, 1);
}

/// No tenant can read or change anything of another.
pub async fn tenants_never_meet<S: Store>(stand: &Stand<S>) {
    let (mine, foreign) = (stand.case().await, stand.case().await);
    foreign.endpoint("shop").await;
    let job = foreign.accept_one(request(json!({})), Some("key")).await.unwrap().job;
    let dead = foreign.dead(None).await;
    let before = (stand.raw(&job).await["state"].clone(), stand.raw(&dead).await["log"].clone());
    assert_ne!(mine.accept_one(request(json!({})), Some("key")).await.unwrap().job.id, job.id);
    for id in [&job.id, &dead.id] {
        let guessed = mine.job(id);
        assert_eq!(read_job(stand, &guessed).await.unwrap_err(), Problem::not_found("Job", id));
        assert_eq!(
            cancel(stand, &operator(stand), &stand.settings, &guessed).await.unwrap_err(),
            Problem::not_found("Job", id)
        );
        assert_eq!(retry_now(stand, &operator(stand), &guessed).await.unwrap_err(), Problem::not_found("Job", id));
        assert_eq!(
            replay(stand, &operator(stand), &stand.settings, &guessed, None).await.unwrap_err(),
            Problem::not_found("Dead letter", id)
        );
        assert_eq!(
            discard(stand, &operator(stand), &guessed, None).await.unwrap_err(),
            Problem::not_found("Dead letter", id)
        );
        assert!(mine.claim(&stand.token(), &[&guessed], false).await.is_empty());
    }
    assert_eq!(read_endpoint(stand, &mine.tenant, "shop").await.unwrap_err(), Problem::not_found("Endpoint", "shop"));
    assert!(list_endpoints(stand, &mine.tenant, "", 9).await.unwrap().is_empty());
    assert!(list_dead_letters(stand, &mine.tenant, &JobFilter::default(), None, 9).await.unwrap().rows.is_empty());
    assert_eq!(list_by_key(stand, &mine.tenant, "key", 9).await.unwrap().len(), 1);
    let page = list_jobs(stand, &mine.tenant, &JobFilter::default(), None, 9).await.unwrap();
    assert!(page.rows.iter().all(|row| row.tenant == mine.tenant));
    assert_eq!((stand.raw(&job).await["state"].clone(), stand.raw(&dead).await["log"].clone()), before);
}

/// Evidence is read from where the row points, and a flipped byte is detected.
pub async fn evidence_is_where_the_row_says<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let job = case.plain().await;
    process(stand, &stand.settings, JobQueue::Webhooks, vec![job.clone()]).await;
    let entry = stand.row(&job).await.log.remove(0);
    assert_eq!(json!(read_evidence(stand, &entry).await.unwrap())["attempt"], 1);
    let lease = entry.lease.clone();
    for (key, bytes) in stand.objects.borrow_mut().iter_mut() {
        if key.contains(&lease) {
            bytes[3] ^= 1;
        }
    }
    assert_eq!(read_evidence(stand, &entry).await.unwrap_err(), Problem::Internal);
}

/// Returns all lines of an export; each request continues where the previous one stopped.
pub(super) async fn exported<S: Store>(case: &Case<'_, S>, plan: Plan) -> Vec<Value> {
    exported_text(case, plan).await.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the same as text.
pub(super) async fn exported_text<S: Store>(case: &Case<'_, S>, plan: Plan) -> String {
    let (mut text, mut from) = (String::new(), None);
    loop {
        // The export uses the scope that the key of a case has.
        let (tenant, caller) = (case.tenant.clone(), case.caller.clone());
        let mut export = TenantExport::new(tenant, caller, Scope::JobsWrite, plan, true, from);
        from = loop {
            match Box::pin(export.step(case.stand)).await.unwrap() {
                ExportStep::Text(piece) => text.push_str(&piece),
                ExportStep::Spent(position) => break Some(position),
                ExportStep::Whole => break None,
            }
        };
        if from.is_none() {
            return text;
        }
    }
}

/// An export contains everything of a tenant once and completely, and nothing of other tenants; with few calls it takes
/// more requests.
pub async fn a_tenant_is_exported_whole<S: Store>(stand: &Stand<S>) {
    let (case, other) = (stand.case().await, stand.case().await);
    other.plain().await;
    other.endpoint("theirs").await;
    for name in ["a", "b"] {
        case.endpoint(name).await;
    }
    let mut ids = Vec::new();
    for n in 0..22 {
        let group = if n < 3 { json!({"group": format!("group-{n}")}) } else { json!({}) };
        ids.push(case.accept_one(request(group), None).await.unwrap().job.id);
    }
    ids.sort_unstable_by(|one, next| next.cmp(one));
    let ran = case.job(&ids[7]);
    process(stand, &stand.settings, JobQueue::Webhooks, vec![ran.clone()]).await;
    let all = exported(&case, PAID).await;
    let of = |kind: &str| all.iter().filter(|line| line["type"] == kind).collect::<Vec<_>>();
    assert_eq!(["endpoint", "group", "schedule"].map(|kind| of(kind).len()), [2, 3, 0]);
    assert!(all.iter().all(|line| line["tenant"] == case.tenant.as_str()));
    let jobs = of("job");
    assert_eq!(jobs.iter().map(|job| job["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    let row = read_job(stand, &ran).await.unwrap();
    let record = json!(read_evidence(stand, &row.log[0]).await.unwrap());
    assert_eq!((&jobs[7]["attempts"], &jobs[7]["attempt_log"][0]["evidence"]["record"]), (&json!(1), &record));
    let waiting = read_job(stand, &case.job(&ids[8])).await.unwrap();
    let payload = longshore::kinds::shown(&waiting.kind, waiting.payload.as_deref().unwrap()).unwrap();
    assert_eq!((&jobs[8]["payload"], &jobs[8]["attempt_log"]), (&json!(payload), &json!([])));
    let few = exported(&case, Plan { export_calls: 3, ..PAID }).await;
    let without_keys = |lines: &[Value]| lines.iter().filter(|line| line["type"] != "key").cloned().collect::<Vec<_>>();
    assert_eq!(without_keys(&few), without_keys(&all));
    let short = exported(&case, Plan { export_bytes: 1, ..PAID }).await;
    assert_eq!(without_keys(&short), without_keys(&all), "one page per request");
}
