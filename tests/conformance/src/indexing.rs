//! Cases of indexes: the document that was accepted last wins in any order of execution, and unchanged chunks are not
//! rewritten.

use std::ops::Range;

use futures_util::future::join_all;
use longshore::index::answer::WholeIndex;
use longshore::index::clear::clear;
use longshore::index::find::{SearchResult, SegmentCache, search};
use longshore::index::manage::{count_index, drop_index, erase_tenant, put_index, read_index};
use longshore::limits::plan::{PAID, Plan};
use longshore::limits::{DOCUMENT_CHUNKS_MAX, FILTER_DOCUMENTS_PAGE, MERGE_AFTER};
use longshore::model::job::JobRef;
use longshore::ports::{IndexDatabase, Param, Statement};
use longshore::run::process::process;
use longshore::wire::job_queue::JobQueue;
use longshore::wire::problem::Problem;
use serde_json::{Value, json};

use super::listing::exported;
use super::stand::{Case, Stand, Store, operator};

/// Name of the one index of a case.
pub(super) const INDEX: &str = "docs";

/// A case with an index.
pub(super) struct Indexed<'a, S>(pub(super) Case<'a, S>);

impl<'a, S: Store> Indexed<'a, S> {
    pub(super) async fn new(stand: &'a Stand<S>) -> Self {
        let case = Indexed(stand.case().await);
        case.make().await;
        case
    }

    pub(super) async fn make(&self) {
        let body = json!({"provider": "builtin", "chunk_chars": 200, "overlap_chars": 0}).to_string();
        let (stand, tenant) = (self.0.stand, &self.0.tenant);
        put_index(stand, &operator(stand), &stand.settings, tenant, INDEX, body.as_bytes()).await.unwrap();
    }

    /// Accepts a change of the index, a millisecond after the previous one: ids define the order of acceptance.
    pub(super) async fn accept(&self, change: Value) -> JobRef {
        self.0.stand.clock_off_ms.update(|ms| ms + 1);
        let mut payload = json!({"index": INDEX});
        payload.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        self.0.accept_one(json!({"kind": "index", "payload": payload}), None).await.unwrap().job
    }

    pub(super) async fn accept_put(&self, id: &str, text: &str) -> JobRef {
        self.accept(json!({"put": {"id": id, "text": text, "metadata": {"length": text.len()}, "source": "tests"}}))
            .await
    }

    /// Runs a job and returns its result.
    pub(super) async fn run(&self, job: &JobRef) -> Value {
        process(self.0.stand, &self.0.stand.settings, JobQueue::Webhooks, vec![job.clone()]).await;
        let row = self.0.stand.row(job).await;
        assert!(row.state.is_terminal() && row.error.is_none(), "{:?} {:?}", row.state, row.error);
        row.result_value().unwrap()
    }

    pub(super) async fn put(&self, id: &str, text: &str) -> Value {
        self.run(&self.accept_put(id, text).await).await
    }

    pub(super) async fn search(&self, body: Value) -> Result<Value, Problem> {
        self.find(&body).await.map(|found| json!(found))
    }

    /// Returns the answer of a search as its JSON text.
    pub(super) async fn search_text(&self, body: &Value) -> String {
        serde_json::to_string(&self.find(body).await.unwrap()).unwrap()
    }

    async fn find(&self, body: &Value) -> Result<SearchResult, Problem> {
        let (stand, cache) = (self.0.stand, SegmentCache::default());
        search(stand, &stand.settings, &cache, &self.0.tenant, INDEX, body.to_string().as_bytes()).await
    }

    /// Returns the documents that a search finds, and the first hit.
    pub(super) async fn found(&self, query: &str, mode: &str) -> (Vec<String>, Value) {
        let answer = self.search(json!({"query": query, "mode": mode})).await.unwrap();
        let hits = answer["hits"].as_array().unwrap().clone();
        let documents = hits.iter().map(|hit| hit["document"].as_str().unwrap().to_owned()).collect();
        (documents, hits.first().cloned().unwrap_or_default())
    }

    /// Reads one number from the search database.
    pub(super) async fn number(&self, sql: &'static str, param: &str) -> u64 {
        let statement = Statement { name: "test", sql, params: vec![param.into()] };
        self.0.stand.index_batch(&[statement]).await.unwrap()[0][0].parse().unwrap()
    }

    /// Changes the search database directly, as no job would.
    pub(super) async fn plant(&self, sql: &'static str, param: &str) {
        let statement = Statement { name: "plant", sql, params: vec![param.into()] };
        self.0.stand.index_batch(&[statement]).await.unwrap();
    }

    /// Runs these statements just before the next batch that contains the statement `next`.
    pub(super) fn plant_before(&self, next: &'static str, statements: &[&'static str], params: &[&str]) {
        let params: Vec<_> = params.iter().map(|param| Param::from(*param)).collect();
        let statement = |sql: &&'static str| Statement { name: "plant", sql, params: params.clone() };
        self.0.stand.before.replace(Some((next, statements.iter().map(statement).collect())));
    }

    /// Returns the id of the index.
    pub(super) async fn id(&self) -> String {
        read_index(self.0.stand, &self.0.tenant, INDEX).await.unwrap().id
    }

    pub(super) async fn index_version(&self) -> String {
        read_index(self.0.stand, &self.0.tenant, INDEX).await.unwrap().serving
    }

    /// Returns the key of the segment, if there is one.
    pub(super) async fn segment(&self) -> Option<String> {
        read_index(self.0.stand, &self.0.tenant, INDEX).await.unwrap().index_versions.pop().unwrap().segment
    }

    /// Counts the rows of chunks and of their words in an index version.
    pub(super) async fn rows(&self, index_version: &str) -> (u64, u64) {
        let chunks = "SELECT CAST(count(*) AS TEXT) FROM chunks WHERE index_version = ?1";
        let words = "SELECT CAST(count(*) AS TEXT) FROM words WHERE words MATCH 'scope : \"' || ?1 || '\"'";
        (self.number(chunks, index_version).await, self.number(words, index_version).await)
    }
}

pub(super) const GUIDE: &str = "# Leases\n\nA lease is a token with an end. The worker that holds it may write.\n\n\
    # Evidence\n\nEvery attempt leaves evidence: the request, the response, and when it was.\n";

/// Returns a text with one section for each number; each section becomes one chunk.
pub(super) fn numbers(range: Range<usize>) -> String {
    range.map(|n| format!("# Number {n}\n\nThe word of number {n} is w{n}x.\n\n")).collect::<Vec<_>>().concat()
}

/// A document is found by its words, by its vectors and by both, with its headings, its position and its highlights.
pub async fn a_document_is_found<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let result = case.put("guide", GUIDE).await;
    assert_eq!((&result["state"], &result["chunks"], &result["added"]), (&json!("added"), &json!(2), &json!(2)));
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
        // The score is relative to the best hit: it does not reveal how rare a word is in other tenants' indexes.
        assert!(mode == "vector" || first["keyword_score"] == 1.0, "{first}");
        assert!(first["highlight"].as_str().unwrap().contains("<mark>lease</mark>"), "{first}");
    }
    let (documents, first) = case.found("kind", "keyword").await;
    assert_eq!(documents, ["other"]);
    assert_eq!(first["highlight"], "Nothing of the <mark>kind</mark> is said &lt; here &gt; &amp; now.");
    let filtered = case.search(json!({"query": "lease kind", "filter": {"length": {"lt": 100}}})).await.unwrap();
    assert_eq!((filtered["hits"].as_array().unwrap().len(), &filtered["hits"][0]["document"]), (1, &json!("other")));
    let (index, counts) = count_index(stand, &case.0.tenant, INDEX).await.unwrap();
    let shown = json!(WholeIndex::of(&index, &counts));
    let result = [&shown["documents"], &shown["lag"], &shown["serving"]["chunks"]];
    assert_eq!(result, [&json!(2), &json!(0), &json!(3)]);
}

/// The same text again writes no chunk; one edited paragraph adds and removes few; a restored paragraph reuses its
/// cached vectors.
pub async fn unchanged_chunks_are_not_rewritten<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let paragraph =
        |n: usize| format!("Paragraph {n} is about number {n} and about nothing else, and has some more words.\n\n");
    let text = (0..40).map(paragraph).collect::<Vec<_>>().concat();
    let first = case.put("long", &text).await;
    let chunks = first["chunks"].as_u64().unwrap();
    assert!(chunks >= 10 && first["usage"]["embedded"] == chunks, "{first}");
    let again = case.put("long", &text).await;
    let result = [&again["state"], &again["added"], &again["removed"], &again["usage"]["embedded"]];
    assert_eq!(result, [&json!("unchanged"), &json!(0), &json!(0), &json!(0)]);
    let edited = case.put("long", &text.replace("number 20", "number twenty")).await;
    assert!(edited["added"].as_u64().unwrap() <= 2 && edited["removed"].as_u64().unwrap() <= 2, "{edited}");
    assert_eq!((&edited["state"], &edited["added"]), (&json!("updated"), &edited["usage"]["embedded"]));
    let back = case.put("long", &text).await;
    assert_eq!((&back["added"], &back["usage"]["embedded"]), (&edited["added"], &json!(0)), "cached vectors");
    let shrunk = case.put("long", &paragraph(0)).await;
    assert_eq!(shrunk["chunks"], 1);
    assert_eq!(case.rows(&case.index_version().await).await, (1, 1), "no orphan");
    let renamed = case.run(&case.accept(json!({"put": {"id": "long", "text": paragraph(0)}})).await).await;
    assert_eq!((&renamed["state"], &renamed["added"]), (&json!("updated"), &json!(0)), "its metadata alone");
}

/// The document that was accepted last wins, in any order of execution and with any concurrency; nothing of the others
/// remains.
pub async fn the_last_accepted_document_wins<S: Store>(stand: &Stand<S>) {
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
    join_all(jobs.chunks(2).map(|some| process(stand, &stand.settings, JobQueue::Webhooks, some.to_vec()))).await;
    for job in &jobs {
        case.run(job).await;
    }
    let index_version = case.index_version().await;
    let alone = Indexed::new(stand).await;
    alone.put("book", &text(last)).await;
    assert_eq!(case.rows(&index_version).await, alone.rows(&alone.index_version().await).await);
    let (_, first) = case.found("edition part 1", "keyword").await;
    assert_eq!(first["text"], format!("# Part 1\n\nOf edition {last}, part 1."));
    // A job accepted before a deletion does not restore the document.
    let before = case.accept_put("gone", "It is here.").await;
    let delete = case.accept(json!({"delete": {"id": "gone"}})).await;
    assert_eq!(case.run(&delete).await["state"], "absent");
    assert_eq!(case.run(&before).await["state"], "superseded");
    assert_eq!(case.found("here", "keyword").await.0, [""; 0]);
}

/// Enough chunks are merged into a segment; merged, newer and deleted chunks are searched as if there were no segment.
pub async fn segments_follow_their_chunks<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let text = |from: usize| numbers(from..from + 300);
    case.put("first", &text(0)).await;
    assert_eq!(case.segment().await, None);
    case.put("second", &text(300)).await;
    let made = case.segment().await.expect("a segment");
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
    let gone: Vec<_> = (500..530).map(|n| format!("w{n}x")).collect();
    let found = case.search(json!({"query": gone.join(" "), "mode": "vector"})).await.unwrap();
    assert_eq!(found["hits"].as_array().unwrap().len(), 10, "deleted chunks take no place: {found}");
    assert_eq!(case.segment().await.as_deref(), Some(made.as_str()));
    case.put("first", "# Number 0\n\nEverything else was deleted.").await;
    const { assert!(600 > MERGE_AFTER) };
    let after = case.segment().await.unwrap();
    assert_ne!(after, made);
    assert!(!stand.objects.borrow().contains_key(&made), "no index version uses it");
    assert_eq!(case.found("the word of number 600 is w600x", "vector").await.0, ["third", "first"]);
    // A failing object store prevents only vector search.
    stand.objects_fail.set(true);
    assert_eq!(case.found("everything else was deleted", "keyword").await.0, ["first"]);
    let degraded = case.search(json!({"query": "everything else was deleted"})).await.unwrap();
    assert_eq!((degraded["degraded"].is_null(), &degraded["hits"][0]["document"]), (false, &json!("first")));
    let vectors = case.search(json!({"query": "everything else was deleted", "mode": "vector"})).await;
    stand.objects_fail.set(false);
    assert!(matches!(vectors, Err(Problem::ProviderFailed(_))), "{vectors:?}");
}

/// Chunks deleted since their segment was made take no place among the hits.
pub async fn deleted_chunks_take_no_place_among_the_hits<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    case.put("gone", &numbers(0..30)).await;
    case.put("kept", &numbers(0..300)).await;
    case.put("more", &numbers(300..600)).await;
    case.run(&case.accept(json!({"delete": {"id": "gone"}})).await).await;
    for (limit, mode) in [(1, "vector"), (10, "vector"), (10, "hybrid"), (1, "keyword")] {
        let body = json!({"query": "the word of number 7 is w7x", "mode": mode, "limit": limit});
        let hits = case.search(body).await.unwrap()["hits"].as_array().unwrap().clone();
        assert_eq!(hits.len(), limit, "{mode}");
        assert_eq!((&hits[0]["document"], &hits[0]["heading"]), (&json!("kept"), &json!("Number 7")), "{mode} {limit}");
    }
}

/// A text with more chunks than a document may have is refused, and so is a job for an index that was replaced by
/// another.
pub async fn an_index_refuses_long_documents_and_stale_jobs<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    case.put("guide", GUIDE).await;
    let error = async |change: Value| {
        let job = case.accept(change).await;
        process(stand, &stand.settings, JobQueue::Webhooks, vec![job.clone()]).await;
        let row = stand.row(&job).await;
        row.error.expect("an error").message
    };
    let many = "# A\n\n".repeat(DOCUMENT_CHUNKS_MAX + 500);
    let refused = error(json!({"put": {"id": "guide", "text": many}})).await;
    let expected = format!("The document has more than {DOCUMENT_CHUNKS_MAX} chunks; split it into several documents.");
    assert_eq!(refused, expected);
    assert_eq!(case.found("who holds a lease", "hybrid").await.0[0], "guide", "the old document stays");
    let other = error(json!({"index_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "verify": {"repair": true}})).await;
    assert_eq!(other, "Index \"docs\" was dropped and created again after this job was accepted.");
}

/// A filter reads all documents, over any number of pages.
pub async fn a_filter_reads_every_page<S: Store>(stand: &Stand<S>) {
    let case = Indexed::new(stand).await;
    let sql = "INSERT INTO documents (index_id, id, version, metadata, written_at) WITH RECURSIVE n(i) AS
        (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4001) SELECT ?1, 'a' || i, '0', '{\"length\":1}', 0 FROM n RETURNING ''";
    const { assert!(FILTER_DOCUMENTS_PAGE == 2_000) };
    let index = read_index(stand, &case.0.tenant, INDEX).await.unwrap().id;
    case.plant(sql, &index).await;
    case.put("b", "# Leases\n\nA lease.").await;
    case.put("c", "# Leases\n\nA lease, and more of it.").await;
    let body = json!({"query": "lease", "filter": {"length": {"gt": 20}}});
    let hits = case.search(body).await.unwrap()["hits"].as_array().unwrap().clone();
    assert_eq!(hits.iter().map(|hit| &hit["document"]).collect::<Vec<_>>(), ["c"]);
}

/// An export contains each index of the tenant and each document once, as it was sent; with few calls it takes more
/// requests.
pub async fn documents_are_exported<S: Store>(stand: &Stand<S>) {
    let (case, other) = (Indexed::new(stand).await, Indexed::new(stand).await);
    other.put("theirs", GUIDE).await;
    let body = json!({"provider": "builtin"}).to_string();
    for name in ["a", "z"] {
        put_index(stand, &operator(stand), &stand.settings, &case.0.tenant, name, body.as_bytes()).await.unwrap();
    }
    let ids: Vec<String> = (10..27).map(|n| format!("guide/{n}")).collect();
    for id in &ids {
        case.put(id, &format!("# {id}\n\nOf {id}.")).await;
    }
    case.run(&case.accept(json!({"delete": {"id": "guide/12"}})).await).await;
    let all = exported(&case.0, PAID).await;
    let of =
        |lines: &[Value], kind: &str| lines.iter().filter(|line| line["type"] == kind).cloned().collect::<Vec<_>>();
    let names: Vec<_> = of(&all, "index").iter().map(|index| index["name"].clone()).collect();
    assert_eq!(names, ["a", INDEX, "z"]);
    let documents = of(&all, "document");
    let shown: Vec<_> = documents.iter().map(|document| document["id"].as_str().unwrap()).collect();
    assert_eq!(shown, ids.iter().filter(|id| *id != "guide/12").collect::<Vec<_>>());
    let first = &documents[0];
    assert_eq!((&first["text"], &first["index"]), (&json!("# guide/10\n\nOf guide/10."), &json!(INDEX)));
    assert_eq!((&first["metadata"], &first["source"]), (&json!({"length": 24}), &json!("tests")));
    assert!(all.iter().all(|line| line["tenant"] == case.0.tenant.as_str()));
    let few = exported(&case.0, Plan { export_calls: 3, ..PAID }).await;
    assert_eq!((of(&few, "index"), of(&few, "document")), (of(&all, "index"), documents));
}

/// A dropped index is not searched and is deleted completely; a new index of the same name shares nothing with it.
pub async fn a_dropped_index_is_deleted_in_steps<S: Store>(stand: &Stand<S>) {
    let (case, neighbour) = (Indexed::new(stand).await, Indexed::new(stand).await);
    neighbour.put("guide", GUIDE).await;
    case.put("guide", GUIDE).await;
    let text = |from: usize| numbers(from..from + 400);
    case.put("long", &text(0)).await;
    case.put("longer", &text(400)).await;
    let index_version = case.index_version().await;
    let index = read_index(stand, &case.0.tenant, INDEX).await.unwrap().id;
    let late = json!({"index_id": index, "put": {"id": "late", "text": "It was accepted before the end."}});
    let late = case.accept(late).await;
    drop_index(stand, &operator(stand), &case.0.tenant, INDEX).await.unwrap();
    assert_eq!(
        drop_index(stand, &operator(stand), &case.0.tenant, INDEX).await,
        Err(Problem::not_found("Index", INDEX))
    );
    assert_eq!(case.search(json!({"query": "lease"})).await, Err(Problem::not_found("Index", INDEX)));
    case.make().await;
    assert_eq!(case.run(&late).await["state"], "superseded", "the job was for the dropped index");
    assert_eq!(case.found("lease", "hybrid").await.0, [""; 0]);
    let rest = "SELECT CAST((SELECT count(*) FROM documents WHERE index_id = ?1)
        + (SELECT count(*) FROM index_versions WHERE index_id = ?1) AS TEXT)";
    let mut pieces = 0;
    while case.number(rest, &index).await > 0 {
        clear(stand).await.unwrap();
        pieces += 1;
        assert!(pieces < 100, "{pieces}");
    }
    assert!(pieces > 1, "800 chunks are not one piece");
    assert_eq!(case.rows(&index_version).await, (0, 0));
    assert!(stand.objects.borrow().keys().all(|key| !key.contains(&index_version)), "no object either");
    assert_eq!(neighbour.found("lease", "hybrid").await.0[0], "guide");
}

/// An erased tenant has no index and no cached vector left; other tenants keep theirs.
pub async fn an_erased_tenant_has_no_index<S: Store>(stand: &Stand<S>) {
    let (case, neighbour) = (Indexed::new(stand).await, Indexed::new(stand).await);
    case.put("guide", GUIDE).await;
    neighbour.put("guide", GUIDE).await;
    let kept = "SELECT CAST(count(*) AS TEXT) FROM vectors WHERE tenant = ?1";
    assert_eq!(case.number(kept, &case.0.tenant).await, 2);
    erase_tenant(stand, &case.0.tenant, 0).await.unwrap();
    assert!(case.search(json!({"query": "lease"})).await.is_ok(), "the index is newer than the erasure");
    erase_tenant(stand, &case.0.tenant, i64::MAX).await.unwrap();
    erase_tenant(stand, &case.0.tenant, i64::MAX).await.unwrap();
    assert_eq!(case.search(json!({"query": "lease"})).await, Err(Problem::not_found("Index", INDEX)));
    assert_eq!((case.number(kept, &case.0.tenant).await, case.number(kept, &neighbour.0.tenant).await), (0, 2));
    assert_eq!(neighbour.found("lease", "hybrid").await.0[0], "guide");
}
