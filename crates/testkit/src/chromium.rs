//! A headless Chromium, to look at pages as people see them.

use crate::process::{Launch, resolve, scratch};
use anyhow::{Context as _, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest life of a run; a page takes two seconds on an idle machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// Size of the window in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

/// A Chromium that is there.
#[derive(Debug)]
pub struct Chromium {
    program: PathBuf,
}

impl Chromium {
    /// The one on PATH; `None` where there is none.
    pub fn find() -> Option<Self> {
        ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell"]
            .iter()
            .find_map(|name| resolve(Path::new(name)))
            .map(|program| Self { program })
    }

    /// The document of a local page after its scripts ran, as HTML. The network is cut off.
    pub fn document(&self, page: &Path, window: Window) -> anyhow::Result<String> {
        self.run(page, window, &["--dump-dom".to_owned()], |dir| {
            let text = fs::read_to_string(dir.join("chromium.log"))?;
            let start = text.find("<!DOCTYPE").or_else(|| text.find("<html")).context("no document came")?;
            Ok(text[start..].to_owned())
        })
    }

    /// A picture of a local page as PNG bytes.
    pub fn screenshot(&self, page: &Path, window: Window) -> anyhow::Result<Vec<u8>> {
        self.run(page, window, &["--screenshot=page.png".to_owned()], |dir| {
            Ok(fs::read(dir.join("page.png"))?)
        })
    }

    fn run<T>(
        &self,
        page: &Path,
        window: Window,
        what: &[String],
        read: impl FnOnce(&Path) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let dir = scratch("chromium")?;
        let profile = dir.path().join("profile");
        let page = page.canonicalize().with_context(|| page.display().to_string())?;
        let mut process = Launch::new("chromium", &self.program)
            // Tests often run as root in a container, where its sandbox can't; pages are our own.
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--log-level=3"])
            // The browser itself asks for nothing.
            .args(["--disable-quic", "--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync"])
            // Whatever the page asks of the network must fail, as it would on a machine without.
            .args(["--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=5000"])
            .arg(format!("--window-size={},{}", window.width, window.height))
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(what)
            .arg(format!("file://{}", page.display()))
            .start(dir)?;
        let started = Instant::now();
        let status = loop {
            match process.exited()? {
                Some(status) => break status,
                None if started.elapsed() > DEADLINE => {
                    bail!("chromium did not end\n{}", process.log_tail())
                }
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        };
        if !status.success() {
            bail!("chromium failed ({status})\n{}", process.log_tail());
        }
        read(process.dir()).with_context(|| process.log_tail())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_document_after_its_scripts_ran() {
        let Some(chromium) = Chromium::find() else {
            eprintln!("skipped: shows_the_document_after_its_scripts_ran: no chromium");
            return;
        };
        let dir = tempfile::tempdir().unwrap();
        let page = dir.path().join("page.html");
        fs::write(&page, "<!doctype html><p id=p></p><script>p.textContent = 6 * 7</script>").unwrap();
        let window = Window { width: 400, height: 300 };
        assert!(chromium.document(&page, window).unwrap().contains(">42<"));
        assert!(chromium.screenshot(&page, window).unwrap().starts_with(b"\x89PNG"));
    }
}
