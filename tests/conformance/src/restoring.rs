//! Cases of a database restored to an earlier time: nothing runs until an operator confirms the restore and decides
//! about its jobs.

use longshore::accept::authorize::Caller;
use longshore::accept::insert::accept;
use longshore::accept::request::check;
use longshore::manage::endpoints::{read_secrets, read_tenant_secret};
use longshore::manage::operate::{Restored, RestoredJobs, RestoredRequest, restored, set_paused};
use longshore::model::state::State;
use longshore::run::claim::claim;
use longshore::schedules::fire::{read_due, tick};
use longshore::settings::Settings;
use longshore::sweep::{Swept, sweep};
use longshore::wire::problem::Problem;
use serde_json::json;

use super::occurring::{A_MINUTE_MS, put};
use super::stand::{Case, Stand, Store, operator, request};

impl<S: Store> Case<'_, S> {
    /// Accepts one more job, as a deployment of that epoch does.
    async fn accepted_in(&self, epoch: i64) -> Result<usize, Problem> {
        let body = request(json!({})).to_string();
        let job = check(self.stand, &self.stand.settings, body.as_bytes(), 0, None).unwrap();
        let caller = Caller { epoch: Some(epoch), ..self.caller.clone() };
        accept(self.stand, &caller, vec![job]).await.map(|results| results.len())
    }
}

async fn epoch_again<S: Store>(stand: &Stand<S>) {
    stand.sql("UPDATE meta SET value = 0 WHERE name = 'epoch' RETURNING ''", Vec::new()).await;
    set_paused(stand, &operator(stand), false).await.unwrap();
}

/// A deployment with another epoch than its store accepts, claims, sweeps and fires nothing; reads still work.
pub async fn another_epoch_changes_nothing<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    put(&case, json!({"catch_up": "all"})).await;
    let job = case.plain().await;
    case.make_past(A_MINUTE_MS).await;
    let swept_at = "SELECT coalesce(max(value), 0) FROM meta WHERE name = 'swept_at'";
    let before = stand.sql(swept_at, Vec::new()).await;
    let next = Settings { epoch: 1, ..stand.settings.clone() };
    assert_eq!(case.accepted_in(1).await, Err(Problem::Restoring));
    assert!(claim(stand, &next, &stand.token(), std::slice::from_ref(&job), false).await.unwrap().is_empty());
    assert_eq!(sweep(stand, &next).await.unwrap(), Swept::default());
    assert_eq!((tick(stand, &next).await.unwrap(), read_due(stand, &next).await.unwrap().len()), (0, 0));
    assert_eq!(stand.sql(swept_at, Vec::new()).await, before, "readiness reports that nothing is swept");
    assert_eq!(stand.row(&job).await.state, State::Queued);
    // The deployment with the store's epoch works as usual.
    assert_eq!(case.accepted_in(0).await, Ok(1));
    assert_eq!(case.claim(&stand.token(), &[&job], false).await.len(), 1);
    assert_eq!(tick(stand, &stand.settings).await.unwrap(), 1);
}

/// An existing secret is readable in any epoch. A deployment of another epoch creates no missing secret: the receiver
/// may not know a secret that is created in a store whose restore is not confirmed.
pub async fn another_epoch_makes_no_secret<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    case.endpoint("orders").await;
    case.endpoint("lost").await;
    let forget = "DELETE FROM signing_secrets WHERE tenant = ?1 AND endpoint = 'lost' RETURNING ''";
    stand.sql(forget, vec![case.tenant.as_str().into()]).await;
    let count = "SELECT CAST(count(*) AS TEXT) FROM signing_secrets WHERE tenant = ?1";
    let count = async || stand.sql(count, vec![case.tenant.as_str().into()]).await;
    let next = Settings { epoch: 1, ..stand.settings.clone() };
    let known = read_secrets(stand, &operator(stand), &stand.settings, &case.tenant, "orders").await.unwrap();
    assert_eq!(read_secrets(stand, &operator(stand), &next, &case.tenant, "orders").await, Ok(known));
    assert_eq!(read_secrets(stand, &operator(stand), &next, &case.tenant, "lost").await, Err(Problem::Restoring));
    assert_eq!(
        read_secrets(stand, &operator(stand), &next, &case.tenant, "none").await,
        Err(Problem::not_found("Endpoint", "none"))
    );
    assert_eq!(read_tenant_secret(stand, &operator(stand), &next, &case.tenant).await, Err(Problem::Restoring));
    assert_eq!(count().await, ["1"], "nothing was made");
    // The deployment of the store's epoch creates both.
    assert!(read_secrets(stand, &operator(stand), &stand.settings, &case.tenant, "lost").await.is_ok());
    let default = read_tenant_secret(stand, &operator(stand), &stand.settings, &case.tenant).await.unwrap();
    assert_eq!(read_tenant_secret(stand, &operator(stand), &next, &case.tenant).await, Ok(default));
    assert_eq!(count().await, ["3"]);
}

/// A confirmed restore sets the store's new epoch: its jobs are held or run, and deployments of the old epoch are
/// refused.
pub async fn a_restore_is_confirmed_once<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let job = case.plain().await;
    let next = Settings { epoch: 2, ..stand.settings.clone() };
    let confirm =
        async |settings: &Settings, jobs| restored(stand, &operator(stand), settings, &RestoredRequest { jobs }).await;
    let of = |epoch, paused| Ok(Restored { epoch, paused });
    assert_eq!(confirm(&stand.settings, RestoredJobs::Hold).await, of(0, false), "the epoch is already the same");
    assert_eq!(confirm(&next, RestoredJobs::Hold).await, of(2, true));
    assert_eq!(confirm(&next, RestoredJobs::Resend).await, of(2, true), "a repeat changes nothing");
    assert_eq!((case.accepted_in(2).await, case.accepted_in(0).await), (Ok(1), Err(Problem::Restoring)));
    let claimed =
        async |settings| claim(stand, settings, &stand.token(), std::slice::from_ref(&job), false).await.unwrap();
    assert!(claimed(&next).await.is_empty());
    assert_eq!(stand.row(&job).await.state, State::Held);
    assert!(matches!(confirm(&stand.settings, RestoredJobs::Hold).await, Err(Problem::IllegalTransition(_))));
    set_paused(stand, &operator(stand), false).await.unwrap();
    sweep(stand, &next).await.unwrap();
    assert!(claimed(&stand.settings).await.is_empty(), "a deployment of the old epoch");
    assert_eq!(claimed(&next).await.len(), 1);
    let third = Settings { epoch: 3, ..stand.settings.clone() };
    assert_eq!(confirm(&third, RestoredJobs::Resend).await, of(3, false));
    epoch_again(stand).await;
}
