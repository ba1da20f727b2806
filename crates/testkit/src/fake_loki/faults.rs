//! What a Loki can do to those who trust it.

use std::time::Duration;

/// Faults, all off by default. Counters are of requests to come: each use takes one off.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of a test")]
pub struct Faults {
    /// Pushes of several streams answer 204 whatever the ingester rejected, not only when the last stream was fine.
    pub masked_errors: bool,
    /// Ingestion is blocked: pushes answer 260 and store nothing.
    pub blocked: bool,
    /// Pushes that answer 429 and store nothing.
    pub rate_limited: u32,
    /// Pushes that answer 500 and store nothing.
    pub failing: u32,
    /// Pushes that store everything and then answer 500.
    pub failing_after_store: u32,
    /// Pushes that store everything and then close the connection without an answer.
    pub dropped_connections: u32,
    /// Pushes that answer 204 and store nothing.
    pub lying: u32,
    /// Queries (of lines, counts, labels) that answer 500.
    pub failing_queries: u32,
    /// Pages of more than [`Faults::FAULTY_FROM`] lines lack their last tenth.
    pub short_pages: bool,
    /// Pages of more than [`Faults::FAULTY_FROM`] lines lack every fiftieth line.
    pub holes: bool,
    /// Every page lacks its last line, however small it is: no reading can be complete.
    pub always_short: bool,
    /// Lines that arrived more than three hours late are neither found nor counted until `FakeLoki::flush`.
    pub invisible_late: bool,
    /// Every answer takes so long.
    pub slow: Option<Duration>,
}

impl Faults {
    /// Pages up to this size are honest, so that a reader who divides gets through.
    pub const FAULTY_FROM: usize = 100;
}

/// Takes one off a counter; whether there was one.
pub(super) fn take(counter: &mut u32) -> bool {
    let there = *counter > 0;
    *counter = counter.saturating_sub(1);
    there
}
