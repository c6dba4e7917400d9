//! The ledger compared with the receiver's log: the invariants that must hold after every crash.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use longshore::model::evidence::pack_key;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::tenant::Tenant;

/// Checked columns of a job's row.
struct Row {
    id: String,
    state: String,
    attempt: usize,
    log: Vec<Value>,
}

/// Checks all jobs of a tenant, each of which must have ended, against the receiver's log and the evidence: the ledger
/// has every request, each repeat has a reason, and each outcome is recorded once.
pub(crate) async fn assert_agrees(tenant: &Tenant<'_>) {
    let mut requests: BTreeMap<String, usize> = BTreeMap::new();
    for request in tenant.received() {
        *requests.entry(request.webhook_id().to_owned()).or_default() += 1;
    }
    let rows = rows(tenant).await;
    for row in &rows {
        let sent = requests.remove(&row.id).unwrap_or(0);
        assert!(sent <= row.log.len(), "{} was sent {sent} times, the ledger says {:?}", row.id, row.log);
        assert_row(row);
    }
    assert!(requests.is_empty(), "requests of unknown jobs: {requests:?}");
    assert_evidence(tenant, &rows).await;
}

async fn rows(tenant: &Tenant<'_>) -> Vec<Row> {
    let sql = "SELECT id, state, attempt, log FROM jobs WHERE tenant = ?1";
    let rows = tenant.world.runner.query(sql, vec![json!(tenant.name)]).await.unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.into_iter()
        .map(|row| Row {
            id: text(&row["id"]),
            state: text(&row["state"]),
            attempt: usize::try_from(row["attempt"].as_u64().unwrap()).unwrap(),
            log: serde_json::from_str(row["log"].as_str().unwrap()).unwrap(),
        })
        .collect()
}

fn assert_row(row: &Row) {
    let what = format!("{} {} {:?}", row.id, row.state, row.log);
    assert!(["succeeded", "dead", "cancelled"].contains(&row.state.as_str()), "{what}");
    assert_eq!(row.attempt, row.log.len(), "every attempt has its entry: {what}");
    let states: Vec<_> = row.log.iter().map(|entry| entry["state"].as_str().unwrap_or("running")).collect();
    let (last, before) = states.split_last().map_or(("none", &[][..]), |(last, before)| (*last, before));
    assert_eq!(last == "succeeded", row.state == "succeeded", "{what}");
    // Each earlier attempt was repeated because it failed, or because its outcome was unknown.
    assert!(before.iter().all(|state| ["failed", "outcome_unknown"].contains(state)), "{what}");
    let mut leases: Vec<_> = row.log.iter().map(|entry| entry["lease"].as_str().unwrap()).collect();
    leases.sort_unstable();
    leases.dedup();
    assert_eq!(leases.len(), row.log.len(), "two attempts under one lease: {what}");
}

/// Checks that each piece of evidence is where its entry says, matches its digest, and belongs to one attempt only.
async fn assert_evidence(tenant: &Tenant<'_>, rows: &[Row]) {
    let mut packs: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut places = Vec::new();
    for row in rows {
        for (index, entry) in row.log.iter().enumerate() {
            let evidence = &entry["evidence"];
            if evidence["state"] != "stored" {
                continue;
            }
            let number = |field: &str| usize::try_from(evidence[field].as_u64().unwrap()).unwrap();
            let key = pack_key(entry["lease"].as_str().unwrap(), u32::try_from(number("n")).unwrap());
            if !packs.contains_key(&key) {
                let pack = tenant.world.runner.r2_get(&key).await.unwrap().expect("the pack is there");
                packs.insert(key.clone(), pack);
            }
            let (offset, length) = (number("offset"), number("length"));
            let record = &packs[&key][offset..offset + length];
            assert_eq!(evidence["sha256"], URL_SAFE_NO_PAD.encode(Sha256::digest(record)));
            let record: Value = serde_json::from_slice(record).unwrap();
            assert_eq!((&record["job_id"], &record["attempt"]), (&json!(row.id), &json!(index + 1)));
            places.push((key, offset));
        }
    }
    let all = places.len();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), all, "two attempts share a piece of evidence");
}
