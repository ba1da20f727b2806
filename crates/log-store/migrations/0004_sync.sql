-- The manifest: what loki2ch knows to be complete. The checkpoint is the contiguous prefix of
-- windows in state verified or settled.
CREATE TABLE IF NOT EXISTS logs.sync_windows /*on-cluster*/ (
    source       LowCardinality(String) COMMENT 'Loki tenant, or a file of a backfill',
    window_start DateTime('UTC') COMMENT 'five minutes from here',
    loki_count   UInt64,
    ch_count     UInt64,
    id_xor       UInt64 COMMENT 'xor of the event ids of the window in logs.app_logs',
    bytes        UInt64 COMMENT 'bytes of the messages',
    state        LowCardinality(String) COMMENT 'open, verified, suspect, settled',
    reason       String COMMENT 'why it is suspect',
    checked_at   DateTime64(6, 'UTC')
) ENGINE = ReplacingMergeTree(checked_at)
PARTITION BY toYYYYMM(window_start)
ORDER BY (source, window_start)
TTL window_start + INTERVAL 400 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS logs.sync_batches /*on-cluster*/ (
    source       LowCardinality(String),
    window_start DateTime('UTC'),
    batch        UInt64,
    rows         UInt64,
    min_ts       DateTime64(9, 'UTC'),
    max_ts       DateTime64(9, 'UTC'),
    content_hash UInt64 COMMENT 'xxh3 of the bytes sent',
    attempt      UInt16,
    committed_at DateTime64(6, 'UTC')
) ENGINE = ReplacingMergeTree(committed_at)
PARTITION BY toYYYYMM(window_start)
ORDER BY (source, window_start, batch)
TTL window_start + INTERVAL 400 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS logs.sync_jobs /*on-cluster*/ (
    source       LowCardinality(String),
    job          String,
    from_window  DateTime('UTC'),
    to_window    DateTime('UTC'),
    next_window  DateTime('UTC') COMMENT 'where to resume',
    state        LowCardinality(String) COMMENT 'running, paused, done, cancelled, failed',
    rows         UInt64,
    parallel     UInt16,
    note         String,
    created_at   DateTime64(3, 'UTC'),
    updated_at   DateTime64(6, 'UTC')
) ENGINE = ReplacingMergeTree(updated_at)
ORDER BY (source, job)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
