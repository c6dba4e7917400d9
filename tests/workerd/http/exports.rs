//! Export of a tenant: it has everything that the API shows of it once, in one answer or in several, and no secret.

use std::collections::BTreeSet;

use longshore::wire::ndjson::NDJSON;
use longshore_kit::client::{Answer, eventually};
use longshore_kit::runner::{Faults, Mode};
use serde_json::{Value, json};

use crate::http::routes::yearly;
use crate::support::refusal::{BAD_CURSOR, FORBIDDEN, NOT_FOUND, UNAUTHENTICATED, assert_refused, parameter};
use crate::support::tenant::{SOON, Tenant, id_of, to_endpoint};
use crate::support::world::{alone, shared, with_faults};

const OF_AN_ENDPOINT: &str = "secret-of-an-endpoint";
const OF_A_JOB: &str = "secret-of-a-job";

fn path(tenant: &Tenant<'_>) -> String {
    format!("/v1/tenants/{}/export", tenant.name)
}

#[track_caller]
fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(NDJSON)), "{}", answer.text);
    assert!(answer.text.is_empty() || answer.text.ends_with('\n'), "the last line is incomplete");
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Lines of a type, without the member `type`.
fn of_type(lines: &[Value], kind: &str) -> Vec<Value> {
    let mut found: Vec<Value> = lines.iter().filter(|line| line["type"] == kind).cloned().collect();
    for line in &mut found {
        line.as_object_mut().unwrap().remove("type");
    }
    found
}

/// A body of 200 KB on several lines, with an unusually written number.
fn large_body() -> String {
    format!("{{\n  \"text\": {},\r\n  \"n\": 1.10\n}}", json!("é\n".repeat(70_000)))
}

/// Creates items of each type. Returns the ids of the tenant's jobs, all of which have ended: the third and the last
/// are dead, and the last three are large.
async fn fill(tenant: &Tenant<'_>) -> Vec<String> {
    tenant.endpoint("orders", "/ok", json!({"headers": {"x-token": OF_AN_ENDPOINT}})).await;
    tenant.endpoint("handler", "/ok", json!({})).await;
    let mut schedule = yearly(tenant);
    schedule["payload"]["headers"] = json!({"authorization": OF_A_JOB});
    assert_eq!(tenant.api.put("/v1/schedules/report", &schedule).await.unwrap().status, 200);
    let ran = tenant.act("/v1/schedules/report/run").await;
    assert_eq!(ran.status, 202, "{}", ran.body);
    let mut sent = to_endpoint("orders");
    (sent["group"], sent["metadata"]) = (json!("import"), json!({"customer": 7}));
    let mut failing = tenant.webhook("/status/500");
    failing["payload"]["headers"] = json!({"authorization": OF_A_JOB});
    failing["max_attempts"] = json!(1);
    let mut ids = vec![id_of(&ran.body), tenant.accept(&sent).await, tenant.accept(&failing).await];
    let task = json!({"kind": "report.build", "endpoint": "handler", "payload": {"text": "x".repeat(100_000)}});
    ids.push(tenant.accept(&task).await);
    for behaviour in ["/ok", "/status/500"] {
        let (url, body) = (tenant.url(behaviour), large_body());
        let large = format!(
            r#"{{"kind":"webhook","max_attempts":1,"payload":{{"url":"{url}","method":"PUT","body":{body}}}}}"#
        );
        let headers = [("content-type", "application/json")];
        let large = tenant.api.request("POST", "/v1/jobs", &headers, large.into_bytes()).await.unwrap();
        ids.push(id_of(&large.body));
    }
    assert_eq!(tenant.api.put("/v1/indexes/notes", &json!({"provider": "builtin"})).await.unwrap().status, 201);
    let put = json!({"id": "guide", "text": "A guide.", "metadata": {"lang": "en"}, "source": "docs"});
    ids.push(tenant.accept(&json!({"kind": "index", "payload": {"index": "notes", "put": put}})).await);
    for id in &ids {
        tenant.ended(id).await;
    }
    ids
}

/// Compares a job's line with its representation in the API.
async fn assert_shown(tenant: &Tenant<'_>, mut line: Value) {
    let id = id_of(&line);
    let fields = line.as_object_mut().unwrap();
    let (attempts, letter) = (fields.remove("attempt_log").unwrap(), fields.remove("dead_letter").unwrap());
    let mut shown = tenant.job(&id).await;
    if !shown["payload_bytes"].is_null() {
        // An export shows more of it than other answers.
        shown["payload"] = line["payload"].clone();
    }
    assert_eq!(line, shown);
    let expected =
        if line["state"] == "dead" { tenant.read(&format!("/v1/dead-letters/{id}")).await } else { json!(null) };
    assert_eq!(letter, expected);
    let mut attempts = attempts.as_array().unwrap().clone();
    assert!(!attempts.is_empty());
    for (number, attempt) in (1..).zip(&mut attempts) {
        let record = attempt["evidence"].as_object_mut().unwrap().remove("record").unwrap();
        assert_eq!(record, tenant.evidence(&id, number).await);
    }
    assert_eq!(attempts, tenant.attempts(&id).await);
}

#[test]
fn a_tenant_is_exported_whole_and_without_secrets() {
    shared(async |world| {
        let (tenant, other) = (world.tenant().await, world.tenant().await);
        other.complete(&other.webhook("/ok")).await;
        let ids = fill(&tenant).await;
        let (_, key) = world.key(&tenant.name, &["jobs:read"]).await;
        let answer = tenant.api.get(&path(&tenant)).await.unwrap();
        let all = lines(&answer);
        let count = |kind| of_type(&all, kind).len();
        let types = ["endpoint", "schedule", "key", "group", "cause", "job", "index", "document", "audit"];
        assert_eq!(types.map(count), [2, 1, 2, 1, 1, 7, 1, 1, 7]);
        assert_eq!(all.len(), 23, "no other lines");
        assert_eq!(json!(of_type(&all, "audit")), tenant.read("/v1/audit").await["data"]);
        assert_eq!(json!(of_type(&all, "index")), tenant.read("/v1/indexes").await["data"]);
        let document = &of_type(&all, "document")[0];
        assert_eq!(
            (&document["id"], &document["index"], &document["text"]),
            (&json!("guide"), &json!("notes"), &json!("A guide."))
        );
        assert_eq!(json!(of_type(&all, "endpoint")), tenant.read("/v1/endpoints").await["data"]);
        assert_eq!(json!(of_type(&all, "key")), tenant.read("/v1/keys").await["data"]);
        assert_eq!(of_type(&all, "group"), [tenant.read("/v1/groups/import").await]);
        let mut schedule = tenant.read("/v1/schedules/report").await;
        schedule["occurrences"] = tenant.read("/v1/schedules/report/occurrences").await["data"].clone();
        assert_eq!(schedule["occurrences"][0]["state"], "run_now");
        assert_eq!(of_type(&all, "schedule"), [schedule]);

        let jobs = of_type(&all, "job");
        assert!(jobs.is_sorted_by(|one, next| one["id"].as_str() > next["id"].as_str()), "the newest first");
        assert_eq!(jobs.iter().map(id_of).collect::<BTreeSet<_>>(), ids.iter().cloned().collect());
        let of = |id: &str| jobs.iter().find(|job| job["id"] == id).unwrap();
        assert_eq!(of(&ids[2])["payload"]["headers"], json!({"authorization": "[sealed]"}));
        assert_eq!(of(&ids[3])["payload"], json!({"text": "x".repeat(100_000)}));
        // A succeeded job has no payload, except for the object of a large one.
        assert_eq!(of(&ids[1])["payload"], json!(null));
        let body: Value = serde_json::from_str(&large_body()).unwrap();
        assert_eq!(of(&ids[4])["payload"], json!({"body": body}));
        assert_eq!(of(&ids[5])["payload"], json!({"url": tenant.url("/status/500"), "method": "PUT", "body": body}));
        assert!(answer.text.contains(r#""n": 1.10"#), "as it was written");
        for job in jobs {
            assert_shown(&tenant, job).await;
        }
        for secret in [OF_AN_ENDPOINT, OF_A_JOB, "whsec_", &key] {
            assert!(!answer.text.contains(secret), "{secret}");
        }
    });
}

/// The free plan's budget suffices for some forty jobs; a damaged record is null, no other lines is affected.
#[test]
fn an_export_continues_where_it_stopped() {
    alone(
        "exports",
        |options| "free".clone_into(&mut options.plan),
        async |world| {
            let tenant = world.tenant().await;
            tenant.endpoint("orders", "/ok", json!({})).await;
            let ids = tenant.accept_all(&vec![to_endpoint("orders"); 80]).await;
            let ended = eventually(SOON, async || (tenant.count_succeeded().await == 80).then_some(()));
            ended.await.expect("they end");
            let parts = parts_of(&tenant).await;
            assert!(parts.len() >= 3, "{} requests", parts.len());
            let all = parts.concat();
            assert_eq!(
                (of_type(&all, "endpoint").len(), of_type(&all, "key").len(), all.len()),
                (1, 1, 84),
                "and their two entries in the audit log"
            );
            let jobs = of_type(&all, "job");
            let mut newest_first = ids.clone();
            newest_first.sort_unstable_by(|one, next| next.cmp(one));
            assert_eq!(jobs.iter().map(id_of).collect::<Vec<_>>(), newest_first, "each once");
            assert!(jobs.iter().all(|job| job["attempt_log"][0]["evidence"]["record"]["job_id"] == job["id"]));

            for pack in world.runner.r2_keys().await.unwrap() {
                let bytes = world.runner.r2_get(&pack).await.unwrap().unwrap().len();
                world.runner.r2_put(&pack, &" ".repeat(bytes)).await.unwrap();
            }
            let jobs = of_type(&parts_of(&tenant).await.concat(), "job");
            assert_eq!(jobs.iter().map(id_of).collect::<Vec<_>>(), newest_first);
            let evidence: Vec<_> = jobs.iter().map(|job| &job["attempt_log"][0]["evidence"]).collect();
            assert!(evidence.iter().all(|one| one["record"].is_null() && one["state"] == "stored"), "{}", evidence[0]);
        },
    );
}

/// Lines of each answer of an export, to the end, without those with the next position.
async fn parts_of(tenant: &Tenant<'_>) -> Vec<Vec<Value>> {
    let (mut parts, mut query) = (Vec::new(), String::new());
    loop {
        let mut part = lines(&tenant.api.get(&format!("{}{query}", path(tenant))).await.unwrap());
        let cursor = part.last().and_then(|last| last["next_cursor"].as_str().map(str::to_owned));
        if cursor.is_some() {
            part.pop();
        }
        parts.push(part);
        match cursor {
            Some(cursor) => query = format!("?cursor={cursor}"),
            None => return parts,
        }
        assert!(parts.len() < 60, "the export makes progress");
    }
}

/// An export is interrupted if a store is unreachable, because missing items would look deleted.
#[test]
fn an_export_is_interrupted_while_a_store_is_unreachable() {
    with_faults("exports-faults", async |world| {
        let tenant = world.tenant().await;
        tenant.complete(&tenant.webhook("/ok")).await;
        world.runner.faults(&Faults { r2: Mode::Fail, ..Faults::default() }).await.unwrap();
        let broken = tenant.api.get(&path(&tenant)).await;
        assert!(broken.is_err(), "{}", broken.unwrap().text);
        world.runner.faults(&Faults::default()).await.unwrap();
        let all = lines(&tenant.api.get(&path(&tenant)).await.unwrap());
        assert!(all[1]["attempt_log"][0]["evidence"]["record"].is_object(), "{}", all[1]);
    });
}

#[test]
fn callers_who_may_export_a_tenant() {
    shared(async |world| {
        let (tenant, other) = (world.tenant().await, world.tenant().await);
        let path = path(&tenant);
        assert_refused("no key", &world.anyone.get(&path).await.unwrap(), UNAUTHENTICATED);
        assert_refused("another tenant", &other.api.get(&path).await.unwrap(), NOT_FOUND);
        for scope in ["jobs:read", "jobs:write", "operate"] {
            let api = world.anyone.with_key(&world.key(&tenant.name, &[scope]).await.1);
            assert_refused(scope, &api.get(&path).await.unwrap(), FORBIDDEN);
        }
        let all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
        let answer = all.get(&format!("{path}?tenant={}", tenant.name)).await.unwrap();
        assert_eq!(of_type(&lines(&answer), "key").len(), 4, "keys of all tenants are not the tenant's");
        let named = all.get(&format!("{path}?tenant={}", other.name)).await.unwrap();
        assert_refused("another tenant's name", &named, NOT_FOUND);

        let limited = tenant.api.get(&format!("{path}?limit=5")).await.unwrap();
        assert_refused("limit", &limited, parameter("limit", "either-or"));
        let misspelt = tenant.api.get(&format!("{path}?curser=5")).await.unwrap();
        assert_refused("misspelt", &misspelt, parameter("curser", "unknown-parameter"));
        tenant.accept_all(&[tenant.webhook("/ok"), tenant.webhook("/ok")]).await;
        let page = tenant.read("/v1/jobs?limit=1").await;
        let of_a_list = page["next_cursor"].as_str().unwrap();
        for cursor in [of_a_list, "x", ""] {
            let answer = tenant.api.get(&format!("{path}?cursor={cursor}")).await.unwrap();
            assert_refused(cursor, &answer, BAD_CURSOR);
        }
    });
}
