//! `run --once`: files to Loki, from start to end.

use crate::assemble::{Assembler, Origin};
use crate::cli::{Config, RunArgs};
use crate::dead_letter::DeadLetters;
use crate::ship::{Shipper, classify};
use crate::source::FileSource;
use crate::times::{Shift, Timestamps};
use anyhow::Context as _;
use log_model::time::rfc3339;
use loki_client::Client;
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};
use unit_kit::{Context, Outcome, Summary, config_error, with_hint};

/// A file that is ready to be shipped.
struct Job {
    source: FileSource,
    origin: Origin,
    shift: Shift,
    /// Time of its first line as it will be shipped.
    first: i64,
    counts: Counts,
}

/// What was found in a file.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    lines: u64,
    blank: u64,
    /// Lines that were not of the announced format, and went as they are.
    unparsed: u64,
}

pub(crate) async fn once(ctx: &Context<Config>, args: &RunArgs) -> anyhow::Result<Outcome> {
    let now = now();
    let host = match &ctx.config.host {
        Some(host) => host.clone(),
        None => this_host()?,
    };
    // Every file is opened before the first line is shipped: a wrong name changes nothing anywhere.
    let mut jobs = args
        .files
        .iter()
        .map(|path| prepare(FileSource::open(path, now)?, args, &host, now))
        .collect::<anyhow::Result<Vec<_>>>()?;
    // Loki refuses lines far behind the newest of their stream, so rotated files go first.
    jobs.sort_by_key(|job| job.first);

    let _lock = ctx.lock()?;
    let metrics = ctx.metrics("log-shipper");
    let password = ctx.secret("loki-password", ctx.config.loki.password_file.as_deref())?;
    let client =
        Client::new(&ctx.config.loki, password.as_ref().map(unit_kit::Secret::expose)).map_err(classify)?;
    // Also tells a Loki that is away before anything is read.
    client.limits().await.map_err(|error| {
        with_hint(classify(error), "loki.url in the configuration, or LOKI_URL, says where loki is")
    })?;

    let mut shipper = Shipper::new(&client, DeadLetters::in_dir(&ctx.state_dir), now);
    let mut failure = None;
    for job in &mut jobs {
        ctx.notify.status(format!("shipping {}", job.source.path.display()));
        if let Err(error) = ship_file(ctx, job, &mut shipper).await? {
            // The last one is said at the end.
            if let Some(earlier) = failure.replace(error) {
                log::error!("{earlier:#}");
            }
        }
    }
    shipper.flush().await?;

    let totals = shipper.totals();
    let lines = metrics.counter("log_shipper_lines_total", "Lines by what became of them", &["outcome"])?;
    lines.add(&["shipped"], totals.shipped as f64);
    lines.add(&["rejected"], totals.rejected as f64);
    ctx.set_rows(totals.shipped);
    report(ctx, &jobs, &shipper)?;
    match failure {
        Some(error) => Err(error),
        None if totals.rejected > 0 => Ok(Outcome::NeedsEyes),
        None => Ok(Outcome::Done),
    }
}

fn prepare(source: FileSource, args: &RunArgs, host: &str, now: i64) -> anyhow::Result<Job> {
    let origin = source.origin(host, args.service.as_deref(), args.unit.as_deref(), args.format)?;
    let to = match args.timestamps {
        Timestamps::Keep => None,
        Timestamps::Now => Some(now),
        Timestamps::At(ts) => Some(ts),
    };
    let shift = match (to, to.map(|_| source.span(&origin)).transpose()?.flatten()) {
        (Some(to), Some(span)) => Shift::new(span.oldest, span.newest, to, args.within),
        _ => Shift::NONE,
    };
    let first = first_time(&source, &origin, shift)?;
    Ok(Job { source, origin, shift, first, counts: Counts::default() })
}

fn first_time(source: &FileSource, origin: &Origin, shift: Shift) -> anyhow::Result<i64> {
    let mut reader = source.reader(None)?;
    let mut assembler = Assembler::new(origin, shift);
    while let Some(piece) = reader.next_piece().with_context(|| source.reading(0))? {
        if let Some(record) = assembler.records(&piece).first() {
            return Ok(record.ts);
        }
    }
    Ok(origin.fallback)
}

/// Ships one file. The inner error is the file's: what was read before it is on its way, and other files
/// are not concerned.
async fn ship_file(
    ctx: &Context<Config>,
    job: &mut Job,
    shipper: &mut Shipper<'_>,
) -> anyhow::Result<anyhow::Result<()>> {
    let label = job.source.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut reader = match job.source.reader(Some(ctx.progress.bytes(job.source.size, label))) {
        Ok(reader) => reader,
        Err(error) => return Ok(Err(error)),
    };
    let mut assembler = Assembler::new(&job.origin, job.shift);
    let mut offset = 0;
    loop {
        let piece = match reader.next_piece() {
            Ok(Some(piece)) => piece,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(anyhow::Error::new(error).context(job.source.reading(offset)))),
        };
        offset = piece.offset;
        let records = assembler.records(&piece);
        if piece.part == 0 {
            let counts = &mut job.counts;
            match records.first() {
                None => counts.blank += 1,
                Some(record) => {
                    counts.lines += 1;
                    counts.unparsed += u64::from(record.attrs.contains_key("parse_error"));
                }
            }
        }
        for record in &records {
            shipper.add(record).await?;
        }
    }
}

fn report(ctx: &Context<Config>, jobs: &[Job], shipper: &Shipper<'_>) -> anyhow::Result<()> {
    let totals = shipper.totals();
    let sum = |what: fn(&Counts) -> u64| jobs.iter().map(|job| what(&job.counts)).sum::<u64>();
    let (read, blank, unparsed) = (sum(|c| c.lines), sum(|c| c.blank), sum(|c| c.unparsed));
    let dead_letter = (totals.rejected > 0).then(|| shipper.dead_letters().path().display().to_string());
    let id_xor = format!("{:032x}", totals.id_xor);
    let took = ctx.started().elapsed();
    if ctx.json {
        let files: Vec<_> = jobs
            .iter()
            .map(|job| {
                json!({
                    "path": job.source.path, "host": job.origin.host, "service": job.origin.service,
                    "lines": job.counts.lines, "blank": job.counts.blank, "unparsed": job.counts.unparsed,
                })
            })
            .collect();
        ctx.out.json(&json!({
            "lines": {
                "read": read, "blank": blank, "unparsed": unparsed,
                "shipped": totals.shipped, "rejected": totals.rejected,
            },
            "event_ids": { "count": totals.shipped, "xor": id_xor },
            "from": totals.span.map(|(from, _)| rfc3339(from)),
            "to": totals.span.map(|(_, to)| rfc3339(to)),
            "files": files,
            "dead_letter": dead_letter,
            "took_ms": took.as_millis() as u64,
        }))?;
        return Ok(());
    }
    let mut summary = Summary::new("shipped")
        .field("lines", totals.shipped)
        .field("read", read)
        .field("rejected", totals.rejected)
        .field("unparsed", unparsed)
        .field("blank", blank)
        .field("files", jobs.len())
        .field("id_xor", id_xor);
    if let Some(path) = dead_letter {
        summary = summary.field("dead_letter", path);
    }
    ctx.out.summary(&summary.took(took))?;
    Ok(())
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64)
}

/// The kernel's name of this machine.
fn this_host() -> anyhow::Result<String> {
    const FILE: &str = "/proc/sys/kernel/hostname";
    let name = std::fs::read_to_string(FILE)
        .with_context(|| format!("read this machine's name from {FILE}"))
        .map_err(|error| {
            with_hint(config_error(error), "name it with --host or `host` in the configuration")
        })?;
    Ok(name.trim().to_owned())
}
