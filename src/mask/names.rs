//! Member names that a profile asks for.

/// What is to be done with the value of a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Member {
    Hide(u16),
    Link,
}

/// Ends each name in a path; never part of UTF-8.
pub(super) const SEPARATOR: u8 = 0xFF;

/// Member names by length, since most names of a body have the length of none.
#[derive(Default)]
pub(super) struct Names {
    by_length: Vec<Vec<Wanted>>,
    sieve: Sieve,
    /// Some name is asked for only within others, so readers keep track of those.
    nested: bool,
    /// Bytes of the shortest link that is an annotation: it may stand behind another name, as in
    /// `members@odata.nextLink`.
    shortest_tail: Option<usize>,
}

/// Lets names through that may be asked for: most names of a body are known by their length, first
/// and last letter to be none.
struct Sieve {
    /// By length: one bit for each pair of letters, some of which share one. Longer names pass.
    rows: [u64; Sieve::ROWS],
}

struct Wanted {
    name: Box<[u8]>,
    /// Its first and last byte, case folded away: tells most names of its length from it.
    ends: (u8, u8),
    /// The names that it must stand within, each ended by [`SEPARATOR`].
    parents: Box<[u8]>,
    member: Member,
}

impl Names {
    /// Asks for a member by its path. Empty names are not asked for.
    pub fn add(&mut self, path: &[&str], member: Member) {
        let Some((name, parents)) = path.split_last() else {
            return;
        };
        let (name, Some(ends)) = (name.as_bytes(), ends(name.as_bytes())) else {
            return;
        };
        if self.by_length.len() <= name.len() {
            self.by_length.resize_with(name.len() + 1, Vec::new);
        }
        let joined = parents.iter().flat_map(|parent| {
            let ended = std::iter::once(SEPARATOR);
            parent.bytes().chain(ended)
        });
        self.nested |= !parents.is_empty();
        if member == Member::Link && name.first() == Some(&b'@') {
            let shortest = self.shortest_tail.unwrap_or(name.len());
            self.shortest_tail = Some(shortest.min(name.len()));
        }
        if self.nested {
            // Any name may be one that they must stand within.
            self.sieve.open(0);
        } else if let Some(shortest) = self.shortest_tail {
            self.sieve.open(shortest + 1);
        }
        self.sieve.add(name);
        self.by_length[name.len()].push(Wanted {
            name: name.into(),
            ends,
            parents: joined.collect(),
            member,
        });
    }

    /// True when [`Names::find`] has to be told what a name stands within.
    #[inline]
    pub fn are_nested(&self) -> bool {
        self.nested
    }

    /// False for most names that [`Names::find`] need not be told of.
    #[inline(always)]
    pub fn may_have<'n>(&self, length: usize, name: impl FnOnce() -> &'n [u8]) -> bool {
        let row = self.sieve.rows.get(length);
        row.is_none_or(|row| *row != 0) && self.sieve.passes(name())
    }

    /// The names of members that are hidden, wherever they must stand.
    pub fn hidden(&self) -> impl Iterator<Item = &[u8]> {
        let wanted = self.by_length.iter().flatten();
        let hidden = wanted.filter(|wanted| matches!(wanted.member, Member::Hide(_)));
        hidden.map(|wanted| &*wanted.name)
    }

    /// Whether the name may be that of a link that belongs to another member.
    #[inline]
    fn may_have_tail(&self, name: &[u8]) -> bool {
        let long = self
            .shortest_tail
            .is_some_and(|shortest| name.len() > shortest);
        long && memchr::memchr(b'@', name).is_some()
    }

    /// What is to be done with the member `name` within `parents`, each ended by [`SEPARATOR`].
    #[inline]
    pub fn find(&self, parents: &[u8], name: &[u8]) -> Option<Member> {
        let exact = self.exact(parents, name);
        if exact.is_some() || !self.may_have_tail(name) {
            return exact;
        }
        let tail = memchr::memrchr(b'@', name).and_then(|at| name.get(at..))?;
        let found = self.exact(parents, tail);
        found.filter(|member| *member == Member::Link)
    }

    #[inline]
    fn exact(&self, parents: &[u8], name: &[u8]) -> Option<Member> {
        let candidates = self.by_length.get(name.len())?;
        if candidates.is_empty() {
            return None;
        }
        let ends = ends(name)?;
        let fits = |wanted: &&Wanted| {
            wanted.ends == ends
                && (*name == *wanted.name || name.eq_ignore_ascii_case(&wanted.name))
                && wanted.stands_within(parents)
        };
        candidates.iter().find(fits).map(|wanted| wanted.member)
    }
}

impl Wanted {
    #[inline]
    fn stands_within(&self, parents: &[u8]) -> bool {
        if self.parents.is_empty() {
            return true;
        }
        let Some(start) = parents.len().checked_sub(self.parents.len()) else {
            return false;
        };
        let (before, nearest) = parents.split_at(start);
        nearest.eq_ignore_ascii_case(&self.parents)
            && before.last().is_none_or(|&byte| byte == SEPARATOR)
    }
}

impl Default for Sieve {
    fn default() -> Sieve {
        Sieve {
            rows: [0; Sieve::ROWS],
        }
    }
}

impl Sieve {
    const ROWS: usize = 64;

    fn add(&mut self, name: &[u8]) {
        if let (Some(row), Some(letters)) = (self.rows.get_mut(name.len()), Sieve::letters(name)) {
            *row |= 1 << letters;
        }
    }

    /// Lets all names of so many bytes and more through.
    fn open(&mut self, length: usize) {
        for row in self.rows.iter_mut().skip(length) {
            *row = u64::MAX;
        }
    }

    #[inline(always)]
    fn passes(&self, name: &[u8]) -> bool {
        match (self.rows.get(name.len()), Sieve::letters(name)) {
            (Some(row), Some(letters)) => row >> letters & 1 == 1,
            _ => true,
        }
    }

    /// Below 64, and the same however the letters are written.
    #[inline(always)]
    fn letters(name: &[u8]) -> Option<u32> {
        let (first, last) = ends(name)?;
        Some((u32::from(first) + 5 * u32::from(last)) % 64)
    }
}

/// The first and the last byte, with the bit set that tells lower case from upper.
#[inline]
fn ends(name: &[u8]) -> Option<(u8, u8)> {
    Some((name.first()? | 0x20, name.last()? | 0x20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sieve_lets_every_name_through_that_is_found() {
        let passes = |names: &Names, name: &[u8]| names.may_have(name.len(), || name);
        for length in 1..=130 {
            let name = format!("{}z", "Ab".repeat(length))[..length].to_owned();
            let mut names = Names::default();
            names.add(&[&name], Member::Hide(7));
            for name in [name.clone(), name.to_uppercase(), name.to_lowercase()] {
                assert_eq!(names.find(b"", name.as_bytes()), Some(Member::Hide(7)));
                assert!(passes(&names, name.as_bytes()), "{name}");
            }
            let other = format!("{}x", &name[..length - 1]);
            assert_eq!(passes(&names, other.as_bytes()), length > 63, "{other}");
        }
    }

    #[test]
    fn the_sieve_is_open_to_parents_and_to_what_a_link_stands_behind() {
        let passes = |names: &Names, name: &str| names.may_have(name.len(), || name.as_bytes());
        let mut names = Names::default();
        names.add(&["@next"], Member::Link);
        assert!(passes(&names, "members@NEXT") && passes(&names, "@Next"));
        assert!(!passes(&names, "mail") && !passes(&names, "other"));
        names.add(&["manager", "id"], Member::Hide(0));
        assert!(passes(&names, "manager") && passes(&names, "any") && passes(&names, ""));
    }
}
