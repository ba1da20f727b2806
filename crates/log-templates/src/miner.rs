//! The miner: one tree a service, within fixed bounds.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::group::{Tokens, rename};
use crate::id::TemplateId;
use crate::mask::mask;
use crate::tree::Tree;

/// Tokens of a line that are looked at; the rest becomes one wildcard.
pub const MAX_TOKENS: usize = 128;
/// Bytes of a line that are looked at.
pub const MAX_LINE_BYTES: usize = 4096;
/// Version of [`State`]; a state of another version is refused.
pub const STATE_VERSION: u32 = 1;
/// Bytes of a line kept as the example of its template.
const MAX_EXAMPLE_BYTES: usize = 512;
/// The template of lines that came after a service had all the templates it may have.
const OTHER: &str = "<other>";

/// How lines are grouped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Share of equal tokens from which a line belongs to a group.
    pub similarity: f32,
    /// Different words that a position may hold before it becomes a wildcard.
    pub words: usize,
    /// Groups that a service may have; lines beyond are counted as one template, `<other>`.
    pub groups: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { similarity: 0.4, words: 4, groups: 10_000 }
    }
}

/// A template as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// Hash of the text.
    pub id: TemplateId,
    /// The words, with `<*>` for what varies.
    pub text: String,
    /// Lines seen.
    pub count: u64,
    /// The first line seen, shortened.
    pub example: String,
}

/// Learns templates line by line.
#[derive(Debug, Clone, Default)]
pub struct Miner {
    settings: Settings,
    services: BTreeMap<String, Service>,
    /// Reused between lines.
    buffer: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Service {
    tree: Tree,
    /// Ids that have another name now.
    renamed: BTreeMap<TemplateId, TemplateId>,
    /// Lines counted as [`OTHER`].
    other: u64,
}

/// What a miner knows, for storage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// [`STATE_VERSION`] of the writer.
    pub version: u32,
    settings: Settings,
    services: BTreeMap<String, Service>,
}

/// A state that this version cannot read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateError {
    /// The version found.
    pub found: u32,
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template state has version {}, expected {STATE_VERSION}", self.found)
    }
}

impl std::error::Error for StateError {}

impl Miner {
    /// A miner that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Learns a line and returns its template.
    ///
    /// A later line may generalise that template: [`Miner::resolve`] gives the name it has then.
    pub fn observe(&mut self, service: &str, line: &str) -> TemplateId {
        self.buffer.clear();
        mask(shorten(line, MAX_LINE_BYTES), &mut self.buffer);
        let tokens = Tokens::new(&self.buffer, MAX_TOKENS);
        if !self.services.contains_key(service) {
            self.services.insert(service.to_owned(), Service::default());
        }
        let Some(known) = self.services.get_mut(service) else { return TemplateId::of(OTHER) };
        let group = match known.tree.find(&tokens, self.settings.similarity) {
            Some(group) => group,
            None if known.tree.groups.len() < self.settings.groups => known.tree.add(&tokens),
            None => {
                known.other += 1;
                return TemplateId::of(OTHER);
            }
        };
        let placed =
            known.tree.groups[group].place(&tokens, shorten(line, MAX_EXAMPLE_BYTES), self.settings.words);
        if !placed.renamed.is_empty() {
            known.rename(&placed.renamed);
        }
        placed.id
    }

    /// The name that a template of `service` has now: another one if it was generalised since.
    pub fn resolve(&self, service: &str, id: TemplateId) -> TemplateId {
        self.services.get(service).and_then(|known| known.renamed.get(&id)).copied().unwrap_or(id)
    }

    /// Old and new names of the templates of a service that were generalised.
    pub fn renamed(&self, service: &str) -> impl Iterator<Item = (TemplateId, TemplateId)> + '_ {
        self.services.get(service).into_iter().flat_map(|known| known.renamed.iter().map(|(&a, &b)| (a, b)))
    }

    /// Names of the services seen, sorted.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }

    /// The templates of a service, most frequent first. Their counts add up to the lines observed.
    pub fn templates(&self, service: &str) -> Vec<Template> {
        let Some(known) = self.services.get(service) else { return Vec::new() };
        let mut by_id: BTreeMap<TemplateId, Template> = BTreeMap::new();
        // Two groups may arrive at the same text; it is one template.
        for variant in known.tree.groups.iter().flat_map(|group| &group.variants) {
            by_id.entry(variant.id).and_modify(|same| same.count += variant.count).or_insert_with(|| {
                Template {
                    id: variant.id,
                    text: variant.text.clone(),
                    count: variant.count,
                    example: variant.example.clone(),
                }
            });
        }
        if known.other > 0 {
            let id = TemplateId::of(OTHER);
            let other = Template { id, text: OTHER.into(), count: known.other, example: String::new() };
            by_id.insert(id, other);
        }
        let mut templates: Vec<Template> = by_id.into_values().collect();
        templates.sort_by(|a, b| b.count.cmp(&a.count).then(a.id.cmp(&b.id)));
        templates
    }

    /// What the miner knows, to be stored.
    pub fn state(&self) -> State {
        State { version: STATE_VERSION, settings: self.settings.clone(), services: self.services.clone() }
    }

    /// The miner that wrote `state`.
    pub fn restore(state: State) -> Result<Self, StateError> {
        if state.version != STATE_VERSION {
            return Err(StateError { found: state.version });
        }
        Ok(Self { settings: state.settings, services: state.services, buffer: String::new() })
    }
}

impl Service {
    fn rename(&mut self, renamed: &[(TemplateId, TemplateId)]) {
        for target in self.renamed.values_mut() {
            *target = rename(*target, renamed);
        }
        for &(from, _) in renamed {
            let to = rename(from, renamed);
            if from != to {
                self.renamed.insert(from, to);
            }
        }
        // A name may come back (another group reaches the same text): then it is nobody's old name.
        for &(_, to) in renamed {
            self.renamed.remove(&rename(to, renamed));
        }
    }
}

/// The beginning of `line` of at most `limit` bytes, cut at a character.
fn shorten(line: &str, limit: usize) -> &str {
    &line[..line.floor_char_boundary(limit)]
}
