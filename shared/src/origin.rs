//! Where a request comes from: the trace that it belongs to, and how many jobs were before it in a chain of them.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::claim::Claimed;
use crate::key::{is_hex, to_hex};
use crate::limits::HOPS_MAX;
use crate::problem::Problem;

/// W3C Trace Context, in requests to us and in ours.
const TRACEPARENT: &str = "traceparent";
/// How many jobs were before: 1 in the requests of a job that nobody's job made.
const HOPS: &str = "longshore-hops";
/// `00-` + 32 digits of the trace + `-` + 16 of the parent + `-` + 2 of flags.
const TRACEPARENT_BYTES: usize = 55;

/// What the headers of a request say of where it comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// A traceparent of version 00.
    pub traceparent: Option<String>,
    /// Jobs before it.
    pub hops: u32,
}

impl Origin {
    /// Reads the headers. What cannot be read is not there, as W3C Trace Context asks: a trace begins anew.
    ///
    /// # Errors
    /// `LoopDetected` when too many jobs were before it.
    pub fn of(header: impl Fn(&str) -> Option<String>) -> Result<Origin, Problem> {
        let hops = header(HOPS).and_then(|text| text.parse().ok()).unwrap_or(0);
        if hops >= HOPS_MAX {
            return Err(Problem::LoopDetected);
        }
        Ok(Origin { traceparent: header(TRACEPARENT).filter(|text| is_traceparent(text)), hops })
    }
}

/// Whether this is a traceparent of version 00, with neither a trace nor a parent of zeros.
pub(crate) fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, parent, flags] = parts[..] else {
        return false;
    };
    let is_some = |part: &str| part.bytes().any(|byte| byte != b'0');
    text.len() == TRACEPARENT_BYTES
        && version == "00"
        && (is_hex(trace, 32) && is_some(trace))
        && (is_hex(parent, 16) && is_some(parent))
        && is_hex(flags, 2)
}

/// The traceparent of an attempt: the trace of its job, and the attempt as the parent of whatever it causes. A job without
/// one has none: who is asked by a trace of ours would not sample its own.
pub(crate) fn traceparent(job: &Claimed) -> Option<(String, String)> {
    let of_job = job.traceparent.as_deref().filter(|text| is_traceparent(text))?;
    let (trace, flags) = (of_job.get(..36)?, of_job.get(52..)?);
    let digest = Sha256::digest(format!("{}/{}", job.id, job.attempt));
    Some((TRACEPARENT.to_owned(), format!("{trace}{}{flags}", to_hex(&digest[..8]))))
}

/// The header that ends circles: one more job.
pub(crate) fn hops(job: &Claimed) -> (String, String) {
    (HOPS.to_owned(), job.hops.saturating_add(1).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of(traceparent: &str, hops: &str) -> Result<Origin, Problem> {
        Origin::of(|name| match name {
            TRACEPARENT => Some(traceparent.to_owned()),
            _ => Some(hops.to_owned()),
        })
    }

    #[test]
    fn what_is_a_traceparent() {
        assert!(is_traceparent(GIVEN));
        let zeros = |at: std::ops::Range<usize>| {
            let mut text = GIVEN.to_owned();
            text.replace_range(at.clone(), &"0".repeat(at.len()));
            text
        };
        let upper = GIVEN.to_uppercase();
        let wrong = [&zeros(3..35), &zeros(36..52), &upper, &GIVEN.replacen("00", "01", 1), &GIVEN[1..], "", "---"];
        for text in wrong {
            assert!(!is_traceparent(text), "{text}");
            assert_eq!(of(text, "0"), Ok(Origin::default()), "it begins anew");
        }
    }

    #[test]
    fn a_chain_ends() {
        assert_eq!(of(GIVEN, "9"), Ok(Origin { traceparent: Some(GIVEN.into()), hops: 9 }));
        assert_eq!(of("", "many").unwrap().hops, 0);
        for hops in [HOPS_MAX.to_string(), (HOPS_MAX + 1).to_string(), u32::MAX.to_string()] {
            assert_eq!(of("", &hops), Err(Problem::LoopDetected));
        }
    }
}
