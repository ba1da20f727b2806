//! ClickHouse's own compressed blocks and the HTTP content encodings.

use std::io::{self, Read, Write};

use flate2::write::{GzEncoder, ZlibEncoder};

/// Bytes of the checksum before each block.
const CHECKSUM: usize = 16;
/// Method byte, compressed size, uncompressed size.
const HEADER: usize = 9;
const METHOD_NONE: u8 = 0x02;
const METHOD_LZ4: u8 = 0x82;
const METHOD_ZSTD: u8 = 0x90;
/// Larger blocks are refused, as the engine does.
const MAX_BLOCK: usize = 1 << 30;
/// How much goes into one compressed block: ClickHouse's buffer size.
const BLOCK: usize = 1 << 20;

/// How a response's body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// `compress=1`: ClickHouse's own LZ4 blocks.
    Native,
    /// `Content-Encoding: lz4`, the LZ4 frame format.
    Lz4,
    /// `Content-Encoding: gzip`.
    Gzip,
    /// `Content-Encoding: deflate`.
    Deflate,
}

impl Encoding {
    /// The best of what a client accepts, in ClickHouse's order of preference.
    pub fn accepted(header: &str) -> Self {
        let accepts = |name: &str| {
            header
                .split(',')
                .any(|part| part.split(';').next().is_some_and(|part| part.trim().eq_ignore_ascii_case(name)))
        };
        if accepts("lz4") {
            Self::Lz4
        } else if accepts("gzip") || accepts("x-gzip") {
            Self::Gzip
        } else if accepts("deflate") {
            Self::Deflate
        } else {
            Self::Plain
        }
    }

    /// The value of `Content-Encoding`.
    pub fn header(self) -> Option<&'static str> {
        match self {
            Self::Plain | Self::Native => None,
            Self::Lz4 => Some("lz4"),
            Self::Gzip => Some("gzip"),
            Self::Deflate => Some("deflate"),
        }
    }
}

/// Encodes a body piece by piece into memory.
pub enum Encoder {
    /// See [`Encoding::Plain`].
    Plain,
    /// See [`Encoding::Native`]; holds what does not fill a block yet.
    Native(Vec<u8>),
    /// See [`Encoding::Lz4`].
    Lz4(Box<lz4_flex::frame::FrameEncoder<Vec<u8>>>),
    /// See [`Encoding::Gzip`].
    Gzip(GzEncoder<Vec<u8>>),
    /// See [`Encoding::Deflate`].
    Deflate(ZlibEncoder<Vec<u8>>),
}

impl Encoder {
    /// An encoder with nothing in it.
    pub fn new(encoding: Encoding) -> Self {
        let level = flate2::Compression::fast();
        match encoding {
            Encoding::Plain => Self::Plain,
            Encoding::Native => Self::Native(Vec::new()),
            Encoding::Lz4 => Self::Lz4(Box::new(lz4_flex::frame::FrameEncoder::new(Vec::new()))),
            Encoding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), level)),
            Encoding::Deflate => Self::Deflate(ZlibEncoder::new(Vec::new(), level)),
        }
    }

    /// Takes bytes in and gives what is ready to be sent (possibly nothing).
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        Ok(match self {
            Self::Plain => bytes.to_vec(),
            Self::Native(held) => {
                held.extend_from_slice(bytes);
                let full = held.len() / BLOCK * BLOCK;
                let ready = held[..full].chunks(BLOCK).flat_map(native_block).collect();
                held.drain(..full);
                ready
            }
            Self::Lz4(encoder) => {
                encoder.write_all(bytes)?;
                std::mem::take(encoder.get_mut())
            }
            Self::Gzip(encoder) => {
                encoder.write_all(bytes)?;
                std::mem::take(encoder.get_mut())
            }
            Self::Deflate(encoder) => {
                encoder.write_all(bytes)?;
                std::mem::take(encoder.get_mut())
            }
        })
    }

    /// Gives everything taken in so far.
    pub fn flush(&mut self) -> io::Result<Vec<u8>> {
        Ok(match self {
            Self::Plain => Vec::new(),
            Self::Native(held) if held.is_empty() => Vec::new(),
            Self::Native(held) => native_block(&std::mem::take(held)),
            Self::Lz4(encoder) => {
                encoder.flush()?;
                std::mem::take(encoder.get_mut())
            }
            Self::Gzip(encoder) => {
                encoder.flush()?;
                std::mem::take(encoder.get_mut())
            }
            Self::Deflate(encoder) => {
                encoder.flush()?;
                std::mem::take(encoder.get_mut())
            }
        })
    }

    /// Ends the body and gives the rest.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain => Ok(Vec::new()),
            Self::Native(held) if held.is_empty() => Ok(held),
            Self::Native(held) => Ok(native_block(&held)),
            Self::Lz4(encoder) => encoder.finish().map_err(io::Error::other),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Deflate(encoder) => encoder.finish(),
        }
    }
}

/// `CityHash128` in the version and byte order that ClickHouse uses.
fn checksum(block: &[u8]) -> [u8; CHECKSUM] {
    cityhash_rs::cityhash_102_128(block).rotate_right(64).to_le_bytes()
}

/// One LZ4 block with header and checksum.
pub fn native_block(data: &[u8]) -> Vec<u8> {
    let compressed = lz4_flex::block::compress(data);
    let mut block = vec![0; CHECKSUM];
    block.push(METHOD_LZ4);
    block.extend_from_slice(&((HEADER + compressed.len()) as u32).to_le_bytes());
    block.extend_from_slice(&(data.len() as u32).to_le_bytes());
    block.extend_from_slice(&compressed);
    let sum = checksum(&block[CHECKSUM..]);
    block[..CHECKSUM].copy_from_slice(&sum);
    block
}

/// Reads a body of ClickHouse's own compressed blocks (`decompress=1`).
pub struct NativeReader<R> {
    inner: R,
    block: Vec<u8>,
    at: usize,
}

impl<R: Read> NativeReader<R> {
    /// Reads blocks from `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, block: Vec::new(), at: 0 }
    }

    /// Reads the next block; false at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        let mut head = [0; CHECKSUM + HEADER];
        let mut filled = 0;
        while filled < head.len() {
            match self.inner.read(&mut head[filled..])? {
                0 if filled == 0 => return Ok(false),
                0 => return Err(corrupt("the body ends within a compressed block's header")),
                read => filled += read,
            }
        }
        let (sum, header) = head.split_at(CHECKSUM);
        let size = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]) as usize
        };
        let (method, compressed, uncompressed) = (header[0], size(1), size(5));
        if !(HEADER..=MAX_BLOCK).contains(&compressed) || uncompressed > MAX_BLOCK {
            return Err(corrupt(format!("a compressed block states {compressed} and {uncompressed} bytes")));
        }
        let mut block = header.to_vec();
        block.resize(compressed, 0);
        self.inner
            .read_exact(&mut block[HEADER..])
            .map_err(|_| corrupt("the body ends within a compressed block"))?;
        if checksum(&block) != sum {
            return Err(corrupt("Checksum doesn't match: corrupted data"));
        }
        let data = &block[HEADER..];
        self.block = match method {
            METHOD_LZ4 => lz4_flex::block::decompress(data, uncompressed).map_err(corrupt)?,
            METHOD_NONE => data.to_vec(),
            METHOD_ZSTD => {
                return Err(corrupt("ZSTD blocks are not understood by the embedded engine, send LZ4"));
            }
            other => return Err(corrupt(format!("Unknown compression method: {other:#04x}"))),
        };
        if self.block.len() != uncompressed {
            return Err(corrupt(format!("a block of {uncompressed} bytes gave {}", self.block.len())));
        }
        self.at = 0;
        Ok(true)
    }
}

impl<R: Read> Read for NativeReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let count = buffer.len().min(self.block.len() - self.at);
        buffer[..count].copy_from_slice(&self.block[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

fn corrupt(problem: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut data = Vec::new();
        NativeReader::new(bytes).read_to_end(&mut data)?;
        Ok(data)
    }

    #[test]
    fn native_blocks_are_read_as_they_were_written() {
        let data: Vec<u8> = (0..3_000_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let mut encoder = Encoder::new(Encoding::Native);
        let mut bytes = Vec::new();
        for piece in data.chunks(700_001) {
            bytes.extend(encoder.write(piece).unwrap());
        }
        bytes.extend(encoder.finish().unwrap());
        assert!(bytes.len() < data.len());
        assert!(decode(&bytes).unwrap() == data);
    }

    #[test]
    fn a_changed_bit_is_noticed() {
        let mut bytes = native_block(b"one, two, three");
        assert_eq!(decode(&bytes).unwrap(), b"one, two, three");
        *bytes.last_mut().unwrap() ^= 1;
        assert!(decode(&bytes).unwrap_err().to_string().contains("Checksum"));
        bytes.pop();
        assert!(decode(&bytes).unwrap_err().to_string().contains("ends within"));
    }

    #[test]
    fn the_clients_choice_of_encoding_is_kept() {
        for (header, encoding) in [
            ("lz4", Encoding::Lz4),
            ("gzip, deflate, br", Encoding::Gzip),
            ("deflate;q=0.5", Encoding::Deflate),
            ("identity", Encoding::Plain),
        ] {
            assert_eq!(Encoding::accepted(header), encoding, "{header}");
        }
    }
}
