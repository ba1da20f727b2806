//! What an answer to a push means, told from its status and Loki's own words
//! (`pkg/validation/validate.go`, `pkg/ingester/stream.go` of 3.7).

use crate::error::clip;
use log_model::Entry;
use log_model::time::{SECOND, rfc3339};

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
fn refuses_whole_stream(body: &str) -> bool {
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

/// Loki's words about each of these entries of one stream, when it is sure that all of them were refused and which
/// words are whose. `None`: send them apart to find out.
pub(crate) fn words_for_all(body: &str, entries: &[&Entry]) -> Option<Vec<String>> {
    let same = |words: &str| Some(vec![clip(words.to_owned()); entries.len()]);
    if entries.len() == 1 || refuses_whole_stream(body) {
        return same(body);
    }
    if let Some((_, tail)) = body.rsplit_once("total ignored: ") {
        let all = format!("{0} out of {0} for stream", entries.len());
        return tail.starts_with(&all).then(|| same(body)).flatten();
    }
    // "3 errors like: <words>; 1 errors like: <words>"
    let groups: Vec<(usize, &str)> = body.split("; ").map(counted).collect::<Option<_>>()?;
    if groups.iter().map(|(count, _)| count).sum::<usize>() != entries.len() {
        return None;
    }
    if let [(_, words)] = groups[..] {
        return same(words);
    }
    entries.iter().map(|entry| words_by_time(&groups, entry)).collect()
}

fn counted(group: &str) -> Option<(usize, &str)> {
    let (count, words) = group.split_once(" errors like: ")?;
    Some((count.parse().ok()?, words))
}

/// Of several messages the only one that names the entry's time.
fn words_by_time(groups: &[(usize, &str)], entry: &Entry) -> Option<String> {
    let time = format!("timestamp too old: {}", rfc3339(entry.ts.div_euclid(SECOND) * SECOND));
    let (_, words) = groups.iter().find(|(_, words)| words.contains(&time))?;
    Some(clip((*words).to_owned()))
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
    fn words_are_given_out_only_where_it_is_clear_whose_they_are() {
        let at = |ts| Entry { ts, line: String::new(), metadata: Vec::new() };
        let (first, second) = (at(1_790_000_000_500_000_000), at(1_790_000_001_000_000_000));
        let both = [&first, &second];
        let old = |count: usize, time: &str| {
            format!("{count} errors like: has timestamp too old: 2026-09-21T14:{time}Z, x")
        };
        let words = words_for_all(&old(2, "13:20"), &both).unwrap();
        assert_eq!(words, ["has timestamp too old: 2026-09-21T14:13:20Z, x"; 2], "one message for all");
        let words = words_for_all(&format!("{}; {}", old(1, "13:21"), old(1, "13:20")), &both).unwrap();
        assert!(words[0].contains("13:20Z") && words[1].contains("13:21Z"), "{words:?}");
        assert_eq!(words_for_all(&old(1, "13:20"), &both), None, "one of two was stored");
        assert_eq!(
            words_for_all("1 errors like: too long; 1 errors like: too fat", &both),
            None,
            "whose is which?"
        );
        assert_eq!(words_for_all("anything", &[&first]).unwrap(), ["anything"]);
        let ignored = "entry ignored, reason: 'entry too far behind',\nuser 'x', total ignored: ";
        assert!(words_for_all(&format!("{ignored}2 out of 2 for stream: {{}}"), &both).is_some());
        assert!(words_for_all(&format!("{ignored}1 out of 2 for stream: {{}}"), &both).is_none());
    }
}
