//! The Native format as clients of a protocol version read it.
//!
//! Clients that state a `client_protocol_version` (Grafana's plugin does) expect two things that libchdb, which knows
//! no such clients, leaves out: a header before each block and a byte before each column's data. Putting them in means
//! to know where a column ends, so types are read as far as that needs.

use crate::exception::Exception;

/// From here on, each column says whether its serialization is a custom one.
const CUSTOM_SERIALIZATION: u64 = 54454;
/// From here on, the block header has a third field.
const OUT_OF_ORDER_BUCKETS: u64 = 54480;

/// Rewrites a stream of Native blocks.
pub struct Reframer {
    revision: u64,
    held: Vec<u8>,
    /// Parsing starts over when a block is incomplete; waiting for this much keeps that rare.
    enough: usize,
}

impl Reframer {
    /// For a client of protocol version `revision`, which is not 0.
    pub fn new(revision: u64) -> Self {
        Self { revision, held: Vec::new(), enough: 1 }
    }

    /// Takes a piece in and gives the blocks that are complete.
    pub fn write(&mut self, piece: &[u8]) -> Result<Vec<u8>, Exception> {
        self.held.extend_from_slice(piece);
        let mut ready = Vec::new();
        if self.held.len() < self.enough {
            return Ok(ready);
        }
        loop {
            let mut cursor = Cursor { bytes: &self.held, at: 0 };
            match self.block(&mut cursor, &mut ready) {
                Ok(()) => {
                    let end = cursor.at;
                    self.held.drain(..end);
                    self.enough = 1;
                }
                Err(Stop::Incomplete) => {
                    self.enough = self.held.len() * 3 / 2;
                    return Ok(ready);
                }
                Err(Stop::Unsupported(type_name)) => {
                    return Err(Exception::new(
                        48,
                        "NOT_IMPLEMENTED",
                        format!(
                            "the embedded engine cannot send {type_name} to a native client, select toString() of it"
                        ),
                    ));
                }
            }
            if self.held.is_empty() {
                return Ok(ready);
            }
        }
    }

    /// Gives what an incomplete block holds back: everything, now that nothing follows.
    pub fn finish(&mut self) -> Result<Vec<u8>, Exception> {
        self.enough = 1;
        self.write(&[])
    }

    /// Writes one block to `ready`, or nothing where it is incomplete.
    fn block(&self, cursor: &mut Cursor<'_>, ready: &mut Vec<u8>) -> Result<(), Stop> {
        let start = ready.len();
        let result = self.try_block(cursor, ready);
        if result.is_err() {
            ready.truncate(start);
        }
        result
    }

    fn try_block(&self, cursor: &mut Cursor<'_>, ready: &mut Vec<u8>) -> Result<(), Stop> {
        let dimensions = cursor.at;
        let columns = cursor.varint()?;
        let rows = cursor.varint()?;
        // is_overflows = 0, bucket_num = -1, then the end of the fields.
        ready.extend_from_slice(&[1, 0, 2, 0xff, 0xff, 0xff, 0xff]);
        if self.revision >= OUT_OF_ORDER_BUCKETS {
            ready.extend_from_slice(&[3, 0]);
        }
        ready.push(0);
        ready.extend_from_slice(&cursor.bytes[dimensions..cursor.at]);
        for _ in 0..columns {
            let name = cursor.at;
            cursor.string()?;
            let type_name = cursor.string()?;
            ready.extend_from_slice(&cursor.bytes[name..cursor.at]);
            if self.revision >= CUSTOM_SERIALIZATION {
                ready.push(0);
            }
            let data = cursor.at;
            if rows > 0 {
                let type_ = Type::parse(type_name).ok_or_else(|| Stop::Unsupported(type_name.to_owned()))?;
                type_.skip_prefix(cursor)?;
                type_.skip(cursor, rows)?;
            }
            ready.extend_from_slice(&cursor.bytes[data..cursor.at]);
        }
        Ok(())
    }
}

enum Stop {
    Incomplete,
    Unsupported(String),
}

/// A place in a block.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], Stop> {
        let end = usize::try_from(count)
            .ok()
            .and_then(|count| self.at.checked_add(count))
            .ok_or(Stop::Incomplete)?;
        let taken = self.bytes.get(self.at..end).ok_or(Stop::Incomplete)?;
        self.at = end;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, Stop> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        Ok(value)
    }

    fn fixed(&mut self) -> Result<u64, Stop> {
        self.take(8).map(|bytes| bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn string(&mut self) -> Result<&'a str, Stop> {
        let length = self.varint()?;
        Ok(str::from_utf8(self.take(length)?).unwrap_or_default())
    }
}

/// A type, as far as its size goes.
#[derive(Debug, PartialEq, Eq)]
enum Type {
    Fixed(u64),
    String,
    /// JSON as text: a version, then strings.
    Json,
    Nullable(Box<Type>),
    Array(Box<Type>),
    Tuple(Vec<Type>),
    LowCardinality(Box<Type>),
}

impl Type {
    fn parse(text: &str) -> Option<Self> {
        let (name, arguments) = match text.split_once('(') {
            Some((name, rest)) => (name, split(rest.strip_suffix(')')?)),
            None => (text, Vec::new()),
        };
        let first = || arguments.first().and_then(|argument| Self::parse(argument)).map(Box::new);
        let decimal = || {
            Some(match arguments.first()?.trim().parse().ok()? {
                0..=9_u64 => 4,
                10..=18 => 8,
                19..=38 => 16,
                _ => 32,
            })
        };
        let point = || Self::Tuple(vec![Self::Fixed(8), Self::Fixed(8)]);
        let array = |inner| Self::Array(Box::new(inner));
        Some(match name {
            "Int8" | "UInt8" | "Bool" | "Enum8" | "Nothing" => Self::Fixed(1),
            "Int16" | "UInt16" | "BFloat16" | "Date" | "Enum16" => Self::Fixed(2),
            "Int32" | "UInt32" | "Float32" | "Date32" | "DateTime" | "IPv4" | "Decimal32" | "Time" => {
                Self::Fixed(4)
            }
            "Int64" | "UInt64" | "Float64" | "DateTime64" | "Decimal64" | "Time64" => Self::Fixed(8),
            "Int128" | "UInt128" | "UUID" | "IPv6" | "Decimal128" => Self::Fixed(16),
            "Int256" | "UInt256" | "Decimal256" => Self::Fixed(32),
            _ if name.starts_with("Interval") => Self::Fixed(8),
            "Decimal" => Self::Fixed(decimal()?),
            "FixedString" => Self::Fixed(arguments.first()?.trim().parse().ok()?),
            "String" => Self::String,
            "JSON" => Self::Json,
            "Nullable" => Self::Nullable(first()?),
            "Array" => Self::Array(first()?),
            "LowCardinality" => Self::LowCardinality(first()?),
            "SimpleAggregateFunction" => Self::parse(arguments.get(1)?)?,
            "Tuple" if !arguments.is_empty() => Self::Tuple(Self::fields(&arguments)?),
            "Map" | "Nested" => array(Self::Tuple(Self::fields(&arguments)?)),
            "Point" => point(),
            "Ring" | "LineString" => array(point()),
            "Polygon" | "MultiLineString" => array(array(point())),
            "MultiPolygon" => array(array(array(point()))),
            _ => return None,
        })
    }

    /// The types of `a UInt8, String`: a name before a type is optional.
    fn fields(arguments: &[&str]) -> Option<Vec<Self>> {
        arguments
            .iter()
            .map(|argument| Self::parse(argument).or_else(|| Self::parse(after_name(argument)?)))
            .collect()
    }

    /// What comes once before a column's data.
    fn skip_prefix(&self, cursor: &mut Cursor<'_>) -> Result<(), Stop> {
        match self {
            Self::Fixed(_) | Self::String => Ok(()),
            Self::Json | Self::LowCardinality(_) => cursor.take(8).map(|_| ()),
            Self::Nullable(inner) | Self::Array(inner) => inner.skip_prefix(cursor),
            Self::Tuple(fields) => fields.iter().try_for_each(|field| field.skip_prefix(cursor)),
        }
    }

    fn skip(&self, cursor: &mut Cursor<'_>, rows: u64) -> Result<(), Stop> {
        match self {
            Self::Fixed(size) => cursor.take(size.saturating_mul(rows)).map(|_| ()),
            Self::String | Self::Json => (0..rows).try_for_each(|_| {
                let length = cursor.varint()?;
                cursor.take(length).map(|_| ())
            }),
            Self::Nullable(inner) => {
                cursor.take(rows)?;
                inner.skip(cursor, rows)
            }
            Self::Array(inner) => {
                let Some(before_last) = rows.checked_sub(1) else { return Ok(()) };
                cursor.take(before_last.saturating_mul(8))?;
                let elements = cursor.fixed()?;
                inner.skip(cursor, elements)
            }
            Self::Tuple(fields) => fields.iter().try_for_each(|field| field.skip(cursor, rows)),
            Self::LowCardinality(_) if rows == 0 => Ok(()),
            Self::LowCardinality(inner) => {
                const HAS_ADDITIONAL_KEYS: u64 = 1 << 9;
                let kind = cursor.fixed()?;
                if kind & HAS_ADDITIONAL_KEYS != 0 {
                    let keys = cursor.fixed()?;
                    match &**inner {
                        // The dictionary has no null map: its first key stands for NULL.
                        Self::Nullable(inner) => inner.skip(cursor, keys)?,
                        inner => inner.skip(cursor, keys)?,
                    }
                }
                let rows = cursor.fixed()?;
                cursor.take(rows << (kind & 3)).map(|_| ())
            }
        }
    }
}

/// Splits `a UInt8, b Map(String, String)` at its outer commas.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start, mut quote) = (Vec::new(), 0_usize, 0, None);
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                characters.next();
            }
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '`' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    if !text.is_empty() {
        parts.push(text[start..].trim());
    }
    parts
}

/// The type in `name Type`.
fn after_name(text: &str) -> Option<&str> {
    match text.strip_prefix('`') {
        Some(rest) => rest.split_once('`').map(|(_, type_)| type_.trim()),
        None => text.split_once(' ').map(|(_, type_)| type_.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_far_as_their_size_goes() {
        let text = Type::String;
        for (name, expected) in [
            ("DateTime64(9, 'UTC')", Type::Fixed(8)),
            ("Enum8('a' = 1, 'b,)' = 2)", Type::Fixed(1)),
            ("Decimal(18, 4)", Type::Fixed(8)),
            (
                "Map(LowCardinality(String), String)",
                Type::Array(Box::new(Type::Tuple(vec![Type::LowCardinality(Box::new(Type::String)), text]))),
            ),
            (
                "Tuple(a UInt8, `b c` Nullable(IPv6))",
                Type::Tuple(vec![Type::Fixed(1), Type::Nullable(Box::new(Type::Fixed(16)))]),
            ),
        ] {
            assert_eq!(Type::parse(name), Some(expected), "{name}");
        }
        for name in ["Dynamic", "AggregateFunction(sum, UInt64)", "Variant(String, UInt8)"] {
            assert_eq!(Type::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_block_cut_anywhere_comes_out_the_same() {
        // Two blocks: one column `x String` with rows "ab" and "", and one without rows.
        let input = b"\x01\x02\x01x\x06String\x02ab\x00\x01\x00\x01x\x06String";
        let header = b"\x01\x00\x02\xff\xff\xff\xff\x00";
        let expected = [
            &header[..],
            b"\x01\x02\x01x\x06String\x00\x02ab\x00",
            &header[..],
            b"\x01\x00\x01x\x06String\x00",
        ]
        .concat();
        for cut in 0..=input.len() {
            let mut reframer = Reframer::new(54460);
            let mut output = Vec::new();
            for piece in [&input[..cut], &input[cut..]] {
                output.extend(reframer.write(piece).unwrap_or_default());
            }
            output.extend(reframer.finish().unwrap_or_default());
            assert_eq!(output, expected, "cut at {cut}");
        }
    }
}
