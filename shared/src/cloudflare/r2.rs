//! Objects on R2.

use js_sys::futures::JsFuture;
use js_sys::{Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use worker::{Object, Range};

use super::CloudflareWorld;
use crate::ports::{BlobError, Blobs};

impl Blobs for CloudflareWorld {
    async fn put(&self, key: &str, bytes: &[u8]) -> Result<(), BlobError> {
        put(self.bucket.as_ref(), key, bytes, &JsValue::UNDEFINED)
            .await
            .map(|_| ())
            .map_err(|error| failed(error.into()))
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, BlobError> {
        bytes(self.bucket.get(key).execute().await).await
    }

    async fn get_range(&self, key: &str, offset: u64, length: u64) -> Result<Option<Vec<u8>>, BlobError> {
        let range = Range::OffsetWithLength { offset, length };
        bytes(self.bucket.get(key).range(range).execute().await).await
    }

    async fn get_tagged(&self, key: &str) -> Result<Option<(Vec<u8>, String)>, BlobError> {
        let Some(object) = self.bucket.get(key).execute().await.map_err(failed)? else { return Ok(None) };
        let tag = object.etag();
        Ok(bytes(Ok(Some(object))).await?.map(|bytes| (bytes, tag)))
    }

    async fn put_tagged(&self, key: &str, bytes: &[u8], tag: &str) -> Result<bool, BlobError> {
        let put = async {
            let (options, unchanged) = (js_sys::Object::new(), js_sys::Object::new());
            Reflect::set(&unchanged, &"etagMatches".into(), &tag.into())?;
            Reflect::set(&options, &"onlyIf".into(), &unchanged)?;
            put(self.bucket.as_ref(), key, bytes, &options).await
        };
        // R2 returns null if the object has changed.
        put.await.map(|written| !written.is_null()).map_err(|error| failed(error.into()))
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, BlobError> {
        let asked = self.bucket.list().prefix(prefix).limit(limit);
        let asked = match after {
            Some(after) => asked.start_after(after),
            None => asked,
        };
        let listed = asked.execute().await.map_err(failed)?;
        Ok(listed.objects().iter().map(Object::key).collect())
    }

    async fn delete(&self, keys: &[String]) -> Result<(), BlobError> {
        self.bucket.delete_multiple(keys.iter().map(String::as_str).collect()).await.map_err(failed)
    }
}

/// Puts an object without the builder of workers-rs, whose support for streams and metadata adds kilobytes to the
/// bundle.
async fn put(bucket: &JsValue, key: &str, bytes: &[u8], options: &JsValue) -> Result<JsValue, JsValue> {
    let put: Function = Reflect::get(bucket, &"put".into())?.dyn_into()?;
    let promise = put.call3(bucket, &key.into(), &Uint8Array::from(bytes), options)?;
    JsFuture::from(Promise::resolve(&promise)).await
}

async fn bytes(object: worker::Result<Option<Object>>) -> Result<Option<Vec<u8>>, BlobError> {
    let Some(object) = object.map_err(failed)? else { return Ok(None) };
    let Some(body) = object.body() else { return Ok(None) };
    body.bytes().await.map(Some).map_err(failed)
}

/// Converts an error; takes it by value for `map_err`.
#[allow(clippy::needless_pass_by_value)]
fn failed(error: worker::Error) -> BlobError {
    BlobError(error.to_string())
}
