-- A row is a line. Equality of rows is (ts, host, service, unit, level, event_id).
--
-- The order puts a service's hour together, so that a dashboard that looks at one service reads few
-- granules; `host` and then `ts` inside the hour cost nothing and compress well.
-- The text index has no preprocessor: with one, hasToken() answers differently with and without the
-- index.
-- The deduplication window makes a retry with the same token safe while the server lives; the
-- protocol of loki2ch does not rely on it alone.
CREATE TABLE IF NOT EXISTS logs.app_logs /*on-cluster*/ (
    ts         DateTime64(9, 'UTC')    CODEC(Delta(8), ZSTD(1)),
    host       LowCardinality(String)  CODEC(ZSTD(1)),
    service    LowCardinality(String)  CODEC(ZSTD(1)),
    unit       LowCardinality(String)  CODEC(ZSTD(1)),
    level      LowCardinality(String)  CODEC(ZSTD(1)),
    path       LowCardinality(String)  CODEC(ZSTD(1)),
    status     UInt16 DEFAULT 0        COMMENT 'HTTP status, 0 = none' CODEC(T64, ZSTD(1)),
    latency_ms Nullable(Float32)       CODEC(ZSTD(1)),
    trace_id   String                  CODEC(ZSTD(1)),
    message    String                  COMMENT 'the line as people read it, verbatim' CODEC(ZSTD(3)),
    attrs      JSON(max_dynamic_paths = 128) CODEC(ZSTD(1)),
    event_id   UInt64                  COMMENT 'low half of the 128-bit id on the wire' CODEC(ZSTD(1)),
    batch      UInt64                  COMMENT 'logs.sync_batches' CODEC(Delta(8), ZSTD(1)),
    INDEX i_ts ts TYPE minmax GRANULARITY 1,
    INDEX i_batch batch TYPE minmax GRANULARITY 1,
    INDEX i_trace trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX i_message message TYPE text(tokenizer = splitByNonAlpha) GRANULARITY 64
) ENGINE = MergeTree
PARTITION BY toYYYYMMDD(ts)
ORDER BY (service, toStartOfHour(ts), host, ts)
TTL toDateTime(ts) + INTERVAL 90 DAY DELETE
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1, fsync_part_directory = 1,
    min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;
