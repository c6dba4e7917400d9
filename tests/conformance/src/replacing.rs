//! Cases of replacing all documents of a source: those that are not sent again are deleted, and nothing else.

use longshore::accept::documents::Documents;
use longshore::accept::request::check;
use longshore::index::manage::{drop_index, read_index};
use longshore::model::job::JobRef;
use longshore::model::state::State;
use longshore::ports::{IndexDatabase, Statement};
use longshore::run::process::process;
use longshore::wire::job_queue::JobQueue;
use serde_json::{Value, json};

use super::indexing::{INDEX, Indexed};
use super::stand::{Stand, Store, operator};

/// Accepts a request that replaces the source of the cases. Returns its jobs in the order of the lines, and its
/// removal.
async fn replace<S: Store>(case: &Indexed<'_, S>, lines: &[Value]) -> (Vec<JobRef>, JobRef) {
    let (stand, caller) = (case.0.stand, &case.0.caller);
    let index = read_index(stand, &case.0.tenant, INDEX).await.unwrap();
    let documents = Documents::new(&index, None, Some("tests"), None, &stand.token()).unwrap();
    let mut jobs = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        stand.clock_off_ms.update(|ms| ms + 1);
        let job = documents.check(stand, &stand.settings, line.to_string().as_bytes(), at, None).unwrap();
        jobs.push(
            longshore::accept::insert::accept(stand, caller, vec![job]).await.unwrap().pop().unwrap().unwrap().job,
        );
    }
    stand.clock_off_ms.update(|ms| ms + 1);
    let removal = documents.removal(&jobs[0].id).unwrap();
    let removal = check(stand, &stand.settings, &removal, 0, None).unwrap();
    let removal =
        longshore::accept::insert::accept(stand, caller, vec![removal]).await.unwrap().pop().unwrap().unwrap().job;
    (jobs, removal)
}

async fn found<S: Store>(case: &Indexed<'_, S>) -> Vec<String> {
    let mut found = case.found("word", "keyword").await.0;
    found.sort();
    found
}

/// Documents that are not sent again are deleted once all others are stored; other sources, and documents accepted
/// later, stay.
pub async fn a_source_is_replaced_whole<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    for id in ["kept", "left", "late"] {
        case.put(id, &format!("A word of {id}.")).await;
    }
    let other = json!({"put": {"id": "other", "text": "A word from elsewhere.", "source": "elsewhere"}});
    case.run(&case.accept(other).await).await;
    let (jobs, removal) = replace(
        &case,
        &[
            json!({"id": "kept", "text": "A word of kept.", "metadata": {"length": 15}}),
            json!({"id": "new", "text": "A word of new."}),
        ],
    )
    .await;
    // Accepted after the removal, and run after it.
    let late = case.accept_put("late", "A word of late, again.").await;
    process(stand, &stand.settings, JobQueue::Webhooks, vec![removal.clone()]).await;
    let row = stand.row(&removal).await;
    assert_eq!((row.state, row.failures), (State::Retrying, 0), "{:?}", row.error);
    assert_eq!(
        found(&case).await,
        ["kept", "late", "left", "other"],
        "nothing is deleted before the others are stored"
    );
    let unchanged = case.run(&jobs[0]).await;
    assert_eq!((&unchanged["state"], &unchanged["added"]), (&json!("unchanged"), &json!(0)));
    case.run(&jobs[1]).await;
    case.0.make_past(4_000).await;
    let result = case.run(&removal).await;
    assert_eq!((&result["state"], &result["documents"]), (&json!("removed"), &json!(2)));
    assert_eq!(found(&case).await, ["kept", "new", "other"]);
    assert_eq!(case.run(&late).await["state"], "added", "a document accepted later wins");
    let whole = case.run(&case.accept(json!({"verify": {}})).await).await;
    assert_eq!((&whole["differences"], &whole["documents"]), (&json!({}), &json!(4)));
    let all = case.run(&case.accept(json!({"remove": {"source": "tests"}})).await).await;
    assert_eq!((&all["documents"], found(&case).await), (&json!(3), vec!["other".to_owned()]));
}

/// A document that fails to be ingested again leaves the source unchanged.
pub async fn a_dead_document_removes_nothing<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    case.put("left", "A word of left.").await;
    let (jobs, removal) = replace(&case, &[json!({"id": "new", "text": "A word of new."})]).await;
    let died = "UPDATE groups SET dead = 1 WHERE tenant = ?1 AND id = (SELECT job_group FROM jobs WHERE tenant = ?1 AND id = ?2)
        RETURNING id";
    stand.sql(died, vec![case.0.tenant.as_str().into(), jobs[0].id.as_str().into()]).await;
    process(stand, &stand.settings, JobQueue::Webhooks, vec![removal.clone()]).await;
    let row = stand.row(&removal).await;
    let error = row.error.unwrap();
    assert_eq!(row.state, State::Dead);
    assert!(error.message.starts_with("1 jobs of the group are dead or cancelled"), "{}", error.message);
    assert_eq!(found(&case).await, ["left"]);
}

/// A document accepted before the replacement of its source and run afterwards, or at the same time, is superseded.
pub async fn an_older_document_of_a_source_is_superseded<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let (late, racing) = (case.accept_put("late", "A word of late.").await, case.accept_put("racing", "A word.").await);
    let (jobs, removal) = replace(&case, &[json!({"id": "new", "text": "A word of new."})]).await;
    case.run(&jobs[0]).await;
    assert_eq!(case.run(&removal).await["documents"], 0);
    assert_eq!(case.run(&late).await["state"], "superseded");
    case.plant(
        "UPDATE removals SET version = '0' WHERE source = 'tests' AND index_id = ?1 RETURNING ''",
        &case.id().await,
    )
    .await;
    let again = "UPDATE removals SET version = '8' WHERE source = 'tests' AND index_id = ?1 RETURNING ''";
    case.plant_before("put_document", &[again], &[&case.id().await]);
    assert_eq!(case.run(&racing).await["state"], "superseded");
    assert_eq!(found(&case).await, ["new"]);

    let id = case.id().await;
    let kept = async || {
        let sql = "SELECT source FROM removals WHERE index_id = ?1";
        let statement = Statement { name: "plant", sql, params: vec![id.as_str().into()] };
        stand.index_batch(&[statement]).await.unwrap().remove(0).len()
    };
    assert_eq!(kept().await, 1);
    drop_index(stand, &operator(stand), &case.0.tenant, INDEX).await.unwrap();
    assert_eq!(kept().await, 0, "it is deleted with its index");
}

/// Any order of execution has the result of the order of acceptance. A document that an older job of another source
/// wrote is deleted with the younger one that the removal deletes; a younger one accepted between it and the removal
/// stays.
pub async fn a_document_changes_its_source_around_a_removal<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let elsewhere = async |id: &str| {
        case.accept(json!({"put": {"id": id, "text": "A word from elsewhere.", "source": "elsewhere"}})).await
    };
    case.run(&elsewhere("moved in").await).await;
    let moved_in = case.accept_put("moved in", "A word of the source.").await;
    case.put("moved out", "A word of the source.").await;
    let moved_out = elsewhere("moved out").await;
    let removal = case.accept(json!({"remove": {"source": "tests"}})).await;
    assert_eq!(case.run(&removal).await["documents"], 1);
    assert_eq!(found(&case).await, ["moved in"]);
    assert_eq!(case.run(&moved_in).await["state"], "superseded");
    assert_eq!(case.run(&moved_out).await["state"], "added");
    assert_eq!(found(&case).await, ["moved out"]);
    let whole = case.run(&case.accept(json!({"verify": {}})).await).await;
    assert_eq!(whole["differences"], json!({}));
}

/// A removal that names a later job deletes only documents accepted before itself.
pub async fn a_removal_deletes_only_older_documents<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    case.put("before", "A word.").await;
    let last = "job_007ZZZZZZZZZZZZZZZZZZZZZZZZZ";
    let removal = case.accept(json!({"remove": {"source": "tests", "before": last}})).await;
    let after = case.accept_put("after", "A word.").await;
    assert_eq!(case.run(&removal).await["documents"], 1);
    assert_eq!(case.run(&after).await["state"], "added");
    assert_eq!(case.put("before", "A word again.").await["state"], "added");
    assert_eq!(found(&case).await, ["after", "before"]);
}
