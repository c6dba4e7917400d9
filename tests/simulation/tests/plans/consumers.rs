//! Several consumers share the jobs of one batch. The queue is a model of Cloudflare's: a batch has 100 messages, or those
//! of a second.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use longshore::limits::SEND_BATCH_MESSAGES_MAX;
use longshore::limits::plan::PAID;
use longshore::model::hint::{decode, encode};
use longshore::model::job::JobRef;
use longshore::run::process::process;
use longshore::wire::job_queue::JobQueue;
use tokio::time::{Instant, sleep};

use crate::counted::Counted;
use crate::settings;

/// Time for which a batch waits for further messages: `max_batch_timeout` in `consumer/wrangler.toml`.
const BATCH_WAIT: Duration = Duration::from_secs(1);
/// Interval at which the model looks at the queue.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A model of a queue: its messages, each with the time from which it is delivered.
struct Queue {
    messages: Vec<(Instant, Vec<JobRef>)>,
}

impl Queue {
    /// Takes the messages that the world has sent.
    fn receive(&mut self, world: &Counted) {
        for message in world.hints.borrow_mut().drain(..) {
            let at = Instant::now() + Duration::from_secs(message.delay_seconds.into());
            self.messages.push((at, decode(&message.text).unwrap()));
        }
    }

    /// Returns the jobs of the next batch, if it is full or has waited long enough.
    fn next(&mut self) -> Option<Vec<JobRef>> {
        let now = Instant::now();
        self.messages.sort_by_key(|(at, _)| *at);
        let ready = self.messages.iter().take(SEND_BATCH_MESSAGES_MAX).take_while(|(at, _)| *at <= now).count();
        let (oldest, _) = self.messages.first()?;
        let is_due = ready == SEND_BATCH_MESSAGES_MAX || now >= *oldest + BATCH_WAIT;
        is_due.then(|| self.messages.drain(..ready).flat_map(|(_, jobs)| jobs).collect())
    }
}

/// Runs the jobs with a number of consumers; returns how long it took, and how many ran at once.
async fn consume(world: &Counted, jobs: &[JobRef], consumers: usize) -> (Duration, usize) {
    let (settings, began) = (settings(PAID), Instant::now());
    let hints = encode(jobs, PAID.hint_jobs);
    let mut queue = Queue { messages: hints.iter().map(|hint| (began, decode(hint).unwrap())).collect() };
    let (mut running, mut most, mut settled) = (FuturesUnordered::new(), 0, 0);
    while settled < jobs.len() {
        queue.receive(world);
        while running.len() < consumers
            && let Some(batch) = queue.next()
        {
            running.push(process(world, &settings, JobQueue::Webhooks, batch));
        }
        most = most.max(running.len());
        tokio::select! {
            Some(report) = running.next() => settled += report.settled,
            () = sleep(LOOK_EVERY) => {}
        }
    }
    (began.elapsed(), most)
}

/// One consumer takes 400 s for 10,000 jobs of 200 ms, because five of them run at once.
#[tokio::test(start_paused = true)]
async fn twenty_consumers_share_ten_thousand_slow_jobs() {
    let world = Counted { succeeds: true, is_shared: true, ..Counted::slow(Duration::from_millis(200)) };
    let jobs = world.insert(10_000, "", "");
    world.spread_destinations();
    let (took, most) = consume(&world, &jobs, 20).await;
    assert!(most == 20 && (20..=30).contains(&took.as_secs()), "{took:?} by up to {most}");
}

/// A consumer that finishes its jobs soon leaves none to others, which would start a second later.
#[tokio::test(start_paused = true)]
async fn fast_jobs_stay_with_their_consumer() {
    let world = Counted { succeeds: true, is_shared: true, ..Counted::slow(Duration::from_millis(6)) };
    let jobs = world.insert(4_000, "", "");
    world.spread_destinations();
    let (took, most) = consume(&world, &jobs, 20).await;
    assert!(most == 1 && took < Duration::from_secs(7), "{took:?} by up to {most}");
}
