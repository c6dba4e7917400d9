//! Client: sends requests with the key and the tenant to one address.

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::Agent;
use ureq::http;
use url::{Host, Url};

use crate::answer::{Answer, Reply};
use crate::error::ClientError;
use crate::request::Request;

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// Timeout of the status and the headers. Longer than the 30 s that `?wait=` may take.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);
/// Timeout of a body: Longshore ends a request after 10 minutes.
const BODY_WITHIN: Duration = Duration::from_mins(11);

/// Address, key and tenant of a deployment.
#[derive(Clone, Default)]
pub struct Connection {
    /// Address of the producer.
    pub url: String,
    /// API key; `None` for the health routes.
    pub key: Option<String>,
    /// Tenant of the requests, for a key of all tenants.
    pub tenant: Option<String>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Connection");
        shown.field("url", &self.url).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// Client of one deployment.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    base: Url,
    connection: Connection,
}

impl Client {
    /// Creates a client. The address must begin with `https://`; on this machine `http://` is allowed.
    ///
    /// # Errors
    /// [`ClientError::Address`].
    pub fn new(connection: Connection) -> Result<Client, ClientError> {
        let base = checked(&connection.url)
            .map_err(|reason| ClientError::Address { url: connection.url.clone(), reason: reason.to_owned() })?;
        // A redirect could send the key to another server.
        let config = Agent::config_builder().max_redirects(0).max_redirects_will_error(false);
        let config = config.http_status_as_error(false).allow_non_standard_methods(true);
        let config = config.timeout_resolve(Some(CONNECT_WITHIN)).timeout_connect(Some(CONNECT_WITHIN));
        let config = config.timeout_recv_response(Some(ANSWER_WITHIN)).timeout_recv_body(Some(BODY_WITHIN));
        let config = config.user_agent(concat!("longshore-client/", env!("CARGO_PKG_VERSION")));
        Ok(Client { agent: config.build().into(), base, connection })
    }

    /// Returns the address, without path and query.
    pub fn url(&self) -> &str {
        &self.connection.url
    }

    /// Returns the tenant that requests name.
    pub fn tenant(&self) -> Option<&str> {
        self.connection.tenant.as_deref()
    }

    /// Returns the id of the key, which is not secret; `None` if the key is malformed or missing.
    pub fn key_id(&self) -> Option<String> {
        longshore::security::key::parse(self.connection.key.as_deref()?).map(|token| token.id)
    }

    /// Sends a request and returns the answer, whatever its status.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], or [`ClientError::Address`] for a malformed path.
    pub fn send(&self, request: &Request) -> Result<Reply, ClientError> {
        let mut built = http::Request::builder().method(request.method.as_str()).uri(self.target(request)?.as_str());
        if let Some(key) = &self.connection.key {
            built = built.header("authorization", format!("Bearer {key}"));
        }
        if let Some(tenant) = &self.connection.tenant {
            built = built.header("longshore-tenant", tenant);
        }
        for (name, value) in &request.headers {
            built = built.header(name, value);
        }
        // Without a body these methods would send an empty one in chunks.
        let has_body = ["POST", "PUT", "PATCH"].contains(&request.method.as_str());
        let answer = match request.body.as_deref().or(has_body.then_some(&[])) {
            Some(body) => built.body(body).map_err(|error| self.malformed(&error)).map(|it| self.agent.run(it))?,
            None => built.body(()).map_err(|error| self.malformed(&error)).map(|it| self.agent.run(it))?,
        };
        let unreachable =
            |error: ureq::Error| ClientError::Unreachable { url: self.url().to_owned(), reason: error.to_string() };
        let mut answer = answer.map_err(unreachable)?;
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let body = answer.body_mut().with_config().limit(u64::MAX).read_to_vec().map_err(unreachable)?;
        Ok(Reply { url: self.url().to_owned(), status: answer.status().as_u16(), headers, body })
    }

    /// Sends a request and parses the answer.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<Answer<T>, ClientError> {
        self.send(request)?.read()
    }

    /// Sends a request whose answer has no body.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub(crate) fn order(&self, request: &Request) -> Result<(), ClientError> {
        let reply = self.send(request)?;
        if reply.is_success() { Ok(()) } else { Err(reply.refusal()) }
    }

    fn malformed(&self, error: &http::Error) -> ClientError {
        ClientError::Address { url: self.url().to_owned(), reason: format!("the request is malformed: {error}") }
    }

    fn target(&self, request: &Request) -> Result<Url, ClientError> {
        let address = |reason: &str| ClientError::Address { url: self.url().to_owned(), reason: reason.to_owned() };
        let mut url = self.base.clone();
        if let Some(path) = &request.path {
            let base = self.base.as_str().trim_end_matches('/');
            url = Url::parse(&format!("{base}{path}")).map_err(|error| address(&error.to_string()))?;
        } else {
            let mut segments = url.path_segments_mut().map_err(|()| address("the address has no path"))?;
            segments.pop_if_empty().extend(&request.segments);
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        Ok(url)
    }
}

/// Parses an address to which a key may be sent.
fn checked(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "the address must be a URL, such as https://longshore.example.com")?;
    let is_local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err("the address must have no user, password, query or fragment");
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_local => Ok(url),
        _ => Err("the address must begin with https://, because a key is sent to it; http:// is for this machine only"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(url: &str) -> Result<Client, ClientError> {
        Client::new(Connection { url: url.into(), key: Some("secret".into()), tenant: None })
    }

    #[test]
    fn a_key_is_sent_only_over_tls_or_on_this_machine() {
        for right in [
            "https://a.example",
            "https://a.example/base/",
            "http://127.0.0.1:8787",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert!(client(right).is_ok(), "{right}");
        }
        for wrong in [
            "http://a.example",
            "a.example",
            "",
            "ftp://localhost",
            "https://a:b@c",
            "https://a/?x",
            "http://localhost.evil",
        ] {
            assert!(matches!(client(wrong), Err(ClientError::Address { .. })), "{wrong}");
        }
    }

    #[test]
    fn names_are_escaped_in_the_path() {
        let client = client("https://a.example/base/").unwrap();
        let target = |request: &Request| client.target(request).unwrap().to_string();
        let request = Request::new("GET", &["v1", "jobs", "a/b ?#%"]).parameter("state", Some("a&b"));
        assert_eq!(target(&request), "https://a.example/base/v1/jobs/a%2Fb%20%3F%23%25?state=a%26b");
        assert_eq!(target(&Request::to_path("GET", "/v1/jobs?limit=1")), "https://a.example/base/v1/jobs?limit=1");
    }

    #[test]
    fn debug_output_hides_the_key() {
        assert!(!format!("{:?}", client("https://a.example").unwrap()).contains("secret"));
    }
}
