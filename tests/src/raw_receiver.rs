//! A receiver below HTTP: it answers with given bytes, however wrong. For a status of 999, a header byte 0x01, a
//! `Content-Length` that lies.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Answers every connection with the same bytes and closes it.
pub struct RawReceiver {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    server: JoinHandle<()>,
}

impl RawReceiver {
    /// Starts on any free port. With no bytes at all, connections are closed without an answer.
    pub async fn start(answer: impl Into<Vec<u8>>) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (answer, requests) = (Arc::new(answer.into()), Arc::new(Mutex::new(Vec::new())));
        let log = Arc::clone(&requests);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
                // The other side may hang up at any point; that is its affair.
                tokio::spawn(async move { drop(serve(stream, &answer, &log).await) });
            }
        });
        Ok(Self { address, requests, server })
    }

    /// The URL of a path that begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far, byte for byte.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for RawReceiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(mut stream: TcpStream, answer: &[u8], log: &Mutex<Vec<Vec<u8>>>) -> std::io::Result<()> {
    // The whole request is read first: closing a socket with unread bytes resets it and loses the answer.
    let mut request = Vec::new();
    while !is_complete(&request) {
        if stream.read_buf(&mut request).await? == 0 {
            break;
        }
    }
    log.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    stream.write_all(answer).await?;
    stream.shutdown().await
}

/// Whether the head is there, and the body that it announces: by its length, or in chunks.
fn is_complete(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
    if head.contains("transfer-encoding: chunked") {
        return request.ends_with(b"0\r\n\r\n");
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
    request.len() >= end + 4 + length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_go_out_as_given() {
        let receiver = RawReceiver::start("HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\nhi").await.unwrap();
        let response = reqwest::Client::new().post(receiver.url("/x")).body("body").send().await.unwrap();
        assert_eq!(response.status().as_u16(), 999);
        assert_eq!(response.text().await.unwrap(), "hi");
        assert!(receiver.requests()[0].ends_with(b"\r\n\r\nbody"));
    }

    #[test]
    fn a_request_ends_with_its_body() {
        assert!(!is_complete(b"POST / HTTP/1.1\r\n"));
        assert!(!is_complete(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n1"));
        assert!(is_complete(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n12"));
        assert!(!is_complete(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"));
        assert!(is_complete(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"));
    }
}
