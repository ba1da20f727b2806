//! The board: a lane per service, time from left to right.

use super::{Esc, Form, Time};
use crate::wall::axis::{Tick, ticks};
use crate::wall::model::{Lane, State, Wall};
use crate::wall::words;
use std::fmt::{self, Write as _};

/// Quiet lanes that are shown at once; more are folded.
const QUIET_SHOWN: usize = 6;
/// Height of a busy lane and of a quiet one.
const BUSY: f64 = 30.0;
const QUIET: f64 = 22.0;
/// The script can show the last quarter alone; fewer columns than these are not worth it.
const ZOOM: usize = 4;
const ZOOM_COLUMNS: usize = 96;
/// Least width of an incident, percent: what a finger and an eye can find.
const MIN_WIDTH: f64 = 0.7;
/// Room above the highest bar.
const HEADROOM: f64 = 7.0;

pub(super) fn section(page: &mut String, wall: &Wall) -> fmt::Result {
    page.push_str(
        "<section class=\"board panel\" aria-labelledby=\"board\">\n\
         <div class=\"board-head\"><h2 id=\"board\">Services over time</h2>",
    );
    if wall.lanes.first().is_some_and(|lane| lane.cells.len() >= ZOOM_COLUMNS) {
        zoom(page, wall)?;
    }
    if !wall.incidents.is_empty() {
        legend(page)?;
    }
    page.push_str("</div>\n");
    axis(page, wall)?;
    let mut lanes = wall.lanes.iter().enumerate();
    let busy = wall.lanes.iter().take_while(|lane| !lane.is_quiet()).count();
    for (i, lane) in lanes.by_ref().take(busy) {
        row(page, wall, i, lane)?;
    }
    let quiet = wall.lanes.len() - busy;
    let fold = quiet > QUIET_SHOWN && busy > 0;
    if fold {
        writeln!(
            page,
            "<details class=\"more\"><summary>{} without an incident</summary>",
            words::counted(quiet, "service")
        )?;
    }
    for (i, lane) in lanes {
        row(page, wall, i, lane)?;
    }
    if fold {
        page.push_str("</details>\n");
    }
    page.push_str("</section>\n");
    Ok(())
}

fn zoom(page: &mut String, wall: &Wall) -> fmt::Result {
    let seconds = (wall.to - wall.from).num_seconds();
    write!(
        page,
        "<div class=\"zoom js-only\" role=\"group\" aria-label=\"Time shown\">\
         <button type=\"button\" aria-pressed=\"true\" data-zoom=\"1\">{}</button>\
         <button type=\"button\" aria-pressed=\"false\" data-zoom=\"{ZOOM}\">Last {}</button></div>",
        words::stretch(seconds),
        words::stretch(seconds / ZOOM as i64)
    )
}

fn legend(page: &mut String) -> fmt::Result {
    page.push_str(
        "<div class=\"legend\"><span>Score</span><svg role=\"img\" \
         aria-label=\"Colours of the score: from 1, the alert line, in six steps to 16 and more\">",
    );
    for (i, low) in words::SCORE_STEPS.iter().enumerate() {
        let x = i * 33;
        let more = if i + 1 == words::SCORE_STEPS.len() { "+" } else { "" };
        write!(
            page,
            "<rect class=\"f{}\" x=\"{x}\" y=\"0\" width=\"32\" height=\"11\"/><text x=\"{x}\" y=\"23\">{}{more}</text>",
            i + 1,
            words::number(*low)
        )?;
    }
    page.push_str("</svg></div>");
    Ok(())
}

/// Distances between marks that have room on a screen.
const MARKS: i64 = 9;

/// The marks of the axis: where they are, in percent of the width, and when they are shown.
fn marks(wall: &Wall) -> Vec<(f64, &'static str, Tick)> {
    let percent = |tick: Tick| {
        (tick.at - wall.from).num_seconds() as f64 / (wall.to - wall.from).num_seconds().max(1) as f64 * 100.0
    };
    let shown = ticks(wall, MARKS);
    // A phone has room for every other one.
    let mut marks: Vec<_> = (shown.iter().enumerate())
        .map(|(i, tick)| (percent(*tick), if i % 2 == 1 { "minor" } else { "major" }, *tick))
        .collect();
    let fine =
        ticks(wall, MARKS * ZOOM as i64).into_iter().filter(|fine| !shown.iter().any(|t| t.at == fine.at));
    let zoomed = 100.0 - 100.0 / ZOOM as f64;
    marks.extend(fine.map(|tick| (percent(tick), "fine", tick)).filter(|(at, ..)| *at >= zoomed));
    marks
}

fn axis(page: &mut String, wall: &Wall) -> fmt::Result {
    page.push_str(
        "<div class=\"row ticks\"><div class=\"name\"></div><div class=\"strip\">\
         <svg class=\"axis\" aria-hidden=\"true\">",
    );
    for (percent, class, tick) in marks(wall) {
        // Half a label is wider than what is left at the edges; there is more room where it is shown wider.
        let edge = if class == "fine" { 2.5 / ZOOM as f64 } else { 2.5 };
        let anchor = match percent {
            p if p < edge => "start",
            p if p > 100.0 - edge => "end",
            _ => "middle",
        };
        write!(
            page,
            "<text class=\"{class}\" x=\"{percent:.3}%\" y=\"12\" text-anchor=\"{anchor}\" data-t=\"{}\" \
             data-f=\"{}\">{}</text>",
            tick.at.timestamp(),
            if tick.day { "day" } else { "clock" },
            tick.label()
        )?;
    }
    page.push_str("</svg></div></div>\n");
    Ok(())
}

fn row(page: &mut String, wall: &Wall, index: usize, lane: &Lane) -> fmt::Result {
    let quiet = lane.is_quiet();
    let height = if quiet { QUIET } else { BUSY };
    let (service, host) = words::place(&lane.host, &lane.service);
    // Where all are learning, the headline says so.
    let tag = if lane.learning && wall.state == State::Ready {
        " <span class=\"tag\" title=\"Too young to be judged\">learning</span>"
    } else {
        ""
    };
    let (service, host) = (Esc(&service), Esc(&host));
    write!(
        page,
        "<div class=\"row{}\"><div class=\"name\"><b title=\"{service}\"><bdi>{service}</bdi></b> \
         <span title=\"{host}\"><bdi>{host}</bdi></span>{tag}</div>\
         <div class=\"strip\"><svg class=\"lane\" data-lane=\"{index}\" role=\"group\" aria-label=\"{service} on {host}: {}\">\
         <rect class=\"bg\" width=\"100%\" height=\"100%\" rx=\"4\"/>",
        if quiet { " quiet" } else { "" },
        words::counted(wall.incidents_of(lane).count(), "incident"),
    )?;
    for (at, class, _) in marks(wall).into_iter().filter(|(at, ..)| (0.5..99.5).contains(at)) {
        write!(page, "<line class=\"grid {class}\" x1=\"{at:.3}%\" x2=\"{at:.3}%\" y2=\"100%\"/>")?;
    }
    traffic(page, lane, height)?;
    hits(page, wall, lane)?;
    page.push_str("</svg></div></div>\n");
    Ok(())
}

/// The incidents as links to their entries, the oddest on top.
fn hits(page: &mut String, wall: &Wall, lane: &Lane) -> fmt::Result {
    let columns = lane.cells.len().max(1) as f64;
    let mut incidents: Vec<_> = wall.incidents_of(lane).collect();
    incidents.reverse();
    for incident in incidents {
        let covered = wall.columns(incident.first_seen, incident.last_seen);
        let width = ((covered.end - covered.start) as f64 / columns * 100.0).max(MIN_WIDTH);
        let x = (covered.start as f64 / columns * 100.0).min(100.0 - width);
        // The number stands beside the block, where there is room.
        let (text_x, anchor, shift) =
            if x + width > 95.0 { (x, "end", "-5") } else { (x + width, "start", "5") };
        write!(
            page,
            "<a class=\"hit\" href=\"#i-{}\" aria-label=\"{}: {}, score {}\">\
             <rect class=\"f{}\" x=\"{x:.3}%\" y=\"1\" width=\"{width:.3}%\" height=\"28\" rx=\"2.5\"/>\
             <text x=\"{text_x:.3}%\" dx=\"{shift}\" y=\"19\" text-anchor=\"{anchor}\">{}</text></a>",
            incident.id,
            incident.rank,
            Esc(&words::title(&incident.kind)),
            words::number(incident.score),
            words::score_step(incident.score),
            incident.rank
        )?;
    }
    Ok(())
}

/// Lines per column as bars that touch, as high as the lane's busiest column.
fn traffic(page: &mut String, lane: &Lane, height: f64) -> fmt::Result {
    let highest = lane.cells.iter().map(|cell| cell.count).max().unwrap_or(0);
    if highest == 0 {
        return Ok(());
    }
    write!(
        page,
        "<svg width=\"100%\" height=\"{height}\" viewBox=\"0 0 {} {height}\" preserveAspectRatio=\"none\">\
         <path class=\"traffic\" d=\"",
        lane.cells.len()
    )?;
    for (i, cell) in lane.cells.iter().enumerate().filter(|(_, cell)| cell.count > 0) {
        // The root keeps a quiet hour visible beside a burst.
        let bar = ((cell.count as f64 / highest as f64).sqrt() * (height - HEADROOM)).max(1.0);
        write!(page, "M{i} {height}v-{bar:.1}h1V{height}z")?;
    }
    page.push_str("\"/></svg>");
    Ok(())
}

/// A span of time, of which the second part has a day only if it is another.
pub(super) fn span(from: chrono::DateTime<chrono::Utc>, to: chrono::DateTime<chrono::Utc>) -> String {
    format!("{} – {}", Time(from, Form::Full), Time(to, Form::Since(from)))
}
