//! Some 200 planted secrets, none of which reaches a sink: the files of D1, R2, the log, or an answer.
//!
//! A job's `url`, `body` and unsealed headers are its payload, and an endpoint's `url` is part of the endpoint: both
//! are stored and shown unchanged. Secrets in them have another prefix and may be only there.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longshore::security::hex;
use longshore_kit::options::{MASTER_KEY, ROOT_TOKEN};
use longshore_kit::raw_receiver::RawReceiver;
use longshore_kit::runner::{Faults, Mode};
use longshore_kit::scratch::Scratch;
use serde_json::{Value, json};

use crate::support::planter::{CONTROL, PAYLOAD, Planter, SECRET};
use crate::support::sinks::{Sink, forms, stores};
use crate::support::tenant::{Tenant, id_of};
use crate::support::world::{World, block_on, options_in};

/// Minimum of planted secrets.
const PLANTED_MIN: usize = 200;

const SECRET_HEADERS: [&str; 22] = [
    "authorization",
    "x-authorization",
    "x-api-key",
    "api-key",
    "apikey",
    "x-auth-token",
    "token",
    "x-amz-security-token",
    "client-secret",
    "X_SECRET",
    "x-password",
    "x-credentials",
    "x-auth-key",
    "x-access-key",
    "x-functions-key",
    "ocp-apim-subscription-key",
    "x-jwt",
    "x-auth",
    "x-session-id",
    "x-otp",
    "x-hub-signature-256",
    "partner-signature",
];
const SECRET_ANSWERS: [&str; 10] = [
    "set-cookie",
    "set-cookie2",
    "authorization",
    "proxy-authorization",
    "x-csrf-token",
    "x-api-key",
    "x-session-secret",
    "x-auth",
    "x-access-key",
    "x-jwt",
];
const SECRET_PARAMETERS: [&str; 9] =
    ["token", "access_token", "api_key", "key", "sig", "X-Amz-Signature", "code", "client_secret", "jwt"];

#[test]
fn no_planted_secret_is_in_any_sink() {
    block_on(async {
        let scratch = Scratch::new("secrets").unwrap();
        let mut options = options_in(&scratch);
        options.faults = true;
        let world = World::start(options).await;
        let tenant = world.tenant().await;
        world.runner.tick_producer().await.unwrap();
        world.runner.tick_consumer().await.unwrap();
        let planter = Planter {
            api: tenant.api.clone(),
            world: &world,
            planted: Cell::new(0),
            numbered: Cell::new(0),
            heard: RefCell::default(),
            shown: RefCell::default(),
        };
        deliver(&planter, &tenant).await;
        send_refused_requests(&planter, &tenant).await;
        reveal(&planter, &tenant).await;
        read_everything(&planter).await;
        let mut sinks = stores(&world, scratch.path()).await;
        let stored = sinks.len();
        sinks.extend(planter.heard.take());
        assert_nothing_leaked(&planter, &sinks);
        assert_the_search_sees(&sinks[..stored], &sinks[stored..]);
        assert_payloads_are_payloads(&world, &sinks[..stored]).await;
        println!(
            "{} secrets planted, {} in payloads, {} shown by design, {} sinks",
            planter.planted.get(),
            planter.numbered.get() - planter.planted.get(),
            planter.shown.borrow().len(),
            sinks.len()
        );
        assert!(planter.planted.get() >= PLANTED_MIN, "{}", planter.planted.get());
        world.runner.stop().await.unwrap();
    });
}

/// A receiver that answers with secrets in its headers; with an endpoint that lists more to hide, also there and in its
/// body.
async fn answering(planter: &Planter<'_>, status: &str, configured: bool) -> RawReceiver {
    let mut lines = vec![format!("HTTP/1.1 {status}"), format!("x-control: {CONTROL}")];
    for name in SECRET_ANSWERS.iter().chain(&["set-cookie"; 3]).chain(configured.then_some(&"x-batch")) {
        lines.push(format!("{name}: {}; Path=/", planter.plant(SECRET)));
    }
    for (header, parameter) in [("location", "token"), ("content-location", "sig")] {
        let secret = planter.plant(SECRET).replace(['"', '\\'], "");
        lines.push(format!("{header}: https://u:{secret}@example.com/x?a=1&{parameter}={secret}#{secret}"));
    }
    let mut body = json!({"control": CONTROL});
    if configured {
        body["card"] = json!(planter.under(SECRET, &["number", "cvc"]));
        body["list"] = json!([planter.plant(SECRET), 1]);
    }
    let body = body.to_string();
    RawReceiver::start(format!("{}\r\ncontent-length: {}\r\n\r\n{body}", lines.join("\r\n"), body.len())).await.unwrap()
}

fn endpoint(planter: &Planter<'_>, url: &str) -> Value {
    json!({
        "url": url, "max_attempts": 1, "headers": planter.under(SECRET, &[&SECRET_HEADERS[..6], &["x-plain", "x-own"]].concat()),
        "redact": {"headers": ["X-Batch"], "body_pointers": ["/card", "/list/0", "/pin"]},
    })
}

fn job(planter: &Planter<'_>, to: (&str, &str)) -> Value {
    let mut headers = planter.under(SECRET, &SECRET_HEADERS[4..]);
    headers.insert("x-control".to_owned(), json!(CONTROL));
    headers.insert("x-batch".to_owned(), json!(planter.plant(PAYLOAD)));
    let body = json!({"pin": planter.plant(PAYLOAD), "card": {"number": planter.plant(PAYLOAD)}, "control": CONTROL});
    let mut job = json!({"kind": "webhook", "max_attempts": 1, "payload": {"headers": headers, "body": body}});
    let holder = if to.0 == "endpoint" { &mut job } else { &mut job["payload"] };
    holder[to.0] = json!(to.1);
    job
}

/// Jobs that succeed, fail, reach no receiver, are replayed unchanged and edited; with R2 and without it.
async fn deliver(planter: &Planter<'_>, tenant: &Tenant<'_>) {
    let mut receivers = Vec::new();
    for status in ["200 OK", "500 X", "302 X"] {
        receivers.push((answering(planter, status, true).await, answering(planter, status, false).await));
    }
    receivers.push((RawReceiver::start("").await.unwrap(), RawReceiver::start("").await.unwrap()));
    for (n, (configured, bare)) in receivers.iter().enumerate() {
        let query: Vec<_> = SECRET_PARAMETERS.iter().map(|name| format!("{name}={}", planter.plant(PAYLOAD))).collect();
        let place = format!("/hook?{}#{}", query.join("&"), planter.plant(PAYLOAD));
        let name = format!("endpoint-{n}");
        let endpoint = endpoint(planter, &configured.url(&place));
        let put = tenant.api.put(&format!("/v1/endpoints/{name}"), &endpoint).await.unwrap();
        assert_eq!(planter.record("PUT", put).status, 200);
        let to_endpoint = planter.complete(&job(planter, ("endpoint", &name))).await;
        let mut to_url = job(planter, ("url", &bare.url(&place)));
        // A bare URL has no settings for hiding: its body and its plain headers are evidence.
        to_url["payload"]["body"] = json!({"control": CONTROL});
        to_url["payload"]["headers"].as_object_mut().unwrap().remove("x-batch");
        let to_url = planter.complete(&to_url).await;
        let expected = if n == 0 { "succeeded" } else { "dead" };
        assert_eq!((&to_endpoint["state"], &to_url["state"]), (&json!(expected), &json!(expected)), "{to_endpoint}");
        if n == 1 {
            replay(planter, &to_endpoint, &name).await;
        }
    }
    assert_secrets_were_sent(planter, &receivers.iter().flat_map(|(one, other)| [one, other]).collect::<Vec<_>>());
    planter.world.runner.faults(&Faults { r2: Mode::Fail, ..Faults::default() }).await.unwrap();
    let inline = planter.complete(&job(planter, ("endpoint", "endpoint-1"))).await;
    let attempts = planter.get(&format!("/v1/jobs/{}/attempts", id_of(&inline))).await;
    assert_eq!(attempts["data"][0]["evidence"]["state"], "inline");
    planter.world.runner.faults(&Faults::default()).await.unwrap();
}

async fn replay(planter: &Planter<'_>, dead: &Value, name: &str) {
    let path = format!("/v1/dead-letters/{}/replay", id_of(dead));
    let as_it_was = planter.record("replay", planter.api.request("POST", &path, &[], Vec::new()).await.unwrap());
    let again = planter.get(&format!("/v1/jobs/{}?wait=30", id_of(&as_it_was.body))).await;
    let path = format!("/v1/dead-letters/{}/replay", id_of(&again));
    let edited = planter.post(&path, &json!({"payload": job(planter, ("endpoint", name))["payload"]})).await;
    assert_eq!(edited.status, 202, "{}", edited.body);
    planter.get(&format!("/v1/jobs/{}?wait=30", id_of(&edited.body))).await;
}

/// Checks that the receivers got the planted secrets.
fn assert_secrets_were_sent(planter: &Planter<'_>, receivers: &[&RawReceiver]) {
    let requests: Vec<String> = receivers
        .iter()
        .flat_map(|receiver| receiver.requests())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect();
    assert_eq!(requests.len(), 10, "two each, and two replays");
    for request in &requests {
        assert!(request.matches(SECRET).count() >= 8, "{request}");
        // A reader of a signature could repeat the request.
        let signature = request
            .lines()
            .find_map(|line| line.to_lowercase().starts_with("webhook-signature:").then(|| line.to_owned()));
        let signature = signature.expect("it is signed").split_once(": v1,").unwrap().1.to_owned();
        planter.shown.borrow_mut().push(signature);
    }
}

/// Sends requests that are refused, with secrets at every place of a possible mistake.
async fn send_refused_requests(planter: &Planter<'_>, tenant: &Tenant<'_>) {
    let secret = || planter.plant(SECRET);
    let url = tenant.url("/ok");
    let wrong = [
        ("url", json!(format!("https://user:{}@example.com/", secret()))),
        ("url", json!(format!("https://{}@example.com/", secret()))),
        ("headers", json!({"authorization": format!("{}\u{1}", secret())})),
        ("headers", json!({"authorization": format!("{}\r\nx: y", secret())})),
        ("headers", json!({"cookie": secret()})),
        ("headers", json!({"authorization": [secret()]})),
        ("headers", json!({"authorization": {"bearer": secret()}})),
        ("headers", json!(format!("authorization: {}, expected `x`", secret()))),
        ("headers", json!([secret()])),
        ("timeout_seconds", json!(secret())),
        ("password", json!(secret())),
        ("method", json!(secret())),
        ("endpoint", json!(secret())),
        ("body_base64", json!(secret())),
    ];
    for (field, value) in wrong {
        let mut wrong = json!({"url": url, "headers": planter.under(SECRET, &SECRET_HEADERS[..4])});
        wrong[field] = value;
        let job = json!({"kind": "webhook", "payload": wrong});
        assert_eq!(planter.post("/v1/jobs", &job).await.status, 422, "{job}");
        let batch = planter.post("/v1/jobs/batch", &json!({"jobs": [job]})).await;
        assert_eq!(batch.body["summary"]["rejected"], 1, "{job}");
        if !["method", "endpoint", "body_base64"].contains(&field) {
            let answer = tenant.api.put("/v1/endpoints/refused", &wrong).await.unwrap();
            assert_eq!(planter.record("PUT refused", answer).status, 422, "{wrong}");
        }
    }
    for job in [json!({"kind": "webhook", "payload": secret()}), json!({"kind": "webhook", "metadata": secret()})] {
        assert_eq!(planter.post("/v1/jobs", &job).await.status, 422, "{job}");
    }
    for keys in [json!({"tenant": tenant.name, "scopes": secret()}), json!({"tenant": secret(), "scopes": ["admin"]})] {
        assert_eq!(planter.post("/v1/keys", &keys).await.status, 422, "{keys}");
    }
    send_invalid_credentials(planter).await;
}

/// Sends broken JSON, and tokens that are not valid.
async fn send_invalid_credentials(planter: &Planter<'_>) {
    let secret = || planter.plant(SECRET).replace(['"', '\\'], "");
    let headers = [("content-type", "application/json")];
    for body in [format!(r#"{{"kind": "{}"#, secret()), secret()] {
        let answer = planter.api.request("POST", "/v1/jobs", &headers, body.into_bytes()).await.unwrap();
        assert_eq!(planter.record("broken JSON", answer).status, 400);
    }
    for value in
        [format!("Bearer {}", secret()), format!("Basic {}", secret()), secret(), format!("Bearer ls_{}", secret())]
    {
        let headers = [("authorization", value.as_str())];
        let answer = planter.world.anyone.request("GET", "/v1/jobs", &headers, Vec::new()).await.unwrap();
        assert_eq!(planter.record("no key", answer).status, 401);
    }
    for path in ["/v1/jobs?cursor=", "/v1/jobs?token=", "/v1/jobs?limit=", "/v1/jobs?state=", "/v1/jobs?created_after="]
    {
        let path = format!("{path}{}", secret());
        assert_eq!(planter.record("a parameter", planter.api.get(&path).await.unwrap()).status, 400, "{path}");
    }
    // The answer repeats the name in a path, except for an API key.
    for path in ["/v1/jobs/", "/v1/endpoints/", "/"] {
        let answer = planter.record("a path", planter.api.get(&format!("{path}{CONTROL}")).await.unwrap());
        assert!(answer.status == 404 && answer.text.contains(CONTROL), "{path}: {}", answer.body);
        let path = format!("{path}ls_0123456789abcdef_{}", secret());
        assert_eq!(planter.record("a key in a path", planter.api.get(&path).await.unwrap()).status, 404, "{path}");
    }
}

/// Requests all answers that show a secret: a new key once, and the signing secrets for callers who may operate.
async fn reveal(planter: &Planter<'_>, tenant: &Tenant<'_>) {
    for scope in ["jobs:write", "jobs:read", "operate", "admin"] {
        let request = json!({"tenant": tenant.name, "scopes": [scope]});
        planter.reveal(&tenant.api.post("/v1/keys", &request).await.unwrap(), &["key"]);
    }
    planter.reveal(&tenant.api.get("/v1/secret").await.unwrap(), &["secret"]);
    for n in 0..4 {
        let path = format!("/v1/endpoints/endpoint-{n}/secret");
        planter.reveal(&tenant.api.get(&path).await.unwrap(), &["secret"]);
        planter.reveal(&tenant.act(&format!("{path}/rotate")).await, &["secret", "previous_secret"]);
    }
    // With the current secret and the previous one.
    planter.complete(&job(planter, ("endpoint", "endpoint-1"))).await;
}

/// Reads everything that exists, by every route.
async fn read_everything(planter: &Planter<'_>) {
    for path in ["/healthz", "/readyz", "/v1/keys?limit=100", "/v1/dead-letters?limit=100"] {
        planter.get(path).await;
    }
    for endpoint in planter.get("/v1/endpoints?limit=100").await["data"].as_array().unwrap() {
        planter.get(&format!("/v1/endpoints/{}", id_of(endpoint))).await;
    }
    for job in planter.get("/v1/jobs?limit=100").await["data"].as_array().unwrap() {
        let id = id_of(job);
        for path in ["", "/attempts", "/attempts/1/evidence"] {
            planter.get(&format!("/v1/jobs/{id}{path}")).await;
        }
        planter.get(&format!("/v1/dead-letters/{id}")).await;
    }
}

fn assert_nothing_leaked(planter: &Planter<'_>, sinks: &[Sink]) {
    let mut secrets: Vec<Vec<u8>> =
        vec![SECRET.into(), MASTER_KEY.into(), ROOT_TOKEN.into(), hex::decode(MASTER_KEY).unwrap()];
    for shown in planter.shown.borrow().iter() {
        // Secret part of a key; text and bytes of a signing secret and of a signature.
        let text = shown.strip_prefix("whsec_").unwrap_or(shown);
        let text = text.strip_prefix("ls_").map_or(text, |token| token.split('_').nth(1).unwrap());
        secrets.push(text.into());
        secrets.push(if shown.starts_with("ls_") {
            hex::decode(text).unwrap()
        } else {
            STANDARD.decode(text).unwrap()
        });
    }
    let forms: Vec<Vec<String>> = secrets.iter().map(|secret| forms(secret)).collect();
    let hits: Vec<String> = sinks.iter().flat_map(|sink| forms.iter().filter_map(|forms| sink.find(forms))).collect();
    assert!(hits.is_empty(), "{} hits: {hits:#?}", hits.len());
}

/// Checks that the search finds text that is not secret: in a file of D1, in an object of R2, in answers.
fn assert_the_search_sees(stored: &[Sink], heard: &[Sink]) {
    let control = forms(CONTROL.as_bytes());
    let names: Vec<&str> =
        stored.iter().filter(|sink| sink.find(&control).is_some()).map(|sink| sink.name.as_str()).collect();
    for part in ["/d1/", "/r2/", "evidence/"] {
        assert!(names.iter().any(|name| name.contains(part)), "the search finds nothing in {part}: {names:?}");
    }
    let answers = heard.iter().filter(|sink| sink.find(&control).is_some());
    assert!(answers.clone().any(|sink| sink.name.ends_with("/evidence")) && answers.count() > 20);
}

/// Checks that secrets in payloads and URLs are in these two columns, and in no object and no log.
async fn assert_payloads_are_payloads(world: &World, stored: &[Sink]) {
    let payload = forms(PAYLOAD.as_bytes());
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for table in ["jobs", "endpoints", "api_keys", "audit", "malformed_messages", "meta", "tenant_hours"] {
        for row in world.runner.query(&format!("SELECT * FROM {table}"), vec![]).await.unwrap() {
            for (column, value) in row {
                let hit = Sink::new("", value.to_string().as_bytes()).find(&payload).is_some();
                *found.entry(format!("{table}.{column}")).or_default() += usize::from(hit);
            }
        }
    }
    found.retain(|_, hits| *hits > 0);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["endpoints.url", "jobs.payload"], "{found:?}");
    let elsewhere = stored.iter().filter(|sink| !sink.name.contains("/d1/")).filter_map(|sink| sink.find(&payload));
    assert_eq!(elsewhere.collect::<Vec<_>>(), [""; 0]);
}
