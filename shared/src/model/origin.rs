//! The origin of a request: its trace, and the number of jobs before it in a chain of jobs that created one another.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::limits::HOPS_MAX;
use crate::model::claimed::Claimed;
use crate::security::hex;
use crate::wire::problem::Problem;

/// Header of W3C Trace Context, in requests to Longshore and in its own requests.
const TRACEPARENT: &str = "traceparent";
/// Header with other vendors' data about the trace, which is passed on unchanged.
const TRACESTATE: &str = "tracestate";
/// Header with the number of jobs in the chain: 1 in the requests of a job that no other job created.
const HOPS: &str = "longshore-hops";
/// Length of a `traceparent`: `00-`, 32 digits of the trace, `-`, 16 of the parent, `-`, and 2 of flags. A later
/// version may add more after a `-`.
const TRACEPARENT_BYTES: usize = 55;
/// Flags with a meaning: the trace is sampled, and its id is random
/// (<https://www.w3.org/TR/trace-context-2/#trace-flags>). The other flags are set to zero.
const FLAGS_KNOWN: u8 = 0b11;
/// Maximum number of members of a `tracestate`.
const TRACESTATE_MEMBERS_MAX: usize = 32;
/// Maximum number of bytes of a `tracestate` that is passed on. Members beyond it are removed; those with more than
/// [`TRACESTATE_MEMBER_BYTES`] first (<https://www.w3.org/TR/trace-context-2/#tracestate-limits>).
const TRACESTATE_BYTES_MAX: usize = 512;
const TRACESTATE_MEMBER_BYTES: usize = 128;
/// Maximum number of bytes of a member's key, and of its value.
const TRACESTATE_PART_BYTES_MAX: usize = 256;

/// Origin of a request, from its headers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// A `traceparent` of version 00.
    pub traceparent: Option<String>,
    /// The `tracestate` of that trace.
    pub tracestate: Option<String>,
    /// Number of jobs before this request in its chain.
    pub hops: u32,
}

impl Origin {
    /// Reads the headers. An unreadable trace is ignored and a new one begins, as W3C Trace Context requires.
    ///
    /// # Errors
    /// `LoopDetected` when the chain has too many jobs; `InvalidHeader` when the number of jobs cannot be read, because
    /// an uncounted chain might never end.
    pub fn of(header: impl Fn(&str) -> Option<String>) -> Result<Origin, Problem> {
        let hops = match header(HOPS) {
            None => 0,
            Some(text) => read_hops(&text).ok_or_else(|| {
                let most = u32::MAX;
                Problem::InvalidHeader(format!(
                    "`{HOPS}` must be one integer from 0 to {most}; omit it in a first request"
                ))
            })?,
        };
        if hops >= HOPS_MAX {
            return Err(Problem::LoopDetected);
        }
        let traceparent = header(TRACEPARENT).and_then(|text| read_traceparent(&text));
        let tracestate = header(TRACESTATE).filter(|_| traceparent.is_some()).and_then(|text| read_tracestate(&text));
        Ok(Origin { traceparent, tracestate, hops })
    }
}

fn read_hops(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Reads a `traceparent` and converts it to version 00. The ids of trace and parent must not be all zeros. A later
/// version begins like version 00; version ff is invalid.
pub(crate) fn read_traceparent(text: &str) -> Option<String> {
    let (first, more) = text.split_at_checked(TRACEPARENT_BYTES)?;
    let parts: Vec<&str> = first.split('-').collect();
    let [version, trace, parent, flags] = parts[..] else {
        return None;
    };
    let is_some = |part: &str| part.bytes().any(|byte| byte != b'0');
    let is_known =
        hex::is_lower(version, 2) && version != "ff" && (more.is_empty() || version != "00" && more.starts_with('-'));
    let is_read =
        is_known && (hex::is_lower(trace, 32) && is_some(trace)) && (hex::is_lower(parent, 16) && is_some(parent));
    let flags = u8::from_str_radix(flags, 16).ok().filter(|_| is_read && hex::is_lower(flags, 2))?;
    Some(format!("00-{trace}-{parent}-{}", hex::encode(&[flags & FLAGS_KNOWN])))
}

/// Reads a `tracestate`; `None` if it is malformed, repeats a key or has too many members. It is then omitted as a
/// whole.
fn read_tracestate(text: &str) -> Option<String> {
    let members = text.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|member| !member.is_empty());
    let mut members: Vec<&str> = members.collect();
    let parts = members.iter().copied().filter_map(|member| member.split_once('='));
    let keys: BTreeSet<&str> =
        parts.filter(|(key, value)| is_key(key) && is_value(value)).map(|(key, _)| key).collect();
    if members.is_empty() || members.len() > TRACESTATE_MEMBERS_MAX || keys.len() < members.len() {
        return None;
    }
    while members.iter().map(|member| member.len() + 1).sum::<usize>() > TRACESTATE_BYTES_MAX + 1 {
        let large = members.iter().rposition(|member| member.len() > TRACESTATE_MEMBER_BYTES);
        members.remove(large.unwrap_or(members.len() - 1));
    }
    (!members.is_empty()).then(|| members.join(","))
}

fn is_key(key: &str) -> bool {
    let is_first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    key.len() <= TRACESTATE_PART_BYTES_MAX
        && key.as_bytes().first().is_some_and(is_first)
        && key.bytes().all(|byte| is_first(&byte) || b"_-*/@".contains(&byte))
}

fn is_value(value: &str) -> bool {
    let is_character = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    (1..=TRACESTATE_PART_BYTES_MAX).contains(&value.len()) && value.bytes().all(is_character) && !value.ends_with(' ')
}

/// Returns the trace headers of an attempt: the job's trace with the attempt as parent, and the `tracestate`. A job
/// without a trace sends none: a trace that begins here would prevent the receiver from sampling by its own rules.
pub(crate) fn trace(job: &Claimed) -> Vec<(String, String)> {
    let Some(of_job) = job.traceparent.as_deref().and_then(read_traceparent) else { return Vec::new() };
    let (Some(trace), Some(flags)) = (of_job.get(..36), of_job.get(52..)) else { return Vec::new() };
    let digest = Sha256::digest(format!("{}/{}", job.id, job.attempt));
    let parent = hex::encode(&digest[..8]);
    let traceparent = (TRACEPARENT.to_owned(), format!("{trace}{parent}{flags}"));
    let tracestate = job.tracestate.clone().map(|tracestate| (TRACESTATE.to_owned(), tracestate));
    [traceparent].into_iter().chain(tracestate).collect()
}

/// Removes the job's `tracestate` if a header of the caller names another trace.
pub(crate) fn keep_together(headers: &mut BTreeMap<String, String>, job: &Claimed) {
    let ours: BTreeMap<String, String> = trace(job).into_iter().collect();
    if headers.get(TRACEPARENT) != ours.get(TRACEPARENT) && headers.get(TRACESTATE) == ours.get(TRACESTATE) {
        headers.remove(TRACESTATE);
    }
}

/// Returns the header that ends loops, with the number of jobs increased by one.
pub(crate) fn hops(job: &Claimed) -> (String, String) {
    (HOPS.to_owned(), job.hops.saturating_add(1).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of(traceparent: &str, tracestate: &str, hops: Option<&str>) -> Result<Origin, Problem> {
        Origin::of(|name| match name {
            TRACEPARENT => Some(traceparent.to_owned()),
            TRACESTATE => Some(tracestate.to_owned()),
            _ => hops.map(str::to_owned),
        })
    }

    #[test]
    fn malformed_traceparents_are_ignored() {
        assert_eq!(read_traceparent(GIVEN).as_deref(), Some(GIVEN));
        let zeros = |at: std::ops::Range<usize>| {
            let mut text = GIVEN.to_owned();
            text.replace_range(at.clone(), &"0".repeat(at.len()));
            text
        };
        let upper = GIVEN.to_uppercase();
        let [ff, longer, unended] =
            [GIVEN.replacen("00", "ff", 1), format!("{GIVEN}-00"), format!("cc{}0", &GIVEN[2..])];
        let twice = format!("{GIVEN}, {GIVEN}");
        let wrong =
            [&zeros(3..35), &zeros(36..52), &upper, &ff, &longer, &unended, &twice, &GIVEN[1..], "", "---", "ä"];
        for text in wrong {
            assert_eq!(read_traceparent(text), None, "{text}");
            assert_eq!(of(text, "a=1", None), Ok(Origin::default()), "the trace begins again, without a tracestate");
        }
    }

    #[test]
    fn a_later_version_is_read_as_version_00() {
        for text in ["01", "cc", "fe"].map(|version| GIVEN.replacen("00", version, 1)) {
            for more in ["", "-", "-what-the-future-will-be-like"] {
                assert_eq!(read_traceparent(&format!("{text}{more}")).as_deref(), Some(GIVEN), "{text}{more}");
            }
        }
    }

    #[test]
    fn only_flags_with_a_meaning_are_passed_on() {
        let flags =
            |flags: &str| read_traceparent(&format!("{}{flags}", &GIVEN[..53])).map(|text| text[53..].to_owned());
        for (given, passed_on) in
            [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03"), ("ff", "03"), ("fd", "01"), ("fc", "00")]
        {
            assert_eq!(flags(given).as_deref(), Some(passed_on), "{given}");
        }
        assert_eq!((flags("0g"), flags("+1"), flags("0A")), (None, None, None));
    }

    #[test]
    fn a_tracestate_is_passed_on() {
        let state = |text: &str| of(GIVEN, text, None).unwrap().tracestate;
        let kept = "congo=ucfJifl5GOE,rojo=00f067aa0ba902b7,fw529a3039@dt=a b !~,0a/b*_-=\"";
        assert_eq!(state(kept).as_deref(), Some(kept));
        assert_eq!(state(" a=1\t, ,b=2,").as_deref(), Some("a=1,b=2"));
        let members = |count: usize| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        assert_eq!(state(&members(32)), Some(members(32)));
        let long = |bytes: usize| format!("k={}", "v".repeat(bytes));
        assert!(state(&long(256)).is_some());
        let (long_key, long_value) = (format!("{}=v", "k".repeat(257)), long(257));
        for wrong in [
            "",
            ",",
            "a",
            "a=",
            "=1",
            "A=1",
            "a b=1",
            "a=1,a=2",
            "a=ä",
            "a=1=2",
            "_a=1",
            "a =1",
            &long_key,
            &long_value,
        ] {
            assert_eq!(state(wrong), None, "{wrong}");
        }
        assert_eq!(state(&members(33)), None);
    }

    #[test]
    fn whole_members_of_a_long_tracestate_are_removed() {
        let member = |name: &str, bytes: usize| format!("{name}={}", "v".repeat(bytes - name.len() - 1));
        let [a, b, c, d] = [("a", 200), ("b", 128), ("c", 129), ("d", 128)].map(|(name, bytes)| member(name, bytes));
        let state = |members: &[&String]| {
            let members: Vec<_> = members.iter().map(|member| member.as_str()).collect();
            read_tracestate(&members.join(","))
        };
        assert_eq!(state(&[&a, &b, &c]).map(|text| text.len()), Some(459), "all of it");
        assert_eq!(
            state(&[&a, &b, &c, &d]),
            Some([a.as_str(), &b, &d].join(",")),
            "the last large one is removed first"
        );
        let small: Vec<String> = (0..5).map(|n| member(&format!("s{n}"), 127)).collect();
        assert_eq!(state(&small.iter().collect::<Vec<_>>()), Some(small[..4].join(",")), "and then the last ones");
        let exact = member("x", 256) + "," + &member("y", 255);
        assert_eq!((exact.len(), read_tracestate(&exact)), (512, Some(exact.clone())));
    }

    #[test]
    fn a_chain_has_a_maximum_length() {
        let given = Origin { traceparent: Some(GIVEN.into()), tracestate: None, hops: 9 };
        assert_eq!(of(GIVEN, "", Some("9")), Ok(given));
        assert_eq!((of("", "", None).unwrap().hops, of("", "", Some("007")).unwrap().hops), (0, 7));
        for hops in [HOPS_MAX.to_string(), (HOPS_MAX + 1).to_string(), u32::MAX.to_string()] {
            assert_eq!(of("", "", Some(&hops)), Err(Problem::LoopDetected));
        }
    }

    #[test]
    fn a_chain_that_cannot_be_counted_is_refused() {
        for hops in ["ten", "10.5", "4294967296", "9, 10", "", "+5", "-1", "1e1", "0x1", "\u{661}", "9 9"] {
            assert!(matches!(of("", "", Some(hops)), Err(Problem::InvalidHeader(_))), "{hops}");
        }
    }
}
