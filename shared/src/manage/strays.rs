//! Strays: messages that cannot be read as hints. They are kept with their bytes, not retried and not lost.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ports::{Clock, Database, DatabaseError};
use crate::store::rows::read_rows;
use crate::store::{batch, json_param, sql};
use crate::wire::problem::Problem;
use crate::wire::time::rfc3339;

/// Keeps a message that cannot be read. Safe to repeat: a message has one id.
///
/// # Errors
/// When the database is out of reach; the message must come again then.
pub async fn keep_stray<W: Database + Clock>(
    world: &W,
    message_id: &str,
    queue: &str,
    reason: &str,
    body: &[u8],
) -> Result<(), DatabaseError> {
    let row = json!({"id": message_id, "queue": queue, "reason": reason, "body": STANDARD.encode(body)});
    batch(world, &[sql!("keep_stray", json_param(&row))]).await.map(|_| ())
}

/// A stray as the store keeps it.
#[derive(Debug, Clone, Deserialize)]
#[allow(missing_docs)]
pub struct StrayRow {
    pub id: String,
    pub queue: String,
    pub reason: String,
    pub body_base64: String,
    pub created_at: i64,
}

impl StrayRow {
    /// The stray as the API shows it.
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id, "queue": self.queue, "reason": self.reason, "body_base64": self.body_base64,
            "created_at": rfc3339(self.created_at),
        })
    }
}

/// A page of strays by message id.
///
/// # Errors
/// `Unavailable`.
pub async fn list_strays<W: Database + Clock>(world: &W, after: &str, limit: u32) -> Result<Vec<StrayRow>, Problem> {
    let statement = sql!("list_strays", after, i64::from(limit));
    read_rows(world, statement).await
}
