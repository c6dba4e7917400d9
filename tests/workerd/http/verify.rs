//! `longshore verify` on what a deployment recorded: all of it agrees, and each change below the API is found.

use serde_json::{Value, json};

use crate::delivery::tasks::deferred_job;
use crate::support::command::run;
use crate::support::tenant::{Tenant, id_of};
use crate::support::world::shared;

/// Runs `longshore verify` and returns its exit code, the faults by job, attempt and name, and the summary.
fn verify(tenant: &Tenant<'_>, key: &str, arguments: &[&str]) -> (Option<i32>, Vec<Value>, Value) {
    let output = run(tenant, key, &[&["verify", "-o", "json"], arguments].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let fault = |fault: &Value| json!([fault["job"], fault["attempt"], fault["fault"]]);
    let faults = report["faults"].as_array().unwrap().iter().map(fault).collect();
    (output.status.code(), faults, report["summary"].clone())
}

/// Makes jobs with each outcome and each form of evidence; returns one that succeeded, one that died, and the dead letter that
/// was replayed.
async fn jobs(tenant: &Tenant<'_>) -> [String; 3] {
    let succeeded = id_of(&tenant.complete(&tenant.webhook("/large/70000")).await);
    let dead = tenant.dead_letter().await;
    let replayed = tenant.dead_letter().await;
    let successor = id_of(&tenant.act(&format!("/v1/dead-letters/{replayed}/replay")).await.body);
    tenant.ended(&successor).await;
    let mut repeated = tenant.webhook("/fail-times/1/verify");
    repeated["retry_schedule"] = json!("fast");
    assert_eq!(tenant.complete(&repeated).await["attempts"], 2);
    tenant.endpoint("quiet", "/ok", json!({"evidence": "none"})).await;
    let quiet = json!({"kind": "webhook", "endpoint": "quiet", "payload": {"body": {"n": 1}}});
    assert_eq!(tenant.complete(&quiet).await["state"], "succeeded");
    let mut secret = tenant.webhook("/ok");
    secret["payload"]["body"] = json!({"password": "hunter2", "n": 1});
    tenant.complete(&secret).await;
    let embed = json!({"kind": "embed", "payload": {"provider": "builtin", "inputs": [{"id": "a", "text": "one"}]}});
    assert_eq!(tenant.complete(&embed).await["state"], "succeeded");
    let deferred = deferred_job(tenant).await;
    let completed = tenant.api.post(&format!("/v1/jobs/{deferred}/complete"), &json!({})).await.unwrap();
    assert_eq!(completed.body["state"], "succeeded", "{}", completed.body);
    let mut later = tenant.webhook("/ok");
    later["delay_seconds"] = json!(3_600);
    let cancelled = tenant.accept(&later).await;
    assert_eq!(tenant.act(&format!("/v1/jobs/{cancelled}/cancel")).await.status, 200);
    tenant.accept(&later).await;
    [succeeded, dead, replayed]
}

/// Changes the object with the evidence of a job's first attempt: one letter of the record.
async fn tamper(tenant: &Tenant<'_>, job: &str) {
    let runner = &tenant.world.runner;
    for key in runner.r2_keys().await.unwrap().into_iter().filter(|key| key.starts_with("evidence/")) {
        let pack = String::from_utf8(runner.r2_get(&key).await.unwrap().unwrap()).unwrap();
        if pack.contains(&format!("\"job_id\":\"{job}\"")) {
            let record = pack.lines().find(|line| line.contains(job)).unwrap();
            let changed = record.replacen("\"method\":\"POST\"", "\"method\":\"PUSH\"", 1);
            assert_ne!(record, changed);
            return runner.r2_put(&key, &pack.replace(record, &changed)).await.unwrap();
        }
    }
    panic!("no pack has the evidence of {job}");
}

#[test]
fn the_evidence_of_all_jobs_is_verified() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let (_, key) = world.key(&tenant.name, &["jobs:read"]).await;
        let [succeeded, dead, replayed] = jobs(&tenant).await;
        let since = ["--since", "2026-01-01T00:00:00Z"];
        let (code, faults, summary) = verify(&tenant, &key, &since);
        assert_eq!((code, faults), (Some(0), Vec::new()), "{summary}");
        let expected = json!({
            "jobs": 10, "attempts": 10, "with_evidence": 9, "without_evidence": {"off": 1}, "faults": 0,
        });
        assert_eq!(summary, expected);
        tamper(&tenant, &succeeded).await;
        // Each statement changes a row as no Worker does.
        for (job, change) in [
            (&dead, "log = json_set(log, '$[0].lease', '01KBJ3DW00ZX3VJ5T8M4QY6R7N')"),
            (&replayed, "replayed_by = ?2"),
        ] {
            let sql = format!("UPDATE jobs SET {change} WHERE id = ?1 AND ?2 IS NOT NULL");
            world.runner.query(&sql, vec![json!(job), json!(succeeded)]).await.unwrap();
        }
        let damaged = json!([succeeded, 1, "evidence_damaged"]);
        let missing = json!([dead, 1, "evidence_missing"]);
        let other = json!([replayed, null, "replay_mismatch"]);
        let (code, faults, summary) = verify(&tenant, &key, &since);
        let is_found = |fault: &Value| faults.contains(fault);
        assert!(code == Some(1) && [&damaged, &missing, &other].into_iter().all(is_found), "{faults:?}");
        // The successor that the dead letter no longer names is a fault, too.
        assert_eq!((faults.len(), &summary["faults"]), (4, &json!(4)), "{faults:?}");
        assert_eq!(verify(&tenant, &key, &[&succeeded]).1, [damaged]);
    });
}
