//! The model all-MiniLM-L6-v2: what its authors' own library computes, from the same weights and the same tokenizer.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config, DTYPE};
use tokenizers::{Encoding, PaddingParams, Tokenizer, TruncationParams};

/// What callers name it by.
pub const NAME: &str = "all-MiniLM-L6-v2";

/// The length of every vector.
pub const DIMENSIONS: usize = 384;

/// Of a longer text only the first 256 tokens count, as `sentence_bert_config.json` says: about 1,100 characters of English.
pub const TOKENS_MAX: usize = 256;

/// Texts computed together. The largest tensors are those of attention: 32 texts x 12 heads x 256 x 256 floats are 100 MB.
const BATCH_TEXTS: usize = 32;

/// The model in memory, 90 MB.
#[derive(Debug)]
pub struct Model {
    tokenizer: Tokenizer,
    bert: Bert,
}

/// candle's own type, which has no `Debug`.
struct Bert(BertModel);

impl std::fmt::Debug for Bert {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Bert")
    }
}

/// A text's place in the model's space.
#[derive(Debug, Clone)]
pub struct Embedding {
    /// [`DIMENSIONS`] numbers, whose squares add up to one.
    pub vector: Vec<f32>,
    /// The tokens that counted, with the two that the model puts around each text.
    pub tokens: usize,
}

impl Model {
    /// Reads `config.json`, `tokenizer.json` and `model.safetensors` of a folder.
    ///
    /// # Errors
    /// One of the files is missing or is none of this model.
    pub fn load(folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let config: Config = serde_json::from_slice(&read("config.json")?).context("config.json")?;
        let mut tokenizer = Tokenizer::from_bytes(read("tokenizer.json")?).map_err(named("tokenizer.json"))?;
        let truncation = TruncationParams { max_length: TOKENS_MAX, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(named("tokenizer.json"))?;
        // With token 0 to the longest text of a batch; the file itself says to 128 tokens always.
        tokenizer.with_padding(Some(PaddingParams::default()));
        let weights = VarBuilder::from_buffered_safetensors(read("model.safetensors")?, DTYPE, &Device::Cpu)?;
        Ok(Self { tokenizer, bert: Bert(BertModel::load(weights, &config).context("model.safetensors")?) })
    }

    /// One embedding for each text, in their order.
    ///
    /// # Errors
    /// The tokenizer or a computation fails, which no text is known to cause.
    pub fn embed<T: AsRef<str>>(&self, texts: &[T]) -> Result<Vec<Embedding>> {
        let mut embeddings = Vec::with_capacity(texts.len());
        for batch in texts.chunks(BATCH_TEXTS) {
            let batch: Vec<_> = batch.iter().map(AsRef::as_ref).collect();
            let encodings = self.tokenizer.encode_batch(batch, true).map_err(named("a text"))?;
            let vectors = self.pooled(&encodings)?.to_vec2::<f32>()?;
            let tokens = encodings.iter().map(|it| it.get_attention_mask().iter().filter(|&&one| one == 1).count());
            embeddings.extend(vectors.into_iter().zip(tokens).map(|(vector, tokens)| Embedding { vector, tokens }));
        }
        Ok(embeddings)
    }

    /// The mean over the tokens of each text, padding left out, brought to length one.
    fn pooled(&self, encodings: &[Encoding]) -> Result<Tensor> {
        let tensor = |of: fn(&Encoding) -> &[u32]| {
            let rows = encodings.iter().map(|encoding| Tensor::new(of(encoding), &Device::Cpu));
            Tensor::stack(&rows.collect::<Result<Vec<_>, _>>()?, 0)
        };
        let mask = tensor(Encoding::get_attention_mask)?;
        let states = self.bert.0.forward(&tensor(Encoding::get_ids)?, &tensor(Encoding::get_type_ids)?, Some(&mask))?;
        // The sum alone: its direction is that of the mean, and the length is set after.
        let sum = states.broadcast_mul(&mask.to_dtype(DTYPE)?.unsqueeze(2)?)?.sum(1)?;
        Ok(sum.broadcast_div(&sum.sqr()?.sum_keepdim(1)?.sqrt()?)?)
    }
}

/// The tokenizer's errors, which `anyhow` does not take as they are.
fn named(what: &'static str) -> impl Fn(tokenizers::Error) -> anyhow::Error {
    move |error| anyhow!("{what}: {error}")
}

/// The cosine of two vectors of length one.
pub fn cosine(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}
