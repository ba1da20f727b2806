//! `verify`

use crate::batch_id;
use crate::cli::VerifyArgs;
use crate::config::Config;
use crate::connect::{loki, store, store_error};
use crate::copy::{Difference, Sides};
use log_model::Window;
use log_model::time::{DAY, MINUTE, SECOND, rfc3339};
use log_store::{AggregateReport, Store, migrate};
use serde::Serialize;
use unit_kit::{Context, Outcome, Summary, Table, usage_error};

#[derive(Debug, Serialize)]
struct Report {
    from: String,
    to: String,
    windows: u64,
    loki_count: u64,
    /// How many of these are events that Loki has already been counted with.
    loki_repeats: u64,
    ch_count: u64,
    equal: bool,
    /// Windows that differ.
    differences: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    window: String,
    loki_count: u64,
    ch_count: u64,
    /// Xor of the event ids, hexadecimal.
    loki_id_xor: String,
    ch_id_xor: String,
    /// Whether Loki's own counts agreed with what it gave.
    loki_complete: bool,
    #[serde(flatten)]
    difference: Difference,
}

pub(crate) async fn run(ctx: &Context<Config>, args: &VerifyArgs) -> anyhow::Result<Outcome> {
    let now = batch_id::now_us() * 1000;
    let over = Window::containing(now - ctx.config.sync.grace_s as i64 * SECOND).start();
    let to = args.to.unwrap_or(over);
    let from = args.from.unwrap_or(to.saturating_sub(DAY));
    if from >= to {
        return Err(usage_error(anyhow::anyhow!("{} is not before {}", rfc3339(from), rfc3339(to))));
    }
    let store = store(ctx)?;
    migrate::require_current(&store).await.map_err(store_error)?;
    if args.aggregate {
        let whole = |ts: i64| ts.div_euclid(MINUTE) * MINUTE;
        return aggregate(ctx, &store, whole(from), whole(to.saturating_add(MINUTE - 1))).await;
    }
    lines(ctx, &store, from, to).await
}

async fn lines(ctx: &Context<Config>, store: &Store, from: i64, to: i64) -> anyhow::Result<Outcome> {
    let loki = loki(ctx)?;
    let windows: Vec<Window> = Window::range(from, to).collect();
    let bar = ctx.progress.bar(windows.len() as u64, "windows");
    let mut report = Report {
        from: rfc3339(windows[0].start()),
        to: rfc3339(windows[windows.len() - 1].end()),
        windows: windows.len() as u64,
        loki_count: 0,
        loki_repeats: 0,
        ch_count: 0,
        equal: true,
        differences: Vec::new(),
    };
    for window in windows {
        bar.message(window.to_string());
        let sides = Sides::read(&loki, store, &ctx.config.sync.selector, window).await?;
        let totals = store.window_totals(window).await.map_err(store_error)?;
        report.loki_count += sides.loki_count;
        report.loki_repeats += sides.repeats();
        report.ch_count += totals.count;
        let difference = sides.difference();
        let equal = sides.equal(totals);
        if !equal {
            report.equal = false;
            report.differences.push(Row {
                window: window.to_string(),
                loki_count: sides.loki_count,
                ch_count: totals.count,
                loki_id_xor: format!("{:016x}", sides.id_xor()),
                ch_id_xor: format!("{:016x}", totals.id_xor),
                loki_complete: sides.complete,
                difference,
            });
        }
        bar.inc(1);
    }
    drop(bar);
    if ctx.json {
        ctx.out.json(&report)?;
    } else {
        print(ctx, &report)?;
    }
    Ok(if report.equal { Outcome::Done } else { Outcome::NeedsEyes })
}

fn print(ctx: &Context<Config>, report: &Report) -> anyhow::Result<()> {
    if !report.differences.is_empty() {
        let mut table = Table::new(["window", "loki", "clickhouse", "missing", "extra", "doubled", "note"]);
        for row in &report.differences {
            let Difference { missing, extra, doubled } = row.difference;
            let note = if row.loki_complete { "" } else { "loki contradicts itself" };
            table.row([
                row.window.clone(),
                row.loki_count.to_string(),
                row.ch_count.to_string(),
                missing.to_string(),
                extra.to_string(),
                doubled.to_string(),
                note.to_owned(),
            ]);
        }
        ctx.out.table(&table)?;
    }
    let summary = Summary::new(if report.equal { "equal" } else { "different" })
        .field("windows", report.windows)
        .field("differing", report.differences.len())
        .field("loki", report.loki_count)
        .field("repeated_in_loki", report.loki_repeats)
        .field("clickhouse", report.ch_count)
        .field("from", &report.from)
        .field("to", &report.to)
        .took(ctx.started().elapsed());
    ctx.out.summary(&summary)?;
    Ok(())
}

async fn aggregate(ctx: &Context<Config>, store: &Store, from: i64, to: i64) -> anyhow::Result<Outcome> {
    let report: AggregateReport = store.verify_aggregate(from, to).await.map_err(store_error)?;
    if ctx.json {
        ctx.out.json(&report)?;
    } else {
        if !report.examples.is_empty() {
            let mut table =
                Table::new(["minute", "host", "service", "unit", "lines", "cnt", "err lines", "err"]);
            for row in &report.examples {
                table.row([
                    rfc3339(i64::from(row.minute) * SECOND),
                    row.host.clone(),
                    row.service.clone(),
                    row.unit.clone(),
                    row.lines.to_string(),
                    row.cnt.to_string(),
                    row.err_lines.to_string(),
                    row.err.to_string(),
                ]);
            }
            ctx.out.table(&table)?;
        }
        let summary = Summary::new(if report.different == 0 { "equal" } else { "different" })
            .field("minutes", report.compared)
            .field("differing", report.different)
            .field("from", rfc3339(from))
            .field("to", rfc3339(to))
            .took(ctx.started().elapsed());
        ctx.out.summary(&summary)?;
    }
    Ok(if report.different == 0 { Outcome::Done } else { Outcome::NeedsEyes })
}
