//! `longshore groups`: shows, waits for and closes groups of jobs.

use clap::Subcommand;
use longshore_client::{Answer, Group};

use crate::commands::each::for_each;
use crate::commands::jobs::wait_seconds;
use crate::commands::repeat::repeat;
use crate::context::Context;
use crate::failure::{DONE, Failure, REFUSED};
use crate::output::Field;
use crate::times::{Deadline, shown};

/// Commands on groups.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows how the jobs of groups ended.
    Show {
        /// Names of the groups.
        #[arg(required = true, value_name = "GROUP")]
        groups: Vec<String>,
    },
    /// Waits until all jobs of groups have ended. The exit code is 1 if a job is dead or cancelled, or one is open after the timeout.
    Wait {
        /// Names of the groups.
        #[arg(required = true, value_name = "GROUP")]
        groups: Vec<String>,
        /// Seconds to wait for all of them.
        #[arg(long, value_name = "SECONDS", default_value_t = 300)]
        timeout: u64,
    },
    /// Closes a group: no more jobs come.
    Close {
        /// Name of the group.
        group: String,
        /// Endpoint that gets one webhook when all jobs of the group have ended.
        #[arg(long, value_name = "ENDPOINT")]
        on_finished: Option<String>,
    },
}

/// Runs a command on groups.
pub(crate) fn run(context: &Context, command: &Command) -> Result<u8, Failure> {
    match command {
        Command::Show { groups } => for_each(groups, |id| show(context, &context.client().group(id, None)?)),
        Command::Wait { groups, timeout } => {
            let deadline = Deadline::after(*timeout);
            for_each(groups, |id| wait(context, id, deadline))
        }
        Command::Close { group, on_finished } => {
            let client = context.client_to_change(&format!("close the group {group}"))?;
            show(context, &client.close_group(group, on_finished.as_deref())?)
        }
    }
}

/// Waits for one group and shows it. The exit code is 0 only if its jobs succeeded or were replayed.
fn wait(context: &Context, id: &str, deadline: Deadline) -> Result<u8, Failure> {
    loop {
        let group = repeat(|| context.client().group(id, Some(wait_seconds(deadline))))?;
        if group.value.finished_at.is_some() {
            show(context, &group)?;
            return Ok(if group.value.dead + group.value.cancelled == 0 { DONE } else { REFUSED });
        }
        if deadline.left().is_zero() {
            let open = group.value.open;
            show(context, &group)?;
            return Err(Failure::NotMet(format!("{open} jobs of the group {id} are still open after the timeout")));
        }
    }
}

fn show(context: &Context, group: &Answer<Group>) -> Result<u8, Failure> {
    context.output.one(group, fields).map(|()| DONE)
}

fn fields(group: &Group) -> Vec<Field> {
    let webhook = group.on_finished.as_ref().map(|on_finished| {
        let state = match (&on_finished.job, &on_finished.error) {
            (Some(job), _) => job.clone(),
            (None, Some(error)) => format!("not sent: {error}"),
            (None, None) => "when all jobs have ended".to_owned(),
        };
        format!("to {}, {state}", on_finished.endpoint)
    });
    vec![
        ("group", Some(group.id.clone())),
        ("tenant", Some(group.tenant.clone())),
        ("jobs", Some(group.total.to_string())),
        ("open", Some(group.open.to_string())),
        ("succeeded", Some(group.succeeded.to_string())),
        ("dead", Some(group.dead.to_string())),
        ("replayed", Some(group.replayed.to_string())),
        ("cancelled", Some(group.cancelled.to_string())),
        ("webhook", webhook),
        ("created", Some(shown(&group.created_at))),
        ("closed", group.closed_at.as_deref().map(shown)),
        ("last ended", group.finished_at.as_deref().map(shown)),
        // Until it is closed, more jobs may come. Times of one form are sorted as their texts.
        (
            "finished",
            group.finished_at.as_deref().max(group.closed_at.as_deref()).filter(|_| group.finished).map(shown),
        ),
    ]
}
