//! Bulk requests: jobs sent as lines and lists read as lines, also over a broken connection.

use std::collections::BTreeSet;
use std::time::Duration;

use longshore_kit::client::{Answer, eventually};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::support::refusal::{NOT_JSON, UNAUTHENTICATED, assert_problem, assert_refused, invalid};
use crate::support::tenant::{SOON, Tenant, id_of};
use crate::support::world::{alone, shared};

const LINES: (&str, &str) = ("content-type", "application/x-ndjson");
const WANTS_LINES: (&str, &str) = ("accept", "application/x-ndjson");

/// A job that waits for a year, so that a test of thousands tests the intake alone.
fn later(tenant: &Tenant<'_>) -> Value {
    let mut job = tenant.webhook("/ok");
    (job["delay_seconds"], job["group"]) = (json!(31_000_000), json!("import"));
    job
}

async fn send(tenant: &Tenant<'_>, key: Option<&str>, body: Vec<u8>) -> Answer {
    let key = key.map(|key| ("idempotency-key", key));
    let headers: Vec<_> = [LINES].into_iter().chain(key).collect();
    tenant.api.request("POST", "/v1/jobs/batch", &headers, body).await.unwrap()
}

fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/x-ndjson")), "{}", answer.text);
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Blank lines do not end the body, however many there are.
#[test]
fn lines_behind_megabytes_of_blank_ones_are_accepted() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let good = later(&tenant).to_string();
        let blank = format!("{}\n", " ".repeat(99)).repeat(25_000);
        let body = format!("{blank}{good}\n{blank}{good}\n{blank}");
        let answers = lines(&send(&tenant, None, body.into_bytes()).await);
        let (last, results) = answers.split_last().unwrap();
        assert_eq!((&last["summary"]["accepted"], &last["problem"]), (&json!(2), &Value::Null), "{last}");
        let numbers: Vec<_> = results.iter().map(|result| result["index"].as_u64().unwrap()).collect();
        assert_eq!(numbers, [25_000, 50_001]);
    });
}

/// Ten thousand lines, some of them bad: each gets a separate result, and a repeat adds nothing.
#[test]
fn each_line_is_accepted_or_refused_by_itself() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let good = later(&tenant).to_string();
        let mut body: Vec<Vec<u8>> = vec![good.clone().into_bytes(); 10_000];
        body[7] = b"{\"kind\":".to_vec();
        body[8] = Vec::new();
        body[9] = b" \r".to_vec();
        body[600] = b"\xff\xfe".to_vec();
        body[601] = json!({"kind": "webhook", "payload": {"url": "https://10.0.0.1/"}}).to_string().into_bytes();
        body[602] = vec![b'x'; 2 * 1024 * 1024];
        body[603] = format!("{good}\r").into_bytes();
        let body = body.join(&b'\n');
        let answers = lines(&send(&tenant, Some("import-1"), body.clone()).await);
        let (last, results) = answers.split_last().unwrap();
        let expected = json!({"accepted": 9_994, "duplicates": 0, "rejected": 4});
        assert_eq!((&last["summary"], &last["problem"]), (&expected, &Value::Null), "{last}");
        let numbers: Vec<_> = results.iter().map(|result| result["index"].as_u64().unwrap()).collect();
        let wanted: Vec<_> = (0..10_000).filter(|index| ![8, 9].contains(index)).collect();
        assert_eq!(numbers, wanted, "one result per line, in order");
        let of = |index: u64| &results[numbers.binary_search(&index).unwrap()];
        for (index, status) in [(6, 202), (7, 400), (600, 400), (601, 422), (602, 413), (603, 202), (9_999, 202)] {
            assert_eq!(of(index)["status"], status, "{}", of(index));
        }
        assert_problem("601", &of(601)["problem"], invalid("#/payload/url", "destination-blocked"));
        assert_eq!(tenant.count_jobs().await, 9_994);
        let repeated = lines(&send(&tenant, Some("import-1"), body).await);
        let expected = json!({"accepted": 0, "duplicates": 9_994, "rejected": 4});
        assert_eq!(repeated.last().unwrap()["summary"], expected);
        assert!(repeated.iter().zip(&answers).all(|(again, first)| again["id"] == first["id"]));
        assert_eq!(tenant.count_jobs().await, 9_994);
        let group = tenant.read("/v1/groups/import").await;
        let counts = json!({"id": "import", "tenant": tenant.name, "total": 9_994, "open": 9_994, "succeeded": 0, "dead": 0,
            "replayed": 0, "cancelled": 0, "created_at": group["created_at"], "finished_at": null, "closed_at": null,
            "finished": false, "on_finished": null});
        assert_eq!(group, counts);
    });
}

/// A connection whose body is chunked by hand.
struct Chunks(TcpStream);

impl Chunks {
    async fn open(tenant: &Tenant<'_>, token: &str, key: &str) -> Chunks {
        let mut stream = TcpStream::connect(tenant.world.runner.url().trim_start_matches("http://")).await.unwrap();
        let head = format!(
            "POST /v1/jobs/batch HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
             idempotency-key: {key}\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        Chunks(stream)
    }

    async fn write(&mut self, bytes: &[u8]) {
        let chunk = [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        self.0.write_all(&chunk).await.unwrap();
    }

    /// Reads until this text has arrived.
    async fn read_until(&mut self, text: &str) -> String {
        let mut bytes = Vec::new();
        let read = async {
            while !String::from_utf8_lossy(&bytes).contains(text) {
                assert!(self.0.read_buf(&mut bytes).await.unwrap() > 0, "{}", String::from_utf8_lossy(&bytes));
            }
        };
        timeout(Duration::from_secs(20), read).await.expect("an answer comes");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// A line is durable and answered before the next ones are written.
#[test]
fn a_line_is_answered_before_the_next_is_sent() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let (_, token) = world.key(&tenant.name, &["jobs:write"]).await;
        let line = format!("{}\n", tenant.webhook("/ok"));
        let mut chunks = Chunks::open(&tenant, &token, "slow").await;
        for index in 0..3 {
            // A line may arrive in several chunks.
            let (one, other) = line.as_bytes().split_at(20);
            chunks.write(one).await;
            chunks.write(other).await;
            let answer = chunks.read_until("\"status\":202").await;
            assert!(answer.contains(&format!("\"index\":{index}")), "{answer}");
            assert_eq!(tenant.count_jobs().await, index + 1);
        }
        chunks.0.write_all(b"0\r\n\r\n").await.unwrap();
        let answer = chunks.read_until("\"summary\"").await;
        assert!(answer.contains("\"accepted\":3"), "{answer}");
        let delivered = eventually(SOON, async || (tenant.received().len() == 3).then_some(())).await;
        assert!(delivered.is_some(), "{} of 3", tenant.received().len());
    });
}

/// The connection breaks at any byte: only complete lines may create a job, and a repeat completes the rest.
#[test]
fn a_broken_connection_adds_nothing_twice() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let (_, token) = world.key(&tenant.name, &["jobs:write"]).await;
        let line = format!("{}\n", later(&tenant));
        let body = line.repeat(40);
        for (round, truncated) in
            [1, line.len() - 1, line.len(), line.len() + 1, 7 * line.len() + 9, body.len() - 1].into_iter().enumerate()
        {
            let key = format!("truncated-{round}");
            let mut chunks = Chunks::open(&tenant, &token, &key).await;
            chunks.write(&body.as_bytes()[..truncated]).await;
            if truncated > line.len() {
                chunks.read_until("\"status\":202").await;
            }
            drop(chunks);
            let answers = lines(&send(&tenant, Some(&key), body.clone().into_bytes()).await);
            let summary = &answers.last().unwrap()["summary"];
            let count = |name: &str| summary[name].as_u64().unwrap();
            assert_eq!((count("accepted") + count("duplicates"), count("rejected")), (40, 0), "{truncated}: {summary}");
            assert_eq!(tenant.count_jobs().await, 40 * (round as u64 + 1), "truncated after {truncated} bytes");
        }
    });
}

/// A caller without the rights is refused before a line is read.
#[test]
fn a_refused_bulk_request_reads_nothing() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let body = later(&tenant).to_string().into_bytes();
        for (token, status) in [(world.key(&tenant.name, &["jobs:read"]).await.1, 403), (String::new(), 401)] {
            let api = world.anyone.with_key(&token);
            let answer = api.request("POST", "/v1/jobs/batch", &[LINES], body.clone()).await.unwrap();
            assert_eq!((answer.status, answer.header("content-type")), (status, Some("application/problem+json")));
        }
        let all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
        let answer = all.request("POST", "/v1/jobs/batch", &[LINES], body).await.unwrap();
        assert_eq!(answer.body["type"], "urn:problem-type:longshore:invalid-header", "{}", answer.text);
        let empty = tenant.api.request("POST", "/v1/jobs/batch", &[LINES], Vec::new()).await.unwrap();
        assert_refused("no body", &empty, NOT_JSON);
        assert_eq!(tenant.count_jobs().await, 0);
    });
}

/// A bulk request on the free plan ends before the platform would end it, and reports the last line.
#[test]
fn a_bulk_request_ends_at_the_limit_of_its_plan() {
    alone(
        "bulk-free",
        |options| "free".clone_into(&mut options.plan),
        async |world| {
            let tenant = world.tenant().await;
            let body = format!("{}\n", later(&tenant)).repeat(4_600);
            let answers = lines(&send(&tenant, None, body.into_bytes()).await);
            let (last, results) = answers.split_last().unwrap();
            let read = results.len() as u64;
            assert!(read <= 4_500, "{read}");
            assert_eq!(tenant.count_jobs().await, read);
            assert_eq!(last["problem"]["type"], "urn:problem-type:longshore:too-large", "{last}");
            assert!(last["problem"]["detail"].as_str().unwrap().starts_with(&format!("Line {} ", read + 1)), "{last}");
            let mut exported = BTreeSet::new();
            let mut path = "/v1/jobs".to_owned();
            for more in [true, false] {
                let mut part = lines(&tenant.api.request("GET", &path, &[WANTS_LINES], Vec::new()).await.unwrap());
                let cursor = part.last().unwrap()["next_cursor"].as_str().map(str::to_owned);
                assert_eq!(cursor.is_some(), more, "{} lines", part.len());
                if let Some(cursor) = cursor {
                    part.pop();
                    path = format!("/v1/jobs?cursor={cursor}");
                }
                exported.extend(part.iter().map(id_of));
            }
            assert_eq!(exported.len() as u64, read);
        },
    );
}

/// A list is exported whole, one item a line, without items of other tenants.
#[test]
fn a_list_is_exported_whole() {
    shared(async |world| {
        let (tenant, other) = (world.tenant().await, world.tenant().await);
        other.accept(&later(&other)).await;
        let body = format!("{}\n", later(&tenant)).repeat(450);
        let accepted = lines(&send(&tenant, None, body.into_bytes()).await);
        let ids: BTreeSet<String> = accepted[..450].iter().map(id_of).collect();
        let export = async |path: &str| {
            let answer = tenant.api.request("GET", path, &[WANTS_LINES], Vec::new()).await.unwrap();
            lines(&answer)
        };
        let jobs = export("/v1/jobs").await;
        assert!(jobs.is_sorted_by(|one, next| one["id"].as_str() > next["id"].as_str()), "the newest first, each once");
        assert_eq!(jobs.iter().map(id_of).collect::<BTreeSet<_>>(), ids);
        assert_eq!(export("/v1/jobs?group=import&state=scheduled").await, jobs);
        assert_eq!(export("/v1/jobs?state=dead").await, [] as [Value; 0]);
        for name in ["a", "b"] {
            tenant.endpoint(name, "/ok", json!({})).await;
        }
        for list in ["/v1/endpoints", "/v1/schedules", "/v1/dead-letters", "/v1/keys"] {
            assert_eq!(json!(export(list).await), tenant.read(list).await["data"], "{list}");
        }
        let limited = tenant.api.request("GET", "/v1/jobs?limit=5", &[WANTS_LINES], Vec::new()).await.unwrap();
        assert_eq!((limited.status, &limited.body["errors"][0]["pointer"]), (400, &json!("limit")), "{}", limited.text);
        let keyless = world.anyone.request("GET", "/v1/jobs", &[WANTS_LINES], Vec::new()).await.unwrap();
        assert_refused("without a key", &keyless, UNAUTHENTICATED);
        // Browsers list lines after JSON in their Accept header, or not at all.
        let page =
            tenant.api.request("GET", "/v1/jobs", &[("accept", "application/json, */*")], Vec::new()).await.unwrap();
        assert!(page.body["next_cursor"].is_string(), "{}", page.text);
    });
}

/// A group is followed to its end, and a replay opens it again.
#[test]
fn a_group_is_followed_to_its_end() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let (mut good, mut bad) = (tenant.webhook("/ok"), tenant.webhook("/status/500"));
        (good["group"], bad["group"], bad["max_attempts"]) = (json!("nightly"), json!("nightly"), json!(1));
        assert_eq!(tenant.api.get("/v1/groups/nightly").await.unwrap().status, 404);
        tenant.accept_all(&[vec![good; 30], vec![bad]].concat()).await;
        let finished = async || {
            let ended = eventually(SOON, async || {
                let group = tenant.read("/v1/groups/nightly").await;
                (!group["finished_at"].is_null()).then_some(group)
            });
            ended.await.expect("it ends")
        };
        let count = |group: &Value| {
            ["total", "open", "succeeded", "dead", "replayed"].map(|name| group[name].as_u64().unwrap())
        };
        assert_eq!(count(&finished().await), [31, 0, 30, 1, 0]);
        let dead = tenant.read("/v1/dead-letters").await["data"][0].clone();
        assert_eq!(tenant.act(&format!("/v1/dead-letters/{}/replay", id_of(&dead))).await.status, 202);
        let ended = eventually(SOON, async || {
            let group = tenant.read("/v1/groups/nightly").await;
            (count(&group) == [32, 0, 30, 1, 1]).then_some(())
        });
        assert!(ended.await.is_some(), "{}", tenant.read("/v1/groups/nightly").await);
    });
}

/// A closed group sends one signed webhook when its last job has ended, and none when a later job ends.
#[test]
fn a_closed_group_sends_one_webhook() {
    shared(async |world| {
        let tenant = world.tenant().await;
        tenant.endpoint("done", "/ok", json!({})).await;
        let mut job = tenant.webhook("/ok");
        (job["delay_seconds"], job["group"]) = (json!(2), json!("nightly"));
        let jobs = tenant.accept_all(&vec![job.clone(); 3]).await;
        let close = json!({"on_finished": {"endpoint": "done"}});
        let mut on_finished = json!({"endpoint": "done", "job": null, "error": null});
        for _ in 0..2 {
            let closed = tenant.api.post("/v1/groups/nightly/close", &close).await.unwrap();
            assert_eq!((closed.status, &closed.body["on_finished"]), (200, &on_finished), "{}", closed.body);
        }
        for id in &jobs {
            tenant.ended(id).await;
        }
        let made = tenant.read("/v1/groups/nightly").await["on_finished"]["job"].clone();
        assert_eq!(tenant.ended(made.as_str().unwrap()).await["state"], "succeeded");
        on_finished["job"] = made;
        let late = tenant.accept(&job).await;
        assert_eq!(tenant.read("/v1/groups/nightly").await["finished"], false);
        tenant.ended(&late).await;
        let group = tenant.read("/v1/groups/nightly").await;
        assert_eq!((&group["finished"], &group["on_finished"]), (&json!(true), &on_finished));
        let events = tenant.received().into_iter().map(|request| serde_json::from_slice(&request.body).unwrap());
        let events: Vec<Value> = events.filter(|body: &Value| body["type"] == "longshore.group.finished").collect();
        let [event] = &events[..] else { panic!("one webhook: {events:?}") };
        let data = json!({"group": "nightly", "total": 3, "succeeded": 3, "dead": 0, "replayed": 0, "cancelled": 0});
        assert_eq!(event["data"], data);
    });
}

/// `?wait=` answers as soon as the last job has ended, and with open jobs when the time is over.
#[test]
fn a_group_is_waited_for() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let accept = async |delay: u32| {
            let mut job = tenant.webhook("/ok");
            (job["delay_seconds"], job["group"]) = (json!(delay), json!("waited-for"));
            tenant.accept(&job).await
        };
        let wait = async |seconds: u32| {
            let began = Instant::now();
            let group = tenant.read(&format!("/v1/groups/waited-for?wait={seconds}")).await;
            (group, began.elapsed())
        };
        let later = accept(600).await;
        let (group, took) = wait(2).await;
        assert!(took >= Duration::from_secs(2) && group["finished_at"].is_null(), "{took:?}: {group}");
        assert_eq!(tenant.act(&format!("/v1/jobs/{later}/cancel")).await.status, 200);
        accept(2).await;
        let (group, took) = wait(30).await;
        assert!(took < Duration::from_secs(25) && group["finished_at"].is_string(), "{took:?}: {group}");
        assert_eq!(
            ["total", "open", "succeeded", "cancelled"].map(|name| group[name].as_u64()),
            [2, 0, 1, 1].map(Some)
        );
        assert_eq!(tenant.api.get("/v1/groups/none?wait=30").await.unwrap().status, 404);
    });
}
