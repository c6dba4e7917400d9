//! Secrets of both Workers: missing ones are entered or generated, saved on this machine, and only then set.

use longshore::security::hex;
use longshore::security::signing::MasterKey;
use serde::Deserialize;

use super::error::DeployError;
use super::wrangler::Look;
use super::{CONSUMER_FILE, PRODUCER_FILE, Run};

pub(super) const MASTER_KEY: &str = "MASTER_KEY";
pub(super) const ROOT_TOKEN: &str = "ROOT_TOKEN";
/// Minimum length of the root token that the producer accepts (`authenticate.rs`).
const ROOT_TOKEN_LENGTH_MIN: usize = 32;
/// Number of bytes of a generated secret: `MASTER_KEY` must have 64 hex digits.
const SECRET_BYTES: usize = 32;
/// Maximum number of tries to enter a secret.
const TRIES: usize = 3;

impl Run<'_> {
    /// Sets missing secrets. `MASTER_KEY` is the same in both Workers.
    pub(super) fn secrets(&mut self) -> Result<(), DeployError> {
        let in_consumer = self.names_of_secrets(&self.names.consumer())?;
        let in_producer = self.names_of_secrets(&self.names.producer())?;
        let lacks = |set: &[String], name: &str| !set.iter().any(|it| it == name);
        let missing = [
            (MASTER_KEY, CONSUMER_FILE, lacks(&in_consumer, MASTER_KEY)),
            (MASTER_KEY, PRODUCER_FILE, lacks(&in_producer, MASTER_KEY)),
            (ROOT_TOKEN, PRODUCER_FILE, lacks(&in_producer, ROOT_TOKEN)),
        ];
        let one_has_a_key = missing[0].2 != missing[1].2;
        for (name, file, _) in missing.into_iter().filter(|(_, _, missing)| *missing) {
            let is_shared = name == MASTER_KEY && one_has_a_key;
            let value = self.value_of(name, is_shared)?;
            let env = self.names.env.clone();
            let arguments = ["secret", "put", name, "-c", file, "-e", &env];
            let line = format!("$ wrangler {}   # the value is passed by standard input", arguments.join(" "));
            self.terminal.say(&line);
            self.wrangler.change(&arguments, Some(&value))?;
        }
        Ok(())
    }

    fn names_of_secrets(&self, worker: &str) -> Result<Vec<String>, DeployError> {
        #[derive(Deserialize)]
        struct Secret {
            name: String,
        }
        let arguments = ["secret", "list", "--name", worker];
        // A Worker that does not exist has no secrets; the first `secret put` creates it.
        let Look::Found(text) = self.wrangler.look(&arguments, &["not found."])? else { return Ok(Vec::new()) };
        let wrong =
            |error: serde_json::Error| DeployError::Answer { command: arguments.join(" "), reason: error.to_string() };
        let secrets: Vec<Secret> = serde_json::from_str(&text).map_err(wrong)?;
        Ok(secrets.into_iter().map(|secret| secret.name).collect())
    }

    /// Returns the value to set: the saved one, or a new one, which is saved before it is used.
    fn value_of(&mut self, name: &str, other_worker_has_it: bool) -> Result<String, DeployError> {
        if let Some(kept) = self.kept.get(name) {
            let kept = kept.to_owned();
            check(name, &kept).map_err(|reason| {
                DeployError::Unanswered(format!("{name} in .deploy/{}.env is invalid: {reason}", self.names.env))
            })?;
            return Ok(kept);
        }
        if self.is_dry() {
            return Ok(String::new());
        }
        let value = if self.options.generate_secrets && !other_worker_has_it {
            generate()?
        } else {
            self.ask_for(name, other_worker_has_it)?
        };
        self.kept.set(name, &value)?;
        self.terminal.say(&format!("> save {name} in .deploy/{}.env; keep a copy in a safe place", self.names.env));
        Ok(value)
    }

    fn ask_for(&mut self, name: &str, other_worker_has_it: bool) -> Result<String, DeployError> {
        let question = if other_worker_has_it {
            format!("{name}: the other Worker has one already; paste the same value:")
        } else {
            format!(
                "{name}: paste a value, or press Enter to generate one. If this environment has run before, paste its value:"
            )
        };
        for _ in 0..TRIES {
            let Some(answer) = self.terminal.ask_secret(&question) else { break };
            if answer.is_empty() && !other_worker_has_it {
                return generate();
            }
            match check(name, &answer) {
                Ok(()) => return Ok(answer),
                Err(reason) => self.terminal.say(&reason),
            }
        }
        Err(DeployError::Unanswered(format!(
            "{name} is not set: put {name}=... into .deploy/{}.env, or, for an environment that has \
             never run, use --generate-secrets.",
            self.names.env
        )))
    }
}

/// Checks that the Workers accept the value. The reason does not repeat it.
fn check(name: &str, value: &str) -> Result<(), String> {
    if name == MASTER_KEY {
        return MasterKey::parse(value).map(drop);
    }
    let is_plain = value.chars().all(|letter| letter.is_ascii_graphic());
    if value.len() >= ROOT_TOKEN_LENGTH_MIN && is_plain {
        return Ok(());
    }
    Err(format!("{name} must have at least {ROOT_TOKEN_LENGTH_MIN} printable characters and no spaces"))
}

/// Generates hex digits from the system's random source.
fn generate() -> Result<String, DeployError> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| DeployError::Unanswered(format!("The system has no random bytes: {error}")))?;
    Ok(hex::encode(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_is_valid() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one, other);
        for name in [MASTER_KEY, ROOT_TOKEN] {
            check(name, &one).unwrap();
        }
    }

    #[test]
    fn a_refusal_does_not_repeat_the_secret() {
        for (name, value) in
            [(MASTER_KEY, "zz-not-hex"), (ROOT_TOKEN, "short"), (ROOT_TOKEN, "with spaces in between of course it is")]
        {
            let reason = check(name, value).unwrap_err();
            assert!(!reason.contains(value), "{reason}");
        }
    }
}
