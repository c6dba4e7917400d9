//! The model all-MiniLM-L6-v2, computed like its authors' library from the same weights and the same tokenizer.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config, DTYPE};
use tokenizers::{Encoding, PaddingParams, Tokenizer, TruncationParams};

/// Name of the model in requests.
pub const NAME: &str = "all-MiniLM-L6-v2";

/// Length of every vector.
pub const DIMENSIONS: usize = 384;

/// Tokens that count of a longer text, from `sentence_bert_config.json`: about 1,100 characters of English.
pub const TOKENS_MAX: usize = 256;

/// Number of texts computed together. The largest tensors are those of attention: 32 texts x 12 heads x 256 x 256
/// floats are 100 MB.
const BATCH_TEXTS: usize = 32;

/// Model in memory, 90 MB.
#[derive(Debug)]
pub struct Model {
    tokenizer: Tokenizer,
    bert: Bert,
}

/// Wrapper of candle's type, which has no `Debug`.
struct Bert(BertModel);

impl std::fmt::Debug for Bert {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Bert")
    }
}

/// Embedding of a text.
#[derive(Debug, Clone)]
pub struct Embedding {
    /// Vector of [`DIMENSIONS`] numbers with length one.
    pub vector: Vec<f32>,
    /// Number of tokens that count, including the two that the model adds around each text.
    pub tokens: usize,
}

impl Model {
    /// Reads `config.json`, `tokenizer.json` and `model.safetensors` of a folder.
    ///
    /// # Errors
    /// Fails if a file is missing or does not belong to this model.
    pub fn load(folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        let config: Config = serde_json::from_slice(&read("config.json")?).context("config.json")?;
        let mut tokenizer = Tokenizer::from_bytes(read("tokenizer.json")?).map_err(named("tokenizer.json"))?;
        let truncation = TruncationParams { max_length: TOKENS_MAX, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(named("tokenizer.json"))?;
        // Padded with token 0 to the longest text of a batch; the file would pad always to 128 tokens.
        tokenizer.with_padding(Some(PaddingParams::default()));
        let weights = VarBuilder::from_buffered_safetensors(read("model.safetensors")?, DTYPE, &Device::Cpu)?;
        Ok(Self { tokenizer, bert: Bert(BertModel::load(weights, &config).context("model.safetensors")?) })
    }

    /// Returns one embedding for each text, in their order.
    ///
    /// # Errors
    /// Fails if the tokenizer or a computation fails; no text is known to cause this.
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

    /// Returns the mean over the tokens of each text, without padding, normalised to length one.
    fn pooled(&self, encodings: &[Encoding]) -> Result<Tensor> {
        let tensor = |of: fn(&Encoding) -> &[u32]| {
            let rows = encodings.iter().map(|encoding| Tensor::new(of(encoding), &Device::Cpu));
            Tensor::stack(&rows.collect::<Result<Vec<_>, _>>()?, 0)
        };
        let mask = tensor(Encoding::get_attention_mask)?;
        let states = self.bert.0.forward(&tensor(Encoding::get_ids)?, &tensor(Encoding::get_type_ids)?, Some(&mask))?;
        // The sum is enough: it has the direction of the mean, and its length is normalised.
        let sum = states.broadcast_mul(&mask.to_dtype(DTYPE)?.unsqueeze(2)?)?.sum(1)?;
        Ok(sum.broadcast_div(&sum.sqr()?.sum_keepdim(1)?.sqrt()?)?)
    }
}

/// Adds a name to the tokenizer's errors, which `anyhow` does not accept directly.
fn named(what: &'static str) -> impl Fn(tokenizers::Error) -> anyhow::Error {
    move |error| anyhow!("{what}: {error}")
}

/// Returns the cosine of two vectors of length one.
pub fn cosine(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}
