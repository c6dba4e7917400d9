//! A runtime without random bits: requests fail, and no id or token is made of zeros.

use longshore_kit::client::eventually;
use longshore_kit::options::ROOT_TOKEN;
use longshore_kit::runner::{Faults, Mode};
use serde_json::json;

use crate::support::tenant::SOON;
use crate::support::world::with_faults;

#[test]
fn without_randomness_requests_fail() {
    with_faults("randomness", async |world| {
        let tenant = world.tenant().await;
        let set = async |random| world.runner.faults(&Faults { random, ..Faults::default() }).await.unwrap();
        set(Mode::Fail).await;
        let root = world.anyone.with_key(ROOT_TOKEN);
        let key = json!({"tenant": "keyless", "scopes": ["admin"]});
        let endpoint = json!({"url": tenant.url("/ok")});
        let answers = [
            root.post("/v1/keys", &key).await.unwrap(),
            tenant.api.put("/v1/endpoints/orders", &endpoint).await.unwrap(),
            tenant.api.post("/v1/jobs", &tenant.webhook("/ok")).await.unwrap(),
            tenant.api.get("/v1/jobs").await.unwrap(),
        ];
        for answer in answers {
            assert_eq!((answer.status, &answer.body["type"]), (500, &json!("urn:problem-type:longshore:internal")));
        }
        assert!(world.log().contains("the runtime has no randomness"));
        set(Mode::Ok).await;
        assert_eq!(tenant.count_jobs().await, 0);
        assert_eq!(tenant.read("/v1/endpoints").await["data"], json!([]));
        let sql = "SELECT count(*) AS n FROM api_keys WHERE tenant = 'keyless'";
        assert_eq!(world.number(sql, vec![]).await, 0);
        // The consumer retries its hints, and runs them when it can.
        let id = tenant.accept(&tenant.webhook("/ok")).await;
        eventually(SOON, async || (tenant.job(&id).await["state"] == "succeeded").then_some(())).await.unwrap();
    });
}
