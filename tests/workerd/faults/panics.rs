//! A panic inside the wasm, which ends the whole instance with everything in flight. Acknowledged jobs end, and the
//! next request is answered.

use futures_util::future::join_all;
use longshore_kit::client::eventually;
use longshore_kit::runner::Faults;

use crate::faults::crash::sweep_until_all_end;
use crate::support::ledger::assert_agrees;
use crate::support::tenant::{SOON, Tenant};
use crate::support::world::{World, with_faults};

/// Log line of the Worker's JavaScript after a panic of its wasm; the next constant is the one for a new instance.
const PANICKED: &str = "Critical RuntimeError: unreachable";
const NEW_INSTANCE: &str = "Reinitializing Wasm application";

async fn post(tenant: &Tenant<'_>, number: usize) -> Option<String> {
    tenant.accept_with_key(&format!("key-{number}"), &tenant.webhook("/ok")).await
}

async fn until_armed(world: &World) {
    let armed = eventually(SOON, async || (world.runner.injected().await.unwrap().panic == 1).then_some(()));
    assert!(armed.await.is_some());
}

/// Waits for a log line: a Worker logs through a pipe, so its answer may arrive first.
async fn until_logged(world: &World, text: &str) {
    let logged = eventually(SOON, async || world.log().contains(text).then_some(())).await;
    assert!(logged.is_some(), "the log does not say {text:?}: {}", world.log());
}

#[test]
fn a_panic_of_the_producer_among_fifty_requests() {
    with_faults("panic-producer", async |world| {
        let tenant = world.tenant().await;
        // D1 answers late, so that all fifty are in flight together.
        let slow = Faults { d1_stall_ms: 10_000, ..Faults::default() };
        world.runner.faults(&slow).await.unwrap();
        let posts = join_all((0..50).map(|number| post(&tenant, number)));
        let panic = async {
            let waiting = async || (world.runner.injected().await.unwrap().stall >= 50).then_some(());
            assert!(eventually(SOON, waiting).await.is_some());
            world.runner.faults(&Faults { panic: Some("producer"), ..slow }).await.unwrap();
            // The first one arms it, the second one panics.
            let second = async {
                until_armed(world).await;
                tenant.api.get("/v1/jobs").await
            };
            tokio::join!(tenant.api.get("/v1/jobs"), second)
        };
        let (answers, _) = tokio::join!(posts, panic);
        assert!(answers.iter().any(Option::is_none), "the panic took some of the fifty along");
        world.runner.faults(&Faults::default()).await.unwrap();
        assert_eq!(world.anyone.get("/healthz").await.unwrap().status, 200);
        until_logged(world, PANICKED).await;
        until_logged(world, NEW_INSTANCE).await;
        let again = join_all((0..50).map(|number| post(&tenant, number))).await;
        for (before, again) in answers.iter().zip(&again) {
            assert!(again.is_some() && (before.is_none() || before == again), "{before:?} {again:?}");
        }
        sweep_until_all_end(&tenant).await;
        assert_eq!((tenant.count_jobs().await, tenant.received().len()), (50, 50));
        assert_agrees(&tenant).await;
    });
}

#[test]
fn a_panic_of_the_consumer_among_fifty_jobs() {
    with_faults("panic-consumer", async |world| {
        let tenant = world.tenant().await;
        tenant.accept_all(&vec![tenant.webhook("/slow/200"); 50]).await;
        let out = eventually(SOON, async || (tenant.received().len() > 2).then_some(())).await;
        assert!(out.is_some());
        world.runner.faults(&Faults { panic: Some("consumer"), ..Faults::default() }).await.unwrap();
        until_armed(world).await;
        until_logged(world, PANICKED).await;
        // A sweep that runs in the instance dies with it, and the next one creates a new instance.
        assert!(eventually(SOON, async || world.runner.tick_consumer().await.ok()).await.is_some());
        until_logged(world, NEW_INSTANCE).await;
        sweep_until_all_end(&tenant).await;
        assert_eq!(tenant.count_succeeded().await, 50);
        assert!(tenant.count_unknown().await > 0, "the panic took running jobs along");
        assert_eq!(tenant.complete(&tenant.webhook("/ok")).await["state"], "succeeded");
        assert_agrees(&tenant).await;
    });
}
