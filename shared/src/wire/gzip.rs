//! Decoder of gzip (RFC 1952) for a stream. Inflates only as much as the reader requests, so that a few bytes that
//! expand to gigabytes never fill the memory.

use crc::{CRC_32_ISO_HDLC, Crc, Digest, Table};
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZError, MZFlush, MZStatus};

/// Content codings that the API accepts, in the format of `Accept-Encoding`.
pub const CODINGS: &str = "gzip";

/// CRC-32 with a table of 1 KB, because bodies of megabytes are checked.
static SUM: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);

/// Maximum number of consecutive members without data. Each is 20 bytes of input and clears 32 KiB of state, without
/// output that a limit would count. Block formats such as BGZF end with one.
const EMPTY_MEMBERS_MAX: u32 = 64;
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
const HEADER_BYTES: usize = 10;
/// Position of the flags in the header.
const FLAGS_AT: usize = 3;
const HAS_SUM: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// Error of input that is not gzip, or has a wrong checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// Progress of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inflated {
    /// Number of input bytes consumed.
    pub consumed: usize,
    /// Number of output bytes written.
    pub written: usize,
}

/// Next expected part of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeaderPart {
    /// Header, with the number of its bytes read so far.
    Header(usize),
    /// Length of the extra field: number of bytes read, and their value so far.
    ExtraLength(usize, usize),
    /// Number of bytes to skip.
    Skip(usize),
    /// Zero-terminated text.
    Text,
    Deflated,
    /// Checksum and length, with the number of bytes read so far.
    Trailer(usize),
}

/// Decoder of one body, which may consist of several members.
pub struct Gunzip {
    part: HeaderPart,
    /// Flags of the header fields that are still expected.
    flags: u8,
    state: Box<InflateState>,
    sum: Digest<'static, u32, Table<1>>,
    /// Decoded bytes of this member, modulo 2^32.
    length: u32,
    /// Trailer expected after the data.
    trailer: [u8; 8],
    /// Number of members without data since the last one with data.
    empty_members: u32,
}

impl Default for Gunzip {
    fn default() -> Self {
        Gunzip {
            part: HeaderPart::Header(0),
            flags: 0,
            state: InflateState::new_boxed(DataFormat::Raw),
            sum: SUM.digest(),
            length: 0,
            trailer: [0; 8],
            empty_members: 0,
        }
    }
}

impl Gunzip {
    /// Decodes until the output is full or the input is used up. Call it again until it neither reads nor writes: there
    /// may be more output than fits.
    ///
    /// # Errors
    /// [`Broken`] if the input is not gzip, or its checksum is wrong.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Inflated, Broken> {
        let mut consumed = 0;
        loop {
            let rest = input.get(consumed..).unwrap_or_default();
            if self.part != HeaderPart::Deflated {
                let Some(byte) = rest.first() else {
                    return Ok(Inflated { consumed, written: 0 });
                };
                consumed += 1;
                self.take(*byte)?;
                continue;
            }
            let result = inflate(&mut self.state, rest, output, MZFlush::None);
            let written = result.bytes_written;
            consumed += result.bytes_consumed;
            self.sum.update(output.get(..written).unwrap_or_default());
            self.length = self.length.wrapping_add(u32::try_from(written).map_err(|_| Broken)?);
            match result.status {
                // No progress: the input is used up, or the output is full.
                Ok(MZStatus::Ok) | Err(MZError::Buf) => return Ok(Inflated { consumed, written }),
                Ok(MZStatus::StreamEnd) => self.end_data(),
                Ok(MZStatus::NeedDict) | Err(_) => return Err(Broken),
            }
            if written > 0 {
                return Ok(Inflated { consumed, written });
            }
        }
    }

    /// True if the input may end here: after a complete member, or before the first one.
    pub fn is_whole(&self) -> bool {
        self.part == HeaderPart::Header(0)
    }

    fn end_data(&mut self) {
        let sum = std::mem::replace(&mut self.sum, SUM.digest()).finalize();
        let mut trailer = sum.to_le_bytes().into_iter().chain(self.length.to_le_bytes());
        self.trailer = std::array::from_fn(|_| trailer.next().unwrap_or_default());
        self.empty_members = if self.length == 0 { self.empty_members + 1 } else { 0 };
        self.length = 0;
        self.part = HeaderPart::Trailer(0);
    }

    /// Reads one byte outside of the deflated data.
    fn take(&mut self, byte: u8) -> Result<(), Broken> {
        self.part = match self.part {
            HeaderPart::Header(at) => {
                if MAGIC.get(at).is_some_and(|expected| *expected != byte) || at == FLAGS_AT && byte & RESERVED != 0 {
                    return Err(Broken);
                }
                if at == FLAGS_AT {
                    self.flags = byte;
                }
                if at + 1 == HEADER_BYTES { self.next_field() } else { HeaderPart::Header(at + 1) }
            }
            HeaderPart::ExtraLength(0, _) => HeaderPart::ExtraLength(1, usize::from(byte)),
            HeaderPart::ExtraLength(_, low) => match low + 256 * usize::from(byte) {
                0 => self.next_field(),
                length => HeaderPart::Skip(length),
            },
            HeaderPart::Skip(left) if left > 1 => HeaderPart::Skip(left - 1),
            HeaderPart::Text if byte != 0 => HeaderPart::Text,
            HeaderPart::Skip(_) | HeaderPart::Text => self.next_field(),
            HeaderPart::Trailer(at) => {
                if self.trailer.get(at) != Some(&byte) || self.empty_members > EMPTY_MEMBERS_MAX {
                    return Err(Broken);
                }
                if at + 1 == self.trailer.len() { HeaderPart::Header(0) } else { HeaderPart::Trailer(at + 1) }
            }
            HeaderPart::Deflated => HeaderPart::Deflated,
        };
        Ok(())
    }

    /// Returns the next part according to the flags.
    fn next_field(&mut self) -> HeaderPart {
        let mut has = |flag: u8| {
            let has = self.flags & flag != 0;
            self.flags &= !flag;
            has
        };
        if has(HAS_EXTRA) {
            HeaderPart::ExtraLength(0, 0)
        } else if has(HAS_NAME) || has(HAS_COMMENT) {
            HeaderPart::Text
        } else if has(HAS_SUM) {
            HeaderPart::Skip(2)
        } else {
            self.state.reset(DataFormat::Raw);
            HeaderPart::Deflated
        }
    }
}

#[cfg(test)]
mod tests {
    use miniz_oxide::deflate::compress_to_vec;
    use proptest::prelude::*;

    use super::*;

    fn trailer(text: &[u8]) -> Vec<u8> {
        let length = u32::try_from(text.len()).unwrap();
        [Crc::<u32>::new(&CRC_32_ISO_HDLC).checksum(text).to_le_bytes(), length.to_le_bytes()].concat()
    }

    /// Builds a member whose header has these flags and fields.
    fn member(text: &[u8], flags: u8, fields: &[u8]) -> Vec<u8> {
        [&[0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 3], fields, &compress_to_vec(text, 6), &trailer(text)].concat()
    }

    /// Decodes in input pieces of length `piece` into output pieces of length `room`.
    fn decode(bytes: &[u8], piece: usize, room: usize) -> Result<Vec<u8>, Broken> {
        let (mut gunzip, mut all, mut output) = (Gunzip::default(), Vec::new(), vec![0; room]);
        for mut piece in bytes.chunks(piece) {
            loop {
                let step = gunzip.decode(piece, &mut output)?;
                all.extend_from_slice(&output[..step.written]);
                piece = &piece[step.consumed..];
                if (step.consumed, step.written) == (0, 0) {
                    break;
                }
            }
            assert!(piece.is_empty(), "all input is consumed");
        }
        if gunzip.is_whole() { Ok(all) } else { Err(Broken) }
    }

    #[test]
    fn members_without_data_are_limited() {
        let empty = member(b"", 0, b"");
        let many = |count: u32| (0..count).flat_map(|_| empty.clone()).collect::<Vec<_>>();
        let text = member(b"a", 0, b"");
        let allowed = [many(EMPTY_MEMBERS_MAX), text.clone(), many(EMPTY_MEMBERS_MAX), text].concat();
        assert_eq!(decode(&allowed, 50, 8), Ok(b"aa".to_vec()));
        assert_eq!(decode(&many(EMPTY_MEMBERS_MAX + 1), 50, 8), Err(Broken));
    }

    #[test]
    fn members_with_every_field_are_read() {
        let fields = [
            (0, &b""[..]),
            (1, b""),
            (HAS_NAME, b"jobs.ndjson\0"),
            (HAS_EXTRA, b"\x02\x00ab"),
            (HAS_EXTRA, b"\x00\x00"),
            (HAS_EXTRA | HAS_NAME | HAS_COMMENT | HAS_SUM, b"\x03\x00abcname\0comment\0\x12\x34"),
        ];
        for (flags, fields) in fields {
            let one = member(b"{\"a\":1}\n", flags, fields);
            for piece in [1, 3, 1_000] {
                assert_eq!(decode(&one, piece, 5).unwrap(), b"{\"a\":1}\n", "{flags:#b}");
                let two = [one.clone(), member(b"", 0, b""), one.clone()].concat();
                assert_eq!(decode(&two, piece, 1_000).unwrap(), b"{\"a\":1}\n{\"a\":1}\n", "{flags:#b}");
            }
        }
    }

    #[test]
    fn broken_input_is_refused() {
        let good = member(b"some words, some words", HAS_NAME, b"n\0");
        for end in 1..good.len() {
            assert_eq!(decode(&good[..end], 7, 64), Err(Broken), "truncated after {end}");
        }
        for garbage in [&b"x"[..], b"\0", b"{}", &[0x1f], &good[..5]] {
            assert_eq!(decode(&[&good, garbage].concat(), 7, 64), Err(Broken), "{garbage:?} after it");
        }
        let last = good.len() - 1;
        for (at, byte) in [(0, 0), (1, 0), (2, 7), (3, HAS_NAME | 0x20), (last, 9), (last - 7, good[last - 7] ^ 1)] {
            let mut wrong = good.clone();
            wrong[at] = byte;
            assert_eq!(decode(&wrong, 7, 64), Err(Broken), "another byte at {at}");
        }
        assert_eq!(decode(b"{\"kind\":\"webhook\"}", 7, 64), Err(Broken));
        assert!(Gunzip::default().is_whole());
    }

    /// A megabyte of zeros is returned in buffers of the requested size.
    #[test]
    fn output_is_inflated_only_on_request() {
        let bomb = member(&vec![0; 1024 * 1024], 0, b"");
        assert!(bomb.len() < 2_000);
        let (mut gunzip, mut output, mut at, mut all) = (Gunzip::default(), [0; 4_096], 0, 0);
        loop {
            let step = gunzip.decode(&bomb[at..], &mut output).unwrap();
            (at, all) = (at + step.consumed, all + step.written);
            if (step.consumed, step.written) == (0, 0) {
                break;
            }
        }
        assert_eq!((all, at, gunzip.is_whole()), (1024 * 1024, bomb.len(), true));
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded(text in proptest::collection::vec(any::<u8>(), 0..5_000), piece in 1..600_usize) {
            prop_assert_eq!(decode(&member(&text, 0, b""), piece, 512).unwrap(), text);
        }

        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), piece in 1..20_usize) {
            let _ = decode(&[&[0x1f, 0x8b, 8][..], &bytes].concat(), piece, 64);
        }
    }
}
