//! Answers to queries, in Loki's JSON.

use super::Shared;
use super::faults::Faults;
use super::logql::{self, Query};
use super::store::Hit;
use log_model::StreamLabels;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Words of a 400.
pub(super) type Refusal = String;

/// A query of lines in a range.
pub(super) struct RangeQuery<'a> {
    pub(super) query: &'a str,
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) limit: i64,
    pub(super) forward: bool,
    /// Structured metadata apart from the labels.
    pub(super) categorize: bool,
}

/// `/loki/api/v1/query_range`
pub(super) fn query_range(shared: &Shared, request: &RangeQuery<'_>) -> Result<Value, Refusal> {
    let max = shared.settings.max_entries;
    if request.limit <= 0 {
        return Err("limit must be a positive value".to_owned());
    }
    let limit = request.limit as usize;
    if request.to < request.from {
        return Err("end timestamp must not be before or equal to start time".to_owned());
    }
    let Query::Lines(selection) = logql::parse(request.query)? else {
        return Err("the fake answers counts at /loki/api/v1/query only".to_owned());
    };
    if max > 0 && limit > max {
        return Err(format!(
            "max entries limit per query exceeded, limit > max_entries_limit_per_query ({limit} > {max})"
        ));
    }
    let faults = shared.faults().clone();
    let store = shared.store();
    let mut hits = store.select(&selection.matchers, &selection.pipeline, request.from, request.to, &faults);
    if !request.forward {
        hits.reverse();
    }
    hits.truncate(limit);
    spoil(&mut hits, &faults);

    let mut streams: BTreeMap<StreamLabels, Vec<Value>> = BTreeMap::new();
    for hit in &hits {
        let mut labels = hit.labels.clone();
        let metadata = || hit.metadata.iter().cloned();
        let value = if request.categorize {
            let metadata: Map<String, Value> = metadata().map(|(name, value)| (name, value.into())).collect();
            let categories =
                if metadata.is_empty() { json!({}) } else { json!({"structuredMetadata": metadata}) };
            json!([hit.ts.to_string(), hit.line, categories])
        } else {
            labels.0.extend(metadata());
            json!([hit.ts.to_string(), hit.line])
        };
        streams.entry(labels).or_default().push(value);
    }
    let result: Vec<Value> =
        streams.into_iter().map(|(labels, values)| json!({"stream": labels, "values": values})).collect();
    let mut data = json!({"resultType": "streams", "result": result, "stats": {}});
    if request.categorize {
        data["encodingFlags"] = json!(["categorize-labels"]);
    }
    Ok(json!({"status": "success", "data": data}))
}

/// Takes lines off a page, as the faults say.
fn spoil(hits: &mut Vec<Hit<'_>>, faults: &Faults) {
    if hits.len() > Faults::FAULTY_FROM {
        if faults.short_pages {
            hits.truncate(hits.len() / 10 * 9);
        }
        if faults.holes {
            let mut n = 0;
            hits.retain(|_| {
                n += 1;
                n % 50 != 0
            });
        }
    }
    if faults.always_short {
        hits.pop();
    }
}

/// `/loki/api/v1/query`: counts at one moment.
pub(super) fn query(shared: &Shared, query: &str, at: i64) -> Result<Value, Refusal> {
    let Query::Count { selection, range, by } = logql::parse(query)? else {
        return Err(
            "log queries are not supported as an instant query type, please change your query to a range \
                    query type"
                .to_owned(),
        );
    };
    let faults = shared.faults().clone();
    let store = shared.store();
    // (T - r, T]
    let hits = store.select(&selection.matchers, &selection.pipeline, at - range + 1, at + 1, &faults);
    let mut counts: BTreeMap<BTreeMap<&str, &str>, u64> = BTreeMap::new();
    for hit in &hits {
        let value = |name: &str| match hit.labels.get(name) {
            "" => hit.metadata.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str()),
            value => value,
        };
        let group = by.iter().map(|name| (name.as_str(), value(name))).filter(|(_, value)| !value.is_empty());
        *counts.entry(group.collect()).or_default() += 1;
    }
    let seconds = at as f64 / 1e9;
    let result: Vec<Value> = counts
        .into_iter()
        .map(|(metric, count)| json!({"metric": metric, "value": [seconds, count.to_string()]}))
        .collect();
    Ok(json!({"status": "success", "data": {"resultType": "vector", "result": result, "stats": {}}}))
}

/// Streams within a range, of the given selectors.
pub(super) fn series(
    shared: &Shared,
    selectors: &[String],
    from: i64,
    to: i64,
) -> Result<Vec<StreamLabels>, Refusal> {
    let selectors = selectors.iter().map(|s| logql::parse_selector(s)).collect::<Result<Vec<_>, _>>()?;
    Ok(shared.store().series(&selectors, from, to).into_iter().cloned().collect())
}

/// A list under `data`, which Loki leaves out when it is empty.
pub(super) fn list(items: &[Value]) -> Value {
    if items.is_empty() { json!({"status": "success"}) } else { json!({"status": "success", "data": items}) }
}
