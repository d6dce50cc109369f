//! Changes to a text as a list of places: everywhere else the bytes stay what they are.

use std::ops::Range;

/// Places to change, in order and apart from each other.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Edits {
    list: Vec<Edit>,
    /// What is put in, one after the other.
    text: Vec<u8>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Edit {
    span: Range<usize>,
    replacement: Range<usize>,
}

/// An edit that lies before or over one that is there, or beyond the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("edits are out of order or out of bounds")]
pub struct Misplaced;

impl Edits {
    /// No change.
    #[must_use]
    pub fn new() -> Edits {
        Edits::default()
    }

    /// Forgets every change and keeps the memory.
    pub fn clear(&mut self) {
        self.list.clear();
        self.text.clear();
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Puts `replacement` where the bytes of `span` stand. Spans come in order; one may begin where
    /// the one before ends.
    pub fn push(&mut self, span: Range<usize>, replacement: &[u8]) -> Result<(), Misplaced> {
        let from = self.list.last().map_or(0, |edit| edit.span.end);
        if span.start < from || span.end < span.start {
            return Err(Misplaced);
        }
        let start = self.text.len();
        self.text.extend_from_slice(replacement);
        self.list.push(Edit {
            span,
            replacement: start..self.text.len(),
        });
        Ok(())
    }

    /// Writes `bytes`, changed, at the end of `out`. On an error `out` is as it was.
    pub fn apply(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Misplaced> {
        let end = self.list.last().map_or(0, |edit| edit.span.end);
        if end > bytes.len() {
            return Err(Misplaced);
        }
        let mut at = 0;
        for edit in &self.list {
            out.extend_from_slice(bytes.get(at..edit.span.start).unwrap_or_default());
            out.extend_from_slice(self.text.get(edit.replacement.clone()).unwrap_or_default());
            at = edit.span.end;
        }
        out.extend_from_slice(bytes.get(at..).unwrap_or_default());
        Ok(())
    }

    /// The spans that change, with what comes there.
    pub fn iter(&self) -> impl Iterator<Item = (Range<usize>, &[u8])> {
        self.list.iter().map(|edit| {
            let text = self.text.get(edit.replacement.clone());
            (edit.span.clone(), text.unwrap_or_default())
        })
    }
}

impl std::fmt::Debug for Edits {
    /// Places only: what is put in may be for nobody else.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|(span, _)| span))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn edits_are_in_order_and_apart() {
        let mut edits = Edits::new();
        edits.push(2..4, b"X").unwrap();
        edits.push(4..4, b"Y").unwrap();
        assert_eq!(edits.push(3..5, b""), Err(Misplaced));
        let mut out = b"=".to_vec();
        edits.apply(b"abcdef", &mut out).unwrap();
        assert_eq!(out, b"=abXYef");
        assert_eq!(edits.apply(b"abc", &mut out), Err(Misplaced));
        assert_eq!(out, b"=abXYef");
    }

    proptest! {
        /// Against the obvious: replace from the back, so that earlier places keep theirs.
        #[test]
        fn what_is_not_edited_stays(
            bytes in proptest::collection::vec(any::<u8>(), 0..60),
            places in proptest::collection::vec((0..9usize, 0..9usize, ".{0,3}"), 0..9),
        ) {
            let (mut edits, mut at, mut list) = (Edits::new(), 0, Vec::new());
            for (gap, length, text) in places {
                let span = at + gap..at + gap + length;
                if span.end > bytes.len() {
                    break;
                }
                at = span.end;
                edits.push(span.clone(), text.as_bytes()).unwrap();
                list.push((span, text));
            }
            let mut want = bytes.clone();
            for (span, text) in list.into_iter().rev() {
                want.splice(span, text.bytes());
            }
            let mut out = Vec::new();
            edits.apply(&bytes, &mut out).unwrap();
            prop_assert_eq!(out, want);
        }
    }
}
