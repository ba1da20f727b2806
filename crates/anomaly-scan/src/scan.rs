//! `anomaly-scan scan`: judges what is new and writes incidents.

use anyhow::{Context as _, ensure};
use log_model::time::{DAY as DAY_NS, SECOND, parse, rfc3339};
use log_model::{WINDOW_NS, Window};
use log_store::Store;
use serde_json::{Value, json};
use unit_kit::{Context, Metrics, Outcome, Summary, usage_error};

use crate::cli::{mark, migrated};
use crate::config::Config;
use crate::detect::{EntityKey, WINDOW_S, incidents, judge, window_of};
use crate::explain::Explainer;
use crate::history::History;
use crate::mine::Mine;
use crate::record::{self, OPEN, Record};

/// Flags of `scan`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Judge as if it were this time (RFC 3339)
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from", "to"], value_parser = time)]
    at: Option<i64>,
    /// Judge the windows from this time on (RFC 3339)
    #[arg(long, value_name = "TIME", requires = "to", value_parser = time)]
    from: Option<i64>,
    /// Judge the windows before this time
    #[arg(long, value_name = "TIME", requires = "from", value_parser = time)]
    to: Option<i64>,
    /// Say what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

fn time(text: &str) -> Result<i64, String> {
    parse(text).ok_or_else(|| format!("{text:?} is no time like 2026-11-22T10:00:00Z"))
}

/// How far back a run goes for what it missed, and for incidents that are still open, in seconds.
const CATCH_UP_S: i64 = 86_400;
/// How far back the newest complete window is looked for, in nanoseconds.
const COMPLETE_WITHIN: i64 = 7 * DAY_NS;

/// Seconds since the epoch, whole windows, half open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    from: i64,
    to: i64,
}

/// Runs the command.
pub(crate) async fn run(ctx: &Context<Config>, args: &Args) -> anyhow::Result<Outcome> {
    let _lock = ctx.lock()?;
    // From here on, a failure is in the metrics file too; a dry run leaves that file alone.
    let metrics = (!args.dry_run).then(|| ctx.metrics("anomaly-scan"));
    let store = &migrated(ctx).await?;
    let now = chrono::Utc::now().timestamp_micros();
    ctx.notify.status("looking for what is new");
    let Some(range) = range(ctx, store, args, now.saturating_mul(1_000)).await? else {
        return nothing(ctx);
    };
    let spinner = ctx.progress.spinner("reading lines");
    let mut mine = Mine::load(ctx, store).await?;
    let history_ns = i64::from(ctx.config.templates.history_days) * DAY_NS;
    let mut mined = mine.next(range.to * SECOND, history_ns);
    while mined < range.to * SECOND {
        spinner.message(rfc3339(mined));
        mined = mine.day(store, mined, range.to * SECOND).await?;
        if !args.dry_run {
            mine.store(ctx, store, now).await?;
        }
    }
    spinner.message("judging");
    ctx.notify.status(format!("judging {} to {}", rfc3339(range.from * SECOND), rfc3339(range.to * SECOND)));
    let judged = judge_range(ctx, store, &mine, range, args.dry_run, now).await?;
    if !args.dry_run {
        let rows: Vec<_> =
            judged.records.iter().filter(|r| r.is_new || r.is_changed).map(|r| r.row.clone()).collect();
        store.write_anomalies(&rows).await.map_err(mark)?;
    }
    drop(spinner);
    if let Some(metrics) = metrics {
        measure(ctx, &metrics, &judged)?;
    }
    report(ctx, &judged, range, &mine, args.dry_run)
}

/// What a run found.
struct Judged {
    records: Vec<Record>,
    entities: usize,
    learning: Vec<EntityKey>,
}

impl Judged {
    fn open(&self) -> usize {
        self.records.iter().filter(|record| record.row.state == OPEN).count()
    }

    fn fresh(&self) -> usize {
        self.records.iter().filter(|record| record.is_new).count()
    }

    /// Rows that a run writes.
    fn written(&self) -> usize {
        self.records.iter().filter(|record| record.is_new || record.is_changed).count()
    }
}

async fn judge_range(
    ctx: &Context<Config>,
    store: &Store,
    mine: &Mine,
    range: Range,
    dry_run: bool,
    now: i64,
) -> anyhow::Result<Judged> {
    let settings = ctx.config.detect.settings();
    let limits = ctx.config.detect.limits();
    let known = mine.known(store).await?;
    let history =
        History::read(store, mine, &known, (range.from, range.to), settings.history, dry_run).await?;
    let grid = &history.grid;
    let at = |second: i64| (window_of(second) - grid.start).max(0) as usize;
    let verdict =
        judge(grid, &history.templates, history.templates_from, at(range.from)..at(range.to), &settings);

    let around = ((range.from - limits.cool_down) * SECOND, (range.to + limits.cool_down) * SECOND);
    let stored = store.anomalies(around.0, around.1).await.map_err(mark)?;
    let before: Vec<_> = stored.iter().map(record::known).collect();
    let incidents = incidents(verdict.flags, &before, grid.second(0), range.to, limits);
    let mut deploys =
        store.deploys((range.from - CATCH_UP_S) * SECOND, range.to * SECOND).await.map_err(mark)?;
    deploys.extend(mine.deploys().iter().cloned());
    let explainer = Explainer {
        templates: &history.templates,
        known: &known,
        deploys: &deploys,
        incidents: &incidents,
        start: grid.second(0),
    };
    let records = record::records(&incidents, &stored, &explainer, range.to - limits.cool_down, now)?;
    Ok(Judged { records, entities: grid.series.len(), learning: verdict.learning })
}

/// What is to be judged; none when there is nothing yet.
async fn range(
    ctx: &Context<Config>,
    store: &Store,
    args: &Args,
    now_ns: i64,
) -> anyhow::Result<Option<Range>> {
    let end = args.to.or(args.at).unwrap_or(now_ns);
    // The window that runs is not judged: it has not said all that it will.
    let mut to = Window::containing(end).start();
    if let (Some(from), Some(_)) = (args.from, args.to) {
        let from = Window::containing(from).start();
        if from >= to {
            return Err(usage_error(anyhow::anyhow!("--from is not a whole window before --to")));
        }
        let to = complete(store, to).await?;
        ensure!(from < to, "nothing before {} is synced completely yet", rfc3339(to));
        return Ok(Some(Range { from: from / SECOND, to: to / SECOND }));
    }
    if store.newest_line().await.map_err(mark)?.is_none() {
        return Ok(None);
    }
    to = complete(store, to).await?;
    let to = to / SECOND;
    let lookback = i64::from(ctx.config.detect.lookback_minutes) * 60;
    let mut from = to - lookback;
    // An open incident is judged again as a whole, so that one record tells its story.
    let recent = store.anomalies((to - CATCH_UP_S) * SECOND, to * SECOND).await.map_err(mark)?;
    for row in recent.iter().filter(|row| row.state == OPEN) {
        from = from.min(row.window_start.into());
    }
    Ok(Some(Range { from: from.max(to - CATCH_UP_S).div_euclid(WINDOW_S) * WINDOW_S, to }))
}

/// The end of the newest window before `to` that is synced completely; `to` where nothing is known of windows (lines
/// that came some other way).
async fn complete(store: &Store, to: i64) -> anyhow::Result<i64> {
    let from = Window::containing(to - COMPLETE_WITHIN);
    let windows = store.complete_windows(from, Window::containing(to)).await.map_err(mark)?;
    let Some(last) = windows.last() else { return Ok(to) };
    let behind = (to - last.end()) / WINDOW_NS;
    if behind > 2 {
        log::warn!(
            "the sync is {} minutes behind: judging up to {} only",
            behind * WINDOW_S / 60,
            rfc3339(last.end())
        );
    }
    Ok(last.end().min(to))
}

fn nothing(ctx: &Context<Config>) -> anyhow::Result<Outcome> {
    if ctx.json {
        ctx.out.json(&json!({ "entities": 0, "learning": [], "incidents": [], "written": 0 }))?;
    } else {
        ctx.out.summary(&Summary::new("scanned").field("entities", 0).field("incidents", 0))?;
    }
    Ok(Outcome::Done)
}

fn measure(ctx: &Context<Config>, metrics: &Metrics, judged: &Judged) -> anyhow::Result<()> {
    for (name, help, value) in [
        ("anomaly_scan_entities", "Entities known", judged.entities),
        (
            "anomaly_scan_entities_learning",
            "Entities with too little history to be judged",
            judged.learning.len(),
        ),
        ("anomaly_scan_incidents_open", "Incidents that go on", judged.open()),
    ] {
        metrics.gauge(name, help, &[])?.set(&[], value as f64);
    }
    ctx.set_rows(judged.written() as u64);
    Ok(())
}

fn report(
    ctx: &Context<Config>,
    judged: &Judged,
    range: Range,
    mine: &Mine,
    dry_run: bool,
) -> anyhow::Result<Outcome> {
    let (open, new) = (judged.open(), judged.fresh());
    let written = if dry_run { 0 } else { judged.written() };
    if ctx.json {
        let learning: Vec<Value> = judged
            .learning
            .iter()
            .map(|key| json!({ "host": key.host, "service": key.service, "unit": key.unit }))
            .collect();
        let incidents: Vec<Value> =
            judged.records.iter().map(incident_json).collect::<anyhow::Result<_>>()?;
        ctx.out.json(&json!({
            "from": rfc3339(range.from * SECOND),
            "to": rfc3339(range.to * SECOND),
            "entities": judged.entities,
            "learning": learning,
            "incidents": incidents,
            "lines": mine.lines,
            "written": written,
            "dry_run": dry_run,
        }))?;
        return Ok(Outcome::Done);
    }
    for record in &judged.records {
        let mark = if record.is_new { "new" } else { record.row.state.as_str() };
        ctx.out.line(format_args!(
            "{:>6.1}  {:6}  {}  {}",
            record.row.score,
            mark,
            rfc3339(i64::from(record.row.window_start) * SECOND),
            record.details.reason
        ))?;
    }
    if !judged.learning.is_empty() && judged.learning.len() == judged.entities {
        ctx.out.line("learning: no entity has three days of history yet; only new errors are judged")?;
    }
    let verb = if dry_run { "would-scan" } else { "scanned" };
    ctx.out.summary(
        &Summary::new(verb)
            .field("from", rfc3339(range.from * SECOND))
            .field("to", rfc3339(range.to * SECOND))
            .field("entities", judged.entities)
            .field("learning", judged.learning.len())
            .field("incidents", judged.records.len())
            .field("new", new)
            .field("open", open)
            .field("written", written)
            .field("lines", mine.lines)
            .took(ctx.started().elapsed()),
    )?;
    Ok(Outcome::Done)
}

fn incident_json(record: &Record) -> anyhow::Result<Value> {
    let row = &record.row;
    Ok(json!({
        "id": format!("{:016x}", row.id),
        "host": row.host,
        "service": row.service,
        "unit": row.unit,
        "anomaly_type": row.anomaly_type,
        "state": row.state,
        "score": row.score,
        "window_start": rfc3339(i64::from(row.window_start) * SECOND),
        "window_end": rfc3339(i64::from(row.window_end) * SECOND),
        "new": record.is_new,
        "details": serde_json::to_value(&record.details).context("encode details")?,
    }))
}
