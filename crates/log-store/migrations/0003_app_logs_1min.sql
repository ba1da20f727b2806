-- The minute aggregate. `batch` is in the key, so that deriving the rows of a batch again replaces
-- them and never counts them twice; people read it through the view at the end.
CREATE TABLE IF NOT EXISTS logs.app_logs_1min_state /*on-cluster*/ (
    minute  DateTime('UTC')        CODEC(DoubleDelta, ZSTD(1)),
    service LowCardinality(String) CODEC(ZSTD(1)),
    host    LowCardinality(String) CODEC(ZSTD(1)),
    unit    LowCardinality(String) CODEC(ZSTD(1)),
    batch   UInt64                 CODEC(Delta(8), ZSTD(1)),
    cnt     UInt64                 CODEC(T64, ZSTD(1)),
    err     UInt64                 CODEC(T64, ZSTD(1)),
    s5xx    UInt64                 CODEC(T64, ZSTD(1)),
    lat_cnt UInt64                 CODEC(T64, ZSTD(1)),
    lat_sum Float64                CODEC(ZSTD(1)),
    lat_max Float32                CODEC(ZSTD(1)),
    lat_q   AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32) CODEC(ZSTD(3)),
    INDEX i_batch batch TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (service, host, unit, minute, batch)
TTL minute + INTERVAL 180 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS logs.app_logs_1min_mv /*on-cluster*/ TO logs.app_logs_1min_state AS
SELECT
    toStartOfMinute(toDateTime(ts, 'UTC')) AS minute,
    service, host, unit, batch,
    count() AS cnt,
    countIf(level IN ('emergency', 'alert', 'critical', 'error')) AS err,
    countIf(status BETWEEN 500 AND 599) AS s5xx,
    countIf(latency_ms IS NOT NULL) AS lat_cnt,
    sumIf(toFloat64(assumeNotNull(latency_ms)), latency_ms IS NOT NULL) AS lat_sum,
    maxIf(assumeNotNull(latency_ms), latency_ms IS NOT NULL) AS lat_max,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(assumeNotNull(latency_ms), latency_ms IS NOT NULL) AS lat_q
FROM logs.app_logs
GROUP BY minute, service, host, unit, batch;

-- Latencies are NULL where no line of the minute had one: an empty state would read as NaN.
-- error_rate and server_error_rate are the names the predecessor's dashboards ask for.
CREATE VIEW IF NOT EXISTS logs.app_logs_1min /*on-cluster*/ AS
SELECT
    minute, host, service, unit,
    sum(s.cnt) AS cnt,
    sum(s.err) AS err,
    sum(s.s5xx) AS s5xx,
    err / cnt AS err_rate,
    err / cnt AS error_rate,
    s5xx / cnt AS s5xx_rate,
    s5xx / cnt AS server_error_rate,
    sum(s.lat_cnt) AS latency_cnt,
    if(latency_cnt = 0, NULL, sum(s.lat_sum) / latency_cnt) AS avg_latency,
    if(latency_cnt = 0, NULL, quantilesTDigestMerge(0.5, 0.95, 0.99)(s.lat_q)[1]) AS p50_latency,
    if(latency_cnt = 0, NULL, quantilesTDigestMerge(0.5, 0.95, 0.99)(s.lat_q)[2]) AS p95_latency,
    if(latency_cnt = 0, NULL, quantilesTDigestMerge(0.5, 0.95, 0.99)(s.lat_q)[3]) AS p99_latency,
    if(latency_cnt = 0, NULL, max(s.lat_max)) AS max_latency
FROM logs.app_logs_1min_state AS s FINAL
GROUP BY minute, host, service, unit;
