//! A borrowed table of numbers.

use std::fmt;

/// Rows of `f32`, row after row in one slice. `NaN` means missing.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    values: &'a [f32],
    width: usize,
}

impl<'a> Rows<'a> {
    /// Views `values` as rows of `width` numbers.
    pub fn new(values: &'a [f32], width: usize) -> Result<Self, ShapeError> {
        if width == 0 || width > usize::from(u16::MAX) || !values.len().is_multiple_of(width) {
            return Err(ShapeError { values: values.len(), width });
        }
        Ok(Self { values, width })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// True without any row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Row number `index`.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, index: usize) -> &'a [f32] {
        &self.values[index * self.width..(index + 1) * self.width]
    }

    /// All rows in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        self.values.chunks_exact(self.width)
    }

    pub(crate) fn at(&self, row: u32, feature: usize) -> f32 {
        self.values[row as usize * self.width + feature]
    }
}

/// The numbers do not make a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeError {
    /// How many numbers were given.
    pub values: usize,
    /// How many a row should hold.
    pub width: usize,
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} numbers do not make rows of {} features (1 to 65535 features, whole rows only)",
            self.values, self.width
        )
    }
}

impl std::error::Error for ShapeError {}
