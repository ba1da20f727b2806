//! Pieces of SQL that several queries share.

use log_model::ERR_LEVELS;

/// `ts` in `[?, ?)`, both bound as nanoseconds.
pub(crate) const TS_RANGE: &str =
    "ts >= fromUnixTimestamp64Nano(toInt64(?), 'UTC') AND ts < fromUnixTimestamp64Nano(toInt64(?), 'UTC')";

/// The levels that count as an error, as a list for `IN`.
pub(crate) fn err_levels() -> String {
    let quoted: Vec<_> = ERR_LEVELS.iter().map(|level| format!("'{level}'")).collect();
    format!("({})", quoted.join(", "))
}

/// What the aggregate says about the lines that `filter` selects; the materialized view's own text.
pub(crate) fn aggregate_select(filter: &str) -> String {
    format!(
        "SELECT
    toStartOfMinute(toDateTime(ts, 'UTC')) AS minute,
    service, host, unit, batch,
    count() AS cnt,
    countIf(level IN {err}) AS err,
    countIf(status BETWEEN 500 AND 599) AS s5xx,
    countIf(latency_ms IS NOT NULL) AS lat_cnt,
    sumIf(toFloat64(assumeNotNull(latency_ms)), latency_ms IS NOT NULL) AS lat_sum,
    maxIf(assumeNotNull(latency_ms), latency_ms IS NOT NULL) AS lat_max,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(assumeNotNull(latency_ms), latency_ms IS NOT NULL) AS lat_q
FROM logs.app_logs
{filter}GROUP BY minute, service, host, unit, batch",
        err = err_levels()
    )
}

/// A string literal.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_view_and_a_re_derivation_compute_the_same() {
        let ddl = include_str!("../migrations/0003_app_logs_1min.sql");
        assert!(ddl.contains(&format!("AS\n{};", aggregate_select(""))), "the DDL's SELECT differs");
    }

    #[test]
    fn literals_cannot_end_early() {
        assert_eq!(quote(r"a'b\"), r"'a\'b\\'");
    }
}
