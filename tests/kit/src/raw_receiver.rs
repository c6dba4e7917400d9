//! Receiver below HTTP: it sends given bytes, also invalid ones, at a given pace. Examples are a status of 999, a
//! header byte 0x01, a wrong `Content-Length`, and a body without an end.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Step of a raw receiver with a connection. After the last step it closes the connection.
#[derive(Debug, Clone)]
pub enum Step {
    /// Reads the whole request. A socket closed with unread bytes is reset and loses the bytes already sent.
    Read,
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes after each pause until the other side disconnects.
    Repeat(Vec<u8>, Duration),
    /// Waits until the other side disconnects.
    Hang,
}

/// Receiver that takes the same steps with every connection.
pub struct RawReceiver {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    server: JoinHandle<()>,
}

impl RawReceiver {
    /// Starts a receiver that reads each request, answers with these bytes and closes. Empty bytes send no answer.
    pub async fn start(answer: impl Into<Vec<u8>>) -> std::io::Result<Self> {
        Self::play(vec![Step::Read, Step::Send(answer.into())]).await
    }

    /// Starts on any free port and takes these steps with each connection.
    pub async fn play(steps: Vec<Step>) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (steps, requests) = (Arc::new(steps), Arc::new(Mutex::new(Vec::new())));
        let log = Arc::clone(&requests);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (steps, log) = (Arc::clone(&steps), Arc::clone(&log));
                // The other side may disconnect at any point.
                tokio::spawn(async move { drop(serve(stream, &steps, &log).await) });
            }
        });
        Ok(Self { address, requests, server })
    }

    /// Returns the URL of a path that begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the requests so far, byte for byte.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for RawReceiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(mut stream: TcpStream, steps: &[Step], log: &Mutex<Vec<Vec<u8>>>) -> std::io::Result<()> {
    for step in steps {
        match step {
            Step::Read => {
                let request = read_request(&mut stream).await?;
                log.lock().unwrap_or_else(PoisonError::into_inner).push(request);
            }
            Step::Send(bytes) => stream.write_all(bytes).await?,
            Step::Repeat(bytes, pause) => loop {
                sleep(*pause).await;
                stream.write_all(bytes).await?;
            },
            Step::Hang => while stream.read(&mut [0; 1_024]).await? > 0 {},
        }
    }
    stream.shutdown().await
}

async fn read_request(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut request = Vec::new();
    while !is_complete(&request) && stream.read_buf(&mut request).await? > 0 {}
    Ok(request)
}

/// Returns true if the request has its head and the body that it announces, by length or in chunks.
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
