//! Where Longshore may send: which URLs are public, and which private ones an operator has allowed.
//!
//! The rules are docs/failure-modes.md 3.1. A URL is parsed by the WHATWG algorithm, as workerd does it, so every
//! spelling of an address (decimal, octal, hex, short, full-width) is already an address when it is judged here.
//! Only the connection itself can catch a public name that resolves to a private address: on Cloudflare the flag
//! `global_fetch_strictly_public` does, elsewhere the deny list of workerd's network.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, ParseError, Url};

use crate::limits::URL_BYTES_MAX;

/// The only port of a destination that no operator has named.
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

/// The only IPv6 range that IANA hands out as global unicast. Outside of it lie the loopback, NAT64 (`64:ff9b::/96`,
/// `64:ff9b:1::/48`), discard (`100::/64`), segment routing (`5f00::/16`), unique local (`fc00::/7`), link local
/// (`fe80::/10`), site local (`fec0::/10`) and multicast (`ff00::/8`): none of them needs a row.
const GLOBAL_IPV6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// IPv6 ranges inside [`GLOBAL_IPV6`] that are not destinations: protocol assignments with Teredo (`2001::/32`) and
/// ORCHID, documentation, 6to4, and documentation again.
const BLOCKED_IPV6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Names that never leave a private network, with everything below them: RFC 6761, RFC 8375, ICANN's `internal`
/// (`metadata.google.internal` among them) and the ones RFC 6762 appendix G says are used in the wild.
const BLOCKED_NAMES: [&str; 10] =
    ["localhost", "localdomain", "local", "internal", "home.arpa", "intranet", "private", "corp", "home", "lan"];

/// Bytes of a domain name and of one of its labels (RFC 1035 2.3.4).
const NAME_BYTES: usize = 253;
/// See [`NAME_BYTES`].
const LABEL_BYTES: usize = 63;

/// Why a URL is not a destination. The texts are fixed and public: none says whether anything listens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// The text does not parse as an absolute URL.
    #[error("must be an absolute URL, such as https://example.com/hook")]
    NotAUrl,
    /// The scheme is not https, or not http for a private destination that is allowed.
    #[error("must use https")]
    Scheme,
    /// The URL carries a user name or password, which would end in logs.
    #[error("must not contain a user name or password")]
    Userinfo,
    /// The host is missing or is no valid name or address.
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
    /// The code that problem documents carry.
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

/// Private destinations that the operator of this installation allows, over http or https. None by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrivateDestinations {
    /// Host, and port; no port is every port.
    allowed: Vec<(Host<String>, Option<u16>)>,
}

impl PrivateDestinations {
    /// Reads entries `host:port` or `host:*`, separated by white space; an IPv6 address stands in brackets.
    ///
    /// # Errors
    /// Says which entry is neither, without repeating it.
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
        // A number of Rust's may begin with a sign.
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

/// A URL that may be sent to, in the parser's canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Absolute, http or https, without userinfo, fragment or a trailing dot of the host.
    pub url: Url,
}

impl Destination {
    /// `host:port` with the scheme's default port filled in: what limits per destination count by.
    pub fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port_or_known_default().unwrap_or(PUBLIC_PORT);
        format!("{host}:{port}")
    }
}

/// Decides whether a job may be sent to `url`. It is asked when a job or endpoint is written and again before
/// every send, since the rules or the allow-list may have changed in between.
///
/// # Errors
/// The first rule that the URL breaks.
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
    // A fragment never reaches a server (RFC 9110 4.2.5); kept, it would only make two spellings of one target.
    url.set_fragment(None);
    let host = url.host().ok_or(DestinationError::Host)?;
    let port = url.port_or_known_default().ok_or(DestinationError::Port)?;
    if !private.allows(&host, port) {
        check_public(url.scheme(), &host, port)?;
    }
    if url.as_str().len() > URL_BYTES_MAX {
        // Percent-encoding and punycode make a URL longer than the text it was read from.
        return Err(DestinationError::TooLong);
    }
    Ok(Destination { url })
}

/// Checks the name, and drops the dot of the DNS root, which would make two spellings of one host.
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

/// Whether a parsed host is a name that DNS can hold. The URL parser lets `a..b`, `*` and `"` through.
fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES
        && name.split('.').all(|label| {
            (1..=LABEL_BYTES).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
        })
}

/// A single label is resolved by search lists of the network it is asked in, so it is never public.
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
