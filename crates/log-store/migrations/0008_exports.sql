-- A row is a version of a set: one ISO week of one table.
CREATE TABLE IF NOT EXISTS logs.exports /*on-cluster*/ (
    table_name      LowCardinality(String),
    week            Date COMMENT 'the Monday it starts with',
    version         UInt32,
    state           LowCardinality(String) COMMENT 'published, verified, pruned',
    rows            UInt64,
    bytes           UInt64,
    files           UInt32,
    min_ts          DateTime64(9, 'UTC'),
    max_ts          DateTime64(9, 'UTC'),
    fingerprint     UInt64 COMMENT 'order-free sum over the rows',
    manifest_key    String,
    manifest_sha256 String COMMENT 'hex',
    schema_version  UInt16,
    exported_at     DateTime64(3, 'UTC'),
    verified_at     Nullable(DateTime64(3, 'UTC')),
    updated_at      DateTime64(6, 'UTC')
) ENGINE = ReplacingMergeTree(updated_at)
ORDER BY (table_name, week, version)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
