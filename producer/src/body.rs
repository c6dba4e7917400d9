//! The body of a request as it comes, decoded if it is compressed.

use futures_util::{Stream, StreamExt};
use longshore::wire::gzip::{Broken, Gunzip};
use longshore::wire::phrase::word;
use longshore::wire::problem::Problem;
use worker::ByteStream;

/// Bytes that are inflated at once: about what the runtime gives of a body at once.
const INFLATED_AT_ONCE: usize = 64 * 1024;

/// Bytes that come out of the gzip of one bulk request: 200,000 lines of 1.3 KB. A bomb ends here, after about two seconds.
pub(crate) const BULK_INFLATED_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes that a bulk request reads after it has ended early, and forgets: 200,000 lines of 1.3 KB.
const PASSED_OVER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How the body of a request is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
}

impl Coding {
    /// Reads a Content-Encoding.
    ///
    /// # Errors
    /// `UnsupportedEncoding` for any other coding, and for two of them.
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
    /// None for a body that is not compressed.
    gzip: Option<Gzip>,
    /// Bytes that the request has announced and that have not come. The runtime may report a body that broke off as one that has
    /// ended; a gzip tells that by itself.
    missing: usize,
}

struct Gzip {
    decoder: Gunzip,
    /// What has come and is not decoded yet.
    coded: Vec<u8>,
    /// How many of those bytes are done with.
    done: usize,
    /// Bytes that may still come out.
    left: usize,
}

/// How a body is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) coding: Coding,
    /// Its bytes as they come, if the request announces them.
    pub(crate) announced: Option<usize>,
    /// Bytes that may come out of a compressed one.
    pub(crate) inflated_bytes_max: usize,
}

impl<S, E> RequestBody<S>
where
    S: Stream<Item = Result<Vec<u8>, E>> + Unpin,
{
    /// The body of a request.
    pub(crate) fn new(stream: S, Form { coding, announced, inflated_bytes_max }: Form) -> RequestBody<S> {
        let gzip = (coding == Coding::Gzip).then(|| Gzip {
            decoder: Gunzip::default(),
            coded: Vec::new(),
            done: 0,
            left: inflated_bytes_max,
        });
        RequestBody { stream, gzip, missing: announced.unwrap_or(0) }
    }

    /// The next bytes, or none at the end. To be dropped while it waits loses nothing.
    ///
    /// # Errors
    /// `NotJson` when the body breaks off, or is no gzip; `TooLarge` when too much comes out of it.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        loop {
            if let Some(inflated) = self.gzip.as_mut().map(Gzip::inflate).transpose()?.flatten() {
                return Ok(Some(inflated));
            }
            match (self.stream.next().await, &mut self.gzip) {
                (Some(Err(_)), _) => return Err(broken_off()),
                (Some(Ok(bytes)), None) => {
                    self.missing = self.missing.saturating_sub(bytes.len());
                    return Ok(Some(bytes));
                }
                (Some(Ok(bytes)), Some(gzip)) => (gzip.coded, gzip.done) = (bytes, 0),
                (None, Some(gzip)) if !gzip.decoder.is_whole() => return Err(broken(Broken)),
                (None, None) if self.missing > 0 => return Err(broken_off()),
                (None, _) => return Ok(None),
            }
        }
    }

    /// Reads what is left of the body and forgets it, up to a limit: so much must a caller have sent who sends everything before
    /// reading anything.
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
    /// The next piece of what has come, if there is one.
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
                    Problem::TooLarge(format!("The gzip must hold at most {most} bytes; send several requests"))
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

fn broken_off() -> Problem {
    Problem::NotJson("The body broke off; send it again".into())
}

fn broken(_: Broken) -> Problem {
    Problem::NotJson("The body is not a whole gzip: it is cut, damaged, or has something after it".into())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{FutureExt, stream};

    use super::*;

    /// What is read of a body that comes in these pieces, and how it ends.
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
    fn a_body_that_ends_before_its_length_broke_off() {
        for (pieces, announced) in [(&["{}\n", "{}"][..], Some(5)), (&[], Some(0)), (&["{}"], None), (&[], None)] {
            assert_eq!(read(pieces, announced), (pieces.concat(), Ok(())), "{pieces:?} of {announced:?}");
        }
        // Lines may break off between two of them, and an optional body before its first byte.
        for (pieces, announced) in [(&["{}\n", "{}\n"][..], 7), (&["{}"], 3), (&[], 1)] {
            assert_eq!(
                read(pieces, Some(announced)),
                (pieces.concat(), Err(broken_off())),
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
