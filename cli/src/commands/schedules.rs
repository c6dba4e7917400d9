//! `longshore schedules`: shows, runs, pauses and deletes schedules.

use clap::Subcommand;
use longshore_client::{Answer, Occurrence, Request, Schedule};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::commands::filter::ListSize;
use crate::context::Context;
use crate::failure::{DONE, Failure};
use crate::output::Field;
use crate::times::{shown, shown_or_dash};

/// Commands on schedules.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists schedules by name.
    List {
        #[command(flatten)]
        size: ListSize,
    },
    /// Shows a schedule with its next five occurrences.
    Show {
        /// Name of the schedule.
        name: String,
    },
    /// Creates a job of the schedule now.
    Run {
        /// Name of the schedule.
        name: String,
        /// Idempotency key: a repeat with the same key returns the same job.
        #[arg(long, value_name = "KEY")]
        idempotency_key: Option<String>,
    },
    /// Pauses a schedule: it creates no jobs.
    Pause {
        /// Name of the schedule.
        name: String,
    },
    /// Resumes a schedule at its next occurrence.
    Resume {
        /// Name of the schedule.
        name: String,
    },
    /// Deletes a schedule. Its jobs stay.
    Delete {
        /// Name of the schedule.
        name: String,
    },
}

/// Runs a command on schedules.
pub(crate) fn run(context: &Context, command: &Command) -> Result<u8, Failure> {
    let to_change = |verb: &str, name: &str| context.client_to_change(&format!("{verb} the schedule {name}"));
    match command {
        Command::List { size } => {
            let request = Request::new("GET", &["v1", "schedules"]);
            let schedules = context.client().list::<Schedule>(&request, size.limit())?;
            context.output.list(&schedules, &HEADER, row).map(|()| DONE)
        }
        Command::Show { name } => show(context, &context.client().schedule(name)?),
        Command::Run { name, idempotency_key } => {
            let job = to_change("run", name)?.run_schedule(name, idempotency_key.as_deref())?;
            context.output.one(&job, |job| vec![("job", Some(job.id.clone())), ("state", Some(job.state.clone()))])?;
            Ok(DONE)
        }
        Command::Pause { name } => set_paused(context, name, true),
        Command::Resume { name } => set_paused(context, name, false),
        Command::Delete { name } => {
            to_change("delete", name)?.delete_schedule(name)?;
            context.output.done(&format!("The schedule {name} is deleted.")).map(|()| DONE)
        }
    }
}

/// A schedule in the form of a request, made from one that was read. Null members have their defaults.
#[derive(Serialize)]
struct Put<'a> {
    kind: &'a str,
    payload: Option<&'a RawValue>,
    endpoint: Option<&'a str>,
    cron: &'a str,
    time_zone: &'a str,
    overlap: &'a str,
    catch_up: &'a str,
    paused: bool,
    max_attempts: Option<u32>,
    retry_schedule: Option<&'a str>,
    group: Option<&'a str>,
    metadata: Option<&'a RawValue>,
}

/// Reads the schedule and puts it with another `paused`, because the API has no route for it. The API refuses a payload
/// with sealed headers, whose values it does not show.
fn set_paused(context: &Context, name: &str, paused: bool) -> Result<u8, Failure> {
    let verb = if paused { "pause" } else { "resume" };
    let client = context.client_to_change(&format!("{verb} the schedule {name}"))?;
    let read = client.schedule(name)?;
    if read.value.paused == paused {
        return show(context, &read);
    }
    let body = serde_json::to_vec(&changed(&read.value, paused)).map_err(|error| Failure::NotMet(error.to_string()))?;
    show(context, &client.put_schedule(name, body)?)
}

fn changed(schedule: &Schedule, paused: bool) -> Put<'_> {
    Put {
        kind: &schedule.kind,
        payload: schedule.payload.as_deref(),
        endpoint: schedule.endpoint.as_deref(),
        cron: &schedule.cron,
        time_zone: &schedule.time_zone,
        overlap: &schedule.overlap,
        catch_up: &schedule.catch_up,
        paused,
        max_attempts: schedule.max_attempts,
        retry_schedule: schedule.retry_schedule.as_deref(),
        group: schedule.group.as_deref(),
        metadata: schedule.metadata.as_deref(),
    }
}

const HEADER: [&str; 6] = ["NAME", "CRON", "TIME ZONE", "KIND", "NEXT", "LAST"];

fn row(schedule: &Schedule) -> Vec<String> {
    let next =
        if schedule.paused { "paused".to_owned() } else { shown_or_dash(schedule.next.first().map(String::as_str)) };
    vec![
        schedule.id.clone(),
        schedule.cron.clone(),
        schedule.time_zone.clone(),
        schedule.kind.clone(),
        next,
        schedule.last.as_ref().map_or_else(|| "-".to_owned(), occurrence),
    ]
}

fn occurrence(last: &Occurrence) -> String {
    let detail = last.detail.as_ref().or(last.job_id.as_ref()).map_or(String::new(), |detail| format!(": {detail}"));
    format!("{} {}{detail}", last.state, shown(last.scheduled_for.as_ref().unwrap_or(&last.fired_at)))
}

fn show(context: &Context, schedule: &Answer<Schedule>) -> Result<u8, Failure> {
    let fields = |schedule: &Schedule| -> Vec<Field> {
        let json = |json: &Option<Box<RawValue>>| json.as_ref().map(|json| json.get().to_owned());
        let mut fields = vec![
            ("name", Some(schedule.id.clone())),
            ("paused", Some(if schedule.paused { "yes" } else { "no" }.to_owned())),
            ("cron", Some(schedule.cron.clone())),
            ("time zone", Some(schedule.time_zone.clone())),
            ("tenant", Some(schedule.tenant.clone())),
            ("kind", Some(schedule.kind.clone())),
            ("endpoint", schedule.endpoint.clone()),
            ("overlap", Some(schedule.overlap.clone())),
            ("catch up", Some(schedule.catch_up.clone())),
            ("last", schedule.last.as_ref().map(occurrence)),
        ];
        fields.extend(schedule.next.iter().map(|next| ("next", Some(shown(next)))));
        fields.extend([
            ("group", schedule.group.clone()),
            ("metadata", json(&schedule.metadata)),
            ("payload", json(&schedule.payload)),
            ("created", Some(shown(&schedule.created_at))),
            ("updated", Some(shown(&schedule.updated_at))),
        ]);
        fields
    };
    context.output.one(schedule, fields).map(|()| DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pause_changes_and_the_payload_keeps_its_tokens() {
        let read = r#"{"id":"a","kind":"webhook","paused":false,"tenant":"t","endpoint":"orders","cron":"0 3 * * *",
            "time_zone":"UTC","next":[],"last":null,"created_at":"x","updated_at":"x","overlap":"skip","catch_up":"one",
            "max_attempts":null,"retry_schedule":null,"group":null,"metadata":null,"payload":{"body":{"n":1.00}}}"#;
        let schedule: Schedule = serde_json::from_str(read).unwrap();
        let expected = concat!(
            r#"{"kind":"webhook","payload":{"body":{"n":1.00}},"endpoint":"orders","cron":"0 3 * * *","time_zone":"UTC","#,
            r#""overlap":"skip","catch_up":"one","paused":true,"max_attempts":null,"retry_schedule":null,"group":null,"#,
            r#""metadata":null}"#,
        );
        assert_eq!(serde_json::to_string(&changed(&schedule, true)).unwrap(), expected);
    }
}
