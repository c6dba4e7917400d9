//! `?wait=seconds`: the response waits until a job, or each job of a group, has ended. The handler reads it again and again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use longshore::limits::WAIT_SECONDS_MAX;
use longshore::ports::Clock;
use longshore::wire::problem::Problem;
use longshore::wire::values::Whole;

use crate::context::ApiContext;

/// First wait between two reads; each wait doubles the one before, up to [`POLL_LAST`].
const POLL_FIRST: Duration = Duration::from_millis(100);
const POLL_LAST: Duration = Duration::from_secs(1);

/// Returns the seconds of `?wait=`; 0 without it.
pub(crate) fn wait_seconds(context: &ApiContext) -> Result<u32, Problem> {
    let Some(text) = context.request.parameter("wait") else {
        return Ok(0);
    };
    Whole::<0, WAIT_SECONDS_MAX>::parse("wait", text).map_err(Problem::InvalidParameter)
}

/// Waits until `has_ended` returns true, for this number of seconds; the last wait may end up to a second later. The
/// caller has just read that nothing has ended, so the first wait comes before the first call.
pub(crate) async fn wait_for_end(
    context: &ApiContext,
    seconds: u32,
    has_ended: impl AsyncFn() -> Result<bool, Problem>,
) -> Result<(), Problem> {
    let until = context.world.now_ms() + i64::from(seconds) * 1_000;
    let waits = ExponentialBuilder::default().with_factor(2.0).with_min_delay(POLL_FIRST).with_max_delay(POLL_LAST);
    for wait in waits.without_max_times().build() {
        context.world.sleep(wait).await;
        if context.world.now_ms() >= until || has_ended().await? {
            break;
        }
    }
    Ok(())
}
