//! Cases of signing secrets: created once under concurrency, rotated, and deleted with their endpoint and their tenant.

use longshore::limits::ROTATION_OVERLAP_MS;
use longshore::manage::endpoints::{
    EndpointChange, change_endpoint, put_endpoint, read_secrets, read_tenant_secret, rotate_secret,
};
use longshore::manage::erasures::request_erasure;
use longshore::model::job::JobRef;
use longshore::run::claim::claim;
use longshore::run::process::process;
use longshore::wire::job_queue::JobQueue;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use super::stand::{Case, Stand, Store, operator, request};

impl<S: Store> Case<'_, S> {
    async fn secrets(&self, endpoint: &str) -> (Value, Value) {
        let shown = read_secrets(self.stand, &operator(self.stand), &self.stand.settings, &self.tenant, endpoint)
            .await
            .unwrap();
        (json!(shown.secret), json!(shown.previous_secret))
    }

    async fn rotate(&self, endpoint: &str) -> (Value, Value) {
        let shown = rotate_secret(self.stand, &operator(self.stand), &self.stand.settings, &self.tenant, endpoint)
            .await
            .unwrap();
        (json!(shown.secret), json!(shown.previous_secret))
    }

    async fn tenant_secret(&self) -> Value {
        json!(
            read_tenant_secret(self.stand, &operator(self.stand), &self.stand.settings, &self.tenant)
                .await
                .unwrap()
                .secret
        )
    }

    /// Returns the stored secret versions of an endpoint.
    async fn stored(&self, endpoint: &str) -> Vec<String> {
        let sql = "SELECT CAST(secret_version AS TEXT) FROM signing_secrets WHERE tenant = ?1 AND endpoint = ?2
            ORDER BY secret_version";
        self.stand.sql(sql, vec![self.tenant.as_str().into(), endpoint.into()]).await
    }

    /// Runs a job and returns the signatures of its request.
    async fn signatures(&self, job: &JobRef) -> Vec<String> {
        let sent = self.stand.requests.borrow().len();
        process(self.stand, &self.stand.settings, JobQueue::Webhooks, vec![job.clone()]).await;
        let requests = self.stand.requests.borrow();
        assert_eq!(requests.len(), sent + 1, "one request");
        let header = |name: &str| {
            let found = requests.last().and_then(|request| request.headers.iter().find(|(known, _)| known == name));
            found.map(|(_, value)| value.clone()).unwrap()
        };
        assert_eq!(header("webhook-id"), job.id);
        header("webhook-signature").split(' ').map(str::to_owned).collect()
    }

    /// Returns the signatures that the reference library computes for the last request with these secrets.
    fn expected(&self, secrets: &[&Value]) -> Vec<String> {
        let requests = self.stand.requests.borrow();
        let request = requests.last().unwrap();
        let header = |name: &str| request.headers.iter().find(|(known, _)| known == name).unwrap().1.clone();
        let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp").parse().unwrap());
        let signed = |secret: &&Value| {
            Webhook::new(secret.as_str().unwrap()).unwrap().sign(&id, timestamp, &request.body).unwrap()
        };
        secrets.iter().map(signed).collect()
    }
}

/// A new endpoint has a secret from the start, and changes of the endpoint keep it.
pub async fn an_endpoint_keeps_its_secret<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("orders").await;
    assert_eq!(case.stored("orders").await, ["1"], "made with the endpoint");
    let (secret, previous) = case.secrets("orders").await;
    assert!(secret.as_str().unwrap().starts_with("whsec_") && previous.is_null());
    case.endpoint("orders").await;
    case.endpoint("other").await;
    assert_eq!(case.secrets("orders").await, (secret.clone(), Value::Null));
    assert_ne!(case.secrets("other").await.0, secret);
    let job = case.to_endpoint("orders").await;
    let sent = case.signatures(&job).await;
    assert_eq!(sent, case.expected(&[&secret]));
    let rows =
        stand.sql("SELECT sealed FROM signing_secrets WHERE tenant = ?1", vec![case.tenant.as_str().into()]).await;
    assert!(rows.iter().all(|sealed| !sealed.contains(&secret.as_str().unwrap()[6..20])), "it is stored sealed");
}

/// A rotation adds a version; the previous one also signs for 24 hours, and at most two are kept.
pub async fn a_rotation_keeps_two_secrets<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("orders").await;
    let (first, _) = case.secrets("orders").await;
    let (second, previous) = case.rotate("orders").await;
    assert!(previous == first && second != first);
    let job = case.to_endpoint("orders").await;
    let sent = case.signatures(&job).await;
    assert_eq!(sent, case.expected(&[&second, &first]));
    let (third, previous) = case.rotate("orders").await;
    assert_eq!((previous, case.stored("orders").await), (second, vec!["2".to_owned(), "3".to_owned()]));
    let past = "UPDATE endpoints SET rotated_at = rotated_at - ?2 WHERE tenant = ?1 RETURNING id";
    stand.sql(past, vec![case.tenant.as_str().into(), ROTATION_OVERLAP_MS.into()]).await;
    assert_eq!(case.secrets("orders").await, (third, Value::Null));
}

/// A deleted endpoint has no secret; an endpoint created again under its name gets a new one.
pub async fn a_deleted_endpoint_loses_its_secret<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("orders").await;
    let (first, _) = case.secrets("orders").await;
    for _ in 0..2 {
        let _ = change_endpoint(stand, &operator(stand), &case.tenant, "orders", EndpointChange::Delete).await;
        assert!(read_secrets(stand, &operator(stand), &stand.settings, &case.tenant, "orders").await.is_err());
        assert!(case.stored("orders").await.is_empty(), "reading makes none");
    }
    case.endpoint("orders").await;
    let (again, previous) = case.secrets("orders").await;
    assert!(again != first && previous.is_null());
    let job = case.to_endpoint("orders").await;
    let sent = case.signatures(&job).await;
    assert_eq!(sent, case.expected(&[&again]));
}

/// The tenant's default secret is created on first use, once, by the consumer or by the producer.
pub async fn a_default_secret_is_made_once<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    assert!(case.stored("").await.is_empty());
    let jobs = [case.plain().await, case.plain().await];
    // The consumer is first; its claim may be repeated.
    let token = stand.token();
    let claimed = case.claim(&token, &[&jobs[0]], false).await;
    assert_eq!(claimed[0].secrets.len(), 1, "the claim returns the secret it has created");
    let again = claim(stand, &stand.settings, &token, &jobs[..1], false).await.unwrap();
    assert_eq!(again[0].secrets, claimed[0].secrets);
    let secret = case.tenant_secret().await;
    assert_eq!((case.tenant_secret().await, case.stored("").await), (secret.clone(), vec!["1".to_owned()]));
    let sent = case.signatures(&jobs[1]).await;
    assert_eq!(sent, case.expected(&[&secret]));
    // The producer is first.
    let other = stand.case().await;
    let secret = other.tenant_secret().await;
    let job = other.plain().await;
    let sent = other.signatures(&job).await;
    assert_eq!(sent, other.expected(&[&secret]));
}

/// Secrets are erased with their tenant: those of endpoints at the request, the default one when no job is left.
pub async fn secrets_are_erased_with_their_tenant<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("orders").await;
    let job = case.accept_one(request(json!({})), None).await.unwrap().job;
    let default = case.tenant_secret().await;
    request_erasure(stand, &operator(stand), &case.tenant, Some("someone")).await.unwrap();
    assert_eq!(case.stored("orders").await.len(), 1, "a subject has no secret");
    let erasure = request_erasure(stand, &operator(stand), &case.tenant, None).await.unwrap();
    assert!(case.stored("orders").await.is_empty());
    assert_eq!(case.tenant_secret().await, default, "remaining jobs are signed with the same secret");
    let erased = "DELETE FROM erasures WHERE tenant = ?1 AND subject IS NOT NULL RETURNING id";
    stand.sql(erased, vec![case.tenant.as_str().into()]).await;
    case.age_id(&job, super::erasing::AGE_MS).await;
    case.finish(&erasure).await;
    assert!(case.stored("").await.is_empty());
    let body = json!({"url": "https://orders.example.com/hook"}).to_string();
    put_endpoint(stand, &operator(stand), &stand.settings, &case.tenant, "orders", body.as_bytes()).await.unwrap();
    assert_ne!(case.tenant_secret().await, default, "a new tenant of that name has a new secret");
}
