//! Checks that the model computes what it should, and its speed: otherwise the figures of a search would be
//! meaningless.

use anyhow::{Result, ensure};
use tokio::time::Instant;

use crate::model::{DIMENSIONS, Model, TOKENS_MAX, cosine};

/// Maximum difference between two computations of the same vector, which add floats in another order.
const SAME: f32 = 1e-4;

/// Maximum difference from the reference, which was computed by another program.
const NEAR_REFERENCE: f32 = 1e-3;

/// First numbers of the vector of "This is an example sentence", computed from the same weights with numpy 2.4.6 in
/// double precision by the definition of BERT.
const REFERENCE: [f32; 10] =
    [0.067_657, 0.063_496, 0.048_713, 0.079_305, 0.037_448, 0.002_653, 0.039_375, -0.007_098, 0.059_361, 0.031_537];

/// Published cosines with the first text, from an example of this model:
/// <https://gist.github.com/Spartee/52d91a87571f37e5b34555c1db987f5f>, 2022.
const PUBLISHED: [(&str, f32); 4] = [
    ("That is a happy person", 1.0),
    ("That is a very happy person", 0.942_914_96),
    ("That is a happy dog", 0.694_577_46),
    ("Today is a sunny day", 0.256_876_05),
];

/// Triples of texts: the first two have the same meaning and hardly a word in common; the third shares words with the
/// first.
const MEANINGS: [[&str; 3]; 3] = [
    ["How do I get my money back?", "Conditions for a refund", "How do I get to the station?"],
    ["The physician examined the child.", "A doctor looked at a young patient.", "The child threw the ball."],
    ["The ship sank in the storm.", "A vessel was lost in bad weather.", "The plane landed in the sun."],
];

/// Number of texts for the speed, each about a chunk long.
const TIMED_TEXTS: usize = 64;

/// Checks each property and prints its number.
///
/// # Errors
/// Fails if a property does not hold.
pub fn run(model: &Model, chunk: &str) -> Result<()> {
    reference(model)?;
    published(model)?;
    meanings(model)?;
    batches(model)?;
    speed(model, chunk)
}

fn reference(model: &Model) -> Result<()> {
    let found = &model.embed(&["This is an example sentence"])?[0].vector;
    let apart = apart(found, &REFERENCE);
    println!("the first {} numbers of a vector: {apart:.1e} from the reference", REFERENCE.len());
    ensure!(apart <= NEAR_REFERENCE, "{apart} from the reference, above {NEAR_REFERENCE}");
    Ok(())
}

/// Returns the largest difference of two numbers at the same position.
fn apart(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(left, right)| (left - right).abs()).fold(0.0, f32::max)
}

fn published(model: &Model) -> Result<()> {
    let found = model.embed(&PUBLISHED.map(|(text, _)| text))?;
    for ((text, expected), embedding) in PUBLISHED.iter().zip(&found) {
        let cosine = cosine(&found[0].vector, &embedding.vector);
        println!("cosine {cosine:.6}, published {expected:.6}: {text:?}");
        ensure!((cosine - expected).abs() <= NEAR_REFERENCE, "{text:?} is more than {NEAR_REFERENCE} off");
    }
    Ok(())
}

fn meanings(model: &Model) -> Result<()> {
    for [text, same, other] in MEANINGS {
        let found = model.embed(&[text, same, other])?;
        let [near, far] = [1, 2].map(|index: usize| cosine(&found[0].vector, &found[index].vector));
        println!(
            "cosine {near:.3} with the same meaning in other words, {far:.3} with another meaning in the same words: {text:?}"
        );
        ensure!(near > far, "{text:?} is not nearer to {same:?} than to {other:?}");
    }
    Ok(())
}

/// Checks that a text has one vector alone, in a batch and padded beside a long text, and that a long text is
/// truncated.
fn batches(model: &Model) -> Result<()> {
    let long = "word ".repeat(2 * TOKENS_MAX);
    let (text, alone) = (MEANINGS[0][0], model.embed(&[MEANINGS[0][0]])?);
    let together = model.embed(&[text; 40])?;
    let padded = model.embed(&[text, &long])?;
    let of_batch = together.iter().map(|it| apart(&alone[0].vector, &it.vector)).fold(0.0, f32::max);
    let of_padding = apart(&alone[0].vector, &padded[0].vector);
    println!("one text alone and in a batch: {of_batch:.1e} apart; and padded: {of_padding:.1e}");
    ensure!(of_batch <= SAME && of_padding <= SAME, "the vectors of one text are more than {SAME} apart");
    ensure!(padded[1].tokens == TOKENS_MAX, "{} tokens of a long text, not {TOKENS_MAX}", padded[1].tokens);
    for embedding in alone.iter().chain(&padded) {
        let length = cosine(&embedding.vector, &embedding.vector).sqrt();
        ensure!(embedding.vector.len() == DIMENSIONS && (length - 1.0).abs() <= SAME, "a vector of length {length}");
    }
    Ok(())
}

fn speed(model: &Model, chunk: &str) -> Result<()> {
    for (what, text) in [("a question", MEANINGS[0][0]), ("a chunk", chunk)] {
        let start = Instant::now();
        let tokens = model.embed(&[text; TIMED_TEXTS])?[0].tokens;
        let seconds = start.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "64")]
        let rate = TIMED_TEXTS as f64 / seconds;
        println!("{rate:.0} texts per second, each {what} of {tokens} tokens");
    }
    Ok(())
}
