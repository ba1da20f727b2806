//! ClickHouse: migrations, row types, queries.
