//! Embeddings on the real Workers: a provider over HTTP, or the builtin one, turns texts into vectors.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longshore_kit::client::eventually;
use longshore_stand_ins::provider::{Provider, floats, read_vectors, vector_of};
use serde_json::{Value, json};

use crate::hostile::bad_fields::assert_jobs_refused;
use crate::http::indexes::{make, search};
use crate::support::refusal::invalid;
use crate::support::tenant::{SOON, id_of};
use crate::support::world::{World, alone, each, shared};

const MODES: [&str; 8] = ["good", "busy", "closed", "broken", "short", "odd", "wide", "sized"];

/// A job that embeds these texts; each text is its id too.
pub(crate) fn job(provider: &str, output: &str, texts: &[&str]) -> Value {
    let inputs: Vec<_> = texts.iter().map(|text| json!({"id": text, "text": text})).collect();
    json!({"kind": "embed", "payload": {"provider": provider, "inputs": inputs, "output": output}})
}

pub(crate) fn decoded(shown: &Value) -> Vec<f32> {
    floats(&STANDARD.decode(shown["embedding"].as_str().unwrap()).unwrap())
}

/// Runs a test beside a provider.
pub(crate) fn beside_a_provider(name: &str, test: impl AsyncFnOnce(&World, &Provider)) {
    let provider = crate::support::world::block_on(Provider::start()).unwrap();
    let set = |options: &mut longshore_kit::options::Options| {
        *options = options
            .clone()
            .var("EMBED_PROVIDERS", &provider.setting(&MODES))
            .var("EMBED_DEFAULT", "good/model")
            .var("EMBED_KEY_GOOD", "embed-secret");
        options.tick_seconds = 1;
    };
    alone(name, set, async |world| test(world, &provider).await);
}

#[test]
fn a_provider_turns_texts_into_vectors() {
    beside_a_provider("embeds", async |world, provider| {
        let tenant = world.tenant().await;
        let payload = json!({"inputs": [{"id": "a", "text": "one two"}, {"id": "b", "text": "three"}]});
        let done = tenant.complete(&json!({"kind": "embed", "payload": payload})).await;
        assert_eq!(done["state"], "succeeded", "{done}");
        let result = &done["result"];
        assert_eq!((&result["provider"], &result["model"]), (&json!("good"), &json!("model")));
        assert_eq!(result["usage"], json!({"calls": 1, "tokens": 20}));
        let mut usage = tenant.read("/v1/usage").await["data"][0].take();
        let day = usage.as_object_mut().unwrap().remove("day").unwrap();
        assert_eq!(usage, json!({"provider": "good", "model": "model", "calls": 1, "texts": 2, "tokens": 20}));
        let day = day.as_str().unwrap();
        assert_eq!(tenant.read(&format!("/v1/usage?from={day}&to={day}")).await["data"].as_array().unwrap().len(), 1);
        assert_eq!(tenant.read(&format!("/v1/usage?from={day}&to=2026-01-01")).await["data"], json!([]));
        for (shown, (id, text)) in
            result["embeddings"].as_array().unwrap().iter().zip([("a", "one two"), ("b", "three")])
        {
            assert_eq!((&shown["id"], decoded(shown)), (&json!(id), vector_of(text).to_vec()));
        }
        let asked = provider.asked("good");
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].authorization.as_deref(), Some("Bearer embed-secret"));
        let evidence = tenant.evidence(&id_of(&done), 1).await;
        let text = evidence.to_string();
        assert_eq!((&evidence["response"]["status"], &evidence["request"]["body"]), (&json!(200), &json!("")));
        assert!(!text.contains("one two") && !text.contains("embed-secret"), "{text}");
    });
}

#[test]
fn jobs_of_one_claim_share_calls_and_a_refused_text_fails_alone() {
    beside_a_provider("embeds-shared", async |world, provider| {
        let tenants = [world.tenant().await, world.tenant().await];
        let jobs: Vec<_> = (0..40).map(|n| job("good", "inline", &[&format!("text {n}"), "refuse me"])).collect();
        let mut ids = Vec::new();
        for tenant in &tenants {
            ids.push(tenant.accept_all(&jobs).await);
        }
        for (tenant, ids) in tenants.iter().zip(ids) {
            each(ids.iter().enumerate(), async |(n, id)| {
                let done = tenant.ended(id).await;
                assert_eq!(done["state"], "succeeded", "{done}");
                let result = &done["result"];
                assert_eq!((&result["embedded"], &result["refused"][0]["id"]), (&json!(1), &json!("refuse me")));
                assert_eq!(result["refused"][0]["message"], "This text cannot be embedded.");
                assert_eq!(decoded(&result["embeddings"][0]), vector_of(&format!("text {n}")));
            })
            .await;
        }
        let largest = provider.asked("good").iter().map(|asked| asked.texts.len()).max();
        assert!(largest >= Some(20), "one call has texts of many jobs: {largest:?}");
    });
}

/// One job breaks each call that contains it, another gets null for its text: only these two fail, with their last
/// attempts.
#[test]
fn a_text_that_breaks_its_call_costs_no_other_job_its_last_attempt() {
    beside_a_provider("embeds-poison", async |world, provider| {
        let tenant = world.tenant().await;
        let texts: Vec<_> = (0..12)
            .map(|n| match n {
                3 => "poison".to_owned(),
                8 => "a hole".to_owned(),
                n => format!("text {n}"),
            })
            .collect();
        let jobs: Vec<_> = texts
            .iter()
            .map(|text| {
                let mut job = job("good", "inline", &[text]);
                job["max_attempts"] = json!(1);
                job
            })
            .collect();
        let ids = tenant.accept_all(&jobs).await;
        each(ids.iter().zip(&texts), async |(id, text)| {
            let done = tenant.ended(id).await;
            match text.as_str() {
                "poison" => assert_eq!(done["error"]["message"], "The provider answered 500.", "{done}"),
                "a hole" => {
                    let message = "The provider's answer has no vector for \"a hole\": it is missing.";
                    assert_eq!((&done["state"], &done["error"]["message"]), (&json!("dead"), &json!(message)));
                }
                text => assert_eq!(decoded(&done["result"]["embeddings"][0]), vector_of(text), "{done}"),
            }
            let evidence = tenant.evidence(id, 1).await;
            assert!(evidence["response"]["status"].is_u64(), "{evidence}");
        })
        .await;
        let asked = provider.asked("good");
        assert!(asked.iter().any(|asked| asked.texts.len() > 2), "jobs share calls: {asked:?}");
        assert!(asked.iter().any(|asked| asked.texts == ["poison"]), "it was also sent alone: {asked:?}");
    });
}

#[test]
fn a_model_gets_its_dimensions_if_configured() {
    beside_a_provider("embeds-sized", async |world, provider| {
        let tenant = world.tenant().await;
        for (mode, sent) in [("good", None), ("sized", Some(4))] {
            assert_eq!(tenant.complete(&job(mode, "inline", &["words"])).await["state"], "succeeded");
            assert_eq!(provider.asked(mode)[0].dimensions, sent);
        }
    });
}

#[test]
fn a_busy_provider_spends_no_failure_and_a_broken_one_does() {
    beside_a_provider("embeds-busy", async |world, provider| {
        let tenant = world.tenant().await;
        for (mode, state, attempts) in [("busy", "succeeded", 2), ("broken", "dead", 1)] {
            let mut job = job(mode, "inline", &["words"]);
            job["max_attempts"] = json!(1);
            let done = tenant.complete(&job).await;
            assert_eq!((&done["state"], &done["attempts"]), (&json!(state), &json!(attempts)), "{mode}: {done}");
            let first = &tenant.attempts(&id_of(&done)).await[0];
            assert_eq!((&first["error"]["class"], &first["error"]["fault"]), (&json!("provider"), &json!("provider")));
            assert_eq!(provider.asked(mode).len(), attempts);
        }
    });
}

#[test]
fn all_invocations_respect_a_busy_provider() {
    beside_a_provider("embeds-closed", async |world, provider| {
        let tenants = [world.tenant().await, world.tenant().await];
        // Each job runs in a separate invocation: the next one is accepted after the previous one was tried.
        for tenant in tenants.iter().cycle().take(4) {
            let mut job = job("closed", "inline", &["words"]);
            job["max_attempts"] = json!(1);
            let id = tenant.accept(&job).await;
            let tried = eventually(SOON, async || {
                let job = tenant.job(&id).await;
                (job["state"] == "retrying").then_some(job)
            });
            let job = tried.await.expect("the job is tried within a minute");
            assert_eq!((&job["attempts"], &job["error"]["class"]), (&json!(1), &json!("provider")), "{job}");
        }
        assert_eq!(provider.asked("closed").len(), 1);
    });
}

#[test]
fn a_wrong_answer_is_never_stored() {
    beside_a_provider("embeds-wrong", async |world, _| {
        let tenant = world.tenant().await;
        each(
            [("short", "1 vectors for 2 texts"), ("odd", "not a list of numbers"), ("wide", "has 5 dimensions")],
            async |(mode, message)| {
                let mut job = job(mode, "r2", &["one", "two"]);
                job["max_attempts"] = json!(1);
                let dead = tenant.complete(&job).await;
                assert_eq!((&dead["state"], &dead["result"]), (&json!("dead"), &Value::Null), "{mode}");
                assert!(dead["error"]["message"].as_str().unwrap().contains(message), "{dead}");
                let none = tenant.api.get(&format!("/v1/jobs/{}/vectors", id_of(&dead))).await.unwrap();
                assert_eq!(none.status, 404, "{mode}");
            },
        )
        .await;
    });
}

#[test]
fn vectors_are_stored_in_an_object_and_deleted_with_their_job() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let texts: Vec<String> = (0..50).map(|n| format!("words of number {n}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let done = tenant.complete(&job("builtin", "r2", &texts)).await;
        assert_eq!((&done["state"], &done["result"]["embedded"]), (&json!("succeeded"), &json!(50)), "{done}");
        let path = format!("/v1/jobs/{}/vectors", id_of(&done));
        let answer = tenant.api.get(&path).await.unwrap();
        assert_eq!((answer.status, &json!(answer.bytes.len())), (200, &done["result"]["vectors"]["bytes"]));
        let (index, vectors) = read_vectors(&answer.bytes).unwrap();
        assert_eq!((&index["dimensions"], &index["ids"]), (&json!(256), &json!(texts)));
        assert_eq!(vectors.len(), 50 * 256);
        assert_eq!(vectors[..256], longshore::search::lexical::embed(texts[0])[..]);
        assert_eq!(world.tenant().await.api.get(&path).await.unwrap().status, 404, "another tenant's");
        let plain = tenant.complete(&tenant.webhook("/ok")).await;
        let none = tenant.api.get(&format!("/v1/jobs/{}/vectors", id_of(&plain))).await.unwrap();
        assert_eq!(none.status, 404, "a webhook has no vectors");
        let key = format!("payloads/{}/{}.vectors", id_of(&done), tenant.name);
        assert!(world.runner.r2_get(&key).await.unwrap().is_some());
        tenant.api.delete(&format!("/v1/tenants/{}", tenant.name)).await.unwrap();
        let gone = eventually(SOON, async || world.runner.r2_get(&key).await.unwrap().is_none().then_some(()));
        gone.await.expect("the erasure deletes the vectors");
    });
}

#[test]
fn texts_become_documents_of_an_index_and_share_its_calls() {
    beside_a_provider("embeds-index", async |world, provider| {
        let tenant = world.tenant().await;
        make(&tenant, "texts", "good").await;
        let names: Vec<_> = (0..30).map(|n| format!("text number{n}")).chain(["refuse me".into()]).collect();
        let texts: Vec<_> = names.iter().map(String::as_str).collect();
        let into_index = |provider: &str| {
            let mut job = job(provider, "inline", &texts);
            (job["payload"]["output"], job["max_attempts"]) = (json!({"index": "texts"}), json!(1));
            job
        };
        let done = tenant.complete(&into_index("good")).await;
        let result = &done["result"];
        assert_eq!((&result["documents"], &result["embedded"]), (&json!({"added": 30}), &json!(30)), "{done}");
        assert_eq!((&result["refused_count"], &result["refused"][0]["id"]), (&json!(1), &json!("refuse me")), "{done}");
        assert_eq!(provider.asked("good")[0].texts.len(), 31, "all texts at once, and then halves");
        let found = search(&tenant, "texts", &json!({"query": "number7", "mode": "keyword"})).await;
        assert_eq!((found.len(), &found[0]["document"]), (1, &json!("text number7")), "{found:?}");

        let before = provider.asked("good").len();
        let done = tenant.complete(&into_index("good")).await;
        assert_eq!(done["result"]["documents"], json!({"unchanged": 30}), "{done}");
        let asked: Vec<_> = provider.asked("good").drain(before..).map(|asked| asked.texts).collect();
        assert_eq!(asked, [["refuse me"]], "an unchanged text is not sent again");

        let dead = tenant.complete(&into_index("builtin")).await;
        let message = "The index \"texts\" uses good/model; omit `provider` and `model`, or name these.";
        assert_eq!((&dead["state"], &dead["error"]["message"]), (&json!("dead"), &json!(message)), "{dead}");
        let usage = tenant.read("/v1/usage").await;
        assert_eq!(usage["data"][0]["calls"], provider.asked("good").len(), "{usage}");
    });
}

#[test]
fn texts_that_cannot_be_embedded_are_refused_by_name() {
    shared(async |world| {
        let tenant = world.tenant().await;
        let plain = json!({"kind": "embed", "payload": {"inputs": [{"id": "a", "text": "a"}]}});
        let mut to_endpoint = job("builtin", "r2", &["a"]);
        to_endpoint["endpoint"] = json!("orders");
        let many: Vec<String> = (0..12).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let cases = [
            (plain, invalid("#/payload/provider", "no-default")),
            (job("acme", "inline", &["a"]), invalid("#/payload/provider", "unknown-provider")),
            (job("builtin", "inline", &[]), invalid("#/payload/inputs", "out-of-range")),
            (job("builtin", "inline", &many), invalid("#/payload/output", "out-of-range")),
            (job("builtin", "inline", &["a", "a"]), invalid("#/payload/inputs/1/id", "duplicate")),
            (job("builtin", "disk", &["a"]), invalid("#/payload/output", "unknown-value")),
            (to_endpoint, invalid("#/endpoint", "either-or")),
        ];
        assert_jobs_refused(&tenant, &cases).await;
    });
}
