//! `longshore status`: one look at the health of a deployment, for people and for scripts.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::commands::findings::{Level, judge, read_health, read_readiness, worst};
use crate::context::Context;
use crate::escape::escaped;
use crate::failure::{Failure, USAGE};

/// Exit code of a deployment that works but needs a look.
const DEGRADED: u8 = 1;
/// Exit code of a deployment that fails or is out of reach.
const FAILING: u8 = 2;

/// Health and readiness as the API answers them.
#[derive(Serialize)]
struct Overview<'a> {
    status: &'a str,
    health: Option<&'a RawValue>,
    readiness: Option<&'a RawValue>,
    error: Option<String>,
}

/// Shows the status. Needs no key.
pub(crate) fn run(context: &Context) -> Result<u8, Failure> {
    let (client, output) = (context.client(), context.output);
    let read = read_health(client).and_then(|health| Ok((health, read_readiness(client)?)));
    let (health, readiness) = match read {
        Ok(read) => read,
        Err(error) => {
            let failure = Failure::from(error);
            let error = failure.text();
            if output.is_table() {
                output.line(format!("failing: {}", error.unwrap_or_default()))?;
            } else {
                output.value(&Overview { status: "failing", health: None, readiness: None, error })?;
            }
            // Settings that name no deployment are not its failure.
            return if failure.code() == USAGE { Err(failure) } else { Ok(FAILING) };
        }
    };
    let findings = judge(&readiness.value);
    let (status, code) = match worst(&findings) {
        Level::Ok => ("ok", 0),
        Level::Warn => ("degraded", DEGRADED),
        Level::Fail => ("failing", FAILING),
    };
    if !output.is_table() {
        let (health, readiness) = (Some(&*health.json), Some(&*readiness.json));
        output.value(&Overview { status, health, readiness, error: None })?;
        return Ok(code);
    }
    output.line(format!("{status}: {} at version {}", escaped(client.url()), escaped(&health.value.version)))?;
    for finding in findings.iter().filter(|finding| finding.level > Level::Ok) {
        output.line(format!("  {}: {}. {}", finding.part, finding.text, finding.advice))?;
    }
    Ok(code)
}
