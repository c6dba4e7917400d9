//! Evidence on R2.

use worker::Range;

use super::CloudflareWorld;
use crate::ports::{BlobError, Blobs};

impl Blobs for CloudflareWorld {
    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), BlobError> {
        self.bucket.put(key, bytes).execute().await.map(|_| ()).map_err(|error| BlobError(error.to_string()))
    }

    async fn get_range(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BlobError> {
        let range = Range::OffsetWithLength { offset, length };
        let object = self.bucket.get(key).range(range).execute().await.map_err(|error| BlobError(error.to_string()))?;
        let Some(object) = object else { return Ok(None) };
        let Some(body) = object.body() else { return Ok(None) };
        body.bytes().await.map(Some).map_err(|error| BlobError(error.to_string()))
    }
}
