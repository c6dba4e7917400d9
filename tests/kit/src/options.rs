//! How to start the local runner, and the keys that every local run knows.

use std::path::PathBuf;

/// The `MASTER_KEY` of local runs.
pub const MASTER_KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// The `ROOT_TOKEN` of local runs.
pub const ROOT_TOKEN: &str = "longshore-local-root-token-not-a-secret";

/// How to start a runner.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of D1 and R2; the log is written beside it.
    pub persist: PathBuf,
    /// The producer's port; 0 takes any.
    pub port: u16,
    /// Variables of both Workers.
    pub vars: Vec<(String, String)>,
    /// Variables of one Worker, `producer` or `consumer`, beside those of both.
    pub worker_vars: Vec<(&'static str, String, String)>,
    /// The plan's profile of limits: `free` or `paid`.
    pub plan: String,
    /// Requests a minute of a rate limit, by its binding; without one there is no limit.
    pub limits: Vec<(&'static str, u32)>,
    /// What stands in for the service behind the AI binding, as `longshore_stand_ins::workers_ai` does; without one there is
    /// no such binding.
    pub ai: Option<String>,
    /// The checkouts of Workers, `producer` or `consumer`, that are not the repository's own.
    pub from: Vec<(&'static str, PathBuf)>,
    /// The folder of migrations, if it is not the repository's own.
    pub migrations: Option<PathBuf>,
    /// Whether faults can be injected.
    pub faults: bool,
    /// Seconds between runs of both crons; with 0 they run only when [`crate::runner::Runner`] is told to.
    pub tick_seconds: u32,
}

impl Options {
    /// A paid run without faults that may deliver to this machine.
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

    /// The same with one more variable; a later one overrides an earlier one.
    #[must_use]
    pub fn var(mut self, key: &str, value: &str) -> Self {
        self.vars.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The command line after `node`.
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
