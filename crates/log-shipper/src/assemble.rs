//! Pieces of a source to records.

use crate::guard;
use crate::lines::{MAX_PIECE, Piece};
use crate::times::Shift;
use log_model::parse::{Format, LineContext, parse_line};
use log_model::{EventId, LogRecord};

/// What is known of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Host that the lines come from.
    pub host: String,
    /// Service of lines that name none.
    pub service: String,
    /// Unit of lines that name no service; may be empty.
    pub unit: String,
    /// Name of the source that event ids are made of: a file's canonical path.
    pub identity: String,
    /// How its lines look.
    pub format: Format,
    /// Time of lines that come before the first one with a time (ns).
    pub fallback: i64,
}

/// Makes records of the pieces of one source, in order.
#[derive(Debug)]
pub struct Assembler<'a> {
    origin: &'a Origin,
    shift: Shift,
    /// Time of the last line that had one, as written.
    last_time: i64,
    /// What the parts of a long line share, and how many records there are of it so far.
    open: Option<(LogRecord, u32)>,
}

impl<'a> Assembler<'a> {
    /// Starts at the source's first line.
    pub fn new(origin: &'a Origin, shift: Shift) -> Self {
        Self { origin, shift, last_time: origin.fallback, open: None }
    }

    /// The records of a piece: one, unless replacing invalid bytes made it longer than a piece may be.
    /// None for a blank line.
    pub fn records(&mut self, piece: &Piece) -> Vec<LogRecord> {
        if piece.part == 0 && piece.bytes.is_empty() {
            return Vec::new();
        }
        let text = String::from_utf8_lossy(&piece.bytes);
        let damaged = matches!(text, std::borrow::Cow::Owned(_));
        let (head, mut made) = match self.open.take() {
            Some(open) if piece.part > 0 => open,
            _ => (self.parse(&text), 0),
        };
        let long = !piece.last || made > 0 || text.len() > MAX_PIECE;
        let mut records = Vec::new();
        for part in split(&text) {
            let mut record = head.clone();
            if long {
                part.clone_into(&mut record.message);
                record.attrs.insert("part".to_owned(), made.to_string());
            }
            if damaged {
                record.attrs.insert("invalid_utf8".to_owned(), "true".to_owned());
            }
            guard::fit(&mut record, &self.origin.service);
            record.event_id =
                EventId::from_source(&self.origin.host, &self.origin.identity, piece.offset, made);
            made += 1;
            records.push(record);
        }
        if !piece.last {
            self.open = Some((head, made));
        }
        records
    }

    fn parse(&mut self, text: &str) -> LogRecord {
        let origin = self.origin;
        let context = LineContext {
            host: &origin.host,
            service: &origin.service,
            unit: &origin.unit,
            received: origin.fallback,
        };
        let mut record = parse_line(origin.format, &context, text);
        if record.ts == origin.fallback {
            // A line without a time belongs to the one before it: a stack trace, a list.
            record.ts = self.last_time;
        } else {
            self.last_time = record.ts;
        }
        record.ts = self.shift.apply(record.ts);
        record
    }
}

/// Cuts a text into parts that Loki takes.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        if text.len() <= MAX_PIECE {
            return Some(text);
        }
        let cut = (0..=MAX_PIECE).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        rest = Some(&text[cut..]);
        Some(&text[..cut])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::LineReader;

    const FALLBACK: i64 = 1_790_000_000_000_000_007;

    fn origin(format: Format) -> Origin {
        Origin {
            host: "h".to_owned(),
            service: "app".to_owned(),
            unit: String::new(),
            identity: "/var/log/app.log".to_owned(),
            format,
            fallback: FALLBACK,
        }
    }

    fn records(format: Format, bytes: &[u8]) -> Vec<LogRecord> {
        let origin = origin(format);
        let (mut reader, mut assembler) = (LineReader::new(bytes), Assembler::new(&origin, Shift::NONE));
        std::iter::from_fn(|| reader.next_piece().unwrap())
            .flat_map(|piece| assembler.records(&piece))
            .collect()
    }

    #[test]
    fn lines_without_a_time_take_that_of_the_line_before() {
        let found = records(
            Format::Plain,
            b"starting\n2026-09-21T10:00:00Z ERROR boom\n  at main.rs:7\n\n2026-09-21T10:00:05Z INFO ok\n",
        );
        let at = |text| log_model::time::parse(text).unwrap();
        let ten = at("2026-09-21T10:00:00Z");
        assert_eq!(
            found.iter().map(|r| r.ts).collect::<Vec<_>>(),
            [FALLBACK, ten, ten, at("2026-09-21T10:00:05Z")]
        );
        assert_eq!(found[2].message, "  at main.rs:7");
    }

    #[test]
    fn equal_lines_have_different_ids_and_the_same_ones_each_time() {
        let text = b"same\nsame\n";
        let (first, again) = (records(Format::Auto, text), records(Format::Auto, text));
        assert_ne!(first[0].event_id, first[1].event_id);
        assert_eq!(first, again);
    }

    #[test]
    fn bytes_that_are_no_utf8_are_shown_as_such_and_the_line_is_kept() {
        let found = records(Format::Plain, b"caf\xe9 closed\n");
        assert_eq!(found[0].message, "caf\u{fffd} closed");
        assert_eq!(found[0].attrs["invalid_utf8"], "true");
    }

    #[test]
    fn a_long_line_is_whole_in_its_parts_and_each_fits() {
        for line in [vec![b'x'; 3 * MAX_PIECE + 5], vec![0xff; MAX_PIECE - 1]] {
            let found = records(Format::Plain, &line);
            assert!(found.iter().all(|r| r.message.len() <= MAX_PIECE));
            let joined: String = found.iter().map(|r| r.message.as_str()).collect();
            assert_eq!(joined, String::from_utf8_lossy(&line));
            assert_eq!(found.last().unwrap().attrs["part"], (found.len() - 1).to_string());
            let ids: std::collections::BTreeSet<_> = found.iter().map(|r| r.event_id).collect();
            assert_eq!(ids.len(), found.len());
        }
    }
}
