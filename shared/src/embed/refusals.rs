//! Refused texts in results and errors of jobs.

use serde_json::{Value, json};

use crate::limits::EMBED_REFUSED_SHOWN;
use crate::model::outcome::{ErrorClass, Outcome};

/// Lists the first refused texts for the result of a job.
pub(crate) fn named(refused: &[(String, String)]) -> Vec<Value> {
    let first = refused.iter().take(EMBED_REFUSED_SHOWN);
    first.map(|(id, message)| json!({"id": id, "message": message})).collect()
}

/// The failure of a job whose texts are all refused.
pub(crate) fn all_refused(what: &str, refused: &[(String, String)]) -> Outcome {
    let message = refused.first().map_or("", |(_, message)| message.as_str());
    // A single refused text is probably at fault; with several it is rather the request.
    let class = if refused.len() > 1 { ErrorClass::Provider } else { ErrorClass::Handler };
    Outcome::failed(class, format!("{what}: {message}"))
}
