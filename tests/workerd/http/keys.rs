//! API keys: who creates them, what they allow, when they expire, and that none is stored.

use serde_json::{Value, json};

use longshore_kit::client::{Client, early_in_a_day, eventually};
use longshore_kit::options::ROOT_TOKEN;

use crate::support::refusal::{
    BAD_HEADER, FORBIDDEN, NOT_FOUND, QUOTA_REACHED, UNAUTHENTICATED, assert_refused, invalid, parameter,
};
use crate::support::tenant::{SOON, id_of, in_ms};
use crate::support::world::{World, shared};

#[test]
fn a_key_from_creation_to_revocation() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let expires_at = in_ms(3_600_000);
        let request = json!({"tenant": tenant.name, "scopes": ["jobs:read", "jobs:write"], "name": "CI ä", "expires_at": expires_at});
        let made = tenant.api.post("/v1/keys", &request).await.unwrap();
        assert_eq!(made.status, 201, "{}", made.body);
        let (id, token) = (id_of(&made.body), made.body["key"].as_str().unwrap().to_owned());
        assert!(token.starts_with(&format!("ls_{id}_")));
        let listed = tenant.read("/v1/keys").await;
        let row = listed["data"].as_array().unwrap().iter().find(|row| row["id"] == json!(id)).unwrap().clone();
        let mut expected = made.body.clone();
        expected.as_object_mut().unwrap().remove("key");
        expected["created_at"] = row["created_at"].clone();
        assert_eq!(row, expected, "a list shows no token");
        let caller = tenant.api.with_key(&token);
        assert_eq!(caller.post("/v1/jobs", &tenant.webhook("/ok")).await.unwrap().status, 202);
        let revoked = tenant.api.delete(&format!("/v1/keys/{id}")).await.unwrap();
        assert_eq!((revoked.status, revoked.body), (204, Value::Null));
        assert_refused("revoked", &caller.get("/v1/jobs").await.unwrap(), UNAUTHENTICATED);
        assert_refused("revoked", &caller.post("/v1/jobs", &tenant.webhook("/ok")).await.unwrap(), UNAUTHENTICATED);
        assert_eq!(tenant.api.delete(&format!("/v1/keys/{id}")).await.unwrap().status, 204, "a repeat changes nothing");
        assert_eq!(tenant.count_jobs().await, 1);
        assert_no_token_is_stored(world, &token).await;
    });
}

/// Checks that neither the token nor its secret is in the database or in a log.
async fn assert_no_token_is_stored(world: &World, token: &str) {
    let secret = token.split('_').nth(2).unwrap();
    let rows = world.runner.query("SELECT * FROM api_keys", vec![]).await.unwrap();
    let mut kept = serde_json::to_string(&rows).unwrap();
    kept.push_str(&world.log());
    assert!(!kept.contains(secret));
}

#[test]
fn a_key_expires() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let request = json!({"tenant": tenant.name, "scopes": ["admin"], "expires_at": in_ms(1_500)});
        let made = world.make_key(&request).await;
        let caller = tenant.api.with_key(made["key"].as_str().unwrap());
        assert_eq!(caller.get("/v1/jobs").await.unwrap().status, 200);
        let refused = eventually(SOON, async || {
            let answer = caller.get("/v1/jobs").await.unwrap();
            (answer.status != 200).then_some(answer)
        });
        assert_refused("expired", &refused.await.unwrap(), UNAUTHENTICATED);
        let answer = caller.post("/v1/jobs", &tenant.webhook("/ok")).await.unwrap();
        assert_refused("expired", &answer, UNAUTHENTICATED);
        assert_eq!(tenant.count_jobs().await, 0);
    });
}

#[test]
fn invalid_keys_are_refused() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let (_, token) = world.key(&tenant.name, &["admin"]).await;
        let (body, sum) = token.rsplit_once('_').unwrap();
        let wrong = [
            "x".to_owned(),
            "ls_".to_owned(),
            token.to_uppercase(),
            token[..token.len() - 1].to_owned(),
            format!("{token}0"),
            format!("{body}_{}", "0".repeat(sum.len())),
            body.replacen("ls_", "sk_", 1),
            ROOT_TOKEN.to_owned(),
            unknown_key(),
        ];
        for key in wrong {
            assert_refused(&key, &tenant.api.with_key(&key).get("/v1/jobs").await.unwrap(), UNAUTHENTICATED);
            let answer = tenant.api.with_key(&key).post("/v1/jobs", &tenant.webhook("/ok")).await.unwrap();
            assert_refused(&key, &answer, UNAUTHENTICATED);
        }
        // A caller without rights does not learn what is wrong with the request.
        for path in ["/v1/jobs", "/v1/jobs/batch"] {
            let answer = tenant.api.with_key(&unknown_key()).post(path, &json!({"wrong": 1})).await.unwrap();
            assert_refused(path, &answer, UNAUTHENTICATED);
        }
        for header in ["", "Bearer", "Bearer ", &format!("Basic {token}"), &token, &format!("Bearer {token} x")] {
            let headers = [("authorization", header)];
            let answer = world.anyone.request("GET", "/v1/jobs", &headers, Vec::new()).await.unwrap();
            assert_refused(header, &answer, UNAUTHENTICATED);
        }
        let headers = [("authorization", format!("bearer  {token}"))];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = world.anyone.request("GET", "/v1/jobs", &headers, Vec::new()).await.unwrap();
        assert_eq!(answer.status, 200, "a scheme is written in any case");
        assert_eq!(tenant.count_jobs().await, 0);
    });
}

/// A well-formed token that no store has.
pub(crate) fn unknown_key() -> String {
    longshore::security::key::mint([7; 8], [9; 32]).1
}

/// The root token creates keys, and nothing else; an answer does not distinguish it from a wrong token.
#[test]
fn the_root_token_makes_keys() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let root = world.anyone.with_key(ROOT_TOKEN);
        let (id, _) = world.key(&tenant.name, &["operate"]).await;
        let listed = root.get("/v1/keys?limit=100").await.unwrap();
        assert_eq!(listed.status, 200);
        assert_eq!(root.delete(&format!("/v1/keys/{id}")).await.unwrap().status, 204);
        for path in ["/v1/jobs", "/v1/endpoints", "/v1/malformed-messages", "/v1/dead-letters"] {
            assert_refused(path, &root.get(path).await.unwrap(), UNAUTHENTICATED);
        }
        let almost = world.anyone.with_key(&ROOT_TOKEN[1..]);
        let request = json!({"tenant": tenant.name, "scopes": ["admin"]});
        assert_refused("almost", &almost.post("/v1/keys", &request).await.unwrap(), UNAUTHENTICATED);
    });
}

/// An admin manages the keys of its tenant and sees no others.
#[test]
fn an_admin_manages_the_keys_of_its_tenant() {
    shared(async |world| {
        let (one, two) = (world.tenant().await, world.tenant().await);
        let (foreign, _) = world.key(&two.name, &["admin"]).await;
        assert_refused("another's", &one.api.delete(&format!("/v1/keys/{foreign}")).await.unwrap(), NOT_FOUND);
        let keys = one.read("/v1/keys?limit=100").await;
        let keys = keys["data"].as_array().unwrap();
        assert!(keys.iter().all(|key| key["tenant"] == json!(one.name)));
        for tenant in [&two.name, "*"] {
            let request = json!({"tenant": tenant, "scopes": ["jobs:read"]});
            assert_refused(tenant, &one.api.post("/v1/keys", &request).await.unwrap(), FORBIDDEN);
        }
    });
}

#[test]
fn a_key_for_all_tenants_must_name_one() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
        let job = tenant.webhook("/ok");
        for path in ["/v1/jobs", "/v1/endpoints", "/v1/dead-letters", "/v1/jobs/job_0001JJJJJJJJJJJJJJJJJJJJJJJJ"] {
            assert_refused(path, &all.get(path).await.unwrap(), BAD_HEADER);
        }
        assert_refused("accept", &all.post("/v1/jobs", &job).await.unwrap(), BAD_HEADER);
        let batch = json!({"jobs": [job]});
        assert_refused("batch", &all.post("/v1/jobs/batch", &batch).await.unwrap(), BAD_HEADER);
        let named = all.post_with("/v1/jobs", &[("longshore-tenant", &tenant.name)], &job).await.unwrap();
        assert_eq!(named.status, 202, "{}", named.body);
        let id = id_of(&named.body);
        assert_eq!(tenant.ended(&id).await["tenant"], json!(tenant.name));
        let by_parameter = all.get(&format!("/v1/jobs/{id}?tenant={}", tenant.name)).await.unwrap();
        assert_eq!(by_parameter.status, 200);
        let elsewhere = all.get(&format!("/v1/jobs/{id}?tenant=elsewhere")).await.unwrap();
        assert_refused("elsewhere", &elsewhere, NOT_FOUND);
        for name in ["a b", "*", "", "ä", &"x".repeat(65)] {
            let headers = [("longshore-tenant", name)];
            let answer = all.request("GET", "/v1/jobs", &headers, Vec::new()).await.unwrap();
            assert_refused(name, &answer, parameter("tenant", "invalid-name"));
        }
        assert_only_its_own(&tenant.api, &tenant.name).await;
    });
}

/// Checks that a key of one tenant may name that tenant, and no other.
async fn assert_only_its_own(api: &Client, tenant: &str) {
    let own = [("longshore-tenant", tenant)];
    assert_eq!(api.request("GET", "/v1/jobs", &own, Vec::new()).await.unwrap().status, 200);
    let other = [("longshore-tenant", "other")];
    assert_refused("another", &api.request("GET", "/v1/jobs", &other, Vec::new()).await.unwrap(), FORBIDDEN);
    let job = json!({"kind": "webhook", "payload": {"url": "https://example.com/"}});
    assert_refused("another", &api.post_with("/v1/jobs", &other, &job).await.unwrap(), FORBIDDEN);
    assert_refused("another", &api.post("/v1/jobs?tenant=other", &job).await.unwrap(), FORBIDDEN);
}

/// A quota's problem names the time at which the next day begins.
#[test]
fn a_quota_is_reached() {
    early_in_a_day();
    shared(async |world| {
        let tenant = world.tenant().await;
        let all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
        let path = format!("/v1/tenants/{}/quota", tenant.name);
        let bound = json!({"tenant": tenant.name, "jobs_per_day": 2, "jobs_today": 0});
        assert_eq!(all.put(&path, &json!({"jobs_per_day": 2})).await.unwrap().body, bound);
        assert_refused("its own", &tenant.api.put(&path, &json!({"jobs_per_day": 9})).await.unwrap(), FORBIDDEN);
        for (wrong, code) in [(json!(0), "out-of-range"), (json!("2"), "invalid-type"), (json!(-1), "out-of-range")] {
            let answer = all.put(&path, &json!({"jobs_per_day": wrong})).await.unwrap();
            assert_refused("a wrong quota", &answer, invalid("#/jobs_per_day", code));
        }
        tenant.accept_all(&[tenant.webhook("/ok"), tenant.webhook("/ok")]).await;
        let refused = tenant.api.post("/v1/jobs", &tenant.webhook("/ok")).await.unwrap();
        assert_refused("the third", &refused, QUOTA_REACHED);
        let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=86_400).contains(&seconds), "{seconds}");
        assert_eq!(tenant.read(&path).await["jobs_today"], 2);
        assert_eq!(all.put(&path, &json!({"jobs_per_day": null})).await.unwrap().status, 200);
        tenant.accept(&tenant.webhook("/ok")).await;
    });
}
