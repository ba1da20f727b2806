//! An entry as the journal holds it.

use std::borrow::Cow;
use std::fmt;

/// One entry with all its fields, exactly as journald stored them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When journald received it, microseconds since the epoch. Follows every jump of the clock.
    pub realtime_us: u64,
    /// The same since boot, microseconds. Never goes back within a boot.
    pub monotonic_us: u64,
    /// The boot that [`Entry::monotonic_us`] counts from.
    pub boot_id: Id128,
    /// Where it is. The same entry can have other cursors too: after journald moved it from /run to /var.
    pub cursor: Cursor,
    /// Its number among all entries of its sequence; none if libsystemd is older than 254.
    pub seqnum: Option<Seqnum>,
    /// Its fields.
    pub fields: Fields,
}

/// A place in the journal, to be stored and given back to [`crate::Journal::seek_cursor`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor(String);

/// A number that grows by one with every entry that journald stores: a jump means that entries are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seqnum {
    /// Which sequence; journald starts a new one when it can't go on with the old.
    pub sequence: Id128,
    /// The number in it.
    pub number: u64,
}

/// A 128-bit id, printed as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Id128(pub [u8; 16]);

/// Names and values in the journal's order. A name can occur more than once, a value can be any bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, Vec<u8>)>);

impl Cursor {
    /// Takes a stored cursor. Only a journal can tell whether it means something.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The journal's hash of the entry's content (`x=`), the same wherever the entry is stored.
    pub fn content_hash(&self) -> Option<&str> {
        self.0.split(';').find_map(|part| part.strip_prefix("x="))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Id128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Fields {
    /// The first value of a field.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_slice())
    }

    /// All values of a field, in the journal's order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_slice())
    }

    /// The first value of a field as text; bytes that are no UTF-8 become U+FFFD.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).map(String::from_utf8_lossy)
    }

    /// All names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Adds what libsystemd hands out: `NAME=value`. Data without `=` is not a field and is left out.
    pub(crate) fn push_data(&mut self, data: &[u8]) {
        if let Some(equals) = data.iter().position(|&byte| byte == b'=') {
            let name = String::from_utf8_lossy(&data[..equals]).into_owned();
            self.0.push((name, data[equals + 1..].to_vec()));
        }
    }
}

impl<N: Into<String>, V: Into<Vec<u8>>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_fields_and_any_bytes_are_kept() {
        let mut fields = Fields::default();
        for data in [&b"A=1"[..], b"B=\xff=\x00", b"A=2", b"nonsense", b"C="] {
            fields.push_data(data);
        }
        assert_eq!(fields.all("A").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(fields.get("B"), Some(&b"\xff=\x00"[..]));
        assert_eq!(fields.text("B").unwrap(), "\u{fffd}=\0");
        assert_eq!(fields.get("C"), Some(&b""[..]));
        assert_eq!(fields.iter().count(), 4);
    }

    #[test]
    fn the_content_hash_is_read_from_the_cursor() {
        let cursor = Cursor::new("s=ab;i=3c;b=cd;m=1;t=2;x=5f00");
        assert_eq!(cursor.content_hash(), Some("5f00"));
        assert_eq!(Cursor::new("").content_hash(), None);
    }
}
