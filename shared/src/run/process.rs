//! The executor of one invocation: claims, runs and flushes until the jobs of its hints are settled.
//!
//! It is a loop over events. [`Invocation::plan`] starts all work that may start; [`Invocation::take`] handles the end
//! of it. Every call that it awaits is safe to repeat, with the reason beside it. A crash at any point only leaves
//! leases, which expire.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;

use crate::index::shared::Shared;
use crate::limits::{
    CLAIM_BELOW, FLUSH_BYTES, FLUSH_MS, FLUSH_OUTCOMES, FLUSH_RESULT_BYTES, HEARTBEAT_MS, INVOCATION_MS, LEASE_MS,
    RELEASE_PAUSE_MS, STATEMENTS_MAX,
};
use crate::model::claimed::Claimed;
use crate::model::hint::Hint;
use crate::model::job::{JobRef, mint_ulid};
use crate::ports::{DatabaseError, World};
use crate::run::attempt::{FinishedAttempt, run};
use crate::run::claim::{claim, find_quarantined, heartbeat, release_claim};
use crate::run::flush::{Flushed, flush};
use crate::run::held::Held;
use crate::settings::Settings;
use crate::store::notify::send_hints;
use crate::wire::daily_limit::DailyLimit;
use crate::wire::job_queue::JobQueue;

mod claim_size;
mod share;
mod take;

use claim_size::ClaimSize;
use share::Pace;

/// Counts and limits of one invocation.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// Attempts that were made.
    pub attempts: usize,
    /// Outcomes that were recorded.
    pub settled: usize,
    /// Outcomes that were not recorded because another lease had taken over the job, or because the write failed.
    pub lost: usize,
    /// Jobs that the claim did not take: finished, running elsewhere, not due, or quarantined.
    pub unclaimed: Vec<JobRef>,
    /// True if the database was out of reach: the queue must deliver the hints again.
    pub database_lost: bool,
    /// Daily limit that was met. The hints are not needed again: nothing can be claimed before midnight UTC, and the
    /// sweep finds the jobs after it.
    pub limit: Option<DailyLimit>,
}

/// Runs the jobs of some hints, except quarantined ones. Sends new hints for jobs that it had no time for.
pub async fn process<W: World>(world: &W, settings: &Settings, queue: JobQueue, jobs: Vec<JobRef>) -> Report {
    Invocation::new(world, settings, queue, jobs, Shared::begin(world, settings), false).drive().await
}

/// Runs the quarantined ones of `jobs`, one at a time, after all other jobs are settled and acked. So a quarantined job
/// that crashes this Worker harms only itself. Sends new hints for jobs that it had no time for.
pub async fn process_quarantined<W: World>(world: &W, settings: &Settings, queue: JobQueue, jobs: &[JobRef]) -> Report {
    let mut total = Report::default();
    let quarantined = match find_quarantined(world, jobs).await {
        Ok(quarantined) => quarantined,
        Err(error) => {
            tracing::warn!(%error, "quarantined_jobs_postponed");
            return total;
        }
    };
    let began_at = world.now_ms();
    let mut waiting = quarantined.into_iter();
    // All of them share one budget of calls to providers, as the jobs of any invocation do.
    let shared = Shared::begin(world, settings);
    for quarantined in waiting.by_ref() {
        let report = Invocation::new(world, settings, queue, vec![quarantined], shared.clone(), true).drive().await;
        total.attempts += report.attempts;
        total.settled += report.settled;
        if report.limit.is_some() {
            return Report { limit: report.limit, ..total };
        }
        let is_spent = world.statements() >= STATEMENTS_MAX || world.now_ms() - began_at >= INVOCATION_MS;
        if is_spent || total.attempts >= settings.plan.jobs_per_invocation {
            break;
        }
    }
    send_hints(world, settings, waiting.map(|job| Hint::now(job, queue)).collect()).await;
    total
}

enum LoopEvent {
    Claimed { asked: Vec<JobRef>, answer: Result<Vec<Claimed>, DatabaseError>, sent_at: i64 },
    Attempted(Box<FinishedAttempt>),
    Flushed(Flushed),
    Beaten { renewed: Vec<JobRef>, sent_at: i64 },
    Released,
    Shared,
    Woken,
}

/// Calls to the store that have not returned yet: at most one claim, one flush and one heartbeat at a time.
#[derive(Default)]
struct UnderWay {
    claim: bool,
    flush: bool,
    heartbeat: bool,
    releases: usize,
    shares: usize,
}

struct Invocation<'a, W: World> {
    world: &'a W,
    settings: &'a Settings,
    /// Queue that its hints came from.
    queue: JobQueue,
    token: String,
    /// State that its jobs share.
    shared: Rc<Shared>,
    quarantined: bool,
    began_at: i64,
    pending: VecDeque<JobRef>,
    waiting: VecDeque<Held>,
    running: Vec<Held>,
    /// Attempted jobs that no flush has recorded yet. Heartbeats renew their leases.
    unsettled: Vec<Held>,
    ready: Vec<FinishedAttempt>,
    leftover: Vec<JobRef>,
    /// Jobs that were released because their destinations are slow.
    released: Vec<JobRef>,
    /// Time of the last release.
    released_at: Option<i64>,
    pace: Pace,
    claims: usize,
    claim_size: ClaimSize,
    flushes: u32,
    beat_at: i64,
    wake_at: Option<i64>,
    under_way: UnderWay,
    report: Report,
    events: FuturesUnordered<LocalBoxFuture<'a, LoopEvent>>,
}

impl<'a, W: World> Invocation<'a, W> {
    fn new(
        world: &'a W,
        settings: &'a Settings,
        queue: JobQueue,
        jobs: Vec<JobRef>,
        shared: Rc<Shared>,
        quarantined: bool,
    ) -> Self {
        let began_at = world.now_ms();
        let mut pending: VecDeque<JobRef> = VecDeque::new();
        let mut seen = std::collections::BTreeSet::new();
        for job in jobs {
            if seen.insert(job.clone()) {
                pending.push_back(job);
            }
        }
        Invocation {
            world,
            settings,
            queue,
            token: mint_ulid(began_at, world.random()),
            shared,
            quarantined,
            began_at,
            pending,
            waiting: VecDeque::new(),
            running: Vec::new(),
            unsettled: Vec::new(),
            ready: Vec::new(),
            leftover: Vec::new(),
            released: Vec::new(),
            released_at: None,
            pace: Pace::begin(began_at),
            claims: 0,
            claim_size: ClaimSize::default(),
            flushes: 0,
            beat_at: began_at + HEARTBEAT_MS,
            wake_at: None,
            under_way: UnderWay::default(),
            report: Report::default(),
            events: FuturesUnordered::new(),
        }
    }

    async fn drive(mut self) -> Report {
        loop {
            self.plan();
            if self.is_done() {
                break;
            }
            match self.events.next().await {
                Some(event) => self.take(event),
                None => break,
            }
        }
        self.leftover.extend(self.pending.drain(..));
        if !self.report.database_lost && self.report.limit.is_none() {
            let later = u32::try_from(RELEASE_PAUSE_MS / 1_000).unwrap_or(0);
            let queue = self.queue;
            let now = self.leftover.drain(..).map(|job| Hint::now(job, queue));
            let slow = self.released.drain(..).map(|job| Hint { job, queue, delay_seconds: later });
            send_hints(self.world, self.settings, now.chain(slow).collect()).await;
        }
        self.report
    }

    fn is_done(&self) -> bool {
        let UnderWay { claim, flush, releases, shares, .. } = self.under_way;
        let idle = !claim && !flush && releases == 0 && shares == 0;
        idle && self.waiting.is_empty() && self.running.is_empty() && self.ready.is_empty() && !self.may_claim()
    }

    fn may_claim(&self) -> bool {
        !self.pending.is_empty()
            && !self.report.database_lost
            && self.report.limit.is_none()
            && self.claims < self.settings.plan.jobs_per_invocation
            && self.world.statements() < STATEMENTS_MAX
            && self.world.now_ms() - self.began_at < INVOCATION_MS
    }

    /// Starts all work that may start now.
    fn plan(&mut self) {
        self.start_attempts();
        self.share_out();
        self.start_claim();
        self.start_flush();
        self.start_heartbeat();
        self.start_timer();
    }

    /// Starts waiting jobs while connections are free. Releases those whose lease would not cover the attempt, and all if
    /// the statements of the invocation are spent.
    fn start_attempts(&mut self) {
        let now = self.world.now_ms();
        let is_spent = self.world.statements() >= STATEMENTS_MAX;
        let (mut short, mut at) = (Vec::new(), 0);
        while let Some(held) = self.waiting.get(at) {
            if is_spent || held.is_short(now) {
                short.extend(self.waiting.remove(at));
            } else if held.has_connection_beside(&self.running) && held.has_room_beside(&self.running) {
                let Some(held) = self.waiting.remove(at) else { break };
                let (world, settings, shared, job) = (self.world, self.settings, self.shared.clone(), held.job.clone());
                self.running.push(held);
                // Safe to repeat: the claim counted and logged this attempt before anything is sent.
                self.events.push(Box::pin(async move {
                    LoopEvent::Attempted(Box::new(run(world, settings, &shared, &job).await))
                }));
            } else {
                at += 1;
            }
        }
        self.start_release(&short);
    }

    fn start_release(&mut self, short: &[Held]) {
        if short.is_empty() {
            return;
        }
        self.under_way.releases += 1;
        self.released.extend(short.iter().map(|held| held.job.job()));
        self.released_at = Some(self.world.now_ms());
        self.claims -= short.len();
        let attempts: Vec<_> = short.iter().map(|held| held.job.attempt()).collect();
        let (world, token) = (self.world, self.token.clone());
        self.events.push(Box::pin(async move {
            // Safe to repeat: guarded by token and attempt number. If it fails, the leases expire.
            if let Err(error) = release_claim(world, &token, &attempts).await {
                tracing::warn!(%error, "release_failed");
            }
            LoopEvent::Released
        }));
    }

    /// Returns how many jobs to claim next: more if few jobs wait, or if busy destinations block all that wait. After a
    /// release it claims fewer jobs, and only after a pause, because each claim of a job that cannot start costs two
    /// rows.
    fn wants(&self) -> usize {
        // A slow flush must not gather outcomes without a bound: their evidence is in memory.
        if self.under_way.flush && self.flushable() < self.ready.len() {
            return 0;
        }
        match self.released_at {
            Some(at) if self.world.now_ms() - at < RELEASE_PAUSE_MS && !self.running.is_empty() => 0,
            Some(_) if self.waiting.len() < CLAIM_BELOW => CLAIM_BELOW,
            Some(_) => 0,
            None => self.claim_size.wanted(self.waiting.len(), self.world.now_ms(), || {
                !self.waiting.iter().any(|held| held.has_room_beside(&self.running))
            }),
        }
    }

    fn start_claim(&mut self) {
        let room = self.settings.plan.jobs_per_invocation.saturating_sub(self.claims);
        let wanted = self.wants().min(room).min(self.pending.len());
        if self.under_way.claim || wanted == 0 || !self.may_claim() {
            return;
        }
        let asked: Vec<_> = self.pending.drain(..wanted).collect();
        self.under_way.claim = true;
        self.claims += asked.len();
        let (world, settings, token) = (self.world, self.settings, self.token.clone());
        let (quarantined, sent_at) = (self.quarantined, self.world.now_ms());
        self.events.push(Box::pin(async move {
            // Safe to repeat: the claim reads back what its token holds.
            let answer = claim(world, settings, &token, &asked, quarantined).await;
            LoopEvent::Claimed { asked, answer, sent_at }
        }));
    }

    fn start_flush(&mut self) {
        if self.under_way.flush || self.ready.is_empty() || !self.must_flush() {
            return;
        }
        self.under_way.flush = true;
        self.flushes += 1;
        let finished = self.ready.drain(..self.flushable()).collect();
        let (world, settings, token, n) = (self.world, self.settings, self.token.clone(), self.flushes - 1);
        // Safe to repeat: each step of `flush` is.
        self.events
            .push(Box::pin(async move { LoopEvent::Flushed(flush(world, settings, &token, n, finished).await) }));
    }

    /// Returns how many outcomes one flush takes. More are ready if the last flush was slow.
    fn flushable(&self) -> usize {
        let (mut evidence, mut results) = (0, 0);
        let within = |done: &&FinishedAttempt| {
            let fits = evidence < FLUSH_BYTES && results < FLUSH_RESULT_BYTES;
            evidence += done.record.as_ref().map_or(0, Vec::len);
            results += done.settlement.result.as_ref().map_or(0, |result| result.get().len());
            fits
        };
        self.ready.iter().take(FLUSH_OUTCOMES).take_while(within).count()
    }

    fn must_flush(&self) -> bool {
        let nothing_else =
            self.running.is_empty() && self.waiting.is_empty() && !self.under_way.claim && !self.may_claim();
        self.ready.len() >= FLUSH_OUTCOMES
            || self.flushable() < self.ready.len()
            || nothing_else
            || self.oldest_ready().is_some_and(|at| self.world.now_ms() - at >= FLUSH_MS)
    }

    fn oldest_ready(&self) -> Option<i64> {
        self.ready.iter().map(|done| done.ended_at).min()
    }

    /// Renews the leases of slow attempts, and of outcomes that wait for a slow flush.
    fn start_heartbeat(&mut self) {
        let now = self.world.now_ms();
        if self.under_way.heartbeat || now < self.beat_at {
            return;
        }
        self.beat_at = now + HEARTBEAT_MS;
        let is_slow = |held: &&Held| held.job.lease.get() - now <= LEASE_MS - HEARTBEAT_MS;
        let attempts: Vec<_> =
            self.running.iter().chain(&self.unsettled).filter(is_slow).map(|held| held.job.attempt()).collect();
        if attempts.is_empty() {
            return;
        }
        self.under_way.heartbeat = true;
        let (world, token) = (self.world, self.token.clone());
        self.events.push(Box::pin(async move {
            // Safe to repeat: a renewed lease may be renewed again, and a lost lease is not revived.
            let renewed = heartbeat(world, &token, &attempts).await.unwrap_or_default();
            LoopEvent::Beaten { renewed, sent_at: now }
        }));
    }

    /// Starts a timer for the next due action. One timer at a time is enough: when it fires, [`Invocation::plan`] runs
    /// again.
    fn start_timer(&mut self) {
        let flush_at = self.oldest_ready().filter(|_| !self.under_way.flush).map(|at| at + FLUSH_MS);
        let share_at = (!self.pending.is_empty()).then(|| self.pace.measure_at());
        let beat_at = (!self.running.is_empty() || !self.unsettled.is_empty()).then_some(self.beat_at);
        let short_at = self.waiting.iter().map(Held::short_at).min();
        let Some(at) = [flush_at, share_at, beat_at, short_at].into_iter().flatten().min() else {
            return;
        };
        if self.wake_at.is_some_and(|planned| planned <= at) {
            return;
        }
        self.wake_at = Some(at);
        let (world, wait) = (self.world, u64::try_from(at - self.world.now_ms()).unwrap_or(0).max(1));
        self.events.push(Box::pin(async move {
            world.sleep(Duration::from_millis(wait)).await;
            LoopEvent::Woken
        }));
    }
}
