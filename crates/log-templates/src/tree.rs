//! Drain's tree of fixed depth: number of tokens, first token, then the groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::group::{ANY, Group, Token, Tokens};

/// First tokens told apart for one line length; the rest share a branch (Drain's `maxChild`).
const MAX_FIRST_TOKENS: usize = 100;

/// The groups of one service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tree {
    pub(crate) groups: Vec<Group>,
    /// Number of tokens → first token (or [`ANY`]) → numbers of groups.
    branches: BTreeMap<usize, BTreeMap<Token, Vec<u32>>>,
}

impl Tree {
    /// The group that a line belongs to, if any is similar enough.
    pub(crate) fn find(&self, tokens: &Tokens<'_>, similarity: f32) -> Option<usize> {
        let by_first = self.branches.get(&tokens.hashes.len())?;
        let groups = by_first.get(&first(tokens)).or_else(|| by_first.get(&ANY))?;
        let mut best: Option<(f32, usize, usize)> = None;
        for &group in groups {
            let (share, free) = self.groups[group as usize].similarity(&tokens.hashes);
            if best.is_none_or(|(s, f, _)| share > s || (share >= s && free > f)) {
                best = Some((share, free, group as usize));
            }
        }
        best.filter(|&(share, ..)| share >= similarity).map(|(.., group)| group)
    }

    /// Opens a group for a line that fits none; returns its number.
    pub(crate) fn add(&mut self, tokens: &Tokens<'_>) -> usize {
        let by_first = self.branches.entry(tokens.hashes.len()).or_default();
        let mut branch = first(tokens);
        if !by_first.contains_key(&branch) && by_first.len() >= MAX_FIRST_TOKENS {
            branch = ANY;
        }
        let number = self.groups.len();
        by_first.entry(branch).or_default().push(number as u32);
        self.groups.push(Group::new(tokens));
        number
    }
}

/// A first token that holds a digit or a mask is a value: it must not decide the branch.
fn first(tokens: &Tokens<'_>) -> Token {
    let word = tokens.words.first().copied().unwrap_or_default();
    if word.contains(crate::mask::WILDCARD) || word.bytes().any(|b| b.is_ascii_digit()) {
        ANY
    } else {
        tokens.hashes.first().copied().unwrap_or(ANY)
    }
}
