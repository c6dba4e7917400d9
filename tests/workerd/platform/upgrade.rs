//! Upgrade and rollback: the Workers of the previous commit run beside the current ones, in each combination that a
//! deploy may leave. `make previous` builds them.

use std::path::PathBuf;

use longshore_kit::options::Options;
use longshore_kit::receiver::Receiver;
use longshore_kit::scratch::{Scratch, repository};
use serde_json::json;

use crate::delivery::tasks::deferred_job;
use crate::support::tenant::{Tenant, id_of, to_endpoint};
use crate::support::world::{World, block_on, options_in};

fn previous() -> PathBuf {
    repository().join(".longshore/previous")
}

/// Options with the previous version of the named Workers, and with the previous migrations if all are named.
fn with(options: &Options, old: &[&'static str]) -> Options {
    let mut options = options.clone();
    options.from = old.iter().map(|worker| (*worker, previous())).collect();
    options.migrations = (old.len() == 2).then(|| previous().join("migrations"));
    options
}

/// One job per kind of waiting, which only the clock or an operator ends.
struct Waiting {
    scheduled: String,
    retrying: String,
    deferred: String,
    dead: String,
}

impl Waiting {
    async fn jobs(tenant: &Tenant<'_>) -> Waiting {
        let mut later = tenant.webhook("/ok");
        later["delay_seconds"] = json!(3_600);
        let mut failing = tenant.webhook("/status/500");
        failing["retry_schedule"] = json!("webhook-standard");
        let retrying = tenant.accept(&failing).await;
        tenant.until(&retrying, "retrying").await;
        Waiting {
            scheduled: tenant.accept(&later).await,
            retrying,
            deferred: deferred_job(tenant).await,
            dead: tenant.dead_letter().await,
        }
    }

    /// Ends each job in its way.
    async fn end(&self, tenant: &Tenant<'_>) {
        assert_eq!(tenant.act(&format!("/v1/jobs/{}/retry", self.scheduled)).await.status, 202);
        assert_eq!(tenant.ended(&self.scheduled).await["state"], "succeeded");
        assert_eq!(tenant.job(&self.retrying).await["attempts"], 1);
        assert_eq!(tenant.act(&format!("/v1/jobs/{}/cancel", self.retrying)).await.body["state"], "cancelled");
        let done =
            tenant.api.post(&format!("/v1/jobs/{}/complete", self.deferred), &json!({"result": 7})).await.unwrap();
        assert_eq!((done.status, &done.body["result"]), (200, &json!(7)), "{}", done.text);
        let replayed = tenant.act(&format!("/v1/dead-letters/{}/replay", self.dead)).await;
        assert_eq!(replayed.status, 202, "{}", replayed.text);
        assert_eq!(tenant.ended(&id_of(&replayed.body)).await["replay_of"], self.dead.as_str());
    }
}

/// Each pair of Workers does the main job, and ends the jobs that the pair before left open.
#[test]
#[ignore = "its baseline comes with the first release; `make upgrade` runs it"]
fn each_pair_of_a_deploy_continues_the_jobs_of_the_pair_before() {
    assert!(previous().join("consumer/build/index.js").exists(), "make previous builds the Workers of before");
    block_on(async {
        let scratch = Scratch::new("upgrade").unwrap();
        let options = options_in(&scratch);
        let mut receiver = Receiver::start().await.unwrap();
        let mut left: Option<(String, String, Waiting)> = None;
        // A deploy migrates, then replaces the consumer, then the producer; a rollback reverses that, on the new
        // schema.
        let orders: [&[&str]; 5] =
            [&["producer", "consumer"], &["producer"], &[], &["producer"], &["producer", "consumer"]];
        for (turn, old) in orders.into_iter().enumerate() {
            let mut options = with(&options, old);
            if turn > 0 {
                options.migrations = None;
            }
            let world = World::start_beside(receiver, options).await;
            if let Some((name, key, waiting)) = left.take() {
                let owner = Tenant::new(&world, name, world.anyone.with_key(&key));
                waiting.end(&owner).await;
                assert_eq!((owner.count_open().await, owner.count_unknown().await), (0, 0), "after {old:?}");
            }
            let name = format!("pair-{turn}");
            let (_, key) = world.key(&name, &["admin"]).await;
            let tenant = Tenant::new(&world, name.clone(), world.anyone.with_key(&key));
            tenant.endpoint("orders", "/ok", json!({})).await;
            let mut grouped = to_endpoint("orders");
            grouped["group"] = json!("nightly");
            let ids = tenant.accept_all(&[to_endpoint("orders"), grouped]).await;
            for id in &ids {
                assert_eq!(tenant.ended(id).await["state"], "succeeded", "{old:?}");
                assert_eq!(tenant.evidence(id, 1).await["job_id"], id.as_str());
            }
            let waiting = Waiting::jobs(&tenant).await;
            left = Some((name, key, waiting));
            world.runner.stop().await.unwrap();
            receiver = world.receiver;
        }
    });
}
