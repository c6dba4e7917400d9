//! Bulk requests of callers who send everything before they read anything, as Python's `http.client` does, or never read.

use std::time::Duration;

use longshore_tests::client::eventually;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::memory::Memory;
use crate::routes::index;
use crate::tenant::{SOON, Tenant};
use crate::world::alone;

/// Their answers are 20 MB, more than all buffers between the Worker and the caller.
const LINES: usize = 200_000;
/// One line of so many is no JSON.
const BAD_EVERY: usize = 1_000;
/// Lines of one write.
const AT_ONCE: usize = 1_000;
/// What the whole answer of [`LINES`] lines takes, and a body of them twice: a Worker that kept either would be above it.
const GROWTH_KIB_MAX: u64 = 64 * 1024;
const DONE_WITHIN: Duration = Duration::from_mins(10);

/// Sends all lines and reads nothing meanwhile.
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
    timeout(DONE_WITHIN, sent).await.expect("the intake waits for no reader");
    stream
}

/// Reads the answer: its head, and its lines out of their chunks.
async fn read(mut stream: TcpStream) -> (String, Vec<Value>) {
    let mut bytes = Vec::new();
    let read = async {
        while !bytes.ends_with(b"\r\n0\r\n\r\n") {
            assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the answer breaks off");
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

/// A job that waits for a year, so that the intake alone is busy.
fn job_at(tenant: &Tenant<'_>) -> impl Fn(usize) -> String {
    let mut job = tenant.webhook("/ok");
    job["delay_seconds"] = json!(31_000_000);
    let good = job.to_string();
    move |at| if at % BAD_EVERY == 7 { "{\"kind\":".to_owned() } else { good.clone() }
}

/// The caller's answer has the refused lines all, of the accepted ones those that fit, and counts of the rest.
#[test]
fn a_caller_who_reads_last_waits_for_nothing() {
    alone(
        "late-reader",
        |_| {},
        async |world| {
            let tenant = world.tenant().await;
            let warm = read(send(&tenant, "/v1/jobs/batch", "", job_at(&tenant), 2_000).await).await;
            assert_eq!(warm.1.last().unwrap()["unreported"], json!({"accepted": 0, "replayed": 0, "rejected": 0}));
            let memory = Memory::of(world.runner.workerd_pid().await);
            let start = std::time::Instant::now();
            let stream = send(&tenant, "/v1/jobs/batch", "", job_at(&tenant), LINES).await;
            println!("sent after {:?}", start.elapsed());
            let (_, answers) = read(stream).await;
            println!("read after {:?}, growth {} KiB", start.elapsed(), memory.growth_kib());
            let (last, results) = answers.split_last().unwrap();
            let (summary, unreported) = (&last["summary"], &last["unreported"]);
            let bad = LINES / BAD_EVERY;
            let expected = json!({"accepted": LINES - bad, "replayed": 0, "rejected": bad});
            assert_eq!((summary, &last["problem"]), (&expected, &Value::Null), "{last}");
            assert_eq!(count(unreported, "rejected"), 0, "{last}");
            let refused = results.iter().filter(|result| result["status"] == 400).count();
            assert_eq!(refused, bad, "every refused line is told");
            assert_eq!(results.len() - refused + count(unreported, "accepted"), LINES - bad, "{last}");
            assert!(count(unreported, "accepted") > 0, "the answer is not kept whole: {last}");
            assert!(results.is_sorted_by_key(|result| result["index"].as_u64()), "in the order of the lines");
            assert_eq!(tenant.count_jobs().await, (LINES - bad) as u64 + 1_998);
            let growth = memory.growth_kib();
            assert!(growth < GROWTH_KIB_MAX, "{growth} KiB for {LINES} lines");
        },
    );
}
