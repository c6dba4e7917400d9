//! Indexes on the real Workers: documents arrive as lines, and are found by keyword, by vector, or by both.

use longshore::wire::ndjson::{NDJSON, as_lines};
use longshore_kit::client::{Answer, eventually};
use longshore_stand_ins::provider::Provider;
use serde_json::{Value, json};

use crate::delivery::embeds::beside_a_provider;
use crate::support::refusal::{
    NOT_FOUND, Refusal, TOO_LARGE, assert_problem, assert_refused, invalid, parameter, refusal,
};
use crate::support::tenant::{SOON, Tenant, id_of};
use crate::support::world::shared;

const PROVIDER_FAILED: Refusal = refusal(502, "provider-failed");

async fn put(tenant: &Tenant<'_>, name: &str, index: Value) -> Answer {
    tenant.api.put(&format!("/v1/indexes/{name}"), &index).await.unwrap()
}

/// Creates an index with this provider.
pub(crate) async fn make(tenant: &Tenant<'_>, name: &str, provider: &str) {
    let made = put(tenant, name, json!({"provider": provider})).await;
    assert_eq!((made.status, made.header("location")), (201, Some(&*format!("/v1/indexes/{name}"))), "{}", made.body);
}

/// Sends lines to an index; `name` may end with a query. Returns the result of each line, and the summary.
async fn send(tenant: &Tenant<'_>, name: &str, key: Option<&str>, lines: String) -> (Vec<Value>, Value) {
    let (name, query) = name.split_once('?').unwrap_or((name, ""));
    let path = format!("/v1/indexes/{name}/documents?{query}");
    let headers: Vec<_> =
        [("content-type", NDJSON)].into_iter().chain(key.map(|key| ("idempotency-key", key))).collect();
    let answer = tenant.api.request("POST", &path, &headers, lines.into_bytes()).await.unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(NDJSON)), "{}", answer.text);
    let mut results: Vec<Value> = answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = results.pop().unwrap();
    assert_eq!(answer.header("longshore-group"), summary["group"].as_str(), "{summary}");
    (results, summary)
}

/// Ingests documents, all of which must be accepted, and waits until their group has ended. Returns the results of
/// their jobs.
pub(crate) async fn ingest(tenant: &Tenant<'_>, name: &str, documents: &[Value]) -> Vec<Value> {
    let (results, summary) = send(tenant, name, None, as_lines(documents)).await;
    assert_eq!(summary["summary"]["accepted"], documents.len(), "{summary}");
    finished(tenant, &summary).await;
    let mut told = Vec::new();
    for result in &results {
        let job = tenant.job(&id_of(result)).await;
        assert_eq!(job["state"], "succeeded", "{job}");
        told.push(job["result"].clone());
    }
    told
}

/// Waits until the group of a request has ended, and returns it.
async fn finished(tenant: &Tenant<'_>, summary: &Value) -> Value {
    let path = format!("/v1/groups/{}", summary["group"].as_str().unwrap());
    let ended = eventually(SOON, async || {
        let group = tenant.read(&path).await;
        (!group["finished_at"].is_null()).then_some(group)
    });
    ended.await.expect("the group ends within a minute")
}

pub(crate) async fn search(tenant: &Tenant<'_>, name: &str, asked: &Value) -> Vec<Value> {
    let answer = tenant.api.post(&format!("/v1/indexes/{name}/search"), asked).await.unwrap();
    assert_eq!((answer.status, &answer.body["degraded"]), (200, &Value::Null), "{}", answer.body);
    answer.body["hits"].as_array().unwrap().clone()
}

/// Documents that a keyword search finds, in the order of their names.
async fn documents_with(tenant: &Tenant<'_>, name: &str, words: &str) -> Vec<String> {
    let hits = search(tenant, name, &json!({"query": words, "mode": "keyword", "limit": 100})).await;
    let mut documents: Vec<_> = hits.iter().map(|hit| hit["document"].as_str().unwrap().to_owned()).collect();
    documents.sort();
    documents.dedup();
    documents
}

fn guide(n: usize) -> Value {
    let lang = if n.is_multiple_of(2) { "en" } else { "de" };
    json!({
        "id": format!("guide/{n}"), "source": "https://docs.example.com", "metadata": {"lang": lang, "n": n},
        "text": format!("# Guide\n\nA lease of number{n} ends <unless> its heartbeat comes & goes."),
    })
}

/// Sends thirty documents with two broken lines among them.
async fn guides(tenant: &Tenant<'_>) {
    let mut lines: Vec<String> = (0..30).map(|n| guide(n).to_string()).collect();
    lines.insert(5, r#"{"id": "no text"}"#.to_owned());
    lines.insert(17, r#"{"id": "broken", "#.to_owned());
    let (results, summary) = send(tenant, "guides", None, lines.join("\n")).await;
    assert_eq!(summary["summary"], json!({"accepted": 30, "duplicates": 0, "rejected": 2}), "{summary}");
    assert_problem("no text", &results[5]["problem"], invalid("#/text", "missing-field"));
    assert_eq!(results[17]["status"], 400, "{}", results[17]);
    let group = finished(tenant, &summary).await;
    assert_eq!((&group["total"], &group["succeeded"]), (&json!(30), &json!(30)), "{group}");
}

#[test]
fn documents_are_found_by_words_by_vectors_and_by_both() {
    shared(async |world| {
        let tenant = world.tenant().await;
        make(&tenant, "guides", "builtin").await;
        guides(&tenant).await;
        let index = tenant.read("/v1/indexes/guides").await;
        assert_eq!((&index["documents"], &index["lag"]), (&json!(30), &json!(0)), "{index}");
        assert_eq!(index["serving"]["chunks"], 30, "{index}");

        let found = search(&tenant, "guides", &json!({"query": "number7", "mode": "keyword"})).await;
        assert_eq!((found.len(), &found[0]["document"]), (1, &json!("guide/7")), "{found:?}");
        let hit = &found[0];
        let highlight = hit["highlight"].as_str().unwrap();
        assert!(highlight.contains("<mark>number7</mark> ends &lt;unless&gt; its heartbeat comes &amp; goes"), "{hit}");
        assert_eq!((&hit["metadata"], &hit["vector_score"]), (&json!({"lang": "de", "n": 7}), &Value::Null), "{hit}");
        assert_eq!((&hit["source"], &hit["heading"]), (&json!("https://docs.example.com"), &json!("Guide")), "{hit}");

        let found = search(&tenant, "guides", &json!({"query": "a lease of number7", "mode": "vector"})).await;
        assert_eq!((found.len(), &found[0]["document"]), (10, &json!("guide/7")), "{found:?}");
        assert!(found[0]["keyword_score"].is_null() && found[0]["vector_score"].is_number(), "{}", found[0]);
        let found = search(&tenant, "guides", &json!({"query": "number7 lease", "limit": 3})).await;
        assert_eq!((found.len(), &found[0]["document"]), (3, &json!("guide/7")), "{found:?}");
        assert!(found[0]["keyword_score"].is_number() && found[0]["vector_score"].is_number(), "{}", found[0]);

        for mode in ["keyword", "vector", "hybrid"] {
            for (filter, wanted) in [(json!({"lang": "de"}), 15), (json!({"n": {"gte": 28}}), 2), (json!({"n": 30}), 0)]
            {
                let asked = json!({"query": "lease", "mode": mode, "limit": 100, "filter": filter});
                assert_eq!(search(&tenant, "guides", &asked).await.len(), wanted, "{asked}");
            }
        }
    });
}

#[test]
fn words_are_found_and_highlighted_in_any_script() {
    shared(async |world| {
        let tenant = world.tenant().await;
        make(&tenant, "scripts", "builtin").await;
        let texts = [
            "租约在心跳停止时结束",
            "リースはハートビートが止まると終わる。",
            "สัญญาเช่าสิ้นสุดเมื่อหัวใจหยุดเต้น",
            "Rust言語, C++ and \u{2}Straße\u{3} <b>",
        ];
        let line = |(at, text): (usize, &&str)| json!({"id": at.to_string(), "text": text});
        ingest(&tenant, "scripts", &texts.iter().enumerate().map(line).collect::<Vec<_>>()).await;
        for (query, document, html) in [
            ("心跳", "0", "租约在<mark>心跳</mark>停止时结束"),
            ("心", "0", "租约在<mark>心</mark>跳停止时结束"),
            ("ハートビート", "1", "リースは<mark>ハートビート</mark>が止まると終わる。"),
            ("หัวใจ", "2", "สัญญาเช่าสิ้นสุดเมื่อ<mark>หัวใจ</mark>หยุดเต้น"),
            ("rust", "3", "<mark>Rust</mark>言語, C++ and �Straße� &lt;b&gt;"),
            ("strasse,c++", "3", "Rust言語, <mark>C++</mark> and �<mark>Straße</mark>� &lt;b&gt;"),
        ] {
            let hits = search(&tenant, "scripts", &json!({"query": query, "mode": "keyword"})).await;
            let found: Vec<_> = hits.iter().map(|hit| (&hit["document"], &hit["highlight"])).collect();
            assert_eq!(found, [(&json!(document), &json!(html))], "{query}");
            let hits = search(&tenant, "scripts", &json!({"query": query})).await;
            assert_eq!((&hits[0]["document"], &hits[0]["keyword_score"]), (&json!(document), &json!(1.0)), "{query}");
        }
    });
}

#[test]
fn an_index_is_created_rebuilt_and_deleted() {
    shared(async |world| {
        let tenant = world.tenant().await;
        make(&tenant, "notes", "builtin").await;
        assert_eq!(put(&tenant, "notes", json!({"provider": "builtin"})).await.status, 200);
        let other = put(&tenant, "notes", json!({"provider": "builtin", "chunk_chars": 300})).await;
        assert_eq!((other.status, &other.body["building"]["chunk_chars"]), (202, &json!(300)), "{}", other.body);
        let built = eventually(SOON, async || {
            let index = tenant.read("/v1/indexes/notes").await;
            (index["building"].is_null() && index["serving"]["chunk_chars"] == 300).then_some(())
        });
        assert!(built.await.is_some(), "the new chunks are swapped in");
        let unknown = put(&tenant, "others", json!({"provider": "acme"})).await;
        assert_refused("an unknown provider", &unknown, invalid("#/provider", "unknown-provider"));
        let line = json!({"id": "a", "text": "alpha"});
        ingest(&tenant, "notes", std::slice::from_ref(&line)).await;
        assert_eq!(documents_with(&tenant, "notes", "alpha").await, ["a"]);

        assert_eq!(tenant.api.delete("/v1/indexes/notes").await.unwrap().status, 204);
        let search = tenant.api.post("/v1/indexes/notes/search", &json!({"query": "alpha"})).await.unwrap();
        assert_refused("a search", &search, NOT_FOUND);
        assert_refused("a read", &tenant.api.get("/v1/indexes/notes").await.unwrap(), NOT_FOUND);
        assert_refused("a verification", &tenant.act("/v1/indexes/notes/verify").await, NOT_FOUND);
        let headers = [("content-type", NDJSON)];
        let body = line.to_string().into_bytes();
        let typo = tenant.api.request("POST", "/v1/indexes/notes/documents", &headers, body).await.unwrap();
        assert_refused("documents", &typo, NOT_FOUND);
        assert_refused("a second time", &tenant.api.delete("/v1/indexes/notes").await.unwrap(), NOT_FOUND);

        make(&tenant, "notes", "builtin").await;
        assert_eq!(tenant.read("/v1/indexes/notes").await["documents"], 0);
        assert_eq!(documents_with(&tenant, "notes", "alpha").await, [] as [&str; 0]);
    });
}

/// The last accepted one of two changes wins, in any order of their jobs.
#[test]
fn the_later_line_wins_and_a_deleted_document_is_not_found() {
    shared(async |world| {
        let tenant = world.tenant().await;
        make(&tenant, "notes", "builtin").await;
        let names: Vec<String> = (10..40).map(|n| format!("note-{n}")).collect();
        let lines: Vec<Value> = names
            .iter()
            .flat_map(|name| ["outdated", "current"].map(|word| json!({"id": name, "text": format!("{word} words")})))
            .collect();
        ingest(&tenant, "notes", &lines).await;
        assert_eq!(documents_with(&tenant, "notes", "outdated").await, [] as [&str; 0]);
        assert_eq!(documents_with(&tenant, "notes", "current").await, names);

        let told = ingest(&tenant, "notes", &[json!({"id": names[0], "deleted": true})]).await;
        assert_eq!(told[0]["state"], "deleted", "{}", told[0]);
        assert_eq!(documents_with(&tenant, "notes", "current").await, names[1..]);
        let near = search(&tenant, "notes", &json!({"query": "current", "mode": "vector", "limit": 100})).await;
        assert!(near.len() == 29 && near.iter().all(|hit| hit["document"] != names[0].as_str()), "{near:?}");
        assert_eq!(tenant.read("/v1/indexes/notes").await["documents"], 29);
    });
}

#[test]
fn a_source_is_replaced_by_all_lines_or_not_at_all() {
    shared(async |world| {
        let tenant = world.tenant().await;
        make(&tenant, "site", "builtin").await;
        let page = |id: &str, word: &str| json!({"id": id, "text": format!("{word} words"), "source": "pages"});
        let elsewhere = json!({"id": "other", "text": "more words", "source": "elsewhere"});
        ingest(&tenant, "site", &[page("kept", "old"), page("gone", "old"), elsewhere]).await;
        let replace = async |source: &str, lines: &[Value]| {
            send(&tenant, &format!("site?replace={source}"), Some(source), as_lines(lines)).await.1
        };

        let refused = replace("pages", &[page("kept", "new"), json!({"id": "kept", "deleted": true})]).await;
        assert_eq!((&refused["summary"]["rejected"], &refused["removal"]), (&json!(1), &Value::Null), "{refused}");
        assert_eq!(finished(&tenant, &refused).await["total"], 1);
        assert_eq!(documents_with(&tenant, "site", "words").await, ["gone", "kept", "other"]);

        let lines = [json!({"id": "kept", "text": "newest words"}), json!({"id": "added", "text": "new words"})];
        let replaced = send(&tenant, "site?replace=pages", None, as_lines(&lines)).await.1;
        assert_eq!(replaced["summary"]["accepted"], 2, "{replaced}");
        let group = finished(&tenant, &replaced).await;
        assert_eq!((&group["total"], &group["succeeded"]), (&json!(3), &json!(3)), "{group}");
        let removal = tenant.job(replaced["removal"].as_str().unwrap()).await;
        assert_eq!((&removal["result"]["source"], &removal["result"]["documents"]), (&json!("pages"), &json!(1)));
        assert_eq!(documents_with(&tenant, "site", "words").await, ["added", "kept", "other"]);

        let blank = || "\n\n".to_owned();
        let nothing = send(&tenant, "site?replace=pages", None, blank()).await.1;
        assert_problem("no document", &nothing["problem"], invalid("#", "no-documents"));
        assert_eq!((&nothing["removal"], &nothing["summary"]["accepted"]), (&Value::Null, &json!(0)), "{nothing}");
        assert_eq!(send(&tenant, "site", None, blank()).await.1["problem"], Value::Null, "nothing to remove");
        let path = "/v1/indexes/site/documents?replace=pages";
        let none = tenant.api.request("POST", path, &[("content-type", NDJSON)], Vec::new()).await.unwrap();
        assert!(none.status == 400 && none.text.contains("nothing was removed"), "{}", none.text);
        assert_eq!(documents_with(&tenant, "site", "words").await, ["added", "kept", "other"]);

        let first = replace("elsewhere", &[json!({"id": "more", "text": "words"})]).await;
        let again = replace("elsewhere", &[json!({"id": "more", "text": "words"})]).await;
        assert_eq!((&again["summary"]["duplicates"], &again["removal"]), (&json!(1), &first["removal"]), "{again}");
        let headers = [("content-type", NDJSON)];
        let path = "/v1/indexes/site/documents?replace=";
        let answer = tenant.api.request("POST", path, &headers, b"{}".to_vec()).await.unwrap();
        assert_refused("no source", &answer, parameter("replace", "out-of-range"));
        let path = "/v1/indexes/site/documents?replace=pages&group=mine";
        let answer = tenant.api.request("POST", path, &headers, b"{}".to_vec()).await.unwrap();
        assert_refused("a `group` parameter with a source", &answer, parameter("group", "either-or"));
    });
}

#[test]
fn indexes_of_one_name_never_mix() {
    shared(async |world| {
        let (one, other, third) = (world.tenant().await, world.tenant().await, world.tenant().await);
        for (tenant, word) in [(&one, "apricot"), (&other, "bergamot")] {
            make(tenant, "shared", "builtin").await;
            ingest(tenant, "shared", &[json!({"id": "same", "text": format!("All about the {word}.")})]).await;
        }
        for (tenant, own, foreign) in [(&one, "apricot", "bergamot"), (&other, "bergamot", "apricot")] {
            assert_eq!(documents_with(tenant, "shared", own).await, ["same"]);
            assert_eq!(documents_with(tenant, "shared", foreign).await, [] as [&str; 0]);
            let near = search(tenant, "shared", &json!({"query": foreign, "mode": "vector"})).await;
            assert!(near.iter().all(|hit| hit["text"].as_str().unwrap().contains(own)), "{near:?}");
            assert_eq!(tenant.read("/v1/indexes").await["data"].as_array().unwrap().len(), 1);
        }
        let answer = third.api.post("/v1/indexes/shared/search", &json!({"query": "apricot"})).await.unwrap();
        assert_refused("a stranger's", &answer, NOT_FOUND);
    });
}

/// A line is a document and not a job; a repeat with the same key adds nothing.
#[test]
fn each_refused_line_is_named() {
    shared(async |world| {
        let tenant = world.tenant().await;
        make(&tenant, "notes", "builtin").await;
        let cases = [
            (json!({"id": "a", "text": "b", "kind": "webhook"}), invalid("#/kind", "unknown-field")),
            (json!({"id": "a", "text": "b", "payload": {}}), invalid("#/payload", "unknown-field")),
            (json!({"id": "a", "text": "b", "deleted": true}), invalid("#/deleted", "either-or")),
            (json!({"id": "a", "text": " "}), invalid("#/text", "out-of-range")),
            (json!({"id": "a", "text": "\u{FEFF}\n"}), invalid("#/text", "out-of-range")),
            (json!({"id": "a", "text": "b\u{0}"}), invalid("#/text", "invalid-character")),
            (json!({"id": "", "text": "b"}), invalid("#/id", "out-of-range")),
            (json!({"id": "", "deleted": true}), invalid("#/id", "out-of-range")),
            (json!({"id": "a", "text": "x".repeat(900_000)}), invalid("#/text", "out-of-range")),
            (json!({"id": "a", "text": "x".repeat(2_000_000)}), TOO_LARGE),
        ];
        let mut lines: Vec<Value> = cases.iter().map(|(line, _)| line.clone()).collect();
        lines.push(json!({"id": "good", "text": "words"}));
        let (results, summary) = send(&tenant, "notes", Some("import-1"), as_lines(&lines)).await;
        assert_eq!(summary["summary"], json!({"accepted": 1, "duplicates": 0, "rejected": cases.len()}), "{summary}");
        for (result, (line, expected)) in results.iter().zip(&cases) {
            assert_problem(&line.to_string()[..40.min(line.to_string().len())], &result["problem"], *expected);
        }
        let (again, repeated) = send(&tenant, "notes", Some("import-1"), as_lines(&lines)).await;
        assert_eq!(repeated["summary"], json!({"accepted": 0, "duplicates": 1, "rejected": cases.len()}), "{repeated}");
        assert_eq!((&repeated["group"], &again[cases.len()]["id"]), (&summary["group"], &results[cases.len()]["id"]));
        assert_eq!(finished(&tenant, &summary).await["total"], 1);

        let verify = async || {
            let headers = [("idempotency-key", "verify-1")];
            tenant.api.request("POST", "/v1/indexes/notes/verify", &headers, Vec::new()).await.unwrap()
        };
        let (first, second) = (verify().await, verify().await);
        assert_eq!((first.status, second.header("idempotency-replayed")), (202, Some("true")), "{}", first.body);
        assert_eq!((&first.body["kind"], &first.body["id"]), (&json!("index"), &second.body["id"]));
    });
}

/// Number of texts sent to a provider.
fn asked(provider: &Provider) -> usize {
    provider.asked("good").iter().map(|asked| asked.texts.len()).sum()
}

/// A handbook of forty sections.
fn handbook() -> String {
    let section =
        |n: usize| format!("## Section {n}\n\n{}\n\n", format!("Rule{n} says what is done then. ").repeat(20));
    (0..40).map(section).collect()
}

#[test]
fn unchanged_documents_are_not_embedded_again() {
    beside_a_provider("indexes", async |world, provider| {
        let tenant = world.tenant().await;
        make(&tenant, "books", "good").await;
        let mut documents = vec![json!({"id": "handbook", "text": handbook()})];
        documents.extend((0..5).map(guide));
        let told = ingest(&tenant, "books", &documents).await;
        let chunks = told[0]["chunks"].as_u64().unwrap();
        assert!(chunks > 10, "{}", told[0]);
        let before = asked(provider);
        assert_eq!(before as u64, chunks + 5);

        documents[0]["text"] = json!(handbook().replacen("Rule17 says what", "Rule17 tells what", 1));
        let told = ingest(&tenant, "books", &documents[..1]).await;
        assert_eq!(told[0]["state"], "updated", "{}", told[0]);
        let added = told[0]["added"].as_u64().unwrap();
        assert!((1..=2).contains(&added), "{}", told[0]);
        assert_eq!((asked(provider) - before) as u64, added, "unchanged sections are not embedded again");

        let before = asked(provider);
        for told in ingest(&tenant, "books", &documents).await {
            assert_eq!((&told["state"], &told["usage"]["embedded"]), (&json!("unchanged"), &json!(0)), "{told}");
        }
        assert_eq!(asked(provider), before, "no text was embedded");

        let found = search(&tenant, "books", &json!({"query": "rule17 tells"})).await;
        assert!(found[0]["vector_score"].is_number() || found[0]["keyword_score"].is_number(), "{found:?}");
        // The provider's vectors have no meaning: they may choose another first hit.
        assert!(found[..2].iter().any(|hit| hit["document"] == "handbook"), "{found:?}");
        assert_eq!(asked(provider), before + 1, "a search asks for its query");
        let last = provider.asked("good").pop().unwrap();
        assert_eq!(last.authorization.as_deref(), Some("Bearer embed-secret"));
    });
}

#[test]
fn without_a_vector_keyword_search_answers_with_a_note() {
    beside_a_provider("indexes-degraded", async |world, _| {
        let tenant = world.tenant().await;
        make(&tenant, "books", "short").await;
        let ask = async |mode: &str| {
            let asked = json!({"query": "lease", "mode": mode});
            tenant.api.post("/v1/indexes/books/search", &asked).await.unwrap()
        };
        let hybrid = ask("hybrid").await;
        assert_eq!(hybrid.status, 200, "{}", hybrid.body);
        assert!(hybrid.body["degraded"].as_str().is_some_and(|reason| !reason.is_empty()), "{}", hybrid.body);
        let words = ask("keyword").await;
        assert_eq!((words.status, &words.body["degraded"]), (200, &Value::Null), "{}", words.body);
        assert_refused("vectors alone", &ask("vector").await, PROVIDER_FAILED);
    });
}
