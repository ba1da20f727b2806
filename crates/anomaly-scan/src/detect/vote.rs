//! The isolation forest's second vote: how odd is a window among all windows of all entities?

use isolation_forest::{Forest, Rows, Settings};

use super::calibrate::Past;
use super::feature::Feature;
use super::residual::{RESIDUALS, Residuals};

/// Rows that the forest is grown from at most.
const MAX_ROWS: usize = 20_000;
/// Bigger samples than the paper's 256 pay off here: the odd windows are rare and alike.
const SAMPLE: u32 = 1024;
/// Beyond this a residual says no more.
const CLIP: f32 = 30.0;

/// A grown forest over residuals.
#[derive(Debug)]
pub struct Vote {
    forest: Forest,
}

/// What the forest says of one window.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    /// 0 to 1, 0.5 ordinary.
    pub score: f32,
    /// Features that made it odd, biggest share first; the shares add up to 1.
    pub parts: Vec<(Feature, f32)>,
}

impl Vote {
    /// Grows a forest from the past of all entities; none without any.
    pub fn learn(past: &[Past], seed: u64) -> Option<Self> {
        let rows: usize = past.iter().map(|one| one.range.len()).sum();
        let step = rows.div_ceil(MAX_ROWS).max(1);
        let mut values = Vec::with_capacity(rows.min(MAX_ROWS) * RESIDUALS.len());
        for (n, (one, i)) in
            past.iter().flat_map(|one| (0..one.range.len()).map(move |i| (one, i))).enumerate()
        {
            if n % step == 0 {
                values.extend(one.z.iter().enumerate().map(|(feature, z)| squash(feature, z[i])));
            }
        }
        let rows = Rows::new(&values, RESIDUALS.len()).ok().filter(|rows| rows.len() > 1)?;
        Some(Self { forest: Forest::grow(rows, &Settings { sample: SAMPLE, seed, ..Settings::default() }) })
    }

    /// The forest's opinion of window `at`.
    pub fn opinion(&self, residuals: &Residuals, at: usize) -> Opinion {
        let row: Vec<f32> = residuals
            .z
            .iter()
            .enumerate()
            .map(|(feature, z)| squash(feature, z[at - residuals.start]))
            .collect();
        let why = self.forest.attribute(&row);
        let total: f64 = why.parts.iter().filter(|part| **part > 0.0).sum();
        let mut parts: Vec<(Feature, f32)> = RESIDUALS
            .iter()
            .zip(&why.parts)
            .enumerate()
            .filter(|(_, (_, part))| **part > 0.0)
            .map(|(i, (feature, part))| {
                let feature = if i == 0 && row[0] < 0.0 { Feature::CountLow } else { *feature };
                (feature, (part / total) as f32)
            })
            .collect();
        parts.sort_by(|a, b| b.1.total_cmp(&a.1));
        Opinion { score: why.score, parts }
    }
}

/// Errors have a long tail even when all is well; the root makes them comparable with the rest.
fn squash(feature: usize, z: f32) -> f32 {
    match RESIDUALS[feature] {
        Feature::Errors | Feature::Server => z.max(0.0).sqrt(),
        _ => z.clamp(-CLIP, CLIP),
    }
}
