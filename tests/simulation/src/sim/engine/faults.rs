//! The faults: their names, how often each is drawn in one schedule, and how often each really hit.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use longshore_kit::random::Random;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The database returns an error and wrote nothing.
    DatabaseError,
    /// The database commits, and its answer is lost.
    DatabaseAnswerLost,
    /// The database returns an error, and commits up to half a minute later.
    DatabaseLate,
    /// The database answers after 5 to 80 s, or fails then.
    DatabaseStall,
    /// Hints cannot be sent.
    SendFails,
    /// A message is lost.
    QueueDrop,
    /// A message is delivered twice.
    QueueDuplicate,
    /// A message is delivered up to ten minutes late.
    QueueDelay,
    /// A delayed message is delivered early.
    QueueEarly,
    /// A message has a version that the consumer does not know, as during a deploy or a rollback.
    OtherVersion,
    /// The object store fails.
    PutFails,
    /// The object store hangs.
    PutHangs,
    /// The destination answers 500.
    Http500,
    /// The destination answers 429 or 503 with a Retry-After.
    HttpBusy,
    /// The destination hangs, before or after it has read the request.
    HttpHang,
    /// The destination answers 410.
    HttpGone,
    /// The destination refuses the connection.
    HttpConnect,
    /// The destination reads the request, and its answer is lost.
    HttpAnswerLost,
    /// The destination's answer is interrupted within its body.
    HttpTruncated,
    /// A consumer crashes at some await.
    ConsumerCrash,
    /// A sweep crashes at some await.
    SweepCrash,
    /// A producer crashes at some await.
    ProducerCrash,
    /// A worker stands still for up to a minute.
    Freeze,
    /// A sweep does not run.
    SweepMissing,
    /// Two sweeps run at once.
    SweepDoubled,
    /// A caller never sees its answer.
    AcceptAnswerLost,
    /// The database is nearly full for a while.
    StorageFull,
    /// The account has spent its rows or the operations of its queues until midnight.
    DailyLimit,
    /// A text breaks each provider call that contains it.
    PoisonedText,
}

/// Each fault with its highest rate per mille.
const RATES: [(Fault, i64); 27] = [
    (Fault::DatabaseError, 120),
    (Fault::DatabaseAnswerLost, 100),
    (Fault::DatabaseLate, 60),
    (Fault::DatabaseStall, 60),
    (Fault::SendFails, 400),
    (Fault::QueueDrop, 1_000),
    (Fault::QueueDuplicate, 500),
    (Fault::QueueDelay, 300),
    (Fault::QueueEarly, 500),
    (Fault::OtherVersion, 700),
    (Fault::PutFails, 500),
    (Fault::PutHangs, 200),
    (Fault::Http500, 500),
    (Fault::HttpBusy, 250),
    (Fault::HttpHang, 250),
    (Fault::HttpGone, 60),
    (Fault::HttpConnect, 250),
    (Fault::HttpAnswerLost, 250),
    (Fault::HttpTruncated, 250),
    (Fault::ConsumerCrash, 500),
    (Fault::SweepCrash, 300),
    (Fault::ProducerCrash, 400),
    (Fault::Freeze, 300),
    (Fault::SweepMissing, 500),
    (Fault::SweepDoubled, 300),
    (Fault::AcceptAnswerLost, 300),
    (Fault::StorageFull, 200),
];

/// Rate per mille of the first call that a daily limit refuses, where a schedule lives through a midnight. Not drawn,
/// so that other schedules do not change.
const LIMIT_RATE: u32 = 6;
/// Rate per mille of jobs with a poisoned text, where a schedule has some; not drawn either.
const POISON_RATE: u32 = 300;

impl Fault {
    /// All kinds of faults.
    pub fn all() -> impl Iterator<Item = Fault> {
        RATES.into_iter().map(|(fault, _)| fault).chain([Fault::DailyLimit, Fault::PoisonedText])
    }

    /// Finds the kind with this name.
    pub fn named(name: &str) -> Option<Fault> {
        Self::all().find(|fault| format!("{fault:?}") == name)
    }
}

/// Rate of each fault in one schedule. About half of them are zero: a schedule with few kinds of faults goes deeper
/// into each than one with all of them.
#[derive(Debug)]
pub(crate) struct Chances {
    rates: RefCell<BTreeMap<Fault, u32>>,
    off: BTreeSet<Fault>,
}

impl Chances {
    /// Draws the rates of a schedule. Faults in `off` have rate zero, which changes no other draw.
    pub(crate) fn draw(random: &Random, off: &BTreeSet<Fault>) -> Self {
        let draw = |(fault, most): (Fault, i64)| {
            let on = random.per_mille(500);
            let rate = u32::try_from(random.between(1, most)).unwrap();
            on.then_some((fault, rate))
        };
        let mut rates: BTreeMap<Fault, u32> = RATES.into_iter().filter_map(draw).collect();
        rates.insert(Fault::DailyLimit, LIMIT_RATE);
        rates.insert(Fault::PoisonedText, POISON_RATE);
        rates.retain(|fault, _| !off.contains(fault));
        Self { rates: RefCell::new(rates), off: off.clone() }
    }

    pub(crate) fn rate(&self, fault: Fault) -> u32 {
        self.rates.borrow().get(&fault).copied().unwrap_or(0)
    }

    /// Makes it certain that faults hit soon: every sweep calls the database.
    pub(crate) fn insist(&self) {
        self.set(Fault::DatabaseError, 300);
    }

    /// Makes nearly every consumer crash.
    pub(crate) fn kill_consumers(&self) {
        self.set(Fault::ConsumerCrash, 900);
    }

    /// Makes workers die often enough for some job to run in quarantine.
    pub(crate) fn make_quarantined(&self) {
        self.set(Fault::ConsumerCrash, 400);
    }

    fn set(&self, fault: Fault, rate: u32) {
        if !self.off.contains(&fault) {
            self.rates.borrow_mut().insert(fault, rate);
        }
    }

    pub(crate) fn stop(&self) {
        self.rates.borrow_mut().clear();
    }
}

/// Number of times that each fault really hit.
#[derive(Debug, Default)]
pub(crate) struct Tally(RefCell<BTreeMap<Fault, u64>>);

impl Tally {
    pub(crate) fn hit(&self, fault: Fault) {
        *self.0.borrow_mut().entry(fault).or_default() += 1;
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.borrow().values().sum()
    }

    pub(crate) fn counts(&self) -> BTreeMap<Fault, u64> {
        self.0.borrow().clone()
    }
}
