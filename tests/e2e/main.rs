//! Tests that cross tools.

mod loki_contract;
