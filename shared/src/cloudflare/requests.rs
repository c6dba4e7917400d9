//! The requests of one invocation, each as one crossing between Rust and JavaScript in each direction.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use futures_channel::oneshot;
use wasm_bindgen::JsValue;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::embed::workers_ai::{AI_BINDING, AI_URL};
use crate::ports::{HttpError, HttpRequest};

#[wasm_bindgen(module = "/src/cloudflare/fetch.mjs")]
extern "C" {
    /// Sends requests and reads their responses, each as one crossing between Rust and JavaScript in each direction.
    type Sender;

    #[wasm_bindgen(constructor)]
    fn new(env: &JsValue, answer: &Closure<dyn Fn(u32, String, Vec<u8>)>) -> Sender;

    /// `headers` is a JSON array of pairs, `cap` the maximum number of bytes of the response body that are read. The
    /// answer is called with `id`, the head as JSON and the body.
    #[wasm_bindgen(method)]
    fn send(
        this: &Sender,
        id: u32,
        binding: Option<&str>,
        model: Option<&str>,
        method: &str,
        url: &str,
        headers: &str,
        body: &[u8],
        timeout_ms: u32,
        cap: usize,
    );

    #[wasm_bindgen(method)]
    fn close(this: &Sender);
}

/// Head as JSON and body of an answer.
pub(super) type Answer = (String, Vec<u8>);

/// The requests of one invocation. They share one callback: a promise for each would create and drop two.
pub(crate) struct Requests {
    sender: Sender,
    waiting: Rc<RefCell<BTreeMap<u32, oneshot::Sender<Answer>>>>,
    last: Cell<u32>,
    /// Kept as long as JavaScript may call it.
    _answer: Closure<dyn Fn(u32, String, Vec<u8>)>,
}

impl std::fmt::Debug for Requests {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Requests").field("waiting", &self.waiting.borrow().len()).finish_non_exhaustive()
    }
}

impl Requests {
    /// Creates the sender; `env` has the service bindings.
    pub(crate) fn new(env: &JsValue) -> Requests {
        let waiting: Rc<RefCell<BTreeMap<u32, oneshot::Sender<Answer>>>> = Rc::default();
        let answered = Rc::clone(&waiting);
        let answer = Closure::new(move |id, head, body| {
            let waiting = answered.borrow_mut().remove(&id);
            // Nobody waits any more if the caller gave up.
            let _ = waiting.map(|waiting| waiting.send((head, body)));
        });
        Requests { sender: Sender::new(env, &answer), waiting, last: Cell::new(0), _answer: answer }
    }

    /// Sends a request and returns its answer.
    ///
    /// # Errors
    /// When the request cannot be written as JSON, or its answer is lost.
    pub(super) async fn send(&self, request: &HttpRequest, timeout_ms: u32) -> Result<Answer, HttpError> {
        let headers =
            serde_json::to_string(&request.headers).map_err(|error| HttpError::Unsendable(error.to_string()))?;
        let binding = request.service.as_deref();
        let model = request.url.strip_prefix(AI_URL).filter(|_| binding == Some(AI_BINDING));
        let HttpRequest { method, url, body, response_bytes_max: cap, .. } = request;
        let id = self.last.get().wrapping_add(1);
        self.last.set(id);
        let (answer, answered) = oneshot::channel();
        self.waiting.borrow_mut().insert(id, answer);
        self.sender.send(id, binding, model, method, url, &headers, body, timeout_ms, *cap);
        answered.await.map_err(|_| unreadable())
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        self.sender.close();
    }
}

pub(super) fn unreadable() -> HttpError {
    HttpError::Connect("the answer could not be read".to_owned())
}
