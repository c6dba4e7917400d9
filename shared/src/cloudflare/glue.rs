//! Bindings to `glue.js`: a request with its whole response as one crossing between Rust and JavaScript.

use js_sys::futures::JsFuture;
use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

#[wasm_bindgen(module = "/src/cloudflare/glue.js")]
extern "C" {
    #[wasm_bindgen(js_name = send)]
    fn send_in_js(
        env: &JsValue,
        binding: Option<&str>,
        model: Option<&str>,
        method: &str,
        url: &str,
        headers: &str,
        body: &[u8],
        timeout_ms: u32,
        cap: usize,
    ) -> Promise;
}

/// Arguments of `send` in `glue.js`.
pub(super) struct Sending<'a> {
    /// Name of a service binding; `None` is the network.
    pub(super) binding: Option<&'a str>,
    /// Name of a model, if the binding is that of Workers AI.
    pub(super) model: Option<&'a str>,
    pub(super) method: &'a str,
    pub(super) url: &'a str,
    /// JSON array of pairs of header name and value.
    pub(super) headers: &'a str,
    pub(super) body: &'a [u8],
    pub(super) timeout_ms: u32,
    /// Maximum number of bytes of the response body that are read.
    pub(super) cap: usize,
}

/// Sends a request and reads the response. Returns a frame: the length of its head in 4 bytes, the head as JSON, the body.
pub(super) async fn send(env: &JsValue, sending: &Sending<'_>) -> Result<Vec<u8>, JsValue> {
    let Sending { binding, model, method, url, headers, body, timeout_ms, cap } = *sending;
    let promise = send_in_js(env, binding, model, method, url, headers, body, timeout_ms, cap);
    JsFuture::from(promise).await.map(|frame| frame.unchecked_into::<Uint8Array>().to_vec())
}
