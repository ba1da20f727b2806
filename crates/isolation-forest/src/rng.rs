//! The generator of random numbers: xoshiro256++ seeded through `SplitMix64`.
//!
//! Written after the public-domain description by D. Blackman and S. Vigna, *Scrambled linear pseudorandom number
//! generators*, ACM TOMS 47 (2021), and <https://prng.di.unimi.it>. It is here, and not a dependency, because the
//! stream belongs to the stored forest: a changed stream would silently change every score.

/// A small, fast generator with 256 bits of state. Not for secrets.
#[derive(Debug, Clone)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// A generator whose stream is a function of `seed` alone.
    pub fn new(seed: u64) -> Self {
        let mut mix = SplitMix64(seed);
        Self { state: [mix.next(), mix.next(), mix.next(), mix.next()] }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A number in `0..bound` without bias (Lemire's method); 0 when `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        if bound == 0 {
            return 0;
        }
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = (self.next_u64() >> 32) * u64::from(bound);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }

    /// A number in `[0, 1)` with 24 random bits, which is all that an `f32` can hold.
    pub fn unit(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / (1_u32 << 24) as f32
    }
}

/// Spreads a seed of few bits over the whole state; also derives one seed per tree.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The seed of tree number `index` of a forest with `seed`: each tree has a stream of its own, so that trees can be
/// grown in any order, or on several threads, with the same result.
pub(crate) fn tree_seed(seed: u64, index: u64) -> u64 {
    SplitMix64(seed ^ SplitMix64(index).next()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First output of the reference `SplitMix64` for seed 0 (published test value).
    #[test]
    fn splitmix_gives_the_published_values() {
        let mut mix = SplitMix64(0);
        assert_eq!(mix.next(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mix.next(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn numbers_below_a_bound_are_spread_evenly() {
        let mut rng = Rng::new(7);
        let mut seen = [0_u32; 10];
        for _ in 0..100_000 {
            seen[rng.below(10) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| (9_500..10_500).contains(&n)), "{seen:?}");
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn unit_numbers_stay_below_one() {
        let mut rng = Rng::new(1);
        assert!((0..10_000).map(|_| rng.unit()).all(|x| (0.0..1.0).contains(&x)));
    }
}
