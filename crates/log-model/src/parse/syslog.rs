//! Syslog: RFC 5424, RFC 3164 (with or without priority), and what `RouterOS` sends.

use super::LineContext;
use crate::{Level, LogRecord, time};

pub(super) fn parse(context: &LineContext<'_>, line: &str) -> Option<LogRecord> {
    let (priority, rest) = priority(line);
    let record = priority
        .and_then(|_| rfc5424(context, rest))
        .or_else(|| rfc3164(context, rest))
        .or_else(|| routeros(context, rest));
    let mut record = match record {
        Some(record) => record,
        // A priority alone is enough to call it syslog.
        None if priority.is_some() => context.record(rest),
        None => return None,
    };
    if let Some(priority) = priority {
        if let Some(level) = Level::from_syslog(priority & 7) {
            record.level = level;
        }
        record.attrs.insert("facility".to_owned(), (priority >> 3).to_string());
    }
    Some(record)
}

/// `<n>` in front, n at most 191.
fn priority(line: &str) -> (Option<u8>, &str) {
    if let Some((digits, rest)) = line.strip_prefix('<').and_then(|rest| rest.split_once('>'))
        && digits.len() <= 3
        && let Ok(number @ 0..=191) = digits.parse()
    {
        return (Some(number), rest);
    }
    (None, line)
}

/// `1 TIME HOST APP PID MSGID [SD]… MESSAGE` (RFC 5424 §6).
fn rfc5424(context: &LineContext<'_>, text: &str) -> Option<LogRecord> {
    let mut words = text.strip_prefix("1 ")?.splitn(6, ' ');
    let mut word = || words.next();
    let (stamp, host, app, pid, message_id, rest) = (word()?, word()?, word()?, word()?, word()?, word()?);
    let mut record = context.record("");
    if stamp != "-" {
        record.ts = time::parse(stamp)?;
    }
    let message = structured_data(&mut record, rest)?;
    message.trim_start_matches('\u{feff}').clone_into(&mut record.message);
    if host != "-" {
        host.clone_into(&mut record.host);
    }
    if app != "-" {
        name_service(&mut record, context, app);
    }
    for (name, value) in [("pid", pid), ("msgid", message_id)] {
        if value != "-" {
            record.attrs.insert(name.to_owned(), value.to_owned());
        }
    }
    Some(record)
}

/// Takes `-` or `[id name="value" …]…` off the front; returns what follows.
fn structured_data<'a>(record: &mut LogRecord, text: &'a str) -> Option<&'a str> {
    if let Some(rest) = text.strip_prefix('-') {
        return Some(rest.strip_prefix(' ').unwrap_or(rest));
    }
    let mut rest = text;
    while let Some(element) = rest.strip_prefix('[') {
        let id_end = element.find([' ', ']'])?;
        let id = element[..id_end].split('@').next().unwrap_or_default();
        let mut params = &element[id_end..];
        while let Some(param) = params.strip_prefix(' ') {
            let (name, after) = param.split_once("=\"")?;
            let mut value = String::new();
            let mut chars = after.char_indices();
            let end = loop {
                match chars.next()? {
                    (_, '\\') => value.push(chars.next()?.1),
                    (at, '"') => break at,
                    (_, c) => value.push(c),
                }
            };
            record.attrs.insert(crate::wire::metadata_name(&format!("{id}_{name}")), value);
            params = &after[end + 1..];
        }
        rest = params.strip_prefix(']')?;
    }
    (rest.len() < text.len()).then(|| rest.strip_prefix(' ').unwrap_or(rest))
}

/// `Mmm dd hh:mm:ss HOST TAG[PID]: MESSAGE` (RFC 3164 §4). The year is the one that puts the line nearest
/// to its arrival. Also with an RFC 3339 time, as rsyslog and journald's export write it.
fn rfc3164(context: &LineContext<'_>, text: &str) -> Option<LogRecord> {
    let (ts, rest) = bsd_time(text, context.received).or_else(|| iso_time(text))?;
    let (host, rest) = rest.trim_start().split_once(' ')?;
    let mut record = context.record(rest);
    record.ts = ts;
    host.clone_into(&mut record.host);
    if let Some((tag, message)) = tag(rest) {
        message.clone_into(&mut record.message);
        let (name, pid) = tag.split_once('[').unwrap_or((tag, ""));
        let name = name.split_once('(').map_or(name, |(name, module)| {
            record.attrs.insert("module".to_owned(), module.trim_end_matches(')').to_owned());
            name
        });
        name_service(&mut record, context, name);
        if let Some(pid) = pid.strip_suffix(']') {
            record.attrs.insert("pid".to_owned(), pid.to_owned());
        }
    } else if let Some(from_router) = routeros(context, rest) {
        // A syslog daemon puts time and sender before what a router without `bsd-syslog` sends.
        record = LogRecord { ts, host: record.host, ..from_router };
    }
    Some(record)
}

fn bsd_time(text: &str, near: i64) -> Option<(i64, &str)> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (stamp, rest) = text.split_at_checked(15)?;
    let month = MONTHS.iter().position(|month| stamp.starts_with(month))? as u32 + 1;
    let number = |range: std::ops::Range<usize>| stamp.get(range)?.trim_start().parse::<u32>().ok();
    let (day, h, m, s) = (number(4..6)?, number(7..9)?, number(10..12)?, number(13..15)?);
    Some((time::nearest_year(month, day, (h, m, s), near)?, rest))
}

fn iso_time(text: &str) -> Option<(i64, &str)> {
    let (stamp, rest) = text.split_once(' ')?;
    // Only with zone and `T`: an application's own line may start with a time as well.
    let zoned = stamp.contains('T') && (stamp.ends_with('Z') || stamp.rfind(['+', '-']) > Some(10));
    // A header goes on with a host and a tag; a level in the host's place is an application's line.
    let host = rest.split(' ').next()?;
    (zoned && Level::parse(host).is_none() && tag(rest.split_once(' ')?.1).is_some())
        .then(|| time::parse(stamp))
        .flatten()
        .map(|ts| (ts, rest))
}

/// `name[pid]: message`; a name has no blanks.
fn tag(text: &str) -> Option<(&str, &str)> {
    let (tag, message) = text.split_once(':')?;
    let valid = !tag.is_empty() && tag.len() <= 64 && !tag.contains(char::is_whitespace);
    valid.then(|| (tag, message.strip_prefix(' ').unwrap_or(message)))
}

/// A name in the line wins over the one assumed, and so does its unit.
fn name_service(record: &mut LogRecord, context: &LineContext<'_>, name: &str) {
    if name != context.service && !name.is_empty() {
        name.clone_into(&mut record.service);
        record.unit.clear();
    }
}

/// The default remote format of `RouterOS`: `topic,topic,… message`. The service is the first topic; the
/// level is the last of the topics that names one.
fn routeros(context: &LineContext<'_>, text: &str) -> Option<LogRecord> {
    const TOPICS: [&str; 24] = [
        "account",
        "backup",
        "bridge",
        "caps",
        "certificate",
        "dhcp",
        "dns",
        "firewall",
        "health",
        "hotspot",
        "interface",
        "ipsec",
        "l2tp",
        "ntp",
        "ospf",
        "ppp",
        "pppoe",
        "route",
        "script",
        "snmp",
        "ssh",
        "system",
        "wireguard",
        "wireless",
    ];
    let (topics, message) = text.split_once(' ')?;
    let list: Vec<&str> = topics.split(',').collect();
    let known = list.iter().any(|topic| TOPICS.contains(topic));
    if list.len() < 2 || !known || list.iter().any(|topic| topic.is_empty()) {
        return None;
    }
    let mut record = context.record(message);
    name_service(&mut record, context, list[0]);
    if let Some(level) = list.iter().rev().find_map(|topic| Level::parse(topic)) {
        record.level = level;
    }
    record.attrs.insert("topics".to_owned(), topics.to_owned());
    Some(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEAR: i64 = 1_790_000_000 * time::SECOND;

    fn parse_one(line: &str) -> Option<LogRecord> {
        parse(&LineContext { host: "h", service: "syslog", unit: "", received: NEAR }, line)
    }

    #[test]
    fn rfc5424_with_structured_data() {
        let line = r#"<165>1 2026-09-21T10:00:00.003Z web app 71 ID47 [ex@32473 iut="3" q="a\"]b"][x y="z"] An event"#;
        let record = parse_one(line).unwrap();
        assert_eq!((record.host.as_str(), record.service.as_str()), ("web", "app"));
        assert_eq!((record.level, record.message.as_str()), (Level::Notice, "An event"));
        for (name, value) in
            [("ex_iut", "3"), ("ex_q", "a\"]b"), ("x_y", "z"), ("pid", "71"), ("facility", "20")]
        {
            assert_eq!(record.attrs[name], value, "{name}");
        }
    }

    #[test]
    fn rfc3164_with_and_without_its_optional_parts() {
        for (line, host, service, message) in [
            ("<30>Sep  1 01:02:03 gw dhcpd[71]: lease", "gw", "dhcpd", "lease"),
            ("Sep 21 01:02:03 gw kernel: usb 1-1: reset", "gw", "kernel", "usb 1-1: reset"),
            ("<30>Sep 21 01:02:03 MikroTik user eva logged in", "MikroTik", "syslog", "user eva logged in"),
            ("2026-09-21T01:02:03+09:00 gw sshd[1]: bye", "gw", "sshd", "bye"),
            (
                "Sep 21 01:02:03 gw firewall,info drop input: in:ether1",
                "gw",
                "firewall",
                "drop input: in:ether1",
            ),
            ("<13>words alone", "h", "syslog", "words alone"),
        ] {
            let record = parse_one(line).unwrap();
            assert_eq!(
                (record.host.as_str(), record.service.as_str(), record.message.as_str()),
                (host, service, message),
                "{line}"
            );
        }
    }

    #[test]
    fn routeros_topics_give_service_and_level() {
        let record = parse_one("<30>dhcp,critical,error pool <lan> is empty").unwrap();
        assert_eq!(
            (record.service.as_str(), record.attrs["topics"].as_str()),
            ("dhcp", "dhcp,critical,error")
        );
        let record = parse_one("system,error,critical login failure for user admin from 192.0.2.1").unwrap();
        assert_eq!((record.service.as_str(), record.level), ("system", Level::Critical));
        assert!(parse_one("one,two three").is_none());
    }
}
