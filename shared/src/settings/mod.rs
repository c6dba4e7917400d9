//! Settings of a deployment: typed, validated once, and with all errors reported together.

pub mod providers;

use crate::limits::plan::{FREE, Plan};
use crate::security::destination::PrivateDestinations;
use crate::security::keyring::Keyring;
use crate::security::signing::MasterKey;
use crate::settings::providers::Providers;
use crate::wire::job_queue::JobQueue;

/// Settings that both Workers read from their environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Limits of the plan.
    pub plan: Plan,
    /// Master keys: `MASTER_KEY` seals secrets at rest; `MASTER_KEY_NEXT` and `MASTER_KEY_OLD` only open secrets that
    /// another Worker or an earlier deployment has sealed.
    pub keys: Keyring,
    /// Destinations outside the public internet that webhooks may reach.
    pub private_destinations: PrivateDestinations,
    /// Epoch of the store that this deployment expects. A store of another epoch was restored or is about to be: no job
    /// is accepted, fired, swept or sent.
    pub epoch: i64,
    /// Embedding providers.
    pub providers: Providers,
    /// Version that evidence and attempts name.
    pub version: String,
}

impl Settings {
    /// Reads the settings with `get`, which returns a variable or a secret by name.
    ///
    /// # Errors
    /// One line per setting that is missing or wrong.
    pub fn parse(get: impl Fn(&str) -> Option<String>) -> Result<Settings, Vec<String>> {
        let mut errors = Vec::new();
        let plan = match get("PLAN") {
            None => Some(FREE),
            Some(name) => Plan::named(&name).or_else(|| {
                errors.push("PLAN must be free or paid".to_owned());
                None
            }),
        };
        let plan = plan.and_then(|plan| with_payload_bytes(plan, get("PAYLOAD_BYTES"), &mut errors));
        let plan = plan.and_then(|plan| with_statistics(plan, get("STATISTICS").as_deref(), &mut errors));
        let keys = keyring(&get, &mut errors);
        let private = get("PRIVATE_DESTINATIONS").unwrap_or_default();
        let private_destinations = PrivateDestinations::parse(&private)
            .map_err(|error| errors.push(format!("PRIVATE_DESTINATIONS: {error}")))
            .ok();
        let providers = private_destinations
            .as_ref()
            .and_then(|private| Providers::parse(&get, private).map_err(|more| errors.extend(more)).ok());
        let epoch = get("EPOCH").unwrap_or_else(|| "0".to_owned());
        let epoch = epoch.parse().ok().filter(|epoch| *epoch >= 0).or_else(|| {
            errors.push("EPOCH must be an integer of at least 0".to_owned());
            None
        });
        match (plan, keys, private_destinations, providers, epoch) {
            (Some(plan), Some(keys), Some(private_destinations), Some(providers), Some(epoch)) => {
                let version = env!("CARGO_PKG_VERSION").to_owned();
                Ok(Settings { plan, keys, private_destinations, epoch, providers, version })
            }
            _ => Err(errors),
        }
    }
}

/// Reads the keys of the deployment: one that seals, and up to two that only open.
fn keyring(get: &impl Fn(&str) -> Option<String>, errors: &mut Vec<String>) -> Option<Keyring> {
    let mut parse =
        |name: &str, text: &str| MasterKey::parse(text).map_err(|error| errors.push(format!("{name}: {error}"))).ok();
    let sealing = parse("MASTER_KEY", &get("MASTER_KEY").unwrap_or_default());
    let mut other = |name: &str| match get(name).filter(|text| !text.is_empty()) {
        Some(text) => parse(name, &text).map(Some),
        None => Some(None),
    };
    let (next, old) = (other("MASTER_KEY_NEXT"), other("MASTER_KEY_OLD"));
    // An invalid key is an error: without that key the deployment could not open existing secrets.
    Some(Keyring::new(sealing?, next?, old?))
}

/// Kind of messages in a queue of the consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// Hints of jobs of one queue.
    Hints(JobQueue),
    /// Hints that the platform moved to the dead-letter queue after their last retry.
    DeadHints,
}

/// Exact names of the consumer's queues. A part of a name is not reliable, because it contains the name of the
/// environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueNames([(String, Feed); 4]);

impl QueueNames {
    /// Reads `HINTS_QUEUE`, `EXPRESS_HINTS_QUEUE`, `TASK_HINTS_QUEUE` and `DEAD_HINTS_QUEUE` with `get`, which returns a
    /// variable by name.
    ///
    /// # Errors
    /// One line per name that is missing or repeated.
    pub fn parse(get: impl Fn(&str) -> Option<String>) -> Result<QueueNames, Vec<String>> {
        let variables = [
            ("HINTS_QUEUE", Feed::Hints(JobQueue::Webhooks)),
            ("EXPRESS_HINTS_QUEUE", Feed::Hints(JobQueue::Webhooks)),
            ("TASK_HINTS_QUEUE", Feed::Hints(JobQueue::Tasks)),
            ("DEAD_HINTS_QUEUE", Feed::DeadHints),
        ];
        let names = variables.map(|(variable, feed)| (get(variable).unwrap_or_default(), feed));
        let is_first = |at: usize| names.iter().take(at).all(|(name, _)| *name != names[at].0);
        let mistakes: Vec<String> = (0..names.len())
            .filter(|at| names[*at].0.is_empty() || !is_first(*at))
            .map(|at| {
                format!("{} must be the name of a queue of the consumer, different from the others", variables[at].0)
            })
            .collect();
        if mistakes.is_empty() { Ok(QueueNames(names)) } else { Err(mistakes) }
    }

    /// Returns the kind of messages in the queue of that name; `None` for a queue that the settings do not name.
    pub fn feed(&self, queue: &str) -> Option<Feed> {
        self.0.iter().find(|(name, _)| name == queue).map(|(_, feed)| *feed)
    }
}

/// Returns the plan with the payload size that the deployment allows.
fn with_payload_bytes(plan: Plan, text: Option<String>, errors: &mut Vec<String>) -> Option<Plan> {
    let Some(text) = text else { return Some(plan) };
    let most = plan.payload_bytes_settable;
    match text.parse() {
        Ok(bytes) if (1..=most).contains(&bytes) => Some(Plan { payload_bytes_max: bytes, ..plan }),
        _ => {
            errors.push(format!("PAYLOAD_BYTES must be an integer from 1 to {most} on the plan {}", plan.name));
            None
        }
    }
}

/// Returns the plan with the statistics that the deployment asks for.
fn with_statistics(plan: Plan, text: Option<&str>, errors: &mut Vec<String>) -> Option<Plan> {
    match text {
        None | Some("on") => Some(plan),
        Some("off") => Some(Plan { statistics: false, ..plan }),
        Some(_) => {
            errors.push("STATISTICS must be on or off".to_owned());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_errors_are_reported_together() {
        let errors = Settings::parse(|name| Some(format!("bad {name}"))).unwrap_err();
        assert_eq!(errors.len(), 6, "{errors:?}");
        assert!(errors.iter().all(|line| !line.contains("bad ")), "no setting is repeated: {errors:?}");
        let missing = Settings::parse(|_| None).unwrap_err();
        assert_eq!(missing.len(), 1, "only the key has no default: {missing:?}");
    }

    #[test]
    fn payloads_are_as_large_as_the_plan_lets_them_be() {
        let with = |plan: &str, bytes: &str| {
            let key = "00".repeat(32);
            let get = |name: &str| match name {
                "MASTER_KEY" => Some(key.clone()),
                "PLAN" => Some(plan.to_owned()),
                "PAYLOAD_BYTES" => Some(bytes.to_owned()),
                _ => None,
            };
            Settings::parse(get).map(|settings| settings.plan.payload_bytes_max)
        };
        for (plan, bytes) in [("paid", 5 * 1024 * 1024), ("paid", 1), ("free", 65_536), ("free", 1_000)] {
            assert_eq!(with(plan, &bytes.to_string()), Ok(bytes), "{plan}");
        }
        for (plan, text) in [("paid", "5242881"), ("free", "65537"), ("paid", "0"), ("paid", "-1"), ("paid", "1 MiB")] {
            let errors = with(plan, text).unwrap_err();
            assert!(errors.len() == 1 && errors[0].starts_with("PAYLOAD_BYTES must be"), "{plan} {text}: {errors:?}");
        }
    }

    #[test]
    fn statistics_are_on_or_off() {
        let with = |text: Option<&str>| {
            let get = |name: &str| match name {
                "MASTER_KEY" => Some("00".repeat(32)),
                "STATISTICS" => text.map(str::to_owned),
                _ => None,
            };
            Settings::parse(get).map(|settings| settings.plan.statistics)
        };
        assert_eq!([None, Some("on"), Some("off")].map(with), [Ok(true), Ok(true), Ok(false)]);
        assert_eq!(with(Some("no")), Err(vec!["STATISTICS must be on or off".to_owned()]));
    }

    #[test]
    fn other_keys_only_open() {
        let keys = |next: &str, old: &str| {
            let settings = Settings::parse(|name| match name {
                "MASTER_KEY" => Some("aa".repeat(32)),
                "MASTER_KEY_NEXT" => Some(next.to_owned()),
                "MASTER_KEY_OLD" => Some(old.to_owned()),
                _ => None,
            });
            settings.map(|settings| settings.keys)
        };
        let alone = keys("", "").unwrap();
        assert!(alone.old().is_none());
        let three = keys(&"bb".repeat(32), &"cc".repeat(32)).unwrap();
        assert!(three.old().is_some());
        assert_eq!(three.sealing().0, alone.sealing().0);
        for (next, old) in [("zz", ""), ("", "zz")] {
            let errors = keys(next, old).map(|_| ()).unwrap_err();
            assert!(errors.len() == 1 && errors[0].starts_with("MASTER_KEY_"), "{errors:?}");
        }
    }

    #[test]
    fn a_queue_is_known_by_its_exact_name() {
        let read = |names: [&'static str; 4]| {
            let variables = ["HINTS_QUEUE", "TASK_HINTS_QUEUE", "DEAD_HINTS_QUEUE", "EXPRESS_HINTS_QUEUE"];
            QueueNames::parse(|name| {
                let at = variables.iter().position(|variable| *variable == name)?;
                Some(names[at].to_owned()).filter(|name| !name.is_empty())
            })
        };
        let names = ["hints", "task-hints", "hints-dead", "express-hints"];
        let names = names.map(|name| format!("longshore-a-task-hints-{name}").leak() as &'static str);
        let queues = read(names).unwrap();
        assert_eq!(
            queues.feed(names[0]),
            Some(Feed::Hints(JobQueue::Webhooks)),
            "the environment is called a-task-hints"
        );
        assert_eq!(queues.feed(names[1]), Some(Feed::Hints(JobQueue::Tasks)));
        assert_eq!(queues.feed(names[2]), Some(Feed::DeadHints));
        assert_eq!(queues.feed(names[3]), Some(Feed::Hints(JobQueue::Webhooks)));
        for unknown in ["longshore-hints", "longshore-b-hints-dead", "longshore-b-task-hints", ""] {
            assert_eq!(queues.feed(unknown), None, "{unknown}");
        }
        assert_eq!(read(["a", "b", "", "c"]).unwrap_err().len(), 1);
        assert_eq!(read(["a", "a", "b", "c"]).unwrap_err().len(), 1);
        assert_eq!(read(["", "", "", ""]).unwrap_err().len(), 4);
    }

    #[test]
    fn free_is_the_default_plan() {
        let key = "00".repeat(32);
        let settings = Settings::parse(|name| (name == "MASTER_KEY").then(|| key.clone())).unwrap();
        assert_eq!(settings.plan, FREE);
    }
}
