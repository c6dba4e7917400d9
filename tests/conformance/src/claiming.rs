//! Cases of the claim, the heartbeat and the release.

use longshore::limits::{LEASE_MS, LEASE_SLACK_MS};
use longshore::manage::endpoints::{EndpointChange, change_endpoint};
use longshore::manage::operate::set_paused;
use longshore::model::claimed::Claimed;
use longshore::run::claim::{find_quarantined, heartbeat, release_claim};
use serde_json::json;

use super::stand::{Stand, Store, delay, operator, request};

/// Returns true if the lease lasts `ms`, less at most a second: the clock may advance between the claim and its
/// reading.
fn lasts(claimed: &Claimed, ms: i64) -> bool {
    (ms - 1_000..=ms).contains(&(claimed.lease_until - claimed.now))
}

/// A claim counts the attempt and logs it before anything is sent.
pub async fn a_claim_is_a_log_entry<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let job = case.accept_one(request(json!({"event_id": "e1"})), None).await.unwrap().job;
    let token = stand.token();
    let claimed = case.claim(&token, &[&job], false).await;
    assert_eq!(claimed.len(), 1);
    let (claimed, raw) = (&claimed[0], stand.raw(&job).await);
    assert_eq!((claimed.attempt, claimed.failures, claimed.event_id()), (1, 0, "e1"));
    assert!(lasts(claimed, LEASE_MS));
    assert_eq!((raw["state"].as_str(), raw["attempt"].as_i64()), (Some("running"), Some(1)));
    assert_eq!(raw["log"].as_array().unwrap().len(), 1);
    assert_eq!(raw["log"][0]["lease"], token);
    assert!(raw["log"][0]["started_at"].is_i64() && raw["next_check_at"].is_null());
    let slow = json!({"payload": {"url": "https://example.com/", "timeout_seconds": 30}});
    let slow = case.accept_one(request(slow), None).await.unwrap().job;
    let claimed = case.claim(&token, &[&slow], false).await;
    assert!(lasts(&claimed[0], 30_000 + LEASE_SLACK_MS));
}

/// A second claim returns nothing; a hint with a duplicate or an unknown job changes nothing.
pub async fn a_claim_is_exclusive<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (job, unknown) = (case.plain().await, case.job("job_0000000000000000000000000000"));
    assert_eq!(case.claim(&stand.token(), &[&job, &job, &unknown], false).await.len(), 2, "both names of one row");
    assert!(case.claim(&stand.token(), &[&job], false).await.is_empty());
    assert_eq!(stand.row(&job).await.attempt, 1);
}

/// A repeated claim with the same token returns the same rows, and counts no second attempt.
pub async fn a_repeated_claim_reads_the_same_rows<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (job, token) = (case.plain().await, stand.token());
    let first = case.claim(&token, &[&job], false).await;
    let second = case.claim(&token, &[&job], false).await;
    assert_eq!((first[0].attempt, first[0].lease_until), (second[0].attempt, second[0].lease_until));
    assert_eq!(stand.row(&job).await.log.len(), 1);
}

/// A scheduled job waits until its time, with two seconds of tolerance.
pub async fn a_job_that_is_not_due_waits<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let accepted = case.accept_one(request(json!({"delay_seconds": 60})), None).await.unwrap();
    assert_eq!(delay(&accepted), Some(60));
    assert_eq!(stand.raw(&accepted.job).await["state"], "scheduled");
    assert!(case.claim(&stand.token(), &[&accepted.job], false).await.is_empty());
    case.make_past(50_000).await;
    assert!(case.claim(&stand.token(), &[&accepted.job], false).await.is_empty());
    case.make_past(9_000).await;
    assert_eq!(case.claim(&stand.token(), &[&accepted.job], false).await.len(), 1);
}

/// Jobs of a paused endpoint are held; jobs of other endpoints are claimed.
pub async fn a_paused_endpoint_holds<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("paused").await;
    case.endpoint("active").await;
    let (held, free) = (case.to_endpoint("paused").await, case.to_endpoint("active").await);
    change_endpoint(stand, &operator(stand), &case.tenant, "paused", EndpointChange::Pause).await.unwrap();
    let claimed = case.claim(&stand.token(), &[&held, &free], false).await;
    assert_eq!(claimed.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), [free.id.as_str()]);
    assert!(claimed[0].endpoint.as_ref().unwrap().url.starts_with("https://active."));
    let raw = stand.raw(&held).await;
    assert_eq!((raw["state"].as_str(), raw["attempt"].as_i64()), (Some("held"), Some(0)));
    assert!(raw["next_check_at"].is_null());
}

/// A paused pipeline claims no jobs.
pub async fn a_paused_pipeline_holds<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let job = case.plain().await;
    set_paused(stand, &operator(stand), true).await.unwrap();
    let claimed = case.claim(&stand.token(), &[&job], false).await;
    set_paused(stand, &operator(stand), false).await.unwrap();
    assert!(claimed.is_empty());
    assert_eq!(stand.raw(&job).await["state"], "held");
}

/// A job past its deadline is not claimed.
pub async fn a_job_past_its_deadline_is_not_claimed<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let at = longshore::wire::time::rfc3339(stand.store.now_ms() + 10_000);
    let job = case.accept_one(request(json!({"deadline_at": at})), None).await.unwrap().job;
    case.make_past(11_000).await;
    assert!(case.claim(&stand.token(), &[&job], false).await.is_empty());
    assert_eq!(stand.raw(&job).await["state"], "queued");
}

/// A claim takes either quarantined jobs or the others, never both.
pub async fn quarantined_are_claimed_alone<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (quarantined, other) = (case.plain().await, case.plain().await);
    let quarantine = "UPDATE jobs SET quarantined = 1 WHERE tenant = ?1 AND id = ?2 RETURNING id";
    stand.sql(quarantine, vec![quarantined.tenant.as_str().into(), quarantined.id.as_str().into()]).await;
    let both = [quarantined.clone(), other.clone()];
    assert_eq!(find_quarantined(stand, &both).await.unwrap(), both[..1]);
    let claimed = case.claim(&stand.token(), &[&quarantined, &other], false).await;
    assert_eq!((claimed.len(), &claimed[0].id), (1, &other.id));
    let claimed = case.claim(&stand.token(), &[&quarantined, &other], true).await;
    assert_eq!((claimed.len(), claimed[0].quarantined), (1, 1));
}

/// A heartbeat renews only the attempts that its token holds.
pub async fn a_heartbeat_renews_only_its_own<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (mine, foreign) = (case.plain().await, case.plain().await);
    let token = stand.token();
    case.claim(&token, &[&mine], false).await;
    case.claim(&stand.token(), &[&foreign], false).await;
    case.make_past(20_000).await;
    let attempts = [mine.attempt(1), foreign.attempt(1), mine.attempt(2)];
    assert_eq!(heartbeat(stand, &token, &attempts).await.unwrap(), std::slice::from_ref(&mine));
    let left = |raw: serde_json::Value| raw["lease_until"].as_i64().unwrap() - raw["now"].as_i64().unwrap();
    assert!(left(stand.raw(&mine).await) > LEASE_MS - 2_000);
    assert!(left(stand.raw(&foreign).await) <= 10_000);
}

/// A job that was claimed and then released is exactly as before, attempt number and log included.
pub async fn a_release_restores_exactly<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let job = case.plain().await;
    let (before, token) = (stand.raw(&job).await, stand.token());
    case.claim(&token, &[&job], false).await;
    let attempt = job.attempt(1);
    release_claim(stand, &stand.token(), std::slice::from_ref(&attempt)).await.unwrap();
    assert_eq!(stand.raw(&job).await["state"], "running", "another token releases nothing");
    release_claim(stand, &token, std::slice::from_ref(&attempt)).await.unwrap();
    let mut after = stand.raw(&job).await;
    after["now"] = before["now"].clone();
    assert_eq!(after, before);
    case.claim(&stand.token(), &[&job], false).await;
    release_claim(stand, &token, &[attempt]).await.unwrap();
    assert_eq!(stand.row(&job).await.attempt, 1, "a late release finds another lease");
}
