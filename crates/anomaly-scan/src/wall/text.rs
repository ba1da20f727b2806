//! The wall on a terminal: at most [`WIDTH`] columns, readable without colour.

use super::axis::ticks;
use super::model::{Cell, Incident, Lane, State, Wall};
use super::words;
use crate::details::Candidate;
use std::fmt::{self, Write};

/// Columns that the text fits in.
pub const WIDTH: usize = 100;

/// Columns of a lane: what the names leave over.
pub const MAX_COLUMNS: usize = WIDTH - NAMES - 1;

const NAMES: usize = 26;
const INDENT: usize = 4;
/// Quiet lanes shown in full; more are named in one line.
const QUIET_LANES: usize = 12;

/// Columns of a cell by the score's step: none, 1 to 6.
const SHADES: [char; 7] = ['·', '░', '▒', '▓', '▓', '█', '█'];
/// 256-colour codes by the score's step, light to dark red.
const COLOURS: [u8; 7] = [243, 222, 215, 209, 203, 197, 161];

/// Draws the wall.
pub fn render(wall: &Wall, colour: bool) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = Screen { out: &mut text, colour }.wall(wall);
    text
}

struct Screen<'a> {
    out: &'a mut String,
    colour: bool,
}

impl Screen<'_> {
    fn wall(&mut self, wall: &Wall) -> fmt::Result {
        writeln!(self.out, "櫓 Yagura   {} UTC", words::span(wall.from, wall.to))?;
        writeln!(self.out, "{}", headline(wall))?;
        if !wall.lanes.is_empty() {
            self.lanes(wall)?;
        }
        for incident in &wall.incidents {
            writeln!(self.out)?;
            self.incident(incident)?;
        }
        if !wall.templates.is_empty() {
            writeln!(self.out, "\nMost frequent messages")?;
            for template in &wall.templates {
                let service = words::cut(&printable(&template.service), 16);
                let count = words::grouped(i64::try_from(template.count).unwrap_or(i64::MAX));
                let words = words::cut(&printable(&template.text), WIDTH - 31);
                writeln!(self.out, "{count:>9}  {service:<16}  {words}")?;
            }
        }
        writeln!(self.out, "\n{}", health(wall))
    }

    fn lanes(&mut self, wall: &Wall) -> fmt::Result {
        writeln!(self.out, "\n{:NAMES$} {}", "", axis(wall))?;
        let quiet = wall.lanes.iter().filter(|lane| lane.is_quiet()).count();
        let fold = quiet > QUIET_LANES && quiet < wall.lanes.len();
        for lane in wall.lanes.iter().filter(|lane| !(fold && lane.is_quiet())) {
            self.lane(lane)?;
        }
        if fold {
            let names: Vec<_> = wall
                .lanes
                .iter()
                .filter(|lane| lane.is_quiet())
                .map(|lane| printable(&lane.service))
                .collect();
            let text = format!("{} quiet: {}", words::counted(quiet, "lane"), names.join(", "));
            for line in wrapped(&text, WIDTH) {
                writeln!(self.out, "{line}")?;
            }
        }
        let learning = if wall.lanes.iter().any(|lane| lane.learning) { "   * still learning" } else { "" };
        writeln!(self.out, "{:NAMES$} · lines   ░ score 1   ▒ 1.5   ▓ 2.5   █ 8 and more{learning}", "")
    }

    fn lane(&mut self, lane: &Lane) -> fmt::Result {
        let (service, host) = words::place(&lane.host, &lane.service);
        let service = if lane.learning { format!("{service}*") } else { service };
        let (service, host) = (printable(&service), printable(&host));
        let host = words::cut(&host, (NAMES - 1).saturating_sub(service.chars().count()).max(10));
        let service = words::cut(&service, NAMES - 1 - host.chars().count());
        let gap = NAMES - service.chars().count() - host.chars().count();
        write!(self.out, "{service}{:gap$}{host} ", "")?;
        let mut row = String::new();
        for run in lane.cells.chunk_by(|a, b| step(a) == step(b)) {
            let step = step(&run[0]);
            let chars: String = run.iter().map(glyph).collect();
            self.paint(&mut row, step, &chars)?;
        }
        writeln!(self.out, "{}", row.trim_end())
    }

    fn incident(&mut self, incident: &Incident) -> fmt::Result {
        let (service, host) = words::place(&incident.host, &incident.service);
        let step = words::score_step(incident.score);
        let mut badge = String::new();
        self.paint(&mut badge, step, &format!("{} {}", SHADES[step], words::number(incident.score)))?;
        let flags = [(incident.is_open(), "ongoing"), (incident.new, "NEW")];
        let flags: String =
            flags.iter().filter(|(set, _)| *set).fold(String::new(), |text, (_, name)| text + "  " + name);
        let what = words::cut(
            &printable(&format!("{} — {service} on {host}", words::title(&incident.kind))),
            WIDTH - INDENT - 10 - flags.len(),
        );
        writeln!(self.out, "{:>2}  {badge}  {what}{flags}", incident.rank)?;
        let ratio = words::times(incident.ratio).map_or(String::new(), |times| format!(" ({times})"));
        self.indented(&format!(
            "{} UTC, {}; {} {}, {} expected{ratio}",
            words::span(incident.first_seen, incident.last_seen),
            words::duration(incident.duration_s),
            words::number(incident.observed),
            incident.measure,
            words::number(incident.expected),
        ))?;
        self.indented(&incident.reason)?;
        if let Some(template) = &incident.template {
            self.indented(&format!("message: {}", template.text))?;
        }
        for candidate in &incident.candidates {
            self.indented(&format!("cause? {}", cause(candidate)))?;
        }
        if let Some(logql) = &incident.links.logql {
            self.indented(&format!("lines: {logql}"))?;
        }
        self.indented(&format!("id: {}", incident.id))
    }

    fn indented(&mut self, text: &str) -> fmt::Result {
        for line in wrapped(&printable(text), WIDTH - INDENT) {
            writeln!(self.out, "{:INDENT$}{line}", "")?;
        }
        Ok(())
    }

    fn paint(&self, to: &mut String, step: usize, text: &str) -> fmt::Result {
        if self.colour { write!(to, "\x1b[38;5;{}m{text}\x1b[0m", COLOURS[step]) } else { to.write_str(text) }
    }
}

/// What matters, in one line.
pub fn headline(wall: &Wall) -> String {
    if let State::Learning { since, needed_s } = wall.state {
        let Some(since) = since else { return "No lines yet.".to_owned() };
        let known = (wall.to - since).num_seconds().clamp(0, needed_s);
        let incidents = match wall.incidents.len() {
            0 => String::new(),
            n => format!(" {} already.", words::counted(n, "incident")),
        };
        return format!(
            "Learning: {} of the {} of history that it takes to judge.{incidents}",
            words::stretch(known),
            words::stretch(needed_s)
        );
    }
    let range = words::stretch((wall.to - wall.from).num_seconds());
    match (wall.incidents.len(), wall.open()) {
        (0, _) => format!("All quiet: nothing odd in {range}."),
        (n, 0) => format!("{} in {range}, all over.", words::counted(n, "incident")),
        (n, open) => format!("{} in {range}, {open} still going on.", words::counted(n, "incident")),
    }
}

/// How fresh it all is, in one line.
pub fn health(wall: &Wall) -> String {
    let health = &wall.health;
    let mut text = format!(
        "{} from {}",
        words::counted(usize::try_from(health.rows).unwrap_or(usize::MAX), "line"),
        words::counted(health.services, "service")
    );
    if let Some(lag) = health.lag_s {
        let _ = write!(text, ", newest {}", words::age(lag));
    }
    match health.last_scan {
        Some(at) => {
            let _ = write!(text, ", last scan {} UTC", words::day_clock(at));
        }
        None => text.push_str(", no scan yet"),
    }
    if health.muted > 0 {
        let _ = write!(text, ", {} muted", words::counted(health.muted, "incident"));
    }
    text
}

/// A likely cause, in words.
pub fn cause(candidate: &Candidate) -> String {
    match candidate {
        Candidate::Template { text, observed, expected, .. } => format!(
            "message “{text}”: {} lines, {} expected",
            words::number(*observed),
            words::number(*expected)
        ),
        Candidate::Restart { text, at } => {
            let at = at.parse().map_or_else(|_| at.clone(), |at| format!("{} UTC", words::clock(at)));
            format!("{text} at {at}")
        }
        Candidate::CoAnomaly { text, .. } => format!("at the same time: {text}"),
    }
}

fn step(cell: &Cell) -> usize {
    words::score_step(cell.score)
}

fn glyph(cell: &Cell) -> char {
    if step(cell) == 0 && cell.count == 0 { ' ' } else { SHADES[step(cell)] }
}

/// The times above the columns that they begin.
fn axis(wall: &Wall) -> String {
    /// Distances between marks that have room for `Sun 22 Nov`.
    const MARKS: i64 = 6;
    let mut axis = String::new();
    for tick in ticks(wall, MARKS) {
        let column = ((tick.at - wall.from).num_seconds() / wall.step_s) as usize;
        let label = tick.label();
        let used = axis.chars().count();
        if column >= used && column + label.len() <= MAX_COLUMNS {
            let _ = write!(axis, "{:gap$}{label}", "", gap = column - used);
        }
    }
    axis
}

/// Text without characters that a terminal obeys: lines of a log are written by others.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Lines of at most `width` characters, broken at blanks where there are some.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let used = lines.last().map_or(0, |line| line.chars().count());
        if used > 0 {
            if used + 1 + word.len() <= width {
                if let Some(line) = lines.last_mut() {
                    line.push(' ');
                    line.extend(word);
                }
                continue;
            }
            lines.push(String::new());
        }
        while word.len() > width {
            let rest = word.split_off(width);
            if let Some(line) = lines.last_mut() {
                line.extend(word);
            }
            lines.push(String::new());
            word = rest;
        }
        if let Some(line) = lines.last_mut() {
            line.extend(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_broken_at_blanks_and_long_words_anywhere() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
    }

    #[test]
    fn a_log_line_cannot_command_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
