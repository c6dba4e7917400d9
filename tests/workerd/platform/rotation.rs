//! A rotation of the master key, through all steps of its procedure (docs/operations.md), with each Worker one step
//! behind the other at some time. No sealed value is lost, and receivers see no difference.

use longshore_kit::client::eventually;
use longshore_kit::options::MASTER_KEY;
use longshore_kit::receiver::Receiver;
use longshore_kit::runner::Options;
use longshore_kit::scratch::Scratch;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::support::tenant::{SOON, Tenant, to_endpoint};
use crate::support::world::{World, block_on, options_in};

const NEXT: &str = "8899aabbccddeeff00112233445566778899aabbccddeeff0011223344556677";

/// Keys of a Worker after each step: the sealing key, the next one, the old one.
const STEPS: [[&str; 3]; 4] = [[MASTER_KEY, "", ""], [MASTER_KEY, NEXT, ""], [NEXT, "", MASTER_KEY], [NEXT, "", ""]];

/// Steps of producer and consumer, in order; the walk runs when both are at the second.
const ORDER: [(usize, usize); 10] = [(0, 0), (1, 0), (0, 1), (1, 1), (2, 1), (1, 2), (2, 2), (3, 2), (2, 3), (3, 3)];

fn at(options: &Options, (producer, consumer): (usize, usize)) -> Options {
    let mut options = options.clone();
    for (worker, step) in [("producer", producer), ("consumer", consumer)] {
        for (name, value) in ["MASTER_KEY", "MASTER_KEY_NEXT", "MASTER_KEY_OLD"].into_iter().zip(STEPS[step]) {
            options.worker_vars.push((worker, name.to_owned(), value.to_owned()));
        }
    }
    options
}

/// State that the pair before left: a page to continue, and jobs that wait.
struct Left {
    cursor: String,
    jobs: Vec<String>,
}

/// Creates later jobs with a secret header, to a URL and to an endpoint that the pair made; and reads half a list.
async fn leave(tenant: &Tenant<'_>, name: &str) -> Left {
    let mut to_url = tenant.webhook("/ok");
    to_url["payload"]["headers"] = json!({"authorization": "hush"});
    tenant.endpoint(name, "/ok", json!({"headers": {"x-own": "quiet"}})).await;
    let mut jobs = Vec::new();
    for mut job in [to_url, to_endpoint(name), to_endpoint("orders")] {
        job["delay_seconds"] = json!(3_600);
        jobs.push(tenant.accept(&job).await);
    }
    let page = tenant.read("/v1/jobs?limit=1").await;
    Left { cursor: page["next_cursor"].as_str().unwrap().to_owned(), jobs }
}

/// Continues with another pair.
async fn continue_with(tenant: &Tenant<'_>, left: &Left, secrets: &(Value, Value)) {
    assert_eq!(
        tenant.read(&format!("/v1/jobs?limit=1&cursor={}", left.cursor)).await["data"].as_array().unwrap().len(),
        1
    );
    assert_eq!(&shown(tenant).await, secrets);
    for id in &left.jobs {
        assert_eq!(tenant.act(&format!("/v1/jobs/{id}/retry")).await.status, 202);
        assert_eq!(tenant.ended(id).await["state"], "succeeded");
    }
    let received = tenant.received();
    let of = |id: &String| received.iter().find(|request| request.header("webhook-id") == Some(id.as_str())).unwrap();
    let [to_url, to_new, to_orders] = [0, 1, 2].map(|n| of(&left.jobs[n]));
    assert_eq!(to_url.header("authorization"), Some("hush"));
    assert_eq!(to_new.header("x-own"), Some("quiet"));
    for (request, secret) in [(to_url, &secrets.1), (to_orders, &secrets.0)] {
        Webhook::new(secret.as_str().unwrap()).unwrap().verify(&request.body, &request.headers).unwrap();
    }
}

async fn shown(tenant: &Tenant<'_>) -> (Value, Value) {
    let endpoint = tenant.read("/v1/endpoints/orders/secret").await["secret"].clone();
    (endpoint, tenant.read("/v1/secret").await["secret"].clone())
}

/// Ticks both crons, half an hour apart, until readiness reports this state of the rotation.
async fn until(world: &World, state: &str) {
    let past = "UPDATE rotations SET since = since - 1800000, began_at = began_at - 1800000";
    let told = eventually(SOON, async || {
        world.runner.tick_producer().await.unwrap();
        world.runner.tick_consumer().await.unwrap();
        world.runner.query(past, vec![]).await.unwrap();
        let rotation = world.anyone.get("/readyz").await.unwrap().body["key_rotation"].clone();
        (rotation["state"] == state).then_some(())
    });
    told.await.unwrap_or_else(|| panic!("not {state}"));
}

async fn count_sealed_with_first(world: &World, id: &str) -> u64 {
    let sql = "SELECT (SELECT count(*) FROM signing_secrets WHERE instr(sealed, ?1))
        + (SELECT count(*) FROM endpoints WHERE instr(headers, ?1))
        + (SELECT count(*) FROM jobs WHERE instr(payload, ?1)) AS n";
    world.number(sql, vec![json!(id)]).await
}

#[test]
fn a_rotation_with_each_worker_one_step_behind() {
    block_on(async {
        let scratch = Scratch::new("rotation").unwrap();
        let options = options_in(&scratch);
        let mut receiver = Receiver::start().await.unwrap();
        let mut before: Option<(String, (Value, Value), Left)> = None;
        let mut first_id = String::new();
        for (turn, steps) in ORDER.into_iter().enumerate() {
            let world = World::start_beside(receiver, at(&options, steps)).await;
            let key = match &before {
                Some((key, ..)) => key.clone(),
                None => world.key("rotating", &["admin"]).await.1,
            };
            let tenant = Tenant::new(&world, "rotating".to_owned(), world.anyone.with_key(&key));
            let secrets = if let Some((_, secrets, left)) = before {
                continue_with(&tenant, &left, &secrets).await;
                secrets
            } else {
                tenant.endpoint("orders", "/ok", json!({})).await;
                let rows = world.runner.query("SELECT substr(sealed, 1, 8) AS id FROM signing_secrets", vec![]);
                first_id = rows.await.unwrap()[0]["id"].as_str().unwrap().to_owned();
                shown(&tenant).await
            };
            let left = leave(&tenant, &format!("pair-{turn}")).await;
            match steps {
                (2, 2) => {
                    assert!(count_sealed_with_first(&world, &first_id).await > 0);
                    until(&world, "done").await;
                    assert_eq!(count_sealed_with_first(&world, &first_id).await, 0);
                }
                // The consumer would walk, but the producer still seals with the old key.
                (1, 2) => {
                    world.runner.tick_producer().await.unwrap();
                    world.runner.tick_consumer().await.unwrap();
                    assert!(count_sealed_with_first(&world, &first_id).await > 0);
                }
                (2, 1) => until(&world, "waiting").await,
                _ => {}
            }
            before = Some((key, secrets, left));
            world.runner.stop().await.unwrap();
            receiver = world.receiver;
        }
    });
}
