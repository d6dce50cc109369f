//! Literals, thousands of them: a packed search for their first bytes, a comparison where one is
//! found. The automaton over whole literals runs at a tenth of the packed search's speed.

use std::collections::BTreeMap;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind, packed};

use super::find::{Hot, Verdict, What};

/// First bytes that are searched for; fewer when a literal is shorter.
const ANCHOR: usize = 4;
/// Patterns that one packed search can hold.
const PACKED: usize = 64;
/// Packed searches in a row before the automaton is quicker.
const PASSES: usize = 8;

pub(super) struct Literals {
    engine: Engine,
    /// For each anchor that is searched for, which of `words` begin with it.
    buckets: Vec<Range<usize>>,
    /// Sorted by anchor, longest first within one.
    words: Vec<Box<[u8]>>,
    fold: bool,
    anchor: usize,
}

enum Engine {
    Packed(Vec<packed::Searcher>),
    Automaton(AhoCorasick),
}

impl Literals {
    /// `None` when no automaton can be built of them. There is at least one, and none is empty.
    pub fn compile(literals: &[String], fold: bool) -> Option<Literals> {
        let anchor = literals.iter().map(String::len).min()?.min(ANCHOR);
        let mut by_anchor: BTreeMap<Vec<u8>, Vec<Box<[u8]>>> = BTreeMap::new();
        for literal in literals {
            let mut word = literal.clone().into_bytes();
            if fold {
                word.make_ascii_lowercase();
            }
            let bucket = by_anchor.entry(word[..anchor].to_vec()).or_default();
            bucket.push(word.into_boxed_slice());
        }
        let (mut words, mut patterns) = (Vec::new(), Vec::new());
        for (start, mut bucket) in by_anchor {
            bucket.sort_by_key(|word| std::cmp::Reverse(word.len()));
            bucket.dedup();
            let range = words.len()..words.len() + bucket.len();
            words.append(&mut bucket);
            for variant in variants(&start, fold) {
                patterns.push((variant, range.clone()));
            }
        }
        let buckets = patterns.iter().map(|(_, range)| range.clone()).collect();
        let anchors: Vec<_> = patterns.into_iter().map(|(pattern, _)| pattern).collect();
        Some(Literals {
            engine: Engine::compile(&anchors)?,
            buckets,
            words,
            fold,
            anchor,
        })
    }

    /// Bytes of the shortest one.
    pub fn shortest(&self) -> usize {
        self.words.iter().map(|word| word.len()).min().unwrap_or(0)
    }

    /// Bytes at the end of a text in which a literal may begin unseen.
    pub fn overhang(&self) -> usize {
        self.anchor - 1
    }

    /// True when a literal could stand in a number.
    pub fn in_numbers(&self) -> bool {
        self.words
            .iter()
            .any(|word| word.iter().all(|byte| b"0123456789+-.eE".contains(byte)))
    }

    /// Adds every place at or after `from` where a literal may begin.
    pub fn scan(&self, text: &[u8], from: usize, hots: &mut Vec<Hot>) {
        let mut add = |at: usize, pattern: usize| {
            hots.push(Hot {
                at: at as u32,
                what: What::Literal(pattern as u32),
            });
        };
        match &self.engine {
            Engine::Packed(passes) => {
                for (pass, searcher) in passes.iter().enumerate() {
                    let mut span = aho_corasick::Span::from(from..text.len());
                    while let Some(found) = searcher.find_in(text, span) {
                        add(found.start(), pass * PACKED + found.pattern().as_usize());
                        span.start = found.start() + 1;
                    }
                }
            }
            Engine::Automaton(automaton) => {
                for found in automaton.find_overlapping_iter(&text[from..]) {
                    add(from + found.start(), found.pattern().as_usize());
                }
            }
        }
    }

    /// The longest literal of the bucket that stands at `at`.
    pub fn judge(&self, text: &[u8], at: usize, pattern: u32, ended: bool) -> Verdict {
        let rest = &text[at..];
        for word in &self.words[self.buckets[pattern as usize].clone()] {
            let common = word.len().min(rest.len());
            let same = if self.fold {
                word[..common].eq_ignore_ascii_case(&rest[..common])
            } else {
                word[..common] == rest[..common]
            };
            match (same, common == word.len()) {
                (true, true) => return Verdict::Match(at..at + word.len()),
                (true, false) if !ended => return Verdict::More,
                _ => {}
            }
        }
        Verdict::No
    }
}

impl Engine {
    fn compile(anchors: &[Vec<u8>]) -> Option<Engine> {
        if anchors.len() <= PACKED * PASSES
            && let Some(passes) = anchors
                .chunks(PACKED)
                .map(packed::Searcher::new)
                .collect::<Option<Vec<_>>>()
        {
            return Some(Engine::Packed(passes));
        }
        AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(anchors)
            .ok()
            .map(Engine::Automaton)
    }
}

/// Every way to write `start` in upper and lower case.
fn variants(start: &[u8], fold: bool) -> Vec<Vec<u8>> {
    let mut variants = vec![Vec::new()];
    for &byte in start {
        let other = byte.to_ascii_uppercase();
        let mut longer = Vec::with_capacity(variants.len() * 2);
        for mut variant in variants {
            if fold && other != byte {
                let mut twin: Vec<u8> = variant.clone();
                twin.push(other);
                longer.push(twin);
            }
            variant.push(byte);
            longer.push(variant);
        }
        variants = longer;
    }
    variants
}
