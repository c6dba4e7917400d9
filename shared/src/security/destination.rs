//! Destinations: the URLs that Longshore may send to, public ones and private ones that the operator has allowed.
//!
//! The rules are in docs/failure-modes.md 3.1. A URL is parsed by the WHATWG algorithm, as workerd does it, so every
//! spelling of an address (decimal, octal, hex, short, full-width) is already an address when it is checked here. A
//! public name that resolves to a private address can only be caught by the connection itself: on Cloudflare by the
//! flag `global_fetch_strictly_public`, elsewhere by the deny list of workerd's network.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, ParseError, Url};

use crate::limits::URL_BYTES_MAX;

/// Port that every destination must use, unless the operator has allowed another.
const PUBLIC_PORT: u16 = 443;

/// IPv4 ranges that are not unicast and global, as (first address, prefix length): the IANA special-purpose
/// registry (RFC 6890), with multicast and the reserved block.
const BLOCKED_IPV4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The only IPv6 range that IANA assigns as global unicast. Outside of it are the loopback, NAT64 (`64:ff9b::/96`,
/// `64:ff9b:1::/48`), discard (`100::/64`), segment routing (`5f00::/16`), unique local (`fc00::/7`), link local
/// (`fe80::/10`), site local (`fec0::/10`) and multicast (`ff00::/8`), which therefore have no rows below.
const GLOBAL_IPV6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// IPv6 ranges inside [`GLOBAL_IPV6`] that are not destinations: protocol assignments with Teredo (`2001::/32`) and
/// ORCHID, documentation, 6to4, and documentation again.
const BLOCKED_IPV6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Names of private networks, blocked with all their subdomains: RFC 6761, RFC 8375, ICANN's `internal` (with
/// `metadata.google.internal`), and the names listed in RFC 6762 appendix G.
const BLOCKED_NAMES: [&str; 10] =
    ["localhost", "localdomain", "local", "internal", "home.arpa", "intranet", "private", "corp", "home", "lan"];

/// Maximum bytes of a domain name (RFC 1035 2.3.4).
const NAME_BYTES: usize = 253;
/// Maximum bytes of one label of a domain name (RFC 1035 2.3.4).
const LABEL_BYTES: usize = 63;

/// Reasons to refuse a URL. The texts are fixed and public: none reveals if a server listens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// The text is not an absolute URL.
    #[error("must be an absolute URL, such as https://example.com/hook")]
    NotAUrl,
    /// The scheme is not https, nor http for an allowed private destination.
    #[error("must use https")]
    Scheme,
    /// The URL has a user name or password, which would be logged.
    #[error("must not contain a user name or password")]
    Userinfo,
    /// The host is missing, or is not a valid name or address.
    #[error("must have a valid host name or address")]
    Host,
    /// The port is not 443.
    #[error("must use port 443")]
    Port,
    /// The host is not on the public internet.
    #[error("must be a public host; `PRIVATE_DESTINATIONS` can allow others")]
    Blocked,
    /// The URL is longer than [`URL_BYTES_MAX`], as given or once parsed.
    #[error("must have at most {URL_BYTES_MAX} bytes")]
    TooLong,
}

impl DestinationError {
    /// Returns the code for problem documents.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAUrl => "url-invalid",
            Self::Scheme => "url-scheme",
            Self::Userinfo => "url-userinfo",
            Self::Host => "url-host",
            Self::Port => "url-port",
            Self::Blocked => "destination-blocked",
            Self::TooLong => "url-too-long",
        }
    }
}

impl From<ParseError> for DestinationError {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::EmptyHost
            | ParseError::IdnaError
            | ParseError::InvalidIpv4Address
            | ParseError::InvalidIpv6Address
            | ParseError::InvalidDomainCharacter => Self::Host,
            ParseError::InvalidPort => Self::Port,
            _ => Self::NotAUrl,
        }
    }
}

/// Private destinations that the operator allows, over http or https. None by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrivateDestinations {
    /// Host and port of each entry; `None` is any port.
    allowed: Vec<(Host<String>, Option<u16>)>,
}

impl PrivateDestinations {
    /// Parses entries `host:port` or `host:*`, separated by white space, with IPv6 addresses in brackets.
    ///
    /// # Errors
    /// A text with the number of the invalid entry, without its content.
    pub fn parse(text: &str) -> Result<Self, String> {
        let entry =
            |(at, entry)| parse_entry(entry).ok_or_else(|| format!("entry {} is not host:port or host:*", at + 1));
        let allowed = text.split_whitespace().enumerate().map(entry).collect::<Result<_, String>>()?;
        Ok(Self { allowed })
    }

    fn allows(&self, host: &Host<&str>, port: u16) -> bool {
        self.allowed.iter().any(|(allowed, allowed_port)| {
            allowed_port.is_none_or(|allowed_port| allowed_port == port) && same_host(allowed, host)
        })
    }
}

fn parse_entry(entry: &str) -> Option<(Host<String>, Option<u16>)> {
    let (host, port) = entry.rsplit_once(':')?;
    let port = match port {
        "*" => None,
        // Rust would also parse a number with a sign.
        port if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(port.parse::<u16>().ok().filter(|port| *port != 0)?)
        }
        _ => return None,
    };
    let host = match Host::parse(host).ok()? {
        Host::Domain(name) if is_name(without_root(&name)) => Host::Domain(without_root(&name).to_owned()),
        Host::Domain(_) => return None,
        address => address,
    };
    Some((host, port))
}

fn same_host(one: &Host<String>, other: &Host<&str>) -> bool {
    match (one, other) {
        (Host::Domain(one), Host::Domain(other)) => one == other,
        (Host::Ipv4(one), Host::Ipv4(other)) => one == other,
        (Host::Ipv6(one), Host::Ipv6(other)) => one == other,
        _ => false,
    }
}

/// A URL that Longshore may send to, in the parser's canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Absolute http or https URL, without userinfo, fragment or a trailing dot of the host.
    pub url: Url,
}

impl Destination {
    /// Returns `host:port` with the default port filled in, the key of limits per destination.
    pub fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or(PUBLIC_PORT);
        format!("{host}:{port}")
    }
}

/// Checks that Longshore may send to `url`. Called when a job or endpoint is written, and again before every send,
/// because the rules or the allow-list may have changed.
///
/// # Errors
/// The first rule that the URL violates.
pub fn check(url: &str, private: &PrivateDestinations) -> Result<Destination, DestinationError> {
    if url.len() > URL_BYTES_MAX {
        return Err(DestinationError::TooLong);
    }
    let mut url = Url::parse(url)?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(DestinationError::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(DestinationError::Userinfo);
    }
    remove_root(&mut url)?;
    // A fragment is never sent to a server (RFC 9110 4.2.5); with it, one target would have two spellings.
    url.set_fragment(None);
    let host = url.host().ok_or(DestinationError::Host)?;
    let port = url.port_or_known_default().ok_or(DestinationError::Port)?;
    if !private.allows(&host, port) {
        check_public(url.scheme(), &host, port)?;
    }
    if url.as_str().len() > URL_BYTES_MAX {
        // Percent-encoding and punycode can make the parsed URL longer than the text.
        return Err(DestinationError::TooLong);
    }
    Ok(Destination { url })
}

/// Checks the host name and removes the dot of the DNS root, so that one host has one spelling.
fn remove_root(url: &mut Url) -> Result<(), DestinationError> {
    let Some(Host::Domain(name)) = url.host() else {
        return Ok(());
    };
    let bare = without_root(name);
    if !is_name(bare) {
        return Err(DestinationError::Host);
    }
    if bare.len() < name.len() {
        let bare = bare.to_owned();
        url.set_host(Some(&bare))?;
    }
    Ok(())
}

fn check_public(scheme: &str, host: &Host<&str>, port: u16) -> Result<(), DestinationError> {
    if scheme != "https" {
        return Err(DestinationError::Scheme);
    }
    let public = match host {
        Host::Domain(name) => is_public_name(name),
        Host::Ipv4(address) => is_public_ipv4(*address),
        Host::Ipv6(address) => is_public_ipv6(*address),
    };
    if !public {
        return Err(DestinationError::Blocked);
    }
    if port != PUBLIC_PORT {
        return Err(DestinationError::Port);
    }
    Ok(())
}

fn without_root(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

/// True if a parsed host is a valid DNS name. The URL parser accepts `a..b`, `*` and `"`.
fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES
        && name.split('.').all(|label| {
            (1..=LABEL_BYTES).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
        })
}

/// True if a name is public. A single label is never public: it resolves by the search list of the local network.
fn is_public_name(name: &str) -> bool {
    name.contains('.')
        && !BLOCKED_NAMES
            .iter()
            .any(|blocked| name.strip_suffix(blocked).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

fn is_public_ipv4(address: Ipv4Addr) -> bool {
    !BLOCKED_IPV4.iter().any(|(first, prefix)| (address.to_bits() ^ first.to_bits()).leading_zeros() >= *prefix)
}

fn is_public_ipv6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_ipv4(mapped);
    }
    let within = |(first, prefix): &(Ipv6Addr, u32)| (address.to_bits() ^ first.to_bits()).leading_zeros() >= *prefix;
    within(&GLOBAL_IPV6) && !BLOCKED_IPV6.iter().any(within)
}

#[cfg(test)]
mod tests;
