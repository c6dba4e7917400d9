//! Statistics and metrics: an endpoint that breaks is seen in the totals, in the points and in the text for Prometheus.

use serde_json::json;

use crate::support::refusal::{FORBIDDEN, assert_refused, parameter};
use crate::support::tenant::to_endpoint;
use crate::support::world::alone;

#[test]
fn a_broken_endpoint_is_seen_in_statistics_and_metrics() {
    alone(
        "statistics",
        |_| {},
        async |world| {
            let (tenant, other) = (world.tenant().await, world.tenant().await);
            for (endpoint, path) in [("orders", "/status/500"), ("well", "/ok")] {
                tenant.endpoint(endpoint, path, json!({"max_attempts": 1})).await;
                tenant.complete(&to_endpoint(endpoint)).await;
            }
            let stats = tenant.read("/v1/stats?step=minute&by=endpoint").await;
            assert_eq!((&stats["step"], &stats["by_bucket"]), (&json!("minute"), &json!(true)));
            for (at, endpoint, [succeeded, dead], class) in
                [(0, "orders", [0, 1], "http_5xx"), (1, "well", [1, 0], "succeeded")]
            {
                let series = &stats["series"][at];
                let point = &series["points"][0];
                assert_eq!(
                    (
                        &series["endpoint"],
                        &point["succeeded"],
                        &point["dead"],
                        &point["attempts"],
                        &point["attempt"]["count"]
                    ),
                    (&json!(endpoint), &json!(succeeded), &json!(dead), &json!({class: 1}), &json!(1)),
                    "{stats}"
                );
                assert!(point["start"]["p50_ms"].is_i64() && point["attempt"]["p99_ms"].is_i64(), "{point}");
            }
            assert_eq!(other.read("/v1/stats").await["series"], json!([]));
            let scraper = world.anyone.with_key(&world.key(&tenant.name, &["metrics:read"]).await.1);
            let text = scraper.get("/metrics").await.unwrap();
            assert_eq!(
                (text.status, text.header("content-type")),
                (200, Some("text/plain; version=0.0.4; charset=utf-8"))
            );
            for line in [
                "longshore_jobs_dead_total{kind=\"webhook\"} 1",
                "longshore_jobs_succeeded_total{kind=\"webhook\"} 1",
                "longshore_attempts_total{kind=\"webhook\",class=\"http_5xx\"} 1",
                "longshore_attempt_seconds_count{kind=\"webhook\"} 2",
                "longshore_jobs_waiting{state=\"dead\"} 1",
            ] {
                assert!(text.text.lines().any(|written| written == line), "{line} is not in\n{}", text.text);
            }
            let accept = [("accept", "application/openmetrics-text;version=1.0.0")];
            let open = scraper.request("GET", "/metrics?endpoints=true", &accept, Vec::new()).await.unwrap();
            assert!(
                open.text.contains("longshore_jobs_dead_total{kind=\"webhook\",endpoint=\"orders\"} 1\n"),
                "{}",
                open.text
            );
            assert!(
                open.text.ends_with("# EOF\n")
                    && open.header("content-type").unwrap().starts_with("application/openmetrics-text")
            );
            assert_refused("another route", &scraper.get("/v1/stats").await.unwrap(), FORBIDDEN);
            for (wrong, name, code) in [
                ("/v1/stats?step=week", "step", "unknown-value"),
                ("/v1/stats?from=2020-01-01T00:00:00Z&step=minute", "from", "out-of-range"),
                ("/metrics?endpoints=1", "endpoints", "unknown-value"),
            ] {
                assert_refused(wrong, &tenant.api.get(wrong).await.unwrap(), parameter(name, code));
            }
            let all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
            assert!(
                all.get("/metrics").await.unwrap().text.contains("longshore_jobs_dead_total{kind=\"webhook\"} 1\n")
            );
            // The endpoint is deleted: its counts stay, under another name.
            tenant.api.delete("/v1/endpoints/orders").await.unwrap();
            let text = scraper.get("/metrics?endpoints=true").await.unwrap().text;
            assert!(text.contains("longshore_jobs_dead_total{kind=\"webhook\",endpoint=\":other\"} 1\n"), "{text}");
        },
    );
}
