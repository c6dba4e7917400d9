//! Another index version of an index: made beside the one that is searched, it takes its place at once, and harms nothing before.

use longshore::index::IndexRow;
use longshore::index::clear::clear;
use longshore::index::manage::{PutResult, put_index, read_index};
use longshore::run::process::process;
use longshore::wire::job_queue::JobQueue;
use serde_json::json;

use super::indexing::{GUIDE, INDEX, Indexed};
use super::stand::{Stand, Store};

/// Asks for other chunks.
async fn ask<S: Store>(case: &Indexed<'_, S>, chars: u32) -> (IndexRow, PutResult) {
    let body = json!({"provider": "builtin", "chunk_chars": chars, "overlap_chars": 0}).to_string();
    put_index(case.0.stand, &case.0.stand.settings, &case.0.tenant, INDEX, body.as_bytes()).await.unwrap()
}

/// Other chunks are made beside those that are searched, and take their place at once; a put that asks for what is searched
/// gives them up.
pub async fn another_index_version_takes_its_place<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let paragraph =
        |n: usize| format!("Paragraph {n} tells of number {n} and of nothing else, at some length, as it does.\n\n");
    let text = (0..20).map(paragraph).collect::<Vec<_>>().concat();
    case.put("long", &text).await;
    case.put("guide", GUIDE).await;
    let (old, fine) = (case.index_version().await, case.rows(&case.index_version().await).await);
    let put = async |chars: u32| ask(&case, chars).await;
    assert_eq!(put(200).await.1, PutResult::Kept);
    let (index, change) = put(2_000).await;
    let given_up = index.building.clone().unwrap();
    assert_eq!((change, index.serving.as_str()), (PutResult::Builds, old.as_str()));
    assert_eq!((put(2_000).await.0.building, put(200).await.1), (Some(given_up), PutResult::Kept));
    let (index, _) = put(2_000).await;
    let new = index.building.unwrap();
    // Documents that come meanwhile are cut by both, and those that leave leave both.
    case.put("late", "# Late\n\nIt came while another index_version was built.").await;
    assert_eq!((case.rows(&new).await, case.found("late", "keyword").await.0), ((1, 1), vec!["late".to_owned()]));
    assert_eq!(case.found("paragraph number 7", "keyword").await.0.len(), 10, "what is searched is as it was");
    let told = case.run(&case.accept(json!({"rebuild": {}})).await).await;
    assert_eq!((&told["state"], &told["documents"]), (&json!("swapped"), &json!(2)));
    let index = read_index(stand, &case.0.tenant, INDEX).await.unwrap();
    assert_eq!((index.serving, index.building), (new.clone(), None));
    let coarse = case.rows(&new).await;
    assert!(coarse.0 < fine.0 && coarse.0 == coarse.1, "{coarse:?} {fine:?}");
    let whole = case.run(&case.accept(json!({"verify": {}})).await).await;
    assert_eq!((&whole["differences"], &whole["documents"]), (&json!({}), &json!(3)));
    let again = case.run(&case.accept(json!({"rebuild": {}})).await).await;
    assert_eq!(again["state"], "serving");
    let mut pieces = 0;
    while case.rows(&old).await != (0, 0) && pieces < 100 {
        clear(stand).await.unwrap();
        pieces += 1;
    }
    assert_eq!((case.rows(&old).await, case.rows(&new).await), ((0, 0), coarse));
    assert_eq!(case.found("who holds a lease", "hybrid").await.0[0], "guide");
}

/// What an index version that is being built cannot take fails no document of the one that is searched.
pub async fn what_is_built_harms_nothing<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    case.put("guide", GUIDE).await;
    let building = ask(&case, 2_000).await.0.building.unwrap();
    case.plant("UPDATE index_versions SET provider = 'gone' WHERE id = ?1 RETURNING ''", &building).await;
    let told = case.put("guide", "# Leases\n\nEdited meanwhile.").await;
    assert_eq!((&told["state"], case.rows(&building).await), (&json!("updated"), (0, 0)));
    assert_eq!(case.found("edited", "hybrid").await.0, ["guide"]);
}

/// A rebuild that cuts a document as it stands just before a job changes it again takes away what the job found there, or leaves
/// what a deletion did not see.
pub async fn what_is_cut_meanwhile_is_not_relied_on<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    for id in ["edited", "deleted"] {
        case.put(id, GUIDE).await;
    }
    let index_version = case.index_version().await;
    let stale =
        "UPDATE layouts SET hash = CASE document WHEN 'edited' THEN 'another' ELSE '' END WHERE index_version = ?1";
    case.plant(stale, &index_version).await;
    // The one chunk that the edited text has in common with what the layout says.
    let leave = [
        "DELETE FROM words WHERE rowid IN (SELECT seq FROM chunks WHERE index_version = ?1 AND document = 'edited')",
        "DELETE FROM chunks WHERE index_version = ?1 AND document = 'edited'",
        "UPDATE index_versions SET chunks = 2 WHERE id = ?1",
    ];
    case.plant_before("put_document", &leave, &[&index_version]);
    case.put("edited", &GUIDE.replace("Every attempt", "Each attempt")).await;
    case.run(&case.accept(json!({"delete": {"id": "deleted"}})).await).await;
    let whole = case.run(&case.accept(json!({"verify": {}})).await).await;
    assert_eq!((&whole["differences"], &whole["chunks"]), (&json!({}), &json!(2)));
    assert_eq!(case.rows(&index_version).await, (2, 2));
}

/// An index version that is verified gives its place away: the one that has it is looked at.
pub async fn a_verification_looks_at_what_is_searched<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let building = ask(&case, 2_000).await.0.building.unwrap();
    case.put("guide", GUIDE).await;
    let swap = [
        "DELETE FROM layouts WHERE index_version <> ?1 AND index_version IN (SELECT serving FROM indexes WHERE building = ?1)",
        "UPDATE indexes SET serving = building, building = NULL WHERE building = ?1",
    ];
    case.plant_before("verify_documents", &swap, &[&building]);
    let whole = case.run(&case.accept(json!({"verify": {"repair": true}})).await).await;
    assert_eq!((&whole["differences"], &whole["index_version"]), (&json!({}), &json!(building)));
    assert_eq!(whole["repaired"], false);
}

/// An index version takes its place while a job waits for vectors: the job looks again, and writes into the one that is searched.
pub async fn a_job_writes_into_what_is_searched<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let old = case.index_version().await;
    let statements = [
        "INSERT INTO index_versions (id, index_id, tenant, provider, model, dimensions, chunk_chars, overlap_chars, chunker,
          created_at)
        SELECT 'N' || id, index_id, tenant, provider, model, dimensions, chunk_chars, overlap_chars, chunker, created_at
        FROM index_versions WHERE id = ?1 RETURNING ''",
        "UPDATE indexes SET serving = 'N' || serving WHERE serving = ?1 RETURNING ''",
        "UPDATE index_versions SET dropped_at = 1 WHERE id = ?1 RETURNING ''",
    ];
    case.plant_before("put_document", &statements, &[&old]);
    let told = case.put("guide", GUIDE).await;
    assert_eq!((&told["state"], &told["index_version"]), (&json!("added"), &json!(format!("N{old}"))));
    assert_eq!(case.found("who holds a lease", "hybrid").await.0[0], "guide");
}

/// What is being built, and could not take the document, takes its place meanwhile: the job has not succeeded.
pub async fn a_job_answers_for_what_is_searched<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let old = case.index_version().await;
    let building = ask(&case, 2_000).await.0.building.unwrap();
    case.plant("UPDATE index_versions SET provider = 'gone' WHERE id = ?1 RETURNING ''", &building).await;
    let statements = [
        "UPDATE indexes SET serving = building, building = NULL WHERE serving = ?1 RETURNING ''",
        "UPDATE index_versions SET dropped_at = 1 WHERE id = ?1 RETURNING ''",
    ];
    case.plant_before("put_document", &statements, &[&old]);
    let job = case.accept_put("guide", GUIDE).await;
    process(stand, &stand.settings, JobQueue::Webhooks, vec![job.clone()]).await;
    let row = stand.row(&job).await;
    assert!(row.result.is_none() && row.error.is_some(), "{:?} {:?}", row.state, row.result);
}

/// A rebuild cuts a document just before the job commits that takes it away: it leaves that index version too.
pub async fn what_is_deleted_does_not_come_back<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    case.put("guide", GUIDE).await;
    let building = ask(&case, 2_000).await.0.building.unwrap();
    let statements = [
        "INSERT INTO words (rowid, scope, heading_words, text_words, heading, text)
        SELECT c.seq + 700000000, ?1, w.heading_words, w.text_words, w.heading, w.text FROM chunks c CROSS JOIN words w ON w.rowid = c.seq WHERE c.index_version = ?2",
        "INSERT INTO chunks (index_version, seq, document, hash, vector) SELECT ?1, seq + 700000000, document, hash, vector
        FROM chunks WHERE index_version = ?2 RETURNING ''",
        "INSERT INTO layouts (index_version, document, hash, chunks) SELECT ?1, document, hash, chunks FROM layouts
        WHERE index_version = ?2 RETURNING ''",
    ];
    case.plant_before("put_document", &statements, &[&building, &case.index_version().await]);
    assert_eq!(case.run(&case.accept(json!({"delete": {"id": "guide"}})).await).await["state"], "deleted");
    assert_eq!(case.rows(&building).await, (0, 0));
}
