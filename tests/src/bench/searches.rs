//! Durations of searches in an index of a given size, and their recall compared with an exact search.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use longshore::search::chunk::{ChunkLimits, chunks, embedded};
use longshore::search::lexical;
use serde_json::{Value, json};

use super::stage::Stage;
use super::{Failure, Figure, texts};
use longshore_kit::client::expect;
use longshore_kit::random::Random;

const INDEX: &str = "library";
/// Chunks of a document, one for each of its sections.
const SECTIONS: usize = 100;
/// Documents of one request: 6 MB of lines.
const DOCUMENTS_AT_ONCE: usize = 100;
/// Searches of each mode; the first one, which reads the segment, is counted separately.
const SEARCHES: usize = 200;
const SEARCH_WITHIN: Duration = Duration::from_millis(200);
const QUERY_WORDS: usize = 8;
const LIMIT: usize = 10;
const RECALL_PER_MILLE: usize = 950;

/// The index and its documents.
pub(super) struct Library {
    documents: Vec<String>,
    chunks: Vec<Chunk>,
}

struct Chunk {
    place: Place,
    vector: Vec<f32>,
}

/// A document, and the start of a chunk in it.
type Place = (String, u64);

impl Library {
    /// Creates an empty index.
    pub(super) async fn make(stage: &Stage) -> Result<Library, Failure> {
        stage.make_index(INDEX, "builtin").await?;
        Ok(Library { documents: Vec::new(), chunks: Vec::new() })
    }

    /// Fills the index up to `size` chunks and searches it.
    pub(super) async fn measure(&mut self, stage: &Stage, size: usize) -> Result<Vec<Figure>, Failure> {
        let mut figures = vec![self.fill(stage, size).await?];
        for mode in ["keyword", "vector", "hybrid"] {
            figures.extend(self.search(stage, mode).await?);
        }
        Ok(figures)
    }

    async fn fill(&mut self, stage: &Stage, size: usize) -> Result<Figure, Failure> {
        let (before, mut took) = (self.chunks.len(), Duration::ZERO);
        while self.chunks.len() < size {
            let mut batch = Vec::new();
            while batch.len() < DOCUMENTS_AT_ONCE && self.chunks.len() < size {
                let (id, text) = (self.documents.len().to_string(), texts::document(self.documents.len(), SECTIONS));
                self.chunks.extend(chunks(&text, ChunkLimits::default()).into_iter().map(|chunk| Chunk {
                    place: (id.clone(), chunk.start as u64),
                    vector: lexical::embed(&embedded(&chunk.heading, &chunk.text)),
                }));
                batch.push(json!({"id": id, "text": text}));
                self.documents.push(text);
            }
            took += stage.index(INDEX, batch).await?;
        }
        let index = expect(200, "GET /v1/indexes", stage.api.get(&format!("/v1/indexes/{INDEX}")).await?)?;
        let count = self.chunks.len();
        if index["serving"]["chunks"] != count {
            return Err(Failure::unreadable(format!("an index of {count} chunks"), &index));
        }
        let each = took / u32::try_from(count - before).unwrap_or(u32::MAX).max(1);
        Ok(Figure::plain(format!("{count} chunks, indexing of each"), format!("{:.2} ms", each.as_secs_f64() * 1e3)))
    }

    /// Runs the searches of one mode, one after the other.
    async fn search(&self, stage: &Stage, mode: &str) -> Result<Vec<Figure>, Failure> {
        let random = Random::new(7);
        let (mut times, mut found, path) = (Vec::new(), 0, format!("/v1/indexes/{INDEX}/search"));
        for _ in 0..=SEARCHES {
            let document: &String = random.pick(&self.documents);
            let query = texts::phrase(&random, document, QUERY_WORDS);
            let began = Instant::now();
            let asked = json!({"query": query, "mode": mode, "limit": LIMIT});
            let answer = expect(200, &path, stage.api.post(&path, &asked).await?)?;
            times.push(began.elapsed());
            let answered: BTreeSet<Place> = answer["hits"].as_array().into_iter().flatten().filter_map(place).collect();
            if answered.is_empty() || !answer["degraded"].is_null() {
                return Err(Failure::unreadable(path, &answer));
            }
            found += if mode == "vector" { self.nearest(&query).intersection(&answered).count() } else { 0 };
        }
        let what = |rest: &str| format!("{} chunks, {mode}: {rest}", self.chunks.len());
        let first = times.remove(0);
        times.sort_unstable();
        let mut figures = vec![
            Figure::plain(what("the first search"), super::shown(first)),
            Figure::plain(what("p50"), super::shown(times[SEARCHES / 2])),
            Figure::within(what("p95"), times[SEARCHES * 95 / 100], SEARCH_WITHIN),
        ];
        if mode == "vector" {
            let recall = 1_000 * found / ((SEARCHES + 1) * LIMIT);
            let target = Some((format!("at least {RECALL_PER_MILLE} ‰"), recall >= RECALL_PER_MILLE));
            let (what, measured) = (what("recall@10 of an exact search"), format!("{recall} ‰"));
            figures.push(Figure { what, measured, target });
        }
        Ok(figures)
    }

    /// Chunks that an exact search finds.
    fn nearest(&self, query: &str) -> BTreeSet<Place> {
        let query = lexical::embed(query);
        let near = |chunk: &Chunk| chunk.vector.iter().zip(&query).map(|(left, right)| left * right).sum::<f32>();
        let mut all: Vec<_> = self.chunks.iter().map(|chunk| (near(chunk), &chunk.place)).collect();
        all.sort_by(|left, right| right.0.total_cmp(&left.0));
        all.into_iter().take(LIMIT).map(|(_, place)| place.clone()).collect()
    }
}

fn place(hit: &Value) -> Option<Place> {
    Some((hit["document"].as_str()?.to_owned(), hit["start"].as_u64()?))
}
