//! Malformed messages: messages that cannot be read as hints. They are stored with their bytes and not retried.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ports::{Clock, Database, DatabaseError};
use crate::store::rows::read_rows;
use crate::store::{batch, json_param, sql};
use crate::wire::problem::Problem;
use crate::wire::time::Time;

/// Stores a message that cannot be read. Safe to repeat: a message has one id.
///
/// # Errors
/// The error of the database; the message must be retried then.
pub async fn keep_malformed_message<W: Database + Clock>(
    world: &W,
    message_id: &str,
    queue: &str,
    reason: &str,
    body: &[u8],
) -> Result<(), DatabaseError> {
    let row = json!({"id": message_id, "queue": queue, "reason": reason, "body": STANDARD.encode(body)});
    batch(world, &[sql!("keep_malformed_message", json_param(&row))]).await.map(|_| ())
}

/// A message that cannot be read as a hint.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct MalformedMessage {
    /// Id of the message.
    pub id: String,
    /// Queue that delivered it.
    pub queue: String,
    /// Time of arrival.
    pub created_at: Time,
    /// Reason why it cannot be read.
    pub reason: String,
    /// Body of the message as base64.
    #[cfg_attr(feature = "openapi", schemars(extend("contentEncoding" = "base64")))]
    pub body_base64: String,
}

/// Reads a page of malformed messages, sorted by message id.
///
/// # Errors
/// `Unavailable`.
pub async fn list_malformed_messages<W: Database + Clock>(
    world: &W,
    after: &str,
    limit: u32,
) -> Result<Vec<MalformedMessage>, Problem> {
    let statement = sql!("list_malformed_messages", after, i64::from(limit));
    read_rows(world, statement).await
}
