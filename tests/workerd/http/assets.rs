//! Static files of the producer: the API's document and the page that shows it.

use crate::support::world::shared;

#[test]
fn the_document_is_served_as_it_is_generated() {
    shared(async |world| {
        let served = world.anyone.get("/openapi.json").await.unwrap();
        assert_eq!((served.status, served.header("content-type")), (200, Some("application/json")));
        assert!(served.body == longshore::openapi::document(), "another document is served: make build");
        assert_eq!(served.header("access-control-allow-origin"), Some("*"), "tools on other origins may read it");
        assert_eq!(served.header("cache-control"), Some("public, max-age=300"));
        let head = world.anyone.request("HEAD", "/openapi.json", &[], Vec::new()).await.unwrap();
        assert_eq!((head.status, head.text.as_str()), (200, ""));
    });
}

/// The page runs its script and loads the document, and may load nothing else.
#[test]
fn the_reference_page_loads_nothing_from_other_origins() {
    shared(async |world| {
        let page = world.anyone.get("/reference").await.unwrap();
        assert_eq!(page.status, 200);
        assert!(page.header("content-type").is_some_and(|media| media.starts_with("text/html")), "{:?}", page.headers);
        assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'")));
        assert!(page.text.contains("spec-url=\"/openapi.json\"") && !page.text.contains("http"), "{}", page.text);
        let script = world.anyone.get("/redoc.js").await.unwrap();
        assert!(script.status == 200 && script.text.len() > 500_000, "{} bytes", script.text.len());
    });
}

#[test]
fn all_other_paths_reach_the_worker() {
    shared(async |world| {
        for path in ["/", "/index.html", "/reference/x", "/openapi.yaml", "/_headers", "/v1", "/v1/openapi.json"] {
            let answer = world.anyone.get(path).await.unwrap();
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (404, Some("application/problem+json")),
                "{path}"
            );
        }
    });
}
