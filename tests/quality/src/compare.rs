//! Search through Longshore beside what is possible without it, and whether it is as good as it must be.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use longshore_kit::scratch::Scratch;

use crate::baseline;
use crate::measure::{self, Question, ScoresByKind};
use crate::model::Model;
use crate::pipeline::{Pipeline, REAL, Round};
use crate::texts::{self, Document};

/// How much of the baseline's recall by the same vectors Longshore may lose: it cuts other chunks, and keeps a byte of each number.
const LOSS_MAX: f64 = 0.03;

const BUILTIN: &str = "builtin";

/// The rows of the table that are judged.
const EXACT: &str = "baseline, real vector";
const KEYWORD: &str = "keyword";
const REAL_VECTOR: &str = "real vector";
const REAL_HYBRID: &str = "real hybrid";

/// For each way to search its name and the rankings of documents.
type Ways = Vec<(&'static str, Vec<Vec<String>>)>;

/// Measures all ways and prints them.
///
/// # Errors
/// A document failed, what is unchanged cost calls, or a way is worse than it must be.
pub async fn run(model: Model) -> Result<()> {
    let (documents, questions) = (texts::documents()?, texts::questions()?);
    println!("{} documents, {} questions", documents.len(), questions.len());
    let mut ways = without(&model, &documents, &questions)?;
    let scratch = Scratch::new("quality")?;
    let through = through(scratch.path(), Arc::new(model), &documents, &questions).await;
    if through.is_err() {
        eprintln!("What the Workers logged is in {}", scratch.path().display());
        scratch.keep();
    }
    ways.extend(through?);
    let scores: Vec<_> = ways.iter().map(|(way, rankings)| (*way, measure::scores(&questions, rankings))).collect();
    print!("{}", measure::table(&scores));
    judge(&scores)
}

/// The yardstick: what simple means find.
fn without(model: &Model, documents: &[Document], questions: &[Question]) -> Result<Ways> {
    let chunks = baseline::chunks(documents);
    println!("baseline: {} chunks", chunks.len());
    let keyword = baseline::keyword(&chunks, questions)?;
    let vector = baseline::vector(model, &chunks, questions)?;
    let hybrid = baseline::hybrid(&keyword, &vector);
    Ok(vec![("baseline, BM25", keyword), (EXACT, vector), ("baseline, real hybrid", hybrid)])
}

/// What Longshore finds, once it has the documents in an index of each provider.
async fn through(folder: &Path, model: Arc<Model>, documents: &[Document], questions: &[Question]) -> Result<Ways> {
    let pipeline = Pipeline::start(folder, model).await?;
    for provider in [BUILTIN, REAL] {
        pipeline.make(provider).await?;
        let first = pipeline.bring(provider, documents).await?;
        let Round { added, chunks, embedded, asked, .. } = first;
        println!(
            "{provider}: {added} documents added, {chunks} chunks, {embedded} embedded, the model asked for {asked}"
        );
        is_first(provider, &first, documents.len())?;
        let again = pipeline.bring(provider, documents).await?;
        let Round { unchanged, embedded, asked, .. } = again;
        println!("{provider}, again: {unchanged} unchanged, {embedded} embedded, the model asked for {asked}");
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

/// All documents are new, and those of the model, and only those, have asked it for every text.
fn is_first(provider: &str, round: &Round, documents: usize) -> Result<()> {
    ensure!(
        round.added == documents && round.chunks > 0,
        "{provider}: not all of {documents} documents are new: {round:?}"
    );
    let asked = u64::try_from(round.asked)?;
    // A call that took too long is made again.
    let is_asked = if provider == REAL { round.embedded > 0 && asked >= round.embedded } else { asked == 0 };
    ensure!(is_asked, "{provider}: {asked} texts were asked for: {round:?}");
    Ok(())
}

/// Nothing is new, and nothing was asked for.
fn is_again(provider: &str, round: &Round, documents: usize) -> Result<()> {
    let is_skipped = round.unchanged == documents && (round.embedded, round.asked) == (0, 0);
    ensure!(is_skipped, "{provider}: what is unchanged was not skipped: {round:?}");
    Ok(())
}

/// Whether the recall of all questions among the first five is what it must be.
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
    fn a_way_that_is_worse_than_it_must_be_is_named() {
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
    fn the_model_is_asked_for_what_is_new_and_by_its_own_index_alone() {
        let new = Round { added: 3, unchanged: 0, chunks: 5, embedded: 5, asked: 5 };
        let is_first = |provider, round| is_first(provider, &round, 3).is_ok();
        assert!(is_first(REAL, new) && is_first(BUILTIN, Round { asked: 0, ..new }));
        assert!(!is_first(BUILTIN, new) && !is_first(REAL, Round { asked: 4, ..new }));
        assert!(!is_first(REAL, Round { added: 2, unchanged: 1, ..new }));
        let same = Round { added: 0, unchanged: 3, chunks: 5, embedded: 0, asked: 0 };
        let is_again = |round| super::is_again(REAL, &round, 3).is_ok();
        assert!(is_again(same) && !is_again(Round { asked: 1, ..same }) && !is_again(Round { unchanged: 2, ..same }));
    }
}
