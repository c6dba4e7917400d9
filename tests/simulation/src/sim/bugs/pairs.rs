//! One planted bug for each kind of fault that only this kind reveals: without the fault the bug stays hidden.

use crate::sim::engine::faults::Fault;
use crate::sim::engine::plan::Narrow;

/// A fault and the bug that it reveals.
#[derive(Debug, Clone, Copy)]
pub struct Pair {
    /// The fault.
    pub fault: Fault,
    /// Name of the bug.
    pub bug: &'static str,
    /// Other faults and actors in the world, the same with the fault and without it.
    pub setting: Setting,
}

/// Other faults and actors in the world of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// All other faults.
    Full,
    /// No other fault, because several of them reveal the same bug.
    Alone,
    /// No other fault, no operator and no needless repeats, because people reveal the bug too.
    Quiet,
    /// Quiet, except for this fault: two faults must meet.
    Beside(Fault),
}

impl Pair {
    /// Returns the world with the fault, and the world without it.
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

/// A pair for each kind of fault.
pub static ALL: &[Pair] = &[
    pair(Fault::DatabaseError, "a batch that was rolled back and counts as done", Setting::Full),
    pair(Fault::DatabaseAnswerLost, "a watermark that two sweeps move", Setting::Alone),
    pair(Fault::DatabaseLate, "no fencing", Setting::Quiet),
    pair(Fault::DatabaseStall, "no fencing", Setting::Quiet),
    pair(Fault::SendFails, "a watermark that skips queued jobs", Setting::Quiet),
    pair(Fault::QueueDrop, "a sweep that never runs a job", Setting::Full),
    pair(Fault::QueueDuplicate, "a claim of a running job, unless it was scheduled", Setting::Quiet),
    pair(Fault::QueueDelay, "a hint that makes a job due, unless it was scheduled", Setting::Quiet),
    pair(Fault::QueueEarly, "a hint that makes a job due, unless it was scheduled", Setting::Quiet),
    pair(Fault::OtherVersion, "a watermark that skips queued jobs", Setting::Quiet),
    pair(Fault::PutFails, "a failed put that counts as done", Setting::Full),
    pair(Fault::PutHangs, "a hanging put that counts as done", Setting::Full),
    pair(Fault::Http500, "an error that outlives the success", Setting::Alone),
    pair(Fault::HttpBusy, "a Retry-After that counts as a failure", Setting::Alone),
    pair(Fault::HttpHang, "a timeout retried within its attempt", Setting::Full),
    pair(Fault::HttpGone, "a held job that is forgotten", Setting::Quiet),
    pair(Fault::HttpConnect, "an attempt without a status that is not recorded", Setting::Quiet),
    pair(Fault::HttpAnswerLost, "a broken connection retried within its attempt", Setting::Full),
    pair(Fault::HttpTruncated, "a status dropped with its truncated body", Setting::Quiet),
    pair(Fault::ConsumerCrash, "evidence after the settlement", Setting::Alone),
    pair(Fault::SweepCrash, "a batch committed in parts", Setting::Quiet),
    pair(Fault::ProducerCrash, "a batch committed in parts", Setting::Alone),
    pair(Fault::Freeze, "no fencing", Setting::Quiet),
    pair(Fault::SweepMissing, "a watermark that looks back a minute", Setting::Beside(Fault::SendFails)),
    pair(Fault::SweepDoubled, "a watermark that two sweeps move", Setting::Alone),
    pair(Fault::AcceptAnswerLost, "a repeat that does not find its job", Setting::Quiet),
    pair(Fault::StorageFull, "a full store that accepts jobs", Setting::Alone),
    pair(Fault::DailyLimit, "a daily limit that counts as a crash", Setting::Full),
    pair(Fault::PoisonedText, "a text that fails the other jobs of its call", Setting::Full),
];
