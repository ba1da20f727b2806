//! One record for all windows that belong together.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use super::WINDOW_S;
use super::judge::Flag;
use super::series::EntityKey;

/// An incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Hash of host, service, unit, kind and first minute: a second run gives the same.
    pub id: u64,
    /// Who.
    pub key: EntityKey,
    /// What, as its oddest window has it. The id keeps the kind of the first window: ids don't change.
    pub kind: String,
    /// Start of the first flagged window, seconds since the epoch.
    pub first: i64,
    /// End of the last flagged window, seconds since the epoch.
    pub last: i64,
    /// Flagged windows.
    pub windows: u32,
    /// The oddest window.
    pub peak: Flag,
    /// Highest score.
    pub score: f32,
    /// May there be more to come?
    pub open: bool,
}

/// An incident that is stored already.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// Its id.
    pub id: u64,
    /// Who.
    pub key: EntityKey,
    /// Start of its first window, seconds since the epoch.
    pub first: i64,
    /// End of its last window, seconds since the epoch.
    pub last: i64,
    /// Highest score so far.
    pub score: f32,
    /// Flagged windows so far.
    pub windows: u32,
}

/// How flags are joined and how many records a window may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Seconds without a flag after which an incident is over.
    pub cool_down: i64,
    /// New incidents that one window may open; the oddest go first, the others have their chance in the next window.
    pub top_k: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cool_down: 30 * 60, top_k: 5 }
    }
}

/// The id of an incident.
pub fn incident_id(key: &EntityKey, kind: &str, first: i64) -> u64 {
    let text = [&key.host, &key.service, &key.unit, kind, &(first.div_euclid(60)).to_string()].join("\u{0}");
    xxh3_64(text.as_bytes()).max(1)
}

/// Joins flags to incidents, going on with those that are stored.
///
/// `start` is the second at which the grid begins, `until` the end of the judged range. Flags must be sorted by time.
pub fn incidents(flags: Vec<Flag>, known: &[Known], start: i64, until: i64, limits: Limits) -> Vec<Incident> {
    let mut open: BTreeMap<EntityKey, Incident> = BTreeMap::new();
    let mut done = Vec::new();
    let mut flags = flags.into_iter().peekable();
    while let Some(first) = flags.next() {
        let at = first.at;
        let mut window = vec![first];
        while let Some(flag) = flags.next_if(|flag| flag.at == at) {
            window.push(flag);
        }
        let from = start + at as i64 * WINDOW_S;
        rank(&mut window);
        let mut opened = 0;
        for flag in window {
            if let Some(running) = open.get_mut(&flag.key) {
                if from - running.last < limits.cool_down {
                    running.extend(flag, from);
                    continue;
                }
                done.extend(open.remove(&flag.key));
            }
            let stored = known
                .iter()
                .filter(|k| k.key == flag.key && k.first <= from && from - k.last < limits.cool_down)
                .min_by_key(|k| k.first);
            if stored.is_none() {
                if opened == limits.top_k {
                    continue;
                }
                opened += 1;
            }
            open.insert(flag.key.clone(), Incident::begin(flag, from, stored));
        }
    }
    done.extend(open.into_values());
    for incident in &mut done {
        incident.open = until - incident.last < limits.cool_down;
    }
    done.sort_by_key(|incident| (incident.first, incident.id));
    done
}

/// By score; what the forest finds odd too goes before what it doesn't.
fn rank(window: &mut [Flag]) {
    let weight = |flag: &Flag| flag.score * flag.opinion.as_ref().map_or(1.0, |o| 0.5 + o.score);
    window.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then_with(|| a.key.cmp(&b.key)));
}

impl Incident {
    fn begin(flag: Flag, from: i64, stored: Option<&Known>) -> Self {
        let first = stored.map_or(from, |stored| stored.first);
        let kind = flag.kind.name().to_owned();
        Self {
            id: stored.map_or_else(|| incident_id(&flag.key, &kind, first), |stored| stored.id),
            key: flag.key.clone(),
            kind,
            first,
            last: (from + WINDOW_S).max(stored.map_or(0, |stored| stored.last)),
            // Windows that this range judges again are not counted twice.
            windows: 1 + stored.map_or(0, |stored| windows_before(stored, from)),
            score: flag.score.max(stored.map_or(0.0, |stored| stored.score)),
            peak: flag,
            open: false,
        }
    }

    fn extend(&mut self, flag: Flag, from: i64) {
        self.last = self.last.max(from + WINDOW_S);
        self.windows += 1;
        self.score = self.score.max(flag.score);
        if flag.score > self.peak.score {
            flag.kind.name().clone_into(&mut self.kind);
            self.peak = flag;
        }
    }
}

fn windows_before(stored: &Known, from: i64) -> u32 {
    stored.windows.min(((from - stored.first) / WINDOW_S).max(0) as u32)
}

#[cfg(test)]
mod tests {
    use super::super::feature::{Feature, Kind};
    use super::*;

    fn flag(service: &str, at: usize, score: f32) -> Flag {
        Flag {
            key: EntityKey { host: "h".into(), service: service.into(), unit: "u".into() },
            kind: Kind::Of(Feature::Errors),
            at,
            score,
            readings: Vec::new(),
            opinion: None,
            history: 0,
            season: None,
            moved: Vec::new(),
        }
    }

    fn run(flags: Vec<Flag>, known: &[Known]) -> Vec<Incident> {
        incidents(flags, known, 0, 1_000 * WINDOW_S, Limits::default())
    }

    fn stored(incident: &Incident) -> Known {
        Known {
            id: incident.id,
            key: incident.key.clone(),
            first: incident.first,
            last: incident.last,
            score: incident.score,
            windows: incident.windows,
        }
    }

    #[test]
    fn windows_less_than_half_an_hour_apart_are_one_incident() {
        let all =
            run(vec![flag("a", 10, 1.0), flag("a", 12, 3.0), flag("a", 17, 2.0), flag("a", 30, 1.0)], &[]);
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].first, all[0].last, all[0].windows), (10 * 300, 18 * 300, 3));
        assert_eq!((all[0].peak.at, all[0].score.to_bits()), (12, 3.0_f32.to_bits()));
    }

    #[test]
    fn a_later_run_goes_on_with_the_stored_incident() {
        let first = run(vec![flag("a", 10, 2.0), flag("a", 11, 2.0)], &[]);
        let known = [stored(&first[0])];
        let again = run(vec![flag("a", 11, 2.0), flag("a", 14, 5.0)], &known);
        assert_eq!(again.len(), 1);
        assert_eq!((again[0].id, again[0].first, again[0].windows), (first[0].id, 10 * 300, 3));
        assert_eq!(again[0].last, 15 * 300);
    }

    #[test]
    fn judging_the_same_range_again_gives_the_same_incidents() {
        let flags = vec![flag("a", 10, 2.0), flag("b", 10, 4.0), flag("a", 12, 2.0), flag("a", 90, 2.0)];
        let first = run(flags.clone(), &[]);
        let known: Vec<Known> = first.iter().map(stored).collect();
        assert_eq!(run(flags, &known), first);
    }

    #[test]
    fn one_window_opens_only_the_oddest() {
        let flags: Vec<Flag> = (0_u8..9).map(|n| flag(&format!("s{n}"), 10, 1.0 + f32::from(n))).collect();
        let all = run(flags, &[]);
        assert_eq!(all.len(), 5);
        assert!(all.iter().all(|incident| incident.score >= 5.0));
    }

    #[test]
    fn an_incident_is_open_until_it_was_quiet_for_half_an_hour() {
        let open =
            |until| incidents(vec![flag("a", 10, 1.0)], &[], 0, until * WINDOW_S, Limits::default())[0].open;
        assert!(open(11) && open(16));
        assert!(!open(17));
    }
}
