//! What a user of the forest may rely on.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use isolation_forest::rng::Rng;
use isolation_forest::{Forest, Rows, Settings};
use proptest::prelude::*;

/// `n` rows of `width` numbers around zero, roughly bell shaped.
fn cloud(n: usize, width: usize, seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed);
    (0..n * width).map(|_| (0..6).map(|_| rng.unit() - 0.5).sum()).collect()
}

fn grow(values: &[f32], width: usize, seed: u64) -> Forest {
    Forest::grow(Rows::new(values, width).unwrap(), &Settings { seed, ..Settings::default() })
}

#[test]
fn far_rows_rank_above_the_cloud_and_name_their_feature() {
    let mut values = cloud(1_000, 3, 1);
    for row in values.chunks_exact_mut(3).take(10) {
        row[2] += 9.0;
    }
    let forest = grow(&values, 3, 3);
    let scores = forest.scores(Rows::new(&values, 3).unwrap());
    let weakest = scores[..10].iter().copied().fold(1.0, f32::min);
    let above = scores[10..].iter().filter(|&&s| s >= weakest).count();
    assert!(above <= 2, "{above} of 990 ordinary rows score above a far one");
    let parts = forest.attribute(&values[..3]).parts;
    let first = (0..3).max_by(|&a, &b| parts[a].total_cmp(&parts[b])).unwrap();
    assert_eq!(first, 2, "{parts:?}");
}

#[test]
fn the_parts_add_up_to_the_shortening_of_the_path() {
    let values = cloud(500, 4, 2);
    let forest = grow(&values, 4, 4);
    for row in Rows::new(&values, 4).unwrap().iter().chain([[5.0, f32::NAN, -5.0, 0.0].as_slice()]) {
        let why = forest.attribute(row);
        let sum: f64 = why.parts.iter().sum();
        assert!((sum - (why.expected_path - why.path)).abs() < 1e-4, "{why:?}");
        assert_eq!(why.score.to_bits(), forest.score(row).to_bits());
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_seed_does_not() {
    let values = cloud(700, 3, 5);
    let rows = Rows::new(&values, 3).unwrap();
    let bits = |seed| grow(&values, 3, seed).scores(rows).iter().map(|s| s.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(1), bits(1));
    assert_ne!(bits(1), bits(2));
}

/// Any change of these bits changes every stored forest: a decision, not an accident.
#[test]
fn the_bits_of_a_known_forest_stay() {
    let values: Vec<f32> = (0..64_u16).map(|i| f32::from(i * i % 61)).collect();
    let forest = Forest::grow(Rows::new(&values, 2).unwrap(), &Settings { trees: 10, sample: 16, seed: 42 });
    let scores = [forest.score(&[0.0, 0.0]), forest.score(&[60.0, 30.0]), forest.score(&[200.0, -7.0])];
    assert_eq!(scores.map(f32::to_bits), KNOWN);
}
const KNOWN: [u32; 3] = [1_057_858_637, 1_058_224_847, 1_058_131_658];

#[test]
fn constant_columns_and_identical_rows_are_ordinary() {
    let same = vec![3.0_f32; 400];
    let forest = grow(&same, 4, 1);
    let score = forest.score(&[3.0; 4]);
    assert!((score - 0.5).abs() < 1e-3, "{score}");
    let mut mixed = cloud(300, 3, 9);
    mixed.chunks_exact_mut(3).for_each(|row| row[1] = 7.0);
    let forest = grow(&mixed, 3, 1);
    assert!(forest.attribute(&[4.0, 7.0, 0.0]).parts[1].abs() < 1e-12, "a constant column explains nothing");
}

#[test]
fn few_rows_are_fine() {
    for n in 0..3 {
        let values = cloud(n, 2, 1);
        let forest = grow(&values, 2, 1);
        let score = forest.score(&[1.0, 2.0]);
        assert!(score > 0.0 && score < 1.0, "{n} rows: {score}");
    }
    assert!((grow(&[], 2, 1).score(&[1.0, 2.0]) - 0.5).abs() < f32::EPSILON);
}

#[test]
fn missing_and_infinite_values_are_scored_and_make_no_panic() {
    let mut values = cloud(400, 3, 8);
    for (i, value) in values.iter_mut().enumerate() {
        match i % 17 {
            0 => *value = f32::NAN,
            5 => *value = f32::INFINITY,
            11 => *value = f32::NEG_INFINITY,
            _ => {}
        }
    }
    let forest = grow(&values, 3, 8);
    let unknown = forest.score(&[f32::NAN; 3]);
    assert!(unknown < 0.6, "a row of which nothing is known is not odd: {unknown}");
    assert!(forest.score(&[f32::MAX, f32::MIN, f32::INFINITY]).is_finite());
}

#[test]
fn a_table_that_is_not_one_is_refused() {
    assert!(Rows::new(&[1.0, 2.0, 3.0], 2).is_err());
    let error = Rows::new(&[1.0], 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "1 numbers do not make rows of 0 features (1 to 65535 features, whole rows only)"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scores_lie_between_zero_and_one(
        values in proptest::collection::vec(proptest::num::f32::ANY, 0..300),
        width in 1_usize..6,
        seed in any::<u64>(),
    ) {
        let whole = &values[..values.len() / width * width];
        let rows = Rows::new(whole, width).unwrap();
        let forest = Forest::grow(rows, &Settings { trees: 20, sample: 64, seed });
        for score in forest.scores(rows) {
            prop_assert!(score > 0.0 && score < 1.0, "{}", score);
        }
    }

    #[test]
    fn moving_a_row_outwards_never_makes_it_more_ordinary(seed in any::<u64>()) {
        let values = cloud(256, 2, seed);
        let forest = grow(&values, 2, seed);
        let at = |x: f32| forest.score(&[x, 0.0]);
        prop_assert!(at(50.0) >= at(5.0));
        prop_assert!(at(5.0) >= at(0.0));
    }
}
