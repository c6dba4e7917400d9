//! Jobs that upsert and delete documents of an index, and the checks of what the index must show in the end.

use std::collections::{BTreeMap, BTreeSet};

use longshore::model::state::State;
use longshore::search::chunk::{ChunkLimits, chunks, embedded};
use longshore::wire::idempotency::sha256;
use serde_json::{Value, json};

use crate::sim::actors::clients::TENANTS;
use crate::sim::actors::index_versions::LIMITS;
use crate::sim::actors::providers::REFUSED;
use crate::sim::engine::index::{Shown, judge_rest, read_shown};
use crate::sim::engine::world::World;
use crate::sim::oracle::row::Row;
use longshore_kit::random::Random;

/// One seed in this many has an index: odd ones, so that none of them has erasures.
pub(crate) const SEEDS_PER_INDEX: u64 = 8;
/// Prefix of the event id of a job that edits a document, before its number; replays have the same event id.
pub(crate) const EVENT: &str = "index-";
/// Prefix of the event id of a job that continues the rebuild of an index.
const REBUILDS: &str = "index-rebuild-";
/// Event id of the last rebuilds, after everything else has ended.
const REBUILDS_LAST: &str = "index-rebuild-last";
/// Prefix of the event id of a job that removes a source, before the source and the number.
const REMOVES: &str = "remove-";
/// Prefix of the event id of a job that verifies an index.
const VERIFIES: &str = "verify-";
/// Event id of the last verifications, after everything else has ended.
const VERIFIES_LAST: &str = "verify-last";
/// Index that each tenant has.
pub(crate) const INDEX: &str = "docs";
/// Documents of the index: few, so that jobs meet at one.
const DOCUMENTS: [&str; 3] = ["guide", "guide", "notes"];
/// Sources of the documents.
const SOURCES: [&str; 3] = ["book", "book", "site"];
/// Sections that a text may have.
const SECTIONS: [&str; 4] = ["Setup", "Use", "Trouble", "Ends"];
/// Sections of a long text: more than one attempt embeds, and enough for a segment.
const SECTIONS_LONG: usize = 520;
/// Long texts in a thousand: each takes as long as the rest of its schedule.
const LONG_PER_MILLE: u32 = 10;
/// Changes in a thousand that remove a source.
const REMOVALS_PER_MILLE: u32 = 120;
/// Changes in a thousand that continue a rebuild, where there may be one.
const REBUILDS_PER_MILLE: u32 = 250;
/// Other changes in a thousand that are texts of an `embed` job.
const INGESTS_PER_MILLE: u32 = 200;

/// A change that a job makes to a document.
#[derive(Debug)]
pub(crate) struct Edit {
    document: &'static str,
    /// New text; `None` deletes the document.
    text: Option<String>,
    /// Source of the document; empty if it is deleted.
    source: &'static str,
    /// Member `edition` of its metadata, if it has some.
    edition: Option<i64>,
    /// Texts of its chunks as they are embedded.
    said: BTreeSet<String>,
}

impl Edit {
    fn draw(random: &Random) -> Self {
        let document = *random.pick(&DOCUMENTS);
        if random.per_mille(200) {
            return Self { document, text: None, source: "", edition: None, said: BTreeSet::new() };
        }
        let (source, edition) = (*random.pick(&SOURCES), random.between(1, 2));
        Self { source, edition: Some(edition), ..Self::of(document, draw_text(random)) }
    }

    fn of(document: &'static str, text: String) -> Self {
        let chunked = LIMITS.into_iter().flat_map(|limits| chunks(&text, limits));
        let said = chunked.map(|it| embedded(&it.heading, &it.text)).collect();
        Self { document, text: Some(text), source: "", edition: None, said }
    }

    fn metadata(&self) -> Value {
        self.edition.map_or(json!({}), |edition| json!({"edition": edition}))
    }

    fn same(&self, other: &Self) -> bool {
        (self.document, &self.text, self.source, self.edition)
            == (other.document, &other.text, other.source, other.edition)
    }

    /// Document that an index with these chunk limits shows after this change, or after the removal of its source.
    fn shown(&self, limits: ChunkLimits, is_removed: bool) -> Shown {
        let kept = self.text.as_ref().filter(|_| !is_removed);
        let text = kept.map(String::as_str).unwrap_or_default();
        let chunked: Vec<_> =
            chunks(text, limits).into_iter().map(|it| (embedded(&it.heading, &it.text), it)).collect();
        let named = |said: &str| sha256(said.as_bytes());
        Shown {
            chars_max: limits.chars_max,
            text: text.to_owned(),
            source: kept.map_or("", |_| self.source).to_owned(),
            hash: kept.map(|text| named(text)).unwrap_or_default(),
            metadata: kept.map_or(json!({}), |_| self.metadata()),
            chunked: kept.map(|text| named(text)).unwrap_or_default(),
            is_deleted: kept.is_none(),
            layout: chunked.iter().map(|(said, it)| (named(said), it.start, it.end)).collect(),
            chunks: chunked.into_iter().map(|(said, it)| (named(&said), it.heading, it.text)).collect(),
        }
    }
}

/// Draws a text of a few sections from a small set, so that an edit often returns to an earlier text.
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
        text.push(format!("## Refused\n\nThis is {REFUSED} by the provider.\n"));
    }
    text.concat()
}

/// Paragraph break after every third sentence.
fn gap(sentence: i64) -> &'static str {
    if sentence % 3 == 0 { "\n" } else { "" }
}

/// Changes of a document, in the order of acceptance.
#[derive(Debug)]
struct Changes<'a> {
    edits: &'a [(&'a Row, &'a Edit)],
    /// Removals of sources of the tenant, each with its source.
    removals: &'a [(&'a Row, &'a str)],
}

/// Turns an order into one that edits a document; now and then into one that removes a source or verifies the index.
pub(crate) fn make_indexing(world: &World, order: &mut Value, n: i64) {
    if world.random.per_mille(80) {
        return make_verifying(order, &format!("{VERIFIES}{n}"));
    }
    if world.random.per_mille(REMOVALS_PER_MILLE) {
        let source = *world.random.pick(&SOURCES);
        order["payload"] = json!({"index": INDEX, "remove": {"source": source}});
        return make(order, "index", &format!("{REMOVES}{source}-{n}"));
    }
    if world.is_rechunked && world.random.per_mille(REBUILDS_PER_MILLE) {
        return make_rebuilding(order, &format!("{REBUILDS}{n}"));
    }
    if world.random.per_mille(INGESTS_PER_MILLE) {
        return make_ingest(world, order, n);
    }
    let change = Edit::draw(&world.random);
    let document = change.document;
    order["payload"] = match &change.text {
        Some(text) => {
            let put = json!({"id": document, "text": text, "metadata": change.metadata(), "source": change.source});
            json!({"index": INDEX, "put": put})
        }
        None => json!({"index": INDEX, "delete": {"id": document}}),
    };
    make(order, "index", &format!("{EVENT}{n}"));
    world.edits.borrow_mut().insert(n, vec![change]);
}

/// Turns an order into one that embeds texts, each of which becomes a document.
fn make_ingest(world: &World, order: &mut Value, n: i64) {
    let documents = if world.random.per_mille(500) { &DOCUMENTS[1..] } else { &[*world.random.pick(&DOCUMENTS)][..] };
    let edits: Vec<_> = documents.iter().map(|document| Edit::of(document, draw_text(&world.random))).collect();
    let inputs: Vec<_> = edits.iter().map(|edit| json!({"id": edit.document, "text": edit.text})).collect();
    order["payload"] = json!({"inputs": inputs, "output": {"index": INDEX}});
    make(order, "embed", &format!("{EVENT}{n}"));
    world.edits.borrow_mut().insert(n, edits);
}

fn make_rebuilding(order: &mut Value, event_id: &str) {
    order["payload"] = json!({"index": INDEX, "rebuild": {}});
    make(order, "index", event_id);
}

fn make_verifying(order: &mut Value, event_id: &str) {
    order["payload"] = json!({"index": INDEX, "verify": {}});
    make(order, "index", event_id);
}

fn make(order: &mut Value, kind: &str, event_id: &str) {
    order["kind"] = json!(kind);
    order["event_id"] = json!(event_id);
    order.as_object_mut().unwrap().remove("endpoint");
}

/// Orders sent after everything has ended, one after the other.
pub(crate) fn last_orders() -> [Value; 2] {
    let (mut rebuilds, mut verifies) = (json!({}), json!({}));
    make_rebuilding(&mut rebuilds, REBUILDS_LAST);
    make_verifying(&mut verifies, VERIFIES_LAST);
    [rebuilds, verifies]
}

/// Provider of the indexes in the schedule of a seed: `builtin` and `own` alternate; `None` if there is no index.
pub(crate) fn provider_of(seed: u64) -> Option<&'static str> {
    (seed % SEEDS_PER_INDEX == 5).then_some(["builtin", "own"][usize::from(seed / SEEDS_PER_INDEX % 2 == 1)])
}

/// Number of a job that edits a document.
fn number_of(row: &Row) -> Option<i64> {
    row.event_id().strip_prefix(EVENT)?.parse().ok()
}

/// Source that a job removes.
fn source_of(row: &Row) -> Option<&str> {
    row.event_id().strip_prefix(REMOVES)?.split('-').next()
}

/// Returns true if a job changes or verifies an index.
pub(crate) fn is_indexing(row: &Row) -> bool {
    [EVENT, REMOVES, VERIFIES].iter().any(|begin| row.event_id().starts_with(begin))
}

/// Returns true if this job may embed this text. A rebuild embeds the texts of all other jobs.
pub(crate) fn may_embed(world: &World, row: &Row, text: &str) -> bool {
    let edits = world.edits.borrow();
    let may_embed = |edits: &Vec<Edit>| edits.iter().any(|edit| edit.said.contains(text));
    match number_of(row) {
        Some(n) => edits.get(&n).is_some_and(may_embed),
        None => row.event_id().starts_with(REBUILDS) && edits.values().any(may_embed),
    }
}

/// Checks the index of each tenant against the jobs that have ended, and notes their results.
pub(crate) fn judge(world: &World) -> Result<(), String> {
    let (mut invariants, edits) = (world.invariants.borrow_mut(), world.edits.borrow());
    let mut reached: Vec<String> = Vec::new();
    // Sorted by id, which is the order of acceptance.
    let mut jobs: BTreeMap<(&str, &str), Vec<(&Row, &Edit)>> = BTreeMap::new();
    let mut removals: BTreeMap<&str, Vec<(&Row, &str)>> = TENANTS.map(|tenant| (tenant, Vec::new())).into();
    let mut last = 0;
    for row in invariants.rows.values() {
        if let Some(source) = source_of(row) {
            removals.entry(&row.tenant).or_default().push((row, source));
        }
        if row.event_id().starts_with(VERIFIES) {
            judge_verify(row)?;
            last += usize::from(row.event_id() == VERIFIES_LAST);
        }
        if row.event_id().starts_with(REBUILDS) {
            let state = row.result.as_ref().and_then(|result| result["state"].as_str());
            reached.extend(state.map(|state| format!("a rebuild {state}")));
        }
        if row.event_id() == REBUILDS_LAST && row.state != State::Succeeded {
            return Err(format!("F61: an index version that cannot be finished\n  {row:?}"));
        }
        for edit in number_of(row).and_then(|n| edits.get(&n)).into_iter().flatten() {
            jobs.entry((&row.tenant, edit.document)).or_default().push((row, edit));
        }
    }
    if last < TENANTS.len() {
        return Err("F56: an index that was not verified".into());
    }
    for ((tenant, document), edits) in &jobs {
        let changes = Changes { edits, removals: &removals[tenant] };
        let verdict = judge_document(world, (tenant, document), &changes)
            .and_then(|()| edits.iter().try_for_each(|(row, edit)| judge_result(&changes, row, edit)));
        verdict.map_err(|text| format!("{text} of {document:?} of {tenant}\n  {changes:?}"))?;
        let states = edits.iter().filter_map(|(row, edit)| state_of(row, edit));
        reached.extend(states.map(|state| format!("a document {state}")));
    }
    reached.extend(judge_rest(world)?.then(|| "a segment".to_owned()));
    for (row, _) in removals.values().flatten() {
        let removed = row.result.as_ref().map_or(0, |result| result["documents"].as_u64().unwrap_or(u64::MAX));
        if removed > DOCUMENTS[1..].len() as u64 {
            return Err(format!("F59: {} claims {:?}", row.id, row.result));
        }
        reached.extend((removed > 0).then(|| "a removal of a source".to_owned()));
    }
    for what in reached {
        invariants.reach(&what);
    }
    Ok(())
}

/// Checks F56: no verification finds a difference.
fn judge_verify(row: &Row) -> Result<(), String> {
    let differences = row.result.as_ref().map(|result| &result["differences"]);
    if differences.is_some_and(|differences| *differences != json!({})) {
        return Err(format!("F56: the index has differences\n  {row:?}"));
    }
    if row.event_id() == VERIFIES_LAST && row.state != State::Succeeded {
        return Err(format!("F56: an index that cannot be verified\n  {row:?}"));
    }
    Ok(())
}

/// Returns true if a job may have changed the index although it did not succeed.
fn may_have_changed(row: &Row) -> bool {
    row.state != State::Succeeded && row.attempt > 0
}

/// State that a job reports for an edit; `None` if the job has not succeeded, or upserted several documents with
/// different states.
fn state_of<'a>(row: &'a Row, edit: &Edit) -> Option<&'a str> {
    let result = row.result.as_ref()?;
    let Some(states) = result["documents"].as_object() else {
        return Some(result["state"].as_str().unwrap_or_default());
    };
    if result["refused"].as_array()?.iter().any(|refused| refused["id"] == edit.document) {
        return Some("refused");
    }
    if states.len() == 1 { states.keys().next().map(String::as_str) } else { None }
}

fn has_succeeded(row: &Row, edit: &Edit) -> bool {
    row.state == State::Succeeded && state_of(row, edit) != Some("refused")
}

/// Checks F55: the document shows exactly the last accepted change that succeeded, or a later one of a job that died or
/// was cancelled, but only as a whole. Checks F59: it is gone if its source was removed after that.
fn judge_document(
    world: &World,
    (tenant, document): (&str, &str),
    Changes { edits: jobs, removals }: &Changes<'_>,
) -> Result<(), String> {
    let shown = read_shown(world, tenant, document)?;
    let last = jobs.iter().rposition(|(row, edit)| has_succeeded(row, edit));
    let Some((version, shown)) = shown else {
        return if last.is_none() { Ok(()) } else { Err("F55: the document does not exist".into()) };
    };
    let (edit, removal) = version.split_once('.').map_or((&*version, None), |(edit, removal)| (edit, Some(removal)));
    let at = jobs.iter().position(|(row, _)| row.id.ends_with(edit)).ok_or("F55: a version without a job")?;
    let (row, change) = jobs[at];
    let is_last = last == Some(at) && (removal.is_some() || state_of(row, change) != Some("superseded"));
    let is_after = || may_have_changed(row) && last.is_none_or(|last| at > last);
    if !is_last && !is_after() {
        return Err(format!("F55: {version} is current and was not accepted last"));
    }
    let mut since = removals.iter().filter(|(it, source)| it.id > row.id && *source == change.source);
    let is_right = match removal {
        None => since.all(|(it, _)| it.state != State::Succeeded),
        Some(removal) => {
            since.any(|(it, _)| it.id.ends_with(removal) && (it.state == State::Succeeded || may_have_changed(it)))
        }
    };
    if !is_right {
        return Err(format!("F59: {version} stands"));
    }
    let limits =
        LIMITS.into_iter().find(|limits| limits.chars_max == shown.chars_max).ok_or("F61: chunked otherwise")?;
    let expected = change.shown(limits, removal.is_some());
    if shown == expected { Ok(()) } else { Err(format!("F55: {shown:?} instead of {expected:?}")) }
}

/// Checks F55: the result of a successful job is true.
fn judge_result(Changes { edits: jobs, removals }: &Changes<'_>, row: &Row, change: &Edit) -> Result<(), String> {
    let (State::Succeeded, Some(result)) = (row.state, &row.result) else { return Ok(()) };
    let Some(state) = state_of(row, change) else { return Ok(()) };
    let has = |wanted: &dyn Fn(&Row, &Edit) -> bool| jobs.iter().any(|(row, change)| wanted(row, change));
    let is_right = match state {
        "superseded" => {
            let is_later = |other: &Row| other.id > row.id && other.attempt > 0;
            has(&|other, _| is_later(other))
                || removals.iter().any(|(other, source)| is_later(other) && *source == change.source)
        }
        // An earlier attempt made the change and its answer was lost, so the next attempt finds it unchanged.
        "unchanged" => row.attempt > 1 || has(&|other, was| other.id < row.id && was.same(change)),
        "added" | "updated" => change.text.is_some(),
        "deleted" | "absent" => change.text.is_none(),
        "refused" => change.said.iter().any(|text| text.contains(REFUSED)),
        "earlier" => row.attempt > 1 || has(&|other, _| other.id > row.id && other.attempt > 0),
        _ => false,
    };
    // A job that changes nothing chunks nothing.
    let is_counted = match result["chunks"].as_u64() {
        None => state != "added" || result["document"].is_null(),
        Some(count) => {
            let is_all = |limits| usize::try_from(count) == Ok(change.shown(limits, false).layout.len());
            state != "superseded" && LIMITS.into_iter().any(is_all)
        }
    };
    if is_right && is_counted { Ok(()) } else { Err(format!("F55: {} claims {result}", row.id)) }
}
