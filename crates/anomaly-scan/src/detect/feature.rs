//! What is judged, and what it is called.

use crate::details::Direction;

/// One thing that is judged in every window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(usize)]
pub enum Feature {
    /// More lines.
    CountHigh,
    /// Fewer lines.
    CountLow,
    /// Error lines, given the volume.
    Errors,
    /// Answers with status 5xx.
    Server,
    /// Mean latency.
    LatencyAvg,
    /// 95th percentile of latency.
    LatencyP95,
    /// Mean latency over a whole hour.
    LatencyTrend,
    /// A known message far more often.
    Surge,
    /// A steady service says nothing.
    Silence,
    /// A job did not run when it should.
    Schedule,
    /// An error message never seen before.
    NewTemplate,
}

/// How many features there are.
pub const FEATURES: usize = 11;

/// The kind of an incident: the column `anomaly_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The windows of one entity in which this feature was the oddest at first.
    Of(Feature),
    /// Every steady service of a host is silent.
    HostSilence,
    /// Nothing arrives from anybody.
    Pipeline,
}

impl Feature {
    /// All, in the order of their numbers.
    pub const ALL: [Self; FEATURES] = [
        Self::CountHigh,
        Self::CountLow,
        Self::Errors,
        Self::Server,
        Self::LatencyAvg,
        Self::LatencyP95,
        Self::LatencyTrend,
        Self::Surge,
        Self::Silence,
        Self::Schedule,
        Self::NewTemplate,
    ];

    /// The name in `feature` and `details`.
    pub fn name(self) -> &'static str {
        match self {
            Self::CountHigh | Self::CountLow => "count",
            Self::Errors => "errors",
            Self::Server => "s5xx",
            Self::LatencyAvg => "latency_avg",
            Self::LatencyP95 => "latency_p95",
            Self::LatencyTrend => "latency_trend",
            Self::Surge => "template_count",
            Self::Silence => "silence",
            Self::Schedule => "schedule",
            Self::NewTemplate => "template_new",
        }
    }

    /// Unit of observed and expected.
    pub fn measure(self) -> &'static str {
        match self {
            Self::LatencyAvg | Self::LatencyP95 | Self::LatencyTrend => "ms",
            Self::Server => "responses / 5 min",
            _ => "lines / 5 min",
        }
    }

    /// Which way it is odd.
    pub fn direction(self) -> Direction {
        match self {
            Self::CountLow => Direction::Low,
            Self::Silence | Self::Schedule => Direction::Missing,
            Self::NewTemplate => Direction::New,
            _ => Direction::High,
        }
    }

    /// Is it about time?
    pub fn is_latency(self) -> bool {
        matches!(self, Self::LatencyAvg | Self::LatencyP95 | Self::LatencyTrend)
    }

    /// May an entity without enough history be judged by it?
    pub fn needs_no_history(self) -> bool {
        matches!(self, Self::Server | Self::NewTemplate)
    }
}

impl Kind {
    /// The name in `anomaly_type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::HostSilence => "host_silence",
            Self::Pipeline => "pipeline",
            Self::Of(feature) => match feature {
                Feature::CountHigh => "traffic_spike",
                Feature::CountLow => "traffic_drop",
                Feature::Errors => "error_burst",
                Feature::Server => "server_errors",
                Feature::LatencyAvg | Feature::LatencyP95 => "latency",
                Feature::LatencyTrend => "slow_leak",
                Feature::Surge => "template_surge",
                Feature::Silence => "silence",
                Feature::Schedule => "missed_job",
                Feature::NewTemplate => "new_template",
            },
        }
    }

    /// The name in `feature`.
    pub fn feature(self) -> &'static str {
        match self {
            Self::Of(feature) => feature.name(),
            Self::HostSilence => Feature::Silence.name(),
            Self::Pipeline => "ingest",
        }
    }
}
