//! CORS: by default no page of another origin may call the API, and named origins may.

use longshore_kit::client::Answer;

use crate::support::world::{alone, shared};

const ORIGIN: &str = "https://app.example.com";

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

fn no_cors(answer: &Answer) -> bool {
    answer.headers.keys().all(|name| !name.as_str().starts_with("access-control"))
}

#[test]
fn by_default_no_origin_is_allowed() {
    shared(async |world| {
        let headers = [("origin", ORIGIN), ("access-control-request-method", "POST")];
        for (method, path, status) in [("OPTIONS", "/v1/jobs", 405), ("GET", "/healthz", 200), ("GET", "/v1/jobs", 401)]
        {
            let answer = world.anyone.request(method, path, &headers, Vec::new()).await.unwrap();
            assert_eq!(answer.status, status, "{method} {path}");
            assert!(no_cors(&answer) && answer.header("vary").is_none(), "{method} {path}: {:?}", answer.headers);
        }
    });
}

#[test]
fn named_origins_are_allowed_and_others_are_not() {
    let origins = format!("https://ops.example.com:8443, {ORIGIN}");
    alone(
        "cors",
        |options| options.vars.push(("CORS_ORIGINS".to_owned(), origins)),
        async |world| {
            let tenant = world.tenant().await;
            let asks = [("origin", ORIGIN), ("access-control-request-method", "POST")];
            let preflight = world.anyone.request("OPTIONS", "/v1/jobs", &asks, Vec::new()).await.unwrap();
            assert_eq!((preflight.status, preflight.text.as_str()), (204, ""));
            assert_eq!(allowed(&preflight), Some(ORIGIN));
            assert_eq!(preflight.header("access-control-allow-methods"), Some("POST, GET, HEAD"));
            let names = preflight.header("access-control-allow-headers").unwrap();
            for name in ["authorization", "content-type", "idempotency-key", "longshore-tenant", "prefer"] {
                assert!(names.split(", ").any(|allowed| allowed == name), "{name}: {names}");
            }
            assert!(preflight.header("access-control-allow-credentials").is_none());
            for path in ["/v1/jobs", "/v1/jobs/nothing"] {
                let answer = tenant.api.request("GET", path, &[("origin", ORIGIN)], Vec::new()).await.unwrap();
                assert_eq!(allowed(&answer), Some(ORIGIN), "{path}: refusals are read too");
                assert_eq!(answer.header("vary"), Some("origin"), "{path}");
                assert!(answer.header("access-control-expose-headers").unwrap().contains("idempotency-replayed"));
            }
            let unknown = world.anyone.request("OPTIONS", "/v1/nothing", &asks, Vec::new()).await.unwrap();
            assert_eq!(unknown.status, 404);
            let plain = world.anyone.request("OPTIONS", "/v1/jobs", &[("origin", ORIGIN)], Vec::new()).await.unwrap();
            assert_eq!(plain.status, 405, "a preflight names a method");
            for other in ["https://app.example.com.evil.example", "http://app.example.com", "null", "*"] {
                let headers = [("origin", other), ("access-control-request-method", "POST")];
                for (method, status) in [("OPTIONS", 405), ("GET", 401)] {
                    let answer = world.anyone.request(method, "/v1/jobs", &headers, Vec::new()).await.unwrap();
                    assert_eq!(answer.status, status, "{method} {other}");
                    assert!(no_cors(&answer) && answer.header("vary") == Some("origin"), "{method} {other}");
                }
            }
            let no_origin = tenant.api.get("/v1/jobs").await.unwrap();
            assert!(no_origin.status == 200 && no_cors(&no_origin) && no_origin.header("vary") == Some("origin"));
        },
    );
}
