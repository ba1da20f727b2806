//! The wall as one HTML file that needs nothing else: no network, no fonts, no server.
//!
//! The list works without a script; the script adds what a pointer shows, local times and the choice of colours.
//! A content security policy allows exactly our own style and script, by their hashes, so that nothing that a log
//! line brings along could run even if it were not escaped. The policy also forbids `style` attributes: sizes that
//! depend on data are SVG attributes.

mod escape;
mod incidents;
mod lanes;

use super::model::{State, Wall};
use super::words;
use chrono::{DateTime, Utc};
use escape::{Esc, csp_hash, script_json};
use serde_json::json;
use std::fmt::{self, Write as _};

const STYLE: &str = include_str!("../page/wall.css");
const SCRIPT: &str = include_str!("../page/wall.js");
/// The character 櫓 on a seal; its outline is that of Noto Serif CJK (SIL Open Font License 1.1).
const SEAL: &str = include_str!("../page/seal.svg");

/// Draws the wall.
pub fn render(wall: &Wall) -> String {
    let mut page = String::with_capacity(64 * 1024);
    // Writing to a String cannot fail.
    let _ = document(&mut page, wall);
    page
}

fn document(page: &mut String, wall: &Wall) -> fmt::Result {
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\" data-theme=\"auto\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src {}; \
         script-src {}; img-src data:; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{} · Yagura 櫓</title>\n<link rel=\"icon\" href=\"data:image/svg+xml,{}\">\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<div class=\"page\">\n",
        csp_hash(STYLE),
        csp_hash(SCRIPT),
        Esc(&headline(wall).0),
        favicon(),
    )?;
    top(page)?;
    page.push_str("<main>\n");
    lead(page, wall)?;
    facts(page, wall)?;
    if !wall.lanes.is_empty() {
        lanes::section(page, wall)?;
    }
    if !wall.incidents.is_empty() {
        incidents::section(page, wall)?;
    }
    if !wall.templates.is_empty() {
        messages(page, wall)?;
    }
    page.push_str("</main>\n");
    foot(page, wall)?;
    write!(
        page,
        "</div>\n<div id=\"tip\" aria-hidden=\"true\" hidden></div>\n\
         <script type=\"application/json\" id=\"wall-data\">{}</script>\n<script>{SCRIPT}</script>\n\
         </body>\n</html>\n",
        script_json(&data(wall))
    )
}

fn top(page: &mut String) -> fmt::Result {
    write!(
        page,
        "<a class=\"skip\" href=\"#incidents\">Skip to the incidents</a>\n<header class=\"top\">{}\
         <div class=\"brand\">Yagura 櫓<small>The anomaly wall</small></div>\
         <div class=\"controls js-only\"><button type=\"button\" id=\"zone\" hidden>UTC</button> \
         <button type=\"button\" id=\"theme\">Auto</button></div></header>\n",
        SEAL.trim_end()
    )
}

/// What matters: the part said plainly, and the part said with emphasis.
fn headline(wall: &Wall) -> (String, Option<String>) {
    if let State::Learning { since, .. } = wall.state {
        return match since {
            None => ("No lines yet.".to_owned(), None),
            Some(_) => ("Still learning what is normal.".to_owned(), None),
        };
    }
    let range = words::stretch((wall.to - wall.from).num_seconds());
    let incidents = words::counted(wall.incidents.len(), "incident");
    match (wall.incidents.len(), wall.open()) {
        (0, _) => (format!("All quiet in {range}."), None),
        (1, 0) => (format!("One incident in {range}, and it is over."), None),
        (1, _) => (format!("One incident in {range}."), Some("It is still going on.".to_owned())),
        (_, 0) => (format!("{incidents} in {range}, all of them over."), None),
        (n, open) if n == open => {
            (format!("{incidents} in {range}."), Some("All still going on.".to_owned()))
        }
        (_, open) => (format!("{incidents} in {range}."), Some(format!("{open} still going on."))),
    }
}

fn lead(page: &mut String, wall: &Wall) -> fmt::Result {
    let (plain, strong) = headline(wall);
    write!(page, "<section class=\"lead\"><h1>{}", Esc(&plain))?;
    if let Some(strong) = strong {
        write!(page, " <em>{}</em>", Esc(&strong))?;
    }
    page.push_str("</h1>\n");
    match (wall.state, wall.incidents.first()) {
        (State::Learning { since: Some(since), needed_s }, _) => {
            let known = (wall.to - since).num_seconds().clamp(0, needed_s);
            let share = known as f64 / needed_s.max(1) as f64 * 100.0;
            write!(
                page,
                "<p>Judging takes {} of history; the oldest service has {}. Until then the wall shows what \
                 arrives, and only those incidents that need no history.</p>\n\
                 <svg class=\"progress\" role=\"img\" aria-label=\"{share:.0} percent\">\
                 <rect class=\"rail\" width=\"100%\" height=\"8\" rx=\"4\"/>\
                 <rect class=\"done\" width=\"{share:.1}%\" height=\"8\" rx=\"4\"/></svg>\n",
                words::stretch(needed_s),
                words::stretch(known),
            )?;
        }
        (State::Learning { since: None, .. }, _) => {
            page.push_str("<p>As soon as lines arrive in ClickHouse, they show up here.</p>\n");
        }
        (State::Ready, Some(oddest)) => {
            writeln!(
                page,
                "<p>The oddest, <a href=\"#i-{}\"><b>{}</b></a>: {}</p>",
                oddest.id,
                Esc(&lower(&words::title(&oddest.kind))),
                Esc(&oddest.reason)
            )?;
        }
        (State::Ready, None) => {
            let services = words::counted(wall.health.services, "service");
            writeln!(page, "<p>{services} behaved as at this hour of other weeks.</p>")?;
        }
    }
    page.push_str("</section>\n");
    Ok(())
}

fn facts(page: &mut String, wall: &Wall) -> fmt::Result {
    let health = &wall.health;
    page.push_str("<dl class=\"facts\">\n");
    writeln!(
        page,
        "<div><dt>Shown, in <span class=\"zone\">UTC</span></dt><dd>{} – {}</dd></div>",
        Time(wall.from, Form::Full),
        Time(wall.to, Form::Since(wall.from))
    )?;
    let fact = |page: &mut String, name: &str, value: fmt::Arguments<'_>| {
        writeln!(page, "<div><dt>{name}</dt><dd>{value}</dd></div>")
    };
    fact(page, "Services", format_args!("{}", health.services))?;
    let rows = i64::try_from(health.rows).unwrap_or(i64::MAX);
    fact(page, "Lines", format_args!("{}", words::grouped(rows)))?;
    if let Some(lag) = health.lag_s {
        fact(page, "Newest line", format_args!("{}", words::age(lag)))?;
    }
    match health.last_scan {
        Some(at) => fact(page, "Last scan", format_args!("{}", Time(at, Form::Since(wall.to))))?,
        None => fact(page, "Last scan", format_args!("none yet"))?,
    }
    if health.muted > 0 {
        fact(page, "Muted", format_args!("{}", words::counted(health.muted, "incident")))?;
    }
    page.push_str("</dl>\n");
    Ok(())
}

fn messages(page: &mut String, wall: &Wall) -> fmt::Result {
    page.push_str(
        "<section class=\"messages\" aria-labelledby=\"messages\"><h2 id=\"messages\">Most frequent messages</h2>\n\
         <div class=\"panel\"><table>\n",
    );
    for template in &wall.templates {
        let level = log_model::Level::parse(&template.level).filter(|level| level.is_err());
        let level =
            level.map_or(String::new(), |level| format!("<span class=\"err\">{}</span>", level.as_str()));
        writeln!(
            page,
            "<tr><td>{}</td><td><bdi>{}</bdi></td><td><span class=\"message\">{}</span>{level}</td></tr>",
            words::grouped(i64::try_from(template.count).unwrap_or(i64::MAX)),
            Esc(&template.service),
            Pattern(&template.text)
        )?;
    }
    page.push_str("</table></div></section>\n");
    Ok(())
}

fn foot(page: &mut String, wall: &Wall) -> fmt::Result {
    writeln!(
        page,
        "<footer class=\"foot\">Drawn {} <span class=\"zone\">UTC</span>. Queries are in UTC. A score of 1 is the \
         line at which an incident is recorded; twice the score is twice as far from what a service’s own history \
         leads to expect.</footer>",
        Time(wall.generated_at, Form::Full)
    )
}

/// What the script needs to answer the pointer.
fn data(wall: &Wall) -> serde_json::Value {
    let lanes: Vec<_> = (wall.lanes.iter())
        .map(|lane| {
            let (service, host) = words::place(&lane.host, &lane.service);
            json!({
                "service": service,
                "host": host,
                "counts": lane.cells.iter().map(|cell| cell.count).collect::<Vec<_>>(),
                "errors": lane.cells.iter().map(|cell| cell.errors).collect::<Vec<_>>(),
                "incidents": wall.incidents_of(lane).map(|incident| incident.rank - 1).collect::<Vec<_>>(),
            })
        })
        .collect();
    let incidents: Vec<_> = (wall.incidents.iter())
        .map(|incident| {
            let columns = wall.columns(incident.first_seen, incident.last_seen);
            json!({
                "id": incident.id,
                "rank": incident.rank,
                "title": words::title(&incident.kind),
                "score": words::number(incident.score),
                "columns": [columns.start, columns.end],
            })
        })
        .collect();
    let columns = (wall.to - wall.from).num_seconds() / wall.step_s.max(1);
    json!({
        "from": wall.from.timestamp(),
        "step": wall.step_s,
        "columns": columns,
        "lanes": lanes,
        "incidents": incidents,
    })
}

/// A time that the script can show in the reader's zone.
struct Time(DateTime<Utc>, Form);

enum Form {
    /// Hour and minute.
    Clock,
    /// With the day.
    Full,
    /// With the day if it is not the day of this time.
    Since(DateTime<Utc>),
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(time, form) = self;
        write!(f, "<time datetime=\"{}\" data-t=\"{}\"", time.format("%FT%TZ"), time.timestamp())?;
        let text = match form {
            Form::Full => {
                f.write_str(" data-f=\"full\">")?;
                words::day_clock(*time)
            }
            Form::Since(since) => {
                write!(f, " data-since=\"{}\">", since.timestamp())?;
                if since.date_naive() == time.date_naive() {
                    words::clock(*time)
                } else {
                    words::day_clock(*time)
                }
            }
            Form::Clock => {
                f.write_str(" data-f=\"clock\">")?;
                words::clock(*time)
            }
        };
        write!(f, "{text}</time>")
    }
}

/// A template with its wildcards told apart from its words.
struct Pattern<'a>(&'a str);

impl fmt::Display for Pattern<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.0.split("<*>").enumerate() {
            if i > 0 {
                f.write_str("<i>&lt;*&gt;</i>")?;
            }
            write!(f, "{}", Esc(part))?;
        }
        Ok(())
    }
}

fn lower(title: &str) -> String {
    let mut chars = title.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().collect::<String>() + chars.as_str())
}

/// The seal, with colours of its own and encoded for an address.
fn favicon() -> String {
    let mut icon = String::new();
    let svg = SEAL
        .trim_end()
        .replacen("<svg class=\"seal\"", "<svg xmlns=\"http://www.w3.org/2000/svg\"", 1)
        .replacen("<rect ", "<rect fill=\"#bf3a22\" ", 1)
        .replacen("<path ", "<path fill=\"#fffaf3\" ", 1)
        .replace('"', "'");
    for c in svg.chars() {
        match c {
            '#' | '<' | '>' | '%' => {
                let _ = write!(icon, "%{:02X}", u32::from(c));
            }
            c => icon.push(c),
        }
    }
    icon
}
