//! Cases of a rebuild: a new index version is built beside the serving one, swapped in at once, and affects nothing
//! before.

use longshore::index::IndexRow;
use longshore::index::clear::clear;
use longshore::index::manage::{PutResult, put_index, read_index};
use longshore::run::process::process;
use longshore::wire::job_queue::JobQueue;
use serde_json::json;

use super::indexing::{GUIDE, INDEX, Indexed};
use super::stand::{Stand, Store, operator};

/// Puts the index with another chunk size.
async fn ask<S: Store>(case: &Indexed<'_, S>, chars: u32) -> (IndexRow, PutResult) {
    let body = json!({"provider": "builtin", "chunk_chars": chars, "overlap_chars": 0}).to_string();
    put_index(case.0.stand, &operator(case.0.stand), &case.0.stand.settings, &case.0.tenant, INDEX, body.as_bytes())
        .await
        .unwrap()
}

/// A new index version is built beside the serving one and swapped in; a put of the serving settings cancels the build.
pub async fn a_new_index_version_is_swapped_in<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let paragraph =
        |n: usize| format!("Paragraph {n} is about number {n} and about nothing else, and has some more words.\n\n");
    let text = (0..20).map(paragraph).collect::<Vec<_>>().concat();
    case.put("long", &text).await;
    case.put("guide", GUIDE).await;
    let (old, fine) = (case.index_version().await, case.rows(&case.index_version().await).await);
    let put = async |chars: u32| ask(&case, chars).await;
    assert_eq!(put(200).await.1, PutResult::Kept);
    let (index, change) = put(2_000).await;
    let cancelled = index.building.clone().unwrap();
    assert_eq!((change, index.serving.as_str()), (PutResult::Builds, old.as_str()));
    assert_eq!((put(2_000).await.0.building, put(200).await.1), (Some(cancelled), PutResult::Kept));
    let (index, _) = put(2_000).await;
    let new = index.building.unwrap();
    // Documents put during the build are chunked for both index versions, and deleted from both.
    case.put("late", "# Late\n\nIt came while another index_version was built.").await;
    assert_eq!((case.rows(&new).await, case.found("late", "keyword").await.0), ((1, 1), vec!["late".to_owned()]));
    assert_eq!(case.found("paragraph number 7", "keyword").await.0.len(), 10, "the serving index version is unchanged");
    let result = case.run(&case.accept(json!({"rebuild": {}})).await).await;
    assert_eq!((&result["state"], &result["documents"]), (&json!("swapped"), &json!(2)));
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

/// A document that the index version under construction cannot take is still stored in the serving one.
pub async fn a_failing_build_fails_no_document<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    case.put("guide", GUIDE).await;
    let building = ask(&case, 2_000).await.0.building.unwrap();
    case.plant("UPDATE index_versions SET provider = 'gone' WHERE id = ?1 RETURNING ''", &building).await;
    let result = case.put("guide", "# Leases\n\nEdited during the build.").await;
    assert_eq!((&result["state"], case.rows(&building).await), (&json!("updated"), (0, 0)));
    assert_eq!(case.found("edited", "hybrid").await.0, ["guide"]);
}

/// A rebuild that chunks a document just before a job changes it may delete chunks that the job expects, or leave
/// chunks that a deletion did not see; the job corrects both.
pub async fn a_concurrent_rebuild_leaves_no_differences<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    for id in ["edited", "deleted"] {
        case.put(id, GUIDE).await;
    }
    let index_version = case.index_version().await;
    let stale =
        "UPDATE layouts SET hash = CASE document WHEN 'edited' THEN 'another' ELSE '' END WHERE index_version = ?1";
    case.plant(stale, &index_version).await;
    // Deletes the one chunk that the edited text shares with its old layout.
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

/// A verification continues with the index version that was swapped in while it ran.
pub async fn a_verification_follows_a_swap<S: Store>(stand: &Stand<S>) {
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

/// A swap while a job waits for vectors makes the job read again and write into the new serving index version.
pub async fn a_job_writes_into_the_serving_index_version<S: Store>(stand: &Stand<S>) {
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
    let result = case.put("guide", GUIDE).await;
    assert_eq!((&result["state"], &result["index_version"]), (&json!("added"), &json!(format!("N{old}"))));
    assert_eq!(case.found("who holds a lease", "hybrid").await.0[0], "guide");
}

/// A job fails if the index version that could not take its document is swapped in before it commits.
pub async fn a_job_fails_without_its_document_in_the_serving_index_version<S: Store>(stand: &Stand<S>) {
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

/// A document chunked by a rebuild just before its deletion commits is deleted from the new index version too.
pub async fn a_rebuild_restores_no_deleted_document<S: Store>(stand: &Stand<S>) {
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
