//! Measures the quality of a ranking: recall and the mean reciprocal rank, by kind of question.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;

/// Kind of a question by the words that it shares with its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The exact words of the document, as people type them into a search box.
    Keyword,
    /// Some words of the document, in a sentence.
    Between,
    /// None of the words that distinguish the document.
    Paraphrase,
}

impl Kind {
    /// All kinds, in the order of the table.
    pub const ALL: [Self; 3] = [Self::Keyword, Self::Between, Self::Paraphrase];
}

/// Question with the documents that answer it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Text of the question.
    pub question: String,
    /// Kind of the question.
    pub kind: Kind,
    /// Id of the document that the question was written for.
    pub document: String,
    /// Ids of other documents that answer it too.
    #[serde(default)]
    pub also: Vec<String>,
}

impl Question {
    fn is_answered_by(&self, id: &str) -> bool {
        self.document == id || self.also.iter().any(|also| also == id)
    }

    /// Returns the share of the right documents among the first `k`.
    fn recall(&self, ranked: &[String], k: usize) -> f64 {
        let found = ranked.iter().take(k).filter(|id| self.is_answered_by(id)).count();
        ratio(found, 1 + self.also.len())
    }

    /// Returns the reciprocal of the rank of the first right document; 0 if there is none.
    fn reciprocal_rank(&self, ranked: &[String]) -> f64 {
        ranked.iter().position(|id| self.is_answered_by(id)).map_or(0.0, |position| ratio(1, position + 1))
    }
}

/// Means over questions, each between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// Number of questions.
    pub questions: usize,
    /// Share of the right documents among the first five.
    pub recall_at_5: f64,
    /// Share of the right documents among the first ten.
    pub recall_at_10: f64,
    /// Mean reciprocal rank.
    pub mrr: f64,
}

/// Scores of one way to search; the key `None` means all questions together. A kind without questions has no entry.
pub type ScoresByKind = BTreeMap<Option<Kind>, Scores>;

/// Scores the rankings of one way to search: for each question the ids of documents, best first and each once.
///
/// # Panics
/// Panics unless there is one ranking for each question.
pub fn scores(questions: &[Question], rankings: &[Vec<String>]) -> ScoresByKind {
    assert_eq!(questions.len(), rankings.len(), "one ranking for each question");
    let of_kind = |kind: Option<Kind>| {
        let pairs: Vec<_> = questions
            .iter()
            .zip(rankings)
            .filter(|(question, _)| kind.is_none_or(|kind| question.kind == kind))
            .collect();
        let mean = |of: &dyn Fn(&Question, &[String]) -> f64| {
            let sum: f64 = pairs.iter().map(|(question, ranked)| of(question, ranked)).sum();
            sum * ratio(1, pairs.len())
        };
        (!pairs.is_empty()).then(|| Scores {
            questions: pairs.len(),
            recall_at_5: mean(&|question, ranked| question.recall(ranked, 5)),
            recall_at_10: mean(&|question, ranked| question.recall(ranked, 10)),
            mrr: mean(&Question::reciprocal_rank),
        })
    };
    let kinds = Kind::ALL.into_iter().map(Some).chain([None]);
    kinds.filter_map(|kind| Some((kind, of_kind(kind)?))).collect()
}

/// Returns a printable table: a line for each way to search and kind of question.
pub fn table(ways: &[(&str, ScoresByKind)]) -> String {
    let mut text =
        format!("{:<22}{:<12}{:>10}{:>10}{:>11}{:>8}\n", "search", "questions", "", "recall@5", "recall@10", "MRR");
    for (way, by_kind) in ways {
        for kind in Kind::ALL.into_iter().map(Some).chain([None]) {
            let Some(scores) = by_kind.get(&kind) else { continue };
            let name = kind.map_or_else(|| "all".to_owned(), |kind| format!("{kind:?}").to_lowercase());
            let Scores { questions, recall_at_5, recall_at_10, mrr } = scores;
            // Writing to a text never fails.
            let _ =
                writeln!(text, "{way:<22}{name:<12}{questions:>10}{recall_at_5:>10.3}{recall_at_10:>11.3}{mrr:>8.3}");
        }
    }
    text
}

/// Divides two counts, which must be below 2^32.
fn ratio(part: usize, whole: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    number(part) / number(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(kind: Kind, document: &str, also: &[&str]) -> Question {
        let also = also.iter().map(ToString::to_string).collect();
        Question { question: String::new(), kind, document: document.to_owned(), also }
    }

    /// Returns a ranking of one-letter ids.
    fn ranked(ids: &str) -> Vec<String> {
        ids.chars().map(String::from).collect()
    }

    #[test]
    fn means_are_taken_by_kind_and_over_all() {
        let questions = [
            question(Kind::Keyword, "a", &[]),
            question(Kind::Keyword, "b", &[]),
            question(Kind::Paraphrase, "c", &[]),
        ];
        let scores = scores(&questions, &[ranked("axyz"), ranked("uvwxyb"), ranked("xyz")]);
        let keyword = Scores { questions: 2, recall_at_5: 0.5, recall_at_10: 1.0, mrr: f64::midpoint(1.0, 1.0 / 6.0) };
        assert_eq!(scores[&Some(Kind::Keyword)], keyword);
        let paraphrase = Scores { questions: 1, recall_at_5: 0.0, recall_at_10: 0.0, mrr: 0.0 };
        assert_eq!(scores[&Some(Kind::Paraphrase)], paraphrase);
        assert!(!scores.contains_key(&Some(Kind::Between)));
        let all = scores[&None];
        assert_eq!(all.questions, 3);
        assert!((all.recall_at_10 - 2.0 / 3.0).abs() < 1e-9, "{all:?}");
    }

    #[test]
    fn a_question_with_two_right_documents_needs_both() {
        let scores = scores(&[question(Kind::Between, "a", &["b"])], &[ranked("xbyzua")]);
        assert_eq!(scores[&None], Scores { questions: 1, recall_at_5: 0.5, recall_at_10: 1.0, mrr: 0.5 });
    }

    #[test]
    fn the_table_has_a_line_for_each_kind_that_was_asked() {
        let scores = scores(&[question(Kind::Between, "a", &[])], &[ranked("a")]);
        let table = table(&[("keyword", scores)]);
        let lines: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["keyword", "between", "1", "1.000", "1.000", "1.000"]);
        assert_eq!(lines[2][1], "all");
        assert_eq!(lines.len(), 3);
    }
}
