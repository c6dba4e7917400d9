//! Cases of statistics and metrics: they are differences and sums of totals, and old snapshots are deleted.

use longshore::manage::endpoints::{EndpointChange, change_endpoint};
use longshore::manage::metrics::{Format, read_metrics};
use longshore::manage::statistics::{Point, Range, Statistics, read_statistics};
use longshore::model::state::Decision;
use longshore::wire::problem::Problem;
use longshore::wire::time::rfc3339;
use serde_json::json;

use super::stand::{Case, DEAD_LETTER, Stand, Store, operator};

const MINUTE_MS: i64 = 60_000;

impl<S: Store> Case<'_, S> {
    /// Makes the totals of the tenant older by this number of minutes.
    async fn age_totals(&self, minutes: i64) {
        for sql in [
            "UPDATE totals SET minute = minute - CAST(?2 AS INTEGER) WHERE tenant = ?1 RETURNING minute",
            "UPDATE snapshots SET minute = minute - CAST(?2 AS INTEGER) WHERE tenant = ?1 RETURNING minute",
        ] {
            self.stand.sql(sql, vec![self.tenant.as_str().into(), minutes.into()]).await;
        }
    }

    /// Reads the statistics of the last minutes.
    async fn statistics(&self, minutes: i64, step: &str, by: &str) -> Statistics {
        let now = self.stand.store.now_ms();
        let from = rfc3339(now - minutes * MINUTE_MS);
        let range = Range::parse([Some(&from), None, Some(step), Some(by)], now + MINUTE_MS).unwrap();
        read_statistics(self.stand, Some(&self.tenant), &range).await.unwrap()
    }

    /// Reads the metrics of the tenant, with labels for endpoints.
    async fn metrics(&self) -> String {
        let metrics = read_metrics(self.stand, &self.stand.settings, Some(&self.tenant), true).await.unwrap();
        metrics.text(&self.stand.settings, None, Format::Prometheus)
    }

    /// Reads the minutes of the tenant's snapshots, as minutes before now.
    async fn snapshots(&self) -> Vec<i64> {
        let sql = "SELECT json_array(minute) FROM snapshots WHERE tenant = ?1 ORDER BY minute";
        let rows = self.stand.sql(sql, vec![self.tenant.as_str().into()]).await;
        let now = self.stand.store.now_ms() / MINUTE_MS;
        rows.iter().map(|row| now - serde_json::from_str::<[i64; 1]>(row).unwrap()[0]).collect()
    }
}

fn counts(points: &[Point]) -> Vec<[i64; 3]> {
    points.iter().map(|point| [point.succeeded, point.dead, point.attempt.count]).collect()
}

/// A point is what was added in its minute, hour or day, for each kind or endpoint; a minute in which nothing happens has none.
pub async fn a_point_is_a_difference<S: Store>(stand: &Stand<S>) {
    let (case, other) = (stand.case().await, stand.case().await);
    case.endpoint("orders").await;
    case.end_attempt(&case.plain().await, 1, "", Decision::Succeed).await;
    case.age_totals(10).await;
    for decision in [Decision::Succeed, DEAD_LETTER] {
        case.end_attempt(&case.plain().await, 1, "", decision).await;
    }
    case.end_attempt(&case.to_endpoint("orders").await, 1, "orders", Decision::Succeed).await;
    case.age_totals(100).await;
    case.end_attempt(&case.plain().await, 1, "", DEAD_LETTER).await;
    other.end_attempt(&other.plain().await, 1, "", Decision::Succeed).await;
    let by_kind = case.statistics(200, "minute", "kind").await;
    assert_eq!(by_kind.series.len(), 1);
    let points = &by_kind.series[0].points;
    // A minute may have ended between two settlements.
    let sum =
        |points: &[Point]| counts(points).into_iter().reduce(|a, b| [a[0] + b[0], a[1] + b[1], a[2] + b[2]]).unwrap();
    let (first, last) = (&points[0], &points[points.len() - 1]);
    assert_eq!((counts(&points[..1]), counts(&points[points.len() - 1..])), (vec![[1, 0, 1]], vec![[0, 1, 1]]));
    assert_eq!(sum(&points[1..points.len() - 1]), [2, 1, 3]);
    assert!(last.at.0 - first.at.0 >= 110 * MINUTE_MS && points.len() <= 5, "{points:?}");
    assert_eq!((first.success.p50_ms, first.success.mean_ms, first.start.p99_ms), (Some(2_500), Some(2_000), Some(25)));
    assert_eq!((last.success.count, last.success.p50_ms, last.attempts["http_5xx"]), (0, None, 1));
    // Only what is after the start of the range.
    assert_eq!(sum(&case.statistics(60, "minute", "kind").await.series[0].points), [0, 1, 1]);
    for (step, minutes) in [("hour", 200), ("day", 3 * 24 * 60)] {
        let series = case.statistics(minutes, step, "endpoint").await.series;
        let sums: Vec<_> = series.iter().map(|one| (one.endpoint.as_deref(), sum(&one.points))).collect();
        assert_eq!(sums, [(Some(""), [2, 2, 4]), (Some("orders"), [1, 0, 1])], "{step}");
    }
    let now = stand.store.now_ms() + MINUTE_MS;
    let all = read_statistics(stand, None, &Range::parse([None; 4], now).unwrap()).await.unwrap();
    assert!(sum(&all.series[0].points)[0] >= 4, "all tenants");
}

/// A range is refused if it has too many points for the number of series.
pub async fn an_answer_is_bounded<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let sql = "INSERT INTO totals (tenant, kind, endpoint, minute, counts, check_at)
        SELECT ?1, 'task.' || value, '', 1, '{}', 9000000000000 FROM json_each(?2) RETURNING kind";
    let kinds: Vec<_> = (0..20).collect();
    stand.sql(sql, vec![case.tenant.as_str().into(), json!(kinds).to_string().into()]).await;
    let now = stand.store.now_ms();
    let read = async |minutes: i64| {
        let from = rfc3339(now - minutes * MINUTE_MS);
        let range = Range::parse([Some(&from), None, Some("minute"), None], now).unwrap();
        read_statistics(stand, Some(&case.tenant), &range).await
    };
    assert!(read(100).await.is_ok());
    let refused = read(1_400).await;
    assert!(matches!(&refused, Err(Problem::InvalidParameter(field)) if field.pointer == "from"), "{refused:?}");
}

/// The totals of a deleted endpoint are those of `:other`, and no sum falls.
pub async fn a_deleted_endpoint_is_other<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    for id in ["orders", "stays", "gone"] {
        case.endpoint(id).await;
        case.end_attempt(&case.to_endpoint(id).await, 1, id, Decision::Succeed).await;
    }
    assert!(case.metrics().await.contains("longshore_jobs_succeeded_total{kind=\"webhook\",endpoint=\"orders\"} 1\n"));
    for id in ["orders", "gone"] {
        change_endpoint(stand, &operator(stand), &case.tenant, id, EndpointChange::Delete).await.unwrap();
    }
    let text = case.metrics().await;
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("longshore_jobs_succeeded_total")).collect();
    let of = |endpoint: &str, jobs| {
        format!("longshore_jobs_succeeded_total{{kind=\"webhook\",endpoint=\"{endpoint}\"}} {jobs}")
    };
    assert_eq!(lines, [of(":other", 2), of("stays", 1)]);
    let series = case.statistics(60, "minute", "endpoint").await.series;
    let sums = series.iter().map(|one| (one.endpoint.as_deref(), one.points.iter().map(|point| point.succeeded).sum()));
    assert_eq!(sums.collect::<Vec<(_, i64)>>(), [(Some(":other"), 2), (Some("stays"), 1)], "its history stays");
}

/// The metrics have counters, cumulative buckets and gauges.
pub async fn metrics_show_totals_and_gauges<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.end_attempt(&case.plain().await, 1, "", Decision::Succeed).await;
    case.end_attempt(&case.plain().await, 1, "", DEAD_LETTER).await;
    let metrics = read_metrics(stand, &stand.settings, Some(&case.tenant), false).await.unwrap();
    let text = metrics.text(&stand.settings, None, Format::Prometheus);
    for line in [
        "# TYPE longshore_jobs_succeeded_total counter",
        "longshore_jobs_succeeded_total{kind=\"webhook\"} 1",
        "longshore_jobs_dead_total{kind=\"webhook\"} 1",
        "longshore_attempts_total{kind=\"webhook\",class=\"http_5xx\"} 1",
        "longshore_attempt_seconds_bucket{kind=\"webhook\",le=\"0.05\"} 0",
        "longshore_attempt_seconds_bucket{kind=\"webhook\",le=\"0.1\"} 2",
        "longshore_attempt_seconds_bucket{kind=\"webhook\",le=\"+Inf\"} 2",
        "longshore_attempt_seconds_sum{kind=\"webhook\"} 0.14",
        "longshore_attempt_seconds_count{kind=\"webhook\"} 2",
        "longshore_jobs_waiting{state=\"dead\"} 1",
        "longshore_paused 0",
    ] {
        assert!(text.lines().any(|written| written == line), "{line:?} is not in\n{text}");
    }
    let all = read_metrics(stand, &stand.settings, None, false).await.unwrap();
    assert!(all.text(&stand.settings, None, Format::OpenMetrics).ends_with("# EOF\n"));
}

/// Old snapshots become one an hour, then one a day, and the last of those before is kept; the sum of the differences stays the same.
pub async fn old_snapshots_are_deleted<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (now, day) = (stand.store.now_ms() / MINUTE_MS, 24 * 60);
    let (hour_start, day_start) = ((now - 3 * day) / 60 * 60, (now - 70 * day) / day * day);
    let minutes = [
        now - 450 * day,
        now - 401 * day,
        day_start + 5,
        day_start + 700,
        hour_start,
        hour_start + 1,
        hour_start + 59,
        now - day,
        now - 2,
    ];
    let rows: Vec<_> = minutes.iter().enumerate().map(|(at, minute)| (minute, at + 1)).collect();
    let sql = "INSERT INTO snapshots (tenant, kind, endpoint, minute, counts)
        SELECT ?1, 'webhook', '', value ->> 0, json_object('succeeded', value ->> 1) FROM json_each(?2) RETURNING minute";
    stand.sql(sql, vec![case.tenant.as_str().into(), json!(rows).to_string().into()]).await;
    let sql = "INSERT INTO totals (tenant, kind, endpoint, minute, counts, check_at)
        VALUES (?1, 'webhook', '', CAST(?2 AS INTEGER), '{\"succeeded\":9}', 0) RETURNING minute";
    stand.sql(sql, vec![case.tenant.as_str().into(), (now - 1).into()]).await;
    stand.set_watermark(60_000).await;
    for _ in 0..2 {
        case.sweep().await;
        let left: Vec<_> = case.snapshots().await.into_iter().map(|ago| now - ago).collect();
        let is_left = |minute: &&i64| [1, 3, 6, 7, 8].iter().any(|at| minutes[*at] == **minute);
        let near = |(a, b): (&i64, &i64)| (a - b).abs() <= 1;
        let expected: Vec<_> = minutes.iter().filter(is_left).collect();
        assert!(left.len() == 5 && left.iter().zip(expected).all(|(a, b)| near((a, b))), "{left:?}");
    }
}

/// The totals of an erased tenant stay in the sums of the deployment, without its name.
pub async fn erased_totals_stay_in_the_sums<S: Store>(stand: &Stand<S>) {
    let (case, other) = (stand.case().await, stand.case().await);
    let sum = async || {
        let sql = "SELECT json_array(sum(counts ->> 'succeeded')) FROM totals";
        serde_json::from_str::<[i64; 1]>(&stand.sql(sql, vec![]).await[0]).unwrap()[0]
    };
    for case in [&case, &other] {
        let job = case.age_id(&case.plain().await, super::erasing::AGE_MS).await;
        case.end_attempt(&job, 1, "", Decision::Succeed).await;
        case.age_totals(5).await;
        let job = case.age_id(&case.plain().await, super::erasing::AGE_MS).await;
        case.end_attempt(&job, 1, "", Decision::Succeed).await;
        assert_eq!(case.snapshots().await.len(), 1);
    }
    // More than one round deletes.
    let sql = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1200)
        INSERT INTO snapshots (tenant, kind, endpoint, minute, counts) SELECT ?1, 'webhook', 'orders', n, '{}' FROM numbers RETURNING minute";
    stand.sql(sql, vec![case.tenant.as_str().into()]).await;
    let before = sum().await;
    case.finish(&case.erasure(Some("someone")).await).await;
    assert_eq!(case.totals().await.len(), 1, "totals have no subject");
    case.finish(&case.erasure(None).await).await;
    assert_eq!((case.totals().await.len(), case.snapshots().await.len()), (0, 0));
    assert_eq!((other.totals().await.len(), other.snapshots().await.len()), (1, 1));
    assert_eq!(sum().await, before);
}
