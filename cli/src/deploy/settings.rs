//! Settings of the environment: chosen once, and recorded in both wrangler files before anything is created.

use super::error::DeployError;
use super::names::Names;
use super::options::{Jurisdiction, Options, PlanName};
use super::wrangler_file::{Recorded, WranglerFile};
use super::{Run, account};
use crate::terminal::Terminal;

/// Returns the settings from the files, the options, or the operator's answers.
pub(super) fn choose(
    options: &Options,
    terminal: &mut dyn Terminal,
    names: &Names,
    producer: &WranglerFile,
    consumer: &WranglerFile,
) -> Result<Recorded, DeployError> {
    // An interrupted run may have recorded the settings in only one file.
    let (in_producer, in_consumer) = (producer.recorded(&names.env)?, consumer.recorded(&names.env)?);
    if let (Some(one), Some(other)) = (in_producer, in_consumer)
        && one.jurisdiction != other.jurisdiction
    {
        let text = "The two wrangler files have different jurisdictions for this environment; correct the wrong one.";
        return Err(DeployError::Disagreement(text.to_owned()));
    }
    let Some(recorded) = in_producer.or(in_consumer) else {
        let jurisdiction = match options.jurisdiction {
            Some(jurisdiction) => jurisdiction,
            None => ask_jurisdiction(options, terminal)?,
        };
        return Ok(Recorded { jurisdiction, plan: options.plan.unwrap_or(PlanName::Free) });
    };
    if options.jurisdiction.is_some_and(|asked| asked != recorded.jurisdiction) {
        return Err(DeployError::Disagreement(format!(
            "The jurisdiction of {} is {} and can never be changed; another one needs another environment.",
            names.env,
            recorded.jurisdiction.label()
        )));
    }
    Ok(Recorded { plan: options.plan.unwrap_or(recorded.plan), ..recorded })
}

fn ask_jurisdiction(options: &Options, terminal: &mut dyn Terminal) -> Result<Jurisdiction, DeployError> {
    if options.dry_run {
        terminal.say("# Without --jurisdiction the first run asks for one; this dry run uses none.");
        return Ok(Jurisdiction::None);
    }
    terminal
        .say("Where should data be stored? This can never be changed: D1, Queues and R2 only accept it at creation.");
    let answer = terminal.ask("eu, us, fedramp or none (anywhere)?").unwrap_or_default();
    Jurisdiction::labelled(&answer).ok_or_else(|| {
        DeployError::Unanswered("Use --jurisdiction eu, us, fedramp or none; it can never be changed.".into())
    })
}

impl Run<'_> {
    /// Writes the environment's section into both files, changes its plan, or adds entries of a newer version.
    pub(super) fn settings(&mut self) -> Result<(), DeployError> {
        let (env, recorded) = (self.names.env.clone(), self.recorded);
        let in_files = [self.consumer.recorded(&env)?, self.producer.recorded(&env)?];
        let mut is_added = false;
        for (file, was) in [(&mut self.consumer, in_files[0]), (&mut self.producer, in_files[1])] {
            is_added |= was.is_some() && file.add_missing(&self.names)?;
        }
        if in_files == [Some(recorded); 2] {
            return if is_added { self.save(&format!("missing entries of [env.{env}]")) } else { Ok(()) };
        }
        // The queues are changed first: once the files name the plan, its change is complete.
        let changes_plan = in_files.iter().flatten().any(|it| it.plan != recorded.plan);
        if changes_plan {
            self.keep_messages_by_plan()?;
        }
        for (file, was) in [(&mut self.consumer, in_files[0]), (&mut self.producer, in_files[1])] {
            match was {
                None => file.add_environment(&self.names, recorded)?,
                Some(was) if was.plan != recorded.plan => file.set_plan(&self.names, recorded.plan)?,
                Some(_) => {}
            }
        }
        let (jurisdiction, plan) = (recorded.jurisdiction.label(), recorded.plan.limits().name);
        self.save(&format!("[env.{env}], jurisdiction {jurisdiction}, plan {plan},"))
    }

    fn keep_messages_by_plan(&mut self) -> Result<(), DeployError> {
        let seconds = account::retention_seconds(self.recorded.plan).to_string();
        for queue in self.names.queues() {
            if self.has_queue(&queue)? {
                self.change(&["queues", "update", &queue, "--message-retention-period-secs", &seconds])?;
            }
        }
        Ok(())
    }
}
