//! Batches: many jobs in one JSON body, split into raw jobs without parsing each of them.

use std::fmt;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::limits::BATCH_JOBS_MAX;
use crate::wire::invalid::read;
use crate::wire::problem::Problem;

/// A batch of jobs. Each job is accepted or rejected separately.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct NewJobs {
    /// Jobs of the batch. All are checked before the first one is accepted.
    #[cfg_attr(feature = "openapi", schemars(with = "Vec<crate::accept::request::JobRequest>"))]
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = BATCH_JOBS_MAX)))]
    jobs: Jobs,
}

/// Splits `{"jobs": [...]}` into the raw JSON of each job, in order.
///
/// # Errors
/// A problem if the body has another shape, or does not have 1 to [`BATCH_JOBS_MAX`] jobs.
pub fn read_batch(bytes: &[u8]) -> Result<Vec<Box<RawValue>>, Problem> {
    let NewJobs { jobs: Jobs { kept, count } } = read(bytes, "#")?;
    if !(1..=BATCH_JOBS_MAX).contains(&count) {
        let detail = format!("must have 1 to {BATCH_JOBS_MAX} jobs, got {count}; send more as lines of JSON");
        return Err(Problem::field("#/jobs", "out-of-range", detail));
    }
    Ok(kept)
}

/// Jobs of a batch. Keeps the first [`BATCH_JOBS_MAX`] and only counts the rest, which bounds memory.
struct Jobs {
    kept: Vec<Box<RawValue>>,
    count: usize,
}

impl<'de> Deserialize<'de> for Jobs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct JobsVisitor;
        impl<'de> Visitor<'de> for JobsVisitor {
            type Value = Jobs;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of jobs")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Jobs, A::Error> {
                let mut kept = Vec::new();
                while kept.len() < BATCH_JOBS_MAX {
                    match items.next_element()? {
                        Some(job) => kept.push(job),
                        None => return Ok(Jobs { count: kept.len(), kept }),
                    }
                }
                let mut count = kept.len();
                while items.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Jobs { kept, count })
            }
        }
        deserializer.deserialize_seq(JobsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_one_to_a_thousand_jobs() {
        let of = |count: usize| read_batch(format!(r#"{{"jobs":[{}]}}"#, vec!["{}"; count].join(",")).as_bytes());
        for count in [1, BATCH_JOBS_MAX] {
            assert_eq!(of(count).unwrap().len(), count);
        }
        for count in [0, BATCH_JOBS_MAX + 1, 3 * BATCH_JOBS_MAX] {
            assert_eq!(of(count).unwrap_err().errors()[0].pointer, "#/jobs", "{count}");
        }
        let Jobs { kept, count } =
            serde_json::from_str(&format!("[{}]", vec!["{}"; 3 * BATCH_JOBS_MAX].join(","))).unwrap();
        assert_eq!((kept.len(), count), (BATCH_JOBS_MAX, 3 * BATCH_JOBS_MAX), "further jobs are only counted");
        assert_eq!(read_batch(br#"{"jobs":{}}"#).unwrap_err().slug(), "invalid-request");
        assert_eq!(read_batch(br#"{"jobs":[{}"#).unwrap_err().slug(), "not-json");
    }
}
