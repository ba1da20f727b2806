//! What `cargo test` prints, reduced to what one wants to read: failures, skipped tests, the count.
//!
//! Tests that can't run on this machine say so (`skipped: NAME: REASON`) and pass; the harness would hide it.

use crate::report::say;
use anyhow::{Context as _, bail};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};

/// What came of the tests.
#[derive(Debug, Default)]
pub(super) struct TestRun {
    pub(super) passed: usize,
    pub(super) failed: usize,
    /// Name and reason.
    pub(super) skipped: BTreeSet<String>,
    status: Option<ExitStatus>,
    part: Part,
}

/// Which part of a test binary's output a line is in.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Part {
    #[default]
    Progress,
    /// The output of tests that passed.
    Successes,
    /// The output of tests that failed.
    Failures,
}

impl TestRun {
    /// Runs `cargo test … -- --show-output`. Compiler messages go to stderr as they come.
    pub(super) fn of(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).spawn().context("run cargo test")?;
        let stdout = child.stdout.take().context("a piped stdout is there")?;
        let mut run = Self::default();
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.context("read cargo test's output")?;
            let line = String::from_utf8_lossy(&line);
            if run.read(&line) {
                say(&line);
            }
        }
        run.status = Some(child.wait().context("wait for cargo test")?);
        Ok(run)
    }

    /// Fails when a test failed, or none was run at all.
    pub(super) fn verdict(&self) -> anyhow::Result<()> {
        if self.failed > 0 {
            bail!("{} tests failed", self.failed);
        }
        if let Some(status) = self.status.filter(|status| !status.success()) {
            bail!("cargo test failed ({status})");
        }
        if self.passed == 0 {
            bail!("no test was run");
        }
        Ok(())
    }

    /// Takes a line of output; returns whether it is worth showing.
    fn read(&mut self, line: &str) -> bool {
        if let Some(skipped) = line.strip_prefix("skipped: ") {
            self.skipped.insert(skipped.to_owned());
        }
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.part = Part::Progress;
            self.passed += count(counts, "passed");
            self.failed += count(counts, "failed");
            return count(counts, "failed") > 0;
        }
        match line {
            "successes:" => self.part = Part::Successes,
            "failures:" => self.part = Part::Failures,
            _ => {}
        }
        self.part == Part::Failures && !line.is_empty()
    }
}

/// The number before a word in `ok. 11 passed; 0 failed; …`.
fn count(counts: &str, what: &str) -> usize {
    let before = counts.split(&[';', '.']).find_map(|part| part.trim().strip_suffix(what));
    before.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 3 tests
..F
successes:

---- a stdout ----
chatter
skipped: a: no chromium

successes:
    a
    b

failures:

---- c stdout ----
thread 'c' panicked

failures:
    c

test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.63s

running 1 test
.
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.63s
";

    #[test]
    fn shows_failures_and_counts_the_rest() {
        let mut run = TestRun::default();
        let shown: Vec<&str> = OUTPUT.lines().filter(|line| run.read(line)).collect();
        assert_eq!((run.passed, run.failed), (3, 1));
        assert_eq!(run.skipped.iter().collect::<Vec<_>>(), ["a: no chromium"]);
        assert!(shown.contains(&"thread 'c' panicked"));
        assert!(!shown.contains(&"chatter"));
        assert!(run.verdict().is_err());
    }

    #[test]
    fn a_filter_that_fits_no_test_is_an_error() {
        assert!(TestRun::default().verdict().is_err());
    }
}
