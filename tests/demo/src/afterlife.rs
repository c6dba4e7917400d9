//! The dead job: its dead letter, the evidence of its last attempt, and its replay after the receiver works again.

use serde_json::{Value, json};

use super::stage::Stage;
use super::{Failure, text};
use longshore_kit::client::expect;

/// Seconds for which the API waits until the replayed job has ended.
const WAIT_SECONDS: u32 = 20;

/// Answers of the API about a dead job and its replay.
pub(super) struct Afterlife {
    /// All open dead letters before the replay.
    pub(super) open_before: Vec<Value>,
    /// All open dead letters after it.
    pub(super) open_after: Vec<Value>,
    /// Dead letter before the replay.
    pub(super) letter: Value,
    /// Evidence of the last attempt.
    pub(super) evidence: Value,
    /// Ended new job.
    pub(super) successor: Value,
    /// Dead letter after the replay.
    pub(super) letter_after: Value,
}

impl Afterlife {
    /// Reads a dead job, heals the receiver, and replays the job.
    pub(super) async fn of(stage: &Stage, id: &str) -> Result<Self, Failure> {
        let open_before = open_letters(stage).await?;
        let path = format!("/v1/dead-letters/{id}");
        let letter = get(stage, &path).await?;
        let last = letter["attempts"].as_u64().unwrap_or_default();
        let evidence = get(stage, &format!("/v1/jobs/{id}/attempts/{last}/evidence")).await?;
        stage.receiver.heal();
        let request = format!("POST {path}/replay");
        let answer = stage.api.post(&format!("{path}/replay"), &json!({})).await?;
        let successor_id = text(&request, &expect(202, &request, answer)?, "/id")?;
        Ok(Self {
            open_before,
            letter,
            evidence,
            successor: get(stage, &format!("/v1/jobs/{successor_id}?wait={WAIT_SECONDS}")).await?,
            letter_after: get(stage, &path).await?,
            open_after: open_letters(stage).await?,
        })
    }
}

async fn get(stage: &Stage, path: &str) -> Result<Value, Failure> {
    Ok(expect(200, &format!("GET {path}"), stage.api.get(path).await?)?)
}

/// Returns the first page of dead letters; the demo has only one.
async fn open_letters(stage: &Stage) -> Result<Vec<Value>, Failure> {
    let page = get(stage, "/v1/dead-letters").await?;
    Ok(page["data"].as_array().cloned().unwrap_or_default())
}
