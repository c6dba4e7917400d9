//! Rate limits: per key, and for refused keys per address and per key id. Without the bindings there are none.

use std::time::UNIX_EPOCH;

use longshore::security::hex;
use longshore::security::key::{mint, parse};
use longshore_kit::client::{Client, eventually};
use longshore_tests::api_document::ApiDocument;

use crate::http::keys::unknown_key;
use crate::support::refusal::{RATE_LIMITED, UNAUTHENTICATED, assert_refused};
use crate::support::tenant::SOON;
use crate::support::world::{alone, shared};

const REQUESTS: u32 = 5;

/// Waits until enough of a clock minute is left for a whole test: every limit restarts each minute.
async fn within_a_minute() {
    let begun = eventually(SOON, async || (UNIX_EPOCH.elapsed().unwrap().as_secs() % 60 < 35).then_some(()));
    begun.await.expect("a minute begins within a minute");
}

/// Sends requests up to the limit, and one more.
async fn use_up(api: &Client, headers: &[(&str, &str)], well: u16) {
    for _ in 0..REQUESTS {
        let answer = api.request("GET", "/v1/jobs", headers, Vec::new()).await.unwrap();
        assert_eq!(answer.status, well, "{}", answer.body);
    }
    let answer = api.request("GET", "/v1/jobs", headers, Vec::new()).await.unwrap();
    assert_refused("limited", &answer, RATE_LIMITED);
    assert_eq!(answer.header("retry-after"), Some("60"));
    let media = answer.header("content-type");
    let errors = ApiDocument::generated().errors_of_answer("GET", "/v1/jobs", 429, media, &answer.body);
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn a_key_is_limited_and_another_is_not() {
    alone(
        "rate-limit-key",
        |options| options.limits = vec![("KEY_LIMIT", REQUESTS)],
        async |world| {
            let tenant = world.tenant().await;
            within_a_minute().await;
            let other = tenant.api.with_key(&world.key(&tenant.name, &["admin"]).await.1);
            use_up(&tenant.api, &[], 200).await;
            assert_eq!(other.get("/v1/jobs").await.unwrap().status, 200, "another key of the same tenant");
            assert_eq!(tenant.api.get("/healthz").await.unwrap().status, 200, "routes without a key have no limit");
            let answer = tenant.api.post("/v1/jobs", &tenant.webhook("/ok")).await.unwrap();
            assert_refused("an accept too", &answer, RATE_LIMITED);
            assert_eq!(tenant.count_jobs().await, 0);
        },
    );
}

/// Made-up keys and requests without a key are limited; health is not.
#[test]
fn an_address_is_limited_before_the_store_is_read() {
    alone(
        "rate-limit-address",
        |options| options.limits = vec![("ADDRESS_LIMIT", REQUESTS)],
        async |world| {
            let tenant = world.tenant().await;
            within_a_minute().await;
            let of = |address| [("cf-connecting-ip", address)];
            use_up(&tenant.api.with_key(&unknown_key()), &of("192.0.2.1"), 401).await;
            use_up(&world.anyone, &of("2001:db8:1:2::1"), 401).await;
            for address in ["192.0.2.1", "2001:db8:1:2:ffff::7"] {
                for path in ["/v1/jobs", "/readyz"] {
                    let answer = tenant.api.request("GET", path, &of(address), Vec::new()).await.unwrap();
                    assert_refused(&format!("{path} from {address}"), &answer, RATE_LIMITED);
                }
                let answer = tenant.api.request("GET", "/healthz", &of(address), Vec::new()).await.unwrap();
                assert_eq!(answer.status, 200, "it reads no store");
            }
            for address in ["192.0.2.2", "2001:db8:1:3::1"] {
                let answer = tenant.api.request("GET", "/v1/jobs", &of(address), Vec::new()).await.unwrap();
                assert_eq!(answer.status, 200, "{address}: {}", answer.body);
            }
        },
    );
}

/// A caller who knows the id of a key, which is not secret, cannot use up its owner's requests.
#[test]
fn refused_keys_are_limited_by_address_and_by_id() {
    alone(
        "rate-limit-refused",
        |options| options.limits = vec![("REFUSED_LIMIT", REQUESTS)],
        async |world| {
            let tenant = world.tenant().await;
            let (_, live) = world.key(&tenant.name, &["admin"]).await;
            let id = parse(&live).unwrap().id;
            let bytes = hex::decode(&id).unwrap().try_into().unwrap();
            let guess = world.anyone.with_key(&mint(bytes, [9; 32]).1);
            within_a_minute().await;
            let one = [("cf-connecting-ip", "192.0.2.1")];
            use_up(&guess, &one, 401).await;
            let again =
                guess.request("GET", "/v1/jobs", &[("cf-connecting-ip", "192.0.2.2")], Vec::new()).await.unwrap();
            assert_refused("the same id from elsewhere", &again, RATE_LIMITED);
            let address = [("cf-connecting-ip", "192.0.2.3")];
            use_up(&world.anyone, &address, 401).await;
            let owner = tenant.api.with_key(&live);
            for headers in [&[][..], &one, &address] {
                let answer = owner.request("GET", "/v1/jobs", headers, Vec::new()).await.unwrap();
                assert_eq!(answer.status, 200, "the owner of the key: {}", answer.body);
            }
        },
    );
}

#[test]
fn without_the_bindings_nothing_is_limited() {
    shared(async |world| {
        let tenant = world.tenant().await;
        for _ in 0..150 {
            assert_refused("refused", &world.anyone.get("/v1/keys").await.unwrap(), UNAUTHENTICATED);
        }
        assert_eq!(tenant.api.get("/v1/jobs").await.unwrap().status, 200);
    });
}
