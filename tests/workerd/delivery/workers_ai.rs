//! Embeddings by Workers AI on the real Workers and the real AI binding, with a stand-in for the service behind it.

use longshore_kit::options::Options;
use longshore_stand_ins::workers_ai::{BUSY, CLOSED, GOOD, NONE, WorkersAi, setting};
use serde_json::{Value, json};

use crate::delivery::embeds::{decoded, job};
use crate::http::indexes::{ingest, search};
use crate::support::tenant::{Tenant, id_of};
use crate::support::world::{World, alone, block_on, each};

/// Runs a test beside the service, or without the binding.
fn with_ai(name: &str, ai: Option<&WorkersAi>, test: impl AsyncFnOnce(&World)) {
    let set = |options: &mut Options| {
        *options = options.clone().var("EMBED_PROVIDERS", &setting());
        (options.ai, options.tick_seconds) = (ai.map(WorkersAi::url), 1);
    };
    alone(name, set, test);
}

fn asking(model: &str, texts: &[&str]) -> Value {
    let mut job = job("cf", "inline", texts);
    (job["payload"]["model"], job["max_attempts"]) = (json!(model), json!(1));
    job
}

#[test]
fn workers_ai_embeds_texts_and_a_refused_one_fails_alone() {
    let ai = block_on(WorkersAi::start()).unwrap();
    with_ai("workers-ai", Some(&ai), async |world| {
        let tenant = world.tenant().await;
        let done = tenant.complete(&asking(GOOD, &["one two", "refuse me", "three"])).await;
        let result = &done["result"];
        assert_eq!(
            (&done["state"], &result["provider"], &result["model"]),
            (&json!("succeeded"), &json!("cf"), &json!(GOOD))
        );
        let refused = json!([{"id": "refuse me", "message": "Invalid or incomplete input for the model"}]);
        assert_eq!((&result["embedded"], &result["refused"]), (&json!(2), &refused), "{result}");
        for (shown, text) in result["embeddings"].as_array().unwrap().iter().zip(["one two", "three"]) {
            assert_eq!((&shown["id"], decoded(shown)), (&json!(text), vector(text)));
        }
        assert_eq!(ai.runs(GOOD)[0].texts.len(), 3, "all at once, then halves");
        let evidence = tenant.evidence(&id_of(&done), 1).await;
        assert_eq!(evidence["request"]["url"], format!("https://workers-binding.ai/run/{GOOD}"));
        assert_eq!(evidence["response"]["status"], 200);
        assert!(!evidence.to_string().contains("one two"), "{evidence}");
        indexes_and_searches(&tenant, &ai).await;
        each(
            [(CLOSED, "answered 403, code 3041"), (NONE, "No such model @cf/test/none or task (5007)")],
            async |(model, why)| {
                let dead = tenant.complete(&asking(model, &["words"])).await;
                assert_eq!((&dead["state"], &dead["error"]["class"]), (&json!("dead"), &json!("provider")), "{dead}");
                assert!(dead["error"]["message"].as_str().unwrap().contains(why), "{dead}");
            },
        )
        .await;
    });
}

fn vector(text: &str) -> Vec<f32> {
    longshore_stand_ins::provider::vector_of(text).to_vec()
}

/// The consumer embeds a document and the producer a query: both have the binding.
async fn indexes_and_searches(tenant: &Tenant<'_>, ai: &WorkersAi) {
    let made = tenant.api.put("/v1/indexes/texts", &json!({"provider": "cf", "model": GOOD})).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.body);
    ingest(tenant, "texts", &[json!({"id": "a", "text": "a lease ends"})]).await;
    let hits = search(tenant, "texts", &json!({"query": "what ends?", "mode": "vector"})).await;
    assert_eq!(hits[0]["document"], "a", "{hits:?}");
    assert!(ai.runs(GOOD).iter().any(|run| run.texts == ["what ends?"]));
}

#[test]
fn a_busy_model_is_retried_without_a_failure() {
    let ai = block_on(WorkersAi::start()).unwrap();
    with_ai("workers-ai-busy", Some(&ai), async |world| {
        let tenant = world.tenant().await;
        // Cloudflare sends no Retry-After: 20 seconds.
        let done = tenant.complete(&asking(BUSY, &["words"])).await;
        assert_eq!((&done["state"], &done["attempts"]), (&json!("succeeded"), &json!(2)), "{done}");
        let first = &tenant.attempts(&id_of(&done)).await[0]["error"];
        let told = (&json!("provider"), &json!("The provider answered 429, code 3040."));
        assert_eq!((&first["class"], &first["message"]), told);
        assert_eq!(ai.runs(BUSY).len(), 2);
    });
}

#[test]
fn a_missing_ai_binding_is_reported() {
    with_ai("workers-ai-none", None, async |world| {
        let dead = world.tenant().await.complete(&asking(GOOD, &["words"])).await;
        assert_eq!(dead["error"]["message"], "The deployment has no AI binding.", "{dead}");
    });
}
