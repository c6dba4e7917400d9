//! Kinds of hostile receivers: their behaviour on a connection, and the required end of the one attempt.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use longshore_kit::raw_receiver::Step;

/// Seconds that each attempt may take.
pub(crate) const DEADLINE_SECONDS: u64 = 2;

/// End of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Succeeds: the answer begins with 2xx and can be read, however odd it is.
    Succeeded,
    /// Succeeds by its 2xx status, although the body was interrupted.
    Unread,
    /// Times out after the head of a 200 arrived.
    Unfinished,
    /// The job is dead, with this error class.
    Dead(&'static str),
    /// Waits for the next attempt, with a Retry-After between these seconds.
    Waits(i64, i64),
}

use End::{Dead, Succeeded, Unfinished, Unread, Waits};

/// A receiver that answers as no server should.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) steps: Vec<Step>,
    pub(crate) end: End,
}

/// Reads the request and sends these bytes.
fn answers(name: &'static str, answer: impl Into<Vec<u8>>, end: End) -> Kind {
    plays(name, vec![Step::Send(answer.into())], end)
}

/// Reads the request and then plays these steps.
fn plays(name: &'static str, mut steps: Vec<Step>, end: End) -> Kind {
    steps.insert(0, Step::Read);
    Kind { name, steps, end }
}

/// A good answer with these lines in its head.
fn ok(lines: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{lines}content-length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

/// A status line and header lines, without a body.
fn status(line: &str, lines: &str) -> Vec<u8> {
    format!("{line}\r\n{lines}content-length: 0\r\n\r\n").into_bytes()
}

fn send(bytes: impl Into<Vec<u8>>) -> Step {
    Step::Send(bytes.into())
}

/// `count` headers with different names.
fn headers(count: usize) -> String {
    (0..count).map(|n| format!("x{n}: v\r\n")).collect::<Vec<_>>().concat()
}

/// `count` receivers that answer correctly.
pub(crate) fn healthy_kinds(count: usize) -> Vec<Kind> {
    (0..count).map(|_| answers("a good one", ok("content-type: text/plain\r\n", b"thank you"), Succeeded)).collect()
}

/// All kinds of hostile receivers.
pub(crate) fn kinds() -> Vec<Kind> {
    [
        without_an_end(),
        compressed(),
        odd_heads(),
        large_heads(),
        odd_statuses(),
        lying_lengths(),
        interrupted(),
        other_protocols(),
        odd_bodies(),
        retry_after(),
        flood_of_continue(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn without_an_end() -> Vec<Kind> {
    // The flood exceeds every limit quickly; the drip is slow even on a busy processor.
    let (flood, drip) = (Duration::from_millis(10), Duration::from_secs(1));
    let large = vec![b'x'; 65_536];
    let chunk = [b"10000\r\n", large.as_slice(), b"\r\n"].concat();
    let forever = |first: &str, bytes: Vec<u8>, pause| vec![send(first), Step::Repeat(bytes, pause)];
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    vec![
        plays("a body without an end", forever("HTTP/1.1 200 OK\r\n\r\n", large.clone(), flood), Succeeded),
        plays("chunks without an end", forever(chunked, chunk, flood), Succeeded),
        plays("an error's body without an end", forever("HTTP/1.1 500 X\r\n\r\n", large, flood), Dead("http_5xx")),
        plays(
            "a body, a byte a second",
            forever("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n", b"x".to_vec(), drip),
            Unfinished,
        ),
        plays("chunks, one a second", forever(chunked, b"1\r\nx\r\n".to_vec(), drip), Unfinished),
        plays("a head, a byte a second", forever("HTTP/1.1 200 OK\r\nx: ", b"x".to_vec(), drip), Dead("timeout")),
        plays(
            "headers without an end",
            forever("HTTP/1.1 200 OK\r\n", b"x: y\r\n".repeat(10_000), flood),
            Dead("connect"),
        ),
        plays("no answer", vec![Step::Hang], Dead("timeout")),
        plays("half a head, then nothing", vec![send("HTTP/1.1 200"), Step::Hang], Dead("timeout")),
        plays(
            "half a body, then nothing",
            vec![send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"), Step::Hang],
            Unfinished,
        ),
    ]
}

/// The last kind: workerd has one thread, and these answers keep it busy.
fn flood_of_continue() -> Vec<Kind> {
    let flood = Step::Repeat(b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100), Duration::from_millis(10));
    vec![plays("100 Continue without an end", vec![flood], Dead("timeout"))]
}

/// Base64 of a gzip member with a megabyte of zeros in a kilobyte.
const GZIP_BEGIN: &str = "H4sIAAAAAAAC/+3BMQEAAADCoPVPbQhfo";
const GZIP_ZEROS: usize = 1355;
const GZIP_END: &str = "PgMc6jinAAAQAA==";
/// 200 MiB of zeros in 165 bytes, as Node's `brotliCompressSync` writes them at quality 5.
const BROTLI_BOMB: &str = "z///fwAkAOKxQHLv//n//w+ABEAcFoDu/T////8BkACIwwLQvf/n//8/ABIAcVgAuvf//P//B0ACIA4LQPf+n////wBIAMRh\
                           Aeje//P//x8ACYA4LADd+3/+//8DIAEQhwWge//P//9/ACQA4rAAdO//+f//D4AEQBwWgO79P////wGQAIjDAtC9/+f//z8A\
                           EgBxWAC69//5//8HQAIgDgtA9/4P";

/// Gzip of this many MiB of zeros: 204 KB for 200 of them.
pub(crate) fn gzip_bomb(mebibytes: usize) -> Vec<u8> {
    STANDARD.decode(format!("{GZIP_BEGIN}{}{GZIP_END}", "A".repeat(GZIP_ZEROS))).unwrap().repeat(mebibytes)
}

fn compressed() -> Vec<Kind> {
    let encoded = |encoding: &str, body: &[u8]| ok(&format!("content-encoding: {encoding}\r\n"), body);
    let twice = gzip_bomb(1);
    vec![
        answers("200 MiB in 204 KB of gzip", encoded("gzip", &gzip_bomb(200)), Succeeded),
        answers("200 MiB in 165 bytes of brotli", encoded("br", &STANDARD.decode(BROTLI_BOMB).unwrap()), Succeeded),
        answers("invalid gzip", encoded("gzip", b"what"), Unread),
        answers("invalid brotli", encoded("br", b"what is this, then?"), Unread),
        answers("gzip without a byte", encoded("gzip", b""), Unread),
        answers("truncated gzip", encoded("gzip", &twice[..twice.len() / 2]), Succeeded),
        answers("two encodings", encoded("gzip, gzip", &twice), Succeeded),
        answers("an unknown content encoding", encoded("rot13", b"uryyb"), Succeeded),
    ]
}

fn odd_heads() -> Vec<Kind> {
    vec![
        answers("a byte 0x01 in a value", ok("x: a\u{1}b\r\n", b""), Succeeded),
        answers("NUL in a value", ok("x: a\0b\r\n", b""), Dead("connect")),
        answers("a lone CR in a value", ok("x: a\rb\r\n", b""), Dead("connect")),
        answers("lines that end in LF alone", "HTTP/1.1 200 OK\nx: y\ncontent-length: 0\n\n", Succeeded),
        answers("a value over two lines", ok("x: a\r\n b\r\n", b""), Dead("connect")),
        answers("escape sequences in a value", ok("x: \x1b]0;owned\x07\x1b[2J\x1b[31m\r\n", b""), Succeeded),
        answers(
            "Latin-1 in a value",
            [b"HTTP/1.1 200 OK\r\nx: caf\xe9 \x9b2J\r\n".as_slice(), b"content-length: 0\r\n\r\n"].concat(),
            Succeeded,
        ),
        answers("a header without a colon", ok("no colon here\r\n", b""), Dead("connect")),
        answers("a header without a name", ok(": value\r\n", b""), Dead("connect")),
        answers("a space in a name", ok("a b: value\r\n", b""), Dead("connect")),
        answers("a space before the colon", ok("x : value\r\n", b""), Dead("connect")),
        answers("no reason and no headers", "HTTP/1.1 200\r\n\r\n", Succeeded),
    ]
}

fn large_heads() -> Vec<Kind> {
    let cookies = |count: usize| {
        (0..count).map(|n| format!("set-cookie: c{n}={}\r\n", "v".repeat(50))).collect::<Vec<_>>().concat()
    };
    let large = |bytes| format!("x: {}\r\n", "v".repeat(bytes));
    vec![
        answers("100,000 headers", ok(&headers(100_000), b""), Dead("connect")),
        answers("5,000 headers", ok(&headers(5_000), b""), Succeeded),
        answers("a header of 10 MB", ok(&large(10_000_000), b""), Dead("connect")),
        answers("a header of 60 KB", ok(&large(60_000), b""), Succeeded),
        answers("100,000 cookies", ok(&cookies(100_000), b""), Dead("connect")),
        answers("500 cookies", ok(&cookies(500), b""), Succeeded),
    ]
}

fn odd_statuses() -> Vec<Kind> {
    let circle = |code: u16| format!("HTTP/1.1 {code} X");
    vec![
        answers("status 999", status("HTTP/1.1 999 X", ""), Dead("http_4xx")),
        answers("status 600", status("HTTP/1.1 600 X", ""), Dead("http_4xx")),
        answers("status 099", status("HTTP/1.1 099 X", ""), Dead("connect")),
        answers("status 0", status("HTTP/1.1 0 X", ""), Dead("connect")),
        answers("status -200", status("HTTP/1.1 -200 X", ""), Dead("connect")),
        answers("status 1000", status("HTTP/1.1 1000 X", ""), Dead("connect")),
        answers("status 2 billion", status("HTTP/1.1 99999999999 X", ""), Dead("connect")),
        answers("a status in words", status("HTTP/1.1 OK", ""), Dead("connect")),
        answers("no status line", ok("", b"").split_off("HTTP/1.1 200 OK\r\n".len()), Dead("connect")),
        answers("204 with a body", "HTTP/1.1 204 X\r\ncontent-length: 2\r\n\r\nhi", Succeeded),
        answers("304 to a POST", status("HTTP/1.1 304 X", ""), Dead("http_3xx")),
        answers(
            "101 to no upgrade",
            "HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
            Dead("http_4xx"),
        ),
        answers("103 and nothing more", "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", Dead("connect")),
        answers(
            "a thousand 102, then 200",
            ["HTTP/1.1 102 X\r\n\r\n".repeat(1_000).into_bytes(), ok("", b"")].concat(),
            Succeeded,
        ),
        answers("a redirect in a circle", status(&circle(302), "location: /hook\r\n"), Dead("http_3xx")),
        answers("308 in a circle", status(&circle(308), "location: \r\n"), Dead("http_3xx")),
        answers("a redirect to a file", status(&circle(301), "location: file:///etc/passwd\r\n"), Dead("http_3xx")),
        answers("a redirect to nowhere", status(&circle(307), "location: ://\r\n"), Dead("http_3xx")),
        answers("a redirect without a target", status(&circle(303), ""), Dead("http_3xx")),
    ]
}

fn lying_lengths() -> Vec<Kind> {
    let with = |lines: &str, body: &str| format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n{body}");
    let chunked = |body: &str| with("transfer-encoding: chunked", body);
    vec![
        answers("a length that is too long", with("content-length: 100", "hi"), Unread),
        answers("a length that is too short", with("content-length: 2", "hi there"), Succeeded),
        answers("a length below zero", with("content-length: -1", "hi"), Dead("connect")),
        answers("a length of 2^64", with("content-length: 18446744073709551616", "hi"), Dead("connect")),
        answers("a length of 2^63", with("content-length: 9223372036854775808", "hi"), Unread),
        answers("two lengths", with("content-length: 2\r\ncontent-length: 4", "hi"), Dead("connect")),
        answers(
            "a length and chunks",
            with("content-length: 2\r\ntransfer-encoding: chunked", "2\r\nhi\r\n0\r\n\r\n"),
            Succeeded,
        ),
        answers("a non-numeric chunk length", chunked("zz\r\nhi\r\n0\r\n\r\n"), Unread),
        answers("a chunk of 2^72 bytes", chunked("fffffffffffffffffff\r\nhi\r\n0\r\n\r\n"), Unread),
        answers("a chunk below zero", chunked("-2\r\nhi\r\n0\r\n\r\n"), Unread),
        answers("a chunk longer than announced", chunked("2\r\nhi there\r\n0\r\n\r\n"), Unread),
        answers("chunks without the last", chunked("2\r\nhi\r\n"), Unread),
        answers("an unknown transfer encoding", with("transfer-encoding: rot13", "hi"), Succeeded),
    ]
}

fn interrupted() -> Vec<Kind> {
    vec![
        Kind { name: "closed before the request", steps: vec![], end: Dead("connect") },
        plays("closed before the status", vec![], Dead("connect")),
        answers("closed amid the status", "HTTP/1.", Dead("connect")),
        answers("closed amid the headers", "HTTP/1.1 200 OK\r\nx-a: ", Dead("connect")),
        answers("closed amid the body", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi", Unread),
    ]
}

fn other_protocols() -> Vec<Kind> {
    let client_hello = [b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03".as_slice(), &[7; 193]].concat();
    vec![
        answers("SSH", "SSH-2.0-OpenSSH_9.6\r\n", Dead("connect")),
        answers("a TLS client hello", client_hello, Dead("connect")),
        answers("a TLS alert", b"\x15\x03\x01\x00\x02\x02\x46".as_slice(), Dead("connect")),
        answers("HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", Dead("connect")),
        answers("HTTP/0.9", "<html>hello</html>", Dead("connect")),
        answers("HTTP/9.9", status("HTTP/9.9 200 OK", ""), Dead("connect")),
        answers("a request", "GET / HTTP/1.1\r\nhost: x\r\n\r\n", Dead("connect")),
        answers("all byte values", (0..=255).cycle().take(4_096).collect::<Vec<u8>>(), Dead("connect")),
        answers("an unsolicited second answer", [ok("", b"hi"), status("HTTP/1.1 500 X", "")].concat(), Succeeded),
    ]
}

fn odd_bodies() -> Vec<Kind> {
    let html = b"<script>alert(1)</script>";
    vec![
        answers(
            "a body that is not UTF-8",
            ok("content-type: text/plain; charset=utf-8\r\n", b"\xff\xfe\xc3\x28\xed\xa0\x80"),
            Succeeded,
        ),
        answers("escape sequences in a body", ok("", b"\x1b]0;owned\x07\x1b[2J\x9b31m\x08\x7f\0"), Succeeded),
        answers("overrides of direction in a body", ok("", "\u{202e}\u{2066}\u{feff}\u{85}".as_bytes()), Succeeded),
        answers("JSON that nests 30,000 deep", ok("content-type: application/json\r\n", &[b'['; 30_000]), Succeeded),
        answers("markup", ok("content-type: text/html\r\n", html), Succeeded),
    ]
}

fn retry_after() -> Vec<Kind> {
    let wait = |value: &str| status("HTTP/1.1 429 X", &format!("retry-after: {value}\r\n"));
    let day = 86_400;
    vec![
        answers("Retry-After of a year", wait("31536000"), Waits(day - 1, day)),
        answers("Retry-After of 2^200 seconds", wait(&"9".repeat(60)), Waits(day - 1, day)),
        answers("Retry-After in the year 9999", wait("Fri, 31 Dec 9999 23:59:59 GMT"), Waits(day - 1, day)),
        answers("Retry-After in 1994", wait("Sun, 06 Nov 1994 08:49:37 GMT"), Waits(0, 2)),
        answers("Retry-After of zero", wait("0"), Waits(0, 2)),
        answers("Retry-After below zero", wait("-1"), Dead("http_429")),
        answers("Retry-After in words", wait("\x1b[31mtomorrow"), Dead("http_429")),
        answers("empty Retry-After", wait(""), Dead("http_429")),
        answers("Retry-After with 200", ok("retry-after: 31536000\r\n", b""), Succeeded),
    ]
}
