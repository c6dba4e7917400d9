//! Steps of actions. Each handles some jobs in one batch, whose statements require that no other call has done the step.

use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use crate::limits::{
    ACTION_AHEAD_MS, ACTION_CANARY_POLL_MS, ACTION_STEP_JOBS, ACTION_STEP_REPLAYS, ACTION_STEP_ROWS_READ,
    ACTIONS_PER_TICK, ID_SKEW_MS_MAX,
};
use crate::manage::actions::request::read_filter;
use crate::manage::filter::JobFilter;
use crate::manage::operate::{cancelling, discarding, retrying};
use crate::manage::successor::{Changes, Successor, copy, inserting, replaying};
use crate::model::action::{ActionList, ActionPosition, ActionRow, ActionState, ActionVerb, CanaryState};
use crate::model::hint::{Hint, delay_seconds};
use crate::model::job::{JobRef, first_id_at};
use crate::ports::{DatabaseError, Param, Rows, Statement, World};
use crate::settings::Settings;
use crate::store::counted::batch_counting;
use crate::store::notify::send_hints;
use crate::store::{batch, first_as, json_param, rows_as, sql};
use crate::wire::job_queue::JobQueue;

/// Upper bound of all ids of causes.
const CAUSE_END: &str = "~";

/// Selects jobs in a statement: a list, a position in it, and the filters.
#[derive(Debug, Serialize)]
pub(crate) struct JobTerms<'a> {
    tenant: &'a str,
    list: &'static str,
    at: i64,
    #[serde(rename = "id")]
    after: String,
    until: i64,
    before: String,
    cause_from: &'a str,
    cause_to: &'a str,
    #[serde(flatten)]
    filter: &'a JobFilter,
}

impl<'a> JobTerms<'a> {
    /// Selects the jobs of a list after a position that existed, or had died, at the time `until`.
    pub(crate) fn new(
        tenant: &'a str,
        list: ActionList,
        filter: &'a JobFilter,
        until: i64,
        (at, id): (i64, &str),
    ) -> JobTerms<'a> {
        let cause = filter.cause.as_deref();
        let list_name = match list {
            ActionList::Dead if cause.is_some() => "dead_of_cause",
            ActionList::Dead => "dead",
            ActionList::Retrying => "retrying",
            ActionList::Open => "open",
        };
        let oldest = first_id_at(filter.created_after.unwrap_or(0));
        let after = if list == ActionList::Dead { id.to_owned() } else { oldest.max(id.to_owned()) };
        // Ids have 48 bits for their time.
        let created_before = filter.created_before.unwrap_or(i64::MAX).min(until + 1).min((1 << 48) - 1);
        JobTerms {
            tenant,
            list: list_name,
            at: at.max(filter.died_after.unwrap_or(0)),
            after,
            until: filter.died_before.map_or(until, |before| until.min(before - 1)),
            before: first_id_at(created_before),
            cause_from: cause.unwrap_or(""),
            cause_to: cause.unwrap_or(CAUSE_END),
            filter,
        }
    }
}

/// A job that a step has found: id, time, kind, size of its object, 1 if the filter selects it, and number of rows read.
type FoundJob = (String, i64, String, Option<i64>, u8, i64);

/// A job of a step, as statements get it.
#[derive(Debug, Serialize)]
struct ChangedJob<'a> {
    tenant: &'a str,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_after: Option<i64>,
}

/// Result of a step.
#[derive(Debug)]
enum Progress {
    /// The step was done; the action as it is now.
    Moved(Box<ActionRow>),
    /// The canary is still running.
    Testing,
    /// No step: another call did it or changed the action, or a store did not answer.
    Idle,
}

/// Jobs of one step.
struct Step<'a> {
    row: &'a ActionRow,
    /// Selected jobs.
    found: Vec<FoundJob>,
    /// Position of the next step.
    position: ActionPosition,
    is_last: bool,
}

impl<'a> Step<'a> {
    /// Builds the step from the rows that its page has read, of which it takes `limit` at most.
    fn of(row: &'a ActionRow, list: ActionList, mut read: Vec<FoundJob>, limit: usize, copies: usize) -> Step<'a> {
        let (number, ..) = row.position;
        let stop = read.last().cloned();
        read.retain(|job| job.4 == 1);
        let fits = if creates_jobs(row, list) { within(&read, copies) } else { limit };
        let is_cut = read.len() > limit.min(fits);
        read.truncate(limit.min(fits));
        let has_more = stop.as_ref().is_some_and(|stop| stop.5 >= ACTION_STEP_ROWS_READ);
        let (position, is_last) = match (is_cut, read.last(), stop) {
            (true, Some(job), _) => ((number, job.1, job.0.clone()), false),
            (_, _, Some(stop)) if has_more => ((number, stop.1, stop.0), false),
            _ => ((number + 1, 0, String::new()), number + 1 >= row.lists().len()),
        };
        Step { row, found: read, position, is_last }
    }

    /// Returns the start of the job with that number in the step, and `None` if it starts at once.
    fn start(&self, number: usize) -> Option<i64> {
        let rate = self.row.rate?;
        let number = i64::try_from(number).unwrap_or(0);
        Some(self.row.next_start_at.max(self.row.now) + number * 1_000 / rate).filter(|at| *at > self.row.now)
    }

    /// Returns the start of the next step's first job.
    fn next_start(&self) -> i64 {
        match self.row.rate {
            None => 0,
            Some(_) => self.start(self.found.len()).unwrap_or(self.row.now),
        }
    }

    fn runs_jobs(&self) -> bool {
        self.row.verb.runs_jobs()
    }
}

/// Returns true if a step creates a job for each that it handles: a replay does for its dead letters, and only retries other jobs.
fn creates_jobs(row: &ActionRow, list: ActionList) -> bool {
    row.verb == ActionVerb::Replay && list == ActionList::Dead
}

/// Returns how many jobs from the start have at most `copies` large payloads.
fn within(found: &[FoundJob], copies: usize) -> usize {
    let large = found.iter().enumerate().filter(|(_, job)| job.3.is_some());
    large.map(|(at, _)| at).nth(copies).unwrap_or(found.len())
}

/// Runs steps of an action after the request that created or resumed it, and looks at its canary for a while. The tick
/// continues where it stops.
pub async fn drive<W: World>(world: &W, settings: &Settings, mut row: ActionRow) {
    let mut polls = settings.plan.action_canary_polls;
    for _ in 0..settings.plan.action_steps {
        let Some(due) = due(&row) else { return };
        match advance(world, settings, &row, due).await {
            Ok(Progress::Moved(moved)) => row = *moved,
            Ok(Progress::Testing) if polls > 0 => {
                polls -= 1;
                world.sleep(Duration::from_millis(ACTION_CANARY_POLL_MS)).await;
            }
            Ok(_) => return,
            Err(error) => return tracing::warn!(%error, action = row.id, "action_step_failed"),
        }
    }
}

/// Runs steps of all actions, in turn. Returns their number.
///
/// # Errors
/// When the database is out of reach. The next tick continues where this one stopped.
pub async fn tick<W: World>(world: &W, settings: &Settings) -> Result<usize, DatabaseError> {
    let statement = sql!("read_running_actions", ACTIONS_PER_TICK, settings.epoch);
    let mut running: Vec<ActionRow> = rows_as(batch(world, &[statement]).await?.first().unwrap_or(&Vec::new()))?;
    let mut steps = 0;
    while !running.is_empty() {
        let mut moved = Vec::new();
        for row in running {
            // An action that only waits for its rate does not take the turn of another.
            let Some(due) = due(&row) else { continue };
            if steps >= settings.plan.action_steps {
                return Ok(steps);
            }
            steps += 1;
            match advance(world, settings, &row, due).await? {
                Progress::Moved(row) => moved.push(*row),
                Progress::Testing | Progress::Idle => {}
            }
        }
        running = moved;
    }
    Ok(steps)
}

/// Next thing that an action has to do.
#[derive(Debug, Clone, Copy)]
enum Due {
    /// Look at its canary.
    Canary,
    /// Handle so many jobs of a list.
    Step(ActionList, u32),
}

/// Returns what an action has to do; `None` if it has ended, is paused, or only waits for its rate.
fn due(row: &ActionRow) -> Option<Due> {
    if row.state != ActionState::Running {
        return None;
    }
    if row.canary_state == Some(CanaryState::Testing) {
        return Some(Due::Canary);
    }
    let list = *row.lists().get(row.position.0)?;
    Some(limit(row, list)).filter(|limit| *limit > 0).map(|limit| Due::Step(list, limit))
}

/// Runs the next step of an action, or looks at its canary.
async fn advance<W: World>(
    world: &W,
    settings: &Settings,
    row: &ActionRow,
    due: Due,
) -> Result<Progress, DatabaseError> {
    let Due::Step(list, limit) = due else {
        let answers = batch(world, &[sql!("judge_canary", row.tenant.as_str(), row.id.as_str())]).await?;
        let judged: Option<ActionRow> = first_as(answers.first())?;
        return Ok(match judged {
            Some(judged) if judged.canary_state == Some(CanaryState::Testing) => Progress::Testing,
            Some(judged) => Progress::Moved(Box::new(judged)),
            None => Progress::Idle,
        });
    };
    // The filter was valid when the action was created; a later build may refuse it.
    let Ok(filter) = read_filter(row.verb, &row.filter) else {
        tracing::error!(action = row.id, "action_filter_unreadable");
        return Ok(Progress::Idle);
    };
    let (_, at, id) = &row.position;
    let terms = JobTerms::new(&row.tenant, list, &filter, row.created_at, (*at, id));
    let rows = i64::from(limit) + 1;
    let page = sql!("find_action_jobs", json_param(&terms), ACTION_STEP_ROWS_READ, rows);
    let read = rows_as(batch(world, &[page]).await?.first().unwrap_or(&Vec::new()))?;
    let limit = usize::try_from(limit).unwrap_or(0);
    let step = Step::of(row, list, read, limit, settings.plan.action_copies);
    let moved = if creates_jobs(row, list) {
        replay_all(world, settings, &step).await?
    } else {
        change_all(world, settings, &step).await?
    };
    if moved.is_some() && step.runs_jobs() {
        send_hints(world, settings, hints(&step, &moved)).await;
    }
    Ok(moved.map_or(Progress::Idle, |(row, _)| Progress::Moved(Box::new(row))))
}

/// Returns the maximum number of jobs of the next step: as many as one batch takes, as its canary lacks, and as its rate allows.
fn limit(row: &ActionRow, list: ActionList) -> u32 {
    let at_once = if creates_jobs(row, list) { ACTION_STEP_REPLAYS } else { ACTION_STEP_JOBS };
    let canary = row.canary.filter(|_| row.canary_state == Some(CanaryState::Pending));
    let lacking = canary.map_or(i64::MAX, |canary| canary - row.done);
    let allowed = row.rate.map_or(i64::MAX, |rate| {
        let ahead = row.now + ACTION_AHEAD_MS - row.next_start_at.max(row.now);
        // At least one: a slow rate starts the next job when its time comes.
        (ahead * rate / 1_000).max(i64::from(row.next_start_at <= row.now))
    });
    u32::try_from(lacking.min(allowed).clamp(0, i64::from(at_once))).unwrap_or(0)
}

/// The action after its step, and the ids of the jobs of the step in order: of the new jobs for a replay.
type Moved = Option<(ActionRow, Vec<Option<String>>)>;

/// Replays the dead letters of a step. One whose payload is missing is passed over.
async fn replay_all<W: World>(world: &W, settings: &Settings, step: &Step<'_>) -> Result<Moved, DatabaseError> {
    let (row, minted_at) = (step.row, world.now_ms());
    let (mut successors, mut ids) = (Vec::new(), Vec::new());
    for (number, (id, _, _, bytes, ..)) in step.found.iter().enumerate() {
        let dead = JobRef { tenant: row.tenant.clone(), id: id.clone() };
        let object = match bytes {
            None => None,
            Some(_) => match copy(world, &dead).await {
                Ok(Some(object)) => Some(object),
                Ok(None) => {
                    tracing::warn!(action = row.id, job = id, "replay_payload_missing");
                    ids.push(None);
                    continue;
                }
                Err(_) => return Ok(None),
            },
        };
        let changes = Changes { object, run_after: step.start(number), ..Changes::default() };
        match Successor::mint(world, &dead, minted_at, &changes).await {
            Ok(successor) => {
                ids.push(Some(successor.new.clone()));
                successors.push(successor);
            }
            Err(_) => return Ok(None),
        }
    }
    let guard = guard(row);
    let statements = [replaying(&row.tenant, &successors, minted_at, guard)]
        .into_iter()
        .chain(inserting(&row.tenant, &successors, minted_at, Some(row.id.clone())))
        .chain(ending(step, &json_param(&successors), "new", minted_at))
        .collect();
    let new: Vec<_> = successors.iter().map(Successor::job).collect();
    let dead: Vec<_> = step.found.iter().map(|job| job_ref(row, &job.0)).collect();
    let answers = batch_counting(world, &settings.plan, &new, &dead, statements).await?.answers;
    Ok(moved_row(&answers)?.map(|row| (row, ids)))
}

/// Retries, cancels or discards the jobs of a step.
async fn change_all<W: World>(world: &W, settings: &Settings, step: &Step<'_>) -> Result<Moved, DatabaseError> {
    let row = step.row;
    let item = |(number, job): (usize, &FoundJob)| ChangedJob {
        tenant: &row.tenant,
        id: job.0.clone(),
        run_after: step.start(number),
    };
    let items: Vec<_> = step.found.iter().enumerate().map(item).collect();
    let (tenant, list, guard) = (row.tenant.as_str(), json_param(&items), guard(row));
    let change = match row.verb {
        ActionVerb::Replay | ActionVerb::Retry => retrying(tenant, list.clone(), guard),
        ActionVerb::Cancel => cancelling(tenant, list.clone(), guard, settings),
        ActionVerb::Discard => discarding(tenant, list.clone(), guard, row.note.clone()),
    };
    let statements = [change].into_iter().chain(ending(step, &list, "id", world.now_ms())).collect();
    let jobs: Vec<_> = step.found.iter().map(|job| job_ref(row, &job.0)).collect();
    let answers = batch_counting(world, &settings.plan, &jobs, &jobs, statements).await?.answers;
    let ids = items.into_iter().map(|item| Some(item.id)).collect();
    Ok(moved_row(&answers)?.map(|row| (row, ids)))
}

fn job_ref(row: &ActionRow, id: &str) -> JobRef {
    JobRef { tenant: row.tenant.clone(), id: id.to_owned() }
}

/// Builds the parameter by which a statement requires that the step is not done yet.
fn guard(row: &ActionRow) -> Param {
    json_param(&json!({"action": row.id, "step": row.step}))
}

/// Builds the last statements of a step: they keep its jobs, and move the position.
fn ending(step: &Step<'_>, items: &Param, member: &'static str, minted_at: i64) -> [Statement; 2] {
    let (row, guard) = (step.row, guard(step.row));
    let terms = json_param(&json!({
        "matched": step.found.len(), "position": step.position, "is_last": i64::from(step.is_last),
        "next_start_at": step.next_start(), "member": member, "creates": i64::from(member == "new"),
        "cancels": i64::from(row.verb == ActionVerb::Cancel),
    }));
    let tenant = row.tenant.as_str();
    [
        sql!("insert_action_step", tenant, items.clone(), guard.clone(), member),
        sql!("move_action", tenant, items.clone(), guard, terms, minted_at, ID_SKEW_MS_MAX),
    ]
}

/// Returns the action as the last statement of a step has returned it; `None` if the step was not done.
fn moved_row(answers: &[Rows]) -> Result<Option<ActionRow>, DatabaseError> {
    first_as(answers.last())
}

/// Returns the hints of a step's jobs.
fn hints(step: &Step<'_>, moved: &Moved) -> Vec<Hint> {
    let ids = moved.as_ref().map_or(&[][..], |(_, ids)| ids);
    let hint = |(number, (id, job)): (usize, (&Option<String>, &FoundJob))| {
        let delay_seconds = delay_seconds(step.start(number).map_or(0, |at| at - step.row.now))?;
        Some(Hint { job: job_ref(step.row, id.as_ref()?), queue: JobQueue::of(&job.2), delay_seconds })
    };
    ids.iter().zip(&step.found).enumerate().filter_map(hint).collect()
}
