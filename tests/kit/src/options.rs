//! Options of the local runner, and the keys of every local run.

use std::path::PathBuf;

/// `MASTER_KEY` of local runs.
pub const MASTER_KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// `ROOT_TOKEN` of local runs.
pub const ROOT_TOKEN: &str = "longshore-local-root-token-not-a-secret";

/// Options of a runner.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of D1 and R2; the log is written beside it.
    pub persist: PathBuf,
    /// Port of the producer; 0 takes any.
    pub port: u16,
    /// Variables of both Workers.
    pub vars: Vec<(String, String)>,
    /// Variables of one Worker, `producer` or `consumer`, in addition to those of both.
    pub worker_vars: Vec<(&'static str, String, String)>,
    /// Name of the plan whose limits apply: `free` or `paid`.
    pub plan: String,
    /// Requests per minute of rate limits, by binding; a binding that is not listed has no limit.
    pub limits: Vec<(&'static str, u32)>,
    /// Address of a stand-in for the service behind the AI binding, as in `longshore_stand_ins::workers_ai`; without it
    /// there is no AI binding.
    pub ai: Option<String>,
    /// Checkouts of Workers, `producer` or `consumer`, other than this repository.
    pub from: Vec<(&'static str, PathBuf)>,
    /// Folder of migrations, if other than the repository's.
    pub migrations: Option<PathBuf>,
    /// Allows faults to be injected.
    pub faults: bool,
    /// Seconds between runs of both crons; with 0 they run only on request of [`crate::runner::Runner`].
    pub tick_seconds: u32,
}

impl Options {
    /// Returns options for a paid run without faults that may deliver to this machine.
    pub fn at(persist: impl Into<PathBuf>) -> Self {
        let vars = [("MASTER_KEY", MASTER_KEY), ("ROOT_TOKEN", ROOT_TOKEN), ("PRIVATE_DESTINATIONS", "127.0.0.1:*")];
        Self {
            persist: persist.into(),
            port: 0,
            vars: vars.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
            worker_vars: Vec::new(),
            plan: "paid".to_owned(),
            limits: Vec::new(),
            ai: None,
            from: Vec::new(),
            migrations: None,
            faults: false,
            tick_seconds: 0,
        }
    }

    /// Adds a variable; a later one overrides an earlier one.
    #[must_use]
    pub fn var(mut self, key: &str, value: &str) -> Self {
        self.vars.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Returns the command line after `node`.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec!["tests/local/run.mjs".to_owned()];
        let mut option = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        option("--persist", self.persist.display().to_string());
        option("--port", self.port.to_string());
        option("--plan", self.plan.clone());
        option("--tick", self.tick_seconds.to_string());
        for (key, value) in &self.vars {
            option("--var", format!("{key}={value}"));
        }
        for (worker, key, value) in &self.worker_vars {
            option("--worker-var", format!("{worker}:{key}={value}"));
        }
        for (name, count) in &self.limits {
            arguments.extend(["--limit".to_owned(), format!("{name}={count}")]);
        }
        if let Some(url) = &self.ai {
            arguments.extend(["--ai".to_owned(), url.clone()]);
        }
        for (worker, checkout) in &self.from {
            arguments.extend(["--from".to_owned(), format!("{worker}={}", checkout.display())]);
        }
        if let Some(folder) = &self.migrations {
            arguments.extend(["--migrations".to_owned(), folder.display().to_string()]);
        }
        arguments.extend(self.faults.then(|| "--faults".to_owned()));
        arguments
    }
}
