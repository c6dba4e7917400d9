//! Cases of jobs that embed texts into an index: each text becomes one document, also after interrupted attempts.

use longshore::index::manage::put_index;
use longshore::limits::INDEX_GO_ON_SECONDS;
use longshore::limits::plan::FREE;
use longshore::model::job::JobRef;
use longshore::model::state::State;
use longshore::run::process::process;
use longshore::wire::job_queue::JobQueue;
use serde_json::{Value, json};

use super::indexing::{INDEX, Indexed};
use super::stand::{Stand, Store, operator};

/// Accepts a job that ingests texts; each text is its own id.
async fn embed<S: Store>(case: &Indexed<'_, S>, texts: &[&str], more: Value) -> JobRef {
    case.0.stand.clock_off_ms.update(|ms| ms + 1);
    let inputs: Vec<_> = texts.iter().map(|text| json!({"id": text, "text": format!("The word {text}.")})).collect();
    let mut payload = json!({"inputs": inputs, "output": {"index": INDEX}});
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    case.0.accept_one(json!({"kind": "embed", "payload": payload, "max_attempts": 1}), None).await.unwrap().job
}

/// New texts are added, equal ones stay, documents accepted later are not overwritten, and all of them are found.
pub async fn texts_become_documents<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let early = embed(&case, &["one", "two", "three"], json!({"provider": "builtin"})).await;
    case.put("three", "A newer word three.").await;
    let result = case.run(&early).await;
    assert_eq!(
        (&result["index"], &result["model"], &result["embedded"]),
        (&json!(INDEX), &json!("lexical-1"), &json!(3))
    );
    assert_eq!(result["documents"], json!({"added": 2, "earlier": 1}), "the document accepted later wins");
    assert_eq!(case.found("newer", "keyword").await.0, ["three"]);
    let result = case.run(&embed(&case, &["two", "one", "four"], json!({})).await).await;
    assert_eq!((&result["documents"], &result["refused_count"]), (&json!({"added": 1, "unchanged": 2}), &json!(0)));
    let mut found = case.found("word", "vector").await.0;
    found.sort();
    assert_eq!(found, ["four", "one", "three", "two"]);
    let whole = case.run(&case.accept(json!({"verify": {}})).await).await;
    assert_eq!((&whole["differences"], &whole["documents"]), (&json!({}), &json!(4)));
}

/// A mistyped index name creates no index.
pub async fn a_typo_creates_no_index<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let job = embed(&case, &["one"], json!({"output": {"index": "typo"}})).await;
    process(stand, &stand.settings, JobQueue::Webhooks, vec![job.clone()]).await;
    let row = stand.row(&job).await;
    assert_eq!((row.state, row.error.unwrap().message.as_str()), (State::Dead, "Index \"typo\" not found."));
}

/// An invocation ingests a limited number of documents over all its jobs; the rest runs later, counts no failure and
/// ingests no document twice.
pub async fn remaining_documents_are_ingested_later<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let mut free = stand.settings.clone();
    free.plan = FREE;
    let jobs = [embed(&case, &["a", "b", "c", "d"], json!({})).await, embed(&case, &["e"], json!({})).await];
    let attempt = async || {
        process(stand, &free, JobQueue::Webhooks, jobs.to_vec()).await;
        case.0.make_past(1_000 * i64::try_from(INDEX_GO_ON_SECONDS).unwrap() + 1_000).await;
        [stand.row(&jobs[0]).await, stand.row(&jobs[1]).await]
    };
    let rows = attempt().await;
    assert_eq!((rows[0].state, rows[0].failures), (State::Retrying, 0), "{:?}", rows[0].error);
    assert_eq!(case.found("word", "keyword").await.0.len(), FREE.index_documents);
    let rows = attempt().await;
    assert!(rows.iter().all(|row| row.state == State::Succeeded), "{:?}", rows.map(|row| row.error));
    assert_eq!(case.found("word", "keyword").await.0.len(), 5);
    let [result, other] = rows.map(|row| row.result_value().unwrap());
    let states = &result["documents"];
    assert!(states["earlier"].as_u64() >= Some(2) && states.as_object().unwrap().len() == 2, "{states}");
    assert_eq!((&result["embedded"], &other["embedded"]), (&json!(4), &json!(1)));
}

/// Texts ingested during a rebuild reach both index versions.
pub async fn texts_reach_both_index_versions<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    case.run(&embed(&case, &["one"], json!({})).await).await;
    let body = json!({"provider": "builtin", "chunk_chars": 300}).to_string();
    put_index(stand, &operator(stand), &stand.settings, &case.0.tenant, INDEX, body.as_bytes()).await.unwrap();
    case.run(&embed(&case, &["two"], json!({})).await).await;
    assert_eq!(
        case.run(&case.accept(json!({"rebuild": {}})).await).await["documents"],
        1,
        "the other document is already in it"
    );
    let mut found = case.found("word", "keyword").await.0;
    found.sort();
    assert_eq!(found, ["one", "two"]);
}
