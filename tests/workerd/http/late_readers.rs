//! Bulk requests of callers who send everything before they read, as Python's `http.client` does, or never read.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::http::routes::index;
use crate::support::memory::Memory;
use crate::support::tenant::Tenant;
use crate::support::world::alone;

/// Lines whose answers are 20 MB, more than all buffers between the Worker and the caller.
const LINES: usize = 200_000;
/// Lines of each request before, which warm up the runtime.
const WARM_LINES: usize = 60_000;
/// Number of these requests. The runtime's memory still grows with the second one, whatever the Worker keeps.
const WARM_REQUESTS: usize = 3;
/// One line in this many is not JSON.
const BAD_EVERY: usize = 1_000;
/// Documents of a request: fewer, and their answers still fill the buffers of sockets.
const DOCUMENTS: usize = 70_000;
/// Lines of one write.
const AT_ONCE: usize = 1_000;
/// Most growth of workerd in KiB: a Worker that kept the whole answer to [`LINES`] lines in Rust and in JavaScript, or two
/// copies of their body, would grow by 40 MB more than the usual 66.
const GROWTH_KIB_MAX: u64 = 96 * 1024;
const DONE_WITHIN: Duration = Duration::from_mins(10);

/// Sends all lines without reading.
async fn send(
    tenant: &Tenant<'_>,
    path: &str,
    headers: &str,
    line: impl Fn(usize) -> String,
    count: usize,
) -> TcpStream {
    let (_, token) = tenant.world.key(&tenant.name, &["jobs:write"]).await;
    let mut stream = TcpStream::connect(tenant.world.runner.url().trim_start_matches("http://")).await.unwrap();
    let lines = |from: usize| (from..count.min(from + AT_ONCE)).map(|at| line(at) + "\n").collect::<String>();
    let length: usize = (0..count).step_by(AT_ONCE).map(|from| lines(from).len()).sum();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{headers}\
         content-type: application/x-ndjson\r\ncontent-length: {length}\r\n\r\n"
    );
    let sent = async {
        stream.write_all(head.as_bytes()).await.unwrap();
        for from in (0..count).step_by(AT_ONCE) {
            stream.write_all(lines(from).as_bytes()).await.unwrap();
        }
    };
    timeout(DONE_WITHIN, sent).await.expect("the intake does not wait for a reader");
    stream
}

/// Reads the answer: its head, and the lines of its chunks.
async fn read(mut stream: TcpStream) -> (String, Vec<Value>) {
    let mut bytes = Vec::new();
    let read = async {
        while !bytes.ends_with(b"\r\n0\r\n\r\n") {
            assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the answer is incomplete");
        }
    };
    timeout(DONE_WITHIN, read).await.expect("the answer ends");
    let text = String::from_utf8(bytes).unwrap();
    let (head, mut chunks) = text.split_once("\r\n\r\n").unwrap();
    let mut body = String::new();
    while let Some((length, rest)) = chunks.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            break;
        }
        body.push_str(&rest[..length]);
        chunks = &rest[length + 2..];
    }
    (head.to_lowercase(), body.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn count(of: &Value, name: &str) -> usize {
    usize::try_from(of[name].as_u64().unwrap()).unwrap()
}

/// A job that waits for a year, so that only the intake is busy.
fn job_at(tenant: &Tenant<'_>) -> impl Fn(usize) -> String {
    let mut job = tenant.webhook("/ok");
    job["delay_seconds"] = json!(31_000_000);
    let good = job.to_string();
    move |at| if at % BAD_EVERY == 7 { "{\"kind\":".to_owned() } else { good.clone() }
}

/// The caller's answer has all refused lines, the accepted ones that fit, and counts of the rest.
#[test]
fn a_caller_who_reads_last_is_not_blocked() {
    alone(
        "late-reader",
        |_| {},
        async |world| {
            let tenant = world.tenant().await;
            // The runtime takes the memory of a busy Worker before the measurement.
            let mut warm = 0;
            for _ in 0..WARM_REQUESTS {
                let (_, before) = read(send(&tenant, "/v1/jobs/batch", "", job_at(&tenant), WARM_LINES).await).await;
                warm += count(&before.last().unwrap()["summary"], "accepted");
            }
            let memory = Memory::of(world.runner.workerd_pid().await);
            let stream = send(&tenant, "/v1/jobs/batch", "", job_at(&tenant), LINES).await;
            let (_, answers) = read(stream).await;
            let (last, results) = answers.split_last().unwrap();
            let (summary, unreported) = (&last["summary"], &last["unreported"]);
            let bad = LINES / BAD_EVERY;
            let expected = json!({"accepted": LINES - bad, "duplicates": 0, "rejected": bad});
            assert_eq!((summary, &last["problem"]), (&expected, &Value::Null), "{last}");
            assert_eq!(count(unreported, "rejected"), 0, "{last}");
            let refused = results.iter().filter(|result| result["status"] == 400).count();
            assert_eq!(refused, bad, "every refused line is reported");
            assert_eq!(results.len() - refused + count(unreported, "accepted"), LINES - bad, "{last}");
            assert!(count(unreported, "accepted") > 0, "the answer is shortened: {last}");
            assert!(results.is_sorted_by_key(|result| result["index"].as_u64()), "in the order of the lines");
            assert_eq!(tenant.count_jobs().await, (LINES - bad + warm) as u64);
            let growth = memory.growth_kib();
            println!("{LINES} lines grew workerd by {growth} KiB from {} KiB", memory.before_kib);
            assert!(growth < GROWTH_KIB_MAX, "{growth} KiB for {LINES} lines");
        },
    );
}

/// The intake skips the lines after the plan's limit, and the caller can read the reason.
#[test]
fn a_caller_who_reads_last_gets_the_limit_of_the_plan() {
    alone(
        "late-reader-free",
        |options| options.plan = "free".to_owned(),
        async |world| {
            let tenant = world.tenant().await;
            let (_, answers) = read(send(&tenant, "/v1/jobs/batch", "", job_at(&tenant), WARM_LINES).await).await;
            let (last, results) = answers.split_last().unwrap();
            assert_eq!(last["problem"]["type"], "urn:problem-type:longshore:too-large", "{last}");
            assert_eq!(last["unreported"], json!({"accepted": 0, "duplicates": 0, "rejected": 0}), "{last}");
            let accepted = count(&last["summary"], "accepted");
            assert!((1..=4_500).contains(&accepted), "{last}");
            assert_eq!(accepted + count(&last["summary"], "rejected"), results.len(), "{last}");
            assert_eq!(tenant.count_jobs().await, accepted as u64);
        },
    );
}

/// Documents use the same intake. A caller who requests a minimal answer gets all refused lines.
#[test]
fn documents_do_not_wait_for_a_reader() {
    alone(
        "late-reader-of-documents",
        |_| {},
        async |world| {
            let tenant = world.tenant().await;
            index(&tenant, "notes").await;
            // No document is indexed during the test, so that only the intake is busy.
            let all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
            assert_eq!(all.request("POST", "/v1/pause", &[], Vec::new()).await.unwrap().status, 200);
            let document = |at: usize| {
                let good = format!(r#"{{"id":"{at}","text":"words"}}"#);
                if at % BAD_EVERY == 7 { "{\"id\":".to_owned() } else { good }
            };
            let path = "/v1/indexes/notes/documents";
            let (_, answers) = read(send(&tenant, path, "", document, DOCUMENTS).await).await;
            let (last, results) = answers.split_last().unwrap();
            let bad = DOCUMENTS / BAD_EVERY;
            assert_eq!(
                last["summary"],
                json!({"accepted": DOCUMENTS - bad, "duplicates": 0, "rejected": bad}),
                "{last}"
            );
            assert_eq!(results.len() + count(&last["unreported"], "accepted"), DOCUMENTS, "{last}");
            let minimal = "Prefer: return=minimal\r\n";
            let (head, answers) = read(send(&tenant, path, minimal, document, 3 * BAD_EVERY).await).await;
            let (last, results) = answers.split_last().unwrap();
            assert!(head.contains("\r\npreference-applied: return=minimal\r\n"), "{head}");
            assert_eq!(results.len(), 3, "only the refused lines: {results:?}");
            assert_eq!(last["unreported"], json!({"accepted": 0, "duplicates": 0, "rejected": 0}), "{last}");
            let batch = json!({"jobs": [tenant.webhook("/ok"), {}]});
            let prefer = [("prefer", "return=minimal")];
            let answer = tenant.api.post_with("/v1/jobs/batch", &prefer, &batch).await.unwrap();
            assert_eq!(answer.header("preference-applied"), Some("return=minimal"));
            assert_eq!(answer.body["summary"], json!({"accepted": 1, "duplicates": 0, "rejected": 1}));
            let results = answer.body["results"].as_array().unwrap();
            assert_eq!((results.len(), &results[0]["index"]), (1, &json!(1)), "{}", answer.body);
        },
    );
}
