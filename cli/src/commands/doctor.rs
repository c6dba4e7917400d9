//! `longshore doctor`: checks the address, the key, the clock, the crons and the versions, and says what to do.

use longshore::security::key::Scope;
use longshore_client::{Client, ClientError, Reply, Request};
use serde::Serialize;

use crate::commands::findings::{Finding, Level, judge, read_readiness, worst};
use crate::context::Context;
use crate::escape::escaped;
use crate::failure::{DONE, Failure, REFUSED, UNREACHABLE};
use crate::times::{now_ms, span};

/// Difference of the clocks, in ms, above which times are misleading. The header `Date` is accurate to a second.
const CLOCK_WARN_MS: u64 = 5_000;
/// Difference of the clocks, in ms, above which receivers refuse signatures: the tolerance of Standard Webhooks.
const CLOCK_FAIL_MS: u64 = 300_000;

/// A finding as a line of JSON.
#[derive(Serialize)]
struct Shown<'a> {
    level: &'a str,
    part: &'a str,
    text: &'a str,
    advice: &'a str,
}

/// Checks the deployment. Each line is `ok`, `warn` or `fail`.
pub(crate) fn run(context: &Context) -> Result<u8, Failure> {
    let client = context.client();
    let mut findings = Vec::new();
    let reply = client.health();
    let is_reached = reply.is_ok();
    match reply {
        Ok(reply) => {
            findings.push(Finding::ok("address", format!("{} answers", escaped(client.url()))));
            findings.push(version(&reply));
            findings.push(clock(reply.header("date"), now_ms()));
            findings.extend(key(client)?);
            findings.extend(readiness(client)?);
        }
        Err(ClientError::Unreachable { url, reason }) => {
            let advice = "Check the address, the network, and that the deployment exists.";
            let text = format!("{} is out of reach: {}", escaped(&url), escaped(&reason));
            findings.push(Finding::new(Level::Fail, "address", text, advice));
        }
        Err(error) => return Err(error.into()),
    }
    for finding in &findings {
        print(context, finding)?;
    }
    Ok(match (is_reached, worst(&findings)) {
        (false, _) => UNREACHABLE,
        (true, Level::Fail) => REFUSED,
        (true, _) => DONE,
    })
}

fn print(context: &Context, finding: &Finding) -> Result<(), Failure> {
    let Finding { level, part, text, advice } = finding;
    if context.output.is_table() {
        let advice = if advice.is_empty() { String::new() } else { format!(". {advice}") };
        return context.output.line(format!("{:<4}  {part}: {text}{advice}", level.name()));
    }
    context.output.value(&Shown { level: level.name(), part, text, advice })
}

/// Compares the versions of the deployment and of this command.
fn version(reply: &Reply) -> Finding {
    let own = env!("CARGO_PKG_VERSION");
    let advice = "Check that the address is that of the producer.";
    match reply.read::<longshore_client::Health>() {
        Ok(health) if health.value.version == own => Finding::ok("version", format!("{own}, the same as this command")),
        Ok(health) => {
            let text = format!("the deployment has {}, this command {own}", escaped(&health.value.version));
            Finding::new(Level::Warn, "version", text, "Install the command of the deployment's version.")
        }
        Err(error) => Finding::new(Level::Fail, "version", escaped(&error.to_string()), advice),
    }
}

/// Compares the clock of the answer with that of this machine.
fn clock(date: Option<&str>, now: i64) -> Finding {
    let at = date.and_then(|date| httpdate::parse_http_date(date).ok());
    let ms = at.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok()).map(|since| since.as_millis());
    let Some(ms) = ms.and_then(|ms| i64::try_from(ms).ok()) else {
        return Finding::new(
            Level::Warn,
            "clock",
            "the answer has no valid Date header",
            "The local runner sends none; elsewhere a proxy removes it.",
        );
    };
    // The header has whole seconds: the time within its second is unknown.
    let difference = if (ms..ms + 1_000).contains(&now) { 0 } else { ms.abs_diff(now) };
    let advice = "Set the clock of this machine; times in tables and signatures that you verify depend on it.";
    let text = format!("the clocks differ by {}", span(difference));
    match difference {
        CLOCK_FAIL_MS.. => Finding::new(Level::Fail, "clock", text, advice),
        CLOCK_WARN_MS.. => Finding::new(Level::Warn, "clock", text, advice),
        _ => Finding::ok("clock", text),
    }
}

/// Returns a request that needs this scope and changes nothing: it names no job, or has no lines.
fn probe(scope: Scope) -> Request {
    match scope {
        Scope::JobsRead => Request::new("GET", &["v1", "jobs"]).parameter("limit", Some(1)),
        Scope::JobsWrite => Request::new("POST", &["v1", "jobs", "batch"]).lines(Vec::new()),
        Scope::MetricsRead => Request::new("GET", &["metrics"]),
        Scope::Operate => Request::new("POST", &["v1", "jobs", "none", "retry"]),
        Scope::Admin => Request::new("GET", &["v1", "keys"]).parameter("limit", Some(1)),
    }
}

/// Finds out the scopes of the key. The API checks a key before everything else, so a request with the scope gets
/// another answer than 401 and 403.
fn key(client: &Client) -> Result<Vec<Finding>, ClientError> {
    let Some(id) = client.key_id() else {
        let advice = "Set LONGSHORE_KEY, or add a profile: longshore profiles add NAME --url URL.";
        return Ok(vec![Finding::new(Level::Fail, "key", "there is no key, or it is not of the form ls_...", advice)]);
    };
    let (mut scopes, mut findings, mut needs_tenant) = (Vec::new(), Vec::new(), false);
    for scope in Scope::ALL {
        let reply = client.send(&probe(scope))?;
        match (reply.status, reply.problem()) {
            (401, problem) => {
                let detail = problem.map_or_else(|| "the key is refused".to_owned(), |problem| problem.detail);
                let advice = "Get a key from an admin: longshore keys create.";
                return Ok(vec![Finding::new(Level::Fail, "key", escaped(&detail), advice)]);
            }
            (403, Some(problem)) if problem.detail.contains("another tenant") => {
                let advice = "Remove --tenant, or use a key of that tenant.";
                return Ok(vec![Finding::new(Level::Fail, "key", escaped(&problem.detail), advice)]);
            }
            (403, _) => {}
            (429 | 500.., problem) => {
                let detail = problem.map_or_else(|| reply.status.to_string(), |problem| problem.detail);
                let advice = "See the other lines, and docs/errors.md.";
                findings.push(Finding::new(Level::Fail, scope.name(), escaped(&detail), advice));
            }
            (_, problem) => {
                needs_tenant |= problem.is_some_and(|problem| problem.slug() == "invalid-header");
                scopes.push(scope.name());
            }
        }
    }
    if scopes.is_empty() && findings.is_empty() {
        findings.push(Finding::new(Level::Fail, "key", format!("key {id} has no scope"), "Create another key."));
    } else {
        findings.insert(0, Finding::ok("key", format!("key {id} has {}", scopes.join(", "))));
    }
    if needs_tenant {
        let text = "it is a key of all tenants, and the request names none";
        findings.push(Finding::new(Level::Warn, "tenant", text, "Add --tenant TENANT, or a tenant to the profile."));
    }
    Ok(findings)
}

fn readiness(client: &Client) -> Result<Vec<Finding>, ClientError> {
    match read_readiness(client) {
        Ok(readiness) => Ok(judge(&readiness.value)),
        Err(ClientError::Refused(problem)) => {
            let advice = "See docs/operations.md#database-out-of-reach.";
            Ok(vec![Finding::new(Level::Fail, "readiness", escaped(&problem.detail), advice)])
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_compared_to_the_second() {
        let date = Some("Mon, 02 Nov 2026 08:00:00 GMT");
        let at = 1_793_606_400_000;
        for (now, level) in [
            (at, Level::Ok),
            (at + 999, Level::Ok),
            (at + 4_999, Level::Ok),
            (at + 5_000, Level::Warn),
            (at - 299_999, Level::Warn),
            (at - 300_000, Level::Fail),
        ] {
            assert_eq!(clock(date, now).level, level, "{now}");
        }
        assert_eq!(clock(None, at).level, Level::Warn);
        assert_eq!(clock(Some("soon"), at).level, Level::Warn);
    }

    #[test]
    fn a_probe_changes_nothing() {
        for scope in Scope::ALL {
            let request = format!("{:?}", probe(scope));
            let reads =
                request.contains("\"GET\"") || request.contains("\"none\"") || request.contains("body: Some([])");
            assert!(reads, "{request}");
        }
    }
}
