//! Just enough of ClickHouse's grammar to see what a statement needs from the front.
//!
//! Three questions are asked of a text: is it an INSERT with row data behind it (the data must go through a file), is
//! it a SELECT (its result is streamed through a pipe), and is it one statement. Everything else is the engine's own
//! parser's business; what is not understood here goes there unchanged.

use crate::exception::Exception;

/// What a statement is to the front.
#[derive(Debug, PartialEq, Eq)]
pub enum Statement {
    /// `INSERT … FORMAT X` or `INSERT … VALUES` with the data behind it.
    InsertData(InsertData),
    /// A statement that gives a result of any size.
    Select(Select),
    /// All others.
    Other,
}

/// An INSERT whose rows follow the statement.
#[derive(Debug, PartialEq, Eq)]
pub struct InsertData {
    /// The statement up to where `FROM INFILE` belongs.
    pub before: String,
    /// `SETTINGS` written in the statement, or nothing.
    pub settings: String,
    /// The format of the rows.
    pub format: String,
    /// Where the rows begin, in bytes from the start of the text.
    pub data_offset: usize,
}

/// A SELECT and where a clause may be put into it.
#[derive(Debug, PartialEq, Eq)]
pub struct Select {
    /// Where `INTO OUTFILE` belongs, in bytes from the start of the text.
    pub outfile_at: usize,
}

/// Looks at a text. Of an INSERT, the beginning is enough; what follows the FORMAT clause is not looked at.
pub fn statement(text: &[u8]) -> Result<Statement, Exception> {
    let mut tokens = Tokens::new(text);
    let Some(first) = tokens.next() else { return Ok(Statement::Other) };
    if first.is_word(text, "INSERT") {
        return insert(text, tokens);
    }
    let all: Vec<Token> = std::iter::once(first).chain(tokens).collect();
    if let Some(at) = all.iter().position(|token| token.is(text, ";"))
        && all[at..].iter().any(|token| !token.is(text, ";"))
    {
        return Err(Exception::new(
            62,
            "SYNTAX_ERROR",
            format!(
                "Syntax error (Multi-statements are not allowed): failed at position {} (end of query): ;",
                all[at].start + 1
            ),
        ));
    }
    let is_select =
        ["SELECT", "WITH", "FROM"].iter().any(|word| first.is_word(text, word)) || first.is(text, "(");
    if !is_select || all.iter().any(|token| token.depth == 0 && token.is_word(text, "INSERT")) {
        return Ok(Statement::Other);
    }
    let all: Vec<Token> = all.into_iter().filter(|token| !token.is(text, ";")).collect();
    let end = all.last().map_or(text.len(), |token| token.end);
    Ok(Statement::Select(Select { outfile_at: format_clause(text, &all).map_or(end, |at| all[at].start) }))
}

/// The output format that a statement asks for, if it has a FORMAT clause.
pub fn output_format(text: &[u8]) -> Option<String> {
    let all: Vec<Token> = Tokens::new(text).filter(|token| !token.is(text, ";")).collect();
    format_clause(text, &all).map(|at| String::from_utf8_lossy(all[at + 1].bytes(text)).into_owned())
}

/// The first word, in capitals.
pub fn first_word(text: &[u8]) -> String {
    Tokens::new(text)
        .next()
        .map(|token| String::from_utf8_lossy(token.bytes(text)).to_ascii_uppercase())
        .unwrap_or_default()
}

/// The index of a FORMAT that ends the statement (a column may be called `format`, too).
fn format_clause(text: &[u8], all: &[Token]) -> Option<usize> {
    let at = all.iter().rposition(|token| token.depth == 0 && token.is_word(text, "FORMAT"))?;
    all.get(at + 1).filter(|token| token.kind == Kind::Word)?;
    let ends = match all.get(at + 2) {
        None => true,
        Some(token) => token.is_word(text, "SETTINGS") || token.is_word(text, "INTO"),
    };
    ends.then_some(at)
}

fn insert(text: &[u8], mut tokens: Tokens<'_>) -> Result<Statement, Exception> {
    let mut clause_at = None;
    let mut reads_input = false;
    let mut is_select = false;
    let mut previous: Option<Token> = None;
    while let Some(token) = tokens.next() {
        let after_function = previous.as_ref().is_some_and(|token| token.is_word(text, "FUNCTION"));
        let after_name_part = previous.as_ref().is_some_and(|token| token.is(text, "."));
        previous = Some(token);
        reads_input |= is_select && token.is_word(text, "input");
        if token.depth > 0 || token.kind != Kind::Word || after_function || after_name_part {
            continue;
        }
        if token.is_word(text, "INFILE") {
            return Err(Exception::new(
                78,
                "UNKNOWN_TYPE_OF_QUERY",
                "Query has infile and was send directly to server",
            ));
        }
        if token.is_word(text, "SELECT") || token.is_word(text, "WITH") {
            is_select = true;
        }
        if token.is_word(text, "SETTINGS") && !is_select {
            clause_at.get_or_insert(token.start);
        }
        let is_values = token.is_word(text, "VALUES") && !is_select;
        if !is_values && !token.is_word(text, "FORMAT") {
            continue;
        }
        let (format, mut data_offset) = if is_values {
            ("Values".to_owned(), token.end)
        } else {
            let Some(name) = tokens.next().filter(|token| token.kind == Kind::Word) else {
                return Ok(Statement::Other);
            };
            (String::from_utf8_lossy(name.bytes(text)).into_owned(), name.end)
        };
        if is_select {
            return if reads_input {
                Err(Exception::new(
                    48,
                    "NOT_IMPLEMENTED",
                    "INSERT ... SELECT FROM input() is not available in the embedded engine",
                ))
            } else {
                Ok(Statement::Other)
            };
        }
        let mut settings = clause_at.map(|at| slice(text, at, token.start)).unwrap_or_default();
        if !is_values && let Some((list, end)) = trailing_settings(text, tokens) {
            settings = list;
            data_offset = end;
        }
        return Ok(Statement::InsertData(InsertData {
            before: slice(text, 0, clause_at.unwrap_or(token.start)),
            settings,
            format,
            data_offset: skip_separator(text, data_offset),
        }));
    }
    Ok(Statement::Other)
}

/// `SETTINGS a = 1, b = 'x'` behind the FORMAT clause, and where it ends.
fn trailing_settings(text: &[u8], mut tokens: Tokens<'_>) -> Option<(String, usize)> {
    let start = tokens.next().filter(|token| token.is_word(text, "SETTINGS"))?.start;
    loop {
        tokens.next().filter(|token| token.kind == Kind::Word)?;
        tokens.next().filter(|token| token.is(text, "="))?;
        let mut value = tokens.next()?;
        if value.is(text, "-") {
            value = tokens.next()?;
        }
        let mut peek = tokens.clone();
        if !peek.next().is_some_and(|token| token.is(text, ",")) {
            return Some((slice(text, start, value.end), value.end));
        }
        tokens = peek;
    }
}

/// Data begins behind the first line end, or behind the blanks where there is none.
fn skip_separator(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\t' | b'\x0c')) {
        at += 1;
    }
    if text.get(at) == Some(&b'\r') {
        at += 1;
    }
    if text.get(at) == Some(&b'\n') {
        at += 1;
    }
    at
}

fn slice(text: &[u8], start: usize, end: usize) -> String {
    String::from_utf8_lossy(&text[start..end]).into_owned()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A bare identifier, keyword or number.
    Word,
    /// Anything in quotes.
    Quoted,
    /// One other character.
    Sign,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    kind: Kind,
    start: usize,
    end: usize,
    /// How many brackets it is in; an opening or closing bracket has that of its outside.
    depth: usize,
}

impl Token {
    fn bytes<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        &text[self.start..self.end]
    }

    fn is(&self, text: &[u8], sign: &str) -> bool {
        self.kind == Kind::Sign && self.bytes(text) == sign.as_bytes()
    }

    fn is_word(&self, text: &[u8], word: &str) -> bool {
        self.kind == Kind::Word && self.bytes(text).eq_ignore_ascii_case(word.as_bytes())
    }
}

/// Tokens one after the other, so that row data behind an INSERT is never looked at.
#[derive(Clone)]
struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let skipped = match rest {
                [c, ..] if c.is_ascii_whitespace() || *c == b'\x0b' || *c == 0 => 1,
                [b'-', b'-', ..] | [b'#', b' ' | b'!', ..] => {
                    rest.iter().position(|c| *c == b'\n').map_or(rest.len(), |at| at + 1)
                }
                [b'/', b'*', ..] => {
                    rest[2..].windows(2).position(|pair| pair == b"*/").map_or(rest.len(), |at| at + 4)
                }
                _ => return,
            };
            self.at += skipped;
        }
    }

    /// The length of a quoted token, quotes included.
    fn quoted_length(rest: &[u8], quote: u8) -> usize {
        let mut at = 1;
        while at < rest.len() {
            match rest[at] {
                b'\\' => at += 2,
                c if c == quote && rest.get(at + 1) == Some(&quote) => at += 2,
                c if c == quote => return at + 1,
                _ => at += 1,
            }
        }
        rest.len()
    }

    /// The length of `$tag$ … $tag$`, if the text is one.
    fn heredoc_length(rest: &[u8]) -> Option<usize> {
        let tag_end = rest[1..].iter().position(|c| *c == b'$')? + 2;
        let tag = &rest[..tag_end];
        if !tag[1..tag_end - 1].iter().all(|c| c.is_ascii_alphanumeric() || *c == b'_') {
            return None;
        }
        let close = rest[tag_end..].windows(tag_end).position(|window| window == tag)?;
        Some(tag_end + close + tag_end)
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.skip_blanks_and_comments();
        let (start, rest) = (self.at, &self.text[self.at..]);
        let first = *rest.first()?;
        let is_word = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c >= 0x80;
        let (kind, length) = match first {
            b'\'' | b'"' | b'`' => (Kind::Quoted, Self::quoted_length(rest, first)),
            b'$' => Self::heredoc_length(rest).map_or((Kind::Sign, 1), |length| (Kind::Quoted, length)),
            c if is_word(c) => {
                (Kind::Word, rest.iter().position(|c| !is_word(*c) && *c != b'$').unwrap_or(rest.len()))
            }
            _ => (Kind::Sign, 1),
        };
        self.at += length;
        let mut depth = self.depth;
        if kind == Kind::Sign {
            match first {
                b'(' | b'[' | b'{' => self.depth += 1,
                b')' | b']' | b'}' => {
                    self.depth = self.depth.saturating_sub(1);
                    depth = self.depth;
                }
                _ => {}
            }
        }
        Some(Token { kind, start, end: self.at, depth })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(text: &str) -> (String, String, String, String) {
        match statement(text.as_bytes()).unwrap() {
            Statement::InsertData(insert) => {
                (insert.before, insert.settings, insert.format, text[insert.data_offset..].to_owned())
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn the_rows_of_an_insert_are_found() {
        for (text, before, settings, format, rows) in [
            ("INSERT INTO t FORMAT TSV\n1\t2\n", "INSERT INTO t ", "", "TSV", "1\t2\n"),
            ("insert into t(a, b) values (1, 'x')", "insert into t(a, b) ", "", "Values", "(1, 'x')"),
            (
                "INSERT INTO `values` FORMAT JSONEachRow {\"a\":1}",
                "INSERT INTO `values` ",
                "",
                "JSONEachRow",
                "{\"a\":1}",
            ),
            ("INSERT INTO d.format FORMAT CSV\r\n\n1", "INSERT INTO d.format ", "", "CSV", "\n1"),
            (
                "INSERT INTO t SETTINGS async_insert=0 FORMAT TSV\n1",
                "INSERT INTO t ",
                "SETTINGS async_insert=0 ",
                "TSV",
                "1",
            ),
            (
                "INSERT INTO t FORMAT TSV SETTINGS a=-1, b='x,y'\n1",
                "INSERT INTO t ",
                "SETTINGS a=-1, b='x,y'",
                "TSV",
                "1",
            ),
            (
                "/* FORMAT X */ INSERT INTO FUNCTION file('FORMAT Y') FORMAT Z\n",
                "/* FORMAT X */ INSERT INTO FUNCTION file('FORMAT Y') ",
                "",
                "Z",
                "",
            ),
        ] {
            assert_eq!(data(text), (before.into(), settings.into(), format.into(), rows.into()), "{text}");
        }
    }

    #[test]
    fn an_insert_that_selects_has_no_rows_behind_it() {
        for text in
            ["INSERT INTO t SELECT 1", "INSERT INTO t WITH 1 AS x SELECT x FORMAT TSV", "INSERT INTO t"]
        {
            assert_eq!(statement(text.as_bytes()).unwrap(), Statement::Other, "{text}");
        }
        assert_eq!(
            statement(b"INSERT INTO t SELECT a FROM input('a UInt8') FORMAT TSV 1").unwrap_err().code,
            48
        );
        assert_eq!(statement(b"INSERT INTO t FROM INFILE 'x' FORMAT TSV").unwrap_err().code, 78);
    }

    #[test]
    fn a_clause_goes_before_the_format_of_a_select() {
        for (text, expected) in [
            ("SELECT 1", "SELECT 1^"),
            ("SELECT 1 ; ", "SELECT 1^ ; "),
            ("SELECT 1 -- FORMAT JSON", "SELECT 1^ -- FORMAT JSON"),
            ("SELECT 1 SETTINGS a=1 FORMAT JSON", "SELECT 1 SETTINGS a=1 ^FORMAT JSON"),
            ("SELECT 1 FORMAT JSON SETTINGS a=1;", "SELECT 1 ^FORMAT JSON SETTINGS a=1;"),
            ("(SELECT format FROM t)", "(SELECT format FROM t)^"),
            ("SELECT format FROM t", "SELECT format FROM t^"),
            (
                "with x as (select ';' FORMAT) select 'it''s \\' FORMAT X'",
                "with x as (select ';' FORMAT) select 'it''s \\' FORMAT X'^",
            ),
        ] {
            match statement(text.as_bytes()).unwrap() {
                Statement::Select(select) => {
                    let (left, right) = text.split_at(select.outfile_at);
                    assert_eq!(format!("{left}^{right}"), expected);
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn two_statements_are_refused() {
        assert_eq!(statement(b"SELECT 1; SELECT 2").unwrap_err().code, 62);
        assert_eq!(statement(b"DROP TABLE a; x").unwrap_err().code, 62);
        assert_eq!(statement(b"SYSTEM FLUSH LOGS;").unwrap(), Statement::Other);
    }

    #[test]
    fn the_format_asked_for_is_read() {
        assert_eq!(output_format(b"SHOW TABLES FORMAT JSON").as_deref(), Some("JSON"));
        assert_eq!(output_format(b"SELECT format FROM t"), None);
    }
}
