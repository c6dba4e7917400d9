//! Cases of an outcome that arrives after a completion has ended its attempt, as readers of the job see it.

use longshore::model::dead_letter::DeadLetter;
use longshore::model::outcome::{ErrorClass, Outcome};
use longshore::run::complete::complete;
use serde_json::json;

use super::completing::{DUE_IN, flush_late};
use super::stand::{Stand, Store};

/// A dead letter made by a completion is the same before and after the late outcome, and after a deferral.
pub async fn a_late_outcome_leaves_the_dead_letter_alone<S: Store>(stand: &Stand<S>) {
    let case = stand.case().await;
    let refuses =
        || Outcome::Failed { class: ErrorClass::Handler, message: "no such report".into(), retry_after: None };
    let letter = async |job| json!(DeadLetter::of(&stand.row(job).await));
    let (job, token) = case.claimed_task().await;
    complete(stand, &stand.settings, &job, None, refuses()).await.unwrap();
    let before = letter(&job).await;
    assert!(before["state"] == "open" && before["cause"].is_string(), "{before}");
    flush_late(stand, &job, (&token, 1), Outcome::Deferred { due_in: DUE_IN }).await;
    assert_eq!((letter(&job).await, stand.row(&job).await.log[0].status), (before.clone(), Some(202)));
    let (deferred, _) = case.deferred().await;
    complete(stand, &stand.settings, &deferred, None, refuses()).await.unwrap();
    assert_eq!(letter(&deferred).await["cause"], before["cause"]);
}
