//! The fake Loki and the real one are the same to those who use them.
//!
//! Each scenario runs on both. It says what it expects itself, and returns what it saw (times relative to the start of
//! the suite, digits of messages blanked): that must be equal on both.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests may do what tests may")]

use anyhow::{Context as _, ensure};
use log_model::time::{HOUR, MINUTE, SECOND};
use log_model::{Entry, StreamLabels};
use loki_client::{Client, Direction, LokiConfig};
use serde_json::{Value, json};
use std::pin::Pin;
use testkit::fake_loki::{Faults, Settings};
use testkit::loki::Loki;

/// A Loki under test.
struct Engine {
    loki: Loki,
    client: Client,
    http: reqwest::Client,
    /// "Now" of the suite: whole seconds, the same for both engines.
    now: i64,
}

type Seen<'a> = Pin<Box<dyn Future<Output = anyhow::Result<Value>> + 'a>>;
type Scenario = (&'static str, fn(&mut Engine) -> Seen<'_>);

macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => { [$((stringify!($name), (|engine| Box::pin($name(engine))) as fn(&mut Engine) -> Seen<'_>)),+] };
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_and_real_loki_agree() {
    let table = scenarios![
        a_push_reads_back_exactly,
        a_second_push_changes_nothing,
        equal_lines_with_different_event_ids_are_two,
        metadata_is_kept_as_loki_keeps_it,
        lines_come_in_order_from_both_ends,
        start_is_inclusive_and_end_exclusive,
        limits_of_pages_are_enforced,
        counts_cover_exactly_the_range,
        filters_select_the_same_lines,
        refused_lines_do_not_take_others_with_them,
        refused_streams_are_named,
        late_lines_are_stored_and_found_at_once,
        labels_values_and_series_are_listed,
        metadata_is_apart_only_when_asked_for,
        json_pushes_are_taken_plain_and_gzipped,
        what_is_no_push_is_refused,
        what_is_no_query_is_refused,
        status_pages_tell_the_limits,
        more_lines_than_a_page_on_one_nanosecond_are_read,
        a_crowded_range_is_read_completely,
        what_was_acknowledged_survives_a_crash,
    ];
    compare(&Settings::default(), &table).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fake_and_real_loki_agree_without_time_sharding() {
    let table =
        scenarios![lines_far_behind_their_stream_are_refused, errors_of_earlier_streams_are_overwritten];
    compare(&Settings { time_sharding: false, ..Settings::default() }, &table).await;
}

async fn compare(settings: &Settings, table: &[Scenario]) {
    let now = chrono::Utc::now().timestamp() * SECOND;
    let mut fake = Engine::new(Loki::start_fake_with(settings.clone(), Faults::default()).unwrap(), now);
    let mut real = Loki::start_real_with(settings).await.unwrap().map(|loki| Engine::new(loki, now));
    if real.is_none() {
        eprintln!(
            "skipped: loki_contract on the real loki: no `loki` on PATH or in the cache; `cargo xtask servers`"
        );
    }
    let mut failures = Vec::new();
    for (name, scenario) in table {
        let on_fake = scenario(&mut fake).await.map_err(|error| format!("{error:#}"));
        if let Err(error) = &on_fake {
            failures.push(format!("{name} on the fake: {error}"));
        }
        let Some(real) = &mut real else { continue };
        match scenario(real).await {
            Err(error) => failures.push(format!("{name} on the real one: {error:#}")),
            Ok(on_real) => {
                if let Ok(on_fake) = on_fake
                    && on_fake != on_real
                {
                    failures.push(format!("{name} differs\n  fake: {on_fake}\n  real: {on_real}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

impl Engine {
    fn new(loki: Loki, now: i64) -> Self {
        let config = LokiConfig { url: loki.url.clone(), ..LokiConfig::default() };
        Self { client: Client::new(&config, None).unwrap(), http: testkit::http(), loki, now }
    }

    async fn push(&self, streams: &[(StreamLabels, Vec<Entry>)]) -> anyhow::Result<()> {
        let report = self.client.push(streams).await?;
        let wanted: usize = streams.iter().map(|(_, entries)| entries.len()).sum();
        ensure!(report.rejected.is_empty() && report.delivered == wanted, "{report:?}");
        Ok(())
    }

    /// Lines of a selector of the last three hours, times relative to now.
    async fn lines(&self, selector: &str) -> anyhow::Result<Value> {
        self.lines_since(selector, 3 * HOUR).await
    }

    async fn lines_since(&self, selector: &str, ago: i64) -> anyhow::Result<Value> {
        let (from, to) = (self.now - ago, self.now + 5 * MINUTE);
        let lines = self.client.query_range(selector, from, to, 5000, Direction::Forward).await?;
        Ok(self.shown(&lines))
    }

    fn shown(&self, lines: &[(StreamLabels, Entry)]) -> Value {
        let line = |(labels, entry): &(StreamLabels, Entry)| {
            json!([labels.to_string(), entry.ts - self.now, entry.line, entry.metadata])
        };
        // Lines of one nanosecond come in no promised order.
        let mut lines: Vec<_> = lines.iter().collect();
        lines.sort_by_key(|(labels, entry)| (entry.ts, labels, &entry.line, &entry.metadata));
        lines.into_iter().map(line).collect()
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<(u16, String)> {
        let response = self
            .http
            .get(format!("{}{path}", self.loki.url))
            .query(query)
            .header("Cache-Control", "no-cache")
            .header("X-Loki-Response-Encoding-Flags", "categorize-labels")
            .send()
            .await?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    async fn push_raw(
        &self,
        kind: &str,
        encoding: Option<&str>,
        body: Vec<u8>,
    ) -> anyhow::Result<(u16, String)> {
        let mut request =
            self.http.post(format!("{}/loki/api/v1/push", self.loki.url)).header("Content-Type", kind);
        if let Some(encoding) = encoding {
            request = request.header("Content-Encoding", encoding);
        }
        let response = request.body(body).send().await?;
        Ok((response.status().as_u16(), blank_digits(&response.text().await?)))
    }

    async fn push_json(&self, body: &Value) -> anyhow::Result<(u16, String)> {
        self.push_raw("application/json", None, body.to_string().into_bytes()).await
    }
}

fn labels(host: &str) -> StreamLabels {
    StreamLabels::from_iter([("host", host), ("service", "contract"), ("level", "info")])
}

fn entry(ts: i64, line: &str) -> Entry {
    Entry { ts, line: line.to_owned(), metadata: Vec::new() }
}

fn with_id(ts: i64, line: &str, id: &str) -> Entry {
    Entry { ts, line: line.to_owned(), metadata: vec![("event_id".to_owned(), id.to_owned())] }
}

/// Times and sizes of messages change from run to run.
fn blank_digits(text: &str) -> String {
    let mut out = String::new();
    for c in text.trim().chars() {
        match c {
            c if c.is_ascii_digit() && out.ends_with('#') => {}
            c if c.is_ascii_digit() => out.push('#'),
            c => out.push(c),
        }
    }
    out
}

async fn a_push_reads_back_exactly(engine: &mut Engine) -> anyhow::Result<Value> {
    let mut other = labels("exact");
    other.0.insert("unit".to_owned(), "a\"b\\c.service".to_owned());
    let metadata = [("event_id", "0a"), ("path", "/index.html"), ("quote", "say \"ä\\\n\"")];
    let metadata: Vec<_> = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let streams = [
        (
            labels("exact"),
            vec![entry(engine.now - 7, "plain"), entry(engine.now - 5, "日本語 \t \"quoted\" \\ {}")],
        ),
        (other, vec![Entry { ts: engine.now - 6, line: String::new(), metadata }]),
    ];
    engine.push(&streams).await?;
    let mut pushed: Vec<_> =
        streams.iter().flat_map(|(l, entries)| entries.iter().map(|e| (l.clone(), e.clone()))).collect();
    pushed.sort_by_key(|(_, entry)| entry.ts);
    let lines = engine.lines(r#"{host="exact"}"#).await?;
    ensure!(lines == engine.shown(&pushed), "{lines}");
    Ok(lines)
}

async fn a_second_push_changes_nothing(engine: &mut Engine) -> anyhow::Result<Value> {
    let entries =
        (0..50).map(|n| with_id(engine.now - n % 7, &format!("line {}", n / 2), &format!("{n:032x}")));
    let streams = [(labels("twice"), entries.collect::<Vec<_>>())];
    engine.push(&streams).await?;
    let first = engine.lines(r#"{host="twice"}"#).await?;
    engine.push(&streams).await?;
    let second = engine.lines(r#"{host="twice"}"#).await?;
    let count = engine.client.count(r#"{host="twice"}"#, engine.now - MINUTE, engine.now + 1).await?;
    ensure!(count == 50 && first == second, "{count}");
    Ok(json!(count))
}

async fn equal_lines_with_different_event_ids_are_two(engine: &mut Engine) -> anyhow::Result<Value> {
    let ts = engine.now - 3;
    let same =
        vec![with_id(ts, "same", "01"), with_id(ts, "same", "02"), entry(ts, "same"), entry(ts, "same")];
    engine.push(&[(labels("same"), same)]).await?;
    let count = engine.client.count(r#"{host="same"}"#, ts, ts + 1).await?;
    ensure!(count == 3, "{count} instead of 3");
    engine.lines(r#"{host="same"}"#).await
}

async fn metadata_is_kept_as_loki_keeps_it(engine: &mut Engine) -> anyhow::Result<Value> {
    let pairs =
        [("z.last", "1"), ("b-c", "2"), ("empty", ""), ("a", "x"), ("a", "y"), ("ok", "before\u{fffd}after")];
    let metadata = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    engine.push(&[(labels("meta"), vec![Entry { ts: engine.now, line: "m".to_owned(), metadata }])]).await?;
    engine.lines(r#"{host="meta"}"#).await
}

async fn lines_come_in_order_from_both_ends(engine: &mut Engine) -> anyhow::Result<Value> {
    let times = [5, 1, 4, 2, 3, 0];
    let stream = |host: &str| {
        let entries = times.iter().map(|n| entry(engine.now - n * SECOND, &format!("{host} {n}")));
        (labels(host), entries.collect::<Vec<_>>())
    };
    engine.push(&[stream("order1"), stream("order2")]).await?;
    let mut seen = Vec::new();
    for (limit, direction) in [(5000, Direction::Forward), (4, Direction::Forward), (4, Direction::Backward)]
    {
        let (from, to) = (engine.now - MINUTE, engine.now + 1);
        let lines = engine.client.query_range(r#"{host=~"order."}"#, from, to, limit, direction).await?;
        let mut times: Vec<i64> = lines.iter().map(|(_, entry)| entry.ts).collect();
        seen.push(json!(times.iter().map(|ts| ts - engine.now).collect::<Vec<_>>()));
        if direction == Direction::Backward {
            times.reverse();
        }
        ensure!(times.is_sorted() && times.len() == limit.min(12), "{times:?}");
    }
    Ok(seen.into())
}

async fn start_is_inclusive_and_end_exclusive(engine: &mut Engine) -> anyhow::Result<Value> {
    let at = engine.now - 30 * SECOND;
    engine.push(&[(labels("edge"), (-1..=2).map(|n| entry(at + n, &n.to_string())).collect())]).await?;
    let mut seen = Vec::new();
    for (start, end) in [(at, at + 2), (at, at + 1), (at, at), (at + 1, at)] {
        let (start, end) = (start.to_string(), end.to_string());
        let query =
            [("query", r#"{host="edge"}"#), ("start", &start), ("end", &end), ("direction", "forward")];
        let (status, body) = engine.get("/loki/api/v1/query_range", &query).await?;
        let found = serde_json::from_str::<Value>(&body)
            .map(|answer| answer["data"]["result"][0]["values"].as_array().map_or(0, Vec::len));
        seen.push(json!([status, found.unwrap_or(0)]));
    }
    ensure!(seen[0] == json!([200, 2]) && seen[1] == json!([200, 1]), "{seen:?}");
    Ok(seen.into())
}

async fn limits_of_pages_are_enforced(engine: &mut Engine) -> anyhow::Result<Value> {
    let mut seen = Vec::new();
    for limit in ["5000", "5001", "0", "-1", "x"] {
        let query = [("query", r#"{host="edge"}"#), ("limit", limit)];
        let (status, body) = engine.get("/loki/api/v1/query_range", &query).await?;
        // The wording about what is no number is Go's.
        let words = if status == 200 || limit == "x" { String::new() } else { body.trim().to_owned() };
        seen.push(json!([status, words]));
    }
    ensure!(seen[1][0] == 400, "{seen:?}");
    Ok(seen.into())
}

async fn counts_cover_exactly_the_range(engine: &mut Engine) -> anyhow::Result<Value> {
    let at = engine.now - 40 * SECOND;
    let offsets = [-1, 0, 1, 5, 999_999, 1_000_000, 1_000_001, 2_500_000, SECOND, SECOND + 1];
    engine
        .push(&[(labels("count"), offsets.iter().map(|n| entry(at + n, &n.to_string())).collect())])
        .await?;
    let selector = r#"{host="count"}"#;
    let edges = [-2, -1, 0, 1, 2, 6, 999_999, 1_000_000, 1_000_002, 2_500_000, SECOND, SECOND + 2];
    for from in edges {
        for to in edges {
            let expected = offsets.iter().filter(|n| from <= **n && **n < to).count() as u64;
            let count = engine.client.count(selector, at + from, at + to).await?;
            ensure!(count == expected, "[{from}, {to}): {count} instead of {expected}");
        }
    }
    // The raw form: (T - r, T].
    let mut seen = Vec::new();
    for (query, time) in [
        (r#"sum(count_over_time({host="count"}[1ms]))"#, at + 1_000_000),
        (r#"sum(count_over_time({host="count"}[1ms]))"#, at + 999_999),
        (r#"sum by (host, level) (count_over_time({host="count"}[1h]))"#, at + 2 * SECOND),
        (r#"sum(count_over_time({host="nobody"}[1h]))"#, at),
    ] {
        let time = time.to_string();
        let (status, body) = engine.get("/loki/api/v1/query", &[("query", query), ("time", &time)]).await?;
        let body: Value = serde_json::from_str(&body).context(body)?;
        let result = body["data"]["result"].as_array().cloned().unwrap_or_default();
        let groups: Vec<Value> = result.iter().map(|g| json!([g["metric"], g["value"][1]])).collect();
        seen.push(json!([status, groups]));
    }
    Ok(seen.into())
}

async fn filters_select_the_same_lines(engine: &mut Engine) -> anyhow::Result<Value> {
    let lines = ["GET /a 200", "GET /b 500", "POST /a 404", "boot"];
    let line = |(n, line): (usize, &&str)| {
        let metadata =
            vec![("event_id".to_owned(), format!("{n}f")), ("status".to_owned(), (n * 200).to_string())];
        Entry { ts: engine.now - 10 + n as i64, line: (*line).to_owned(), metadata }
    };
    let mut entries: Vec<Entry> = lines.iter().enumerate().map(line).collect();
    entries.push(entry(engine.now, "without metadata"));
    engine.push(&[(labels("filter"), entries)]).await?;
    let mut seen = Vec::new();
    for filter in [
        r#"|= "GET""#,
        r#"!= "GET""#,
        r#"|~ "[ab] [45]""#,
        r"!~ `GET|boot`",
        r#"|= "GET" != "500""#,
        r#"| event_id=~"[01].*""#,
        r#"| event_id!~"[0-9a-f].*""#,
        r#"| event_id="""#,
        r#"| event_id="2f""#,
        r"| status >= 400",
        r#"| service="contract""#,
    ] {
        let found = engine.lines(&format!(r#"{{host="filter"}} {filter}"#)).await?;
        let found: Vec<&Value> = found.as_array().into_iter().flatten().map(|line| &line[2]).collect();
        seen.push(json!([filter, found]));
    }
    for selector in [
        r#"{host="filter", unit=""}"#,
        r#"{host="filter", unit!=""}"#,
        r#"{host=~"filt"}"#,
        r#"{host=~"filt.*", level!~"err.*"}"#,
        r#"{service_name="contract", host="filter"}"#,
    ] {
        seen.push(json!([selector, engine.lines(selector).await?.as_array().map(Vec::len)]));
    }
    Ok(seen.into())
}

async fn refused_lines_do_not_take_others_with_them(engine: &mut Engine) -> anyhow::Result<Value> {
    let long = "x".repeat(300 << 10);
    let many = (0..200).map(|n| (format!("k{n}"), "v".to_owned())).collect();
    let fat = vec![("k".to_owned(), "v".repeat(70 << 10))];
    let entries = vec![
        entry(engine.now - 9 * 24 * HOUR, "too old"),
        entry(engine.now - 9 * 24 * HOUR + 1, "too old as well"),
        entry(engine.now - 5, &long),
        entry(engine.now - 4, "good"),
        Entry { ts: engine.now - 3, line: "many".to_owned(), metadata: many },
        Entry { ts: engine.now - 2, line: "fat".to_owned(), metadata: fat },
        entry(engine.now - 1, "good too"),
        entry(engine.now + HOUR, "too new"),
    ];
    let report = engine.client.push(&[(labels("refuse"), entries)]).await?;
    let reason = |rejected: &loki_client::Rejected| {
        let name: String = rejected.entry.line.chars().take(20).collect();
        json!([name, blank_digits(&rejected.reason)])
    };
    let rejected: Vec<Value> = report.rejected.iter().map(reason).collect();
    ensure!(report.delivered == 2 && rejected.len() == 6, "{} delivered, {rejected:?}", report.delivered);
    let lines = engine.lines(r#"{host="refuse"}"#).await?;
    ensure!(lines.as_array().is_some_and(|lines| lines.len() == 2), "{lines}");
    let discarded = engine.client.discarded().await?;
    ensure!(discarded["line_too_long"] > 0 && discarded["greater_than_max_sample_age"] > 1, "{discarded:?}");
    Ok(json!([rejected, lines, discarded.keys().collect::<Vec<_>>()]))
}

async fn refused_streams_are_named(engine: &mut Engine) -> anyhow::Result<Value> {
    let mut crowded = labels("crowded");
    crowded.0.extend((0..20).map(|n| (format!("l{n}"), "v".to_owned())));
    let mut wordy = labels("wordy");
    wordy.0.insert("unit".to_owned(), "u".repeat(3000));
    let three = |line: &str| (0..3).map(|n| entry(engine.now - n, line)).collect::<Vec<_>>();
    let streams = [(crowded, three("a")), (wordy, three("b")), (labels("fine"), three("c"))];
    let report = engine.client.push(&streams).await?;
    ensure!(report.delivered == 3 && report.rejected.len() == 6, "{report:?}");
    Ok(report.rejected.iter().map(|rejected| blank_digits(&rejected.reason)).collect())
}

async fn late_lines_are_stored_and_found_at_once(engine: &mut Engine) -> anyhow::Result<Value> {
    engine.push(&[(labels("late"), vec![entry(engine.now, "now")])]).await?;
    let hours = [1, 2, 3, 5, 30, 100, 167];
    let late = hours.iter().map(|h| entry(engine.now - h * HOUR, &format!("{h} h late"))).collect();
    engine.push(&[(labels("late"), late)]).await?;
    for h in hours {
        let at = engine.now - h * HOUR;
        let narrow =
            engine.client.query_range(r#"{host="late"}"#, at, at + 1, 10, Direction::Forward).await?;
        ensure!(narrow.len() == 1, "{h} h late: {narrow:?}");
        let count = engine.client.count(r#"{host="late"}"#, at - SECOND, at + SECOND).await?;
        ensure!(count == 1, "{h} h late: counted {count}");
    }
    let series = engine.client.series(r#"{host="late"}"#, engine.now - 168 * HOUR, engine.now + 1).await?;
    Ok(json!([engine.lines_since(r#"{host="late"}"#, 168 * HOUR).await?, series]))
}

async fn labels_values_and_series_are_listed(engine: &mut Engine) -> anyhow::Result<Value> {
    let mut unit = labels("index2");
    unit.0.insert("unit".to_owned(), "u.service".to_owned());
    engine
        .push(&[(labels("index1"), vec![entry(engine.now, "x")]), (unit, vec![entry(engine.now, "x")])])
        .await?;
    let names = engine.client.labels().await?;
    let values = engine.client.label_values("unit").await?;
    ensure!(
        names.contains(&"unit".to_owned()) && values.contains(&"u.service".to_owned()),
        "{names:?} {values:?}"
    );
    let (from, to) = (engine.now - HOUR, engine.now + 1);
    let both = engine.client.series(r#"{host=~"index."}"#, from, to).await?;
    ensure!(both.len() == 2, "{both:?}");
    let (_, raw) = engine.get("/loki/api/v1/label/nothing/values", &[]).await?;
    Ok(json!([names, engine.client.label_values("host").await?, both, raw.trim()]))
}

async fn metadata_is_apart_only_when_asked_for(engine: &mut Engine) -> anyhow::Result<Value> {
    engine
        .push(&[(labels("apart"), vec![with_id(engine.now, "x", "07"), entry(engine.now + 1, "y")])])
        .await?;
    let (start, end) = ((engine.now - 1).to_string(), (engine.now + 2).to_string());
    let query = [("query", r#"{host="apart"}"#), ("start", &start), ("end", &end), ("direction", "forward")];
    let (_, apart) = engine.get("/loki/api/v1/query_range", &query).await?;
    let url = format!("{}/loki/api/v1/query_range", engine.loki.url);
    let merged = engine.http.get(url).query(&query).send().await?.text().await?;
    let mut seen = Vec::new();
    for body in [apart, merged] {
        let mut body: Value = serde_json::from_str(&body).context(body)?;
        body["data"]["stats"].take();
        if let Some(streams) = body["data"]["result"].as_array_mut() {
            streams.sort_by_key(|stream| stream["stream"].to_string());
        }
        seen.push(body.to_string().replace(&(engine.now / SECOND).to_string(), "NOW"));
    }
    Ok(json!(seen))
}

async fn json_pushes_are_taken_plain_and_gzipped(engine: &mut Engine) -> anyhow::Result<Value> {
    let now = engine.now.to_string();
    let body = |line: &str| {
        let values = json!([[now, line, {"event_id": "01"}], [now, line]]);
        json!({"streams": [{"stream": {"host": "json"}, "values": values}]})
    };
    let (plain, _) = engine.push_json(&body("plain")).await?;
    let zipped = gzip(body("zipped").to_string().as_bytes())?;
    let (gzipped, _) = engine.push_raw("application/json", Some("gzip"), zipped).await?;
    ensure!((plain, gzipped) == (204, 204), "{plain} {gzipped}");
    engine.lines(r#"{host="json"}"#).await
}

async fn what_is_no_push_is_refused(engine: &mut Engine) -> anyhow::Result<Value> {
    let now = engine.now.to_string();
    let bad_label = json!({"streams": [{"stream": {"ho st": "x"}, "values": [[now, "x"]]}]});
    let mut seen = Vec::new();
    for (kind, encoding, body) in [
        ("application/x-protobuf", None, b"no snappy".to_vec()),
        ("application/json", None, b"{".to_vec()),
        ("application/json", Some("zstd"), b"{}".to_vec()),
        ("application/json", None, br#"{"streams":[]}"#.to_vec()),
        ("application/json", None, bad_label.to_string().into_bytes()),
    ] {
        let (status, words) = engine.push_raw(kind, encoding, body).await?;
        // Beyond their start the words are those of the two decoders.
        let start = ["couldn't parse labels", "error at least one valid stream"]
            .iter()
            .find(|s| words.starts_with(**s));
        seen.push(json!([status, start]));
    }
    ensure!(seen.iter().all(|answer| answer[0] == 400 || answer[0] == 422), "{seen:?}");
    Ok(seen.into())
}

async fn what_is_no_query_is_refused(engine: &mut Engine) -> anyhow::Result<Value> {
    let mut seen = Vec::new();
    for (path, query) in [
        ("query_range", "{host="),
        ("query_range", "{}"),
        ("query_range", r#"{host=~".*"}"#),
        ("query_range", r#"{host="a"} |= x"#),
        ("query", r#"{host="a"}"#),
        ("query", r#"sum(count_over_time({host="a"}[3ns]))"#),
        ("query", r#"sum(count_over_time({host="a"}))"#),
        ("series", "nonsense"),
    ] {
        let name = if path == "series" { "match[]" } else { "query" };
        let (status, body) = engine.get(&format!("/loki/api/v1/{path}"), &[(name, query)]).await?;
        let words: String = body.trim().chars().take("parse error".len()).collect();
        seen.push(json!([query, status, words]));
    }
    ensure!(seen.iter().all(|answer| answer[1] == 400), "{seen:?}");
    Ok(seen.into())
}

async fn status_pages_tell_the_limits(engine: &mut Engine) -> anyhow::Result<Value> {
    engine.client.ready().await?;
    engine.client.buildinfo().await?;
    let limits = engine.client.limits().await?;
    ensure!(
        limits.max_entries == 5000 && limits.time_sharding && limits.stream_rate == 64 << 20,
        "{limits:?}"
    );
    Ok(json!(format!("{limits:?}")))
}

async fn more_lines_than_a_page_on_one_nanosecond_are_read(engine: &mut Engine) -> anyhow::Result<Value> {
    let at = engine.now - 2 * MINUTE;
    let ids = (0..12_000u128)
        .map(|n| with_id(at, &format!("line {n}"), &format!("{:032x}", n.wrapping_mul(u128::MAX / 17))));
    let anonymous = (0..7_000).map(|n| entry(at, &format!("nameless {n}")));
    engine.push(&[(labels("tie1"), ids.collect()), (labels("tie2"), anonymous.collect())]).await?;
    let reading = engine.client.read(r#"{host=~"tie."}"#, at - MINUTE, at + MINUTE).await?;
    ensure!(reading.verified, "suspect, though nothing is wrong");
    ensure!(reading.count == 19_000 && reading.entries.len() == 19_000, "{}", reading.entries.len());
    Ok(json!(reading.count))
}

async fn a_crowded_range_is_read_completely(engine: &mut Engine) -> anyhow::Result<Value> {
    let from = engine.now - 10 * MINUTE;
    let streams: Vec<_> = (0..4)
        .map(|s| {
            let lines = (0..5_000)
                .map(|n| with_id(from + n / 10 * 600_000_007, "tick", &format!("{:032x}", s * 10_000 + n)));
            (labels(&format!("crowd{s}")), lines.collect::<Vec<_>>())
        })
        .collect();
    engine.push(&streams).await?;
    let reading = engine.client.read(r#"{host=~"crowd."}"#, from, from + 5 * MINUTE).await?;
    let expected =
        streams.iter().flat_map(|(_, entries)| entries).filter(|e| e.ts < from + 5 * MINUTE).count();
    ensure!(reading.verified && reading.entries.len() == expected, "{} of {expected}", reading.entries.len());
    Ok(json!(expected))
}

async fn what_was_acknowledged_survives_a_crash(engine: &mut Engine) -> anyhow::Result<Value> {
    engine
        .push(&[(labels("crash"), vec![entry(engine.now - 100 * HOUR, "old"), entry(engine.now, "new")])])
        .await?;
    engine.loki.kill9();
    let error = engine.client.ready().await.err().context("ready though killed")?;
    ensure!(error.is_unavailable(), "{error}");
    engine.loki.restart().await?;
    engine.client.ready().await?;
    let lines = engine.lines_since(r#"{host="crash"}"#, 168 * HOUR).await?;
    ensure!(lines.as_array().is_some_and(|lines| lines.len() == 2), "{lines}");
    Ok(lines)
}

async fn lines_far_behind_their_stream_are_refused(engine: &mut Engine) -> anyhow::Result<Value> {
    engine.push(&[(labels("behind"), vec![entry(engine.now, "newest")])]).await?;
    let late = [61, 62, 59, 1].map(|m| entry(engine.now - m * MINUTE, &format!("{m} min behind")));
    let report = engine.client.push(&[(labels("behind"), late.to_vec())]).await?;
    let rejected: Vec<Value> =
        report.rejected.iter().map(|r| json!([r.entry.line, blank_digits(&r.reason)])).collect();
    ensure!(report.delivered == 2 && rejected.len() == 2, "{report:?}");
    Ok(json!([rejected, engine.lines(r#"{host="behind"}"#).await?]))
}

async fn errors_of_earlier_streams_are_overwritten(engine: &mut Engine) -> anyhow::Result<Value> {
    let mut seen = Vec::new();
    for (host, bad_first) in [("mask1", true), ("mask2", false)] {
        engine.push(&[(labels(host), vec![entry(engine.now, "newest")])]).await?;
        let late = (engine.now - 2 * HOUR).to_string();
        let bad = json!({"stream": labels(host), "values": [[late, "late"]]});
        let good = json!({"stream": labels("unmasked"), "values": [[engine.now.to_string(), host]]});
        let streams = if bad_first { [bad, good] } else { [good, bad] };
        seen.push(json!(engine.push_json(&json!({ "streams": streams })).await?));
        // Our client is not fooled: it sends what could be refused alone.
        let streams = [
            (labels(host), vec![entry(engine.now - 2 * HOUR, "late")]),
            (labels("unmasked"), vec![entry(engine.now, "b")]),
        ];
        let report = engine.client.push(&streams).await?;
        ensure!(report.delivered == 1 && report.rejected.len() == 1, "{report:?}");
    }
    ensure!(seen[0][0] == 204 && seen[1][0] == 400, "{seen:?}");
    Ok(seen.into())
}

fn gzip(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body)?;
    Ok(encoder.finish()?)
}
