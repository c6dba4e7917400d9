//! Dead letters: listed, replayed exactly once by repeated requests, replayed with an edited payload, discarded.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::refusal::{ILLEGAL, TOO_LARGE, assert_refused, invalid, parameter};
use crate::support::tenant::{Tenant, id_of, to_endpoint};
use crate::support::world::shared;

/// A dead letter of an endpoint whose receiver works again.
async fn repaired_dead_letter(tenant: &Tenant<'_>) -> Value {
    tenant.endpoint("orders", "/status/500", json!({"max_attempts": 1})).await;
    let mut job = to_endpoint("orders");
    job["group"] = json!("g");
    job["metadata"] = json!({"a": 1});
    let dead = tenant.complete(&job).await;
    assert_eq!(dead["state"], "dead", "{dead}");
    tenant.endpoint("orders", "/ok", json!({"max_attempts": 1})).await;
    dead
}

/// The same filters select jobs and dead letters; wrong ones are refused.
#[test]
fn jobs_and_dead_letters_are_filtered_alike() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let dead = id_of(&repaired_dead_letter(&tenant).await);
        tenant.dead_letter().await;
        for (query, expected) in [
            ("endpoint=orders", 1),
            ("kind=webhook&reason=attempts_exhausted", 2),
            ("reason=crash_loop", 0),
            ("group=g&metadata.a=1", 1),
            ("metadata.a=2", 0),
            ("metadata.b.c=1", 0),
            ("died_after=2026-01-01T00:00:00Z&created_before=2099-01-01T00:00:00Z", 2),
            ("died_before=2026-01-01T00:00:00Z", 0),
        ] {
            for list in ["jobs", "dead-letters"] {
                let page = tenant.read(&format!("/v1/{list}?{query}")).await;
                assert_eq!(page["data"].as_array().unwrap().len(), expected, "{list} {query}: {page}");
                assert!(page["next_cursor"].is_null() && page.get("searched_to").is_none(), "{page}");
            }
        }
        assert_eq!(tenant.read("/v1/dead-letters?metadata.a=1").await["data"][0]["id"], json!(dead));
        for (query, name, code) in [
            ("metadata.=1", "metadata.", "invalid-path"),
            ("reason=tired", "reason", "unknown-value"),
            ("died_after=1", "died_after", "invalid-time"),
            ("metadat.a=1", "metadat.a", "unknown-parameter"),
        ] {
            let answer = tenant.api.get(&format!("/v1/dead-letters?{query}")).await.unwrap();
            assert_refused(query, &answer, parameter(name, code));
        }
    });
}

#[test]
fn a_replay_is_a_new_job_with_the_same_event() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let dead = repaired_dead_letter(&tenant).await;
        let id = id_of(&dead);
        let answer = tenant.act(&format!("/v1/dead-letters/{id}/replay")).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        let successor = id_of(&answer.body);
        assert_ne!(successor, id);
        assert_eq!(answer.header("location"), Some(format!("/v1/jobs/{successor}").as_str()));
        let done = tenant.ended(&successor).await;
        assert_eq!((&done["state"], &done["replay_of"]), (&json!("succeeded"), &json!(id)));
        for field in ["event_id", "group", "metadata", "endpoint", "kind", "max_attempts"] {
            assert_eq!(done[field], dead[field], "{field}");
        }
        let received = tenant.received();
        assert_eq!(received.len(), 2);
        assert!(received.iter().all(|request| request.webhook_id() == id && request.body == received[0].body));
        let letter = tenant.read(&format!("/v1/dead-letters/{id}")).await;
        assert_eq!((&letter["state"], &letter["replayed_by"]), (&json!("replayed"), &json!(successor)));
        assert_eq!(tenant.job(&id).await["replayed_by"], json!(successor));
        assert_eq!(tenant.read("/v1/dead-letters").await["data"], json!([]), "only open ones are listed");
    });
}

#[test]
fn fifty_replays_at_once_are_one() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let id = id_of(&repaired_dead_letter(&tenant).await);
        let path = format!("/v1/dead-letters/{id}/replay");
        let answers = join_all((0..50).map(|_| tenant.act(&path))).await;
        let winners: Vec<_> = answers.iter().filter(|answer| answer.status == 202).collect();
        assert_eq!(winners.len(), 1);
        let successor = id_of(&winners[0].body);
        for loser in answers.iter().filter(|answer| answer.status != 202) {
            assert_refused("a second replay", loser, ILLEGAL);
            assert!(loser.body["detail"].as_str().unwrap().contains(&successor), "{}", loser.body);
        }
        assert_eq!(tenant.ended(&successor).await["state"], "succeeded");
        assert_eq!((tenant.count_jobs().await, tenant.received().len()), (2, 2));
    });
}

#[test]
fn a_replay_may_edit_the_payload() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let id = id_of(&repaired_dead_letter(&tenant).await);
        let path = format!("/v1/dead-letters/{id}/replay");
        let bad = json!({"payload": {"timeout_seconds": 99}});
        let answer = tenant.api.post(&path, &bad).await.unwrap();
        assert_refused("a bad payload", &answer, invalid("#/payload/timeout_seconds", "out-of-range"));
        let large = json!({"payload": {"body": "x".repeat(1024 * 1024)}});
        assert_refused("a large one", &tenant.api.post(&path, &large).await.unwrap(), TOO_LARGE);
        let other = json!({"payload": {"url": tenant.url("/ok")}});
        let answer = tenant.api.post(&path, &other).await.unwrap();
        assert_refused("elsewhere", &answer, invalid("#/payload/url", "either-or"));
        let unknown = tenant.api.post(&path, &json!({"body": 1})).await.unwrap();
        assert_refused("an unknown field", &unknown, invalid("#/body", "unknown-field"));
        assert_eq!(tenant.count_jobs().await, 1, "a refused replay leaves the dead letter open");
        let edited = json!({"payload": {"body": {"n": 2}, "method": "PUT"}});
        let answer = tenant.api.post(&path, &edited).await.unwrap();
        assert_eq!(answer.status, 202, "{}", answer.body);
        tenant.ended(&id_of(&answer.body)).await;
        let last = tenant.received().pop().unwrap();
        assert_eq!((last.method.as_str(), &last.body[..], last.webhook_id()), ("PUT", &b"{\"n\":2}"[..], id.as_str()));
        assert_eq!(tenant.job(&id).await["payload"]["body"], json!({"n": 1}), "the dead job keeps its payload");
    });
}

/// A replay that dies is another dead letter.
#[test]
fn a_replay_that_fails_can_be_replayed() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let first = tenant.dead_letter().await;
        let second = id_of(&tenant.act(&format!("/v1/dead-letters/{first}/replay")).await.body);
        assert_eq!(tenant.ended(&second).await["state"], "dead");
        let third = id_of(&tenant.act(&format!("/v1/dead-letters/{second}/replay")).await.body);
        let last = tenant.ended(&third).await;
        assert_eq!((&last["replay_of"], &last["event_id"]), (&json!(second), &json!(first)));
        let received = tenant.received();
        assert_eq!(received.len(), 3);
        assert!(received.iter().all(|request| request.webhook_id() == first));
    });
}

#[test]
fn discarding_closes_a_dead_letter() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let mut job = tenant.webhook("/status/500");
        job["max_attempts"] = json!(1);
        job["idempotency_key"] = json!("order-1");
        let id = id_of(&tenant.complete(&job).await);
        let again = tenant.api.post("/v1/jobs", &job).await.unwrap();
        assert_eq!((again.status, id_of(&again.body)), (202, id.clone()), "the key belongs to the dead job");
        let path = format!("/v1/dead-letters/{id}/discard");
        let answer = tenant.api.post(&path, &json!({"note": "wrong address"})).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!((&answer.body["state"], &answer.body["note"]), (&json!("discarded"), &json!("wrong address")));
        assert_eq!(tenant.read("/v1/dead-letters").await["data"], json!([]));
        assert_refused("again", &tenant.act(&path).await, ILLEGAL);
        assert_refused("replay", &tenant.act(&format!("/v1/dead-letters/{id}/replay")).await, ILLEGAL);
        let next = tenant.api.post("/v1/jobs", &job).await.unwrap();
        assert_eq!(next.status, 202);
        assert_ne!(id_of(&next.body), id, "its key is free");
        let long = json!({"note": "x".repeat(1_001)});
        let other = tenant.dead_letter().await;
        let answer = tenant.api.post(&format!("/v1/dead-letters/{other}/discard"), &long).await.unwrap();
        assert_refused("a long note", &answer, invalid("#/note", "too-long"));
    });
}

/// Lists dead letters page by page, the latest death first, each exactly once.
#[test]
fn dead_letters_are_listed_in_pages() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let mut job = tenant.webhook("/status/500");
        job["max_attempts"] = json!(1);
        let batch = tenant.api.post("/v1/jobs/batch", &json!({"jobs": vec![job; 7]})).await.unwrap();
        let ids: BTreeSet<String> = batch.body["results"].as_array().unwrap().iter().map(id_of).collect();
        for id in &ids {
            tenant.ended(id).await;
        }
        let (mut listed, mut path) = (Vec::new(), "/v1/dead-letters?limit=3".to_owned());
        loop {
            let page = tenant.read(&path).await;
            let data = page["data"].as_array().unwrap();
            assert!(data.len() <= 3);
            listed.extend(data.iter().map(|letter| (letter["died_at"].as_str().unwrap().to_owned(), id_of(letter))));
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("/v1/dead-letters?limit=3&cursor={cursor}"),
                None => break,
            }
        }
        assert!(listed.is_sorted_by(|one, next| one >= next), "{listed:?}");
        assert_eq!(listed.len(), 7);
        assert_eq!(listed.into_iter().map(|(_, id)| id).collect::<BTreeSet<_>>(), ids);
    });
}
