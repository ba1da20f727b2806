//! Severity levels and the many ways in which sources spell them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Severity of a line, most severe first: syslog's eight (RFC 5424 §6.2.1) and `trace`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// System is unusable (syslog 0).
    Emergency,
    /// Action must be taken at once (syslog 1).
    Alert,
    /// Critical condition (syslog 2).
    Critical,
    /// Error (syslog 3).
    Error,
    /// Warning (syslog 4).
    Warning,
    /// Normal but significant (syslog 5).
    Notice,
    /// Informational (syslog 6); also what an unknown level becomes.
    Info,
    /// Debug (syslog 7).
    Debug,
    /// Finer than debug; no syslog counterpart.
    Trace,
}

/// The levels that count as an error, everywhere: in metrics, rules and the aggregate's `err` column.
pub const ERR_LEVELS: [Level; 4] = [Level::Emergency, Level::Alert, Level::Critical, Level::Error];

impl Level {
    /// All levels, most severe first.
    pub const ALL: [Self; 9] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Info,
        Self::Debug,
        Self::Trace,
    ];

    /// The level's label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Alert => "alert",
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// Reads a level in any spelling seen in the wild: names and abbreviations in
    /// any case, syslog numbers 0-7, and the 10-60 scale of bunyan and pino.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_matches(['[', ']', '<', '>', '"']);
        if text.len() > 16 {
            return None;
        }
        Some(match text.to_ascii_lowercase().as_str() {
            "0" | "emergency" | "emerg" | "panic" => Self::Emergency,
            "1" | "alert" => Self::Alert,
            "2" | "critical" | "crit" | "fatal" | "60" | "f" => Self::Critical,
            "3" | "error" | "err" | "eror" | "severe" | "50" | "e" => Self::Error,
            "4" | "warning" | "warn" | "40" | "w" => Self::Warning,
            "5" | "notice" | "note" | "n" => Self::Notice,
            "6" | "info" | "informational" | "information" | "inf" | "30" | "i" | "log" => Self::Info,
            "7" | "debug" | "dbg" | "fine" | "20" | "d" => Self::Debug,
            "trace" | "trc" | "verbose" | "finer" | "finest" | "10" | "t" => Self::Trace,
            _ => return None,
        })
    }

    /// The level of a syslog severity number, if it is one (0-7).
    pub const fn from_syslog(severity: u8) -> Option<Self> {
        if severity < 8 { Some(Self::ALL[severity as usize]) } else { None }
    }

    /// Whether the level counts as an error, see [`ERR_LEVELS`].
    pub const fn is_err(self) -> bool {
        matches!(self, Self::Emergency | Self::Alert | Self::Critical | Self::Error)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_maps_to_its_level() {
        for (text, level) in [
            ("WARN", Level::Warning),
            ("warn", Level::Warning),
            ("4", Level::Warning),
            ("Warning", Level::Warning),
            ("[error]", Level::Error),
            ("ERR", Level::Error),
            ("SEVERE", Level::Error),
            ("50", Level::Error),
            ("fatal", Level::Critical),
            ("crit", Level::Critical),
            ("emerg", Level::Emergency),
            ("panic", Level::Emergency),
            ("INFO", Level::Info),
            ("notice", Level::Notice),
            ("dbg", Level::Debug),
            ("TRACE", Level::Trace),
        ] {
            assert_eq!(Level::parse(text), Some(level), "{text}");
        }
        for text in ["", "loud", "8", "errors", "a very long word indeed"] {
            assert_eq!(Level::parse(text), None, "{text}");
        }
    }

    #[test]
    fn names_read_back_and_errors_are_the_four() {
        for level in Level::ALL {
            assert_eq!(Level::parse(level.as_str()), Some(level));
            assert_eq!(level.is_err(), ERR_LEVELS.contains(&level));
        }
        assert_eq!(Level::from_syslog(3), Some(Level::Error));
        assert_eq!(Level::from_syslog(8), None);
    }
}
