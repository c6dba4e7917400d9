//! Documents that jobs bring into an index and take away, and what the index must show of them in the end.

use std::collections::{BTreeMap, BTreeSet};

use longshore::evidence::sha256;
use longshore::index::manage::put_index;
use longshore::problem::Problem;
use longshore::search::chunk::{ChunkLimits, chunks, embedded};
use longshore::state::State;
use serde_json::{Value, json};

use super::clients::TENANTS;
use super::index::{Shown, judge_rest, read_shown};
use super::ports::Node;
use super::random::Random;
use super::row::Row;
use super::world::World;

/// One of so many seeds has an index: odd ones, so that none of them has erasures.
pub(super) const SEEDS_PER_INDEX: u64 = 8;
/// The event id of a job that edits a document, with its number after it: its replays have it, too.
pub(super) const EVENT: &str = "index-";
/// The same of one that holds the index against itself.
const VERIFIES: &str = "verify-";
/// And of the last ones, when all is drained.
const VERIFIES_LAST: &str = "verify-last";
/// The index that each tenant has,
const INDEX: &str = "docs";
/// how it is cut, so that a section is a chunk or a few,
const LIMITS: ChunkLimits = ChunkLimits { chars_max: 200, overlap_chars: 60 };
/// and its documents: few, so that jobs meet at one.
const DOCUMENTS: [&str; 3] = ["guide", "guide", "notes"];
/// The sections that a text may have.
const SECTIONS: [&str; 4] = ["Setup", "Use", "Trouble", "Ends"];
/// The sections of a long text: more than one attempt asks for, and enough for a segment.
const SECTIONS_LONG: usize = 520;
/// How many of a thousand texts are: each costs as much as the schedule it is in.
const LONG_PER_MILLE: u32 = 10;

/// What a job wants of a document.
#[derive(Debug)]
pub(super) struct Edit {
    document: &'static str,
    /// `None`: it is no more.
    text: Option<String>,
    edition: i64,
    /// What is embedded of its chunks.
    said: BTreeSet<String>,
}

impl Edit {
    fn draw(random: &Random) -> Self {
        let document = *random.pick(&DOCUMENTS);
        let text = (!random.per_mille(200)).then(|| draw_text(random));
        let said =
            text.iter().flat_map(|text| chunks(text, LIMITS)).map(|it| embedded(&it.heading, &it.text)).collect();
        Self { document, text, edition: random.between(1, 2), said }
    }

    fn same(&self, other: &Self) -> bool {
        (self.document, &self.text, self.edition) == (other.document, &other.text, other.edition)
    }

    /// What an index shows in which this change stands.
    fn shown(&self) -> Shown {
        let text = self.text.as_deref().unwrap_or_default();
        let cut: Vec<_> = chunks(text, LIMITS).into_iter().map(|it| (embedded(&it.heading, &it.text), it)).collect();
        let named = |said: &str| sha256(said.as_bytes());
        Shown {
            text: text.to_owned(),
            hash: self.text.as_ref().map(|text| named(text)).unwrap_or_default(),
            metadata: self.text.as_ref().map_or(json!({}), |_| json!({"edition": self.edition})),
            cut: self.text.as_ref().map(|text| named(text)).unwrap_or_default(),
            is_deleted: self.text.is_none(),
            layout: cut.iter().map(|(said, it)| (named(said), it.start, it.end)).collect(),
            chunks: cut.into_iter().map(|(said, it)| (named(&said), it.heading, it.text)).collect(),
        }
    }
}

/// A text of a few sections, each one of few: what is edited often comes back as it was.
fn draw_text(random: &Random) -> String {
    if random.per_mille(LONG_PER_MILLE) {
        let parts: Vec<_> = (0..SECTIONS_LONG).map(|at| format!("# Part {at}\n\nAll of part {at}.\n\n")).collect();
        return parts.concat();
    }
    let mut text = vec!["It begins without a heading.\n\n# Guide\n\n".to_owned()];
    for section in SECTIONS {
        let sentences = match random.between(0, 4) {
            0 => continue,
            1 | 2 => 1,
            3 => 2,
            _ => 9,
        };
        let sentence = |at| format!("Of {section} this is what the sentence {at} of {sentences} says.\n{}", gap(at));
        text.push(format!("## {section}\n\n"));
        text.extend((1..=sentences).map(sentence).chain(["\n".to_owned()]));
    }
    if random.per_mille(40) {
        text.push("## Refused\n\nThis is unwanted by the provider.\n".to_owned());
    }
    text.concat()
}

/// Three sentences are a paragraph.
fn gap(sentence: i64) -> &'static str {
    if sentence % 3 == 0 { "\n" } else { "" }
}

/// Makes the index of a tenant.
pub(super) async fn set_up(node: &Node, tenant: &str, provider: &str) -> Result<(), Problem> {
    let body = json!({
        "provider": provider, "chunk_chars": LIMITS.chars_max, "overlap_chars": LIMITS.overlap_chars,
    });
    put_index(node, node.settings(), tenant, INDEX, body.to_string().as_bytes()).await.map(drop)
}

/// Makes an order one that edits a document; now and then one that holds the index against itself.
pub(super) fn make_indexing(world: &World, order: &mut Value, n: i64) {
    if world.random.per_mille(80) {
        return make_verifying(order, &format!("{VERIFIES}{n}"));
    }
    let change = Edit::draw(&world.random);
    let document = change.document;
    order["payload"] = match &change.text {
        Some(text) => {
            json!({"index": INDEX, "put": {"id": document, "text": text, "metadata": {"edition": change.edition}}})
        }
        None => json!({"index": INDEX, "delete": {"id": document}}),
    };
    make_index(order, &format!("{EVENT}{n}"));
    world.edits.borrow_mut().insert(n, change);
}

fn make_verifying(order: &mut Value, event_id: &str) {
    order["payload"] = json!({"index": INDEX, "verify": {}});
    make_index(order, event_id);
}

fn make_index(order: &mut Value, event_id: &str) {
    order["kind"] = json!("index");
    order["event_id"] = json!(event_id);
    order.as_object_mut().unwrap().remove("endpoint");
}

/// What is asked for when all is drained.
pub(super) fn last_order() -> Value {
    let mut order = json!({});
    make_verifying(&mut order, VERIFIES_LAST);
    order
}

/// The number of a job that edits a document.
fn number_of(row: &Row) -> Option<i64> {
    row.event_id().strip_prefix(EVENT)?.parse().ok()
}

/// Whether a job edits a document, or looks at an index.
pub(super) fn is_indexing(row: &Row) -> bool {
    [EVENT, VERIFIES].iter().any(|begin| row.event_id().starts_with(begin))
}

/// Whether a job has this text to be embedded.
pub(super) fn says(world: &World, row: &Row, text: &str) -> bool {
    let edits = world.edits.borrow();
    number_of(row).and_then(|n| edits.get(&n)).is_some_and(|change| change.said.contains(text))
}

/// Judges the index of each tenant by the jobs that have ended; says what these came to.
pub(super) fn judge(world: &World) -> Result<(), String> {
    let (mut invariants, edits) = (world.invariants.borrow_mut(), world.edits.borrow());
    let mut told: Vec<String> = Vec::new();
    // By the order of acceptance, which is that of the ids.
    let mut jobs: BTreeMap<(&str, &str), Vec<(&Row, &Edit)>> = BTreeMap::new();
    let mut last = 0;
    for row in invariants.rows.values() {
        if row.event_id().starts_with(VERIFIES) {
            judge_verify(row)?;
            last += usize::from(row.event_id() == VERIFIES_LAST);
        }
        if let Some(change) = number_of(row).and_then(|n| edits.get(&n)) {
            jobs.entry((&row.tenant, change.document)).or_default().push((row, change));
        }
    }
    if last < TENANTS.len() {
        return Err("F56: an index that was not held against itself".into());
    }
    for ((tenant, document), jobs) in &jobs {
        let verdict = judge_document(world, (tenant, document), jobs)
            .and_then(|()| jobs.iter().try_for_each(|(row, change)| judge_claim(jobs, row, change)));
        verdict.map_err(|text| format!("{text} of {document:?} of {tenant}\n  {jobs:?}"))?;
        let states = jobs.iter().filter_map(|(row, _)| row.result.as_ref()?["state"].as_str());
        told.extend(states.map(|state| format!("a document {state}")));
    }
    told.extend(judge_rest(world)?.then(|| "a segment".to_owned()));
    for what in told {
        invariants.reach(&what);
    }
    Ok(())
}

/// F56: whenever an index is held against itself, nothing differs; in the end it is.
fn judge_verify(row: &Row) -> Result<(), String> {
    let differences = row.result.as_ref().map(|result| &result["differences"]);
    if differences.is_some_and(|differences| *differences != json!({})) {
        return Err(format!("F56: the index differs from itself\n  {row:?}"));
    }
    if row.event_id() == VERIFIES_LAST && row.state != State::Succeeded {
        return Err(format!("F56: an index that cannot be held against itself\n  {row:?}"));
    }
    Ok(())
}

/// Whether a job may have done something although it has not succeeded.
fn may_stand(row: &Row) -> bool {
    row.state != State::Succeeded && row.attempt > 0
}

fn state_of(row: &Row) -> Option<&str> {
    row.result.as_ref()?["state"].as_str()
}

/// F55: the change that was accepted last among those that succeeded stands, and it alone. One of a job that died, or was
/// cancelled, after it may stand too, but only whole.
fn judge_document(world: &World, (tenant, document): (&str, &str), jobs: &[(&Row, &Edit)]) -> Result<(), String> {
    let shown = read_shown(world, tenant, document)?;
    let last = jobs.iter().rposition(|(row, _)| row.state == State::Succeeded);
    let Some((version, shown)) = shown else {
        return if last.is_none() { Ok(()) } else { Err("F55: nothing is there".into()) };
    };
    let at = jobs.iter().position(|(row, _)| row.id.ends_with(&version)).ok_or("F55: a version without a job")?;
    let (row, change) = jobs[at];
    let is_last = last == Some(at) && state_of(row) != Some("superseded");
    let may_stand = may_stand(row) && last.is_none_or(|last| at > last);
    if !is_last && !may_stand {
        return Err(format!("F55: {version} stands, which was not accepted last"));
    }
    let expected = change.shown();
    if shown == expected { Ok(()) } else { Err(format!("F55: {shown:?} is there instead of {expected:?}")) }
}

/// F55: what a job that succeeded says of its change is so.
fn judge_claim(jobs: &[(&Row, &Edit)], row: &Row, change: &Edit) -> Result<(), String> {
    let (State::Succeeded, Some(result)) = (row.state, &row.result) else { return Ok(()) };
    let state = state_of(row).unwrap_or_default();
    let has = |wanted: &dyn Fn(&Row, &Edit) -> bool| jobs.iter().any(|(row, change)| wanted(row, change));
    let is_right = match state {
        "superseded" => has(&|other, _| other.id > row.id && other.attempt > 0),
        // What an attempt before did, whose answer was lost, is found unchanged by the next.
        "unchanged" => row.attempt > 1 || has(&|other, was| other.id < row.id && was.same(change)),
        "added" | "updated" => change.text.is_some(),
        "deleted" | "absent" => change.text.is_none(),
        _ => false,
    };
    // Nothing is cut where nothing is to be done.
    let is_counted = match result["chunks"].as_u64() {
        None => state != "added",
        Some(count) => state != "superseded" && usize::try_from(count) == Ok(change.shown().layout.len()),
    };
    if is_right && is_counted { Ok(()) } else { Err(format!("F55: {} claims {result}", row.id)) }
}
