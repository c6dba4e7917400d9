//! Vectors by what they are of: the same text for the same model of a tenant is asked for once, whoever asks.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::limits::{INDEX_PARAMETER_BYTES, VECTORS_PER_READ};
use crate::ports::{Clock, DatabaseError, IndexDatabase, Param};
use crate::store::search::{Store, index_sql};
use crate::store::{batch, json_param, rows_as};
use crate::wire::idempotency::sha256;

/// The name of a text among the vectors.
pub(crate) fn hash_of(text: &str) -> String {
    sha256(text.as_bytes())
}

/// A vector as the store keeps it: base64 of its little-endian 32-bit floats.
pub(crate) fn encode(vector: &[f32]) -> String {
    STANDARD.encode(vector.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

/// A vector that the store kept; `None` when it is none of so many dimensions.
pub(crate) fn decode(text: &str, dimensions: usize) -> Option<Vec<f32>> {
    let bytes = STANDARD.decode(text).ok()?;
    let (numbers, rest) = bytes.as_chunks();
    let vector: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
    (rest.is_empty() && vector.len() == dimensions && vector.iter().all(|value| value.is_finite())).then_some(vector)
}

/// Which of these have a vector.
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

/// The vectors that there are of these.
///
/// # Errors
/// As [`batch`].
pub(crate) async fn read<W: IndexDatabase + Clock>(
    world: &W,
    tenant: &str,
    (model, dimensions): (&str, usize),
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

/// Keeps vectors for whoever asks again.
///
/// Safe to repeat: what is there stays.
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
    let statements = in_parameters(items).into_iter().map(|items| index_sql!("keep_vectors", tenant, model, items));
    // Batches of their own: each fits into one call, and one that is lost costs only what it had.
    for statement in statements {
        batch(&Store(world), &[statement]).await?;
    }
    Ok(())
}

/// Items as JSON arrays that each fit into one parameter.
pub(crate) fn in_parameters<T: serde::Serialize>(items: impl IntoIterator<Item = T>) -> Vec<Param> {
    let mut arrays: Vec<String> = Vec::new();
    for item in items {
        let item = serde_json::to_string(&item).unwrap_or_else(|_| "null".into());
        match arrays.last_mut() {
            Some(array) if array.len() + item.len() < INDEX_PARAMETER_BYTES => {
                array.push(',');
                array.push_str(&item);
            }
            _ => arrays.push(format!("[{item}")),
        }
    }
    arrays.into_iter().map(|array| Param::Text(array + "]")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_read_as_it_was_kept_or_not_at_all() {
        let vector = [0.0, -1.5, f32::MIN_POSITIVE, 3.402e38];
        assert_eq!(decode(&encode(&vector), 4).as_deref(), Some(&vector[..]));
        assert_eq!(decode(&encode(&vector), 3), None);
        assert_eq!(decode(&encode(&[f32::NAN]), 1), None);
        for text in ["", "AAAA", "not base64!"] {
            assert_eq!(decode(text, 1), None, "{text:?}");
        }
    }

    #[test]
    fn items_go_into_as_few_parameters_as_take_them() {
        let text = "x".repeat(INDEX_PARAMETER_BYTES / 2 - 10);
        let arrays = in_parameters([&text, &text, &text]);
        assert_eq!(arrays.len(), 2);
        let Param::Text(first) = &arrays[0] else { panic!("{arrays:?}") };
        assert_eq!(serde_json::from_str::<Vec<String>>(first).unwrap(), [text.as_str(), &text]);
        assert!(in_parameters::<&str>([]).is_empty());
    }
}
