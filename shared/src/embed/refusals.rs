//! What is told of texts that a provider refuses.

use serde_json::{Value, json};

use crate::limits::EMBED_REFUSED_SHOWN;
use crate::model::outcome::{ErrorClass, Outcome};

/// The first of those that are refused, as a result names them.
pub(crate) fn named(refused: &[(String, String)]) -> Vec<Value> {
    let first = refused.iter().take(EMBED_REFUSED_SHOWN);
    first.map(|(id, message)| json!({"id": id, "message": message})).collect()
}

/// The failure of a job all of whose texts are refused.
pub(crate) fn all_refused(what: &str, refused: &[(String, String)]) -> Outcome {
    let message = refused.first().map_or("", |(_, message)| message.as_str());
    // One text may be what is wrong; of several it is rather the request.
    let class = if refused.len() > 1 { ErrorClass::Provider } else { ErrorClass::Handler };
    Outcome::failed(class, format!("{what}: {message}"))
}
