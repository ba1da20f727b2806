//! Random numbers that are the same on every machine for the same seed.

use std::f64::consts::TAU;

/// A small generator (`SplitMix64`); good enough for believable noise, and nothing else.
#[derive(Debug, Clone)]
pub(super) struct Rng(u64);

impl Rng {
    /// An independent stream for each list of keys, so that any hour can be made without the ones before it.
    pub(super) fn keyed(keys: &[u64]) -> Self {
        let mut rng = Self(0x9e37_79b9_7f4a_7c15);
        for key in keys {
            rng.0 = rng.u64() ^ key.wrapping_mul(0xd6e8_feb8_6659_fd93);
        }
        rng.u64();
        rng
    }

    pub(super) fn u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `[0, 1)`.
    pub(super) fn f64(&mut self) -> f64 {
        (self.u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// In `[low, high)`.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.f64() * (high - low)
    }

    /// In `[low, high)`, whole.
    pub(super) fn range(&mut self, low: u64, high: u64) -> u64 {
        low + ((u128::from(self.u64()) * u128::from(high - low)) >> 64) as u64
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.f64() < probability
    }

    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.range(0, choices.len() as u64) as usize]
    }

    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.f64()).ln()).sqrt();
        radius * (TAU * self.f64()).cos()
    }

    /// Log-normal with this median; `spread` is the standard deviation of the logarithm.
    pub(super) fn around(&mut self, median: f64, spread: f64) -> f64 {
        median * (spread * self.normal()).exp()
    }

    /// Poisson with this mean (Knuth's product below 30, the normal approximation above).
    pub(super) fn poisson(&mut self, mean: f64) -> u32 {
        if mean > 30.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as u32;
        }
        let floor = (-mean).exp();
        let mut product = self.f64();
        let mut n = 0;
        while product > floor {
            product *= self.f64();
            n += 1;
        }
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_mean_that_was_asked_for_and_repeat_by_key() {
        for mean in [0.2, 4.0, 80.0] {
            let mut rng = Rng::keyed(&[1, 2]);
            let total: u32 = (0..4000).map(|_| rng.poisson(mean)).sum();
            let got = f64::from(total) / 4000.0;
            assert!((got - mean).abs() < 0.05 * mean + 0.03, "{mean}: {got}");
        }
        assert_eq!(Rng::keyed(&[1, 2]).u64(), Rng::keyed(&[1, 2]).u64());
        assert_ne!(Rng::keyed(&[1, 2]).u64(), Rng::keyed(&[2, 1]).u64());
    }
}
