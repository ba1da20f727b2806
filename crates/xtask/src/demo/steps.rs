//! What was done, and how long each part took.

use anyhow::Context as _;
use std::time::{Duration, Instant};
use unit_kit::{Progress, ProgressFactory};

/// The steps so far.
pub(super) struct Steps {
    bars: ProgressFactory,
    done: Vec<(&'static str, Duration)>,
}

impl Steps {
    pub(super) fn new(show: bool) -> Self {
        Self { bars: ProgressFactory::new(show), done: Vec::new() }
    }

    /// Does a step and remembers how long it took; its name leads an error.
    pub(super) async fn run<T>(
        &mut self,
        name: &'static str,
        step: impl AsyncFnOnce(&Progress) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let spinner = self.bars.spinner(name);
        let started = Instant::now();
        let result = step(&spinner).await.context(name)?;
        self.done.push((name, started.elapsed()));
        Ok(result)
    }

    pub(super) fn list(&self) -> Vec<(&'static str, Duration)> {
        self.done.clone()
    }
}
