//! Cases of what the audit log holds: its list, its secrets, its erasure and its retention.

use longshore::limits::AUDIT_MS;
use longshore::manage::audit::{AuditFilter, AuditRow, list_audit};
use longshore::manage::endpoints::{EndpointChange, change_endpoint, put_endpoint, read_tenant_secret, rotate_secret};
use longshore::manage::erasures::request_erasure;
use longshore::manage::keys::create_key;
use longshore::manage::operate::{discard, replay, retry_now};
use longshore::model::job::JobRef;
use longshore::schedules::manage::{delete_schedule, put_schedule};
use longshore::store::audit::Operator;
use serde_json::json;
use serde_json::value::RawValue;

use super::erasing::AGE_MS;
use super::stand::{OPERATOR, Stand, Store, operator};

/// No entry has a secret, a token, a payload or a note.
pub async fn an_entry_has_no_secret<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let (tenant, by) = (case.tenant.as_str(), || operator(stand));
    let endpoint = json!({"url": "https://example.com/hook?key=canary", "headers": {"authorization": "canary"}});
    put_endpoint(stand, &by(), &stand.settings, tenant, "orders", endpoint.to_string().as_bytes()).await.unwrap();
    let payload = json!({"url": "https://example.com/", "headers": {"authorization": "canary"}, "body": "canary"});
    let schedule = json!({"kind": "webhook", "cron": "@yearly", "payload": payload, "metadata": {"subject": "canary"}});
    put_schedule(stand, &by(), &stand.settings, tenant, "yearly", schedule.to_string().as_bytes()).await.unwrap();
    discard(stand, &by(), &case.dead(None).await, Some("canary".into())).await.unwrap();
    let edited = RawValue::from_string(payload.to_string()).unwrap();
    replay(stand, &by(), &stand.settings, &case.dead(None).await, Some(&edited)).await.unwrap();
    let key =
        create_key(stand, &by(), None, json!({"tenant": tenant, "scopes": ["admin"]}).to_string().as_bytes()).await;
    let secrets = rotate_secret(stand, &by(), &stand.settings, tenant, "orders").await.unwrap();
    request_erasure(stand, &by(), tenant, Some("canary")).await.unwrap();
    delete_schedule(stand, &by(), tenant, "yearly").await.unwrap_err();
    let rows = stand
        .sql(
            "SELECT json_array(id, operation, target, state_before, state_after) FROM audit WHERE tenant = ?1",
            vec![tenant.into()],
        )
        .await;
    assert!(rows.len() >= 8, "{rows:#?}");
    let token = key.unwrap().token;
    let secret_parts = [&token[20..60], &secrets.secret[6..]];
    for row in &rows {
        assert!(!row.contains("canary") && !row.contains("\"1:"), "{row}");
        assert!(secret_parts.iter().all(|part| !row.contains(*part)), "{row}");
    }
    let sealed =
        "SELECT sealed FROM signing_secrets WHERE tenant = ?1 UNION ALL SELECT hash FROM api_keys WHERE tenant = ?1
        UNION ALL SELECT h.value ->> 1 FROM endpoints e CROSS JOIN json_each(e.headers) h WHERE e.tenant = ?1";
    let sealed = stand.sql(sealed, vec![tenant.into()]).await;
    assert!(sealed.len() >= 4, "{sealed:?}");
    assert!(rows.iter().all(|row| sealed.iter().all(|sealed| !row.contains(sealed.as_str()))));
}

/// The list is filtered and paged, the newest first, and a filtered page that finds nothing continues.
pub async fn entries_are_filtered_and_paged<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let begin = stand.store.now_ms();
    for id in ["a", "b", "c"] {
        case.endpoint(id).await;
        case.make_past(1_000).await;
    }
    let another = Operator::new("00000000000000bb", None, &stand.token());
    change_endpoint(stand, &another, &case.tenant, "b", EndpointChange::Pause).await.unwrap();
    let filter = AuditFilter::default;
    let targets = async |filter| case.audit(&filter).await.into_iter().map(|row| row.target).collect::<Vec<_>>();
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(targets(AuditFilter { key: named("00000000000000bb"), ..filter() }).await, ["b"]);
    assert_eq!(targets(AuditFilter { target: named("b"), ..filter() }).await, ["b", "b"]);
    assert_eq!(targets(AuditFilter { operation: named("PutEndpoint"), ..filter() }).await, ["c", "b", "a"]);
    assert_eq!(targets(AuditFilter { operation: named("CancelJob"), ..filter() }).await, [""; 0]);
    let all = case.audit(&filter()).await;
    assert_eq!(all.len(), 5);
    let (middle, newest) = (all[2].at, all[0].at);
    assert!(begin <= newest);
    let at = |rows: Vec<AuditRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    let expected = at(all.iter().filter(|row| row.at >= middle).cloned().collect());
    assert_eq!(at(case.audit(&AuditFilter { after: Some(middle), ..filter() }).await), expected);
    let expected = at(all.iter().filter(|row| row.at < middle).cloned().collect());
    assert_eq!(at(case.audit(&AuditFilter { before: Some(middle), ..filter() }).await), expected);
    let (mut paged, mut next) = (Vec::new(), None);
    loop {
        let page = list_audit(stand, &case.tenant, &filter(), next, 2).await.unwrap();
        paged.extend(at(page.rows));
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(paged, at(all));
}

/// An erased tenant keeps only the entry of its erasure, and old entries are deleted.
pub async fn entries_are_erased_and_deleted_by_age<S: Store>(stand: &Stand<S>) {
    let (case, neighbour) = (stand.case().await, stand.case().await);
    let age = async |ms: i64| {
        let sql = "UPDATE audit SET at = at - ?2 WHERE tenant = ?1 RETURNING ''";
        stand.sql(sql, vec![case.tenant.as_str().into(), ms.into()]).await.len()
    };
    case.endpoint("shop").await;
    case.erasure(Some("canary")).await;
    assert_eq!(age(AGE_MS).await, 3, "the key, the endpoint and the erasure of the subject");
    let erasure = case.erasure(None).await;
    case.erasure(None).await;
    case.finish(&erasure).await;
    let [entry] = &case.audit(&AuditFilter::default()).await[..] else { panic!("{:?}", case.entries().await) };
    assert_eq!((entry.operation.as_str(), entry.target.as_str()), ("EraseTenant", case.tenant.as_str()));
    age(AUDIT_MS - AGE_MS).await;
    case.sweep().await;
    assert_eq!(case.entries().await.len(), 1, "a little younger");
    age(AGE_MS).await;
    case.sweep().await;
    assert!(case.entries().await.is_empty());
    assert_eq!(neighbour.entries().await.len(), 1, "its key");
}

/// A repeated batch, whose first answer was lost, finds its row.
pub async fn a_request_has_one_entry<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let by = operator(stand);
    let later: Vec<JobRef> = vec![case.plain().await, case.plain().await];
    for job in [&later[0], &later[0]] {
        retry_now(stand, &by, job).await.unwrap();
    }
    for _ in 0..2 {
        read_tenant_secret(stand, &by, &stand.settings, &case.tenant).await.unwrap();
    }
    let rows = case.audit(&AuditFilter { key: Some(OPERATOR.to_owned()), ..AuditFilter::default() }).await;
    let retries = rows.iter().filter(|row| row.operation == "RetryJob").count();
    assert_eq!((rows.len(), retries), (2, 1), "the key of the case, and one entry of the request");
}
