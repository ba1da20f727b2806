//! Lines to templates: reads what was not read yet, counts it by minute, and remembers how far it came.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use log_model::time::{DAY, MINUTE, SECOND};
use log_model::{ERR_LEVELS, Level};
use log_store::Store;
use log_store::rows::{Deploy, Template, TemplateCount};
use log_templates::{Miner, Settings, State, TemplateId};
use serde::{Deserialize, Serialize};
use unit_kit::Context;

use crate::cli::mark;
use crate::config::Config;
use crate::detect::WINDOW_S;

/// Name of the state file.
const FILE: &str = "templates.json";

/// What is kept between runs.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    /// Lines before this are mined, in nanoseconds since the epoch.
    mined_until: i64,
    miner: State,
}

/// The miner and what it read.
pub(crate) struct Mine {
    miner: Miner,
    /// Lines before this are mined, in nanoseconds since the epoch.
    mined_until: Option<i64>,
    /// Counts that are not stored yet.
    fresh: Vec<TemplateCount>,
    /// Sightings that are not stored yet.
    seen: BTreeMap<(String, TemplateId), Seen>,
    deploys: Vec<Deploy>,
    /// Name of what stopped last, per host, and when.
    stopped: HashMap<String, (String, i64)>,
    /// Lines read in this run.
    pub(crate) lines: u64,
}

/// What the lines of one service of one host add.
#[derive(Default)]
struct Pair {
    service: String,
    host: String,
    /// (minute in seconds since the epoch, template) → (lines, bytes).
    counts: HashMap<(u32, TemplateId), (u64, u64)>,
    seen: HashMap<TemplateId, Seen>,
}

/// Sightings of a template.
#[derive(Debug, Clone)]
struct Seen {
    first: i64,
    last: i64,
    level: String,
}

/// A template as the scan uses it, by its present name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known {
    /// The words.
    pub(crate) text: String,
    /// A line.
    pub(crate) example: String,
    /// Of error level or worse?
    pub(crate) is_error: bool,
    /// First sighting, milliseconds since the epoch.
    pub(crate) first_seen: i64,
}

impl Mine {
    /// Loads the state; a missing one, or one of another database, is an empty one.
    pub(crate) async fn load(ctx: &Context<Config>, store: &Store) -> anyhow::Result<Self> {
        let settings = Settings { groups: ctx.config.templates.per_service, ..Settings::default() };
        let mut mine = Self {
            miner: Miner::new(settings),
            mined_until: None,
            fresh: Vec::new(),
            seen: BTreeMap::new(),
            deploys: Vec::new(),
            stopped: HashMap::new(),
            lines: 0,
        };
        let path = path(ctx);
        let Some(stored) = read(&path)? else { return Ok(mine) };
        if store.templates().await.map_err(mark)?.is_empty() {
            log::warn!("{}: logs.templates is empty; learning the templates anew", path.display());
            return Ok(mine);
        }
        match Miner::restore(stored.miner) {
            Ok(miner) => {
                mine.miner = miner;
                mine.mined_until = Some(stored.mined_until);
            }
            Err(error) => log::warn!("{}: {error}; learning the templates anew", path.display()),
        }
        Ok(mine)
    }

    /// Where mining would go on for a run that ends at `to`: at most `history` nanoseconds before it.
    pub(crate) fn next(&self, to: i64, history: i64) -> i64 {
        self.mined_until.unwrap_or(i64::MIN).max(to - history).div_euclid(MINUTE) * MINUTE
    }

    /// Mines the lines from `from` to the end of its day (UTC), or to `to`; returns where it stopped.
    ///
    /// A day at a time bounds what the server sorts and what is held here.
    pub(crate) async fn day(&mut self, store: &Store, from: i64, to: i64) -> anyhow::Result<i64> {
        let end = ((from.div_euclid(DAY) + 1) * DAY).min(to);
        self.range(store, from, end).await?;
        self.mined_until = Some(end);
        self.resolve();
        Ok(end)
    }

    async fn range(&mut self, store: &Store, from: i64, to: i64) -> anyhow::Result<()> {
        let mut stream = store.lines(from, to).map_err(mark)?;
        // Lines come by service and host: what they add is gathered per pair, without a name per line.
        let mut pair = Pair::default();
        while let Some(line) = stream.next().await.map_err(mark)? {
            if line.service != pair.service || line.host != pair.host {
                let next = Pair { service: line.service.clone(), host: line.host.clone(), ..Pair::default() };
                self.take_in(std::mem::replace(&mut pair, next));
            }
            let id = self.miner.observe(&line.service, &line.text);
            let count = pair.counts.entry(((line.ts.div_euclid(MINUTE) * 60) as u32, id)).or_default();
            count.0 += 1;
            count.1 += line.message.len() as u64;
            if let Some(seen) = pair.seen.get_mut(&id) {
                seen.again(line.ts, line.ts, &line.level);
            } else {
                pair.seen.insert(id, Seen { first: line.ts, last: line.ts, level: line.level.clone() });
            }
            self.watch_restarts(&line);
            self.lines += 1;
        }
        self.take_in(pair);
        Ok(())
    }

    fn take_in(&mut self, pair: Pair) {
        self.fresh.extend(pair.counts.into_iter().map(|((minute, id), (cnt, bytes))| TemplateCount {
            minute,
            host: pair.host.clone(),
            service: pair.service.clone(),
            template_id: id.0,
            cnt,
            bytes,
            updated_at: 0,
        }));
        for (id, seen) in pair.seen {
            self.sight(pair.service.clone(), id, seen);
        }
    }

    fn sight(&mut self, service: String, id: TemplateId, seen: Seen) {
        match self.seen.entry((service, id)) {
            Entry::Occupied(mut known) => known.get_mut().again(seen.first, seen.last, &seen.level),
            Entry::Vacant(place) => {
                place.insert(seen);
            }
        }
    }

    /// A service that stopped and started again within ten minutes was restarted, as systemd tells it.
    fn watch_restarts(&mut self, line: &log_store::Line) {
        const SOON: i64 = 10 * MINUTE;
        let message = line.message.strip_prefix("systemd[1]: ").unwrap_or(&line.message);
        if line.service != "systemd" && message.len() == line.message.len() {
            return;
        }
        let name = |verb: &str| message.strip_prefix(verb).map(|rest| rest.trim_end_matches('.').to_owned());
        if let Some(name) = name("Stopped ") {
            self.stopped.insert(line.host.clone(), (name, line.ts));
        } else if let Some(name) = name("Started ")
            && self.stopped.get(&line.host).is_some_and(|(last, at)| *last == name && line.ts - at < SOON)
        {
            let unit = name.split(' ').next().filter(|word| word.contains('.')).unwrap_or_default();
            self.deploys.push(Deploy {
                host: line.host.clone(),
                at: line.ts.div_euclid(1_000_000),
                kind: "restart".into(),
                service: unit.split('.').next().unwrap_or_default().to_owned(),
                unit: unit.to_owned(),
                generation: String::new(),
                message: line.message.clone(),
                detected_at: 0,
            });
        }
    }

    /// Gives everything that is not stored the names that the templates have now.
    fn resolve(&mut self) {
        for count in &mut self.fresh {
            count.template_id = self.miner.resolve(&count.service, TemplateId(count.template_id)).0;
        }
        for ((service, id), seen) in std::mem::take(&mut self.seen) {
            let id = self.miner.resolve(&service, id);
            self.sight(service, id, seen);
        }
    }

    /// Counts that were not stored, for a scan that writes nothing.
    pub(crate) fn fresh(&self) -> &[TemplateCount] {
        &self.fresh
    }

    /// Restarts that were not stored.
    pub(crate) fn deploys(&self) -> &[Deploy] {
        &self.deploys
    }

    /// The name that a template has now.
    pub(crate) fn resolve_id(&self, service: &str, id: u64) -> u64 {
        self.miner.resolve(service, TemplateId(id)).0
    }

    /// All templates by service and present name, stored or not.
    pub(crate) async fn known(&self, store: &Store) -> anyhow::Result<HashMap<(String, u64), Known>> {
        let mut known: HashMap<(String, u64), Known> = HashMap::new();
        for row in store.templates().await.map_err(mark)? {
            let id = self.resolve_id(&row.service, row.id);
            let one = Known {
                is_error: is_error(&row.level),
                text: row.pattern,
                example: row.sample,
                first_seen: row.first_seen,
            };
            merge(&mut known, (row.service, id), one);
        }
        for row in self.rows() {
            let is_error = is_error(&row.level);
            let one = Known { text: row.pattern, example: row.sample, is_error, first_seen: row.first_seen };
            let key = (row.service, row.id);
            merge(&mut known, key.clone(), one.clone());
            // What was not stored yet has the words of now.
            if let Some(now) = known.get_mut(&key) {
                (now.text, now.example, now.is_error) = (one.text, one.example, one.is_error);
            }
        }
        Ok(known)
    }

    /// The templates seen since the last time, as rows.
    fn rows(&self) -> Vec<Template> {
        let mut rows = Vec::new();
        for service in self.miner.services() {
            for template in self.miner.templates(service) {
                let Some(seen) = self.seen.get(&(service.to_owned(), template.id)) else { continue };
                rows.push(Template {
                    id: template.id.0,
                    service: service.to_owned(),
                    pattern: template.text,
                    level: seen.level.clone(),
                    sample: template.example,
                    first_seen: seen.first.div_euclid(1_000_000),
                    last_seen: seen.last.div_euclid(1_000_000),
                });
            }
        }
        rows
    }

    /// Writes what was mined since the last time, then the state: after a crash in between the same lines are mined
    /// again and give the same rows.
    pub(crate) async fn store(
        &mut self,
        ctx: &Context<Config>,
        store: &Store,
        now_us: i64,
    ) -> anyhow::Result<()> {
        store.write_templates(&self.rows()).await.map_err(mark)?;
        let mut counts: BTreeMap<Key, TemplateCount> = BTreeMap::new();
        for count in self.fresh.drain(..) {
            let key = (count.minute, count.host.clone(), count.service.clone(), count.template_id);
            // Two names of the past may be one now.
            counts
                .entry(key)
                .and_modify(|same| (same.cnt, same.bytes) = (same.cnt + count.cnt, same.bytes + count.bytes))
                .or_insert(count);
        }
        if let (Some((first, _)), Some((last, _))) = (counts.first_key_value(), counts.last_key_value()) {
            let (from, to) = (i64::from(first.0) * SECOND, (i64::from(last.0) + 60) * SECOND);
            let counts: Vec<TemplateCount> = counts.into_values().collect();
            store.replace_template_counts(from, to, &counts, now_us).await.map_err(mark)?;
        }
        let deploys: Vec<Deploy> = self
            .deploys
            .drain(..)
            .map(|deploy| Deploy { detected_at: now_us.div_euclid(1_000), ..deploy })
            .collect();
        store.write_deploys(&deploys).await.map_err(mark)?;
        self.seen.clear();
        if let Some(mined_until) = self.mined_until {
            let stored = Stored { mined_until, miner: self.miner.state() };
            let text = serde_json::to_vec(&stored).context("encode the template state")?;
            unit_kit::atomic::write(&path(ctx), text).context("write the template state")?;
        }
        Ok(())
    }

    /// Start of the first window with counts that were not stored, seconds since the epoch.
    pub(crate) fn first_window(&self) -> Option<i64> {
        self.fresh.iter().map(|count| i64::from(count.minute).div_euclid(WINDOW_S) * WINDOW_S).min()
    }
}

type Key = (u32, String, String, u64);

impl Seen {
    fn again(&mut self, first: i64, last: i64, level: &str) {
        self.first = self.first.min(first);
        if last >= self.last {
            self.last = last;
            if self.level != level {
                level.clone_into(&mut self.level);
            }
        }
    }
}

fn merge(known: &mut HashMap<(String, u64), Known>, key: (String, u64), one: Known) {
    match known.get_mut(&key) {
        Some(same) => same.first_seen = same.first_seen.min(one.first_seen),
        None => {
            known.insert(key, one);
        }
    }
}

fn is_error(level: &str) -> bool {
    Level::parse(level).is_some_and(|level| ERR_LEVELS.contains(&level))
}

fn path(ctx: &Context<Config>) -> PathBuf {
    ctx.state_dir.join(FILE)
}

fn read(path: &Path) -> anyhow::Result<Option<Stored>> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    match serde_json::from_slice(&text) {
        Ok(stored) => Ok(Some(stored)),
        Err(error) => {
            log::warn!("{}: {error}; learning the templates anew", path.display());
            Ok(None)
        }
    }
}
