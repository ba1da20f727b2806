//! What the wall says on a terminal, to a machine and in a page.

mod browser;
mod engine;
mod sample;

use anomaly_scan::wall::{self, State, html, json, text};

#[test]
fn the_terminal_shows_lanes_and_the_ranked_list() {
    insta::assert_snapshot!(text::render(&sample::day(text::MAX_COLUMNS), false));
}

#[test]
fn a_quiet_day_says_so_and_still_shows_the_lanes() {
    insta::assert_snapshot!(text::render(&sample::quiet(text::MAX_COLUMNS), false));
}

#[test]
fn a_young_home_lab_is_learning_and_shows_its_messages() {
    insta::assert_snapshot!(text::render(&sample::learning(text::MAX_COLUMNS), false));
}

#[test]
fn text_fits_a_hundred_columns_whatever_the_logs_say() {
    for wall in [
        sample::day(text::MAX_COLUMNS),
        sample::learning(text::MAX_COLUMNS),
        sample::hostile(text::MAX_COLUMNS),
    ] {
        for line in text::render(&wall, false).lines() {
            assert!(line.chars().count() <= text::WIDTH, "{line}");
            assert!(!line.contains('\x1b'), "{line}");
        }
    }
}

#[test]
fn colour_changes_nothing_but_the_colour() {
    let wall = sample::day(text::MAX_COLUMNS);
    let coloured = text::render(&wall, true);
    assert!(coloured.contains("\x1b[38;5;"));
    let mut plain = String::new();
    for (i, part) in coloured.split('\x1b').enumerate() {
        plain.push_str(if i == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    let trimmed: Vec<_> = plain.lines().map(str::trim_end).collect();
    assert_eq!(trimmed.join("\n") + "\n", text::render(&wall, false));
}

#[test]
fn the_json_document_has_lanes_incidents_and_health() {
    let mut document: serde_json::Value =
        serde_json::from_str(&json::render(&sample::day(14)).unwrap()).unwrap();
    let incidents = document["incidents"].as_array_mut().unwrap();
    assert_eq!(incidents.len(), 6);
    incidents.truncate(2);
    let lanes = document["lanes"].as_array_mut().unwrap();
    assert!(
        lanes.iter().all(|lane| lane["cells"].as_array().unwrap().len() == 13),
        "every column of every lane"
    );
    lanes.truncate(1);
    insta::assert_json_snapshot!(document);
}

#[test]
fn without_a_line_there_is_a_page_that_says_so() {
    let range = wall::Range::new(sample::END - 86_400, sample::END, 72);
    let empty =
        wall::build(sample::time(sample::END), range, wall::Rows::default(), &wall::LinksConfig::default());
    assert!(matches!(empty.state, State::Learning { since: None, .. }));
    assert!(text::render(&empty, false).contains("No lines yet."));
    assert!(html::render(&empty).contains("<h1>No lines yet.</h1>"));
}

#[test]
fn an_incident_of_an_older_version_is_shown_from_its_columns() {
    let range = wall::Range::new(sample::END - 86_400, sample::END, 72);
    let old = log_store::rows::Anomaly {
        detected_at: 0,
        window_start: sample::END as u32 - 900,
        window_end: sample::END as u32 - 600,
        host: "homeMachine".into(),
        service: "nginx".into(),
        anomaly_type: "iforest".into(),
        score: 1.5,
        details: r#"{"z":3.2}"#.into(),
        id: 7,
        unit: String::new(),
        state: "closed".into(),
        feature: "err_rate".into(),
        observed: 12.0,
        expected: 0.0,
        template_id: 0,
        links: Vec::new(),
        updated_at: 0,
    };
    let rows = wall::Rows { anomalies: vec![old], ..wall::Rows::default() };
    let wall = wall::build(sample::time(sample::END), range, rows, &wall::LinksConfig::default());
    assert_eq!(wall.incidents[0].reason, "nginx on homeMachine: 12 observed, 0 expected.");
    assert_eq!(wall.incidents[0].ratio, None);
    assert_eq!(wall.lanes.len(), 1, "it has a lane even without lines");
}

#[test]
fn muted_incidents_are_counted_and_not_shown() {
    let range = wall::Range::new(sample::END - 86_400, sample::END, 72);
    let mut rows = sample::day_rows(range);
    rows.anomalies[0].state = "muted".into();
    let wall = wall::build(sample::time(sample::END), range, rows, &wall::LinksConfig::default());
    assert_eq!((wall.incidents.len(), wall.health.muted), (5, 1));
    assert_eq!(wall.incidents[0].rank, 1);
}

#[test]
fn a_range_is_made_of_whole_columns_and_never_of_too_many() {
    for (hours, columns) in [(1, 72), (24, 72), (24, 144), (24 * 7, 72), (24 * 400, 72), (24 * 4000, 10)] {
        let range = wall::Range::new(sample::END - hours * 3600 - 17, sample::END, columns);
        assert!(range.from <= sample::END - hours * 3600 - 17 && range.to >= sample::END, "{hours} h");
        assert_eq!((range.to - range.from) % range.step_s, 0, "{hours} h");
        assert!((range.to - range.from) / range.step_s <= columns as i64, "{hours} h");
    }
}

#[test]
fn the_page_loads_nothing_from_anywhere() {
    let page = html::render(&sample::day(wall::PAGE_COLUMNS));
    for loads in
        ["src=", "<link rel=\"stylesheet\"", "@import", "url(", "fetch(", "XMLHttpRequest", "import("]
    {
        assert!(!page.contains(loads), "{loads}");
    }
    // Links lead to the configured servers, and only the reader follows them.
    for (at, _) in page.match_indices("http") {
        let rest = &page[at..];
        let known = ["http://homeMachine:", "http-equiv", "http://www.w3.org/2000/svg", "https-only"];
        assert!(known.iter().any(|prefix| rest.starts_with(prefix)), "{}", &rest[..60]);
    }
    assert!(page.contains("default-src 'none'"));
    assert!(!page.contains(" style=\""), "the policy would drop it");
}

#[test]
fn markup_in_logs_stays_text() {
    let page = html::render(&sample::hostile(wall::PAGE_COLUMNS));
    assert_eq!(page.matches("<script").count(), 2, "the data and our own");
    assert_eq!(page.matches("</script").count(), 2);
    assert!(!page.contains("<img"));
    assert!(page.contains("&lt;script&gt;document.title=&#39;owned&#39;&lt;/script&gt;"));
}

#[test]
fn the_data_in_the_page_is_the_json_that_was_meant() {
    let page = html::render(&sample::hostile(wall::PAGE_COLUMNS));
    let start = page.find("id=\"wall-data\">").unwrap() + "id=\"wall-data\">".len();
    let data = &page[start..start + page[start..].find("</script>").unwrap()];
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert!(data["lanes"][0]["service"].as_str().unwrap().starts_with("</script>"));
    assert_eq!(data["incidents"][0]["columns"].as_array().unwrap().len(), 2);
}

#[test]
fn the_page_says_all_without_its_script() {
    let page = html::render(&sample::day(wall::PAGE_COLUMNS));
    let page = &page[..page.find("id=\"wall-data\"").unwrap()];
    for text in [
        "6 incidents in 24 hours.",
        "2 still going on.",
        "Error burst",
        "271",
        "0.2 expected",
        "No space left on device",
        "Open in Grafana",
        "/#/silences/new?filter=",
        "FROM logs.app_logs",
        "{host=&quot;homeMachine&quot;, service=&quot;postgres&quot;}",
        "<a href=\"#i-9f3c0a1b2c3d4e02\">",
        "NEW",
        "learning",
    ] {
        assert!(page.contains(text), "{text}");
    }
}
