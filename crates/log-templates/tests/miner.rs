//! What a user of the miner may rely on.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use std::collections::BTreeMap;

use log_templates::{Miner, Settings, State, StateError, TemplateId};

fn texts(miner: &Miner, service: &str) -> Vec<String> {
    let mut texts: Vec<String> = miner.templates(service).into_iter().map(|t| t.text).collect();
    texts.sort();
    texts
}

#[test]
fn a_few_words_stay_apart_and_many_become_one_template() {
    let mut miner = Miner::default();
    for word in ["Started", "Stopped"] {
        for unit in ["nginx", "sshd", "cron", "loki", "alloy", "smb"] {
            miner.observe("systemd", &format!("unit {unit} is now {word}"));
        }
    }
    assert_eq!(texts(&miner, "systemd"), ["unit <*> is now Started", "unit <*> is now Stopped"]);
}

#[test]
fn a_name_given_before_a_word_generalised_leads_to_the_name_after() {
    let mut miner = Miner::default();
    let first = miner.observe("app", "login of alice accepted today");
    let mut last = first;
    for user in ["bob", "carol", "dave", "erin"] {
        last = miner.observe("app", &format!("login of {user} accepted today"));
    }
    assert_ne!(first, last);
    assert_eq!(miner.resolve("app", first), last);
    assert_eq!(last, TemplateId::of("login of <*> accepted today"));
}

#[test]
fn ids_do_not_depend_on_order_service_or_restart() {
    let lines = ["open /a/b/c failed", "took 5 ms", "took 9 ms", "user 7 gone", "open /x/y/z failed"];
    let ids = |order: &[usize]| {
        let mut miner = Miner::default();
        order.iter().map(|&i| (i, miner.observe("s", lines[i]))).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(ids(&[0, 1, 2, 3, 4]), ids(&[4, 2, 0, 3, 1]));
}

#[test]
fn counts_add_up_to_the_lines_also_beyond_the_bounds() {
    let mut miner = Miner::new(Settings { groups: 20, ..Settings::default() });
    let words = ["alpha", "beta", "gamma", "delta", "eps", "zeta", "eta"];
    let mut lines = 0;
    for (i, a) in words.iter().enumerate() {
        for (j, b) in words.iter().enumerate() {
            for c in 0..4 {
                miner.observe("s", &format!("{}{a} {b} {}", "x ".repeat(i), "y ".repeat(j + c)));
                lines += 1;
            }
        }
    }
    let templates = miner.templates("s");
    assert_eq!(templates.iter().map(|t| t.count).sum::<u64>(), lines);
    assert!(templates.iter().any(|t| t.text == "<other>"), "the bound was reached");
}

#[test]
fn words_that_vary_independently_do_not_multiply_without_end() {
    let mut miner = Miner::default();
    let set = ["a", "b", "c", "d"];
    for i in 0..256_usize {
        let word = |n: u32| set[i / 4_usize.pow(n) % 4];
        let line = format!("the fixed words here {} and {} or {} but {}", word(0), word(1), word(2), word(3));
        miner.observe("s", &line);
    }
    assert!(miner.templates("s").len() <= 64, "{}", miner.templates("s").len());
    assert_eq!(miner.templates("s").iter().map(|t| t.count).sum::<u64>(), 256);
}

#[test]
fn hostile_lines_are_bounded() {
    let mut miner = Miner::default();
    for line in ["", " ", "\u{0}\u{1}", "日本語".repeat(5_000).as_str(), "a ".repeat(100_000).as_str()] {
        miner.observe("s", line);
    }
    for template in miner.templates("s") {
        assert!(template.text.len() <= 8_192 && template.example.len() <= 512, "{}", template.text.len());
    }
}

#[test]
fn a_restored_miner_goes_on_where_it_was() {
    let mut miner = Miner::default();
    for i in 0..200 {
        miner.observe("s", &format!("request {} of user{} done in {i} ms", i % 3, i % 50));
    }
    let text = serde_json::to_string(&miner.state()).unwrap();
    let state: State = serde_json::from_str(&text).unwrap();
    let mut again = Miner::restore(state).unwrap();
    assert_eq!(again.templates("s"), miner.templates("s"));
    let line = "request 1 of nobody done in 7 ms";
    assert_eq!(again.observe("s", line), miner.observe("s", line));
}

#[test]
fn a_state_of_another_version_is_refused() {
    let mut state = Miner::default().state();
    state.version = 99;
    let error = Miner::restore(state).unwrap_err();
    assert_eq!(error, StateError { found: 99 });
    assert_eq!(error.to_string(), "template state has version 99, expected 1");
}
