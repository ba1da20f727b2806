//! Drain-style log template miner with stable template ids.
