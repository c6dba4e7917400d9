//! An embedding provider: each requested text is checked against the ledger, and each result against the texts.

use std::collections::BTreeSet;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longshore::model::state::State;
use longshore::ports::HttpRequest;
use longshore::store::objects::vectors_key;
use longshore::wire::idempotency::sha256;
use serde_json::{Value, json};

use crate::sim::actors::indexers;
use crate::sim::actors::poison;
use crate::sim::actors::receiver::Answer;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::world::World;
use crate::sim::oracle::row::Row;
use longshore_stand_ins::provider::{floats, read_vectors};

/// Value of `EMBED_PROVIDERS` of every Worker.
pub(crate) const SETTING: &str = r#"{"own": {"type": "openai-compatible", "url": "https://embed.provider.example.com/v1",
    "models": {"m": {"dimensions": 2}}}}"#;
/// Part of the URL of its requests.
const HOST: &str = "//embed.provider.";
/// Prefix of the event id of a job that embeds, before its number; replays have the same event id.
pub(crate) const EVENT: &str = "embed-";
/// Part of a text that the provider refuses.
pub(crate) const REFUSED: &str = "unwanted";

/// Returns true if a request goes to the provider.
pub(crate) fn is_asked(request: &HttpRequest) -> bool {
    request.url.contains(HOST)
}

/// Turns an order into one that embeds some texts, each of which names its job and its position.
pub(crate) fn make_embedding(world: &World, order: &mut Value, n: i64) {
    let texts = 0..world.random.between(1, 5);
    let text =
        |place| if world.random.per_mille(150) { format!("{n} {place} {REFUSED}") } else { format!("{n} {place}") };
    let mut inputs: Vec<_> = texts.map(|place| json!({"id": format!("{n} {place}"), "text": text(place)})).collect();
    let output = *world.random.pick(&["inline", "r2"]);
    poison::taint(world, &mut inputs, n);
    order["kind"] = json!("embed");
    order["payload"] = json!({"provider": "own", "inputs": inputs, "output": output});
    order["event_id"] = json!(format!("{EVENT}{n}"));
    order.as_object_mut().unwrap().remove("endpoint");
}

/// Number of a job that embeds.
pub(crate) fn number_of(row: &Row) -> Option<i64> {
    row.event_id().strip_prefix(EVENT)?.parse().ok()
}

/// Answers a request of a worker that claimed under these tokens.
pub(crate) fn receive(world: &Rc<World>, tokens: &BTreeSet<String>, request: &HttpRequest) -> (Answer, Vec<u8>) {
    let asked: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let texts: Vec<String> = serde_json::from_value(asked["input"].clone()).unwrap_or_default();
    let (answer, body) = choose(world, tokens, &texts);
    world.trace.note(world.now(), "embed", || format!("{texts:?} -> {}", answer.status));
    for text in &texts {
        match leases_of(world, tokens, text) {
            Ok(attempts) => note(world, &attempts, answer),
            Err(text) => world.invariants.borrow_mut().violated(text),
        }
    }
    (answer, body)
}

/// Notes the answer to some attempts. The log of an attempt records the call that decided, which may be any of them.
fn note(world: &World, attempts: &[(String, String)], answer: Answer) {
    let mut seen = world.receiver.seen.borrow_mut();
    for attempt in attempts {
        seen.entry(attempt.clone()).or_default().push(answer);
    }
}

/// Checks I3: a text belongs to a job that runs under a lease of the sender. Returns each event id and lease. Several
/// jobs have the same text when a client without a key sent its request twice.
pub(crate) fn leases_of(world: &World, tokens: &BTreeSet<String>, text: &str) -> Result<Vec<(String, String)>, String> {
    let n = text.split(' ').next().and_then(|n| n.parse().ok());
    let invariants = world.invariants.borrow();
    let (mut leases, mut was_known) = (Vec::new(), false);
    let has = |row: &&Row| n.is_some() && number_of(row) == n || indexers::may_embed(world, row, text);
    for row in invariants.rows.values().filter(has) {
        was_known = true;
        let Some(entry) = row.log.last() else { continue };
        let lease = entry["lease"].as_str().unwrap_or_default();
        let is_held = row.lease_token.as_deref() == Some(lease) && row.lease_until.is_some_and(|at| at > world.now());
        if tokens.contains(lease) && (is_held || world.may_freeze) {
            leases.push((row.event_id().to_owned(), lease.to_owned()));
        }
    }
    // An erased job has no row; a frozen worker cannot know that its lease has ended.
    let is_excused = if was_known { world.may_freeze } else { !invariants.erasures.is_empty() };
    if leases.is_empty() && !is_excused {
        return Err(format!("I3: {text:?} was sent to the provider, and no job with it runs under {tokens:?}"));
    }
    Ok(leases)
}

/// Vector of a text: the numbers of its job and its position, or a sum of its bytes.
pub(crate) fn vector_of(text: &str) -> [f32; 2] {
    let sum = |first: u16| text.bytes().fold(first, |sum, byte| (sum % 2_039) * 31 + u16::from(byte));
    let number = |at, first| text.split(' ').nth(at).and_then(|part| part.parse().ok()).unwrap_or(sum(first));
    [number(0, 7), number(1, 11)].map(f32::from)
}

fn choose(world: &World, tokens: &BTreeSet<String>, texts: &[String]) -> (Answer, Vec<u8>) {
    let answer = |status| Answer { status, retry_after: None, due_in: None };
    if world.hits(Fault::HttpBusy) {
        return (Answer { retry_after: Some(world.random.between(1, 40)), ..answer(429) }, Vec::new());
    }
    let mut data: Vec<Value> = texts.iter().map(|text| json!({"embedding": vector_of(text)})).collect();
    if let Some(status) = poison::spoil(world, tokens, texts, &mut data) {
        return (answer(status), Vec::new());
    }
    if world.hits(Fault::Http500) {
        world.poison.excuse(tokens);
        match world.random.between(0, 4) {
            0 => drop(data.pop()),
            1 if !data.is_empty() => data[0]["embedding"] = json!([1e300, 0]),
            2 if !data.is_empty() => data[0]["embedding"] = json!([1]),
            _ => return (answer(*world.random.pick(&[500, 404, 401, 502])), Vec::new()),
        }
    } else if texts.iter().any(|text| text.contains(REFUSED)) {
        return (answer(400), br#"{"error":{"message":"unwanted"}}"#.to_vec());
    }
    (answer(200), json!({"data": data, "usage": {"total_tokens": texts.len()}}).to_string().into_bytes())
}

/// Checks the result of a job that embeds: a vector or a refusal for each text, each vector that of its text.
pub(crate) fn judge(world: &World, row: &Row) -> Result<(), String> {
    let (Some(n), State::Succeeded) = (number_of(row), row.state) else { return Ok(()) };
    let result = row.result.as_ref().ok_or("embedded without a result")?;
    let vectors: Vec<(String, Vec<f32>)> = match result["vectors"]["sha256"].as_str() {
        Some(digest) => in_object(world, row, digest)?,
        None => result["embeddings"].as_array().into_iter().flatten().map(inline).collect(),
    };
    for (id, vector) in &vectors {
        let place: i64 = id.split(' ').nth(1).and_then(|place| place.parse().ok()).unwrap_or(-1);
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        if *vector != [n as f32, place as f32] || !id.starts_with(&format!("{n} ")) {
            return Err(format!("F54: {id} has the vector {vector:?}"));
        }
    }
    let refused = result["refused"].as_array().map_or(0, Vec::len);
    if vectors.is_empty() || result["embedded"] != vectors.len() || vectors.len() + refused > 5 {
        return Err(format!("F54: {} vectors in {result}", vectors.len()));
    }
    Ok(())
}

fn inline(shown: &Value) -> (String, Vec<f32>) {
    let text = |field: &str| shown[field].as_str().unwrap_or_default().to_owned();
    (text("id"), floats(&STANDARD.decode(text("embedding")).unwrap_or_default()))
}

fn in_object(world: &World, row: &Row, digest: &str) -> Result<Vec<(String, Vec<f32>)>, String> {
    let objects = world.objects.borrow();
    let object = objects.get(&vectors_key(&row.name().into())).ok_or("F54: the object of the vectors is missing")?;
    if sha256(object) != digest {
        return Err("F54: the vectors differ from those of the result".into());
    }
    let (index, numbers) = read_vectors(object).ok_or("F54: vectors without an index")?;
    let ids: Vec<String> = serde_json::from_value(index["ids"].clone()).map_err(|error| format!("F54: {error}"))?;
    Ok(ids.into_iter().zip(numbers.chunks(2).map(<[f32]>::to_vec)).collect())
}
