-- A row is a template of one service. Merging keeps the earliest and latest sighting, so that mining
-- a window again changes nothing.
CREATE TABLE IF NOT EXISTS logs.templates /*on-cluster*/ (
    id         UInt64 COMMENT 'hash of the pattern: the same on every host and after a restart',
    service    LowCardinality(String),
    pattern    SimpleAggregateFunction(anyLast, String) CODEC(ZSTD(3)),
    level      SimpleAggregateFunction(anyLast, String) COMMENT 'of the last line',
    sample     SimpleAggregateFunction(anyLast, String) CODEC(ZSTD(3)),
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_seen  SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
) ENGINE = AggregatingMergeTree
ORDER BY (id, service);

CREATE TABLE IF NOT EXISTS logs.templates_1min /*on-cluster*/ (
    minute      DateTime('UTC')        CODEC(DoubleDelta, ZSTD(1)),
    host        LowCardinality(String) CODEC(ZSTD(1)),
    service     LowCardinality(String) CODEC(ZSTD(1)),
    template_id UInt64                 CODEC(ZSTD(1)),
    cnt         UInt64                 CODEC(T64, ZSTD(1)),
    bytes       UInt64                 CODEC(T64, ZSTD(1)),
    updated_at  DateTime64(6, 'UTC')   CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree(updated_at)
PARTITION BY toYYYYMM(minute)
ORDER BY (template_id, service, host, minute)
TTL minute + INTERVAL 90 DAY DELETE
SETTINGS ttl_only_drop_parts = 1;
