//! Changed cursors: every flipped bit, and every other list, filter and tenant. The answer is always the same refusal,
//! and never a row.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{StreamExt, stream};
use longshore_kit::client::{Client, eventually};
use serde_json::json;

use crate::http::routes::yearly;
use crate::support::refusal::{BAD_CURSOR, assert_refused};
use crate::support::tenant::{SOON, Tenant};
use crate::support::world::{World, each, shared};

/// Requests at once.
const AT_ONCE: usize = 16;
/// Rows of each list: a page of one row has a next page.
const ROWS: usize = 2;

/// Lists with cursors. The last one needs a key for all tenants.
const LISTS: [&str; 7] = [
    "/v1/jobs",
    "/v1/dead-letters",
    "/v1/causes",
    "/v1/endpoints",
    "/v1/schedules",
    "/v1/keys",
    "/v1/malformed-messages",
];

/// A tenant with rows in each list.
async fn tenant_with_rows(world: &World) -> Tenant<'_> {
    let tenant = world.tenant().await;
    each(0..ROWS, async |n| {
        tenant.dead_letter().await;
        let mut other = tenant.webhook(&format!("/status/{}", 501 + n));
        other["max_attempts"] = json!(1);
        tenant.complete(&other).await;
        tenant.endpoint(&format!("orders-{n}"), "/ok", json!({})).await;
        let schedule = tenant.api.put(&format!("/v1/schedules/report-{n}"), &yearly(&tenant)).await.unwrap();
        assert_eq!(schedule.status, 200, "{}", schedule.body);
        world.key(&tenant.name, &["jobs:read"]).await;
        world.runner.queue_raw("hints", "no hint").await.unwrap();
    })
    .await;
    tenant
}

/// Waits for a second row of a list. Returns the valid cursor of the first page of one row.
async fn cursor_of(api: &Client, list: &str) -> String {
    let found = eventually(SOON, async || {
        let page = api.get(&format!("{list}?limit=1")).await.unwrap();
        assert_eq!(page.status, 200, "{list}: {}", page.body);
        let cursor = page.body["next_cursor"].as_str()?;
        let next = api.get(&format!("{list}?limit=1&cursor={cursor}")).await.unwrap();
        assert_eq!(next.status, 200, "{list}: {}", next.body);
        (!next.body["data"].as_array()?.is_empty()).then(|| cursor.to_owned())
    });
    found.await.expect("there are two rows")
}

/// Copies with one flipped bit: of each bit, or of one bit per byte.
fn flips(bytes: &[u8], each: bool) -> Vec<Vec<u8>> {
    let flip = |bit: usize| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    };
    // Nine bits further is the next bit of the next byte.
    (0..8 * bytes.len()).step_by(if each { 1 } else { 9 }).map(flip).collect()
}

/// The cursor with flipped bits, in its sealed bytes and in its text.
fn flipped(cursor: &str, each: bool) -> Vec<String> {
    let of_seal = flips(&URL_SAFE_NO_PAD.decode(cursor).unwrap(), each);
    let percent = |text: Vec<u8>| text.iter().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
    let of_text = flips(cursor.as_bytes(), each).into_iter().map(percent);
    of_seal.into_iter().map(|sealed| URL_SAFE_NO_PAD.encode(sealed)).chain(of_text).collect()
}

#[test]
fn every_flipped_bit_of_a_cursor_is_refused() {
    shared(async |world| {
        let tenant = tenant_with_rows(world).await;
        let all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
        let mut requests = Vec::new();
        for list in LISTS {
            let api = if list == "/v1/malformed-messages" { &all } else { &tenant.api };
            let cursor = cursor_of(api, list).await;
            // All lists read cursors with the same code, so only one of them gets every case.
            let mut wrong = flipped(&cursor, list == LISTS[0]);
            wrong.extend(["", "A", "%00", "%ff", &cursor[1..], &cursor[..cursor.len() - 1]].map(str::to_owned));
            wrong.extend([format!("{cursor}A"), format!("{cursor}="), format!("{cursor}{cursor}"), "A".repeat(5_000)]);
            requests.extend(wrong.into_iter().map(|wrong| (api, format!("{list}?limit=1&cursor={wrong}"))));
        }
        println!("{} requests with changed cursors", requests.len());
        let asked = stream::iter(requests).for_each_concurrent(AT_ONCE, async |(api, path)| {
            assert_refused(&path, &api.get(&path).await.unwrap(), BAD_CURSOR);
        });
        asked.await;
    });
}

/// A cursor belongs to one list with its filters, and to one tenant.
#[test]
fn a_cursor_of_another_list_filter_or_tenant_is_refused() {
    shared(async |world| {
        let (tenant, other) = (tenant_with_rows(world).await, world.tenant().await);
        let all = world.anyone.with_key(&world.key("*", &["admin"]).await.1);
        let filters = [
            "",
            "state=dead",
            "state=queued",
            "kind=webhook",
            "group=a",
            "event_id=a",
            "endpoint=orders",
            "created_after=2020-01-01T00:00:00Z",
            "created_before=2099-01-01T00:00:00Z",
            "idempotency_key=a",
        ];
        let mut places: Vec<String> = LISTS.iter().map(|list| format!("{list}?")).collect();
        places.extend(filters[1..].iter().map(|filter| format!("/v1/jobs?{filter}&")));
        for (list, filter) in LISTS[..5].iter().map(|list| (*list, "")).chain([("/v1/jobs", "kind=webhook")]) {
            let from = if filter.is_empty() { format!("{list}?") } else { format!("{list}?{filter}&") };
            let page = tenant.read(&format!("{from}limit=1")).await;
            let cursor = page["next_cursor"].as_str().unwrap_or_else(|| panic!("{from}: {page}")).to_owned();
            for place in &places {
                let api = if place.starts_with("/v1/malformed-messages") { &all } else { &tenant.api };
                let answer = api.get(&format!("{place}cursor={cursor}")).await.unwrap();
                let what = format!("the cursor of {from} at {place}");
                if *place == from {
                    assert_eq!(answer.status, 200, "{what}");
                } else {
                    assert_refused(&what, &answer, BAD_CURSOR);
                }
            }
            let stolen = format!("{from}cursor={cursor}");
            assert_refused(&stolen, &other.api.get(&stolen).await.unwrap(), BAD_CURSOR);
            let of_all = format!("{stolen}&tenant={}", other.name);
            assert_refused(&of_all, &all.get(&of_all).await.unwrap(), BAD_CURSOR);
        }
    });
}
