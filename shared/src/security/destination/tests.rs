//! Tests of destinations: both ends of every range and their neighbours, every spelling of an address, and names.

use proptest::prelude::*;

use super::*;

fn check_public_url(url: &str) -> Result<String, &'static str> {
    check(url, &PrivateDestinations::default())
        .map(|destination| destination.url.to_string())
        .map_err(|error| error.code())
}

fn assert_code(url: &str, code: &str) {
    assert_eq!(check_public_url(url), Err(code), "{url}");
}

fn host_is_allowed(host: &str) -> bool {
    match check_public_url(&format!("https://{host}/")) {
        Ok(_) => true,
        Err("destination-blocked") => false,
        Err(code) => panic!("{host}: {code}"),
    }
}

/// Checks the first and last address of each blocked range, and the public neighbours outside.
#[test]
fn both_ends_of_every_ipv4_range_are_blocked_and_their_neighbours_are_not() {
    let ranges = "
        0.0.0.0 0.255.255.255 - 1.0.0.0
        10.0.0.0 10.255.255.255 9.255.255.255 11.0.0.0
        100.64.0.0 100.127.255.255 100.63.255.255 100.128.0.0
        127.0.0.0 127.255.255.255 126.255.255.255 128.0.0.0
        169.254.0.0 169.254.255.255 169.253.255.255 169.255.0.0
        172.16.0.0 172.31.255.255 172.15.255.255 172.32.0.0
        192.0.0.0 192.0.0.255 191.255.255.255 192.0.1.0
        192.0.2.0 192.0.2.255 192.0.1.255 192.0.3.0
        192.88.99.0 192.88.99.255 192.88.98.255 192.88.100.0
        192.168.0.0 192.168.255.255 192.167.255.255 192.169.0.0
        198.18.0.0 198.19.255.255 198.17.255.255 198.20.0.0
        198.51.100.0 198.51.100.255 198.51.99.255 198.51.101.0
        203.0.113.0 203.0.113.255 203.0.112.255 203.0.114.0
        224.0.0.0 239.255.255.255 223.255.255.255 -
        240.0.0.0 255.255.255.255 - -
    ";
    for range in ranges.lines().filter(|line| !line.trim().is_empty()) {
        let [first, last, before, after] = range.split_whitespace().collect::<Vec<_>>().try_into().unwrap();
        for (address, expected) in [(first, false), (last, false), (before, true), (after, true)] {
            if address != "-" {
                assert_eq!(host_is_allowed(address), expected, "{address}");
                let mapped = format!("[::ffff:{address}]");
                assert_eq!(host_is_allowed(&mapped), expected, "{mapped}");
            }
        }
    }
}

#[test]
fn both_ends_of_every_ipv6_range_are_blocked() {
    let blocked = ":: ::1 ::2 ::7f00:1 ::8.8.8.8 ::fffe:ffff:ffff ::1:0:0:0 64:ff9b:: 64:ff9b::ffff:ffff \
         64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1:: 64:ff9b:1:ffff:ffff:ffff:ffff:ffff 100:: \
         100::ffff:ffff:ffff:ffff 100:0:0:1:: 1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 4000:: \
         2001:: 2001:0:ffff:ffff:ffff:ffff:ffff:ffff 2001:0:4136:e378:8000:63bf:3fff:fdd2 \
         2001:2:: 2001:10:: 2001:20:: 2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff 2001:db8:: \
         2001:db8:ffff:ffff:ffff:ffff:ffff:ffff 2002:: 2002:7f00:1:: \
         2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff 3fff:: 3fff::1 \
         3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff 5f00:: 5f00::1 \
         5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff fc00:: fd00::1 \
         fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff fe80:: fe80::1 \
         febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff fec0:: fec0::1 \
         feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ff00:: ff02::1 \
         ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    for address in blocked.split_whitespace() {
        assert!(!host_is_allowed(&format!("[{address}]")), "{address}");
    }
}

#[test]
fn ipv6_neighbours_of_blocked_ranges_are_allowed() {
    let allowed = "2000:: 2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2001:200:: \
         2001:db7:ffff:ffff:ffff:ffff:ffff:ffff 2001:db9:: \
         2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2003:: 2606:4700:4700::1111 \
         3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff 3fff:1000:: \
         3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    for address in allowed.split_whitespace() {
        assert!(host_is_allowed(&format!("[{address}]")), "{address}");
    }
}

#[test]
fn every_spelling_of_a_private_address_is_blocked() {
    let spellings = "127.0.0.1 127.0.0.1. 2130706433 017700000001 0x7f000001 0x7F.1 127.1 127.0.1 0177.0.0.1 \
         0x7f.0x0.0x0.0x1 127.0.0.0x1 0 0x0 00.0.0 1%32%37.0.0.1 %31%32%37.0.0.1 \
         \u{ff11}\u{ff12}\u{ff17}.\u{ff10}.\u{ff10}.\u{ff11} 127\u{3002}0\u{3002}0\u{3002}1 \
         127\u{ff0e}0\u{ff0e}0\u{ff0e}1 127\u{ff61}1 \u{2460}\u{2461}\u{2466}.0.0.1 2852039166 \
         0xa9fea9fe 169.254.169.254 0251.0376.0251.0376 0xA9.254.43518 [::ffff:127.0.0.1] \
         [::ffff:7f00:1] [0:0:0:0:0:ffff:a9fe:a9fe] [::FFFF:169.254.169.254] [0000::0001]";
    for spelling in spellings.split_whitespace() {
        assert!(!host_is_allowed(spelling), "{spelling}");
    }
    assert_eq!(check_public_url("https://134744072/").as_deref(), Ok("https://8.8.8.8/"));
}

#[test]
fn private_names_are_blocked() {
    let names = "localhost LOCALHOST localhost. a.localhost a.localhost. printer.local local \
         metadata.google.internal Metadata.Google.Internal. nas.home.arpa home.arpa intranet db \
         db. a.corp a.lan localhost.localdomain \u{ff4c}ocalhost loc\u{ad}alhost com \
         \u{24db}ocalhost lo%63alhost a.private a.home a.intranet";
    for name in names.split_whitespace() {
        assert!(!host_is_allowed(name), "{name}");
    }
    for name in [
        "example.com",
        "notlocalhost.com",
        "localhost.com",
        "mylocal.net",
        "xlocal.dev",
        "a_b.example.com",
        "example.notinternal",
    ] {
        assert!(host_is_allowed(name), "{name}");
    }
}

#[test]
fn a_url_that_is_not_https_with_a_host_is_refused_with_a_code() {
    for url in ["", "example.com", "/path", "//example.com/", "https", "a b"] {
        assert_code(url, "url-invalid");
    }
    for url in [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "data:text/plain,x",
        "blob:https://a.com/1",
        "ws://example.com/",
        "javascript:alert(1)",
        "gopher://example.com/",
        "example.com:443",
        "http://127.0.0.1/",
    ] {
        assert_code(url, "url-scheme");
    }
    for url in ["https://user@example.com/", "https://user:pass@example.com/", "https://:p@example.com/"] {
        assert_code(url, "url-userinfo");
    }
    for url in [
        "https://",
        "https:///",
        "https://a..example.com/",
        "https://.example.com/",
        "https://example.com../",
        "https://*.example.com/",
        "https://exa mple.com/",
        "https://1.2.3.4.5/",
        "https://256.256.256.256/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://exa%00mple.com/",
        "https://example\u{0}.com/",
    ] {
        assert_code(url, "url-host");
    }
    let label = "a".repeat(64);
    assert_code(&format!("https://{label}.com/"), "url-host");
    assert_code(&format!("https://{}com/", "abc.".repeat(63)), "url-host");
    for url in
        ["https://example.com:80/", "https://example.com:8443/", "https://example.com:0/", "https://a.com:99999/"]
    {
        assert_code(url, "url-port");
    }
}

#[test]
fn a_url_is_kept_in_its_canonical_spelling() {
    let canonical = |url: &str| check_public_url(url).unwrap();
    assert_eq!(canonical("HTTPS://EXAMPLE.com:443/a/../b?q=1#top"), "https://example.com/b?q=1");
    assert_eq!(canonical("https://example.com.:443"), "https://example.com/");
    assert_eq!(canonical(" https://b\u{fc}cher.example/\t"), "https://xn--bcher-kva.example/");
    assert_eq!(canonical("https://@example.com/"), "https://example.com/");
    assert_eq!(canonical(r"https:\\example.com\a"), "https://example.com/a");
    // The text after a backslash is path; the part after the at sign is not the host.
    assert_eq!(canonical(r"https://example.com\@127.0.0.1/"), "https://example.com/@127.0.0.1/");
}

#[test]
fn length_counts_as_given_and_as_parsed() {
    let of_length = |bytes: usize| format!("https://a.co/{}", "x".repeat(bytes - 13));
    assert!(check_public_url(&of_length(URL_BYTES_MAX)).is_ok());
    assert_code(&of_length(URL_BYTES_MAX + 1), "url-too-long");
    assert_code(&format!("https://a.co/{}", "\u{fc}".repeat(700)), "url-too-long");
}

#[test]
fn allowed_private_destinations_may_be_http_on_exactly_their_port() {
    let private =
        PrivateDestinations::parse(" localhost:8787\treceiver:* [::1]:80 10.0.0.7:443\nDB.internal.:9 ").unwrap();
    let code = |url: &str| check(url, &private).map(|_| ()).map_err(|error| error.code());
    for url in [
        "http://localhost:8787/",
        "https://LOCALHOST.:8787/x",
        "http://receiver/",
        "http://receiver:1/",
        "https://receiver:65535/",
        "http://[::1]/",
        "https://10.0.0.7/",
        "http://10.7:443/",
        "http://db.internal:9/",
    ] {
        assert_eq!(code(url), Ok(()), "{url}");
    }
    for (url, expected) in [
        ("http://localhost:8788/", "url-scheme"),
        ("https://localhost:8788/", "destination-blocked"),
        ("http://a.receiver/", "url-scheme"),
        ("https://10.0.0.7:444/", "destination-blocked"),
        ("https://10.0.0.8/", "destination-blocked"),
        ("http://user@localhost:8787/", "url-userinfo"),
        ("ftp://localhost:8787/", "url-scheme"),
        ("https://[::ffff:10.0.0.7]/", "destination-blocked"),
    ] {
        assert_eq!(code(url), Err(expected), "{url}");
    }
}

#[test]
fn an_invalid_allow_list_is_refused() {
    assert_eq!(PrivateDestinations::parse(""), Ok(PrivateDestinations::default()));
    for text in [
        "localhost",
        "localhost:",
        ":80",
        "localhost:0",
        "localhost:70000",
        "localhost:+80",
        "*:*",
        "*.a:80",
        "http://a:80",
        "::1:80x",
        "a..b:1",
    ] {
        let message = PrivateDestinations::parse(&format!("a:1 {text}")).unwrap_err();
        assert_eq!(message, "entry 2 is not host:port or host:*", "{text}");
    }
}

#[test]
fn authority_fills_the_default_port_in() {
    let private = PrivateDestinations::parse("localhost:* [::1]:*").unwrap();
    let authority = |url: &str| check(url, &private).unwrap().authority();
    assert_eq!(authority("https://Example.com/x"), "example.com:443");
    assert_eq!(authority("http://localhost/"), "localhost:80");
    assert_eq!(authority("http://localhost:8787/"), "localhost:8787");
    assert_eq!(authority("http://[::1]/"), "[::1]:80");
}

proptest! {
    /// Compares the table with the predicates of the standard library, where they exist.
    #[test]
    fn ranges_that_the_standard_library_calls_private_are_blocked(bits in any::<u32>()) {
        let address = Ipv4Addr::from_bits(bits);
        let private = address.is_private() || address.is_loopback() || address.is_link_local()
            || address.is_multicast() || address.is_broadcast() || address.is_documentation()
            || address.is_unspecified();
        prop_assert!(!(private && is_public_ipv4(address)));
        prop_assert_eq!(is_public_ipv4(address), is_public_ipv6(address.to_ipv6_mapped()));
        prop_assert!(!is_public_ipv6(address.to_ipv6_compatible()));
    }

    /// Every spelling of an address is treated like the address.
    #[test]
    fn spelling_does_not_matter(bits in any::<u32>()) {
        let [a, b, c, d] = bits.to_be_bytes();
        let expected = is_public_ipv4(Ipv4Addr::from_bits(bits));
        for host in [
            format!("{a}.{b}.{c}.{d}"), format!("{bits}"), format!("{bits:#x}"), format!("0{bits:o}"),
            format!("0{a:o}.{b:#x}.{}", u32::from(c) << 8 | u32::from(d)), format!("[::ffff:{a}.{b}.{c}.{d}]"),
            format!("{a}\u{3002}{b}\u{ff0e}{c}\u{ff61}{d}"),
        ] {
            prop_assert_eq!(host_is_allowed(&host), expected, "{}", host);
        }
    }

    /// No text panics, and an accepted URL is accepted again without a change.
    #[test]
    fn an_accepted_url_is_canonical(text in "(https://)?[a-z0-9.%@:/\\[\\]#?\\\\\u{3002}\u{ff11}-]{0,40}") {
        if let Ok(first) = check(&text, &PrivateDestinations::default()) {
            let again = check(first.url.as_str(), &PrivateDestinations::default());
            prop_assert_eq!(again.as_ref(), Ok(&first));
            prop_assert!(first.url.scheme() == "https" && first.authority().ends_with(":443"));
        }
    }
}
