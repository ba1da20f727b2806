//! Tests that cross tools.
