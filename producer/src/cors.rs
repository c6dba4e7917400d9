//! Cross-origin requests: off unless `CORS_ORIGINS` names who may ask.

use longshore::cloudflare::variable;
use worker::{Env, Request, Result};

use crate::answer::ApiResponse;

/// Headers that pages may send, beside those that every page may.
const REQUEST_HEADERS: &str = "authorization, content-encoding, content-type, idempotency-key, longshore-tenant, prefer, \
                               traceparent, tracestate";
/// Headers that pages may read, beside those that every page may.
const ANSWER_HEADERS: &str =
    "location, longshore-request-id, longshore-group, idempotency-replayed, preference-applied, retry-after";
/// Seconds for which a browser need not ask again.
const PREFLIGHT_SECONDS: u32 = 600;

/// What one request has to do with other origins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cors {
    /// Whether answers depend on who asks.
    configured: bool,
    /// The request's origin, if it is one that may ask.
    allowed: Option<String>,
    /// Whether a browser asks in advance.
    preflight: bool,
}

impl Cors {
    /// Looks at a request.
    ///
    /// # Errors
    /// When a header's name were wrong, which none is.
    pub(crate) fn of(request: &Request, env: &Env) -> Result<Cors> {
        let header = |name| request.headers().get(name);
        let asks = request.inner().method() == "OPTIONS" && header("access-control-request-method")?.is_some();
        Ok(Cors::judge(&variable(env, "CORS_ORIGINS").unwrap_or_default(), header("origin")?, asks))
    }

    /// An origin is compared whole and byte by byte: it is written as browsers send it.
    fn judge(origins: &str, origin: Option<String>, asks: bool) -> Cors {
        let mut known = origins.split(',').map(str::trim).filter(|origin| !origin.is_empty()).peekable();
        let configured = known.peek().is_some();
        let allowed = origin.filter(|origin| known.any(|known| known == origin));
        Cors { configured, preflight: asks && allowed.is_some(), allowed }
    }

    /// Whether a browser asks in advance, for a page that may.
    pub(crate) fn is_preflight(&self) -> bool {
        self.preflight
    }

    /// The answer to that, with the methods that the path offers.
    pub(crate) fn preflight(offered: &str) -> ApiResponse {
        ApiResponse::nothing()
            .with_header("access-control-allow-methods", offered)
            .with_header("access-control-allow-headers", REQUEST_HEADERS)
            .with_header("access-control-max-age", PREFLIGHT_SECONDS.to_string())
    }

    /// Lets the page read the answer, if it may, and tells caches that another page's answer is another one.
    pub(crate) fn allow(&self, answer: ApiResponse) -> ApiResponse {
        let answer = if self.configured { answer.with_header("vary", "origin") } else { answer };
        let Some(origin) = &self.allowed else {
            return answer;
        };
        answer
            .with_header("access-control-allow-origin", origin)
            .with_header("access-control-expose-headers", ANSWER_HEADERS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_allowed_only_whole() {
        let origins = "https://app.example.com, https://ops.example.com:8443";
        let judge = |origin: &str| Cors::judge(origins, Some(origin.to_owned()), true);
        for origin in ["https://app.example.com", "https://ops.example.com:8443"] {
            let cors = judge(origin);
            assert!(cors.is_preflight() && cors.allowed.as_deref() == Some(origin), "{origin}");
        }
        for origin in [
            "",
            "null",
            "*",
            "http://app.example.com",
            "https://app.example.com.evil.example",
            "https://app.example.com:443",
            "https://APP.example.com",
            "https://ops.example.com",
            origins,
        ] {
            let cors = judge(origin);
            assert!(!cors.is_preflight() && cors.allowed.is_none() && cors.configured, "{origin}");
        }
    }

    #[test]
    fn nobody_is_allowed_by_default() {
        for origins in ["", " ", ","] {
            for origin in [None, Some(String::new()), Some("https://app.example.com".to_owned())] {
                let nobody = Cors { configured: false, allowed: None, preflight: false };
                assert_eq!(Cors::judge(origins, origin, true), nobody, "{origins:?}");
            }
        }
    }
}
