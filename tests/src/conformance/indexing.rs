//! Indexes: the document that was accepted last stands, whatever runs when, and what is unchanged is left alone.

use std::ops::Range;

use futures_util::future::join_all;
use longshore::index::clear::clear;
use longshore::index::find::{SegmentCache, search};
use longshore::index::manage::{Change, count_index, drop_index, erase_tenant, put_index, read_index};
use longshore::job::{JobRef, Lane};
use longshore::limits::MERGE_AFTER;
use longshore::ports::{IndexDatabase, Statement};
use longshore::problem::Problem;
use longshore::process::process;
use serde_json::{Value, json};

use super::stand::{Case, Stand, Store};

/// The one index of a case.
const INDEX: &str = "docs";

/// A case with an index.
struct Indexed<'a, S>(Case<'a, S>);

impl<'a, S: Store> Indexed<'a, S> {
    async fn new(stand: &'a Stand<S>) -> Self {
        let case = Indexed(stand.case().await);
        case.make().await;
        case
    }

    async fn make(&self) {
        let body = json!({"provider": "builtin", "chunk_chars": 200, "overlap_chars": 0}).to_string();
        put_index(self.0.stand, &self.0.stand.settings, &self.0.tenant, INDEX, body.as_bytes()).await.unwrap();
    }

    /// Accepts a change of the index, a millisecond after the one before: the order of acceptance is that of their ids.
    async fn accept(&self, change: Value) -> JobRef {
        self.0.stand.clock_off_ms.update(|ms| ms + 1);
        let mut payload = json!({"index": INDEX});
        payload.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        self.0.accept_one(json!({"kind": "index", "payload": payload}), None).await.unwrap().job
    }

    async fn accept_put(&self, id: &str, text: &str) -> JobRef {
        self.accept(json!({"put": {"id": id, "text": text, "metadata": {"length": text.len()}, "source": "tests"}}))
            .await
    }

    /// Runs a job; answers what it came to.
    async fn run(&self, job: &JobRef) -> Value {
        process(self.0.stand, &self.0.stand.settings, Lane::Webhooks, vec![job.clone()]).await;
        let row = self.0.stand.row(job).await;
        assert!(row.state.is_terminal() && row.error.is_none(), "{:?} {:?}", row.state, row.error);
        row.result.unwrap()
    }

    async fn put(&self, id: &str, text: &str) -> Value {
        self.run(&self.accept_put(id, text).await).await
    }

    async fn search(&self, body: Value) -> Result<Value, Problem> {
        let (stand, cache) = (self.0.stand, SegmentCache::default());
        search(stand, &stand.settings, &cache, (&self.0.tenant, INDEX), body.to_string().as_bytes()).await
    }

    /// The documents that a search finds, and what it says of the first.
    async fn found(&self, query: &str, mode: &str) -> (Vec<String>, Value) {
        let answer = self.search(json!({"query": query, "mode": mode})).await.unwrap();
        let hits = answer["hits"].as_array().unwrap().clone();
        let documents = hits.iter().map(|hit| hit["document"].as_str().unwrap().to_owned()).collect();
        (documents, hits.first().cloned().unwrap_or_default())
    }

    /// One number of the store of search.
    async fn number(&self, sql: &'static str, param: &str) -> u64 {
        let statement = Statement { name: "test", sql, params: vec![param.into()] };
        self.0.stand.index_batch(vec![statement]).await.unwrap()[0][0].parse().unwrap()
    }

    async fn generation(&self) -> String {
        read_index(self.0.stand, &self.0.tenant, INDEX).await.unwrap().serving
    }

    /// Chunks and their words in the rows of a generation.
    async fn rows(&self, generation: &str) -> (u64, u64) {
        let chunks = "SELECT CAST(count(*) AS TEXT) FROM chunks WHERE generation = ?1";
        let words = "SELECT CAST(count(*) AS TEXT) FROM words WHERE words MATCH 'scope : \"' || ?1 || '\"'";
        (self.number(chunks, generation).await, self.number(words, generation).await)
    }
}

const GUIDE: &str = "# Leases\n\nA lease is a token with an end. Whoever holds it may write.\n\n# Evidence\n\n\
    Every attempt leaves evidence: the request, the response, and when it was.\n";

/// A section for each number, each a chunk.
fn numbers(range: Range<usize>) -> String {
    range.map(|n| format!("# Number {n}\n\nThe word of number {n} is w{n}x.\n\n")).collect::<Vec<_>>().concat()
}

/// A document is found by its words, by its vectors and by both, with its headings, its place and its marks.
pub async fn a_document_is_found<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let told = case.put("guide", GUIDE).await;
    assert_eq!((&told["state"], &told["chunks"], &told["added"]), (&json!("added"), &json!(2), &json!(2)));
    case.put("other", "Nothing of the kind is said < here > & now.").await;
    for mode in ["keyword", "vector", "hybrid"] {
        let (documents, first) = case.found("who holds a lease", mode).await;
        assert_eq!(documents[0], "guide", "{mode}");
        assert_eq!((&first["heading"], &first["source"]), (&json!("Leases"), &json!("tests")));
        let (start, end) = (first["start"].as_u64().unwrap(), first["end"].as_u64().unwrap());
        let range = usize::try_from(start).unwrap()..usize::try_from(end).unwrap();
        assert_eq!(first["text"], GUIDE[range], "{mode}");
        assert_eq!(first["metadata"], json!({"length": GUIDE.len()}));
        let has = |leg: &str| !first[leg].is_null();
        assert_eq!((has("keyword_score"), has("vector_score")), (mode != "vector", mode != "keyword"), "{mode}");
        assert!(first["highlight"].as_str().unwrap().contains("<mark>lease</mark>"), "{first}");
    }
    let (documents, first) = case.found("kind", "keyword").await;
    assert_eq!(documents, ["other"]);
    assert_eq!(first["highlight"], "Nothing of the <mark>kind</mark> is said &lt; here &gt; &amp; now.");
    let filtered = case.search(json!({"query": "lease kind", "filter": {"length": {"lt": 100}}})).await.unwrap();
    assert_eq!((filtered["hits"].as_array().unwrap().len(), &filtered["hits"][0]["document"]), (1, &json!("other")));
    let (index, counts) = count_index(stand, &case.0.tenant, INDEX).await.unwrap();
    let shown = index.to_whole_json(&counts);
    let told = [&shown["documents"], &shown["lag"], &shown["serving"]["chunks"]];
    assert_eq!(told, [&json!(2), &json!(0), &json!(3)]);
}

/// The same again writes no chunk; one edited paragraph adds and removes few; what was there before is reused.
pub async fn what_is_unchanged_is_left_alone<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let paragraph =
        |n: usize| format!("Paragraph {n} tells of number {n} and of nothing else, at some length, as it does.\n\n");
    let text = (0..40).map(paragraph).collect::<Vec<_>>().concat();
    let first = case.put("long", &text).await;
    let chunks = first["chunks"].as_u64().unwrap();
    assert!(chunks >= 10 && first["usage"]["embedded"] == chunks, "{first}");
    let again = case.put("long", &text).await;
    let told = [&again["state"], &again["added"], &again["removed"], &again["usage"]["embedded"]];
    assert_eq!(told, [&json!("unchanged"), &json!(0), &json!(0), &json!(0)]);
    let edited = case.put("long", &text.replace("number 20", "number twenty")).await;
    assert!(edited["added"].as_u64().unwrap() <= 2 && edited["removed"].as_u64().unwrap() <= 2, "{edited}");
    assert_eq!((&edited["state"], &edited["added"]), (&json!("updated"), &edited["usage"]["embedded"]));
    let back = case.put("long", &text).await;
    assert_eq!((&back["added"], &back["usage"]["embedded"]), (&edited["added"], &json!(0)), "kept vectors");
    let shrunk = case.put("long", &paragraph(0)).await;
    assert_eq!(shrunk["chunks"], 1);
    assert_eq!(case.rows(&case.generation().await).await, (1, 1), "no orphan");
    let renamed = case.run(&case.accept(json!({"put": {"id": "long", "text": paragraph(0)}})).await).await;
    assert_eq!((&renamed["state"], &renamed["added"]), (&json!("updated"), &json!(0)), "its metadata alone");
}

/// In whatever order jobs run, and however many at once, the one that was accepted last stands, and nothing of the others.
pub async fn the_last_accepted_stands<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let text = |n: usize| {
        (0..6).map(|p| format!("# Part {p}\n\nOf edition {}, part {p}.\n\n", n * (p % 2))).collect::<Vec<_>>().concat()
    };
    let mut jobs = Vec::new();
    for n in 0..8 {
        jobs.push(case.accept_put("book", &text(n)).await);
    }
    let last = jobs.len() - 1;
    jobs.rotate_left(3);
    jobs.reverse();
    join_all(jobs.chunks(2).map(|some| process(stand, &stand.settings, Lane::Webhooks, some.to_vec()))).await;
    for job in &jobs {
        case.run(job).await;
    }
    let generation = case.generation().await;
    let alone = Indexed::new(stand).await;
    alone.put("book", &text(last)).await;
    assert_eq!(case.rows(&generation).await, alone.rows(&alone.generation().await).await);
    let (_, first) = case.found("edition part 1", "keyword").await;
    assert_eq!(first["text"], format!("# Part 1\n\nOf edition {last}, part 1."));
    // One that is taken away is not brought back by a job that was accepted before.
    let before = case.accept_put("gone", "It is here.").await;
    let delete = case.accept(json!({"delete": {"id": "gone"}})).await;
    assert_eq!(case.run(&delete).await["state"], "absent");
    assert_eq!(case.run(&before).await["state"], "superseded");
    assert_eq!(case.found("here", "keyword").await.0, [""; 0]);
}

/// Enough chunks make a segment; what is in it, what came after it and what left are found as if there were none.
pub async fn segments_follow<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let text = |from: usize| numbers(from..from + 300);
    case.put("first", &text(0)).await;
    let segment = async || read_index(stand, &case.0.tenant, INDEX).await.unwrap().generations.pop().unwrap().segment;
    assert_eq!(segment().await, None);
    case.put("second", &text(300)).await;
    let made = segment().await.expect("a segment");
    assert!(stand.objects.borrow().contains_key(&made));
    for n in [0, 299, 300, 599] {
        let (documents, first) = case.found(&format!("the word of number {n} is w{n}x"), "vector").await;
        assert_eq!(documents[0], if n < 300 { "first" } else { "second" });
        assert_eq!(first["heading"], format!("Number {n}"));
    }
    case.put("third", "# Number 600\n\nThe word of number 600 is w600x.").await;
    assert_eq!(case.found("the word of number 600 is w600x", "vector").await.0[0], "third", "no segment has it yet");
    case.run(&case.accept(json!({"delete": {"id": "second"}})).await).await;
    let (documents, _) = case.found("the word of number 599 is w599x", "vector").await;
    assert!(documents.iter().all(|document| document != "second"), "{documents:?}");
    assert_eq!(segment().await.as_deref(), Some(made.as_str()));
    case.put("first", "# Number 0\n\nAll else has left.").await;
    const { assert!(600 > MERGE_AFTER) };
    let after = segment().await.unwrap();
    assert_ne!(after, made);
    assert!(!stand.objects.borrow().contains_key(&made), "nobody reads it any more");
    assert_eq!(case.found("the word of number 600 is w600x", "vector").await.0, ["third", "first"]);
    // An object store that fails costs the merge and nothing else.
    stand.objects_fail.set(true);
    assert_eq!(case.found("all else has left", "keyword").await.0, ["first"]);
    let degraded = case.search(json!({"query": "all else has left"})).await.unwrap();
    assert_eq!((degraded["degraded"].is_null(), &degraded["hits"][0]["document"]), (false, &json!("first")));
    let vectors = case.search(json!({"query": "all else has left", "mode": "vector"})).await;
    stand.objects_fail.set(false);
    assert!(matches!(vectors, Err(Problem::ProviderFailed(_))), "{vectors:?}");
}

/// Each difference that is planted is found by its name, told without being mended, and mended when that is asked for.
pub async fn what_differs_is_found_and_mended<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let text = |from: usize| numbers(from..from + 300);
    case.put("first", &text(0)).await;
    case.put("second", &text(300)).await;
    case.put("guide", GUIDE).await;
    let generation = case.generation().await;
    let verify = async |repair: bool| case.run(&case.accept(json!({"verify": {"repair": repair}})).await).await;
    let whole = verify(false).await;
    assert_eq!((&whole["differences"], &whole["documents"], &whole["chunks"]), (&json!({}), &json!(3), &json!(602)));
    let plants = [
        ("missing_chunk", "DELETE FROM chunks WHERE generation = ?1 AND document = 'guide' RETURNING ''"),
        (
            "orphan_chunk",
            "INSERT INTO chunks (generation, seq, document, hash, vector)
            SELECT generation, 0, document, 'none', vector FROM chunks WHERE generation = ?1 AND document = 'guide' LIMIT 1
            RETURNING ''",
        ),
        (
            "wrong_vector",
            "UPDATE chunks SET vector = (SELECT vector FROM chunks WHERE generation = ?1 AND document = 'first' LIMIT 1)
            WHERE generation = ?1 AND document = 'guide' RETURNING ''",
        ),
        (
            "stale_words",
            "UPDATE words SET text = 'Something else.' WHERE rowid IN (SELECT seq FROM chunks
            WHERE generation = ?1 AND document = 'guide')",
        ),
        (
            "missing_words",
            "DELETE FROM words WHERE rowid IN (SELECT seq FROM chunks WHERE generation = ?1 AND document = 'guide')",
        ),
        ("orphan_words", "INSERT INTO words (rowid, scope, heading, text) VALUES (900000001, ?1, '', 'Nobody says it.')"),
        ("stale_document", "UPDATE layouts SET hash = 'none' WHERE generation = ?1 AND document = 'guide' RETURNING ''"),
    ];
    for (what, plant) in plants {
        let statement = Statement { name: "plant", sql: plant, params: vec![generation.as_str().into()] };
        stand.index_batch(vec![statement]).await.unwrap();
        for repair in [false, true] {
            let told = verify(repair).await;
            assert!(told["differences"][what].as_u64() > Some(0), "{what}: {told}");
            assert_eq!(told["repaired"], repair, "{what}");
        }
        let mended = verify(false).await;
        assert_eq!((&mended["differences"], &mended["chunks"]), (&json!({}), &json!(602)), "{what}: {mended}");
        assert_eq!(case.rows(&generation).await, (602, 602), "{what}");
        assert_eq!(case.found("who holds a lease", "hybrid").await.0[0], "guide", "{what}");
    }
    // What the segment has of a chunk is not what the row has; and then there is no segment at all.
    let segment = async || read_index(stand, &case.0.tenant, INDEX).await.unwrap().generations.pop().unwrap().segment;
    let swap = "UPDATE generations SET segment_seq = 1000000 WHERE id = ?1 RETURNING ''";
    stand
        .index_batch(vec![Statement { name: "plant", sql: swap, params: vec![generation.as_str().into()] }])
        .await
        .unwrap();
    assert!(verify(true).await["differences"]["wrong_in_segment"].as_u64() > Some(0));
    assert_eq!(verify(false).await["differences"], json!({}));
    let lost = segment().await.unwrap();
    stand.objects.borrow_mut().remove(&lost);
    assert_eq!(verify(true).await["differences"], json!({"missing_segment": 1}));
    assert_eq!(verify(false).await["differences"], json!({}));
    assert_eq!(case.found("the word of number 599 is w599x", "vector").await.0[0], "second");
}

/// What is mended leaves in the batch that brings it anew: a repair without vectors takes nothing away.
pub async fn a_repair_without_vectors_takes_nothing_away<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    case.put("guide", GUIDE).await;
    let generation = case.generation().await;
    let plant = async |sql: &'static str| {
        let statement = Statement { name: "plant", sql, params: vec![generation.as_str().into()] };
        stand.index_batch(vec![statement]).await.unwrap();
    };
    plant("UPDATE layouts SET hash = 'none' WHERE generation = ?1 AND document = 'guide' RETURNING ''").await;
    plant("UPDATE generations SET provider = 'gone' WHERE id = ?1 RETURNING ''").await;
    let job = case.accept(json!({"verify": {"repair": true}})).await;
    process(stand, &stand.settings, Lane::Webhooks, vec![job.clone()]).await;
    let row = stand.row(&job).await;
    assert!(row.result.is_none() && row.error.is_some(), "{:?} {:?}", row.state, row.result);
    assert_eq!(case.rows(&generation).await, (2, 2));
    assert_eq!(case.found("who holds a lease", "keyword").await.0, ["guide"]);
    plant("UPDATE generations SET provider = 'builtin' WHERE id = ?1 RETURNING ''").await;
    assert_eq!(case.run(&case.accept(json!({"verify": {"repair": true}})).await).await["repaired"], true);
    assert_eq!(case.rows(&generation).await, (2, 2));
}

/// Other chunks are made beside those that are searched, and take their place at once; a put that asks for what is searched
/// gives them up.
pub async fn another_generation_takes_its_place<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let paragraph =
        |n: usize| format!("Paragraph {n} tells of number {n} and of nothing else, at some length, as it does.\n\n");
    let text = (0..20).map(paragraph).collect::<Vec<_>>().concat();
    case.put("long", &text).await;
    case.put("guide", GUIDE).await;
    let (old, fine) = (case.generation().await, case.rows(&case.generation().await).await);
    let put = async |chars: u32| {
        let body = json!({"provider": "builtin", "chunk_chars": chars, "overlap_chars": 0}).to_string();
        put_index(stand, &stand.settings, &case.0.tenant, INDEX, body.as_bytes()).await.unwrap()
    };
    assert_eq!(put(200).await.1, Change::Kept);
    let (index, change) = put(2_000).await;
    let given_up = index.building.clone().unwrap();
    assert_eq!((change, index.serving.as_str()), (Change::Builds, old.as_str()));
    assert_eq!((put(2_000).await.0.building, put(200).await.1), (Some(given_up), Change::Kept));
    let (index, _) = put(2_000).await;
    let new = index.building.unwrap();
    // Documents that come meanwhile are cut by both, and those that leave leave both.
    case.put("late", "# Late\n\nIt came while another generation was built.").await;
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

/// A dropped index is found no more, leaves nothing behind, and another one of its name knows nothing of it.
pub async fn a_dropped_index_leaves_in_pieces<S: Store>(stand: &Stand<S>) {
    let (case, neighbour) = (Indexed::new(stand).await, Indexed::new(stand).await);
    neighbour.put("guide", GUIDE).await;
    case.put("guide", GUIDE).await;
    let text = |from: usize| numbers(from..from + 400);
    case.put("long", &text(0)).await;
    case.put("longer", &text(400)).await;
    let generation = case.generation().await;
    let index = read_index(stand, &case.0.tenant, INDEX).await.unwrap().id;
    let late = json!({"index_id": index, "put": {"id": "late", "text": "It was accepted before the end."}});
    let late = case.accept(late).await;
    drop_index(stand, &case.0.tenant, INDEX).await.unwrap();
    assert_eq!(drop_index(stand, &case.0.tenant, INDEX).await, Err(Problem::NotFound));
    assert_eq!(case.search(json!({"query": "lease"})).await, Err(Problem::NotFound));
    case.make().await;
    assert_eq!(case.run(&late).await["state"], "superseded", "it was not for this index");
    assert_eq!(case.found("lease", "hybrid").await.0, [""; 0]);
    let rest = "SELECT CAST((SELECT count(*) FROM documents WHERE index_id = ?1)
        + (SELECT count(*) FROM generations WHERE index_id = ?1) AS TEXT)";
    let mut pieces = 0;
    while case.number(rest, &index).await > 0 {
        clear(stand).await.unwrap();
        pieces += 1;
        assert!(pieces < 100, "{pieces}");
    }
    assert!(pieces > 1, "800 chunks are not one piece");
    assert_eq!(case.rows(&generation).await, (0, 0));
    assert!(stand.objects.borrow().keys().all(|key| !key.contains(&generation)), "no object either");
    assert_eq!(neighbour.found("lease", "hybrid").await.0[0], "guide");
}

/// A tenant that is erased has no index any more, and no vector that was kept of its texts; its neighbours have theirs.
pub async fn an_erased_tenant_has_no_index<S: Store>(stand: &Stand<S>) {
    let (case, neighbour) = (Indexed::new(stand).await, Indexed::new(stand).await);
    case.put("guide", GUIDE).await;
    neighbour.put("guide", GUIDE).await;
    let kept = "SELECT CAST(count(*) AS TEXT) FROM vectors WHERE tenant = ?1";
    assert_eq!(case.number(kept, &case.0.tenant).await, 2);
    erase_tenant(stand, &case.0.tenant).await.unwrap();
    erase_tenant(stand, &case.0.tenant).await.unwrap();
    assert_eq!(case.search(json!({"query": "lease"})).await, Err(Problem::NotFound));
    assert_eq!((case.number(kept, &case.0.tenant).await, case.number(kept, &neighbour.0.tenant).await), (0, 2));
    assert_eq!(neighbour.found("lease", "hybrid").await.0[0], "guide");
}
