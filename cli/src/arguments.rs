//! Arguments of `longshore`, and the choice of the command that they name.

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::commands::{
    actions, api, audit, causes, dead, doctor, endpoints, enqueue, groups, index, jobs, keys, profiles, schedules,
    search, signature, status, tail, verify, why,
};
use crate::context::Global;
use crate::deploy::{Options, deploy};
use crate::failure::{DONE, Failure};
use crate::terminal::Console;

/// Help on exit codes and settings.
const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  the API refused the request, or a condition is not met (a dead job, a refused line, a wait that took too long)
  2  wrong usage, settings or files
  3  the deployment is out of reach
  `status` has its own: 0 ok, 1 degraded, 2 failing or out of reach.

Settings, the first that is present: --profile NAME; LONGSHORE_URL and LONGSHORE_KEY; LONGSHORE_PROFILE; the default
profile of ~/.config/longshore/profiles.toml. The key is never an argument.";

/// Operates a deployment of Longshore: jobs, dead letters, endpoints, schedules, indexes and keys.
#[derive(Debug, Parser)]
#[command(name = "longshore", version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists, shows, cancels and repeats jobs.
    #[command(subcommand)]
    Jobs(jobs::Command),
    /// Shows, waits for and closes groups of jobs.
    #[command(subcommand)]
    Groups(groups::Command),
    Why(why::Options),
    Verify(verify::Options),
    /// Shows what failed jobs have in common, and says what is dealt with.
    #[command(subcommand)]
    Causes(causes::Command),
    /// Lists, shows, replays and discards dead letters.
    #[command(subcommand)]
    Dead(dead::Command),
    Replay(Box<actions::ReplayOptions>),
    /// Acts on all jobs that a filter selects, and follows the actions.
    #[command(subcommand)]
    Actions(actions::Command),
    Tail(Box<tail::Options>),
    Enqueue(enqueue::Options),
    /// Shows and changes endpoints and their signing secrets.
    #[command(subcommand)]
    Endpoints(endpoints::Command),
    /// Shows, runs, pauses and deletes schedules.
    #[command(subcommand)]
    Schedules(schedules::Command),
    /// Lists what operators and admins changed, the newest first; needs the scope `admin`.
    Audit(audit::Filter),
    /// Lists, creates and revokes API keys; needs the scope `admin`.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Shows and changes indexes and their documents.
    #[command(subcommand)]
    Index(index::Command),
    Search(search::Options),
    Sign(signature::SignOptions),
    VerifySignature(signature::VerifyOptions),
    /// Shows what fails, since when, for whom and whose fault it is; the exit code is 0 ok, 1 degraded, 2 failing or out
    /// of reach.
    Status,
    /// Checks the address, the key, the clock, the crons and the versions, and says what to do.
    Doctor,
    Api(api::Options),
    /// Lists, adds and removes profiles of deployments.
    #[command(subcommand)]
    Profiles(profiles::Command),
    /// Prints a script that completes commands and options in a shell.
    Completions {
        /// Name of the shell.
        shell: Shell,
    },
    Deploy(Options),
}

impl Arguments {
    /// Runs the command and returns its exit code.
    pub(crate) fn run(self) -> Result<u8, Failure> {
        let global = &self.global;
        match self.command {
            Command::Jobs(command) => jobs::run(&global.context()?, &command),
            Command::Groups(command) => groups::run(&global.context()?, &command),
            Command::Why(options) => why::run(&global.context()?, &options),
            Command::Verify(options) => verify::run(&global.context()?, &options),
            Command::Causes(command) => causes::run(&global.context()?, &command),
            Command::Dead(command) => dead::run(&global.context()?, &command),
            Command::Replay(options) => actions::replay(&global.context()?, &options),
            Command::Actions(command) => actions::run(&global.context()?, &command),
            Command::Tail(options) => tail::run(&global.context()?, &options),
            Command::Enqueue(options) => enqueue::run(&global.context()?, &options),
            Command::Endpoints(command) => endpoints::run(&global.context()?, &command),
            Command::Schedules(command) => schedules::run(&global.context()?, &command),
            Command::Audit(filter) => audit::run(&global.context()?, &filter),
            Command::Keys(command) => keys::run(&global.context()?, &command),
            Command::Index(command) => index::run(&global.context()?, &command),
            Command::Search(options) => search::run(&global.context()?, &options),
            Command::Sign(options) => signature::sign(global.output(), &options),
            Command::VerifySignature(options) => signature::verify(global.output(), &options),
            Command::Status => status::run(&global.context()?),
            Command::Doctor => doctor::run(&global.context()?),
            Command::Api(options) => api::run(&global.context()?, &options),
            Command::Profiles(command) => profiles::run(global.output(), &command),
            Command::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Arguments::command(), "longshore", &mut script);
                global.output().bytes(&script).map(|()| DONE)
            }
            Command::Deploy(options) => deploy(&options, &mut Console).map(|()| DONE).map_err(Failure::Deploy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_deployment_has_its_own_tenant_and_url() {
        let parsed = Arguments::try_parse_from(["longshore", "deploy", "--env", "a", "--tenant", "b", "--url", "c"]);
        let Command::Deploy(options) = parsed.unwrap().command else { panic!("it is a deployment") };
        assert_eq!((options.tenant.as_str(), options.url.as_deref()), ("b", Some("c")));
        let parsed = Arguments::try_parse_from(["longshore", "deploy", "--env", "a"]);
        let Command::Deploy(options) = parsed.unwrap().command else { panic!("it is a deployment") };
        assert_eq!(options.tenant, "main");
    }
}
