//! Queries of a range: how many lines, and which.

use crate::client::without_additions;
use crate::{Client, Result};
use log_model::{Entry, LABELS, StreamLabels, is_loki_addition};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The finest range that `LogQL` can spell: durations are Prometheus' and end at the millisecond.
pub(crate) const MILLISECOND: i64 = 1_000_000;

/// Which lines of a range come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}

#[derive(Deserialize, Default)]
struct Streams {
    #[serde(default)]
    result: Vec<StreamResult>,
}

#[derive(Deserialize)]
struct StreamResult {
    stream: BTreeMap<String, String>,
    values: Vec<Value>,
}

/// `[time, line, {"structuredMetadata": {…}, "parsed": {…}}]`; the object is left out when empty.
#[derive(Deserialize)]
struct Value(String, String, #[serde(default)] Categories);

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Categories {
    structured_metadata: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
struct Vector {
    #[serde(default)]
    result: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    value: (serde_json::Value, String),
}

impl Client {
    /// Number of lines in `[from, to)`.
    ///
    /// `selector` is a stream selector, with filters if need be. Exact to the nanosecond: whole
    /// milliseconds are counted by `count_over_time` (which covers `(T−r, T]`), a remainder below one
    /// millisecond by the entries' own time.
    pub async fn count(&self, selector: &str, from: i64, to: i64) -> Result<u64> {
        if from >= to {
            return Ok(0);
        }
        let whole = (to - from) / MILLISECOND;
        let rest_end = to - whole * MILLISECOND;
        let mut count = 0;
        if whole > 0 {
            count += self.count_range(&format!("{selector}[{whole}ms]"), to).await?;
        }
        if rest_end > from {
            let since = format!(
                "{selector} | label_format since=`{{{{ sub (unixEpochNanos __timestamp__) {from} }}}}` | since >= 0 [1ms]"
            );
            count += self.count_range(&since, rest_end).await?;
        }
        Ok(count)
    }

    /// Number of different rows in `[from, to)`, a range of whole milliseconds: lines that differ in time,
    /// one of our labels, or event id. Loki refuses more series than `max_query_series` (500).
    pub(crate) async fn count_rows(&self, selector: &str, from: i64, to: i64) -> Result<u64> {
        let milliseconds = (to - from) / MILLISECOND;
        let query = format!(
            "sum by (since, {labels}, event_id) (count_over_time({selector} | label_format \
             since=`{{{{ sub (unixEpochNanos __timestamp__) {from} }}}}` [{milliseconds}ms]))",
            labels = LABELS.join(", "),
        );
        Ok(self.instant(&query, to - 1).await?.result.len() as u64)
    }

    async fn instant(&self, query: &str, at: i64) -> Result<Vector> {
        let request = self.get("/loki/api/v1/query").query(&[("query", query), ("time", &at.to_string())]);
        self.ask_data("count", request).await
    }

    async fn count_range(&self, range: &str, to: i64) -> Result<u64> {
        let vector = self.instant(&format!("sum(count_over_time({range}))"), to - 1).await?;
        let Some(sample) = vector.result.first() else { return Ok(0) };
        let number = &sample.value.1;
        number
            .parse::<f64>()
            .map(|count| count as u64)
            .map_err(|_| self.malformed("count", format!("{number:?} is no count")))
    }

    /// Up to `limit` lines of `[from, to)`, in the order asked for; ties as Loki orders them.
    ///
    /// One page and no promise: Loki may leave out lines even when fewer than `limit` come back. Use
    /// [`Client::read`] where completeness matters. What Loki added by itself is not in the answer.
    pub async fn query_range(
        &self,
        selector: &str,
        from: i64,
        to: i64,
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<(StreamLabels, Entry)>> {
        if from >= to {
            return Ok(Vec::new());
        }
        let request = self
            .get("/loki/api/v1/query_range")
            .query(&[
                ("query", selector),
                ("start", &from.to_string()),
                ("end", &to.to_string()),
                ("limit", &limit.to_string()),
                ("direction", if direction == Direction::Forward { "forward" } else { "backward" }),
            ])
            // Without it structured metadata is mixed into the labels and one stream falls into many.
            .header("X-Loki-Response-Encoding-Flags", "categorize-labels");
        let streams: Streams = self.ask_data("query", request).await?;
        let mut lines = Vec::new();
        for StreamResult { stream, values } in streams.result {
            let labels = without_additions(stream);
            for Value(ts, line, Categories { structured_metadata }) in values {
                let ts = ts
                    .parse()
                    .map_err(|_| self.malformed("query", format!("{ts:?} is no time in nanoseconds")))?;
                let metadata =
                    structured_metadata.into_iter().filter(|(name, _)| !is_loki_addition(name)).collect();
                lines.push((labels.clone(), Entry { ts, line, metadata }));
            }
        }
        match direction {
            Direction::Forward => lines.sort_by_key(|(_, entry)| entry.ts),
            Direction::Backward => lines.sort_by_key(|(_, entry)| std::cmp::Reverse(entry.ts)),
        }
        Ok(lines)
    }
}
