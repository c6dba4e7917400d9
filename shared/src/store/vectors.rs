//! The embedding cache: vectors by the hash of their text, so the same text of a tenant is embedded once per model.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::limits::{INDEX_PARAMETER_BYTES, VECTORS_PER_READ};
use crate::ports::{Clock, DatabaseError, IndexDatabase};
use crate::store::search::{Store, index_sql};
use crate::store::{batch, json_param, json_params, rows_as};
use crate::wire::idempotency::sha256;

/// Returns the key of a text in the cache.
pub(crate) fn hash_of(text: &str) -> String {
    sha256(text.as_bytes())
}

/// Encodes a vector as it is stored: base64 of its little-endian 32-bit floats.
pub(crate) fn encode(vector: &[f32]) -> String {
    STANDARD.encode(vector.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

/// Decodes a stored vector; `None` unless it has `dimensions` finite numbers.
pub(crate) fn decode(text: &str, dimensions: usize) -> Option<Vec<f32>> {
    let bytes = STANDARD.decode(text).ok()?;
    let (numbers, rest) = bytes.as_chunks();
    let vector: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
    (rest.is_empty() && vector.len() == dimensions && vector.iter().all(|value| value.is_finite())).then_some(vector)
}

/// Returns those hashes that have a vector in the cache.
///
/// # Errors
/// As [`batch`].
pub(crate) async fn known<W: IndexDatabase + Clock>(
    world: &W,
    tenant: &str,
    model: &str,
    hashes: &BTreeSet<&str>,
) -> Result<BTreeSet<String>, DatabaseError> {
    let statement = index_sql!("known_vectors", tenant, model, json_param(hashes));
    let answers = batch(&Store(world), &[statement]).await?;
    Ok(rows_as::<String>(answers.first().unwrap_or(&Vec::new()))?.into_iter().collect())
}

/// Reads the cached vectors of these hashes. Hashes without a vector are missing from the result.
///
/// # Errors
/// As [`batch`].
pub(crate) async fn read<W: IndexDatabase + Clock>(
    world: &W,
    tenant: &str,
    model: &str,
    dimensions: usize,
    hashes: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Vec<f32>>, DatabaseError> {
    let hashes: Vec<_> = hashes.iter().collect();
    let mut vectors = BTreeMap::new();
    for some in hashes.chunks((VECTORS_PER_READ / dimensions.max(1)).max(1)) {
        let answers = batch(&Store(world), &[index_sql!("read_vectors", tenant, model, json_param(&some))]).await?;
        let rows = rows_as::<(String, String)>(answers.first().unwrap_or(&Vec::new()))?;
        vectors.extend(rows.into_iter().filter_map(|(hash, text)| Some((hash, decode(&text, dimensions)?))));
    }
    Ok(vectors)
}

/// Caches vectors.
///
/// Safe to repeat: existing vectors are kept.
///
/// # Errors
/// As [`batch`].
pub(crate) async fn keep<W: IndexDatabase + Clock>(
    world: &W,
    tenant: &str,
    model: &str,
    vectors: impl IntoIterator<Item = (String, &[f32])>,
) -> Result<(), DatabaseError> {
    let items = vectors.into_iter().map(|(hash, vector)| [hash, encode(vector)]);
    // Separate batches: each fits into one call, and a lost batch loses only its own vectors.
    for items in json_params(items, INDEX_PARAMETER_BYTES) {
        batch(&Store(world), &[index_sql!("keep_vectors", tenant, model, items)]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_read_as_it_was_cached_or_not_at_all() {
        let vector = [0.0, -1.5, f32::MIN_POSITIVE, 3.402e38];
        assert_eq!(decode(&encode(&vector), 4).as_deref(), Some(&vector[..]));
        assert_eq!(decode(&encode(&vector), 3), None);
        assert_eq!(decode(&encode(&[f32::NAN]), 1), None);
        for text in ["", "AAAA", "not base64!"] {
            assert_eq!(decode(text, 1), None, "{text:?}");
        }
    }
}
