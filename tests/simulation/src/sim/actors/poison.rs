//! Texts that break the provider calls that contain them: of the jobs that share a call, only theirs may spend a
//! failure.

use std::cell::RefCell;
use std::collections::BTreeSet;

use longshore::model::outcome::ErrorClass;
use serde_json::{Value, json};

use crate::sim::actors::providers::{EVENT, REFUSED, leases_of, number_of};
use crate::sim::bugs::sabotage::Switch;
use crate::sim::engine::faults::Fault;
use crate::sim::engine::plan::Play;
use crate::sim::engine::world::World;
use crate::sim::oracle::row::Row;

/// One seed in this many has such texts: half of the seeds with jobs that embed.
const SEEDS_PER_POISON: u64 = 12;
/// Part of a text whose calls fail.
const BREAKS: &str = "poison-breaks";
/// Part of a text whose calls return one vector too few.
const LOSES: &str = "poison-loses";
/// Part of a text for which calls return `null`.
const VOIDS: &str = "poison-voids";
/// Most jobs with such texts in one call, so that no other job spends a failure: if every text of a call fails alone,
/// the core blames the provider.
const IN_A_CALL_MAX: usize = 2;

/// Bookkeeping of who is responsible when jobs that embed fail.
#[derive(Debug, Default)]
pub(crate) struct Poison {
    /// True if some texts break their calls.
    plays: bool,
    /// Numbers of the jobs with a text that is refused or breaks its calls.
    own: RefCell<BTreeSet<i64>>,
    /// Lease tokens of workers whose provider failed for a reason other than the texts.
    excused: RefCell<BTreeSet<String>>,
}

impl Poison {
    /// Setup for a schedule.
    pub(crate) fn of(what: &Play) -> Self {
        let plays = what.seed % SEEDS_PER_POISON == 9 && !what.narrow.off.contains(&Fault::PoisonedText);
        Self { plays, ..Self::default() }
    }

    /// Returns true if job `n` must embed, so that several such jobs meet in one call.
    pub(crate) fn wants(&self, n: i64) -> bool {
        self.plays && n % 2 == 1
    }

    /// Notes that a call of this worker failed for a reason other than its texts: all its jobs may spend a failure.
    pub(crate) fn excuse(&self, tokens: &BTreeSet<String>) {
        self.excused.borrow_mut().extend(tokens.iter().cloned());
    }
}

/// Makes one text of a job break its calls, now and then.
pub(crate) fn taint(world: &World, inputs: &mut [Value], n: i64) {
    if world.poison.plays && world.hits(Fault::PoisonedText) {
        let how = *world.random.pick(&[BREAKS, LOSES, VOIDS]);
        inputs[0]["text"] = json!(format!("{n} 0 {how}"));
    }
    let has = |input: &Value, what| input["text"].as_str().is_some_and(|text| text.contains(what));
    if inputs.iter().any(|input| [REFUSED, BREAKS, LOSES, VOIDS].iter().any(|what| has(input, *what))) {
        world.poison.own.borrow_mut().insert(n);
    }
}

/// Changes the answer of a call as its texts demand. Returns the status, if the call fails.
pub(crate) fn spoil(world: &World, tokens: &BTreeSet<String>, texts: &[String], data: &mut Vec<Value>) -> Option<u16> {
    let has = |text: &str, how: &[&str]| how.iter().any(|how| text.contains(how));
    let is_poisoned = |text: &&String| has(text, &[BREAKS, LOSES, VOIDS]);
    let jobs = |texts: Vec<&String>| -> usize {
        texts.into_iter().map(|text| leases_of(world, tokens, text).map_or(0, |leases| leases.len())).sum()
    };
    let poisoned = jobs(texts.iter().filter(is_poisoned).collect());
    if poisoned == 0 {
        return None;
    }
    let owners: BTreeSet<_> = texts.iter().filter_map(|text| text.split(' ').next()).collect();
    let shared = if owners.len() > 1 { "a shared call broken by a text" } else { "a call broken by its only job" };
    world.invariants.borrow_mut().reach(shared);
    if poisoned > IN_A_CALL_MAX {
        world.poison.excuse(tokens);
    }
    if world.has(Switch::BlamesProviders) {
        return Some(401);
    }
    for (text, given) in texts.iter().zip(data.iter_mut()).filter(|(text, _)| has(text, &[VOIDS])) {
        world.trace.note(world.now(), "void", || text.clone());
        given["embedding"] = Value::Null;
    }
    if texts.iter().any(|text| has(text, &[LOSES])) {
        data.pop();
    }
    texts.iter().any(|text| has(text, &[BREAKS])).then_some(500)
}

/// Returns true if the provider may have asked this attempt to retry later: not if its answer was incomplete at the
/// deadline, nor if a text of this job failed it before.
pub(crate) fn may_ask(entry: &Value) -> bool {
    let has_failed = entry["error"]["message"].as_str().is_some_and(|message| message.contains("has no vector for"));
    !entry["status"].is_null() && entry["error"]["class"] != "timeout" && !has_failed
}

/// Checks F85: a job that embeds spends a failure for its own texts or for its provider, not for another job of the
/// call.
pub(crate) fn judge(world: &World, old: &Row, new: &Row) -> Result<(), String> {
    let is_provider = new.error.as_ref().is_some_and(|error| error.class == ErrorClass::Provider);
    let Some(n) = number_of(new).filter(|_| is_provider && new.failures > old.failures) else { return Ok(()) };
    let excused = world.poison.excused.borrow();
    let is_excused = old.lease_token.as_ref().is_some_and(|lease| excused.contains(lease));
    if is_excused || world.poison.own.borrow().contains(&n) {
        return Ok(());
    }
    Err(format!("F85: {EVENT}{n} spent a failure for another job's text: {:?}", new.error))
}
