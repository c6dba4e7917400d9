//! The walk of a rotation of the master key: it re-seals every sealed value, and ends when no old value can be written.
//!
//! It walks through the rows of all tenants, so it needs a separate database.

use longshore::limits::{RESEALED_ROWS, ROTATION_WAIT_MS};
use longshore::manage::endpoints::{put_endpoint, read_secrets, read_tenant_secret, rotate_secret};
use longshore::manage::health::{RotationRow, read_health, stamp_tick};
use longshore::manage::operate::retry_now;
use longshore::model::job::JobRef;
use longshore::run::process::process;
use longshore::schedules::manage::{put_schedule, run_schedule};
use longshore::security::keyring::Keyring;
use longshore::security::signing::MasterKey;
use longshore::settings::Settings;
use longshore::sweep::sweep;
use longshore::wire::job_queue::JobQueue;
use longshore_conformance::stand::operator;
use longshore_conformance::{Case, Stand};
use longshore_kit::options::MASTER_KEY;
use serde_json::{Value, json};

use super::Sqlite;

/// Sweeps of a walk: the first starts it, the next ones finish the rows of these tests.
const SWEEPS: usize = 3;

/// Settings of the deployment with the new key; `old` is the key that it accepts as well.
fn rotated(stand: &Stand<Sqlite>, old: Option<MasterKey>) -> Settings {
    let new = MasterKey::parse(&"5a".repeat(32)).unwrap();
    Settings { keys: Keyring::new(new, None, old), ..stand.settings.clone() }
}

fn old_key() -> MasterKey {
    MasterKey::parse(MASTER_KEY).unwrap()
}

async fn walk(stand: &Stand<Sqlite>, settings: &Settings) -> Option<RotationRow> {
    for _ in 0..SWEEPS {
        sweep(stand, settings).await.unwrap();
    }
    read_health(stand, settings).await.unwrap().rotation
}

/// Number of rows with a value that the old key sealed.
async fn sealed_with_old(stand: &Stand<Sqlite>, settings: &Settings) -> u64 {
    let sql = "SELECT CAST((SELECT count(*) FROM signing_secrets WHERE instr(sealed, ?1))
        + (SELECT count(*) FROM endpoints WHERE instr(headers, ?1))
        + (SELECT count(*) FROM schedules WHERE instr(job, ?1))
        + (SELECT count(*) FROM jobs WHERE instr(payload, ?1)) AS TEXT)";
    let old = settings.keys.old().unwrap();
    stand.sql(sql, vec![old.into()]).await[0].parse().unwrap()
}

/// A job for later, with two secret headers.
fn secret_job() -> Value {
    let headers = json!({"authorization": "hush", "x-api-key": "quiet", "x-plain": "seen"});
    let payload = json!({"url": "https://example.com/hook", "headers": headers, "body": {"ä": "\u{1}"}});
    json!({"kind": "webhook", "delay_seconds": 86_400, "payload": payload})
}

/// Creates every kind of sealed value, and jobs on several pages.
async fn fill(case: &Case<'_, Sqlite>) -> Vec<JobRef> {
    let (stand, settings) = (case.stand, &case.stand.settings);
    let headers = json!({"authorization": "hush", "x-own": "quiet"});
    let endpoint = json!({"url": "https://orders.example.com/hook", "headers": headers}).to_string();
    put_endpoint(stand, &operator(stand), settings, &case.tenant, "orders", endpoint.as_bytes()).await.unwrap();
    rotate_secret(stand, &operator(stand), settings, &case.tenant, "orders").await.unwrap();
    read_tenant_secret(stand, &operator(stand), settings, &case.tenant).await.unwrap();
    let mut schedule = secret_job();
    schedule.as_object_mut().unwrap().remove("delay_seconds");
    schedule["cron"] = json!("0 3 29 2 *");
    put_schedule(stand, &operator(stand), settings, &case.tenant, "leap", schedule.to_string().as_bytes())
        .await
        .unwrap();
    let plain = json!({"kind": "webhook", "delay_seconds": 86_400, "payload": {"url": "https://example.com/hook"}});
    let count = usize::try_from(2 * RESEALED_ROWS + 20).unwrap();
    let jobs: Vec<_> = (0..count).map(|n| (if n % 100 == 7 { secret_job() } else { plain.clone() }, None)).collect();
    let accepted = case.accept(&jobs).await.unwrap();
    accepted.into_iter().enumerate().filter(|(n, _)| n % 100 == 7).map(|(_, job)| job.unwrap().job).collect()
}

/// Value of a header in the last request.
fn sent(stand: &Stand<Sqlite>, name: &str) -> String {
    let requests = stand.requests.borrow();
    let headers = &requests.last().unwrap().headers;
    headers.iter().find(|(known, _)| known == name).unwrap().1.clone()
}

#[tokio::test]
async fn a_rotation_reseals_everything() {
    let stand = super::stand();
    let case = stand.case().await;
    let jobs = fill(&case).await;
    let shown = async |settings: &Settings| {
        let endpoint = read_secrets(&stand, &operator(&stand), settings, &case.tenant, "orders").await.unwrap();
        (endpoint, read_tenant_secret(&stand, &operator(&stand), settings, &case.tenant).await.unwrap())
    };
    let before = shown(&stand.settings).await;
    let both = rotated(&stand, Some(old_key()));
    let count = sealed_with_old(&stand, &both).await;
    assert_eq!(count, 3 + 1 + 1 + jobs.len() as u64, "secrets, an endpoint, a schedule, jobs");
    stamp_tick(&stand, &both).await.unwrap();
    let health = walk(&stand, &both).await.unwrap();
    assert_eq!(sealed_with_old(&stand, &both).await, 0);
    assert_eq!(
        (health.done, health.left),
        (0, Some(3 + 2 + 2 + 2 * jobs.len() as u64)),
        "one old value may still be written"
    );
    assert_eq!(shown(&both).await, before, "receivers see no difference");
    // A request that started before the producer was replaced ends now.
    let late = case.accept_one(secret_job(), None).await.unwrap().job;
    case.make_past(ROTATION_WAIT_MS).await;
    let health = walk(&stand, &both).await.unwrap();
    assert_eq!((health.done, health.left, sealed_with_old(&stand, &both).await), (0, Some(2), 0));
    case.make_past(ROTATION_WAIT_MS).await;
    let health = walk(&stand, &both).await.unwrap();
    assert_eq!((health.done, health.left), (1, Some(0)));
    // The old key is removed, and everything still opens.
    let last = rotated(&stand, None);
    assert_eq!(shown(&last).await, before);
    let fired = run_schedule(
        &stand,
        &operator(&stand),
        &case.tenant,
        "leap",
        None,
        &longshore::model::origin::Origin::default(),
    )
    .await
    .unwrap();
    for job in jobs.iter().chain([&late]) {
        retry_now(&stand, &operator(&stand), job).await.unwrap();
    }
    for job in jobs.iter().chain([&late, &fired.job]) {
        process(&stand, &last, JobQueue::Webhooks, vec![job.clone()]).await;
        let headers = ["authorization", "x-api-key", "x-plain"].map(|name| sent(&stand, name));
        assert_eq!(headers, ["hush", "quiet", "seen"]);
        assert_eq!(stand.requests.borrow().last().unwrap().body, "{\"ä\":\"\\u0001\"}".as_bytes());
    }
    let to_endpoint = case.to_endpoint("orders").await;
    process(&stand, &last, JobQueue::Webhooks, vec![to_endpoint]).await;
    assert_eq!((sent(&stand, "authorization"), sent(&stand, "x-own")), ("hush".to_owned(), "quiet".to_owned()));
}

/// The walk waits while the producer seals with the old key, also after a rollback: it would miss values.
#[tokio::test]
async fn a_rotation_waits_for_both_workers() {
    let stand = super::stand();
    let case = stand.case().await;
    fill(&case).await;
    let both = rotated(&stand, Some(old_key()));
    let count = sealed_with_old(&stand, &both).await;
    for (producer, is_walking, left) in [(&stand.settings, false, count), (&both, true, 0), (&stand.settings, false, 0)]
    {
        stamp_tick(&stand, producer).await.unwrap();
        assert_eq!(walk(&stand, &both).await.is_some(), is_walking);
        assert_eq!(sealed_with_old(&stand, &both).await, left);
    }
    // The old key is only accepted as well, because the other Worker may seal with it: no rotation starts.
    let keys = Keyring::new(old_key(), MasterKey::parse(&"5a".repeat(32)).ok(), None);
    let next = Settings { keys, ..stand.settings.clone() };
    stamp_tick(&stand, &next).await.unwrap();
    assert!(walk(&stand, &next).await.is_none());
}

/// A rotation that ended, was rolled back and starts again finds the values that the old key sealed in between, even if
/// the producer has not ticked since.
#[tokio::test]
async fn a_rotation_that_was_rolled_back_walks_again() {
    let stand = super::stand();
    let case = stand.case().await;
    let both = rotated(&stand, Some(old_key()));
    stamp_tick(&stand, &both).await.unwrap();
    walk(&stand, &both).await.unwrap();
    case.make_past(ROTATION_WAIT_MS).await;
    assert_eq!(walk(&stand, &both).await.unwrap().done, 1);
    // Rolled back: the old key seals, and the new one is accepted.
    let keys = Keyring::new(old_key(), MasterKey::parse(&"5a".repeat(32)).ok(), None);
    let back = Settings { keys, ..stand.settings.clone() };
    sweep(&stand, &back).await.unwrap();
    read_tenant_secret(&stand, &operator(&stand), &back, &case.tenant).await.unwrap();
    assert_eq!(sealed_with_old(&stand, &both).await, 1);
    let health = walk(&stand, &both).await.unwrap();
    assert_eq!((health.done, sealed_with_old(&stand, &both).await), (0, 0));
    case.make_past(ROTATION_WAIT_MS).await;
    assert_eq!(walk(&stand, &both).await.unwrap().done, 1);
}
