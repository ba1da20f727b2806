//! The forest: many trees, each over a small sample without replacement.

use serde::{Deserialize, Serialize};

use crate::data::Rows;
use crate::rng::{Rng, tree_seed};
use crate::tree::{Tree, average_path};

/// How a forest is grown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Number of trees; scores settle well before 100.
    pub trees: u32,
    /// Rows each tree sees; fewer when there are fewer. 256 is the paper's choice.
    pub sample: u32,
    /// Same seed and same rows: same forest, to the bit.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { trees: 100, sample: 256, seed: 0 }
    }
}

/// A grown forest. It scores rows of the width it was grown with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    width: usize,
    /// Rows each tree was really grown from.
    sample: usize,
    trees: Vec<Tree>,
}

/// Why a row scored as it did.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// The row's score, as [`Forest::score`] gives it.
    pub score: f32,
    /// Mean path length of the row over the trees.
    pub path: f64,
    /// Mean path length of the training rows: what an ordinary row needs.
    pub expected_path: f64,
    /// How much each feature shortened (positive) or lengthened (negative) the path.
    /// The sum is `expected_path - path`.
    pub parts: Vec<f64>,
}

impl Forest {
    /// Grows a forest over `rows`. Any number of rows will do; with fewer than two every row scores 0.5.
    pub fn grow(rows: Rows<'_>, settings: &Settings) -> Self {
        let sample = (settings.sample.max(1) as usize).min(rows.len());
        // The paper's height limit: beyond the average depth nothing is odd any more.
        let depth_limit = (sample.max(2) - 1).ilog2() + 1;
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        let trees = (0..u64::from(settings.trees.max(1)))
            .map(|index| {
                let mut rng = Rng::new(tree_seed(settings.seed, index));
                let swaps = draw(&mut order, sample, &mut rng);
                // The tree reorders its sample, so it gets a copy, and the drawing is undone afterwards: the sample
                // of a tree depends on its own seed alone, not on the trees before it.
                let mut drawn = order[..sample].to_vec();
                undo(&mut order, &swaps);
                Tree::grow(rows, &mut drawn, depth_limit, &mut rng)
            })
            .collect();
        Self { width: rows.width(), sample, trees }
    }

    /// Number of features that the forest knows.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The score of one row, in (0, 1): 0.5 ordinary, towards 1 odd.
    ///
    /// # Panics
    /// When the row has not the width of the training rows.
    pub fn score(&self, row: &[f32]) -> f32 {
        self.check(row);
        let total: f64 = self.trees.iter().map(|tree| f64::from(tree.path(row))).sum();
        self.to_score(total / self.trees.len() as f64)
    }

    /// The scores of many rows, in their order.
    ///
    /// # Panics
    /// When the rows have not the width of the training rows.
    pub fn scores(&self, rows: Rows<'_>) -> Vec<f32> {
        rows.iter().map(|row| self.score(row)).collect()
    }

    /// The score of one row with the share of every feature in it.
    ///
    /// # Panics
    /// When the row has not the width of the training rows.
    pub fn attribute(&self, row: &[f32]) -> Attribution {
        self.check(row);
        let count = self.trees.len() as f64;
        let mut parts = vec![0.0; self.width];
        let (mut path, mut expected_path) = (0.0, 0.0);
        for tree in &self.trees {
            path += f64::from(tree.attribute(row, &mut parts));
            expected_path += f64::from(tree.mean_path());
        }
        for part in &mut parts {
            *part /= count;
        }
        path /= count;
        expected_path /= count;
        Attribution { score: self.to_score(path), path, expected_path, parts }
    }

    fn check(&self, row: &[f32]) {
        assert_eq!(row.len(), self.width, "a row must have as many features as the forest was grown with");
    }

    fn to_score(&self, path: f64) -> f32 {
        let average = f64::from(average_path(self.sample));
        if average <= 0.0 {
            return 0.5;
        }
        // Clamped so that the score stays inside (0, 1) after rounding to f32.
        ((-path / average).exp2() as f32).clamp(f32::MIN_POSITIVE, 1.0 - f32::EPSILON)
    }
}

/// Draws `count` of `order` without replacement to its front (Fisher–Yates); returns the swaps made.
fn draw(order: &mut [u32], count: usize, rng: &mut Rng) -> Vec<(usize, usize)> {
    (0..count)
        .map(|i| {
            let j = i + rng.below((order.len() - i) as u32) as usize;
            order.swap(i, j);
            (i, j)
        })
        .collect()
}

fn undo(order: &mut [u32], swaps: &[(usize, usize)]) {
    for &(i, j) in swaps.iter().rev() {
        order.swap(i, j);
    }
}
