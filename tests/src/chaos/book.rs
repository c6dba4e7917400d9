//! The client's list: the acknowledged jobs by key, and contradictory answers.

use std::collections::BTreeMap;

use serde_json::Value;

use longshore_kit::client::Answer;

/// A request, which the client repeats with the same key until it is acknowledged.
pub(super) struct Request {
    pub(super) key: String,
    pub(super) path: &'static str,
    pub(super) body: Value,
    /// Number of jobs in a batch; `None` if it is a single job.
    pub(super) batch: Option<usize>,
}

/// Everything that the client knows.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Job ids by idempotency key; a job of a batch has the batch's key and its index.
    pub(super) acknowledged: BTreeMap<String, String>,
    /// Violations found in answers.
    pub(super) broken: Vec<String>,
    /// Requests that were repeated because their answer was missing or demanded it.
    pub(super) sent_again: usize,
}

impl Book {
    /// Notes an answer. Returns true if the request is acknowledged.
    pub(super) fn note(&mut self, request: &Request, answer: &Answer) -> bool {
        let Some(ids) = ids_of(request, answer) else {
            // A temporary refusal is allowed; a healthy client gets no other status.
            if answer.status != 503 {
                self.broken.push(format!("{} was answered {}: {}", request.key, answer.status, answer.body));
            }
            return false;
        };
        for (index, id) in ids.into_iter().enumerate() {
            let key = if request.batch.is_some() { format!("{}:{index}", request.key) } else { request.key.clone() };
            let before = self.acknowledged.insert(key, id.clone());
            if let Some(before) = before.filter(|before| *before != id) {
                self.broken.push(format!("I5: {} is {before} and {id}", request.key));
            }
        }
        true
    }
}

/// Ids of all jobs of a request, if all were accepted.
fn ids_of(request: &Request, answer: &Answer) -> Option<Vec<String>> {
    let id_of = |document: &Value| document["id"].as_str().map(str::to_owned);
    let Some(jobs) = request.batch else {
        return if answer.status == 202 { id_of(&answer.body).map(|id| vec![id]) } else { None };
    };
    let results = answer.body["results"].as_array().filter(|results| results.len() == jobs)?;
    results.iter().map(id_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(status: u16, body: Value) -> Answer {
        Answer { status, headers: reqwest::header::HeaderMap::new(), text: body.to_string(), bytes: Vec::new(), body }
    }

    #[test]
    fn another_id_for_a_key_and_a_strange_answer_are_violations() {
        let mut book = Book::default();
        let single = Request { key: "a".into(), path: "/v1/jobs", body: Value::Null, batch: None };
        assert!(!book.note(&single, &answer(503, Value::Null)) && book.broken.is_empty());
        assert!(book.note(&single, &answer(202, json!({"id": "job_1"}))) && book.broken.is_empty());
        assert!(book.note(&single, &answer(202, json!({"id": "job_2"}))) && book.broken.len() == 1);
        let batch = Request { key: "b".into(), path: "/v1/jobs/batch", body: Value::Null, batch: Some(2) };
        let results = json!({"results": [{"id": "job_3"}, {"id": "job_4"}]});
        assert!(book.note(&batch, &answer(200, results)));
        assert_eq!(book.acknowledged["b:1"], "job_4");
        assert!(!book.note(&batch, &answer(200, json!({"results": [{"id": "job_3"}]}))) && book.broken.len() == 2);
    }
}
