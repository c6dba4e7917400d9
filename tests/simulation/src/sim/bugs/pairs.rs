//! One planted bug for each kind of fault, which only that kind brings to light: without the fault it stays hidden.

use crate::sim::engine::faults::Fault;
use crate::sim::engine::plan::Narrow;

/// A fault and the bug it brings to light.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    /// The fault.
    pub fault: Fault,
    /// The bug's name.
    pub bug: &'static str,
    /// What else goes on, with the fault and without it.
    pub setting: Setting,
}

/// What else goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// All other faults.
    Full,
    /// No other fault: several of them bring the same bug to light.
    Alone,
    /// No other fault, no operator, and nobody asks twice without need: people bring it to light, too.
    Quiet,
    /// As quiet, but for this fault: two must meet.
    Beside(Fault),
}

impl Pair {
    /// The worlds with the fault, and without it.
    pub fn worlds(&self) -> (Narrow, Narrow) {
        match self.setting {
            Setting::Full => (Narrow::default(), Narrow { off: [self.fault].into(), ..Narrow::default() }),
            Setting::Alone => (Narrow::only(&[self.fault], false), Narrow::only(&[], false)),
            Setting::Quiet => (Narrow::only(&[self.fault], true), Narrow::only(&[], true)),
            Setting::Beside(other) => (Narrow::only(&[self.fault, other], true), Narrow::only(&[other], true)),
        }
    }
}

const fn pair(fault: Fault, bug: &'static str, setting: Setting) -> Pair {
    Pair { fault, bug, setting }
}

/// All of them.
pub static ALL: &[Pair] = &[
    pair(Fault::DatabaseError, "a batch that was rolled back and counts as done", Setting::Full),
    pair(Fault::DatabaseAnswerLost, "a watermark that two sweeps move", Setting::Alone),
    pair(Fault::DatabaseLate, "no fencing", Setting::Quiet),
    pair(Fault::DatabaseStall, "no fencing", Setting::Quiet),
    pair(Fault::SendFails, "a watermark that passes by what is queued", Setting::Quiet),
    pair(Fault::QueueDrop, "a sweep that never runs a job", Setting::Full),
    pair(Fault::QueueDuplicate, "a claim of what is running, unless it was scheduled", Setting::Quiet),
    pair(Fault::QueueDelay, "a hint that counts as due, unless it was scheduled", Setting::Quiet),
    pair(Fault::QueueEarly, "a hint that counts as due, unless it was scheduled", Setting::Quiet),
    pair(Fault::OtherVersion, "a watermark that passes by what is queued", Setting::Quiet),
    pair(Fault::PutFails, "a failed put that counts as done", Setting::Full),
    pair(Fault::PutHangs, "a hanging put that counts as done", Setting::Full),
    pair(Fault::Http500, "an error that outlives the success", Setting::Alone),
    pair(Fault::HttpBusy, "being asked for time that counts as a failure", Setting::Alone),
    pair(Fault::HttpHang, "a timeout that is sent again at once", Setting::Full),
    pair(Fault::HttpGone, "a held job that is forgotten", Setting::Quiet),
    pair(Fault::HttpConnect, "an attempt without a status that is not recorded", Setting::Quiet),
    pair(Fault::HttpAnswerLost, "a broken connection that is sent again at once", Setting::Full),
    pair(Fault::HttpTruncated, "a status that is thrown away with its body", Setting::Quiet),
    pair(Fault::ConsumerCrash, "evidence after the settlement", Setting::Alone),
    pair(Fault::SweepCrash, "a batch in pieces", Setting::Quiet),
    pair(Fault::ProducerCrash, "a batch in pieces", Setting::Alone),
    pair(Fault::Freeze, "no fencing", Setting::Quiet),
    pair(Fault::SweepMissing, "a watermark that looks back a minute", Setting::Beside(Fault::SendFails)),
    pair(Fault::SweepDoubled, "a watermark that two sweeps move", Setting::Alone),
    pair(Fault::AcceptAnswerLost, "a repeat that does not find its job", Setting::Quiet),
    pair(Fault::StorageFull, "a full store that takes jobs", Setting::Alone),
    pair(Fault::DailyLimit, "a daily limit that counts as a crash", Setting::Full),
    pair(Fault::PoisonedText, "a text that costs its neighbours a failure", Setting::Full),
];
