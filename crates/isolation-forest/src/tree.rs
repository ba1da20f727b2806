//! One isolation tree as a flat list of nodes.

use serde::{Deserialize, Serialize};

use crate::data::Rows;
use crate::rng::Rng;

/// 12 bytes a node: a cut, or a leaf.
///
/// The left child of a cut is the next node of the list (trees are stored in pre-order), the right one is at `right`.
/// In a leaf `right` is 0, which no cut can have, and `cut` holds the path length that the leaf stands for: its
/// depth plus the expected depth of the rows left together in it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Node {
    cut: f32,
    right: u32,
    feature: u16,
    /// Missing values go right (where most of the training rows of this node went).
    missing_right: bool,
}

/// A tree with what its attributions need: the expected remaining path length at every node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    /// Mean path length (from the root) of the training rows below each node.
    mean_path: Vec<f32>,
}

impl Tree {
    /// Grows a tree over `sample` (indices of rows), which it reorders.
    pub(crate) fn grow(rows: Rows<'_>, sample: &mut [u32], depth_limit: u32, rng: &mut Rng) -> Self {
        let mut tree = Self { nodes: Vec::new(), mean_path: Vec::new() };
        let mut candidates: Vec<u16> = Vec::with_capacity(rows.width());
        tree.grow_node(rows, sample, 0, depth_limit, rng, &mut candidates);
        tree
    }

    /// Appends the subtree over `sample` and returns the sum of its rows' path lengths.
    fn grow_node(
        &mut self,
        rows: Rows<'_>,
        sample: &mut [u32],
        depth: u32,
        limit: u32,
        rng: &mut Rng,
        candidates: &mut Vec<u16>,
    ) -> f64 {
        let here = self.nodes.len();
        let cut =
            if depth < limit && sample.len() > 1 { choose_cut(rows, sample, rng, candidates) } else { None };
        let Some((feature, cut)) = cut else {
            let length = depth as f32 + average_path(sample.len());
            self.nodes.push(Node { cut: length, right: 0, feature: 0, missing_right: false });
            self.mean_path.push(length);
            return f64::from(length) * sample.len() as f64;
        };
        let missing_right = most_go_right(rows, sample, feature, cut);
        let middle = partition(sample, |row| goes_right(rows.at(row, feature.into()), cut, missing_right));
        self.nodes.push(Node { cut, right: 0, feature, missing_right });
        self.mean_path.push(0.0);
        let count = sample.len() as f64;
        let (left, right) = sample.split_at_mut(middle);
        let mut total = self.grow_node(rows, left, depth + 1, limit, rng, candidates);
        self.nodes[here].right = self.nodes.len() as u32;
        total += self.grow_node(rows, right, depth + 1, limit, rng, candidates);
        self.mean_path[here] = (total / count) as f32;
        total
    }

    /// The path length of `row`.
    pub(crate) fn path(&self, row: &[f32]) -> f32 {
        let mut at = 0;
        loop {
            let node = self.nodes[at];
            if node.right == 0 {
                return node.cut;
            }
            at = node.step(at, row);
        }
    }

    /// Adds to `parts` how much each feature shortened the path of `row`, and returns the path length.
    ///
    /// Each step changes the expected path length from that of the node to that of the child; the difference belongs
    /// to the feature of the cut. The sum over the path telescopes to `mean path of the tree - path of the row`.
    pub(crate) fn attribute(&self, row: &[f32], parts: &mut [f64]) -> f32 {
        let mut at = 0;
        loop {
            let node = self.nodes[at];
            if node.right == 0 {
                return node.cut;
            }
            let next = node.step(at, row);
            parts[usize::from(node.feature)] +=
                f64::from(self.mean_path[at]) - f64::from(self.mean_path[next]);
            at = next;
        }
    }

    /// Mean path length of the training rows of this tree.
    pub(crate) fn mean_path(&self) -> f32 {
        self.mean_path[0]
    }
}

impl Node {
    fn step(self, at: usize, row: &[f32]) -> usize {
        if goes_right(row[usize::from(self.feature)], self.cut, self.missing_right) {
            self.right as usize
        } else {
            at + 1
        }
    }
}

fn goes_right(value: f32, cut: f32, missing_right: bool) -> bool {
    if value.is_nan() { missing_right } else { value >= cut }
}

/// A random feature among those that differ within the sample, and a random value inside its range.
fn choose_cut(
    rows: Rows<'_>,
    sample: &[u32],
    rng: &mut Rng,
    candidates: &mut Vec<u16>,
) -> Option<(u16, f32)> {
    candidates.clear();
    candidates.extend(0..rows.width() as u16);
    while !candidates.is_empty() {
        let pick = rng.below(candidates.len() as u32) as usize;
        let feature = candidates.swap_remove(pick);
        let (low, high) = range(rows, sample, feature.into());
        if low < high {
            // Halves keep the difference finite for values near the limits of f32.
            let cut = low + 2.0 * rng.unit() * (high / 2.0 - low / 2.0);
            // `low` itself must stay left: a cut at `low` would leave that side empty.
            return Some((feature, if cut > low { cut.min(high) } else { low.next_up() }));
        }
    }
    None
}

/// Smallest and largest known value, infinities clamped to the largest finite numbers.
fn range(rows: Rows<'_>, sample: &[u32], feature: usize) -> (f32, f32) {
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    for &row in sample {
        let value = rows.at(row, feature);
        // NaN compares false and is passed over.
        if value < low {
            low = value;
        }
        if value > high {
            high = value;
        }
    }
    (low.max(f32::MIN), high.min(f32::MAX))
}

fn most_go_right(rows: Rows<'_>, sample: &[u32], feature: u16, cut: f32) -> bool {
    let (mut left, mut right) = (0_usize, 0_usize);
    for &row in sample {
        let value = rows.at(row, feature.into());
        left += usize::from(value < cut);
        right += usize::from(value >= cut);
    }
    right > left
}

/// Moves the rows for which `right` holds to the end; returns where they begin.
fn partition(sample: &mut [u32], right: impl Fn(u32) -> bool) -> usize {
    let (mut low, mut high) = (0, sample.len());
    while low < high {
        if right(sample[low]) {
            high -= 1;
            sample.swap(low, high);
        } else {
            low += 1;
        }
    }
    low
}

/// Mean path length of an unsuccessful search in a binary search tree of `n` keys (the paper's c(n)), from exact
/// harmonic numbers: the paper's logarithm is a poor approximation for the few rows of a leaf.
pub(crate) fn average_path(n: usize) -> f32 {
    if n < 2 {
        return 0.0;
    }
    let below = n - 1;
    let harmonic: f64 = if below <= 4096 {
        (1..=below).map(|i| 1.0 / i as f64).sum()
    } else {
        (below as f64).ln() + 0.577_215_664_901_532_9 + 0.5 / below as f64
    };
    (2.0 * harmonic - 2.0 * below as f64 / n as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::average_path;

    #[test]
    fn average_path_is_that_of_a_binary_search_tree() {
        assert!((average_path(1)).abs() < f32::EPSILON);
        assert!((average_path(2) - 1.0).abs() < 1e-6);
        assert!((average_path(3) - 5.0 / 3.0).abs() < 1e-6);
        assert!((average_path(256) - 10.245).abs() < 0.01);
        assert!((average_path(4097) - average_path(4098)).abs() < 1e-3, "no step where the formula changes");
    }
}
