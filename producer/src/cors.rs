//! Cross-origin requests (CORS), off unless `CORS_ORIGINS` lists the allowed origins.

use longshore::cloudflare::variable;
use worker::{Env, Request, Result};

use crate::answer::ApiResponse;

/// Request headers that pages may send, in addition to the safelisted ones.
const REQUEST_HEADERS: &str = "authorization, content-encoding, content-type, idempotency-key, longshore-tenant, prefer, \
                               traceparent, tracestate";
/// Response headers that pages may read, in addition to the safelisted ones.
const ANSWER_HEADERS: &str =
    "location, longshore-request-id, longshore-group, idempotency-replayed, preference-applied, retry-after";
/// Time in seconds for which browsers may cache a preflight response.
const PREFLIGHT_SECONDS: u32 = 600;

/// Cross-origin properties of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cors {
    /// True if origins are configured, so that responses depend on the origin.
    configured: bool,
    /// Origin of the request, if it is allowed.
    allowed: Option<String>,
    /// True for a preflight request.
    preflight: bool,
}

impl Cors {
    /// Reads the cross-origin properties of a request.
    ///
    /// # Errors
    /// An error of the runtime for an invalid header name; all names here are valid.
    pub(crate) fn of(request: &Request, env: &Env) -> Result<Cors> {
        let header = |name| request.headers().get(name);
        let is_preflight = request.inner().method() == "OPTIONS" && header("access-control-request-method")?.is_some();
        Ok(Cors::judge(&variable(env, "CORS_ORIGINS").unwrap_or_default(), header("origin")?, is_preflight))
    }

    /// Compares the origin with the allowed ones, byte by byte: they are configured as browsers send them.
    fn judge(origins: &str, origin: Option<String>, is_preflight: bool) -> Cors {
        let mut known = origins.split(',').map(str::trim).filter(|origin| !origin.is_empty()).peekable();
        let configured = known.peek().is_some();
        let allowed = origin.filter(|origin| known.any(|known| known == origin));
        Cors { configured, preflight: is_preflight && allowed.is_some(), allowed }
    }

    /// True for a preflight request from an allowed origin.
    pub(crate) fn is_preflight(&self) -> bool {
        self.preflight
    }

    /// Creates the response to a preflight request, with the methods of the path.
    pub(crate) fn preflight(offered: &str) -> ApiResponse {
        ApiResponse::nothing()
            .with_header("access-control-allow-methods", offered)
            .with_header("access-control-allow-headers", REQUEST_HEADERS)
            .with_header("access-control-max-age", PREFLIGHT_SECONDS.to_string())
    }

    /// Adds the headers that let an allowed page read the response, and that make caches distinguish origins.
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
    fn an_origin_is_compared_completely() {
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
    fn no_origin_is_allowed_by_default() {
        for origins in ["", " ", ","] {
            for origin in [None, Some(String::new()), Some("https://app.example.com".to_owned())] {
                let none = Cors { configured: false, allowed: None, preflight: false };
                assert_eq!(Cors::judge(origins, origin, true), none, "{origins:?}");
            }
        }
    }
}
