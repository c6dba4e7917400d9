//! `longshore actions` and `longshore replay`: operations on all jobs that a filter selects, followed to their end.

use clap::{Args, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use longshore::limits::{ACTION_CANARY_MAX, ACTION_CANARY_SECONDS_MAX, ACTION_RATE_MAX};
use longshore::model::action::{ActionPausedReason, ActionState, CanaryState};
use longshore_client::{Action, ActionPreview, Answer, Client, Job, Request};
use serde_json::{Map, Value, json};

use crate::commands::each::{change as describe_change, for_each};
use crate::commands::filter::{Filter, JobFilter, ListSize, word};
use crate::commands::jobs;
use crate::context::Context;
use crate::failure::{DONE, Failure, REFUSED};
use crate::output::{Field, note};
use crate::times::{shown, shown_or_dash};

/// Seconds of one read that waits; the API allows 30.
const WAIT_SECONDS: u64 = 2;

/// Commands on actions.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Starts an action on all jobs that the filter selects, and follows it.
    Start(Box<StartOptions>),
    /// Lists actions, the newest first.
    List {
        /// State of the actions.
        #[arg(long, value_name = "STATE", value_parser = state)]
        state: Option<String>,
        #[command(flatten)]
        size: ListSize,
    },
    /// Shows actions.
    Show {
        /// Ids of the actions.
        #[arg(required = true, value_name = "ACTION")]
        actions: Vec<String>,
    },
    /// Lists the jobs that an action has replayed, retried, cancelled or discarded.
    Jobs {
        /// Id of the action.
        action: String,
        #[command(flatten)]
        size: ListSize,
    },
    /// Follows an action until all its jobs have ended. The exit code is 1 if one did not succeed, or the action was paused or
    /// aborted.
    Watch {
        /// Id of the action.
        action: String,
    },
    /// Pauses actions: they handle no further jobs.
    Pause {
        /// Ids of the actions.
        #[arg(required = true, value_name = "ACTION")]
        actions: Vec<String>,
    },
    /// Resumes actions, also after a canary failed.
    Resume {
        /// Ids of the actions.
        #[arg(required = true, value_name = "ACTION")]
        actions: Vec<String>,
    },
    /// Ends actions; what they have handled stays as it is.
    Abort {
        /// Ids of the actions.
        #[arg(required = true, value_name = "ACTION")]
        actions: Vec<String>,
    },
}

/// Operation of an action.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Verb {
    /// Sends open dead letters again.
    Replay,
    /// Makes jobs due that wait to be retried.
    Retry,
    /// Cancels jobs that have not ended.
    Cancel,
    /// Discards open dead letters.
    Discard,
}

impl Verb {
    fn name(self) -> &'static str {
        match self {
            Verb::Replay => "replay",
            Verb::Retry => "retry",
            Verb::Cancel => "cancel",
            Verb::Discard => "discard",
        }
    }
}

/// Options of `longshore actions start`.
#[derive(Debug, Args)]
pub(crate) struct StartOptions {
    /// Operation.
    #[arg(value_name = "OPERATION", value_enum)]
    verb: Verb,
    #[command(flatten)]
    filter: JobFilter,
    #[command(flatten)]
    pace: Pace,
    /// Note for people on discarded dead letters.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Sends all dead letters again that the filter selects, and retries the jobs that wait for another attempt.
#[derive(Debug, Args)]
pub(crate) struct ReplayOptions {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    pace: Pace,
    /// Replay dead letters only. Otherwise jobs that the filter selects and that wait for another attempt are retried, too.
    #[arg(long)]
    dead_only: bool,
}

/// Options on how an action runs.
#[derive(Debug, Args)]
struct Pace {
    /// Only count what would be selected.
    #[arg(long)]
    dry_run: bool,
    /// Jobs that must succeed before the others are started.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(ACTION_CANARY_MAX)))]
    canary: Option<u32>,
    /// Time in which they must succeed.
    #[arg(long, value_name = "SECONDS", requires = "canary",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(ACTION_CANARY_SECONDS_MAX)))]
    canary_seconds: Option<u32>,
    /// Jobs to start in a second.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(ACTION_RATE_MAX)))]
    rate: Option<u32>,
    /// Returns at once and does not follow the action.
    #[arg(long)]
    detach: bool,
}

fn state(text: &str) -> Result<String, String> {
    word(text, &ActionState::ALL.map(ActionState::name))
}

/// Runs a command on actions.
pub(crate) fn run(context: &Context, command: &Command) -> Result<u8, Failure> {
    match command {
        Command::Start(options) => {
            let mut body = options.pace.body(options.verb, options.filter.members());
            if let Some(note) = &options.note {
                body["note"] = json!(note);
            }
            start(context, options.verb, &body, &options.pace)
        }
        Command::List { state, size } => {
            let request = Request::new("GET", &["v1", "actions"]).parameter("state", state.as_ref());
            let actions = context.client().list::<Action>(&request, size.limit())?;
            context.output.list(&actions, &HEADER, row).map(|()| DONE)
        }
        Command::Show { actions } => for_each(actions, |id| show(context, &context.client().action(id, None)?)),
        Command::Jobs { action, size } => {
            let request = Request::new("GET", &["v1", "actions", action, "jobs"]);
            let listed = context.client().list::<Job>(&request, size.limit())?;
            context.output.list(&listed, &jobs::HEADER, jobs::row).map(|()| DONE)
        }
        Command::Watch { action } => follow(context, context.client().action(action, None)?),
        Command::Pause { actions } => change(context, "pause", actions),
        Command::Resume { actions } => change(context, "resume", actions),
        Command::Abort { actions } => change(context, "abort", actions),
    }
}

/// Runs `longshore replay`.
pub(crate) fn replay(context: &Context, options: &ReplayOptions) -> Result<u8, Failure> {
    let mut body = options.pace.body(Verb::Replay, options.filter.members());
    body["include_retrying"] = json!(!options.dead_only);
    start(context, Verb::Replay, &body, &options.pace)
}

impl Pace {
    fn body(&self, verb: Verb, filter: Vec<(String, String)>) -> Value {
        let filter: Map<String, Value> = filter.into_iter().map(|(name, value)| (name, json!(value))).collect();
        let mut body = json!({"do": verb.name(), "filter": filter});
        let options =
            [("canary", self.canary), ("canary_seconds", self.canary_seconds), ("rate_per_second", self.rate)];
        for (name, value) in options {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        body
    }
}

fn start(context: &Context, verb: Verb, body: &Value, pace: &Pace) -> Result<u8, Failure> {
    if pace.dry_run {
        return context.output.one(&context.client().preview_action(body)?, preview_fields).map(|()| DONE);
    }
    let client = context.client_to_change(&format!("{} all jobs that the filter selects", verb.name()))?;
    let action = client.create_action(body)?;
    if pace.detach {
        return show(context, &action);
    }
    note(format!("Action: {}", action.value.id));
    follow(context, action)
}

fn change(context: &Context, verb: &str, actions: &[String]) -> Result<u8, Failure> {
    let client = context.client_to_change(&describe_change(verb, actions, "actions"))?;
    for_each(actions, |id| show(context, &client.change_action(id, verb)?))
}

/// Shows a bar until an action and its jobs have ended, or it needs a decision; then shows the action.
fn follow(context: &Context, mut action: Answer<Action>) -> Result<u8, Failure> {
    let bar = ProgressBar::no_length();
    let style = ProgressStyle::with_template("{pos} of {len} ended [{bar:40}] {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let client: &Client = context.client();
    while !is_settled(&action.value) {
        let (ended, message) = (ended(&action.value), progress(&action.value));
        bar.set_length(action.value.expected.count.max(action.value.matched));
        bar.set_position(ended);
        bar.set_message(message);
        action = client.action(&action.value.id, Some(WAIT_SECONDS))?;
    }
    bar.finish_and_clear();
    show(context, &action)?;
    Ok(if all_well(&action.value) { DONE } else { REFUSED })
}

/// True if nothing changes before an operator acts.
fn is_settled(action: &Action) -> bool {
    action.state == ActionState::Paused || action.finished_at.is_some()
}

/// True if the action is done and no job of it failed.
fn all_well(action: &Action) -> bool {
    let failed = action.outcomes.as_ref().map_or(0, |outcomes| outcomes.failed_again + outcomes.cancelled);
    action.state == ActionState::Done && failed == 0
}

fn ended(action: &Action) -> u64 {
    action
        .outcomes
        .as_ref()
        .map_or(action.done, |outcomes| outcomes.succeeded + outcomes.failed_again + outcomes.cancelled)
}

fn progress(action: &Action) -> String {
    let canary = action.canary.as_ref().and_then(|canary| canary.state);
    match (canary, &action.outcomes) {
        (Some(CanaryState::Pending | CanaryState::Testing), _) => "the canary runs".to_owned(),
        (_, Some(outcomes)) => format!("{} succeeded, {} failed again", outcomes.succeeded, outcomes.failed_again),
        (_, None) => String::new(),
    }
}

const HEADER: [&str; 7] = ["ID", "DOES", "FILTER", "STATE", "DONE", "OUTCOMES", "CREATED"];

fn row(action: &Action) -> Vec<String> {
    vec![
        action.id.clone(),
        action.verb.name().to_owned(),
        filter(action),
        action.state.name().to_owned(),
        format!("{} of {}", action.done, expected(action)),
        outcomes(action).unwrap_or_else(|| "-".to_owned()),
        shown_or_dash(Some(&action.created_at)),
    ]
}

fn filter(action: &Action) -> String {
    if action.filter.is_empty() {
        return "all".to_owned();
    }
    let parts: Vec<_> = action.filter.iter().map(|(name, value)| format!("{name}={value}")).collect();
    parts.join(" ")
}

fn expected(action: &Action) -> String {
    let count = action.expected.count.max(action.matched);
    if action.expected.at_least && action.matched < count { format!("over {count}") } else { count.to_string() }
}

fn outcomes(action: &Action) -> Option<String> {
    action.outcomes.as_ref().map(|outcomes| {
        let (succeeded, failed, open) = (outcomes.succeeded, outcomes.failed_again, outcomes.open);
        format!("{succeeded} succeeded, {failed} failed again, {open} open")
    })
}

fn show(context: &Context, action: &Answer<Action>) -> Result<u8, Failure> {
    context.output.one(action, fields).map(|()| DONE)
}

fn fields(action: &Action) -> Vec<Field> {
    let paused = action.paused_reason.map(|reason| match reason {
        ActionPausedReason::Operator => "by an operator",
        ActionPausedReason::CanaryFailed => "a job of the canary failed; `actions resume` continues without it",
        ActionPausedReason::CanaryLate => "the canary did not succeed in time; `actions resume` continues without it",
    });
    vec![
        ("id", Some(action.id.clone())),
        ("does", Some(action.verb.name().to_owned())),
        ("filter", Some(filter(action))),
        ("tenant", Some(action.tenant.clone())),
        ("state", Some(action.state.name().to_owned())),
        ("paused", paused.map(str::to_owned)),
        ("rate", action.rate_per_second.map(|rate| format!("{rate} a second"))),
        (
            "canary",
            action.canary.as_ref().map(|canary| format!("{} first, {}", canary.jobs, canary_state(canary.state))),
        ),
        ("done", Some(format!("{} of {}", action.done, expected(action)))),
        ("skipped", Some(action.skipped.to_string()).filter(|_| action.skipped > 0)),
        ("outcomes", outcomes(action)),
        ("created", Some(shown(&action.created_at))),
        ("ended", action.ended_at.as_deref().map(shown)),
        ("finished", action.finished_at.as_deref().map(shown)),
    ]
}

fn canary_state(state: Option<CanaryState>) -> &'static str {
    match state {
        None | Some(CanaryState::Pending) => "not started",
        Some(CanaryState::Testing) => "running",
        Some(CanaryState::Passed) => "succeeded",
        Some(CanaryState::Failed) => "failed",
        Some(CanaryState::Ignored) => "failed and ignored",
    }
}

fn preview_fields(preview: &ActionPreview) -> Vec<Field> {
    let listed = |counts: Vec<(Option<&String>, u64)>| {
        let parts: Vec<_> = counts
            .into_iter()
            .map(|(name, jobs)| format!("{} ({jobs})", name.map_or("none", String::as_str)))
            .collect();
        Some(parts.join(", ")).filter(|text| !text.is_empty())
    };
    let (count, at_least) = (preview.matched.count, preview.matched.at_least);
    vec![
        ("would", Some(preview.verb.name().to_owned())),
        ("jobs", Some(if at_least { format!("at least {count}") } else { count.to_string() })),
        ("oldest", preview.oldest_at.as_deref().map(shown)),
        ("newest", preview.newest_at.as_deref().map(shown)),
        ("endpoints", listed(preview.by_endpoint.iter().map(|of| (of.endpoint.as_ref(), of.jobs)).collect())),
        ("causes", listed(preview.by_cause.iter().map(|of| (of.cause.as_ref(), of.jobs)).collect())),
        ("takes", preview.seconds.map(|seconds| format!("{seconds} s at this rate"))),
        ("sample", preview.sample_jobs.first().cloned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(more: Value) -> Action {
        let mut action = json!({
            "id": "act_1", "do": "replay", "state": "running", "tenant": "acme", "filter": {}, "created_at": "2026-11-02T08:00:00.000Z",
            "expected": {"count": 3, "at_least": false}, "matched": 3, "done": 3, "skipped": 0,
            "outcomes": {"open": 0, "succeeded": 3, "failed_again": 0, "cancelled": 0},
        });
        let (Value::Object(fields), Value::Object(more)) = (&mut action, more) else { unreachable!() };
        fields.extend(more);
        serde_json::from_value(action).unwrap()
    }

    #[test]
    fn an_action_is_well_if_it_is_done_and_all_jobs_succeeded() {
        let finished = "2026-11-02T08:00:09.000Z";
        let done = action(json!({"state": "done", "finished_at": finished}));
        assert!(is_settled(&done) && all_well(&done));
        let failed = json!({"open": 0, "succeeded": 2, "failed_again": 1, "cancelled": 0});
        let failed = action(json!({"state": "done", "finished_at": finished, "outcomes": failed}));
        assert!(is_settled(&failed) && !all_well(&failed));
        let paused = action(json!({"state": "paused", "paused_reason": "canary_failed"}));
        assert!(is_settled(&paused) && !all_well(&paused));
        assert!(!is_settled(&action(json!({"state": "done"}))), "jobs are open");
        let discarded = action(json!({"do": "discard", "state": "done", "finished_at": finished, "outcomes": null}));
        assert!(is_settled(&discarded) && all_well(&discarded) && ended(&discarded) == 3);
    }
}
