//! A violation of each invariant is found.

use serde_json::json;

use super::*;
use longshore_kit::receiver::Line;

/// Consistent witnesses of two attempts, the first of which a kill ended.
fn agreeing() -> (Book, Vec<Kill>, Witness) {
    let record = json!({"job_id": "job_1", "attempt": 2}).to_string().into_bytes();
    let evidence = json!({"state": "stored", "n": 0, "offset": 0, "length": record.len(), "sha256": sha256(&record)});
    let entry = |started_at, lease: &str, state: &str| Entry {
        started_at,
        lease: lease.to_owned(),
        state: state.to_owned(),
        evidence: Value::Null,
    };
    let log = vec![
        entry(1_000, "01HZZZZZZZ0000000000000001", "outcome_unknown"),
        Entry { evidence, ..entry(40_000, "01HZZZZZZZ0000000000000002", "succeeded") },
    ];
    let packs = [(log[1].pack().unwrap(), record)].into();
    let text = |text: &str| text.to_owned();
    let row = Row {
        id: text("job_1"),
        event_id: text("job_1"),
        key: text("a"),
        state: text("succeeded"),
        reason: String::new(),
        attempt: 2,
        finished: true,
        log,
    };
    let line = |at_ms| Line { webhook_id: text("job_1"), path: text("/ok"), at_ms, verified: true };
    let book = Book { acknowledged: [(text("a"), text("job_1"))].into(), ..Book::default() };
    let kills = vec![Kill { point: None, at_ms: 2_000 }];
    (book, kills, Witness { rows: vec![row], received: vec![line(1_500), line(40_001)], packs })
}

#[test]
fn consistent_witnesses_have_no_violation() {
    let (book, kills, witness) = agreeing();
    assert_eq!(broken(&book, &kills, &witness), Vec::<String>::new());
    assert_eq!(recoveries(&kills, &witness), [38_000]);
}

#[test]
fn each_violation_is_found() {
    type Break = fn(&mut Book, &mut Vec<Kill>, &mut Witness);
    let breaks: [(&str, Break); 16] = [
        ("I1", |_, _, witness| witness.rows.clear()),
        ("I1", |_, _, witness| witness.rows[0].finished = false),
        ("I2", |_, _, witness| witness.rows[0].attempt = 3),
        ("I2", |_, _, witness| witness.rows[0].log[0].lease = witness.rows[0].log[1].lease.clone()),
        ("I2", |_, _, witness| witness.rows[0].state = "dead".to_owned()),
        ("I3", |_, _, witness| witness.received[0].at_ms = 900),
        ("I3", |_, _, witness| witness.received.push(witness.received[1].clone())),
        ("I3", |_, _, witness| witness.received[0].webhook_id = "job_2".to_owned()),
        ("I3", |_, _, witness| witness.received.clear()),
        ("I4", |_, kills, _| kills.clear()),
        ("I4", |_, _, witness| witness.rows[0].log[0].state = String::new()),
        ("I5", |book, _, _| book.acknowledged.clear()),
        ("I5", |book, _, _| drop(book.acknowledged.insert("b".to_owned(), "job_1".to_owned()))),
        ("I6", |_, _, witness| witness.packs.clear()),
        ("I6", |_, _, witness| witness.packs.values_mut().for_each(|pack| pack[1] = b'x')),
        ("a request with a bad signature", |_, _, witness| witness.received[0].verified = false),
    ];
    for (index, (id, breaks_it)) in breaks.iter().enumerate() {
        let (mut book, mut kills, mut witness) = agreeing();
        breaks_it(&mut book, &mut kills, &mut witness);
        let found = broken(&book, &kills, &witness);
        assert!(found.iter().any(|line| line.starts_with(id)), "violation {index}: {found:?}");
    }
}
