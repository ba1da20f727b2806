-- A row is an incident; a later row of the same id replaces it. The first eight columns are the
-- predecessor's, with their names.
CREATE TABLE IF NOT EXISTS logs.anomalies /*on-cluster*/ (
    detected_at  DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    window_start DateTime('UTC') COMMENT 'first seen',
    window_end   DateTime('UTC') COMMENT 'last seen',
    host         LowCardinality(String),
    service      LowCardinality(String),
    anomaly_type LowCardinality(String),
    score        Float32 COMMENT '1.0 is the alert line, higher is odder',
    details      JSON CODEC(ZSTD(3)),
    id           UInt64 COMMENT 'hash of host, service, unit, type and first minute',
    unit         LowCardinality(String),
    state        LowCardinality(String) COMMENT 'open, closed, muted',
    feature      LowCardinality(String),
    observed     Float64,
    expected     Float64,
    template_id  UInt64 COMMENT '0 = none',
    links        Map(LowCardinality(String), String) CODEC(ZSTD(3)),
    updated_at   DateTime64(6, 'UTC') CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree(updated_at)
PARTITION BY toYYYYMM(window_start)
ORDER BY (window_start, id)
TTL window_start + INTERVAL 180 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1;

-- A verdict on an anomaly, or a mute of an entity's feature until a time.
CREATE TABLE IF NOT EXISTS logs.feedback /*on-cluster*/ (
    id          UInt64,
    anomaly_id  UInt64 COMMENT '0 = a mute',
    host        LowCardinality(String),
    service     LowCardinality(String),
    unit        LowCardinality(String),
    feature     LowCardinality(String),
    verdict     LowCardinality(String) COMMENT 'real, noise, mute',
    until       Nullable(DateTime('UTC')),
    comment     String,
    created_at  DateTime64(3, 'UTC'),
    updated_at  DateTime64(6, 'UTC')
) ENGINE = ReplacingMergeTree(updated_at)
ORDER BY id
SETTINGS fsync_after_insert = 1;

-- A NixOS generation switch or a restart seen in the lines.
CREATE TABLE IF NOT EXISTS logs.deploys /*on-cluster*/ (
    host        LowCardinality(String),
    at          DateTime64(3, 'UTC'),
    kind        LowCardinality(String) COMMENT 'switch, boot, restart',
    service     LowCardinality(String),
    unit        LowCardinality(String),
    generation  String,
    message     String,
    detected_at DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree(detected_at)
PARTITION BY toYYYYMM(at)
ORDER BY (host, at, kind, unit)
TTL toDateTime(at) + INTERVAL 180 DAY DELETE
SETTINGS ttl_only_drop_parts = 1;
