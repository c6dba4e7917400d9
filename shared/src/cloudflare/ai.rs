//! Models of Workers AI, through the AI binding.

use js_sys::futures::JsFuture;
use js_sys::{Function, JSON, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use worker::{AbortSignal, Response};

use super::CloudflareWorld;
use crate::embed::workers_ai::{AI_BINDING, AI_URL};
use crate::ports::{HttpError, HttpRequest};

impl CloudflareWorld {
    /// Calls the model that the rest of the URL names.
    pub(super) async fn ask_model(
        &self,
        request: &HttpRequest,
        signal: &AbortSignal,
    ) -> Result<worker::Result<Response>, HttpError> {
        let ai = self.env.ai(AI_BINDING).map_err(|_| HttpError::NoService(AI_BINDING.to_owned()))?;
        let answer = run(ai.as_ref(), request, signal).await.and_then(JsCast::dyn_into::<web_sys::Response>);
        Ok(answer.map(Response::from).map_err(worker::Error::from))
    }
}

/// Runs a model without the method of workers-rs, which takes no options. The raw response has the status and the
/// reason of a refusal, while an exception has only the reason; the signal ends a call that takes too long.
async fn run(ai: &JsValue, request: &HttpRequest, signal: &AbortSignal) -> Result<JsValue, JsValue> {
    let model = request.url.strip_prefix(AI_URL).unwrap_or_default();
    let inputs = JSON::parse(&String::from_utf8_lossy(&request.body))?;
    let options = Object::new();
    Reflect::set(&options, &"returnRawResponse".into(), &JsValue::TRUE)?;
    Reflect::set(&options, &"signal".into(), signal)?;
    let run: Function = Reflect::get(ai, &"run".into())?.dyn_into()?;
    let promise = run.call3(ai, &model.into(), &inputs, &options)?;
    JsFuture::from(Promise::resolve(&promise)).await
}
