//! From a journal entry to the common record. Pure: no journal, no clock.

use crate::entry::{Entry, Fields};
use log_model::{EventId, Level, LogRecord, normalise_unit};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// How far a client's own time may be from journald's to be believed. Beyond it one of the two clocks was wrong, and
/// journald's is the one that the order of the entries follows.
const MAX_CLOCK_DIFFERENCE_US: u64 = 3_600_000_000;

/// Longer values are not attributes but payloads (core dumps, environment dumps); Loki counts metadata of an entry
/// against 64 KiB.
const MAX_ATTR_BYTES: usize = 1024;

/// So many attributes of an application's own at most, for the same reason.
const MAX_OWN_ATTRS: usize = 32;

/// Fields of journald's own that are kept, and as what.
const KEPT: &[(&str, &str)] = &[
    ("CODE_FILE", "code_file"),
    ("CODE_LINE", "code_line"),
    ("CODE_FUNC", "code_func"),
    ("_PID", "pid"),
    ("_BOOT_ID", "boot_id"),
    ("_SYSTEMD_INVOCATION_ID", "invocation_id"),
    ("MESSAGE_ID", "message_id"),
    ("ERRNO", "errno"),
];

/// Fields that the record holds elsewhere, or that say nothing beyond it.
const USED: &[&str] = &[
    "MESSAGE",
    "PRIORITY",
    "SYSLOG_FACILITY",
    "SYSLOG_IDENTIFIER",
    "SYSLOG_PID",
    "SYSLOG_RAW",
    "SYSLOG_TIMESTAMP",
    "UNIT",
    "USER_UNIT",
];

/// The unit of systemd itself, which reports on others.
const MANAGER_UNIT: &str = "init.scope";

/// Makes the record of an entry. `host` is used where the entry does not name one.
///
/// The event id comes from what stays the same wherever the entry is stored (boot, both times, hash of the content),
/// so reading it again, even after journald moved it to another file, gives the same id.
pub fn to_record(entry: &Entry, host: &str) -> LogRecord {
    let fields = &entry.fields;
    let host = fields.text("_HOSTNAME").filter(|name| !name.is_empty()).unwrap_or(Cow::Borrowed(host));
    let source = format!(
        "journal:{}:{}:{}",
        entry.boot_id,
        entry.realtime_us,
        entry.cursor.content_hash().unwrap_or_default()
    );
    let unit = unit(fields);
    let mut attrs = attrs(fields);
    let priority = fields.text("PRIORITY");
    let level = priority.as_deref().and_then(syslog_level).unwrap_or(Level::Info);
    if let Some(raw) = priority.filter(|raw| syslog_level(raw).is_none()) {
        attrs.insert("level_raw".to_owned(), raw.into_owned());
    }
    let time_us = believable_source_time(entry).unwrap_or(entry.realtime_us);
    if time_us != entry.realtime_us {
        attrs.insert("journal_time_us".to_owned(), entry.realtime_us.to_string());
    }
    LogRecord {
        unit: normalise_unit(&unit),
        level,
        attrs,
        event_id: EventId::from_source(&host, &source, entry.monotonic_us, 0),
        ..LogRecord::new(nanos(time_us), host, service(fields, &unit), message(fields))
    }
}

/// The client's own time, if it is near enough to journald's.
fn believable_source_time(entry: &Entry) -> Option<u64> {
    let source: u64 = entry.fields.text("_SOURCE_REALTIME_TIMESTAMP")?.parse().ok()?;
    (source.abs_diff(entry.realtime_us) <= MAX_CLOCK_DIFFERENCE_US).then_some(source)
}

fn nanos(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX).saturating_mul(1000)
}

fn syslog_level(priority: &str) -> Option<Level> {
    Level::from_syslog(priority.trim().parse().ok()?)
}

/// All `MESSAGE` values, one below the other; usually there is one.
fn message(fields: &Fields) -> String {
    let lines: Vec<_> = fields.all("MESSAGE").map(String::from_utf8_lossy).collect();
    lines.join("\n")
}

/// The unit that the line is about. Lines of a manager are about the unit it manages; anyone can send `UNIT=`, so
/// only a manager is believed. Everything in a user's session runs below `user@N.service`, which says less than the
/// user's own unit.
fn unit(fields: &Fields) -> String {
    let get = |name: &str| fields.text(name).filter(|value| !value.is_empty());
    let (system, user) = (get("_SYSTEMD_UNIT"), get("_SYSTEMD_USER_UNIT"));
    let managed = match (system.as_deref(), user.as_deref()) {
        (Some(MANAGER_UNIT), _) => get("UNIT").or_else(|| get("USER_UNIT")),
        (_, Some(MANAGER_UNIT)) => get("USER_UNIT"),
        _ => None,
    };
    let own = match &system {
        Some(unit) if unit.starts_with("user@") => user.or(system),
        _ => system.or(user),
    };
    managed.or(own).unwrap_or_default().into_owned()
}

/// Who wrote it, for people.
fn service(fields: &Fields, unit: &str) -> String {
    if fields.get("_TRANSPORT") == Some(b"kernel") {
        return "kernel".to_owned();
    }
    let name = |field: &str| fields.text(field).filter(|value| !value.trim().is_empty());
    if let Some(identifier) = name("SYSLOG_IDENTIFIER") {
        // Some programs name themselves by their whole path.
        return identifier.rsplit('/').next().unwrap_or(&identifier).trim().to_owned();
    }
    if let Some(command) = name("_COMM") {
        // Nixpkgs' wrappers rename `foo` to `.foo-wrapped`, and the kernel cuts names at 15 bytes.
        let inner =
            command.strip_prefix('.').and_then(|inner| inner.split_once("-wrap")).map(|(inner, _)| inner);
        return inner.unwrap_or(&command).to_owned();
    }
    let normal = normalise_unit(unit);
    normal.rsplit_once('.').map_or(normal.as_str(), |(stem, _)| stem).trim_end_matches('@').to_owned()
}

/// Fields worth keeping: a few of journald's, and those that the application sent itself.
fn attrs(fields: &Fields) -> BTreeMap<String, String> {
    let mut attrs = BTreeMap::new();
    for (field, name) in KEPT {
        if let Some(value) = fields.text(field).filter(|value| !value.is_empty()) {
            attrs.insert((*name).to_owned(), value.into_owned());
        }
    }
    let own = fields.iter().filter(|(name, value)| {
        let trusted = name.starts_with('_');
        let known = USED.contains(name) || KEPT.iter().any(|(field, _)| field == name);
        !trusted && !known && !value.is_empty() && value.len() <= MAX_ATTR_BYTES
    });
    for (name, value) in own.take(MAX_OWN_ATTRS) {
        let value = String::from_utf8_lossy(value);
        attrs
            .entry(name.to_ascii_lowercase())
            // A field that was sent more than once keeps all its values.
            .and_modify(|all| {
                all.push('\n');
                all.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    attrs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Cursor, Id128};

    const REALTIME_US: u64 = 1_767_322_800_000_000;

    fn entry(fields: &[(&str, &str)]) -> Entry {
        Entry {
            realtime_us: REALTIME_US,
            monotonic_us: 5_000_000,
            boot_id: Id128([7; 16]),
            cursor: Cursor::new("s=1;i=2;b=07;m=4;t=5;x=abc"),
            seqnum: None,
            fields: fields.iter().map(|(name, value)| (*name, *value)).collect(),
        }
    }

    fn record(fields: &[(&str, &str)]) -> LogRecord {
        to_record(&entry(fields), "fallback")
    }

    #[test]
    fn a_service_line_gets_its_columns_and_attributes() {
        let record = record(&[
            ("_HOSTNAME", "homeMachine"),
            ("_SYSTEMD_UNIT", "nginx.service"),
            ("SYSLOG_IDENTIFIER", "nginx"),
            ("PRIORITY", "3"),
            ("MESSAGE", "upstream timed out"),
            ("_PID", "42"),
            ("_SYSTEMD_CGROUP", "/system.slice/nginx.service"),
            ("MESSAGE_ID", "fc2e22bc6ee647b6b90729ab34a250b1"),
            ("WINDOW", "2026-01-02T03:00Z"),
        ]);
        assert_eq!(record.ts, REALTIME_US as i64 * 1000);
        assert_eq!((record.host.as_str(), record.service.as_str()), ("homeMachine", "nginx"));
        assert_eq!((record.unit.as_str(), record.level), ("nginx.service", Level::Error));
        assert_eq!(record.message, "upstream timed out");
        let attrs: Vec<_> = record.attrs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            attrs,
            ["message_id=fc2e22bc6ee647b6b90729ab34a250b1", "pid=42", "window=2026-01-02T03:00Z"]
        );
    }

    #[test]
    fn the_clients_time_is_believed_within_an_hour() {
        let at = |offset: i64| {
            let source = REALTIME_US.saturating_add_signed(offset).to_string();
            record(&[("_SOURCE_REALTIME_TIMESTAMP", &source)])
        };
        let near = at(-3_600_000_000);
        assert_eq!(near.ts, (REALTIME_US as i64 - 3_600_000_000) * 1000);
        assert_eq!(near.attrs["journal_time_us"], REALTIME_US.to_string());
        let far = at(-3_600_000_001);
        assert_eq!(far.ts, REALTIME_US as i64 * 1000);
        assert!(far.attrs.is_empty());
        assert_eq!(record(&[("_SOURCE_REALTIME_TIMESTAMP", "soon")]).ts, REALTIME_US as i64 * 1000);
    }

    #[test]
    fn the_unit_is_the_one_the_line_is_about() {
        let unit = |fields: &[(&str, &str)]| record(fields).unit;
        let manager = ("_SYSTEMD_UNIT", "init.scope");
        assert_eq!(unit(&[manager, ("UNIT", "nginx.service")]), "nginx.service");
        assert_eq!(unit(&[manager]), "init.scope");
        let user = ("_SYSTEMD_UNIT", "user@1000.service");
        assert_eq!(unit(&[user, ("_SYSTEMD_USER_UNIT", "syncthing.service")]), "syncthing.service");
        assert_eq!(
            unit(&[user, ("_SYSTEMD_USER_UNIT", "init.scope"), ("USER_UNIT", "emacs.service")]),
            "emacs.service"
        );
        assert_eq!(unit(&[user]), "user@.service");
        assert_eq!(unit(&[("_SYSTEMD_UNIT", "session-42.scope")]), "session.scope");
        let pretender = [("_SYSTEMD_UNIT", "evil.service"), ("UNIT", "sshd.service")];
        assert_eq!(unit(&pretender), "evil.service", "only the manager speaks for others");
    }

    #[test]
    fn the_service_is_named_by_the_best_field_there_is() {
        let service = |fields: &[(&str, &str)]| record(fields).service;
        assert_eq!(service(&[("_TRANSPORT", "kernel"), ("SYSLOG_IDENTIFIER", "x")]), "kernel");
        assert_eq!(
            service(&[("SYSLOG_IDENTIFIER", "/usr/lib/gdm-x-session"), ("_COMM", "x")]),
            "gdm-x-session"
        );
        assert_eq!(service(&[("_COMM", ".grafana-wrappe"), ("_SYSTEMD_UNIT", "x.service")]), "grafana");
        assert_eq!(service(&[("_COMM", "loki")]), "loki");
        assert_eq!(service(&[("_SYSTEMD_UNIT", "getty@tty1.service")]), "getty");
        assert_eq!(service(&[]), "");
    }

    #[test]
    fn a_missing_or_odd_priority_is_info_and_kept() {
        assert_eq!(record(&[]).level, Level::Info);
        let odd = record(&[("PRIORITY", "9")]);
        assert_eq!((odd.level, odd.attrs["level_raw"].as_str()), (Level::Info, "9"));
    }

    #[test]
    fn binary_messages_and_repeated_fields_are_read_as_well_as_can_be() {
        let mut entry = entry(&[("TAG", "a"), ("TAG", "b"), ("MESSAGE", "one"), ("MESSAGE", "two")]);
        let text = to_record(&entry, "h");
        assert_eq!((text.message.as_str(), text.attrs["tag"].as_str()), ("one\ntwo", "a\nb"));
        entry.fields = Fields::from_iter([("MESSAGE", b"caf\xe9".to_vec())]);
        assert_eq!(to_record(&entry, "h").message, "caf\u{fffd}");
    }

    #[test]
    fn payloads_are_not_attributes() {
        let dump = "x".repeat(MAX_ATTR_BYTES + 1);
        assert!(record(&[("COREDUMP", &dump)]).attrs.is_empty());
        let names: Vec<_> = (0..100).map(|i| format!("FIELD_{i:03}")).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), "x")).collect();
        assert_eq!(record(&many).attrs.len(), MAX_OWN_ATTRS);
    }

    #[test]
    fn the_id_survives_a_move_to_another_file_and_tells_equal_lines_apart() {
        let first = entry(&[("MESSAGE", "x")]);
        let moved = Entry { cursor: Cursor::new("s=9;i=9;b=07;m=4;t=5;x=abc"), ..first.clone() };
        assert_eq!(to_record(&first, "h").event_id, to_record(&moved, "h").event_id);
        let later = Entry { monotonic_us: first.monotonic_us + 1, ..first.clone() };
        assert_ne!(to_record(&first, "h").event_id, to_record(&later, "h").event_id);
        assert_ne!(to_record(&first, "h").event_id, to_record(&first, "other").event_id);
    }

    #[test]
    fn the_host_of_the_entry_wins() {
        assert_eq!(record(&[("_HOSTNAME", "own")]).host, "own");
        assert_eq!(record(&[("_HOSTNAME", "")]).host, "fallback");
    }
}
