//! Cases of the consistency check of an index: each difference is reported by name; `repair: true` fixes them.

use longshore::limits::INDEX_CHUNKS_MAX;
use longshore::run::process::process;
use longshore::wire::job_queue::JobQueue;
use serde_json::json;

use super::indexing::{GUIDE, Indexed, numbers};
use super::stand::{Stand, Store};

/// Each planted difference is reported by name; only `repair: true` fixes it.
pub async fn differences_are_found_and_repaired<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let text = |from: usize| numbers(from..from + 300);
    case.put("first", &text(0)).await;
    case.put("second", &text(300)).await;
    case.put("guide", GUIDE).await;
    let index_version = case.index_version().await;
    let verify = async |repair: bool| case.run(&case.accept(json!({"verify": {"repair": repair}})).await).await;
    let whole = verify(false).await;
    assert_eq!((&whole["differences"], &whole["documents"], &whole["chunks"]), (&json!({}), &json!(3), &json!(602)));
    let plants = [
        ("missing_chunk", "DELETE FROM chunks WHERE index_version = ?1 AND document = 'guide' RETURNING ''"),
        (
            "orphan_chunk",
            "INSERT INTO chunks (index_version, seq, document, hash, vector)
            SELECT index_version, 0, document, 'none', vector FROM chunks WHERE index_version = ?1 AND document = 'guide' LIMIT 1
            RETURNING ''",
        ),
        (
            "wrong_vector",
            "UPDATE chunks SET vector = (SELECT vector FROM chunks WHERE index_version = ?1 AND document = 'first' LIMIT 1)
            WHERE index_version = ?1 AND document = 'guide' RETURNING ''",
        ),
        (
            "stale_words",
            "UPDATE words SET text = 'Something else.' WHERE rowid IN (SELECT seq FROM chunks
            WHERE index_version = ?1 AND document = 'guide')",
        ),
        (
            "stale_words",
            "UPDATE words SET text_words = 'the words of something else' WHERE rowid IN (SELECT seq FROM chunks
            WHERE index_version = ?1 AND document = 'guide')",
        ),
        (
            "missing_words",
            "DELETE FROM words WHERE rowid IN (SELECT seq FROM chunks WHERE index_version = ?1 AND document = 'guide')",
        ),
        ("orphan_words", "INSERT INTO words (rowid, scope, heading, text) VALUES (900000001, ?1, '', 'No document has it.')"),
        ("stale_document", "UPDATE layouts SET hash = 'none' WHERE index_version = ?1 AND document = 'guide' RETURNING ''"),
    ];
    for (what, plant) in plants {
        case.plant(plant, &index_version).await;
        for repair in [false, true] {
            let result = verify(repair).await;
            assert!(result["differences"][what].as_u64() > Some(0), "{what}: {result}");
            assert_eq!(result["repaired"], repair, "{what}");
        }
        let repaired = verify(false).await;
        assert_eq!((&repaired["differences"], &repaired["chunks"]), (&json!({}), &json!(602)), "{what}: {repaired}");
        assert_eq!(case.rows(&index_version).await, (602, 602), "{what}");
        assert_eq!(case.found("who holds a lease", "hybrid").await.0[0], "guide", "{what}");
    }
    // A segment that differs from the rows; then a missing segment.
    case.plant("UPDATE index_versions SET segment_seq = 1000000 WHERE id = ?1 RETURNING ''", &index_version).await;
    assert!(verify(true).await["differences"]["wrong_in_segment"].as_u64() > Some(0));
    assert_eq!(verify(false).await["differences"], json!({}));
    let lost = case.segment().await.unwrap();
    stand.objects.borrow_mut().remove(&lost);
    assert_eq!(verify(true).await["differences"], json!({"missing_segment": 1}));
    assert_eq!(verify(false).await["differences"], json!({}));
    assert_eq!(case.found("the word of number 599 is w599x", "vector").await.0[0], "second");
}

/// A repair deletes old chunks in the batch that writes the new ones: without vectors it deletes nothing.
pub async fn a_repair_without_vectors_deletes_nothing<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    case.put("guide", GUIDE).await;
    let index_version = case.index_version().await;
    case.plant(
        "UPDATE layouts SET hash = 'none' WHERE index_version = ?1 AND document = 'guide' RETURNING ''",
        &index_version,
    )
    .await;
    case.plant("UPDATE index_versions SET provider = 'gone' WHERE id = ?1 RETURNING ''", &index_version).await;
    let job = case.accept(json!({"verify": {"repair": true}})).await;
    process(stand, &stand.settings, JobQueue::Webhooks, vec![job.clone()]).await;
    let row = stand.row(&job).await;
    assert!(row.result.is_none() && row.error.is_some(), "{:?} {:?}", row.state, row.result);
    assert_eq!(case.rows(&index_version).await, (2, 2));
    assert_eq!(case.found("who holds a lease", "keyword").await.0, ["guide"]);
    case.plant("UPDATE index_versions SET provider = 'builtin' WHERE id = ?1 RETURNING ''", &index_version).await;
    assert_eq!(case.run(&case.accept(json!({"verify": {"repair": true}})).await).await["repaired"], true);
    assert_eq!(case.rows(&index_version).await, (2, 2));
}

/// An unreachable object store is not a missing segment: the job is retried, and the segment stays.
pub async fn an_unreachable_store_loses_no_segment<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    case.put("first", &numbers(0..300)).await;
    case.put("second", &numbers(300..600)).await;
    let before = case.segment().await;
    let job = case.accept(json!({"verify": {"repair": true}})).await;
    stand.objects_fail.set(true);
    process(stand, &stand.settings, JobQueue::Webhooks, vec![job.clone()]).await;
    stand.objects_fail.set(false);
    let row = stand.row(&job).await;
    assert!(before.is_some() && row.error.is_some_and(|error| error.retryable), "{:?}", row.state);
    assert_eq!(case.segment().await, before);
}

/// A full index accepts chunks that replace others, in an update and in a repair, and no additional ones.
pub async fn a_full_index_is_updated<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    case.put("guide", GUIDE).await;
    let index_version = case.index_version().await;
    const { assert!(INDEX_CHUNKS_MAX == 50_000) };
    case.plant("UPDATE index_versions SET chunks = 50000 WHERE id = ?1 RETURNING ''", &index_version).await;
    assert_eq!(case.put("guide", &GUIDE.replace("token", "sign")).await["state"], "updated");
    case.plant("UPDATE layouts SET hash = 'none' WHERE index_version = ?1 RETURNING ''", &index_version).await;
    assert_eq!(case.run(&case.accept(json!({"verify": {"repair": true}})).await).await["repaired"], true);
    let more = case.accept_put("more", GUIDE).await;
    process(stand, &stand.settings, JobQueue::Webhooks, vec![more.clone()]).await;
    let error = stand.row(&more).await.error.expect("an error").message;
    assert_eq!(error, "The index has 50000 chunks; the maximum is 50000 for 256 dimensions.");
}

/// An index filled by others between a job's read and its batch refuses the batch.
pub async fn two_jobs_cannot_take_the_last_room<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let index_version = case.index_version().await;
    case.plant_before(
        "put_document",
        &["UPDATE index_versions SET chunks = 50000 WHERE id = ?1 RETURNING ''"],
        &[&index_version],
    );
    let job = case.accept_put("guide", GUIDE).await;
    process(stand, &stand.settings, JobQueue::Webhooks, vec![job.clone()]).await;
    let error = stand.row(&job).await.error.expect("an error").message;
    assert_eq!(error, "The index has 50000 chunks; the maximum is 50000 for 256 dimensions.");
    assert!(case.found("token", "keyword").await.0.is_empty());
}
