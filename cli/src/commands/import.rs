//! Lines of JSON in chunks. Each chunk is sent with a key of its position, so that a repeat stores nothing twice.

use std::io::BufRead;

/// Limits of a chunk, the same as in the other clients: the keys of the lines depend on them.
const CHUNK_LINES_MAX: usize = 1_000;
const CHUNK_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A chunk of lines.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// Number of the chunk, from 0.
    pub(crate) number: usize,
    /// Numbers in the file, from 1, of its lines.
    pub(crate) numbers: Vec<usize>,
    /// Lines of the request.
    pub(crate) body: Vec<u8>,
}

/// Splits a file into chunks. Blank lines are skipped, as the other clients have none.
pub(crate) struct Chunks<R> {
    lines: std::iter::Enumerate<std::io::Lines<R>>,
    /// Line that did not fit into the chunk before.
    pending: Option<(usize, String)>,
    number: usize,
}

impl<R: BufRead> Chunks<R> {
    /// Creates the chunks of a file.
    pub(crate) fn new(file: R) -> Chunks<R> {
        Chunks { lines: file.lines().enumerate(), pending: None, number: 0 }
    }

    fn next_line(&mut self) -> Option<std::io::Result<(usize, String)>> {
        if let Some(pending) = self.pending.take() {
            return Some(Ok(pending));
        }
        loop {
            match self.lines.next()? {
                (_, Err(error)) => return Some(Err(error)),
                (_, Ok(line)) if line.trim().is_empty() => {}
                (index, Ok(line)) => return Some(Ok((index + 1, line))),
            }
        }
    }
}

impl<R: BufRead> Iterator for Chunks<R> {
    type Item = std::io::Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut chunk = Chunk { number: self.number, ..Chunk::default() };
        while let Some(line) = self.next_line() {
            let (number, line) = match line {
                Ok(line) => line,
                Err(error) => return Some(Err(error)),
            };
            let is_full = chunk.numbers.len() == CHUNK_LINES_MAX || chunk.body.len() + line.len() > CHUNK_BYTES_MAX;
            if is_full && !chunk.numbers.is_empty() {
                self.pending = Some((number, line));
                break;
            }
            chunk.numbers.push(number);
            chunk.body.extend_from_slice(line.as_bytes());
            chunk.body.push(b'\n');
        }
        self.number += 1;
        (!chunk.numbers.is_empty()).then_some(Ok(chunk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<(usize, Vec<usize>, usize)> {
        let chunks = Chunks::new(text.as_bytes()).map(Result::unwrap);
        chunks.map(|chunk| (chunk.number, chunk.numbers, chunk.body.len())).collect()
    }

    #[test]
    fn blank_lines_are_skipped_and_counted() {
        assert_eq!(split("a\n\n  \nb\r\n"), [(0, vec![1, 4], 4)]);
        assert!(split("\n\n").is_empty());
    }

    #[test]
    fn a_chunk_has_a_thousand_lines_or_four_mib() {
        let chunks = split(&"{}\n".repeat(2_001));
        let sizes: Vec<_> = chunks.iter().map(|(number, numbers, _)| (*number, numbers.len())).collect();
        assert_eq!(sizes, [(0, 1_000), (1, 1_000), (2, 1)]);
        assert_eq!(chunks[2].1, [2_001]);
        let long = "x".repeat(CHUNK_BYTES_MAX - 10);
        let sizes: Vec<_> = split(&format!("{long}\n{long}\n1\n")).into_iter().map(|chunk| chunk.1).collect();
        assert_eq!(sizes, [vec![1], vec![2, 3]]);
        assert_eq!(split(&"y".repeat(CHUNK_BYTES_MAX + 1)).len(), 1, "a long line is a chunk alone");
    }

    #[test]
    fn text_that_is_not_utf_8_is_an_error() {
        assert!(Chunks::new(&b"{}\n\xff\n"[..]).next().unwrap().is_err());
    }
}
