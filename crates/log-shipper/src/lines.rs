//! Bytes to lines, with the place where each began.

use std::io::{self, BufRead, Read as _};

/// Longest piece of a line, in bytes: what Loki takes (`max_line_size` is 256 KB by default).
pub const MAX_PIECE: usize = 256 * 1024;

/// A line, or a part of one that is longer than [`MAX_PIECE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Offset of the line's first byte in the (unpacked) source.
    pub offset: u64,
    /// 0 for the start of a line.
    pub part: u32,
    /// Whether the line ends here.
    pub last: bool,
    /// The bytes, without line end (LF or CRLF).
    pub bytes: Vec<u8>,
}

/// Reads pieces one by one; holds no more than one of them.
#[derive(Debug)]
pub struct LineReader<R> {
    inner: R,
    /// Where the next byte of `inner` is, minus what is held in `rest`.
    position: u64,
    /// Start and number of the next piece, when it continues a line.
    continued: Option<(u64, u32)>,
    rest: Vec<u8>,
}

impl<R: BufRead> LineReader<R> {
    /// Starts at offset 0 of the source.
    pub fn new(inner: R) -> Self {
        Self { inner, position: 0, continued: None, rest: Vec::new() }
    }

    /// The next piece; `None` at the end. The last line need not end with a line end.
    pub fn next_piece(&mut self) -> io::Result<Option<Piece>> {
        let mut bytes = std::mem::take(&mut self.rest);
        if bytes.last() != Some(&b'\n') {
            // Two more for the line end: a line of exactly the limit is not cut.
            let room = (MAX_PIECE + 2 - bytes.len()) as u64;
            self.inner.by_ref().take(room).read_until(b'\n', &mut bytes)?;
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        let (offset, part) = self.continued.take().unwrap_or((self.position, 0));
        let line = bytes.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let text = line.unwrap_or(&bytes).len();
        let last = text <= MAX_PIECE;
        if last {
            self.position += bytes.len() as u64;
            bytes.truncate(text);
        } else {
            self.rest = bytes.split_off(char_boundary(&bytes, MAX_PIECE));
            self.position += bytes.len() as u64;
            self.continued = Some((offset, part + 1));
        }
        Ok(Some(Piece { offset, part, last, bytes }))
    }
}

/// The last place at or before `limit` where no UTF-8 sequence is cut in two; `limit` where there is none nearby.
fn char_boundary(bytes: &[u8], limit: usize) -> usize {
    let is_continuation = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    (limit.saturating_sub(3)..=limit).rev().find(|at| !is_continuation(*at)).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &[u8]) -> Vec<Piece> {
        // A small buffer, so that lines cross its edges.
        let mut reader = LineReader::new(io::BufReader::with_capacity(7, text));
        std::iter::from_fn(|| reader.next_piece().unwrap()).collect()
    }

    #[test]
    fn offsets_are_those_of_the_file_with_any_line_end() {
        let found: Vec<_> = pieces(b"one\r\n\ntwo\nthree")
            .into_iter()
            .map(|piece| (piece.offset, String::from_utf8(piece.bytes).unwrap()))
            .collect();
        let expected = [(0, "one"), (5, ""), (6, "two"), (10, "three")];
        assert_eq!(found, expected.map(|(at, text)| (at, text.to_owned())));
    }

    #[test]
    fn a_very_long_line_comes_in_parts_that_cut_no_character() {
        let long = "é".repeat(MAX_PIECE) + "x";
        let parts = pieces(format!("a\n{long}\nb\n").as_bytes());
        let (first, middle, last) = (&parts[0], &parts[1..parts.len() - 1], &parts[parts.len() - 1]);
        assert_eq!((first.bytes.as_slice(), last.bytes.as_slice()), (&b"a"[..], &b"b"[..]));
        assert_eq!(middle.len(), 3);
        assert!(middle.iter().enumerate().all(|(n, piece)| piece.offset == 2 && piece.part == n as u32));
        assert!(middle.iter().all(|piece| piece.bytes.len() <= MAX_PIECE));
        let joined: String = middle.iter().map(|piece| std::str::from_utf8(&piece.bytes).unwrap()).collect();
        assert_eq!(joined, long);
        assert_eq!(last.offset, 2 + long.len() as u64 + 1);
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_one_piece() {
        for end in ["\n", "\r\n", ""] {
            let found = pieces(format!("{}{end}", "x".repeat(MAX_PIECE)).as_bytes());
            assert_eq!((found.len(), found[0].bytes.len()), (1, MAX_PIECE), "{end:?}");
        }
    }
}
