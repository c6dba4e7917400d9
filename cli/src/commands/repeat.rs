//! Repetition of requests that may succeed later.

use std::time::Duration;

use longshore_client::ClientError;

use crate::escape::escaped;
use crate::output::note;

/// Number of times that a request is sent.
const SENDS_MAX: u32 = 5;
/// Wait before the second request; each wait doubles the one before.
const WAIT_FIRST: Duration = Duration::from_millis(500);
/// A longer `Retry-After`, such as until midnight, is not waited for.
const WAIT_SECONDS_MAX: u64 = 60;

/// Sends a request, and sends it again if the connection breaks or the deployment is busy. The request must be safe to
/// repeat: a read, or a change with an idempotency key.
///
/// # Errors
/// The last error.
pub(crate) fn repeat<T>(mut send: impl FnMut() -> Result<T, ClientError>) -> Result<T, ClientError> {
    let mut wait = WAIT_FIRST;
    for _ in 1..SENDS_MAX {
        let error = match send() {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let requested = error.problem().and_then(|problem| problem.retry_after);
        if !error.is_temporary() || requested.is_some_and(|seconds| seconds > WAIT_SECONDS_MAX) {
            return Err(error);
        }
        let pause = requested.map_or(wait, Duration::from_secs);
        note(format!("{}; trying again in {} s", escaped(&error.to_string()), pause.as_secs_f32()));
        std::thread::sleep(pause);
        wait *= 2;
    }
    send()
}
