//! A group of lines that look alike, and the templates in it.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::id::TemplateId;
use crate::mask::WILDCARD;

/// A token as the tree sees it: the hash of its text.
pub(crate) type Token = u64;

/// The hash that stands for a position without a fixed word; no text is given this hash.
pub(crate) const ANY: Token = 0;

/// Templates a group may hold before the position with the most words is generalised whatever its count: words that
/// vary independently of each other multiply.
const MAX_IN_GROUP: usize = 48;

/// The tokens of a masked line.
pub(crate) struct Tokens<'a> {
    pub(crate) words: Vec<&'a str>,
    pub(crate) hashes: Vec<Token>,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(masked: &'a str, limit: usize) -> Self {
        let mut words: Vec<&str> = masked.split(' ').take(limit + 1).collect();
        if words.len() > limit {
            words[limit] = WILDCARD;
        }
        let hashes = words.iter().map(|word| token(word)).collect();
        Self { words, hashes }
    }
}

fn token(word: &str) -> Token {
    if word == WILDCARD { ANY } else { xxh3_64(word.as_bytes()).max(1) }
}

/// What is known of one position.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Position {
    /// Anything may stand here.
    Any,
    /// The few words seen so far; `valued` when one of them holds a digit or a mask.
    Words { seen: Vec<Token>, valued: bool },
}

/// One template of a group: the words at the positions that are not generalised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Variant {
    pub(crate) id: TemplateId,
    pub(crate) text: String,
    pub(crate) count: u64,
    pub(crate) example: String,
    /// Hash of the tokens with generalised positions as [`ANY`].
    key: u64,
}

/// A Drain group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    /// Drain's own template: a position that ever varied is [`ANY`]. Similarity is measured on it.
    shape: Vec<Token>,
    positions: Vec<Position>,
    pub(crate) variants: Vec<Variant>,
}

/// What became of a line in its group.
pub(crate) struct Placed {
    pub(crate) id: TemplateId,
    /// Ids that have another name from now on.
    pub(crate) renamed: Vec<(TemplateId, TemplateId)>,
}

impl Group {
    pub(crate) fn new(tokens: &Tokens<'_>) -> Self {
        let positions = tokens
            .words
            .iter()
            .zip(&tokens.hashes)
            .map(|(word, &hash)| {
                if hash == ANY {
                    Position::Any
                } else {
                    Position::Words { seen: vec![hash], valued: is_valued(word) }
                }
            })
            .collect();
        Self { shape: tokens.hashes.clone(), positions, variants: Vec::new() }
    }

    /// (share of positions with the same fixed word, number of free positions), the order Drain prefers groups in.
    pub(crate) fn similarity(&self, tokens: &[Token]) -> (f32, usize) {
        let (mut same, mut free) = (0_usize, 0_usize);
        for (&mine, &theirs) in self.shape.iter().zip(tokens) {
            same += usize::from(mine == theirs);
            free += usize::from(mine == ANY);
        }
        (same as f32 / tokens.len().max(1) as f32, free)
    }

    /// Takes a line in. `words` is the number of different words a position may hold before it is generalised.
    pub(crate) fn place(&mut self, tokens: &Tokens<'_>, line: &str, words: usize) -> Placed {
        let mut renamed = Vec::new();
        if self.widen(tokens, words) {
            self.merge(&mut renamed);
        }
        let key = self.key(&tokens.hashes);
        if let Some(known) = self.variants.iter_mut().find(|variant| variant.key == key) {
            known.count += 1;
            return Placed { id: known.id, renamed };
        }
        let text = self.text(tokens.words.iter().copied());
        let variant = Variant { id: TemplateId::of(&text), text, count: 1, example: line.to_owned(), key };
        let mut id = variant.id;
        self.variants.push(variant);
        while self.variants.len() > MAX_IN_GROUP && self.give_way() {
            self.merge(&mut renamed);
            id = rename(id, &renamed);
        }
        Placed { id, renamed }
    }

    /// Learns the words of a line; true when a position became free.
    fn widen(&mut self, tokens: &Tokens<'_>, words: usize) -> bool {
        let mut freed = false;
        for (at, position) in self.positions.iter_mut().enumerate() {
            let hash = tokens.hashes[at];
            if self.shape[at] != hash {
                self.shape[at] = ANY;
            }
            let Position::Words { seen, valued } = position else { continue };
            if seen.contains(&hash) {
                continue;
            }
            seen.push(hash);
            *valued |= hash == ANY || is_valued(tokens.words[at]);
            if *valued || seen.len() > words {
                *position = Position::Any;
                freed = true;
            }
        }
        freed
    }

    /// Frees the position with the most words; false when none is left to free.
    fn give_way(&mut self) -> bool {
        let count = |position: &Position| match position {
            Position::Any => 0,
            Position::Words { seen, .. } => seen.len(),
        };
        let Some(widest) = self.positions.iter_mut().max_by_key(|position| count(position)) else {
            return false;
        };
        if count(widest) < 2 {
            return false;
        }
        *widest = Position::Any;
        true
    }

    /// Renames the variants after a position became free, and joins those that are the same now.
    fn merge(&mut self, renamed: &mut Vec<(TemplateId, TemplateId)>) {
        let before = std::mem::take(&mut self.variants);
        for mut variant in before {
            let text = self.text(variant.text.split(' '));
            let id = TemplateId::of(&text);
            if id != variant.id {
                renamed.push((variant.id, id));
            }
            if let Some(same) = self.variants.iter_mut().find(|known| known.id == id) {
                same.count += variant.count;
                continue;
            }
            let hashes: Vec<Token> = text.split(' ').map(token).collect();
            variant.key = self.key(&hashes);
            (variant.id, variant.text) = (id, text);
            self.variants.push(variant);
        }
    }

    fn key(&self, hashes: &[Token]) -> u64 {
        // Order-dependent mixing; 64 bits are plenty for the few dozen variants of one group.
        self.positions.iter().zip(hashes).fold(0_u64, |key, (position, &hash)| {
            let hash = if *position == Position::Any { ANY } else { hash };
            (key.rotate_left(5) ^ hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        })
    }

    fn text<'a>(&self, words: impl Iterator<Item = &'a str>) -> String {
        let mut text = String::new();
        for (position, word) in self.positions.iter().zip(words) {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(if *position == Position::Any { WILDCARD } else { word });
        }
        text
    }
}

/// The name that `id` has after the renames.
pub(crate) fn rename(id: TemplateId, renamed: &[(TemplateId, TemplateId)]) -> TemplateId {
    renamed.iter().fold(id, |id, &(from, to)| if id == from { to } else { id })
}

fn is_valued(word: &str) -> bool {
    word.bytes().any(|b| b.is_ascii_digit()) || word.contains(WILDCARD)
}
