//! What escaped text decodes to, with a map back to the bytes it came from.

/// Where decoded bytes came from. Offsets count from the body's start.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin<'m> {
    /// They stand for themselves from `at` on.
    Plain { at: u64 },
    /// All of them stand for the bytes `from..to`.
    Escape { from: u64, to: u64 },
    /// Each for what the last mark before it says; they are bytes from `from` on of what is marked.
    Marked { marks: &'m [Mark], from: usize },
}

/// From the decoded byte `at` on, up to the next mark, bytes are of this origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    at: usize,
    origin: Origin<'static>,
}

impl<'m> Origin<'m> {
    /// The place between the decoded bytes before `index` and those after.
    pub fn boundary(self, index: usize) -> u64 {
        match (self, index) {
            (Origin::Plain { at }, _) => at + index as u64,
            (Origin::Escape { from, .. }, 0) => from,
            (Origin::Escape { to, .. }, _) => to,
            (Origin::Marked { marks, from }, _) => mark_of(marks, from + index)
                .map_or(0, |mark| mark.origin.boundary(from + index - mark.at)),
        }
    }

    /// The origin of what follows the first `index` decoded bytes.
    pub fn after(self, index: usize) -> Origin<'m> {
        match self {
            Origin::Plain { at } => Origin::Plain {
                at: at + index as u64,
            },
            Origin::Escape { .. } => self,
            Origin::Marked { marks, from } => Origin::Marked {
                marks,
                from: from + index,
            },
        }
    }

    /// Where the decoded bytes `from..to` stand, if they stand there for themselves in one piece.
    /// `near` is where the last ones were found, of which these most likely are not far.
    #[inline(always)]
    pub fn plain(self, near: &mut usize, from: usize, to: usize) -> Option<u64> {
        match self {
            Origin::Plain { at } => Some(at + from as u64),
            Origin::Escape { .. } => None,
            Origin::Marked { marks, from: base } => {
                plain_within(marks, near, base + from, base + to)
            }
        }
    }
}

/// The mark that the decoded byte at `index` falls under.
fn mark_of(marks: &[Mark], index: usize) -> Option<&Mark> {
    let after = marks.partition_point(|mark| mark.at <= index);
    marks.get(after.checked_sub(1)?)
}

fn plain_within(marks: &[Mark], near: &mut usize, from: usize, to: usize) -> Option<u64> {
    /// So many marks are looked at one by one: fewer than two strings are apart.
    const FEW: usize = 8;
    let ahead = marks.get(*near..).unwrap_or_default();
    let here = ahead.first().is_some_and(|mark| mark.at <= from);
    let next = ahead.iter().take(FEW).position(|mark| mark.at > from);
    let after = match next {
        Some(next) if here => *near + next,
        _ => marks.partition_point(|mark| mark.at <= from),
    };
    *near = after.checked_sub(1)?;
    let mark = marks.get(*near)?;
    match mark.origin {
        Origin::Plain { at } if marks.get(after).is_none_or(|next| to <= next.at) => {
            Some(at + (from - mark.at) as u64)
        }
        _ => None,
    }
}

/// Decoded bytes that came piece by piece.
#[derive(Default)]
pub(super) struct Decoded {
    bytes: Vec<u8>,
    /// Sorted, the first at the first byte.
    marks: Vec<Mark>,
}

impl Decoded {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn origin(&self) -> Origin<'_> {
        Origin::Marked {
            marks: &self.marks,
            from: 0,
        }
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.marks.clear();
    }

    pub fn push(&mut self, bytes: &[u8], origin: Origin<'_>) {
        match origin {
            _ if bytes.is_empty() => return,
            Origin::Plain { at } => self.mark(0, Origin::Plain { at }),
            Origin::Escape { from, to } => self.mark(0, Origin::Escape { from, to }),
            Origin::Marked { marks, from } => {
                let first = marks.partition_point(|mark| mark.at <= from);
                for mark in &marks[first.saturating_sub(1)..] {
                    let Some(ahead) = mark.at.checked_sub(from) else {
                        self.mark(0, mark.origin.after(from - mark.at));
                        continue;
                    };
                    if ahead >= bytes.len() {
                        break;
                    }
                    self.mark(ahead, mark.origin);
                }
            }
        }
        match bytes {
            // Most escapes.
            [byte] => self.bytes.push(*byte),
            _ => self.bytes.extend_from_slice(bytes),
        }
    }

    /// Marks the byte that will stand `ahead` bytes behind those that are here.
    fn mark(&mut self, ahead: usize, origin: Origin<'static>) {
        let at = self.bytes.len() + ahead;
        let goes_on = self.marks.last().is_some_and(|mark| {
            matches!((mark.origin, origin), (Origin::Plain { at: from }, Origin::Plain { at: to })
                if to == from + (at - mark.at) as u64)
        });
        if !goes_on {
            self.marks.push(Mark { at, origin });
        }
    }

    /// Forgets the first `count` bytes, which are not all.
    pub fn forget(&mut self, count: usize) {
        let first = self.marks.partition_point(|mark| mark.at <= count);
        self.marks.drain(..first.saturating_sub(1));
        for mark in &mut self.marks {
            if mark.at < count {
                mark.origin = mark.origin.after(count - mark.at);
                mark.at = 0;
            } else {
                mark.at -= count;
            }
        }
        self.bytes.drain(..count);
    }

    /// Where the byte before which `index` stands begins in the body.
    pub fn start(&self, index: usize) -> u64 {
        match mark_of(&self.marks, index) {
            None => 0,
            Some(mark) => match mark.origin {
                Origin::Escape { to, .. } if index == self.bytes.len() => to,
                Origin::Escape { from, .. } => from,
                plain => plain.boundary(index - mark.at),
            },
        }
    }

    /// Where the byte before `index` ends in the body.
    pub fn end_of(&self, index: usize) -> u64 {
        let mark = index
            .checked_sub(1)
            .and_then(|last| mark_of(&self.marks, last));
        mark.map_or(0, |mark| mark.origin.boundary(index - mark.at))
    }
}
