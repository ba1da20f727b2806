//! Grouping accuracy on the loghub samples (Zhu et al., *Loghub*, ISSRE 2023), which may not be shipped:
//! `YAGURA_LOGHUB` names the folder that holds `Apache/`, `HDFS/`, ….
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use log_templates::{Miner, TemplateId};

/// Mean over the samples: 0.833 on the original labels, 0.809 on the corrected ones (eight samples at hand).
const FLOOR_MEAN: f64 = 0.8;
/// No sample may fall below this, except Linux and Proxifier whose labels tell apart what only a word list can.
const FLOOR_EACH: f64 = 0.84;

#[test]
fn groups_real_lines_as_their_labels_do() {
    let Some(folder) = std::env::var_os("YAGURA_LOGHUB") else {
        eprintln!(
            "skipped: groups_real_lines_as_their_labels_do: YAGURA_LOGHUB does not name the loghub folder"
        );
        return;
    };
    for suffix in ["structured.csv", "structured_corrected.csv"] {
        let mut scores = Vec::new();
        let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        for path in names.iter().filter(|path| path.is_dir()) {
            let name = path.file_name().unwrap().to_str().unwrap();
            let rows = read(&path.join(format!("{name}_2k.log_{suffix}")));
            let mut miner = Miner::default();
            let ids: Vec<TemplateId> = rows.iter().map(|(line, _)| miner.observe(name, line)).collect();
            let ids: Vec<TemplateId> = ids.into_iter().map(|id| miner.resolve(name, id)).collect();
            let accuracy = grouping_accuracy(&ids, &rows);
            println!("{name:12} {suffix:26} {accuracy:.3} {} templates", miner.templates(name).len());
            scores.push(accuracy);
            assert!(accuracy >= FLOOR_EACH || ["Linux", "Proxifier"].contains(&name), "{name}: {accuracy}");
        }
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        println!("{:12} {suffix:26} {mean:.3} over {} samples", "mean", scores.len());
        assert!(mean >= FLOOR_MEAN, "mean grouping accuracy {mean:.3} on {suffix}");
    }
}

/// Share of lines whose group holds exactly the lines of their labelled template.
fn grouping_accuracy(ids: &[TemplateId], rows: &[(String, String)]) -> f64 {
    let (mut found, mut wanted) = (HashMap::new(), HashMap::new());
    for (i, (id, (_, label))) in ids.iter().zip(rows).enumerate() {
        found.entry(*id).or_insert_with(Vec::new).push(i);
        wanted.entry(label.as_str()).or_insert_with(Vec::new).push(i);
    }
    let right: usize =
        found.values().filter(|group| wanted[rows[group[0]].1.as_str()] == **group).map(Vec::len).sum();
    right as f64 / rows.len() as f64
}

/// Lines and labels (columns `Content` and `EventTemplate`) of a CSV with quoted fields.
fn read(path: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(path).unwrap();
    let mut rows = records(&text).into_iter();
    let head = rows.next().unwrap();
    let column = |name: &str| head.iter().position(|field| field == name).unwrap();
    let (content, label) = (column("Content"), column("EventTemplate"));
    rows.map(|row| (row[content].clone(), row[label].clone())).collect()
}

fn records(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => field.push(chars.next().unwrap()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted => {}
            c => field.push(c),
        }
    }
    if !field.is_empty() || !row.is_empty() {
        row.push(field);
        rows.push(row);
    }
    rows
}
