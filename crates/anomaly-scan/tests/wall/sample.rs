//! A believable day of a home lab, always the same.

use anomaly_scan::wall::{LinksConfig, Range, Rows, Wall, build};
use chrono::{DateTime, Utc};
use log_store::rows::Anomaly;
use log_store::{EntityAge, Freshness, LaneCount, TemplateTotal};
use serde_json::{Value, json};

/// The end of the day: 2026-11-22, 21:10 UTC, a Sunday.
pub(crate) const END: i64 = 1_795_381_800;
const DAY: i64 = 86_400;

const HOME: &str = "homeMachine";
const DESKTOP: &str = "nixos-desktop";
const ROUTER: &str = "rb5009";

/// Host, service, lines a minute, part of it that comes and goes with the day.
const SERVICES: [(&str, &str, f64, f64); 14] = [
    (HOME, "nginx", 3.6, 0.5),
    (HOME, "photo-api", 2.0, 0.5),
    (HOME, "bookshelf", 1.4, 0.4),
    (HOME, "sshd", 0.3, 0.0),
    (HOME, "systemd", 0.2, 0.0),
    (HOME, "home-assistant", 1.0, 0.0),
    (HOME, "postgres", 0.7, 0.1),
    (HOME, "restic-backup", 0.4, 0.0),
    (DESKTOP, "feed-reader", 1.0, 0.4),
    (DESKTOP, "jellyfin", 0.7, 0.6),
    (DESKTOP, "sanoid", 0.3, 0.0),
    (DESKTOP, "smartd", 0.1, 0.0),
    (ROUTER, "firewall", 1.3, 0.2),
    (ROUTER, "dhcp", 0.12, 0.3),
];

pub(crate) fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).expect("a second of this century")
}

/// The last day, three weeks after the first line.
pub(crate) fn day(columns: usize) -> Wall {
    let range = Range::new(END - DAY, END, columns);
    build(time(END), range, day_rows(range), &links())
}

/// The same without an incident.
pub(crate) fn quiet(columns: usize) -> Wall {
    let range = Range::new(END - DAY, END, columns);
    build(time(END), range, Rows { anomalies: Vec::new(), ..day_rows(range) }, &LinksConfig::default())
}

/// A home lab that is watched since this morning.
pub(crate) fn learning(columns: usize) -> Wall {
    let range = Range::new(END - DAY, END, columns);
    let morning = END - 11 * 3600;
    let rows = day_rows(range);
    let ages = rows.ages.into_iter().map(|age| EntityAge { first_minute: morning, ..age }).collect();
    let counts = rows.counts.into_iter().filter(|count| count.start >= morning).collect();
    let template = |id: u64, service: &str, level: &str, pattern: &str, cnt: u64| TemplateTotal {
        id,
        service: service.to_owned(),
        level: level.to_owned(),
        pattern: pattern.to_owned(),
        cnt,
    };
    let templates = vec![
        template(0xa1, "nginx", "info", "<*> - - \"GET <*> HTTP/1.1\" 200 <*>", 1893),
        template(0xa2, "photo-api", "info", "thumbnail <*> made in <*> ms", 1204),
        template(
            0xa3,
            "firewall",
            "notice",
            "input: in:ether1 out:(none), proto TCP (SYN), <*>-><*>, len 44",
            811,
        ),
        template(0xa4, "home-assistant", "info", "Updating <*> sensor took <*> seconds", 655),
        template(0xa5, "sshd", "error", "Failed password for invalid user <*> from <*> port <*> ssh2", 97),
    ];
    let rows = Rows { anomalies: Vec::new(), counts, ages, templates, ..rows };
    build(time(END), range, rows, &LinksConfig::default())
}

/// Names and texts that somebody chose to break the page.
pub(crate) fn hostile(columns: usize) -> Wall {
    let range = Range::new(END - DAY, END, columns);
    let mut rows = day_rows(range);
    let evil =
        "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";
    let mut incident = incident(9, "new_template", HOME, evil, 99.0, (-30, 0), &json!({}));
    incident.unit = evil.into();
    incident.feature = evil.into();
    incident.details = details(
        &json!({
            "reason": evil,
            "measure": evil,
            "template": { "id": "00000000000000ee", "text": evil, "example": evil },
            "candidates": [
                { "kind": "template", "text": evil, "template_id": "ee", "observed": 2.0, "expected": 0.0 },
                { "kind": "restart", "text": evil, "at": evil },
                { "kind": "co_anomaly", "text": evil, "anomaly_id": evil, "service": evil, "host": evil },
            ],
            "contributions": [
                { "feature": evil, "observed": 1.0, "expected": 0.0, "score": 2.0, "share": 0.6 },
                { "feature": "\u{202e}drawkcab", "observed": 1.0, "expected": 0.0, "score": 2.0, "share": 0.4 },
            ],
            "baseline": { "windows": 6, "days": 2.0, "season": evil },
        }),
        (HOME, evil),
        (END - 1800, END),
    );
    rows.anomalies.push(incident);
    rows.counts.push(LaneCount {
        start: range.from,
        host: evil.into(),
        service: evil.into(),
        cnt: 1,
        err: 0,
    });
    rows.templates.push(TemplateTotal {
        id: 1,
        service: evil.into(),
        level: evil.into(),
        pattern: evil.into(),
        cnt: 1,
    });
    build(time(END), range, rows, &links())
}

fn links() -> LinksConfig {
    LinksConfig {
        grafana_url: Some("http://homeMachine:3000".into()),
        alertmanager_url: Some("http://homeMachine:9093".into()),
        ..LinksConfig::default()
    }
}

pub(crate) fn day_rows(range: Range) -> Rows {
    let ages = SERVICES.iter().enumerate().map(|(i, (host, service, ..))| EntityAge {
        host: (*host).to_owned(),
        service: (*service).to_owned(),
        // One service is new.
        first_minute: if *service == "bookshelf" { END - 2 * DAY } else { END - 21 * DAY - i as i64 * 600 },
    });
    Rows {
        anomalies: incidents(),
        counts: counts(range),
        ages: ages.collect(),
        templates: Vec::new(),
        freshness: Freshness { last_scan: Some((END - 95) * 1_000_000), newest_minute: Some(END - 180) },
    }
}

fn counts(range: Range) -> Vec<LaneCount> {
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        (noise >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut counts = Vec::new();
    for (host, service, rate, season) in SERVICES {
        let mut columns = std::collections::BTreeMap::<i64, (u64, u64)>::new();
        for minute in 0..DAY / 60 {
            let at = END - DAY + minute * 60;
            let hour = (at % DAY) as f64 / 3600.0;
            let usual = rate * (1.0 + season * ((hour - 20.0) / 24.0 * std::f64::consts::TAU).cos());
            let before_end = DAY / 60 - minute;
            let lines = match service {
                "restic-backup" if !(500..565).contains(&before_end) && at / 60 % 60 == 7 => rate * 60.0,
                "sanoid" if at / 60 % 15 == 0 => rate * 15.0,
                "restic-backup" | "sanoid" => 0.0,
                "postgres" if before_end <= 50 => usual + 60.0 * (0.6 + 0.4 * random()),
                "photo-api" if before_end <= 45 => usual * 1.5,
                "sshd" if (325..350).contains(&before_end) => 38.0,
                "feed-reader" if (205..240).contains(&before_end) => usual * 14.0,
                _ => usual,
            };
            let lines = (lines * (0.4 + 1.2 * random()) + random()) as u64;
            let column =
                columns.entry(range.from + (at - range.from) / range.step_s * range.step_s).or_default();
            column.0 += lines;
            if service == "postgres" && before_end <= 50 {
                column.1 += lines * 9 / 10;
            }
        }
        counts.extend(columns.into_iter().filter(|(_, (cnt, _))| *cnt > 0).map(|(start, (cnt, err))| {
            LaneCount { start, host: host.to_owned(), service: service.to_owned(), cnt, err }
        }));
    }
    counts
}

/// From and to are minutes from the end.
fn incident(
    id: u64,
    kind: &str,
    host: &str,
    service: &str,
    score: f32,
    (from, to): (i64, i64),
    differences: &Value,
) -> Anomaly {
    let (start, end) = (END + from * 60, END + to * 60);
    let number = |key: &str| differences[key].as_f64().unwrap_or(0.0);
    Anomaly {
        detected_at: end * 1000,
        window_start: start as u32,
        window_end: end as u32,
        host: host.to_owned(),
        service: service.to_owned(),
        anomaly_type: kind.to_owned(),
        score,
        observed: number("observed"),
        expected: number("expected"),
        feature: differences["feature"].as_str().unwrap_or_default().to_owned(),
        details: details(differences, (host, service), (start, end)),
        id: 0x9f3c_0a1b_2c3d_4e00 + id,
        unit: format!("{service}.service"),
        state: if to == 0 { "open" } else { "closed" }.to_owned(),
        template_id: 0,
        links: Vec::new(),
        updated_at: (END - 95) * 1_000_000,
    }
}

fn details(differences: &Value, (host, service): (&str, &str), (start, end): (i64, i64)) -> String {
    let (observed, expected) = (&differences["observed"], &differences["expected"]);
    let ratio = match (observed.as_f64(), expected.as_f64()) {
        (Some(observed), Some(expected)) if expected > 0.0 => json!(observed / expected),
        _ => Value::Null,
    };
    let sql = |t: i64| time(t).format("%F %T").to_string();
    let range = format!("ts >= '{}' AND ts < '{}'", sql(start - 600), sql(end + 600));
    let minutes = range.replace("ts ", "minute ");
    let mut details = json!({
        "version": 1, "reason": "", "feature": "count", "measure": "lines / 5 min", "direction": "high",
        "observed": 0.0, "expected": 0.0, "ratio": ratio, "percentile": 99.98, "peak_score": 1.0,
        "peak_at": time(start).to_rfc3339(), "windows": (end - start) / 300,
        "baseline": { "windows": 6048, "days": 21.0, "season": "hour of week" },
        "contributions": [], "forest": null, "template": null, "candidates": [],
        "links": {
            "rows_sql": format!(
                "SELECT ts, level, message FROM logs.app_logs\nWHERE service = '{service}' AND host = '{host}'\n  AND {range}\nORDER BY ts LIMIT 500"
            ),
            "minutes_sql": format!(
                "SELECT minute, cnt, err, s5xx, avg_latency FROM logs.app_logs_1min\nWHERE service = '{service}' AND host = '{host}'\n  AND {minutes}\nORDER BY minute"
            ),
            "logql": format!("{{host=\"{host}\", service=\"{service}\"}}"),
            "from": time(start - 600).to_rfc3339(), "to": time(end + 600).to_rfc3339(),
        },
    });
    for (key, value) in differences.as_object().expect("an object") {
        details[key] = value.clone();
    }
    details.to_string()
}

fn incidents() -> Vec<Anomaly> {
    let mut incidents = going_on();
    incidents.extend(over());
    incidents
}

fn going_on() -> Vec<Anomaly> {
    vec![
        incident(
            1,
            "error_burst",
            HOME,
            "postgres",
            14.2,
            (-50, 0),
            &json!({
                "reason": "postgres on homeMachine logged 271 error lines in 5 minutes; 0.2 were expected on a Sunday evening.",
                "feature": "errors", "observed": 271.0, "expected": 0.2, "percentile": 99.99,
                "template": {
                    "id": "5ad01c88e2f3b901",
                    "text": "could not extend file <*>: No space left on device",
                    "example": "could not extend file \"base/16384/24597\": No space left on device",
                },
                "candidates": [
                    {
                        "kind": "template", "text": "could not extend file <*>: No space left on device",
                        "template_id": "5ad01c88e2f3b901", "observed": 264.0, "expected": 0.0,
                    },
                    { "kind": "restart", "text": "Started restic-backup.service", "at": "2026-11-22T20:07:02Z" },
                    {
                        "kind": "co_anomaly", "text": "server errors of photo-api on homeMachine",
                        "anomaly_id": "9f3c0a1b2c3d4e02", "service": "photo-api", "host": HOME,
                    },
                ],
                "contributions": [
                    { "feature": "errors", "observed": 271.0, "expected": 0.2, "score": 14.2, "share": 0.78 },
                    { "feature": "count", "observed": 298.0, "expected": 3.6, "score": 4.0, "share": 0.22 },
                ],
            }),
        ),
        incident(
            2,
            "server_errors",
            HOME,
            "photo-api",
            8.6,
            (-45, 0),
            &json!({
                "reason": "photo-api on homeMachine answered 38 requests with a 5xx status in 5 minutes; it hardly ever does.",
                "feature": "s5xx", "measure": "responses / 5 min", "observed": 38.0, "expected": 0.1,
                "candidates": [{
                    "kind": "co_anomaly", "text": "error burst of postgres on homeMachine",
                    "anomaly_id": "9f3c0a1b2c3d4e01", "service": "postgres", "host": HOME,
                }],
            }),
        ),
    ]
}

fn over() -> Vec<Anomaly> {
    vec![
        incident(
            3,
            "template_surge",
            HOME,
            "sshd",
            5.3,
            (-350, -325),
            &json!({
                "reason": "“Failed password for invalid user <*> from <*> port <*> ssh2” came 181 times in 5 minutes from sshd on homeMachine; 0.6 times is usual.",
                "feature": "template_count", "observed": 181.0, "expected": 0.6,
                "template": {
                    "id": "1b7c9920ffe0a412",
                    "text": "Failed password for invalid user <*> from <*> port <*> ssh2",
                    "example": "Failed password for invalid user admin from 203.0.113.77 port 51522 ssh2",
                },
            }),
        ),
        incident(
            4,
            "missed_job",
            HOME,
            "restic-backup",
            3.1,
            (-545, -540),
            &json!({
                "reason": "restic-backup on homeMachine runs every hour at minute 7; at 12:07 UTC it did not.",
                "feature": "schedule", "direction": "missing", "observed": 0.0, "expected": 24.0,
            }),
        ),
        incident(
            5,
            "new_template",
            DESKTOP,
            "jellyfin",
            2.2,
            (-110, -80),
            &json!({
                "reason": "jellyfin on nixos-desktop says something it never said in three weeks: “Failed to open /dev/dri/renderD128: <*>”.",
                "feature": "template_new", "direction": "new", "observed": 6.0, "expected": 0.0, "ratio": null,
                "template": {
                    "id": "7710ac5532c0d2f9", "text": "Failed to open /dev/dri/renderD128: <*>",
                    "example": "Failed to open /dev/dri/renderD128: No such file or directory",
                },
                "candidates": [{
                    "kind": "restart", "text": "switching to system configuration 412", "at": "2026-11-22T19:18:40Z",
                }],
            }),
        ),
        incident(
            6,
            "traffic_spike",
            DESKTOP,
            "feed-reader",
            1.6,
            (-240, -205),
            &json!({
                "reason": "feed-reader on nixos-desktop wrote 71 lines in 5 minutes; 5 are usual on a Sunday afternoon.",
                "observed": 71.0, "expected": 5.0,
            }),
        ),
    ]
}
