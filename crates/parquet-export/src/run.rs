//! `parquet-export run`

use crate::cli::Config;
use crate::destination::{Destination, Slot};
use crate::encode::{self, Encoded};
use crate::manifest::{self, FORMAT, Fingerprint, Manifest, Sum};
use crate::week::{Week, day_start};
use anyhow::{Context as _, bail};
use chrono::{Days, NaiveDate, SecondsFormat, Utc};
use log_model::{WINDOW_NS, Window, time};
use log_store::rows::Export;
use log_store::{ExportTable, RangeSummary, Store};
use sha2::{Digest as _, Sha256};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use unit_kit::{Context, Outcome, Summary, config_error, unavailable};

const TABLE: ExportTable = ExportTable::AppLogs;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The ISO week, as in 2026-W46; default: the newest one that has ended
    #[arg(long)]
    week: Option<Week>,
    /// Directory of the archive; default: the configuration's `export.directory`
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Export although not every window of the week is verified; the manifest says so
    #[arg(long)]
    force: bool,
    /// Say what would be written, write nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(context: &Context<Config>, args: &Args) -> anyhow::Result<Outcome> {
    let now = Utc::now();
    let week = args.week.unwrap_or_else(|| Week::last_closed(now));
    let destination = Destination::new(args.to.as_ref().unwrap_or(&context.config.export.directory));
    let _lock = context.lock()?;
    if !args.dry_run {
        context.metrics("parquet-export");
    }

    let password =
        context.secret("clickhouse-password", context.config.clickhouse.password_file.as_deref())?;
    let store = Store::new(&context.config.clickhouse, password.as_ref().map(unit_kit::Secret::expose))
        .map_err(fault)?;
    log_store::migrate::require_current(&store).await.map_err(fault)?;

    let missing = unverified(&store, week).await?;
    if !missing.is_empty() && !args.force {
        return refuse(context, week, &missing);
    }
    let summary = store.range_summary(TABLE, week.start(), week.end()).await.map_err(fault)?;
    let source = Fingerprint { rows: summary.rows, sum: Sum(summary.fingerprint) };
    let latest = destination.latest(TABLE.name(), week)?;
    let complete = missing.is_empty();
    if let Some(latest) = &latest
        && latest.source == source
        && latest.complete == complete
    {
        return report(context, latest, "unchanged", None);
    }
    let version = latest.map_or(1, |latest| latest.version + 1);
    let mut manifest = Manifest {
        format: FORMAT,
        written_by: format!("parquet-export {}", env!("CARGO_PKG_VERSION")),
        written_at: now.to_rfc3339_opts(SecondsFormat::Secs, true),
        table: TABLE.name().to_owned(),
        week: week.to_string(),
        version,
        schema_version: log_store::migrate::newest_version(),
        complete,
        verified_windows: windows_of(week).count() as u64 - missing.len() as u64,
        rows: 0,
        bytes: 0,
        source,
        files: Vec::new(),
    };
    if args.dry_run {
        manifest.rows = source.rows;
        return report(context, &manifest, "would write", None);
    }

    let slot = destination.open(TABLE.name(), week, version)?;
    let progress = context.progress.bar(7, format!("export {week}"));
    let mut written = Fingerprint::default();
    for day in week.days() {
        context.notify.status(format!("exporting {day} of {week}"));
        if let Some((file, fingerprint)) = export_day(context, &store, &slot, &manifest, day).await? {
            written += fingerprint;
            manifest.rows += file.rows;
            manifest.bytes += file.bytes;
            manifest.files.push(file);
        }
        progress.inc(1);
    }
    drop(progress);
    if written != source {
        bail!(
            "the rows of {week} changed while they were exported ({} at first, {} in the files); nothing is \
             published, run it again",
            source.rows,
            written.rows
        );
    }
    context.set_rows(manifest.rows);
    let path = slot.publish(&manifest)?;
    if let Err(error) = store.write_exports(&[row(week, &manifest, &summary, &path)?]).await {
        log::warn!("logs.exports does not list {}, which is published: {error}", path.display());
    }
    report(context, &manifest, "exported", Some(&path))
}

/// The set in `logs.exports`: the copy for dashboards; what exists is what has a manifest.
fn row(week: Week, manifest: &Manifest, summary: &RangeSummary, path: &Path) -> anyhow::Result<Export> {
    let now = Utc::now();
    let text = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    Ok(Export {
        table_name: manifest.table.clone(),
        week: u16::try_from(week.start() / time::DAY).unwrap_or_default(),
        version: manifest.version,
        state: "published".to_owned(),
        rows: manifest.rows,
        bytes: manifest.bytes,
        files: u32::try_from(manifest.files.len()).unwrap_or(u32::MAX),
        min_ts: summary.min_ts,
        max_ts: summary.max_ts,
        fingerprint: summary.fingerprint,
        manifest_key: format!("logs/{}/week={week}/v{:04}/manifest.json", manifest.table, manifest.version),
        manifest_sha256: hex(&Sha256::digest(&text)),
        schema_version: u16::try_from(manifest.schema_version).unwrap_or(u16::MAX),
        exported_at: now.timestamp_millis(),
        verified_at: None,
        updated_at: now.timestamp_micros(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The windows of a week that are not known to be complete.
async fn unverified(store: &Store, week: Week) -> anyhow::Result<Vec<Window>> {
    let (from, to) = (Window::containing(week.start()), Window::containing(week.end()));
    let complete = store.complete_windows(from, to).await.map_err(fault)?;
    Ok(windows_of(week).filter(|window| complete.binary_search(window).is_err()).collect())
}

fn windows_of(week: Week) -> impl Iterator<Item = Window> {
    Window::range(week.start(), week.end())
}

fn refuse(context: &Context<Config>, week: Week, missing: &[Window]) -> anyhow::Result<Outcome> {
    let ranges = ranges(missing);
    if context.json {
        context.out.json(&serde_json::json!({
            "action": "refused", "week": week.to_string(), "unverified_windows": missing.len(), "unverified": ranges,
        }))?;
    } else {
        context
            .out
            .line(format_args!("{week} is not complete: {} windows are not verified", missing.len()))?;
        for range in &ranges {
            context.out.line(format_args!("  {range}"))?;
        }
        context.out.line("run `loki2ch sync`, or export what is there with --force")?;
    }
    Ok(Outcome::NeedsEyes)
}

/// Neighbouring windows joined, as `from..to`.
fn ranges(windows: &[Window]) -> Vec<String> {
    let mut joined: Vec<(i64, i64)> = Vec::new();
    for window in windows {
        match joined.last_mut() {
            Some((_, end)) if *end == window.start() => *end += WINDOW_NS,
            _ => joined.push((window.start(), window.end())),
        }
    }
    let text = time::rfc3339;
    joined.into_iter().map(|(start, end)| format!("{}..{}", text(start), text(end))).collect()
}

/// Exports one day and says which rows it wrote; `None` if it has none.
async fn export_day(
    context: &Context<Config>,
    store: &Store,
    slot: &Slot,
    set: &Manifest,
    day: NaiveDate,
) -> anyhow::Result<Option<(manifest::File, Fingerprint)>> {
    let (from, to) = (day_start(day), day_start(day + Days::new(1)));
    let summary = store.range_summary(TABLE, from, to).await.map_err(fault)?;
    if summary.rows == 0 {
        return Ok(None);
    }
    let spool = spool(store, &context.state_dir, from, to).await.with_context(|| format!("read {day}"))?;
    let footer = [
        ("yagura.written_by", set.written_by.clone()),
        ("yagura.table", set.table.clone()),
        ("yagura.day", day.to_string()),
        ("yagura.version", set.version.to_string()),
        ("yagura.schema_version", set.schema_version.to_string()),
    ];
    let (level, state_dir) = (context.config.export.zstd_level, context.state_dir.clone());
    let expected = Fingerprint { rows: summary.rows, sum: Sum(summary.fingerprint) };
    let (file, encoded) = tokio::task::spawn_blocking(move || -> anyhow::Result<_> {
        let file =
            tempfile::tempfile_in(&state_dir).with_context(|| format!("spool to {}", state_dir.display()))?;
        let encoded = encode::encode(spool, file.try_clone()?, level, &footer)?;
        let read_back = encode::read_back(file.try_clone()?)?;
        if read_back != expected {
            bail!("the file holds {read_back:?} where clickhouse counted {expected:?}; run it again");
        }
        Ok((file, encoded))
    })
    .await?
    .with_context(|| format!("encode {day}"))?;

    let name = format!("{day}.parquet");
    slot.put(&name, &file)?;
    Ok(Some((describe(name, day, file, encoded)?, expected)))
}

/// Writes the day's Arrow stream to a nameless file: a slow encoder must not make the server give up.
async fn spool(store: &Store, state_dir: &Path, from: i64, to: i64) -> anyhow::Result<std::fs::File> {
    let mut file =
        tempfile::tempfile_in(state_dir).with_context(|| format!("spool to {}", state_dir.display()))?;
    let mut stream = store.export_arrow(TABLE, from, to).map_err(fault)?;
    while let Some(bytes) = stream.next().await.map_err(fault)? {
        file.write_all(&bytes).context("write the spool file")?;
    }
    file.rewind()?;
    Ok(file)
}

fn describe(
    name: String,
    day: NaiveDate,
    mut file: std::fs::File,
    encoded: Encoded,
) -> anyhow::Result<manifest::File> {
    file.rewind()?;
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        hash.update(&buffer[..n]);
        bytes += n as u64;
    }
    let text = |ts: Option<i64>| ts.map(time::rfc3339).unwrap_or_default();
    Ok(manifest::File {
        name,
        day: day.to_string(),
        rows: encoded.fingerprint.rows,
        bytes,
        min_ts: text(encoded.min_ts),
        max_ts: text(encoded.max_ts),
        sha256: hex(&hash.finalize()),
        row_groups: encoded.row_groups,
    })
}

fn report(
    context: &Context<Config>,
    manifest: &Manifest,
    action: &str,
    path: Option<&Path>,
) -> anyhow::Result<Outcome> {
    if context.json {
        context.out.json(&serde_json::json!({ "action": action, "path": path, "manifest": manifest }))?;
    } else {
        let mut summary = Summary::new(action)
            .field("table", &manifest.table)
            .field("week", &manifest.week)
            .field("version", manifest.version)
            .field("rows", manifest.rows)
            .field("bytes", manifest.bytes)
            .field("files", manifest.files.len())
            .field("complete", manifest.complete);
        if let Some(path) = path {
            summary = summary.field("manifest", path.display());
        }
        context.out.summary(&summary.took(context.started().elapsed()))?;
    }
    Ok(Outcome::Done)
}

/// An absent `ClickHouse` is not a failure of ours; a login or a schema is for a person to look at.
fn fault(error: log_store::Error) -> anyhow::Error {
    if error.is_unavailable() {
        unavailable(error)
    } else if error.is_config() {
        config_error(error)
    } else {
        error.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_windows_are_one_range() {
        let windows: Vec<Window> =
            Window::range(0, 3 * WINDOW_NS).chain(Window::range(10 * WINDOW_NS, 11 * WINDOW_NS)).collect();
        assert_eq!(
            ranges(&windows),
            ["1970-01-01T00:00:00Z..1970-01-01T00:15:00Z", "1970-01-01T00:50:00Z..1970-01-01T00:55:00Z"]
        );
    }
}
