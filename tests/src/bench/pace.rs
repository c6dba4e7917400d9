//! Durations of jobs with a provider that answers at once, so that only the pipeline's time is measured.

use std::time::Duration;

use serde_json::{Value, json};

use super::stage::Stage;
use super::{Failure, Figure, texts};
use longshore_kit::random::Random;
use longshore_stand_ins::provider::DIMENSIONS_LARGE;

const INPUTS: usize = 1_000;
const INPUTS_WITHIN: Duration = Duration::from_secs(30);
const SECTIONS: usize = 100;
const DOCUMENT_WITHIN: Duration = Duration::from_secs(5);
/// Words of an input: about 300 characters.
const INPUT_WORDS: usize = 50;

/// Measures 1,000 texts in one job.
pub(super) async fn embeddings(stage: &Stage) -> Result<Figure, Failure> {
    let (random, document) = (Random::new(1), texts::document(0, SECTIONS));
    let input = |n: usize| json!({"id": n.to_string(), "text": texts::phrase(&random, &document, INPUT_WORDS)});
    let inputs: Vec<Value> = (0..INPUTS).map(input).collect();
    let payload = json!({"provider": "large", "inputs": inputs, "output": "r2"});
    let took = stage.run(&json!({"kind": "embed", "payload": payload})).await?;
    let what = format!("{INPUTS} texts embedded by one job, {DIMENSIONS_LARGE} dimensions");
    Ok(Figure::within(what, took, INPUTS_WITHIN))
}

/// Measures a document of 100 chunks that is new to the index.
pub(super) async fn document(stage: &Stage) -> Result<Figure, Failure> {
    stage.make_index("one", "large").await?;
    let took = stage.index("one", vec![json!({"id": "long", "text": texts::document(1, SECTIONS)})]).await?;
    let what = format!("a document of {SECTIONS} chunks indexed, {DIMENSIONS_LARGE} dimensions");
    Ok(Figure::within(what, took, DOCUMENT_WITHIN))
}
