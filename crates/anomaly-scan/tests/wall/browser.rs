//! The page in a real browser, as people see it.

use crate::sample;
use anomaly_scan::wall::{PAGE_COLUMNS, Wall, html};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;
use testkit::chromium::{Chromium, Window};

const DESK: Window = Window { width: 1280, height: 900 };

/// What a page of ours is asked after it was drawn, in a frame as wide as the screen in question.
const QUESTIONS: &str = r##"
  const seen = (selector) => Array.from(document.querySelectorAll(selector)).filter((node) => node.checkVisibility());
  const wide = Array.from(document.querySelectorAll(".page *")).filter((node) =>
    !node.closest("svg, .vh, .skip, pre, .name *") && node.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
  const text = getComputedStyle(document.body);
  const light = (colour) => { const [r, g, b] = colour.match(/[\d.]+/g).map(Number); return 0.299 * r + 0.587 * g + 0.114 * b; };
  const before = light(text.backgroundColor);
  document.getElementById("theme").click();
  const first = [document.documentElement.dataset.theme, light(getComputedStyle(document.body).backgroundColor)];
  document.getElementById("theme").click();
  const second = [document.documentElement.dataset.theme, light(getComputedStyle(document.body).backgroundColor)];
  const overflow = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const lane = document.querySelector(".lane");
  const zoom = Array.from(document.querySelectorAll(".zoom button"));
  let zoomed = null;
  if (zoom.length > 0) {
    zoom[1].click();
    zoomed = [Math.round(lane.getBoundingClientRect().width / lane.parentNode.getBoundingClientRect().width), overflow()];
    zoom[0].click();
  }
  const box = lane.getBoundingClientRect();
  const place = { clientX: box.right - 3, clientY: box.top + 5, bubbles: true, cancelable: true };
  lane.dispatchEvent(new PointerEvent("pointermove", place));
  const tip = document.getElementById("tip").innerText;
  lane.dispatchEvent(new PointerEvent("click", { ...place, detail: 1 }));
  const clicked = location.hash;
  const last = document.querySelector(".inc:last-child, li:last-child > .inc");
  if (last) location.hash = last.id;
  setTimeout(() => parent.postMessage(JSON.stringify({
    script: document.documentElement.classList.contains("js"),
    title: document.title,
    lanes: seen(".lane").length,
    blocks: seen(".hit rect").length,
    reachable: seen(".hit").every((node) => node.tabIndex === 0),
    incidents: seen(".inc h3").length,
    messages: seen(".messages tr").length,
    width: innerWidth,
    overflow: overflow(), zoomed, tip, clicked,
    wide: wide.map((node) => node.className || node.tagName),
    paper: before, themes: [first, second],
    chosen: !last || (last.classList.contains("on") && last.querySelector("details").open
      && document.querySelector(`.hit.on[href="#${last.id}"]`) !== null),
  }), "*"), 300);
"##;

struct Pages {
    chromium: Chromium,
    dir: TempDir,
}

impl Pages {
    fn new() -> Option<Self> {
        Some(Self { chromium: Chromium::find()?, dir: tempfile::tempdir().ok()? })
    }

    fn write(&self, name: &str, page: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, page).expect("write the page");
        path
    }

    /// Asks a page in a frame of this width. A frame, because a window can't be as narrow as a phone.
    fn ask(&self, wall: &Wall, width: u32) -> serde_json::Value {
        let page = html::render(wall);
        let (start, rest) =
            page.split_once("<meta http-equiv=\"Content-Security-Policy\"").expect("a policy");
        let page = format!("{start}{}", rest.split_once('\n').expect("a line").1);
        let page = page.replace("</body>", &format!("<script>{{{QUESTIONS}}}</script></body>"));
        let inner = self.write("wall.html", &page);
        let outer = format!(
            "<!DOCTYPE html><p id=\"answer\"></p>\
             <iframe src=\"file://{}\" width=\"{width}\" height=\"800\" style=\"border:0\"></iframe>\
             <script>onmessage = (event) => {{ answer.textContent = event.data; }}</script>",
            inner.display()
        );
        let document = self.chromium.document(&self.write("frame.html", &outer), DESK).expect("a document");
        let answer = document.split_once("id=\"answer\">").and_then(|(_, rest)| rest.split_once("</p>"));
        let answer = answer.expect("an answer").0;
        let answer = answer.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {document}"))
    }
}

#[test]
fn wall_in_browser() {
    let Some(pages) = Pages::new() else {
        eprintln!("skipped: wall_in_browser: no chromium on PATH");
        return;
    };
    let path = pages.write("day.html", &html::render(&sample::day(PAGE_COLUMNS)));
    let document = pages.chromium.document(&path, DESK).unwrap();
    // The script ran, so its hash in the policy is right.
    assert!(document.contains("class=\"js\""), "the script did not run");
    assert!(document.contains("class=\"lane\"") && document.contains("id=\"i-9f3c0a1b2c3d4e01\""));

    let answer = pages.ask(&sample::day(PAGE_COLUMNS), 1280);
    assert_eq!(answer["incidents"], 6, "{answer}");
    assert_eq!(answer["blocks"], 6, "{answer}");
    assert_eq!(answer["lanes"], 6, "the quiet lanes are folded: {answer}");
    assert_eq!(answer["reachable"], true, "every block can be reached by keyboard: {answer}");
    assert_eq!(answer["chosen"], true, "a link opens its incident and marks its block: {answer}");
    assert_eq!(answer["overflow"], 0, "{answer}");
    let tip = answer["tip"].as_str().unwrap();
    assert!(tip.contains("postgres · homeMachine") && tip.contains("score 14.2"), "{answer}");
    assert_eq!(answer["clicked"], "#i-9f3c0a1b2c3d4e01", "a click on a block chooses its incident: {answer}");
    assert_eq!(answer["zoomed"], serde_json::json!([4, 0]), "the last quarter fills the board: {answer}");
}

#[test]
fn wall_on_a_phone_has_no_sideways_scroll() {
    let Some(pages) = Pages::new() else {
        eprintln!("skipped: wall_on_a_phone_has_no_sideways_scroll: no chromium on PATH");
        return;
    };
    for wall in [
        sample::day(PAGE_COLUMNS),
        sample::quiet(PAGE_COLUMNS),
        sample::learning(PAGE_COLUMNS),
        sample::hostile(PAGE_COLUMNS),
    ] {
        for width in [375, 320] {
            let answer = pages.ask(&wall, width);
            assert_eq!(answer["width"], width, "{answer}");
            assert_eq!(answer["overflow"], 0, "{answer}");
            assert_eq!(answer["wide"], serde_json::json!([]), "{answer}");
            assert_eq!(answer["zoomed"], serde_json::json!([4, 0]), "{answer}");
        }
    }
}

#[test]
fn wall_in_light_and_dark() {
    let Some(pages) = Pages::new() else {
        eprintln!("skipped: wall_in_light_and_dark: no chromium on PATH");
        return;
    };
    let answer = pages.ask(&sample::learning(PAGE_COLUMNS), 1280);
    assert_eq!(answer["messages"], 5, "{answer}");
    assert!(answer["paper"].as_f64().unwrap() > 200.0, "as the system: light: {answer}");
    let themes = &answer["themes"];
    assert_eq!((&themes[0][0], &themes[1][0]), (&"light".into(), &"dark".into()), "{answer}");
    assert!(themes[0][1].as_f64().unwrap() > 200.0 && themes[1][1].as_f64().unwrap() < 60.0, "{answer}");
}

#[test]
fn wall_runs_nothing_that_a_log_line_brings() {
    let Some(pages) = Pages::new() else {
        eprintln!("skipped: wall_runs_nothing_that_a_log_line_brings: no chromium on PATH");
        return;
    };
    let path = pages.write("hostile.html", &html::render(&sample::hostile(PAGE_COLUMNS)));
    let document = pages.chromium.document(&path, DESK).unwrap();
    assert!(document.contains("class=\"js\""), "the script did not run");
    assert!(document.contains("incidents in 24 hours. · Yagura"), "the title is ours");
    // And not only because of the policy.
    let answer = pages.ask(&sample::hostile(PAGE_COLUMNS), 1280);
    assert!(!answer["title"].as_str().unwrap().contains("owned"), "{answer}");
}
