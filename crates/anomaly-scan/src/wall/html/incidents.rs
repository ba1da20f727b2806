//! The ranked list.

use super::lanes::span;
use super::{Esc, Form, Pattern, Time};
use crate::details::{Candidate, Direction};
use crate::wall::model::{Incident, Wall};
use crate::wall::words;
use std::fmt::{self, Write as _};

pub(super) fn section(page: &mut String, wall: &Wall) -> fmt::Result {
    page.push_str(
        "<section class=\"incidents\" id=\"incidents\" aria-labelledby=\"incidents-title\">\
         <h2 id=\"incidents-title\">Incidents, the oddest first</h2>\n<ol class=\"list\">\n",
    );
    for incident in &wall.incidents {
        write!(page, "<li><article class=\"inc panel\" id=\"i-{}\">", incident.id)?;
        page.push_str(if incident.rank == 1 { "<details open>" } else { "<details>" });
        summary(page, incident)?;
        page.push_str("<div class=\"body\">\n<div>");
        explanation(page, wall, incident)?;
        page.push_str("</div>\n<div>");
        next_steps(page, incident)?;
        page.push_str("</div>\n</div></details></article></li>\n");
    }
    page.push_str("</ol></section>\n");
    Ok(())
}

fn summary(page: &mut String, incident: &Incident) -> fmt::Result {
    let (service, host) = words::place(&incident.host, &incident.service);
    write!(
        page,
        "<summary><span class=\"rank\">{}</span><div><h3>{} <span>—</span> <bdi>{}</bdi> <span>on <bdi>{}</bdi></span>",
        incident.rank,
        Esc(&words::title(&incident.kind)),
        Esc(&service),
        Esc(&host)
    )?;
    if incident.is_open() {
        page.push_str(" <span class=\"badge open\">ongoing</span>");
    }
    if incident.new {
        page.push_str(" <span class=\"badge new\" title=\"A message that was never seen before\">NEW</span>");
    }
    writeln!(
        page,
        "</h3><p class=\"reason\">{}</p><p class=\"when\">{} · {} <span class=\"more-hint\"></span></p></div>",
        Esc(&incident.reason),
        span(incident.first_seen, incident.last_seen),
        words::duration(incident.duration_s)
    )?;
    measure(page, incident)?;
    page.push_str("</summary>\n");
    Ok(())
}

/// Observed against expected, as a bar with a mark.
fn measure(page: &mut String, incident: &Incident) -> fmt::Result {
    let step = words::score_step(incident.score);
    let ratio = match (words::times(incident.ratio), incident.direction) {
        (_, Some(Direction::Missing)) => "missing".to_owned(),
        (Some(times), _) => format!("{times}<small>the expected</small>"),
        (None, Some(Direction::New)) => "new".to_owned(),
        (None, _) => words::number(incident.observed),
    };
    let most = incident.observed.max(incident.expected).max(f64::MIN_POSITIVE);
    let (observed, expected) = (incident.observed / most * 100.0, incident.expected / most * 100.0);
    let (seen, wanted) = (words::number(incident.observed), words::number(incident.expected));
    let unit = Esc(&incident.measure);
    write!(
        page,
        "<div class=\"measure\"><span class=\"ratio\">{ratio}</span>\
         <span class=\"score c{step}\">score {}</span>\
         <svg class=\"meter\" role=\"img\" aria-label=\"{seen} against {wanted} expected\">\
         <rect class=\"rail\" y=\"2\" width=\"100%\" height=\"10\" rx=\"3\"/>\
         <rect class=\"f{step}\" y=\"2\" width=\"{observed:.1}%\" height=\"10\" rx=\"3\"/>\
         <rect class=\"want\" x=\"{:.1}%\" width=\"2\" height=\"14\"/></svg>\
         <span class=\"against\"><b>{seen}</b> {unit}, {wanted} expected</span></div>",
        words::number(incident.score),
        expected.min(99.0)
    )
}

fn explanation(page: &mut String, wall: &Wall, incident: &Incident) -> fmt::Result {
    if !incident.candidates.is_empty() {
        page.push_str("<section><h4>Likely causes</h4><ol class=\"causes\">");
        for candidate in &incident.candidates {
            page.push_str("<li>");
            cause(page, wall, candidate)?;
            page.push_str("</li>");
        }
        page.push_str("</ol></section>\n");
    }
    if let Some(template) = &incident.template {
        write!(page, "<section><h4>The message</h4><p class=\"message\">{}</p>", Pattern(&template.text))?;
        if template.example != template.text && !template.example.is_empty() {
            write!(page, "<p class=\"message basis\">{}</p>", Esc(&template.example))?;
        }
        page.push_str("</section>\n");
    }
    if incident.contributions.len() > 1 {
        page.push_str(
            "<section><h4>What stood out</h4><table class=\"parts\"><tr><th scope=\"col\">Feature</th>\
             <th scope=\"col\">Observed</th><th scope=\"col\">Expected</th><th scope=\"col\">Part</th></tr>",
        );
        for part in &incident.contributions {
            write!(
                page,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{:.0} %</td></tr>",
                Esc(&part.feature),
                words::number(part.observed),
                words::number(part.expected),
                part.share * 100.0
            )?;
        }
        page.push_str("</table></section>\n");
    }
    page.push_str("<section><h4>How sure</h4><p class=\"basis\">");
    match (incident.percentile, &incident.basis) {
        (Some(percentile), Some(basis)) => {
            write!(page, "Odder than {} % of {}.", percent(percentile), Esc(basis))?;
        }
        _ => page.push_str("No history was needed for this one."),
    }
    writeln!(page, " Unit <bdi>{}</bdi>, id {}.</p></section>", or_none(&incident.unit), incident.id)
}

fn cause(page: &mut String, wall: &Wall, candidate: &Candidate) -> fmt::Result {
    match candidate {
        Candidate::Template { text, observed, expected, .. } => write!(
            page,
            "<span class=\"message\">{}</span> <small>{} lines, {} expected</small>",
            Pattern(text),
            words::number(*observed),
            words::number(*expected)
        ),
        Candidate::Restart { text, at } => {
            write!(page, "<bdi>{}</bdi> ", Esc(text))?;
            match at.parse() {
                Ok(at) => write!(page, "<small>at {}</small>", Time(at, Form::Clock)),
                Err(_) => write!(page, "<small>at {}</small>", Esc(at)),
            }
        }
        Candidate::CoAnomaly { text, anomaly_id, .. } => {
            if wall.incidents.iter().any(|other| other.id == *anomaly_id) {
                write!(page, "At the same time: <a href=\"#i-{anomaly_id}\">{}</a>", Esc(text))
            } else {
                write!(page, "At the same time: {}", Esc(text))
            }
        }
    }
}

fn next_steps(page: &mut String, incident: &Incident) -> fmt::Result {
    let links = &incident.links;
    let buttons = [(&links.explore, "Open in Grafana"), (&links.silence, "Silence")];
    if buttons.iter().any(|(link, _)| link.is_some()) {
        page.push_str("<div class=\"go\">");
        for (link, label) in buttons {
            if let Some(link) = link {
                write!(page, "<a href=\"{}\" rel=\"noreferrer\" target=\"_blank\">{label}</a>", Esc(link))?;
            }
        }
        page.push_str("</div>\n");
    }
    let queries = [
        (&links.logql, "Lines, in Loki"),
        (&links.rows_sql, "Lines, in ClickHouse"),
        (&links.minutes_sql, "Minutes, in ClickHouse"),
    ];
    for (query, label) in queries {
        if let Some(query) = query {
            writeln!(
                page,
                "<div class=\"query\"><div>{label}<button type=\"button\" class=\"js-only\" data-copy>Copy</button>\
                 </div><pre tabindex=\"0\" aria-label=\"{label}\">{}</pre></div>",
                Esc(query)
            )?;
        }
    }
    Ok(())
}

/// With the digits that tell 99.98 from 100.
fn percent(percentile: f64) -> String {
    let text = format!("{:.2}", percentile.min(99.99));
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn or_none(unit: &str) -> String {
    if unit.is_empty() { "none".to_owned() } else { Esc(unit).to_string() }
}
