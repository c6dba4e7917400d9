//! Dispatch to the provider protocols.

use crate::embed::answer::{Embeddings, Refusal};
use crate::embed::{openai, workers_ai};
use crate::ports::HttpRequest;
use crate::settings::providers::{Interface, Model, Provider};

/// Builds the request for the vectors of some texts.
pub(crate) fn request(provider: &Provider, name: &str, model: Model, texts: &[&str], version: &str) -> HttpRequest {
    match provider.interface {
        Interface::WorkersAi => workers_ai::request(name, model.dimensions, texts),
        Interface::OpenaiCompatible | Interface::Builtin => openai::request(provider, name, model, texts, version),
    }
}

/// Parses the answer of a 2xx status.
///
/// # Errors
/// Those of [`Embeddings::checked`].
pub(crate) fn read(interface: Interface, body: &[u8], texts: usize, dimensions: usize) -> Result<Embeddings, String> {
    match interface {
        Interface::WorkersAi => workers_ai::read(body, texts, dimensions),
        Interface::OpenaiCompatible | Interface::Builtin => openai::read(body, texts, dimensions),
    }
}

/// Returns true if only the body of an answer with status 400, 413 or 422 tells which part is refused.
pub(crate) fn refuses_by_body(interface: Interface) -> bool {
    match interface {
        Interface::WorkersAi => true,
        Interface::OpenaiCompatible | Interface::Builtin => false,
    }
}

/// Parses an answer with status 400, 413 or 422.
pub(crate) fn refusal(provider: &Provider, body: &[u8]) -> Refusal {
    match provider.interface {
        Interface::WorkersAi => workers_ai::refusal(body),
        Interface::OpenaiCompatible | Interface::Builtin => {
            Refusal::Texts(openai::refusal(body, provider.key.as_deref()))
        }
    }
}

/// Parses the provider's own error code, if it is more precise than the status.
pub(crate) fn code(interface: Interface, body: &[u8]) -> Option<u64> {
    match interface {
        Interface::WorkersAi => workers_ai::code(body),
        Interface::OpenaiCompatible | Interface::Builtin => None,
    }
}
