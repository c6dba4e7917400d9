//! Names of an environment: the names in the wrangler files, with the environment after `longshore`.

use super::error::DeployError;

/// Prefix of all names at the top of the wrangler files.
const PREFIX: &str = "longshore";
/// Maximum length of an environment's name. A queue's name has at most 63 characters, and `longshore--hints-dead` has
/// 21; the lower limit is easier to read.
const NAME_LENGTH_MAX: usize = 20;

/// A database: its binding in both Workers, and its name in the environment.
#[derive(Debug)]
pub(crate) struct DatabaseName {
    pub(crate) binding: &'static str,
    pub(crate) name: String,
}

/// Names of one environment.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// Name of the environment.
    pub(crate) env: String,
}

impl Names {
    /// Checks the environment's name.
    pub(crate) fn new(env: &str) -> Result<Self, DeployError> {
        let starts = env.starts_with(|first: char| first.is_ascii_lowercase());
        let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
        // Its database would have the name of another environment's search database, or its queue the name of another's
        // task queue.
        let is_taken = ["index", "task"].iter().any(|last| env.rsplit('-').next() == Some(last));
        if starts && !is_taken && env.len() <= NAME_LENGTH_MAX && env.chars().all(is_plain) && !env.ends_with('-') {
            return Ok(Self { env: env.to_owned() });
        }
        Err(DeployError::EnvironmentName(env.to_owned()))
    }

    /// Converts a name of the wrangler files for this environment: `longshore-hints` becomes
    /// `longshore-production-hints`.
    pub(crate) fn of(&self, name: &str) -> String {
        match name.strip_prefix(PREFIX) {
            Some(rest) if rest.is_empty() || rest.starts_with('-') => format!("{PREFIX}-{}{rest}", self.env),
            _ => name.to_owned(),
        }
    }

    pub(crate) fn producer(&self) -> String {
        self.of("longshore-producer")
    }

    pub(crate) fn consumer(&self) -> String {
        self.of("longshore-consumer")
    }

    /// Returns the main database and the search database.
    pub(crate) fn databases(&self) -> [DatabaseName; 2] {
        [("DB", "longshore"), ("INDEX_DB", "longshore-index")]
            .map(|(binding, name)| DatabaseName { binding, name: self.of(name) })
    }

    /// Returns the queues, the dead letter queue first. The consumer's variables name them too.
    pub(crate) fn queues(&self) -> [String; 4] {
        ["longshore-hints-dead", "longshore-hints", "longshore-express-hints", "longshore-task-hints"]
            .map(|name| self.of(name))
    }

    pub(crate) fn bucket(&self) -> String {
        self.of("longshore-evidence")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_goes_after_the_first_word() {
        let names = Names::new("eu-west-1").unwrap();
        assert_eq!(names.databases().map(|it| it.name), ["longshore-eu-west-1", "longshore-eu-west-1-index"]);
        assert_eq!(names.queues()[0], "longshore-eu-west-1-hints-dead");
        assert_eq!(names.queues()[3], "longshore-eu-west-1-task-hints");
        assert_eq!(names.of("longshoreman"), "longshoreman");
    }

    #[test]
    fn a_name_that_is_invalid_elsewhere_is_refused() {
        for wrong in [
            "",
            "Production",
            "-c",
            "a b",
            "prod-",
            "1st",
            "a_b",
            "a-index",
            "index",
            "a-task",
            "task",
            "abcdefghijklmnopqrstu",
        ] {
            assert!(Names::new(wrong).is_err(), "{wrong:?}");
        }
    }
}
