//! An attempt of an `index` job: puts or deletes a document, or verifies, rebuilds or removes from an index.

use std::rc::Rc;

use crate::embed::ask::Call;
use crate::index::apply::{Apply, TargetIndex};
use crate::index::plan::{Document, DocumentContent};
use crate::index::shared::Shared;
use crate::index::{rebuild, remove, verify};
use crate::kinds::index::{Delete, IndexPayload, Put, Rebuild, Remove, Verify};
use crate::model::claimed::Claimed;
use crate::model::outcome::Outcome;
use crate::ports::World;
use crate::settings::Settings;

/// Changes an index as the claimed job requests. Infallible: every failure becomes an [`Outcome`].
pub(crate) async fn run<W: World>(
    world: &W,
    settings: &Settings,
    shared: &Shared,
    job: &Claimed,
    payload: &[u8],
) -> (Outcome, Vec<Rc<Call>>) {
    let unreadable = || (Outcome::unreadable_payload(), Vec::new());
    let Ok(payload) = serde_json::from_slice::<IndexPayload>(payload) else {
        return unreadable();
    };
    let apply = Apply { world, settings, shared, job };
    let IndexPayload { index, index_id, put, delete, verify: check, remove: removal, rebuild: build } = payload;
    let target = TargetIndex { name: &index, id: index_id.as_deref() };
    match (put, delete, check, removal, build) {
        (Some(Put { id, text, metadata, source }), ..) => {
            apply.apply(target, &Document { id, content: Some(DocumentContent { text, metadata, source }) }).await
        }
        (_, Some(Delete { id }), ..) => apply.apply(target, &Document { id, content: None }).await,
        (_, _, Some(Verify { repair }), ..) => verify::verify(&apply, target, repair).await,
        (.., Some(Remove { source, before }), _) => remove::remove(&apply, target, &source, before.as_deref()).await,
        (.., Some(Rebuild {})) => rebuild::rebuild(&apply, target).await,
        (None, None, None, None, None) => unreadable(),
    }
}
