//! Helpers of the tests that cross tools.
