//! Property of destinations: an independent check also finds allowed URLs public, and parsing an allowed URL again does
//! not change it.

use std::net::{Ipv4Addr, Ipv6Addr};

use longshore::limits::URL_BYTES_MAX;
use longshore::security::destination::{PrivateDestinations, check};
use url::Host;

use crate::texts;

/// Checks a URL and the private destinations that an operator allows.
pub fn destination(bytes: &[u8]) -> bool {
    let [url, listed] = texts::<2>(bytes);
    let none = PrivateDestinations::default();
    let public = check(&url, &none);
    if let Ok(found) = &public {
        assert_eq!(found.url.scheme(), "https");
        assert_eq!(found.url.port_or_known_default(), Some(443));
        assert!(is_public(&found.url.host().unwrap()), "{}", found.url);
        is_canonical(found.url.as_str(), &none);
    }
    if let Ok(private) = PrivateDestinations::parse(&listed) {
        match check(&url, &private) {
            Ok(found) => is_canonical(found.url.as_str(), &private),
            Err(_) => assert!(public.is_err(), "allowing more forbade {url:?}"),
        }
        for entry in listed.split_whitespace() {
            let open = check(&format!("http://{}/", entry.replace(":*", ":8080")), &private);
            assert!(open.is_ok(), "{entry:?} is listed, but the result is {open:?}");
        }
    }
    public.is_ok()
}

fn is_canonical(url: &str, private: &PrivateDestinations) {
    let again = check(url, private).unwrap_or_else(|error| panic!("{url} was allowed first, then refused: {error}"));
    assert_eq!(again.url.as_str(), url);
    assert!(url.len() <= URL_BYTES_MAX && url.is_ascii());
    assert!(again.url.fragment().is_none() && again.url.username().is_empty() && again.url.password().is_none());
    assert!(!again.authority().contains(['@', '/', '?', '#']), "{}", again.authority());
}

fn is_public(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let last = name.rsplit('.').next().unwrap_or_default();
            name.contains('.') && !name.ends_with('.') && !["localhost", "local", "internal", "lan"].contains(&last)
        }
        Host::Ipv4(address) => is_public_ipv4(*address),
        Host::Ipv6(address) => is_public_ipv6(*address),
    }
}

fn is_public_ipv4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let shared = first == 100 && (64..128).contains(&second);
    let benchmark = first == 198 && (18..20).contains(&second);
    let of_std = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation();
    !(of_std || shared || benchmark || first == 0 || first >= 240)
}

fn is_public_ipv6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_ipv4(mapped);
    }
    let tunnel = segments[0] == 0x2002 || (segments[0] == 0x2001 && segments[1] == 0);
    let documentation = segments[0] == 0x2001 && segments[1] == 0xdb8;
    (0x2000..0x4000).contains(&segments[0]) && !tunnel && !documentation
}
