//! Applications that log JSON.

use crate::traffic::rng::Rng;
use crate::traffic::scene::Scene;
use crate::traffic::source::Source;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// An application's access to its own log line.
struct App {
    source: Source,
    /// Median milliseconds of a plain request.
    median_ms: f64,
    /// Share of requests that fail on an ordinary day.
    usual_errors: f64,
}

const PHOTO_API: App = App { source: Source::PhotoApi, median_ms: 38.0, usual_errors: 0.008 };
const BOOKSHELF: App = App { source: Source::Bookshelf, median_ms: 22.0, usual_errors: 0.004 };
const FEED_READER: App = App { source: Source::FeedReader, median_ms: 55.0, usual_errors: 0.01 };

/// One thing that the photo server does.
pub(in crate::traffic) fn photo_api(scene: &mut Scene<'_>) {
    let id = scene.rng.range(1, 90_000);
    if PHOTO_API.fails(scene) {
        let message = match scene.rng.range(0, 20) {
            0..=13 => "could not get a database connection from the pool within 5000 ms",
            14..=17 => "thumbnail worker gave up",
            _ => "upload was cut off by the client",
        };
        return PHOTO_API.failure(scene, message, json!({"asset": id}));
    }
    match scene.rng.range(0, 100) {
        0..=74 => {
            let (method, path, factor) = match scene.rng.range(0, 10) {
                0..=4 => ("GET", format!("/api/assets/{id}/thumbnail"), 0.6),
                5..=7 => ("GET", format!("/api/albums/{}", id % 400), 1.2),
                8 => ("POST", "/api/assets".to_owned(), 4.0),
                _ => ("GET", "/api/search".to_owned(), 2.5),
            };
            PHOTO_API.request(scene, method, &path, factor);
        }
        75..=84 => {
            PHOTO_API.note(scene, "info", "thumbnail rendered", json!({"asset": id, "size": "480x320"}));
        }
        85..=92 => PHOTO_API.note(scene, "info", "asset indexed", json!({"asset": id, "faces": id % 4})),
        93..=96 => PHOTO_API.note(scene, "debug", "cache evicted", json!({"entries": id % 200})),
        97 | 98 => PHOTO_API.note(scene, "warn", "slow query", json!({"table": "assets", "rows": id})),
        _ => PHOTO_API.note(scene, "info", "nightly similarity pass finished", json!({"pairs": id / 7})),
    }
}

/// One thing that the book server does.;
pub(in crate::traffic) fn bookshelf(scene: &mut Scene<'_>) {
    let id = scene.rng.range(1, 6_000);
    if BOOKSHELF.fails(scene) {
        return BOOKSHELF.failure(scene, "cannot read the book's metadata", json!({"book": id}));
    }
    match scene.rng.range(0, 100) {
        0..=84 => {
            let (path, factor) = match scene.rng.range(0, 4) {
                0 => (format!("/opds/books/{id}"), 1.0),
                1 => (format!("/api/books/{id}/progress"), 0.7),
                2 => ("/api/shelves".to_owned(), 1.3),
                _ => (format!("/api/authors/{}", id % 700), 1.1),
            };
            BOOKSHELF.request(scene, "GET", &path, factor);
        }
        85..=93 => {
            BOOKSHELF.note(scene, "info", "reading progress saved", json!({"book": id, "percent": id % 100}));
        }
        94..=97 => {
            BOOKSHELF.note(scene, "info", "library scan finished", json!({"added": id % 3, "books": 5_871}));
        }
        _ => BOOKSHELF.note(scene, "warn", "cover is larger than 2 MB, scaled down", json!({"book": id})),
    }
}

/// One thing that the feed reader does.;
pub(in crate::traffic) fn feed_reader(scene: &mut Scene<'_>) {
    let feed = scene.rng.range(1, 240);
    if FEED_READER.fails(scene) {
        let message =
            scene.rng.pick(&["feed is not well-formed", "certificate of the feed's server has expired"]);
        return FEED_READER.failure(scene, message, json!({"feed": feed}));
    }
    match scene.rng.range(0, 100) {
        0..=39 => {
            FEED_READER.note(scene, "info", "feed refreshed", json!({"feed": feed, "new": feed % 6}));
        }
        40..=59 => FEED_READER.note(scene, "info", "feed not modified", json!({"feed": feed})),
        60..=93 => {
            let path = scene.rng.pick(&["/v1/entries", "/v1/feeds", "/v1/me"]);
            FEED_READER.request(scene, "GET", path, 0.5);
        }
        94..=97 => FEED_READER.note(
            scene,
            "warn",
            "fetch timed out, will retry",
            json!({"feed": feed, "attempt": 1}),
        ),
        _ => FEED_READER.note(scene, "debug", "old entries removed", json!({"entries": feed})),
    }
}

/// A retry that does not wait.
pub(in crate::traffic) fn feed_retry(scene: &mut Scene<'_>) {
    let (feed, attempt) = (scene.rng.range(1, 240), scene.rng.range(2, 900));
    FEED_READER.note(scene, "warn", "fetch timed out, will retry", json!({"feed": feed, "attempt": attempt}));
}

impl App {
    fn fails(&self, scene: &mut Scene<'_>) -> bool {
        scene.rng.chance(self.usual_errors + scene.effect.errors)
    }

    fn request(&self, scene: &mut Scene<'_>, method: &str, path: &str, factor: f64) {
        let ms = scene.rng.around(self.median_ms * factor * scene.effect.latency, 0.5);
        let status = match scene.rng.f64() {
            p if p < 0.015 => 404,
            p if p < 0.02 => 400,
            _ => 200,
        };
        let fields = json!({
            "method": method, "path": path, "status": status, "duration_ms": round(ms),
            "user": user(scene.rng), "trace_id": scene.trace_id(),
        });
        self.note(scene, "info", "request served", fields);
    }

    fn failure(&self, scene: &mut Scene<'_>, message: &str, fields: Value) {
        self.note(scene, "error", message, fields);
    }

    fn note(&self, scene: &mut Scene<'_>, level: &str, message: &str, fields: Value) {
        let mut text = format!(
            r#"{{"ts":"{}","level":"{level}","service":"{}","msg":"{message}""#,
            scene.json_time(),
            self.source.service()
        );
        if let Value::Object(fields) = fields {
            for (name, value) in fields {
                let _ = write!(text, r#","{name}":{value}"#);
            }
        }
        text.push('}');
        scene.line(self.source, text);
    }
}

fn round(ms: f64) -> f64 {
    (ms * 100.0).round() / 100.0
}

fn user(rng: &mut Rng) -> &'static str {
    rng.pick(&["mika", "ren", "yui", "guest"])
}
