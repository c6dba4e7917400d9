//! Request bodies, read in parts and decompressed.

use futures_util::{Stream, StreamExt};
use longshore::wire::gzip::{Broken, Gunzip};
use longshore::wire::phrase::word;
use longshore::wire::problem::Problem;
use worker::ByteStream;

/// Number of bytes to inflate at once, about the size of the runtime's parts of a body.
const INFLATED_AT_ONCE: usize = 64 * 1024;

/// Maximum decompressed size of one bulk request: 200,000 lines of 1.3 KB. A gzip bomb is stopped here, after about two
/// seconds.
pub(crate) const BULK_INFLATED_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Maximum number of bytes of a bulk request to read and discard after it ended early: 200,000 lines of 1.3 KB.
const PASSED_OVER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Content coding of a request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
}

impl Coding {
    /// Parses a Content-Encoding header.
    ///
    /// # Errors
    /// `UnsupportedEncoding` for another coding, or for several codings.
    pub(crate) fn of(header: Option<&str>) -> Result<Coding, Problem> {
        let mut coding = Coding::Identity;
        for name in header.unwrap_or_default().split(',').map(str::trim) {
            if name.is_empty() || name.eq_ignore_ascii_case("identity") {
                continue;
            }
            let is_gzip = name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip");
            if !is_gzip || coding == Coding::Gzip {
                let got = word(name).map_or_else(
                    || "another".to_owned(),
                    |name| format!("{name}{}", if is_gzip { " twice" } else { "" }),
                );
                let detail = format!("`Content-Encoding` must be `gzip` or `identity`, got {got}");
                return Err(Problem::UnsupportedEncoding(detail));
            }
            coding = Coding::Gzip;
        }
        Ok(coding)
    }
}

/// A body that is being read.
pub(crate) struct RequestBody<S = ByteStream> {
    stream: S,
    /// Decoder; `None` if the body is not compressed.
    gzip: Option<Gzip>,
    /// Number of announced bytes that have not arrived. The runtime may report an interrupted body as ended; a gzip
    /// detects that itself.
    missing: usize,
}

struct Gzip {
    decoder: Gunzip,
    /// Received bytes, not all decoded yet.
    coded: Vec<u8>,
    /// Number of those bytes that are decoded.
    done: usize,
    /// Number of decompressed bytes still allowed.
    left: usize,
}

/// Parameters for reading a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) coding: Coding,
    /// Content-Length, if the request has one.
    pub(crate) announced: Option<usize>,
    /// Maximum number of decompressed bytes.
    pub(crate) inflated_bytes_max: usize,
}

impl<S, E> RequestBody<S>
where
    S: Stream<Item = Result<Vec<u8>, E>> + Unpin,
{
    /// Starts to read the body of a request.
    pub(crate) fn new(stream: S, Form { coding, announced, inflated_bytes_max }: Form) -> RequestBody<S> {
        let gzip = (coding == Coding::Gzip).then(|| Gzip {
            decoder: Gunzip::default(),
            coded: Vec::new(),
            done: 0,
            left: inflated_bytes_max,
        });
        RequestBody { stream, gzip, missing: announced.unwrap_or(0) }
    }

    /// Returns the next bytes, or `None` at the end. Cancel-safe: dropping the future loses no input.
    ///
    /// # Errors
    /// `NotJson` if the body is interrupted or is not gzip; `TooLarge` if it decompresses to too many bytes.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        loop {
            if let Some(inflated) = self.gzip.as_mut().map(Gzip::inflate).transpose()?.flatten() {
                return Ok(Some(inflated));
            }
            match (self.stream.next().await, &mut self.gzip) {
                (Some(Err(_)), _) => return Err(interrupted()),
                (Some(Ok(bytes)), None) => {
                    self.missing = self.missing.saturating_sub(bytes.len());
                    return Ok(Some(bytes));
                }
                (Some(Ok(bytes)), Some(gzip)) => (gzip.coded, gzip.done) = (bytes, 0),
                (None, Some(gzip)) if !gzip.decoder.is_whole() => return Err(broken(Broken)),
                (None, None) if self.missing > 0 => return Err(interrupted()),
                (None, _) => return Ok(None),
            }
        }
    }

    /// Reads and discards the rest of the body, up to a limit, for callers that send everything before they read the
    /// response.
    pub(crate) async fn pass_over(&mut self) {
        let mut left = PASSED_OVER_BYTES_MAX;
        while let Some(Ok(bytes)) = self.stream.next().await {
            match left.checked_sub(bytes.len()) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    }
}

impl Gzip {
    /// Decompresses the next part of the received bytes; `None` if more input is needed.
    fn inflate(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        let mut inflated = vec![0; INFLATED_AT_ONCE];
        loop {
            let coded = self.coded.get(self.done..).unwrap_or_default();
            let step = self.decoder.decode(coded, &mut inflated).map_err(broken)?;
            self.done += step.consumed;
            if step.written > 0 {
                let left = self.left.checked_sub(step.written);
                self.left = left.ok_or_else(|| {
                    let most = BULK_INFLATED_BYTES_MAX;
                    Problem::TooLarge(format!(
                        "The decompressed body must have at most {most} bytes; send several requests"
                    ))
                })?;
                inflated.truncate(step.written);
                return Ok(Some(inflated));
            }
            if step.consumed == 0 {
                return Ok(None);
            }
        }
    }
}

fn interrupted() -> Problem {
    Problem::NotJson("The body was interrupted; send it again".into())
}

fn broken(_: Broken) -> Problem {
    Problem::NotJson("The body is not complete gzip: it is truncated, damaged, or has trailing data".into())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{FutureExt, stream};

    use super::*;

    /// Reads a body that arrives in these pieces. Returns the text and the result.
    fn read(pieces: &[&str], announced: Option<usize>) -> (String, Result<(), Problem>) {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok::<_, Infallible>(piece.as_bytes().to_vec())).collect();
        let form = Form { coding: Coding::Identity, announced, inflated_bytes_max: usize::MAX };
        let mut body = RequestBody::new(stream::iter(pieces), form);
        let mut read = String::new();
        loop {
            match body.next().now_or_never().unwrap() {
                Ok(Some(bytes)) => read.push_str(&String::from_utf8(bytes).unwrap()),
                end => return (read, end.map(|_| ())),
            }
        }
    }

    #[test]
    fn a_body_shorter_than_its_length_was_interrupted() {
        for (pieces, announced) in [(&["{}\n", "{}"][..], Some(5)), (&[], Some(0)), (&["{}"], None), (&[], None)] {
            assert_eq!(read(pieces, announced), (pieces.concat(), Ok(())), "{pieces:?} of {announced:?}");
        }
        // Lines may be interrupted between two lines, and an optional body before its first byte.
        for (pieces, announced) in [(&["{}\n", "{}\n"][..], 7), (&["{}"], 3), (&[], 1)] {
            assert_eq!(
                read(pieces, Some(announced)),
                (pieces.concat(), Err(interrupted())),
                "{pieces:?} of {announced}"
            );
        }
    }

    #[test]
    fn gzip_once_or_nothing() {
        for header in [None, Some(""), Some("identity"), Some("Identity, identity")] {
            assert_eq!(Coding::of(header), Ok(Coding::Identity), "{header:?}");
        }
        for header in ["gzip", "GZIP", "x-gzip", " gzip ", "identity, gzip"] {
            assert_eq!(Coding::of(Some(header)), Ok(Coding::Gzip), "{header}");
        }
        for header in ["br", "deflate", "zstd", "gzip, gzip", "gzip, br", "x-gzip, gzip", "gzip;q=1", "*"] {
            assert!(matches!(Coding::of(Some(header)), Err(Problem::UnsupportedEncoding(_))), "{header}");
        }
    }
}
