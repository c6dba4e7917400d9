//! The job database and the search database on D1.

use std::cell::RefCell;
use std::collections::BTreeMap;

use wasm_bindgen::JsValue;
use worker::D1Database;

use super::{CloudflareWorld, glue};
use crate::ports::{Database, DatabaseError, IndexDatabase, Param, Rows, Statement};

/// First character before the rows of a statement, as in `glue.js`.
const STATEMENT: char = '\x1d';
/// First character of a row, as in `glue.js`.
const ROW: char = '\x1e';

thread_local! {
    /// SQL texts as JavaScript strings, by their addresses: each is copied once per isolate.
    static TEXTS: RefCell<BTreeMap<usize, JsValue>> = const { RefCell::new(BTreeMap::new()) };
}

impl Database for CloudflareWorld {
    async fn batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        let (size_bytes, rows) = run(&self.database, statements).await?;
        self.size_bytes.set(size_bytes.or(self.size_bytes.get()));
        Ok(rows)
    }

    fn size_bytes(&self) -> Option<i64> {
        self.size_bytes.get()
    }
}

impl IndexDatabase for CloudflareWorld {
    /// Looks up the binding with each call, because a deployment without it supports everything except search.
    async fn index_batch(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        let missing = |_| DatabaseError::Refused("the deployment has no INDEX_DB".to_owned());
        let database = self.env.d1("INDEX_DB").map_err(missing)?;
        run(&database, statements).await.map(|(_, rows)| rows)
    }
}

/// Runs statements in one transaction. Returns the database's size, if D1 reported it, and the rows of each statement.
async fn run(database: &D1Database, statements: &[Statement]) -> Result<(Option<i64>, Vec<Rows>), DatabaseError> {
    let mut values = Vec::with_capacity(statements.iter().map(|statement| statement.params.len() + 2).sum());
    for statement in statements {
        values.push(text_of(statement));
        #[allow(clippy::cast_precision_loss)] // D1 binds a hundred parameters at most.
        values.push(JsValue::from_f64(statement.params.len() as f64));
        values.extend(statement.params.iter().map(|param| match param {
            Param::Text(text) => JsValue::from_str(text),
            Param::Number(number) => JsValue::from_f64(*number),
            Param::Null => JsValue::NULL,
        }));
    }
    let answer = glue::batch(database.as_ref(), values).await;
    read(&answer.map_err(|error| DatabaseError::of_d1(format!("{error:?}")))?)
}

fn text_of(statement: &Statement) -> JsValue {
    TEXTS.with_borrow_mut(|texts| {
        texts.entry(statement.sql.as_ptr().addr()).or_insert_with(|| JsValue::from_str(statement.sql)).clone()
    })
}

/// Reads the text that `glue.js` returns.
fn read(answer: &str) -> Result<(Option<i64>, Vec<Rows>), DatabaseError> {
    let mut parts = answer.split(STATEMENT);
    match (parts.next(), parts.next()) {
        (Some("ok"), size) => {
            let rows = parts.map(|rows| rows.split(ROW).skip(1).map(str::to_owned).collect()).collect();
            Ok((size.and_then(|size| size.parse().ok()), rows))
        }
        (_, error) => Err(DatabaseError::of_d1(error.unwrap_or_default().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_the_rows_of_each_statement() {
        let rows = |rows: &[&str]| rows.iter().map(|row| (*row).to_owned()).collect::<Rows>();
        assert_eq!(
            read("ok\x1d4096\x1d\x1d\x1e{\"a\":1}\x1e\x1d\x1e"),
            Ok((Some(4096), vec![rows(&[]), rows(&["{\"a\":1}", ""]), rows(&[""])]))
        );
        assert_eq!(read("ok\x1d"), Ok((None, vec![])));
        assert_eq!(read("error\x1dgone"), Err(DatabaseError::Unreachable("gone".to_owned())));
        assert_eq!(read(""), Err(DatabaseError::Unreachable(String::new())));
    }
}
