//! What became of things that have names.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of named things, by name, each list sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    /// Those that are new.
    pub added: Vec<Arc<str>>,
    /// Those that are gone.
    pub removed: Vec<Arc<str>>,
    /// Those that are in both and not the same.
    pub changed: Vec<Arc<str>>,
}

impl Entries {
    /// True when nothing is different.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    /// Compares two lists of things with names.
    pub(super) fn of<'c, T>(
        old: impl IntoIterator<Item = (&'c Arc<str>, T)>,
        new: impl IntoIterator<Item = (&'c Arc<str>, T)>,
        is_same: impl Fn(&T, &T) -> bool,
    ) -> Entries {
        let old: BTreeMap<_, T> = old.into_iter().collect();
        let new: BTreeMap<_, T> = new.into_iter().collect();
        let missing_in = |other: &BTreeMap<&Arc<str>, T>, name: &&Arc<str>| {
            (!other.contains_key(*name)).then(|| Arc::clone(name))
        };
        Entries {
            added: (new.keys())
                .filter_map(|name| missing_in(&old, name))
                .collect(),
            removed: (old.keys())
                .filter_map(|name| missing_in(&new, name))
                .collect(),
            changed: (new.iter())
                .filter(|(name, thing)| old.get(*name).is_some_and(|old| !is_same(old, thing)))
                .map(|(name, _)| Arc::clone(name))
                .collect(),
        }
    }

    pub(super) fn only(&self, which: impl Fn(&str) -> bool) -> Entries {
        let chosen =
            |names: &[Arc<str>]| names.iter().filter(|name| which(name)).cloned().collect();
        Entries {
            added: chosen(&self.added),
            removed: chosen(&self.removed),
            changed: chosen(&self.changed),
        }
    }
}
