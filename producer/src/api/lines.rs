//! Splits a request body into lines.

use longshore::accept::bulk::LineSource;
use longshore::limits::JOB_REQUEST_BYTES_MAX;
use longshore::wire::ndjson::BYTE_ORDER_MARK;
use longshore::wire::problem::Problem;
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder, LinesCodec, LinesCodecError};

use crate::body::RequestBody;

/// Lines of a request's body.
pub(crate) struct BodyLines {
    body: RequestBody,
    buffer: BytesMut,
    codec: LinesCodec,
    ended: bool,
}

impl BodyLines {
    pub(crate) fn new(body: RequestBody) -> BodyLines {
        let codec = LinesCodec::new_with_max_length(JOB_REQUEST_BYTES_MAX);
        BodyLines { body, buffer: BytesMut::new(), codec, ended: false }
    }

    /// Reads and discards the rest of the body.
    pub(crate) async fn pass_over(&mut self) {
        self.body.pass_over().await;
    }
}

impl LineSource for BodyLines {
    fn next_whole(&mut self) -> Option<Result<String, Problem>> {
        let line =
            if self.ended { self.codec.decode_eof(&mut self.buffer) } else { self.codec.decode(&mut self.buffer) };
        match line {
            // Concatenated files may have a BOM at the beginning of any line.
            Ok(line) => line.map(|line| Ok(line.strip_prefix(BYTE_ORDER_MARK).map(str::to_owned).unwrap_or(line))),
            Err(LinesCodecError::MaxLineLengthExceeded) => {
                let most = JOB_REQUEST_BYTES_MAX;
                Some(Err(Problem::TooLarge(format!("The line must have at most {most} bytes"))))
            }
            Err(LinesCodecError::Io(_)) => Some(Err(Problem::NotJson("Not JSON: the line is not UTF-8".into()))),
        }
    }

    fn has_ended(&self) -> bool {
        self.ended
    }

    async fn more(&mut self) -> Result<(), Problem> {
        match self.body.next().await? {
            Some(bytes) => self.buffer.extend_from_slice(&bytes),
            None => self.ended = true,
        }
        Ok(())
    }
}
