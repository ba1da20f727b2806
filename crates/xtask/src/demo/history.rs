//! Three weeks of lines, loaded in bulk.

use anyhow::Context as _;
use log_model::Window;
use log_store::Store;
use log_store::rows::{AppLog, SyncWindow, WindowState};
use std::collections::BTreeMap;
use testkit::traffic::Traffic;
use tokio::sync::mpsc;
use unit_kit::Progress;

/// Name of the history in the manifest.
const SOURCE: &str = "demo-history";

/// Days that are made ahead of the one being stored.
const AHEAD: usize = 2;

/// Loads the history and records its windows as complete; returns the number of lines. One thread makes
/// days while the server stores the ones before.
pub(super) async fn load(store: &Store, traffic: &Traffic, progress: &Progress) -> anyhow::Result<u64> {
    let (sender, mut days) = mpsc::channel::<Vec<AppLog>>(AHEAD);
    let maker = {
        let traffic = traffic.clone();
        tokio::task::spawn_blocking(move || {
            for day in traffic.history() {
                let rows = day.iter().map(|record| AppLog::new(record, 0)).collect();
                if sender.blocking_send(rows).is_err() {
                    break;
                }
            }
        })
    };
    let mut windows = BTreeMap::new();
    for window in Window::range(traffic.history_from(), traffic.live_from()) {
        windows.insert(window, row(window));
    }
    let (mut lines, mut batches) = (0, 0);
    while let Some(rows) = days.recv().await {
        for row in &rows {
            let known =
                windows.entry(Window::containing(row.ts)).or_insert_with_key(|window| self::row(*window));
            known.loki_count += 1;
            known.ch_count += 1;
            known.id_xor ^= row.event_id;
            known.bytes += row.message.len() as u64;
        }
        lines += rows.len() as u64;
        progress.inc(rows.len() as u64);
        // Every batch is counted back.
        batches += store.load_history(rows, batches + 1).await?;
    }
    maker.await.context("make the history")?;
    let rows: Vec<SyncWindow> = windows.into_values().collect();
    store.write_windows(&rows).await?;
    Ok(lines)
}

fn row(window: Window) -> SyncWindow {
    SyncWindow {
        source: SOURCE.to_owned(),
        window_start: (window.start() / log_model::time::SECOND) as u32,
        loki_count: 0,
        ch_count: 0,
        id_xor: 0,
        bytes: 0,
        state: WindowState::Settled.as_str().to_owned(),
        reason: String::new(),
        checked_at: window.end() / 1_000,
    }
}
