//! Plan for a page of jobs, made before anything is changed: the bytes to overwrite in each pack, and the jobs to
//! delete after that.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::limits::WALL_MS_MAX;
use crate::model::attempt::{EvidenceRef, LogEntry};
use crate::model::evidence::pack_key;

/// A job that an erasure visits.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct VisitedJob {
    pub(super) id: String,
    pub(super) attempt: u32,
    /// 1 if an attempt may be running.
    pub(super) runs: u8,
    pub(super) log: Vec<LogEntry>,
}

/// A job that may be deleted once all its evidence is overwritten.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) id: String,
    pub(super) attempt: u32,
    needs: BTreeSet<String>,
}

impl Leaving {
    /// Returns true if an overwrite that the job depends on has failed.
    pub(super) fn needs_any(&self, failed: &BTreeSet<String>) -> bool {
        failed.contains(&self.id) || !self.needs.is_disjoint(failed)
    }
}

/// Plan for a page of jobs.
#[derive(Debug, Default)]
pub(super) struct ErasureStep {
    /// Byte ranges by the key of their pack: offset and length.
    pub(super) packs: BTreeMap<String, Vec<(u64, u64)>>,
    /// Jobs by the lease whose packs are searched for their records.
    pub(super) leases: BTreeMap<String, BTreeSet<String>>,
    /// Jobs to delete afterwards.
    pub(super) leaving: Vec<Leaving>,
    /// Jobs that must stay for now, because a Worker may still write records of them. They get no further attempt.
    pub(super) staying: Vec<String>,
    /// A job with more packs than one sweep may rewrite, its number of attempts, and how many of them this step
    /// handles.
    pub(super) begun: Option<(String, u32, usize)>,
    /// Number of calls to the object store.
    pub(super) calls: usize,
    /// True if the calls did not suffice for the whole page.
    pub(super) is_full: bool,
    /// Last job that the plan handles.
    pub(super) position: Option<String>,
}

/// Location of one attempt's record.
enum RecordPlace {
    Range(String, (u64, u64)),
    /// Unknown location in one of the lease's packs, which can be listed.
    SomewhereOf(String),
}

fn place(entry: &LogEntry) -> Option<RecordPlace> {
    match &entry.evidence {
        Some(EvidenceRef::Off) => None,
        Some(EvidenceRef::Stored { n, offset, length, .. }) => {
            Some(RecordPlace::Range(pack_key(&entry.lease, *n), (*offset, *length)))
        }
        // Inline: the put that failed or timed out may have been executed nevertheless.
        Some(EvidenceRef::Inline { .. }) | None => Some(RecordPlace::SomewhereOf(entry.lease.clone())),
    }
}

/// Returns true if the attempt's Worker may still write a record that no log entry refers to. The platform ends every
/// Worker at some time.
fn may_grow(entry: &LogEntry, now: i64) -> bool {
    matches!(place(entry), Some(RecordPlace::SomewhereOf(_))) && entry.started_at + WALL_MS_MAX > now
}

impl ErasureStep {
    /// Plans as many of the jobs as `calls` allow. A lease costs `lease_calls`. If `are_all`, the sweep has spent no
    /// calls yet, and a job that needs more than all of them is begun.
    pub(super) fn new(jobs: &[VisitedJob], now: i64, calls: usize, lease_calls: usize, are_all: bool) -> ErasureStep {
        let mut work = ErasureStep::default();
        for job in jobs {
            if job.runs == 1 || job.log.iter().any(|entry| may_grow(entry, now)) {
                work.staying.push(job.id.clone());
            } else {
                // A lease costs at most the available calls; otherwise a job of one lease could never be deleted.
                let lease_calls = if are_all { lease_calls.min(calls) } else { lease_calls };
                let taken = work.take(job, calls, lease_calls, are_all);
                if taken < job.log.len() {
                    work.is_full = true;
                    return work;
                }
            }
            work.position = Some(job.id.clone());
        }
        work
    }

    /// Plans a job if the calls suffice. Returns how many of its attempts are planned.
    fn take(&mut self, job: &VisitedJob, calls: usize, lease_calls: usize, are_all: bool) -> usize {
        let places: Vec<_> = job.log.iter().map(place).collect();
        let (mut needs, mut cost, mut fit) = (BTreeSet::new(), 0, 0);
        for place in &places {
            let price = match place {
                Some(RecordPlace::Range(key, _)) if !self.packs.contains_key(key) && needs.insert(key.clone()) => 2,
                Some(RecordPlace::SomewhereOf(lease))
                    if !self.leases.contains_key(lease) && needs.insert(lease.clone()) =>
                {
                    lease_calls
                }
                _ => 0,
            };
            if self.calls + cost + price > calls {
                break;
            }
            (cost, fit) = (cost + price, fit + 1);
        }
        let is_whole = fit == places.len();
        // A job that is not the first waits for a sweep that has all its calls for it.
        if !is_whole && (self.calls > 0 || !are_all) {
            return 0;
        }
        self.calls += cost;
        let mut needs = BTreeSet::new();
        for place in places.into_iter().take(fit).flatten() {
            match place {
                RecordPlace::Range(key, range) => {
                    needs.insert(key.clone());
                    self.packs.entry(key).or_default().push(range);
                }
                RecordPlace::SomewhereOf(lease) => {
                    needs.insert(lease.clone());
                    self.leases.entry(lease).or_default().insert(job.id.clone());
                }
            }
        }
        if is_whole {
            self.leaving.push(Leaving { id: job.id.clone(), attempt: job.attempt, needs });
        } else {
            self.begun = Some((job.id.clone(), job.attempt, fit));
        }
        fit
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 1_800_000_000_000;
    const LEASES: [&str; 3] =
        ["01KBJ3DW004QY6R7NZX3VJ5T8M", "01KBJ3DW004QY6R7NZX3VJ5T8N", "01KBJ3DW004QY6R7NZX3VJ5T8P"];

    fn entry(lease: usize, evidence: &Value) -> Value {
        json!({"started_at": NOW - WALL_MS_MAX, "lease": LEASES[lease], "state": "failed", "evidence": evidence})
    }

    fn stored(lease: usize, offset: u64) -> Value {
        entry(lease, &json!({"state": "stored", "n": 0, "offset": offset, "length": 9, "sha256": ""}))
    }

    fn unknown(lease: usize) -> Value {
        entry(lease, &Value::Null)
    }

    fn job(id: &str, log: &[Value]) -> VisitedJob {
        serde_json::from_value(json!({"id": id, "attempt": log.len(), "runs": 0, "log": log})).unwrap()
    }

    fn leaving(work: &ErasureStep) -> Vec<&str> {
        work.leaving.iter().map(|job| job.id.as_str()).collect()
    }

    #[test]
    fn a_pack_of_several_jobs_is_one_read_and_one_write() {
        let off = entry(1, &json!({"state": "off"}));
        let jobs = [job("a", &[stored(0, 0)]), job("b", &[stored(0, 9), off]), job("c", &[])];
        let work = ErasureStep::new(&jobs, NOW, 2, 2, true);
        assert_eq!((work.calls, work.is_full, work.position.as_deref()), (2, false, Some("c")));
        assert_eq!(work.packs[&pack_key(LEASES[0], 0)], [(0, 9), (9, 9)]);
        assert_eq!(leaving(&work), ["a", "b", "c"]);
        let failed = BTreeSet::from([pack_key(LEASES[0], 0)]);
        let kept: Vec<_> = work.leaving.iter().map(|job| job.needs_any(&failed)).collect();
        assert_eq!(kept, [true, true, false], "no job is deleted while its evidence exists");
    }

    #[test]
    fn a_job_of_a_worker_that_may_be_alive_stays() {
        let mut jobs = [job("a", &[stored(0, 0), unknown(1)]), job("b", &[]), job("c", &[])];
        jobs[1].runs = 1;
        jobs[0].log[1].started_at += 1;
        let work = ErasureStep::new(&jobs, NOW, 9, 9, true);
        assert_eq!((leaving(&work), work.staying.as_slice()), (vec!["c"], ["a".to_owned(), "b".to_owned()].as_slice()));
        assert!(work.packs.is_empty() && work.leases.is_empty() && !work.is_full);
        jobs[0].log[1].started_at -= 1;
        let work = ErasureStep::new(&jobs, NOW, 9, 7, true);
        assert_eq!((leaving(&work), work.calls), (vec!["a", "c"], 9));
        assert!(work.leases[LEASES[1]].contains("a"));
    }

    #[test]
    fn the_page_ends_where_the_calls_do_not_suffice() {
        let many = [stored(0, 0), stored(1, 0), stored(2, 0)];
        let jobs = [job("a", &[stored(0, 9)]), job("b", &many), job("c", &[])];
        let work = ErasureStep::new(&jobs, NOW, 5, 5, true);
        assert_eq!((leaving(&work), work.is_full, work.position.as_deref()), (vec!["a"], true, Some("a")));
        assert!(work.begun.is_none(), "it waits for all the calls of a sweep");
        let work = ErasureStep::new(&jobs[1..], NOW, 5, 5, true);
        assert_eq!((work.begun, work.position, work.calls), (Some(("b".into(), 3, 2)), None, 4));
        let work = ErasureStep::new(&jobs[1..], NOW, 5, 5, false);
        assert!(work.is_full && work.begun.is_none() && work.packs.is_empty());
        // A lease costs at most the available calls; otherwise its job could never be deleted.
        let work = ErasureStep::new(&[job("d", &[unknown(0)])], NOW, 5, 20, true);
        assert_eq!(leaving(&work), ["d"]);
        // Remaining calls are not the price of a lease: otherwise the rest of a page would cost nothing.
        let work = ErasureStep::new(&[job("d", &[unknown(0)])], NOW, 0, 20, false);
        assert!(work.is_full && work.leaving.is_empty() && work.leases.is_empty());
    }
}
