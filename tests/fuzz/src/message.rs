//! Property of queue messages: a decoded hint is the same after it is encoded and decoded again.

use longshore::limits::{MESSAGE_BYTES_MAX, SEND_BATCH_MESSAGES_MAX};
use longshore::model::hint::{batches, decode, encode};
use longshore::ports::HintMessage;

use crate::head;

/// Checks a number of jobs per hint and the text of a message.
pub fn hint(bytes: &[u8]) -> bool {
    let ([per_hint], text) = head::<1>(bytes);
    let Ok(jobs) = decode(&String::from_utf8_lossy(text)) else { return false };
    let messages = encode(&jobs, usize::from(per_hint));
    let again: Vec<_> = messages.iter().flat_map(|text| decode(text).unwrap()).collect();
    assert_eq!(again, jobs);
    let is_lone = |text: &String| decode(text).unwrap().len() == 1;
    assert!(messages.iter().all(|text| text.len() <= MESSAGE_BYTES_MAX || is_lone(text)));
    let messages: Vec<_> = messages.into_iter().map(|text| HintMessage { text, delay_seconds: 0 }).collect();
    let batches = batches(&messages);
    assert!(batches.iter().all(|batch| (1..=SEND_BATCH_MESSAGES_MAX).contains(&batch.len())));
    assert_eq!(batches.concat(), messages);
    true
}
