-- What became of every alert, incidents, and the figures computed from both.
CREATE TABLE IF NOT EXISTS logs.alert_events /*on-cluster*/ (
    ts          DateTime64(3, 'UTC'),
    source      LowCardinality(String),
    event       LowCardinality(String) COMMENT 'pending, firing, notified, resolved, silenced, inhibited, acked, action',
    alertname   LowCardinality(String),
    fingerprint String,
    severity    LowCardinality(String),
    host        LowCardinality(String),
    service     LowCardinality(String),
    starts_at   DateTime64(3, 'UTC'),
    ends_at     DateTime64(3, 'UTC'),
    value       Float64,
    reason      LowCardinality(String),
    receiver    LowCardinality(String),
    labels      Map(LowCardinality(String), String),
    annotations Map(LowCardinality(String), String)
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (alertname, fingerprint, starts_at, event, receiver, ts)
TTL toDateTime(ts) + INTERVAL 400 DAY DELETE
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1;

CREATE TABLE IF NOT EXISTS logs.incidents /*on-cluster*/ (
    incident_id String,
    kind        LowCardinality(String),
    host        LowCardinality(String),
    service     LowCardinality(String),
    started_at  DateTime64(3, 'UTC'),
    detected_at Nullable(DateTime64(3, 'UTC')),
    resolved_at Nullable(DateTime64(3, 'UTC')),
    source      LowCardinality(String),
    verified    UInt8,
    cause       String,
    updated_at  DateTime64(3, 'UTC') DEFAULT now64(3)
) ENGINE = ReplacingMergeTree(updated_at)
ORDER BY incident_id
SETTINGS fsync_after_insert = 1;

CREATE TABLE IF NOT EXISTS logs.kpi_daily /*on-cluster*/ (
    day         Date,
    metric      LowCardinality(String),
    host        LowCardinality(String) DEFAULT '*',
    service     LowCardinality(String) DEFAULT '*',
    n           UInt32,
    value       Float64,
    ci_lo       Float64,
    ci_hi       Float64,
    computed_at DateTime('UTC') DEFAULT now()
) ENGINE = ReplacingMergeTree(computed_at)
ORDER BY (metric, day, host, service);

-- An episode is one firing of an alert; a flap starts less than 30 minutes after the last one ended.
CREATE VIEW IF NOT EXISTS logs.alert_episodes /*on-cluster*/ AS
WITH raw AS (
    SELECT
        alertname, fingerprint, starts_at,
        any(a.host) AS host,
        any(a.service) AS service,
        any(a.severity) AS severity,
        maxOrNullIf(a.ends_at, event = 'resolved') AS resolved_at,
        minOrNullIf(ts, event = 'notified') AS first_notified,
        countIf(event = 'notified') AS notifications,
        countIf(event IN ('acked', 'silenced', 'action')) > 0 AS acted
    FROM logs.alert_events AS a FINAL
    GROUP BY alertname, fingerprint, starts_at
)
SELECT
    *,
    lagInFrame(resolved_at) OVER w AS prev_end,
    dateDiff('second', starts_at, coalesce(resolved_at, now64(3))) AS dur_s,
    coalesce(dateDiff('second', prev_end, starts_at) < 1800, 0) AS is_flap
FROM raw
WINDOW w AS (
    PARTITION BY alertname, fingerprint ORDER BY starts_at
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
);

-- The verdict on every episode that notified somebody.
CREATE VIEW IF NOT EXISTS logs.alert_scored /*on-cluster*/ AS
WITH joined AS (
    SELECT e.*, i.incident_id AS inc, i.started_at AS inc_start
    FROM logs.alert_episodes AS e
    LEFT JOIN (SELECT * FROM logs.incidents FINAL WHERE verified) AS i
        ON e.host = i.host
        AND e.starts_at <= coalesce(i.resolved_at, now64(3)) + INTERVAL 5 MINUTE
        AND coalesce(e.resolved_at, now64(3)) >= i.started_at - INTERVAL 5 MINUTE
    WHERE e.first_notified IS NOT NULL
)
SELECT
    *,
    row_number() OVER (PARTITION BY inc ORDER BY first_notified) AS rn,
    multiIf(
        inc = '' AND is_flap, 'flap',
        inc = '' AND dur_s < 600 AND NOT acted, 'transient',
        inc = '' AND NOT acted, 'unactioned',
        inc != '' AND is_flap, 'flap',
        inc != '' AND rn > 1, 'duplicate',
        'signal') AS verdict
FROM joined;
