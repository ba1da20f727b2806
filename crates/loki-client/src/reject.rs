//! What an answer to a push means, told from its status and Loki's own words
//! (`pkg/validation/validate.go`, `pkg/ingester/stream.go` of 3.7).

use crate::error::clip;
use log_model::{Entry, time::rfc3339};

/// Meaning of an answer to a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// 204 and nothing else.
    Delivered,
    /// Some entries are refused, the rest may be stored: split until the refused ones are alone.
    Partial,
    /// Too much at once: halve.
    TooLarge,
    /// Nothing is wrong with the lines: try later.
    Later,
    /// The whole push is refused on purpose; no line is at fault.
    Refused,
    /// Not an answer that Loki's push endpoint gives.
    Foreign,
}

pub(crate) fn classify(status: u16, body: &str) -> Verdict {
    // Its status is configurable (`block_ingestion_status_code`, default 260), even to 204's neighbours.
    if status == 260 || body.contains("ingestion blocked for user") {
        return Verdict::Refused;
    }
    match status {
        204 => Verdict::Delivered,
        413 => Verdict::TooLarge,
        // The breach of the compressed size is a 400.
        400 | 500..=599 if body.contains("larger than max") || body.contains("message size") => {
            Verdict::TooLarge
        }
        400 | 422 => Verdict::Partial,
        401 | 403 => Verdict::Refused,
        408 | 429 | 500..=599 => Verdict::Later,
        _ => Verdict::Foreign,
    }
}

/// Whether Loki refuses the stream as such, so that each of its lines would meet the same answer.
pub(crate) fn refuses_whole_stream(body: &str) -> bool {
    [
        "couldn't parse labels",
        "error parsing labels",
        "at least one label pair is required",
        "label names; limit",
        "has label name too long",
        "has label value too long",
        "has duplicate label name",
        "missing required labels",
    ]
    .iter()
    .any(|sign| body.contains(sign))
}

/// Whether Loki says that it refused all `entries` of a request of one stream.
pub(crate) fn refuses_all(body: &str, entries: usize) -> bool {
    if entries == 1 {
        return true;
    }
    if let Some((_, tail)) = body.rsplit_once("total ignored: ") {
        return tail.starts_with(&format!("{entries} out of {entries} for stream"));
    }
    // "3 errors like: <words>; 1 errors like: <words>"; a single error comes without the count.
    let counted: usize = body
        .match_indices(" errors like: ")
        .filter_map(|(at, _)| body[..at].rsplit(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok())
        .sum();
    counted == entries
}

/// Loki's words about this entry: of several grouped messages the one that names its time.
pub(crate) fn words_for(body: &str, entry: &Entry) -> String {
    const SECOND: i64 = 1_000_000_000;
    let time = rfc3339(entry.ts.div_euclid(SECOND) * SECOND);
    let words = body.split("; ").find(|part| part.contains(&time)).unwrap_or(body);
    match words.split_once(" errors like: ") {
        Some((count, rest)) if count.bytes().all(|b| b.is_ascii_digit()) => clip(rest.to_owned()),
        _ => clip(words.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_204_is_delivered() {
        for (status, body, verdict) in [
            (204, "", Verdict::Delivered),
            (200, "", Verdict::Foreign),
            (260, "ingestion blocked for user 'x' until 't' with status code '260'", Verdict::Refused),
            (200, "ingestion blocked for user 'x' until 't' with status code '200'", Verdict::Refused),
            (400, "entry for stream '{}' has timestamp too new: T", Verdict::Partial),
            (400, "compressed message size 9 exceeds limit 8", Verdict::TooLarge),
            (413, "request body too large: 9 bytes, limit: 8 bytes", Verdict::TooLarge),
            (
                500,
                "rpc error: code = ResourceExhausted desc = trying to send message larger than max",
                Verdict::TooLarge,
            ),
            (429, "ingestion rate limit exceeded for user x", Verdict::Later),
            (503, "", Verdict::Later),
            (401, "no org id", Verdict::Refused),
            (404, "404 page not found", Verdict::Foreign),
        ] {
            assert_eq!(classify(status, body), verdict, "{status} {body}");
        }
    }

    #[test]
    fn lokis_counts_tell_when_nothing_was_kept() {
        assert!(refuses_all("3 errors like: too old; 2 errors like: older", 5));
        assert!(!refuses_all("3 errors like: too old", 5));
        assert!(!refuses_all("entry for stream has timestamp too old", 5));
        let ignored =
            "entry with timestamp T ignored, reason: 'entry too far behind',\nuser 'x', total ignored: ";
        assert!(refuses_all(&format!("{ignored}4 out of 4 for stream: {{}}"), 4));
        assert!(!refuses_all(&format!("{ignored}2 out of 4 for stream: {{}}"), 4));
    }

    #[test]
    fn each_line_gets_the_words_that_are_about_it() {
        let entry = Entry { ts: 1_790_000_000_500_000_000, line: String::new(), metadata: Vec::new() };
        let body =
            "2 errors like: too old: 2026-01-01T00:00:00Z; 1 errors like: too old: 2026-09-21T14:13:20Z";
        assert_eq!(words_for(body, &entry), "too old: 2026-09-21T14:13:20Z");
        assert_eq!(words_for("something else", &entry), "something else");
    }
}
