//! Compares search through Longshore with the baselines, and checks its minimum quality.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use longshore_kit::scratch::Scratch;

use crate::baseline;
use crate::measure::{self, Question, ScoresByKind};
use crate::model::Model;
use crate::pipeline::{Pipeline, REAL, Round};
use crate::texts::{self, Document};

/// Maximum loss of recall against the baseline with the same vectors: Longshore splits into other chunks, and stores
/// each number in a byte.
const LOSS_MAX: f64 = 0.03;

const BUILTIN: &str = "builtin";

/// Names of the compared rows of the table.
const EXACT: &str = "baseline, real vector";
const KEYWORD: &str = "keyword";
const REAL_VECTOR: &str = "real vector";
const REAL_HYBRID: &str = "real hybrid";

/// Rankings of documents by the name of the way to search.
type Ways = Vec<(&'static str, Vec<Vec<String>>)>;

/// Measures all ways to search and prints them.
///
/// # Errors
/// Fails if a document fails, if unchanged documents cost calls, or if a way is worse than its minimum.
pub async fn run(model: Model) -> Result<()> {
    let (documents, questions) = (texts::documents()?, texts::questions()?);
    println!("{} documents, {} questions", documents.len(), questions.len());
    let mut ways = without(&model, &documents, &questions)?;
    let scratch = Scratch::new("quality")?;
    let through = through(scratch.path(), Arc::new(model), &documents, &questions).await;
    if through.is_err() {
        eprintln!("Log of the Workers: {}", scratch.path().display());
        scratch.keep();
    }
    ways.extend(through?);
    let scores: Vec<_> = ways.iter().map(|(way, rankings)| (*way, measure::scores(&questions, rankings))).collect();
    print!("{}", measure::table(&scores));
    judge(&scores)
}

/// Returns the rankings of the baselines.
fn without(model: &Model, documents: &[Document], questions: &[Question]) -> Result<Ways> {
    let chunks = baseline::chunks(documents);
    println!("baseline: {} chunks", chunks.len());
    let keyword = baseline::keyword(&chunks, questions)?;
    let vector = baseline::vector(model, &chunks, questions)?;
    let hybrid = baseline::hybrid(&keyword, &vector);
    Ok(vec![("baseline, BM25", keyword), (EXACT, vector), ("baseline, real hybrid", hybrid)])
}

/// Returns the rankings of Longshore, after all documents are in an index of each provider.
async fn through(folder: &Path, model: Arc<Model>, documents: &[Document], questions: &[Question]) -> Result<Ways> {
    let pipeline = Pipeline::start(folder, model).await?;
    for provider in [BUILTIN, REAL] {
        pipeline.make(provider).await?;
        let first = pipeline.ingest(provider, documents).await?;
        let Round { added, chunks, embedded, requested, .. } = first;
        println!(
            "{provider}: {added} documents added, {chunks} chunks, {embedded} embedded, {requested} texts requested from the model"
        );
        is_first(provider, &first, documents.len())?;
        let again = pipeline.ingest(provider, documents).await?;
        let Round { unchanged, embedded, requested, .. } = again;
        println!(
            "{provider}, again: {unchanged} unchanged, {embedded} embedded, {requested} texts requested from the model"
        );
        is_again(provider, &again, documents.len())?;
    }
    let mut ways = Vec::new();
    for (way, index, mode) in [
        (KEYWORD, BUILTIN, "keyword"),
        ("builtin vector", BUILTIN, "vector"),
        ("builtin hybrid", BUILTIN, "hybrid"),
        (REAL_VECTOR, REAL, "vector"),
        (REAL_HYBRID, REAL, "hybrid"),
    ] {
        ways.push((way, pipeline.search(index, mode, questions).await?));
    }
    pipeline.stop().await?;
    Ok(ways)
}

/// Checks the first round: all documents are new, and only the index of the model requested vectors from it, for every
/// text.
fn is_first(provider: &str, round: &Round, documents: usize) -> Result<()> {
    ensure!(
        round.added == documents && round.chunks > 0,
        "{provider}: not all of {documents} documents are new: {round:?}"
    );
    let requested = u64::try_from(round.requested)?;
    // A call that timed out is repeated.
    let is_requested =
        if provider == REAL { round.embedded > 0 && requested >= round.embedded } else { requested == 0 };
    ensure!(is_requested, "{provider}: {requested} texts were requested: {round:?}");
    Ok(())
}

/// Checks a repeated round: no document is new, and no vector was requested.
fn is_again(provider: &str, round: &Round, documents: usize) -> Result<()> {
    let is_skipped = round.unchanged == documents && (round.embedded, round.requested) == (0, 0);
    ensure!(is_skipped, "{provider}: unchanged documents were not skipped: {round:?}");
    Ok(())
}

/// Checks the minimum recall of all questions among the first five hits.
fn judge(ways: &[(&str, ScoresByKind)]) -> Result<()> {
    let recall = |name: &str| {
        let way = ways.iter().find(|(way, _)| *way == name);
        let scores = way.and_then(|(_, scores)| scores.get(&None)).with_context(|| format!("no figures of {name}"));
        scores.map(|scores| scores.recall_at_5)
    };
    let (exact, vector) = (recall(EXACT)?, recall(REAL_VECTOR)?);
    ensure!(vector >= exact - LOSS_MAX, "{REAL_VECTOR}: {vector:.3}, more than {LOSS_MAX} below {EXACT}: {exact:.3}");
    let (keyword, hybrid) = (recall(KEYWORD)?, recall(REAL_HYBRID)?);
    ensure!(hybrid >= keyword, "{REAL_HYBRID}: {hybrid:.3}, below {KEYWORD}: {keyword:.3}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Scores;

    fn scored(exact: f64, keyword: f64, vector: f64, hybrid: f64) -> Vec<(&'static str, ScoresByKind)> {
        let all = |recall_at_5| {
            ScoresByKind::from([(None, Scores { questions: 1, recall_at_5, recall_at_10: 1.0, mrr: 1.0 })])
        };
        [(EXACT, exact), (KEYWORD, keyword), (REAL_VECTOR, vector), (REAL_HYBRID, hybrid)]
            .map(|(way, recall)| (way, all(recall)))
            .to_vec()
    }

    #[test]
    fn a_search_below_its_minimum_is_named() {
        judge(&scored(0.96, 0.7, 0.94, 0.7)).unwrap();
        let says = |ways: &[_]| judge(ways).unwrap_err().to_string();
        assert_eq!(
            says(&scored(0.96, 0.7, 0.92, 0.9)),
            "real vector: 0.920, more than 0.03 below baseline, real vector: 0.960"
        );
        assert_eq!(says(&scored(0.96, 0.7, 0.96, 0.69)), "real hybrid: 0.690, below keyword: 0.700");
        assert_eq!(says(&scored(0.96, 0.7, 0.96, 0.9)[..3]), "no figures of real hybrid");
    }

    #[test]
    fn the_model_embeds_only_new_texts_of_its_own_index() {
        let new = Round { added: 3, unchanged: 0, chunks: 5, embedded: 5, requested: 5 };
        let is_first = |provider, round| is_first(provider, &round, 3).is_ok();
        assert!(is_first(REAL, new) && is_first(BUILTIN, Round { requested: 0, ..new }));
        assert!(!is_first(BUILTIN, new) && !is_first(REAL, Round { requested: 4, ..new }));
        assert!(!is_first(REAL, Round { added: 2, unchanged: 1, ..new }));
        let same = Round { added: 0, unchanged: 3, chunks: 5, embedded: 0, requested: 0 };
        let is_again = |round| super::is_again(REAL, &round, 3).is_ok();
        assert!(
            is_again(same) && !is_again(Round { requested: 1, ..same }) && !is_again(Round { unchanged: 2, ..same })
        );
    }
}
