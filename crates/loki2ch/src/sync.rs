//! `sync`

use crate::batch_id;
use crate::cli::SyncArgs;
use crate::commit::Committer;
use crate::config::Config;
use crate::connect::{loki, store, store_error};
use crate::copy::{Copied, copy, empty_in_loki, is_empty};
use crate::journal::Journal;
use crate::late::{Looks, changed, runs};
use log_model::time::{DAY, HOUR, SECOND, rfc3339};
use log_model::{WINDOW_NS, Window};
use log_store::rows::SyncWindow;
use log_store::{Store, migrate};
use loki_client::Client;
use serde::Serialize;
use std::collections::BTreeSet;
use unit_kit::{Context, Outcome, Summary, usage_error, with_hint};

/// Windows whose state is written in one insert. More would be read again after a crash, fewer would cost
/// an insert each.
const WINDOWS_PER_WRITE: usize = 24;
/// Windows that are counted at once to find out whether there is anything to copy: an hour.
const WINDOWS_PER_LOOK: usize = 12;
/// Lines expire by whole days; a line of the last one may go while it is copied.
const EXPIRY_MARGIN: i64 = DAY;

/// What a run did, as `--json` prints it.
#[derive(Debug, Default, Serialize)]
struct Report {
    source: String,
    /// First and last window that were looked at, if any.
    from: Option<String>,
    to: Option<String>,
    /// Everything before is verified.
    watermark: Option<String>,
    windows: u64,
    verified: u64,
    suspect: u64,
    /// Of the windows: how many were read again because late lines came.
    late: u64,
    /// Lines that Loki has in the windows.
    lines: u64,
    /// Of them: how many ClickHouse did not have.
    stored: u64,
    /// A batch that an earlier run left open was finished.
    recovered: bool,
    suspects: Vec<Suspect>,
}

#[derive(Debug, Serialize)]
struct Suspect {
    window: String,
    reason: String,
}

struct Run<'a> {
    ctx: &'a Context<Config>,
    loki: &'a Client,
    committer: Committer<'a>,
    report: Report,
    unwritten: Vec<SyncWindow>,
}

pub(crate) async fn run(ctx: &Context<Config>, args: &SyncArgs) -> anyhow::Result<Outcome> {
    let now = args.at.unwrap_or_else(|| batch_id::now_us() * 1000);
    let span = explicit_span(ctx, args, now)?;
    let _lock = ctx.lock()?;
    let metrics = ctx.metrics("loki2ch");
    let (store, loki) = (store(ctx)?, loki(ctx)?);
    migrate::require_current(&store).await.map_err(store_error)?;
    let journal = Journal::open(&ctx.state_dir)?;
    let source = ctx.config.source();
    let mut run = Run {
        ctx,
        loki: &loki,
        committer: Committer { store: &store, journal: &journal, source },
        report: Report { source: source.to_owned(), ..Report::default() },
        unwritten: Vec::new(),
    };
    run.report.recovered = run.committer.recover().await?;

    let (from, to) = match span {
        Some(span) => span,
        None => (next_window(ctx, &store, now).await?, horizon(ctx, now)),
    };
    let known = store.windows(source, from, to).await.map_err(store_error)?;
    let done: BTreeSet<Window> = known.iter().filter(|row| row.is_done()).map(SyncWindow::window).collect();
    let forced = args.from.is_some();
    let todo: Vec<Window> =
        Window::range(from.start(), to.start()).filter(|window| forced || !done.contains(window)).collect();
    let outcome = run.windows(&todo, "windows").await;
    let outcome = match outcome {
        Ok(()) if !forced => run.late_lines(now, &todo).await,
        outcome => outcome,
    };
    // What was verified before a failure stays verified.
    let written = run.write_states().await;
    outcome.and(written)?;

    let watermark = store.watermark(source).await.map_err(store_error)?;
    run.report.watermark = watermark.map(|window| rfc3339(window.start()));
    record(&metrics, &run.report, watermark)?;
    ctx.set_rows(run.report.stored);
    finish(ctx, &run.report)
}

/// The windows that `--from` and `--to` name.
fn explicit_span(
    ctx: &Context<Config>,
    args: &SyncArgs,
    now: i64,
) -> anyhow::Result<Option<(Window, Window)>> {
    let Some(from) = args.from else { return Ok(None) };
    let end = horizon(ctx, now);
    let to = args.to.map_or(end, |to| Window::containing(to.saturating_add(WINDOW_NS - 1)).min(end));
    let from = Window::containing(from);
    if from >= to {
        let error = anyhow::anyhow!(
            "no window between {} and {} is over",
            rfc3339(from.start()),
            rfc3339(to.start())
        );
        return Err(usage_error(with_hint(
            error,
            "windows are five minutes, and rest for sync.grace_s after their end",
        )));
    }
    let oldest = now - i64::from(ctx.config.retention.logs) * DAY + EXPIRY_MARGIN;
    if from.start() < oldest {
        let error = anyhow::anyhow!(
            "lines from {} would expire at once: they are kept for {} days",
            rfc3339(from.start()),
            ctx.config.retention.logs
        );
        return Err(usage_error(with_hint(
            error,
            "raise retention.logs and run `loki2ch migrate`, or start later",
        )));
    }
    Ok(Some((from, to)))
}

/// The first window that is not over long enough to be read.
fn horizon(ctx: &Context<Config>, now: i64) -> Window {
    Window::containing(now - ctx.config.sync.grace_s as i64 * SECOND)
}

/// Where a run without `--from` begins: after the verified prefix, but never where lines expire.
async fn next_window(ctx: &Context<Config>, store: &Store, now: i64) -> anyhow::Result<Window> {
    let oldest = now - i64::from(ctx.config.retention.logs) * DAY + EXPIRY_MARGIN;
    let mark = store.watermark(ctx.config.source()).await.map_err(store_error)?;
    let first = || ctx.config.start().unwrap_or(now - ctx.config.sync.first_lookback_h as i64 * HOUR);
    let start = mark.map_or_else(first, Window::start);
    if start < oldest {
        log::warn!("lines before {} would expire at once: not copied", rfc3339(oldest));
    }
    Ok(Window::containing(start.max(oldest)))
}

impl Run<'_> {
    /// Copies windows one by one, after a look for the hours that are empty.
    async fn windows(&mut self, todo: &[Window], label: &str) -> anyhow::Result<()> {
        let bar = self.ctx.progress.bar(todo.len() as u64, label);
        let selector = &self.ctx.config.sync.selector;
        for run in todo.chunk_by(|a, b| a.next() == *b).flat_map(|run| run.chunks(WINDOWS_PER_LOOK)) {
            bar.message(run[0].to_string());
            self.ctx.notify.status(format!("copying {}", run[0]));
            if run.len() > 1 && is_empty(self.loki, selector, run).await? {
                self.account_empty(run).await?;
            } else {
                for window in run {
                    bar.message(window.to_string());
                    let copied = copy(&self.committer, self.loki, selector, *window).await?;
                    self.account(*window, copied);
                    self.ctx.notify.progress();
                }
            }
            if self.unwritten.len() >= WINDOWS_PER_WRITE {
                self.write_states().await?;
            }
            self.ctx.notify.progress();
            bar.inc(run.len() as u64);
        }
        Ok(())
    }

    async fn account_empty(&mut self, run: &[Window]) -> anyhow::Result<()> {
        let Committer { store, source, .. } = self.committer;
        let totals = store.totals_by_window(run[0], run[run.len() - 1].next()).await.map_err(store_error)?;
        for window in run {
            let row = empty_in_loki(source, *window, totals.get(window).copied().unwrap_or_default());
            self.account(*window, Copied { row, inserted: 0 });
        }
        Ok(())
    }

    /// Copies windows again where lines arrived late.
    async fn late_lines(&mut self, now: i64, just_done: &[Window]) -> anyhow::Result<()> {
        let mut looks = Looks::load(&self.ctx.state_dir);
        let reach = Window::containing(now - looks.due(now));
        let store = self.committer.store;
        let known = store.windows(self.committer.source, reach, horizon(self.ctx, now)).await;
        let known: Vec<_> = known
            .map_err(store_error)?
            .into_iter()
            .filter(|row| row.is_done() && !just_done.contains(&row.window()))
            .collect();
        let mut late = Vec::new();
        for run in runs(&known) {
            late.extend(changed(self.loki, &self.ctx.config.sync.selector, run).await?);
        }
        self.report.late = late.len() as u64;
        self.windows(&late, "late windows").await?;
        looks.save(&self.ctx.state_dir)
    }

    fn account(&mut self, window: Window, copied: Copied) {
        let report = &mut self.report;
        report.windows += 1;
        report.lines += copied.row.loki_count;
        report.stored += copied.inserted;
        if copied.row.is_done() {
            report.verified += 1;
        } else {
            report.suspect += 1;
            log::warn!("{window} is suspect: {}", copied.row.reason);
            report.suspects.push(Suspect { window: window.to_string(), reason: copied.row.reason.clone() });
        }
        let (start, end) = (rfc3339(window.start()), rfc3339(window.end()));
        if report.from.as_ref().is_none_or(|from| start < *from) {
            report.from = Some(start);
        }
        if report.to.as_ref().is_none_or(|to| end > *to) {
            report.to = Some(end);
        }
        self.unwritten.push(copied.row);
    }

    async fn write_states(&mut self) -> anyhow::Result<()> {
        self.committer.store.write_windows(&self.unwritten).await.map_err(store_error)?;
        self.unwritten.clear();
        Ok(())
    }
}

fn record(metrics: &unit_kit::Metrics, report: &Report, watermark: Option<Window>) -> anyhow::Result<()> {
    metrics.gauge("loki2ch_windows", "Windows that the last run looked at, by outcome", &["state"]).map(
        |gauge| {
            gauge.set(&["verified"], report.verified as f64);
            gauge.set(&["suspect"], report.suspect as f64);
        },
    )?;
    metrics
        .gauge("loki2ch_lines_stored", "Lines that the last run brought to ClickHouse", &[])?
        .set(&[], report.stored as f64);
    if let Some(window) = watermark {
        metrics
            .gauge("loki2ch_verified_until_timestamp_seconds", "Everything before is verified", &[])?
            .set(&[], (window.start() / SECOND) as f64);
    }
    Ok(())
}

fn finish(ctx: &Context<Config>, report: &Report) -> anyhow::Result<Outcome> {
    let none = || "none".to_owned();
    let summary = Summary::new("synced")
        .field("windows", report.windows)
        .field("lines", report.lines)
        .field("stored", report.stored)
        .field("suspect", report.suspect)
        .field("late", report.late)
        .field("from", report.from.clone().unwrap_or_else(none))
        .field("to", report.to.clone().unwrap_or_else(none))
        .field("verified_until", report.watermark.clone().unwrap_or_else(none))
        .took(ctx.started().elapsed());
    ctx.notify.status(summary.to_string());
    if ctx.json {
        ctx.out.json(report)?;
    } else {
        for suspect in &report.suspects {
            ctx.out.line(format_args!("suspect {}: {}", suspect.window, suspect.reason))?;
        }
        ctx.out.summary(&summary)?;
    }
    Ok(if report.suspect == 0 { Outcome::Done } else { Outcome::NeedsEyes })
}
