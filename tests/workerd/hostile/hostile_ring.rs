//! Every kind of hostile receiver at once, beside healthy ones: each attempt ends in time with its class and readable
//! evidence, memory stays within bounds, and other jobs are not affected.

use futures_util::future::join;
use futures_util::{StreamExt, stream};
use longshore::limits::RESPONSE_HEADERS_MAX;
use longshore::wire::time::parse_rfc3339;
use longshore_kit::client::{Answer, eventually};
use longshore_kit::raw_receiver::RawReceiver;
use serde_json::{Value, json};

use crate::support::hostile_kinds::{DEADLINE_SECONDS, End, Kind, healthy_kinds, kinds};
use crate::support::memory::Memory;
use crate::support::tenant::{SOON, Tenant};
use crate::support::world::alone;

/// Hostile receivers at once, and as many jobs to healthy ones.
const AT_ONCE: usize = 16;
/// Jobs to a healthy receiver that run beside the hostile ones.
const NEIGHBOURS: usize = 30;
/// Memory limit of one instance. The whole process of workerd, with the stores and queues of a local run, may not grow
/// by more; as many good receivers cost most of that, because nothing limits its garbage here.
const GROWTH_KIB_MAX: u64 = 128 * 1024;
/// Largest answer of the API about one attempt: two bodies of 64 KiB, six bytes for each control character, and their
/// headers.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

#[test]
fn hostile_receivers_do_not_affect_other_jobs() {
    alone(
        "hostile",
        |_| {},
        async |world| {
            let (tenant, neighbour) = (world.tenant().await, world.tenant().await);
            let webhook = neighbour.webhook("/ok");
            let attacked = async |kinds: &[Kind]| {
                let attacks =
                    stream::iter(kinds).map(|kind| attack(&tenant, kind)).buffered(AT_ONCE).collect::<Vec<_>>();
                let healthy = stream::iter(0..NEIGHBOURS).map(|_| neighbour.complete(&webhook)).buffered(AT_ONCE);
                join(attacks, healthy.collect::<Vec<_>>()).await
            };
            let kinds = kinds();
            // As many harmless receivers run first, so that later growth is caused by the hostile ones.
            let (flaws, _) = attacked(&healthy_kinds(kinds.len())).await;
            assert_eq!(flaws.concat(), [""; 0]);
            let memory = Memory::of(world.runner.workerd_pid().await);
            let (flaws, jobs) = attacked(&kinds).await;
            let growth = memory.growth_kib();
            println!("{} kinds; workerd grew by {growth} KiB from {} KiB", kinds.len(), memory.before_kib);
            let flaws: Vec<String> = flaws.into_iter().flatten().collect();
            assert!(flaws.is_empty(), "{} of {} kinds: {flaws:#?}", flaws.len(), kinds.len());
            for job in jobs {
                assert_eq!((&job["state"], &job["attempts"]), (&json!("succeeded"), &json!(1)), "{job}");
            }
            assert_eq!(neighbour.received().len(), 2 * NEIGHBOURS);
            assert!(growth < GROWTH_KIB_MAX, "workerd grew by {growth} KiB from {} KiB", memory.before_kib);
            assert!(!world.log().contains("\x1b]0;owned"), "a receiver reached the operator's terminal");
        },
    );
}

/// Sends one job to such a receiver. Returns the flaws of its end, each with the kind's name.
async fn attack(tenant: &Tenant<'_>, kind: &Kind) -> Vec<String> {
    let receiver = RawReceiver::play(kind.steps.clone()).await.unwrap();
    let payload = json!({"url": receiver.url("/hook"), "body": {"n": 1}, "timeout_seconds": DEADLINE_SECONDS});
    let id = tenant.accept(&json!({"kind": "webhook", "payload": payload, "max_attempts": 1})).await;
    let job = eventually(SOON, async || {
        // Long polls with few requests: the test does not measure the cost of many reads.
        let job = tenant.read(&format!("/v1/jobs/{id}?wait=3")).await;
        (!job["finished_at"].is_null() || job["state"] == "retrying").then_some(job)
    });
    let Some(job) = job.await else { return vec![format!("{}: the job does not end", kind.name)] };
    let paths = ["", "/attempts", "/attempts/1/evidence"].map(|path| format!("/v1/jobs/{id}{path}"));
    let [shown, attempts, evidence] = paths.each_ref().map(|path| tenant.api.get(path));
    let (shown, (attempts, evidence)) = join(shown, join(attempts, evidence)).await;
    let answers = [shown.unwrap(), attempts.unwrap(), evidence.unwrap()];
    let mut flaws: Vec<String> = answers.iter().filter_map(flaw_of_answer).collect();
    flaws.extend(flaws_of_end(kind, &job, &answers[1].body["data"][0], &answers[2].body));
    // A destination that asks for a second is called again after it, before the job is cancelled.
    let (least, most) = match kind.end {
        _ if kind.steps.is_empty() => (0, 0),
        End::Waits(..) => (1, usize::MAX),
        _ => (1, 1),
    };
    if !(least..=most).contains(&receiver.requests().len()) {
        flaws.push(format!("{} requests", receiver.requests().len()));
    }
    if job["state"] == "retrying" {
        assert_eq!(tenant.act(&format!("/v1/jobs/{id}/cancel")).await.status, 200);
    }
    flaws.into_iter().map(|flaw| format!("{}: {flaw}", kind.name)).collect()
}

/// Checks that text from a receiver can be read, is bounded, and has no terminal controls.
fn flaw_of_answer(answer: &Answer) -> Option<String> {
    let controls = answer.text.bytes().any(|byte| byte < 0x20 || byte == 0x7f);
    let wrong = answer.status != 200 || !answer.body.is_object() || controls || answer.text.len() > ANSWER_BYTES_MAX;
    let begin: String = answer.text.chars().take(500).collect();
    wrong.then(|| format!("{} {} bytes {begin:?}", answer.status, answer.text.len()))
}

fn flaws_of_end(kind: &Kind, job: &Value, attempt: &Value, evidence: &Value) -> Vec<String> {
    let mut flaws = Vec::new();
    let mut expect = |what: &str, got: &Value, wanted: Value| {
        if *got != wanted {
            flaws.push(format!("{what} is {got} and not {wanted}; {}", evidence["error"]));
        }
    };
    let (state, class, attempt_state) = match &kind.end {
        End::Succeeded | End::Unread => ("succeeded", Value::Null, "succeeded"),
        End::Unfinished => ("dead", json!("timeout"), "failed"),
        End::Dead(class) => ("dead", json!(class), "failed"),
        End::Waits(..) => ("retrying", json!("http_429"), "failed"),
    };
    expect("the state", &job["state"], json!(state));
    expect("the class", &job["error"]["class"], class.clone());
    expect("the attempt's state", &attempt["state"], json!(attempt_state));
    expect("the attempt's class", &attempt["error"]["class"], class.clone());
    expect("the evidence's class", &evidence["error"]["class"], class.clone());
    expect("the evidence's place", &attempt["evidence"]["state"], json!("stored"));
    let kept = evidence["response"]["headers"].as_array().map_or(0, Vec::len);
    expect("a bounded number of headers", &json!(kept <= RESPONSE_HEADERS_MAX), json!(true));
    expect("the evidence's body", &evidence["request"]["body"], json!(r#"{"n":1}"#));
    // A receiver that answered is shown with a status; any other without one.
    let answered = kind.end == End::Unfinished || !["connect", "timeout"].contains(&class.as_str().unwrap_or_default());
    expect("a response", &json!(evidence["response"]["status"].is_u64()), json!(answered));
    expect("a response in the list", &json!(attempt["response"]["status"].is_u64()), json!(answered));
    let is_truncated = matches!(kind.end, End::Unread | End::Unfinished);
    expect("a broken body", &json!(evidence["response"]["body_error"].is_string()), json!(is_truncated));
    expect("a broken body in the list", &attempt["response"]["body_error"], evidence["response"]["body_error"].clone());
    let duration_ms = attempt["duration_ms"].as_u64().unwrap_or(u64::MAX);
    expect("in time", &json!(duration_ms <= (DEADLINE_SECONDS + 1) * 1_000), json!(true));
    if let End::Waits(least, most) = kind.end {
        let at = |value: &Value| parse_rfc3339(value.as_str().unwrap_or_default()).unwrap_or(0);
        let wait = (at(&attempt["retry_at"]) - at(&attempt["started_at"])) / 1_000;
        let within = (least..=most + i64::try_from(DEADLINE_SECONDS).unwrap_or(0)).contains(&wait);
        expect(&format!("a wait of {wait} s"), &json!(within), json!(true));
    }
    flaws
}
