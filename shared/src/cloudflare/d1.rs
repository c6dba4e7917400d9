//! The job database and the search database on D1.

use js_sys::Object;
use serde::Deserialize;
use wasm_bindgen::JsValue;
use worker::d1::serde_wasm_bindgen::preserve;
use worker::{D1Database, D1PreparedStatement, D1Result};

use super::CloudflareWorld;
use crate::ports::{Database, DatabaseError, IndexDatabase, Param, Rows, Statement};

/// A row in JavaScript: an object with one property, whose name is the whole SQL expression and is not worth copying.
#[derive(Deserialize)]
#[serde(transparent)]
struct RawRow(#[serde(with = "preserve")] JsValue);

impl Database for CloudflareWorld {
    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        let results = self.run(&self.database, statements).await?;
        if let Some(Ok(Some(meta))) = results.last().map(D1Result::meta) {
            self.size_bytes.set(meta.size_after.and_then(|bytes| i64::try_from(bytes).ok()));
        }
        results.iter().map(rows).collect()
    }

    fn size_bytes(&self) -> Option<i64> {
        self.size_bytes.get()
    }

    fn statements(&self) -> usize {
        self.statements.get()
    }
}

impl IndexDatabase for CloudflareWorld {
    /// Looks up the binding with each call, because a deployment without it supports everything except search.
    async fn index_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        let missing = |_| DatabaseError::Refused("the deployment has no INDEX_DB".to_owned());
        let database = self.env.d1("INDEX_DB").map_err(missing)?;
        self.run(&database, statements).await?.iter().map(rows).collect()
    }
}

impl CloudflareWorld {
    async fn run(&self, database: &D1Database, statements: &[Statement]) -> Result<Vec<D1Result>, DatabaseError> {
        self.statements.set(self.statements.get() + statements.len());
        let prepared = statements.iter().map(|statement| prepare(database, statement)).collect::<Result<_, _>>()?;
        database.batch(prepared).await.map_err(|error| classify(&error))
    }
}

fn prepare(database: &D1Database, statement: &Statement) -> Result<D1PreparedStatement, DatabaseError> {
    let values: Vec<JsValue> = statement
        .params
        .iter()
        .map(|param| match param {
            Param::Text(text) => JsValue::from_str(text),
            Param::Number(number) => JsValue::from_f64(*number),
            Param::Null => JsValue::NULL,
        })
        .collect();
    database.prepare(statement.sql).bind(&values).map_err(|error| classify(&error))
}

fn rows(result: &D1Result) -> Result<Rows, DatabaseError> {
    let raw: Vec<RawRow> = result.results().map_err(|error| classify(&error))?;
    Ok(raw
        .into_iter()
        .map(|RawRow(row)| Object::values(&Object::from(row)).get(0).as_string().unwrap_or_default())
        .collect())
}

/// Classifies an error of D1 by its text, which decides if the batch may be retried.
fn classify(error: &worker::Error) -> DatabaseError {
    DatabaseError::of_d1(match error {
        // The `Display` of workers-rs must not be used: it expects the cause to be a string, which D1 never provides,
        // and throws. That would end the instance and all work in it.
        worker::Error::D1(error) => String::from(AsRef::<js_sys::Error>::as_ref(error).message()),
        other => other.to_string(),
    })
}
