//! Requests below HTTP: methods, lengths and chunks that no client library sends.

use std::time::Duration;

use longshore_kit::client::Answer;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// Sends a head and then parts of a body until an answer arrives or everything is sent. Returns the answer.
pub(crate) async fn send(base: &str, head: &str, parts: impl IntoIterator<Item = Vec<u8>>) -> Answer {
    let address = base.trim_start_matches("http://");
    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    let read = async {
        let mut bytes = Vec::new();
        // A reset after the answer counts as its end.
        while !is_complete(&bytes) && reader.read_buf(&mut bytes).await.is_ok_and(|count| count > 0) {}
        bytes
    };
    let write = async {
        writer.write_all(head.as_bytes()).await.unwrap();
        for part in parts {
            // A server that has answered may stop reading.
            if writer.write_all(&part).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    let answered = async {
        tokio::select! { bytes = read => bytes, () = write => Vec::new() }
    };
    let bytes = timeout(ANSWER_WITHIN, answered).await.expect("an answer comes");
    parse(&bytes)
}

/// Posts a job with one more header, made of any bytes.
pub(crate) async fn post_job(base: &str, token: &str, header: &str, job: &Value) -> Answer {
    let body = job.to_string();
    let head = format!(
        "POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{header}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    send(base, &head, [body.into_bytes()]).await
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn is_complete(bytes: &[u8]) -> bool {
    let Some(end) = end_of_head(bytes) else {
        return false;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    match length.and_then(|length| length.trim().parse::<usize>().ok()) {
        Some(length) => bytes.len() >= end + length,
        None => bytes.ends_with(b"0\r\n\r\n"),
    }
}

fn parse(bytes: &[u8]) -> Answer {
    let end = end_of_head(bytes).unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(bytes)));
    let head = String::from_utf8_lossy(&bytes[..end]);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let mut headers = HeaderMap::new();
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    let text = String::from_utf8_lossy(&bytes[end..]).into_owned();
    // The document extends from the first brace to the last, chunked or not.
    let document = text.find('{').zip(text.rfind('}')).map(|(from, to)| &text[from..=to]);
    let body = document.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::from(text.as_str()));
    Answer { status, headers, body, text, bytes: bytes[end..].to_vec() }
}
