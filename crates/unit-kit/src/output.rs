//! Standard output: data for people or machines, never logs.

use crate::fault::StdoutClosed;
use crate::logging::colour_on;
use crate::progress::above_bars;
use serde::Serialize;
use std::fmt::{self, Display, Write as _};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Where a tool prints. Clones print to the same place, line by line.
#[derive(Clone)]
pub struct Output {
    to: Target,
}

#[derive(Clone)]
enum Target {
    Stdout,
    Buffer(Arc<Mutex<Vec<u8>>>),
}

/// The one line a run ends with, for people and for `grep`: `imported rows=1432 windows=3 took=812ms`.
#[derive(Debug, Clone)]
pub struct Summary {
    line: String,
}

/// A table of text for people: columns as wide as they need, the last one free.
#[derive(Debug, Clone)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Output {
    /// The process's standard output.
    pub fn stdout() -> Self {
        Self { to: Target::Stdout }
    }

    /// Memory, for tests; read it with [`Output::captured`].
    pub fn buffer() -> Self {
        Self { to: Target::Buffer(Arc::default()) }
    }

    /// What was printed to a [`Output::buffer`] so far; empty for standard output.
    pub fn captured(&self) -> String {
        match &self.to {
            Target::Stdout => String::new(),
            Target::Buffer(bytes) => {
                String::from_utf8_lossy(&bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
            }
        }
    }

    /// Whether colours make sense: on a terminal, unless `NO_COLOR` is set and not empty.
    pub fn has_colour(&self) -> bool {
        match self.to {
            Target::Stdout => colour_on(&io::stdout()),
            Target::Buffer(_) => false,
        }
    }

    /// Prints a line.
    pub fn line(&self, text: impl Display) -> io::Result<()> {
        self.print(format!("{text}\n").as_bytes())
    }

    /// Prints text as it is.
    pub fn text(&self, text: impl AsRef<[u8]>) -> io::Result<()> {
        self.print(text.as_ref())
    }

    /// Prints one JSON document on one line.
    pub fn json(&self, value: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec(value)?;
        text.push(b'\n');
        self.print(&text)
    }

    /// Prints the summary line of a run.
    pub fn summary(&self, summary: &Summary) -> io::Result<()> {
        self.line(summary)
    }

    /// Prints a table.
    pub fn table(&self, table: &Table) -> io::Result<()> {
        self.print(table.to_string().as_bytes())
    }

    fn print(&self, bytes: &[u8]) -> io::Result<()> {
        match &self.to {
            Target::Stdout => above_bars(|| {
                let mut out = io::stdout().lock();
                out.write_all(bytes).and_then(|()| out.flush()).map_err(name_closed)
            }),
            Target::Buffer(buffer) => {
                buffer.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
                Ok(())
            }
        }
    }
}

/// So that `Output` can be handed to whatever writes (serializers, HTML renderers).
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.print(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.to {
            Target::Stdout => "Output(stdout)",
            Target::Buffer(_) => "Output(buffer)",
        })
    }
}

impl Summary {
    /// A summary that starts with what was done: `imported`, `scanned`.
    pub fn new(verb: &str) -> Self {
        Self { line: verb.to_owned() }
    }

    /// Adds ` key=value`; a value with blanks is quoted.
    #[must_use]
    pub fn field(mut self, key: &str, value: impl Display) -> Self {
        let value = value.to_string();
        // Writing to a String cannot fail.
        let _ = if value.is_empty() || value.contains(char::is_whitespace) || value.contains('"') {
            write!(self.line, " {key}={value:?}")
        } else {
            write!(self.line, " {key}={value}")
        };
        self
    }

    /// Adds ` took=`, in milliseconds below ten seconds, in tenths of seconds above.
    #[must_use]
    pub fn took(self, elapsed: Duration) -> Self {
        if elapsed < Duration::from_secs(10) {
            self.field("took", format_args!("{}ms", elapsed.as_millis()))
        } else {
            self.field("took", format_args!("{:.1}s", elapsed.as_secs_f64()))
        }
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl Table {
    /// A table with these column titles.
    pub fn new<S: Into<String>>(titles: impl IntoIterator<Item = S>) -> Self {
        Self { rows: vec![titles.into_iter().map(Into::into).collect()] }
    }

    /// Adds a row.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Whether there is no row below the titles.
    pub fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, "{cell:<width$}  ");
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Makes a closed standard output tellable from every other broken pipe.
fn name_closed(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::BrokenPipe {
        io::Error::new(io::ErrorKind::BrokenPipe, StdoutClosed)
    } else {
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_one_parseable_line() {
        let summary = Summary::new("imported")
            .field("rows", 1432)
            .field("from", "2026-01-02T03:00:00Z")
            .field("status", "two words")
            .field("none", "")
            .took(Duration::from_millis(812));
        assert_eq!(
            summary.to_string(),
            r#"imported rows=1432 from=2026-01-02T03:00:00Z status="two words" none="" took=812ms"#
        );
        assert_eq!(Summary::new("x").took(Duration::from_secs(75)).to_string(), "x took=75.0s");
    }

    #[test]
    fn a_table_lines_up_and_has_no_trailing_blanks() {
        let mut table = Table::new(["service", "lines", "note"]);
        assert!(table.is_empty());
        table.row(["nginx", "12", ""]);
        table.row(["自宅", "3", "late"]);
        assert_eq!(table.to_string(), "service  lines  note\nnginx    12\n自宅       3      late\n");
    }

    #[test]
    fn json_is_one_document_on_one_line() {
        let out = Output::buffer();
        out.json(&serde_json::json!({"a": [1, 2]})).unwrap();
        assert_eq!(out.captured(), "{\"a\":[1,2]}\n");
    }
}
