//! Shows how an installation goes: a bar on a terminal, else a line now and then.

use std::cell::RefCell;
use std::io::Write as _;
use std::time::{Duration, Instant};
use testkit::servers::{Report, Server, Unit};
use unit_kit::{Progress, ProgressFactory};

/// Pause between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// A [`Report`] to stderr.
pub(crate) struct ToStderr {
    bars: ProgressFactory,
    now: RefCell<Now>,
}

struct Now {
    /// Server and step.
    label: String,
    bar: Option<(Progress, Unit)>,
    spinner: Option<Progress>,
    started: Instant,
    last_line: Instant,
}

impl ToStderr {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        let now = Now { label: String::new(), bar: None, spinner: None, started: now, last_line: now };
        Self { bars: ProgressFactory::new(true), now: RefCell::new(now) }
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        let mut now = self.now.borrow_mut();
        now.bar = None;
        now.spinner = None;
    }
}

impl Report for ToStderr {
    fn doing(&self, server: &Server, what: &str) {
        self.end();
        let mut now = self.now.borrow_mut();
        now.label = format!("{}: {what}", server.name);
        (now.started, now.last_line) = (Instant::now(), Instant::now());
        if self.bars.is_visible() {
            now.spinner = Some(self.bars.spinner(now.label.clone()));
        } else {
            say(&now.label);
        }
    }

    fn progress(&self, done: u64, total: u64, unit: Unit) {
        let mut now = self.now.borrow_mut();
        if self.bars.is_visible() {
            now.spinner = None;
            if now.bar.as_ref().is_none_or(|(_, shown)| *shown != unit) {
                let bar = match unit {
                    Unit::Bytes => self.bars.bytes(total, now.label.clone()),
                    Unit::Packages => self.bars.bar(total, now.label.clone()),
                };
                now.bar = Some((bar, unit));
            }
            let elapsed = now.started.elapsed().as_secs();
            if let Some((bar, _)) = &now.bar {
                bar.set_total(total);
                bar.set(done);
                bar.message(format!("{elapsed} s"));
            }
        } else if now.last_line.elapsed() >= LINE_EVERY {
            now.last_line = Instant::now();
            let amount = match unit {
                Unit::Bytes => format!("{} of {} MB", done / 1_000_000, total / 1_000_000),
                Unit::Packages => format!("{done} of at most {total} packages"),
            };
            say(&format!("{}: {amount}, {} s", now.label, now.started.elapsed().as_secs()));
        }
    }
}

/// A line on stderr, which people read while data goes to stdout.
pub(crate) fn say(line: &str) {
    // Nobody reads it when this fails.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
