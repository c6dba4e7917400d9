//! The killer: sends SIGKILL to workerd, in turn at each named point and at a random instant.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::sleep;

use super::load::Load;
use super::stage::{Stage, TENANT};
use super::{Failure, Plan};
use longshore_kit::client::eventually;
use longshore_kit::random::Random;
use longshore_kit::runner::Point;

/// Longest restart of workerd, which usually takes a second; a busy machine takes longer.
const BACK_WITHIN: Duration = Duration::from_mins(2);
/// Longest wait for a point: under load each is passed within seconds. A missed point is tried again, and not counted.
const HIT_WITHIN: Duration = Duration::from_secs(15);
/// Misses after which the run fails, because no job passes the point.
const MISSES_MAX: usize = 20;
/// Kills between two lines of progress without a terminal.
const LINE_EVERY: usize = 10;

/// One kill that really hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kill {
    /// Point of the kill; `None` for a random instant.
    pub(super) point: Option<Point>,
    /// Time on this machine's clock, which is also D1's here.
    pub(super) at_ms: i64,
}

/// Name of a point in reports.
pub(super) fn name(point: Option<Point>) -> &'static str {
    match point {
        None => "at random",
        Some(Point::Insert) => "after insert",
        Some(Point::Hint) => "after hint",
        Some(Point::Claim) => "after claim",
        Some(Point::Request) => "after the request was sent",
        Some(Point::Evidence) => "after evidence",
        Some(Point::Settle) => "after settle",
    }
}

/// Hits of each point, including points without any.
pub(super) fn by_point(kills: &[Kill]) -> BTreeMap<Option<Point>, usize> {
    let mut count: BTreeMap<_, _> = turns().map(|point| (point, 0)).collect();
    for kill in kills {
        *count.entry(kill.point).or_default() += 1;
    }
    count
}

fn turns() -> impl Iterator<Item = Option<Point>> {
    Point::ALL.map(Some).into_iter().chain([None])
}

/// Kills workerd as often as planned, under the load.
pub(super) async fn kill_all(stage: &Stage, plan: &Plan, load: &Load) -> Result<Vec<Kill>, Failure> {
    let random = Random::new(plan.seed);
    let lives = plan.lives_ms();
    let display = Display::new(plan.kills);
    let (mut kills, mut misses) = (Vec::new(), 0);
    let turns: Vec<_> = turns().collect();
    while kills.len() < plan.kills {
        is_back(stage).await?;
        let life = random.between(*lives.start(), *lives.end());
        sleep(Duration::from_millis(life.unsigned_abs())).await;
        let point = turns[kills.len() % turns.len()];
        match kill_at(stage, point).await? {
            Some(kill) => {
                kills.push(kill);
                display.show(&kills, load.acknowledged());
            }
            None if misses == MISSES_MAX => {
                return Err(Failure::Overdue(format!("no job passes {}", name(point))));
            }
            None => misses += 1,
        }
    }
    is_back(stage).await?;
    display.end();
    Ok(kills)
}

/// Waits until the producer answers again.
pub(super) async fn is_back(stage: &Stage) -> Result<(), Failure> {
    let is_well = async || stage.api.get("/healthz").await.ok().filter(|answer| answer.status == 200);
    let back = eventually(BACK_WITHIN, is_well).await;
    back.map(drop).ok_or_else(|| Failure::Overdue("workerd does not restart".into()))
}

async fn kill_at(stage: &Stage, point: Option<Point>) -> Result<Option<Kill>, Failure> {
    let Some(named) = point else { return kill_at_random(stage).await.map(Some) };
    let at_ms = stage.runner.kill_workerd_at(named, HIT_WITHIN).await?;
    Ok(at_ms.map(|at_ms| Kill { point, at_ms }))
}

/// Kills workerd now.
pub(super) async fn kill_at_random(stage: &Stage) -> Result<Kill, Failure> {
    stage.runner.kill_workerd().await?;
    // Read after the kill: an attempt that began while the process was looked up died by this kill.
    Ok(Kill { point: None, at_ms: now_ms() })
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Progress display: a bar on a terminal, a line now and then elsewhere.
struct Display(Option<ProgressBar>);

impl Display {
    fn new(kills: usize) -> Self {
        println!("Killing workerd {kills} times under load, tenant {TENANT}");
        Self(std::io::stdout().is_terminal().then(|| {
            let length = u64::try_from(kills).unwrap_or(u64::MAX);
            let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stdout());
            let style = ProgressStyle::with_template("{bar:40} {pos} of {len} kills  {msg}");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        }))
    }

    fn show(&self, kills: &[Kill], acknowledged: usize) {
        match &self.0 {
            Some(bar) => {
                bar.set_position(u64::try_from(kills.len()).unwrap_or(u64::MAX));
                bar.set_message(format!("{acknowledged} jobs acknowledged"));
            }
            None if kills.len().is_multiple_of(LINE_EVERY) => {
                println!("  {} kills, {acknowledged} jobs acknowledged", kills.len());
            }
            None => {}
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
