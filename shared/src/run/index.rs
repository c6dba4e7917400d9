//! An attempt of a job `index`: a document is put or deleted, or an index is worked on.

use std::rc::Rc;

use crate::embed::ask::Call;
use crate::index::apply::{Apply, Meant};
use crate::index::plan::{Content, Document};
use crate::index::shared::Shared;
use crate::index::{rebuild, remove, verify};
use crate::kinds::index::{Change, Delete, Put, Rebuild, Remove, Verify};
use crate::model::claimed::Claimed;
use crate::model::outcome::Outcome;
use crate::ports::World;
use crate::settings::Settings;

/// Changes an index as a claimed job asks for. It answers always.
pub(crate) async fn run<W: World>(
    world: &W,
    settings: &Settings,
    shared: &Shared,
    job: &Claimed,
    payload: &[u8],
) -> (Outcome, Vec<Rc<Call>>) {
    let unreadable = || (Outcome::unreadable_payload(), Vec::new());
    let Ok(payload) = serde_json::from_slice::<Change>(payload) else {
        return unreadable();
    };
    let apply = Apply { world, settings, shared, job };
    let Change { index, index_id, put, delete, verify: held, remove: gone, rebuild: goes_on } = payload;
    let meant = Meant { name: &index, id: index_id.as_deref() };
    match (put, delete, held, gone, goes_on) {
        (Some(Put { id, text, metadata, source }), ..) => {
            apply.apply(meant, &Document { id, content: Some(Content { text, metadata, source }) }).await
        }
        (_, Some(Delete { id }), ..) => apply.apply(meant, &Document { id, content: None }).await,
        (_, _, Some(Verify { repair }), ..) => verify::verify(&apply, meant, repair).await,
        (.., Some(Remove { source, before }), _) => remove::remove(&apply, meant, &source, before.as_deref()).await,
        (.., Some(Rebuild {})) => rebuild::rebuild(&apply, meant).await,
        (None, None, None, None, None) => unreadable(),
    }
}
