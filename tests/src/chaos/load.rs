//! The load: single jobs and batches at a fixed rate, independent of the Workers. Each request is repeated until it is
//! acknowledged, and some are repeated after that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, interval, sleep, timeout};

use super::book::{Book, Request};
use super::stage::{ENDPOINTS, Stage};
use longshore_kit::client::Client;

/// Interval of bursts: two single jobs and a batch are 14 jobs each 200 ms, or 70 a second, which leaves room for
/// downtimes.
const BURST_EVERY: Duration = Duration::from_millis(200);
const BURST: usize = 3;
/// Posts that may wait for their answer at once. Without this bound the retries of a long stop take the machine from the
/// process that restarts.
const WAITING_MAX: usize = 60;
const BATCH_JOBS: usize = 12;
/// Longest wait of a client for one answer, and the pause before it repeats the request.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const AGAIN_AFTER: Duration = Duration::from_millis(250);
/// Time after which a request that was not acknowledged counts as a failure.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_mins(3);
/// One acknowledged request in this many is sent once more.
const ECHO_EVERY: usize = 10;

/// The client while it works.
pub(super) struct Load {
    shared: Arc<Shared>,
    work: JoinHandle<()>,
}

struct Shared {
    api: Client,
    book: Mutex<Book>,
    stopped: AtomicBool,
}

impl Load {
    /// Starts posting.
    pub(super) fn start(stage: &Stage) -> Self {
        let shared = Arc::new(Shared {
            api: stage.api.clone(),
            book: Mutex::new(Book::default()),
            stopped: AtomicBool::new(false),
        });
        let work = tokio::spawn(post_all(Arc::clone(&shared)));
        Self { shared, work }
    }

    /// Number of acknowledged jobs.
    pub(super) fn acknowledged(&self) -> usize {
        self.shared.book().acknowledged.len()
    }

    /// Stops new posts. Returns the book when everything is acknowledged.
    pub(super) async fn stop(mut self) -> Book {
        self.shared.stopped.store(true, Ordering::SeqCst);
        if let Err(error) = (&mut self.work).await {
            self.shared.book().broken.push(format!("the client stopped: {error}"));
        }
        std::mem::take(&mut *self.shared.book())
    }
}

impl Drop for Load {
    /// Ends the posts of a run that failed: the other tests share the runtime.
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn post_all(shared: Arc<Shared>) {
    let mut clock = interval(BURST_EVERY);
    let mut posts = JoinSet::new();
    let mut number = 0;
    while !shared.stopped.load(Ordering::SeqCst) {
        clock.tick().await;
        while posts.try_join_next().is_some() {}
        for _ in 0..BURST.min(WAITING_MAX.saturating_sub(posts.len())) {
            posts.spawn(post(Arc::clone(&shared), request(number), number % ECHO_EVERY == 0));
            number += 1;
        }
    }
    while posts.join_next().await.is_some() {}
}

fn request(number: usize) -> Request {
    let key = format!("chaos-{number}");
    if number % BURST == BURST - 1 {
        let jobs: Vec<_> = (0..BATCH_JOBS).map(|index| job(number + index)).collect();
        return Request { key, path: "/v1/jobs/batch", body: json!({ "jobs": jobs }), batch: Some(BATCH_JOBS) };
    }
    Request { key, path: "/v1/jobs", body: job(number), batch: None }
}

/// A job: one in ten goes to the flaky endpoint and one in twenty to the slow one. That is a quarter of what one
/// consumer can send there with two requests at once, so that interrupted jobs do not wait behind a backlog of the
/// load.
fn job(number: usize) -> Value {
    let index = match number % 20 {
        0 => 1,
        1 | 11 => 2,
        _ => 0,
    };
    let (endpoint, _) = ENDPOINTS[index];
    json!({"kind": "webhook", "endpoint": endpoint, "payload": {"body": {"number": number}}})
}

async fn post(shared: Arc<Shared>, request: Request, echo: bool) {
    let end = Instant::now() + ACKNOWLEDGED_WITHIN;
    while !ask(&shared, &request).await {
        if Instant::now() > end {
            shared.book().broken.push(format!("{} was never acknowledged", request.key));
            return;
        }
        shared.book().sent_again += 1;
        sleep(AGAIN_AFTER).await;
    }
    if echo {
        ask(&shared, &request).await;
    }
}

async fn ask(shared: &Shared, request: &Request) -> bool {
    let headers = [("idempotency-key", &*request.key)];
    match timeout(ANSWER_WITHIN, shared.api.post_with(request.path, &headers, &request.body)).await {
        Ok(Ok(answer)) => shared.book().note(request, &answer),
        _ => false,
    }
}
