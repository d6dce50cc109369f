//! Weaves spans and bytes into what may be seen: a list of slices.

use super::{Hit, Masks};

/// A piece of the output, by reference.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Segment {
    /// Bytes of the chunk that was pushed.
    Chunk { from: u32, to: u32 },
    /// Bytes that were held back from earlier chunks.
    Held { from: u32, to: u32 },
    /// A replacement that was written for one value.
    Note { from: u32, to: u32 },
    /// The placeholder of a rule.
    Rule(u16),
    /// A quote, escaped as often as its level wants.
    Quote(u8),
    /// Short pieces, copied together.
    Gathered { from: u32, to: u32 },
}

impl Segment {
    /// The bytes of a segment that has not been gathered.
    fn resolve<'a>(
        self,
        chunk: &'a [u8],
        held: &'a [u8],
        notes: &'a [u8],
        masks: &'a Masks,
    ) -> &'a [u8] {
        match self {
            Segment::Chunk { from, to } => &chunk[from as usize..to as usize],
            Segment::Held { from, to } => &held[from as usize..to as usize],
            Segment::Note { from, to } => &notes[from as usize..to as usize],
            Segment::Rule(rule) => masks.placeholder(rule),
            Segment::Quote(level) => super::replace::quote(level),
            Segment::Gathered { .. } => &[],
        }
    }
}

/// Bytes that must not be seen, and what stands in their place. Offsets count from the body's start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub start: u64,
    /// [`OPEN`] while the end is not known.
    pub end: u64,
    /// [`NO_RULE`] for a link: rewritten, not masked.
    pub rule: u16,
    /// The level whose quotes go around the placeholder; `None` when quotes stand there already.
    pub quotes: Option<u8>,
    /// A replacement of its own among the notes, from and to.
    pub note: Option<(u32, u32)>,
    /// The note shows part of the value, so it may stand only where no other rule masks.
    pub shows: bool,
}

impl Span {
    /// What two spans have in common that stand for one hit.
    fn what(&self) -> (u64, u64, u16) {
        (self.start, self.end, self.rule)
    }
}

pub(super) const OPEN: u64 = u64::MAX;
pub(super) const NO_RULE: u16 = u16::MAX;

/// With more spans than these, short segments are copied together: each that is left costs whoever
/// records and sends it more than its copy.
const SCATTERED: usize = 8;
/// Bytes from which a segment is worth its own slice.
const LONG: usize = 1024;

/// Spans not woven in yet, and the bytes that wait for them.
#[derive(Default)]
pub(super) struct Weave {
    /// Sorted: earliest first, then longest first.
    spans: Vec<Span>,
    /// Offset of the first byte not decided about.
    released: u64,
    /// Bytes before this one are masked.
    covered: u64,
    /// What was masked last.
    replaced: Option<(u64, u64, u16)>,
    /// Offset of the chunk that is being pushed.
    pub base: u64,
    /// Bytes from `released` to `base` that wait, and those that will wait after this chunk.
    held: Vec<u8>,
    next_held: Vec<u8>,
    pub notes: Vec<u8>,
    next_notes: Vec<u8>,
    out: Out,
    pub hits: Vec<Hit>,
}

/// What a chunk becomes, in order.
#[derive(Default)]
struct Out {
    segments: Vec<Segment>,
    /// There are many spans, so short segments are gathered here.
    scattered: bool,
    gathered: Vec<u8>,
    length: usize,
}

impl Weave {
    /// Forgets the body before; keeps the memory.
    pub fn reset(&mut self) {
        self.spans.clear();
        self.released = 0;
        self.covered = 0;
        self.replaced = None;
        self.base = 0;
        self.next_held.clear();
        self.next_notes.clear();
        self.begin();
    }

    /// Before a chunk: what had to wait is what waits, what was handed out is forgotten.
    pub fn begin(&mut self) {
        std::mem::swap(&mut self.held, &mut self.next_held);
        self.next_held.clear();
        std::mem::swap(&mut self.notes, &mut self.next_notes);
        self.next_notes.clear();
        self.out.segments.clear();
        self.out.gathered.clear();
        self.out.length = 0;
        self.hits.clear();
    }

    /// Bytes that the chunk has become.
    pub fn length(&self) -> usize {
        self.out.length
    }

    // Inlined, for a span that is made elsewhere part by part is slow to copy.
    #[inline(always)]
    pub fn add(&mut self, span: Span) {
        // Most are found in order.
        if self.spans.last().is_none_or(|last| last.start < span.start) {
            self.spans.push(span);
        } else {
            self.insert(span);
        }
    }

    #[inline(never)]
    fn insert(&mut self, span: Span) {
        let order = |span: &Span| {
            (
                span.start,
                std::cmp::Reverse(span.end),
                span.quotes.is_none(),
            )
        };
        let place = self
            .spans
            .partition_point(|other| order(other) <= order(&span));
        // A number within text is matched as JSON and as text; it is one hit.
        let before = place.checked_sub(1).map(|before| self.spans[before]);
        if before.is_some_and(|other| other.what() == span.what()) {
            return;
        }
        self.spans.insert(place, span);
    }

    /// Ends the one span that is open.
    pub fn close(&mut self, end: u64, note: Option<(u32, u32)>, shows: bool) {
        if let Some(at) = self.spans.iter().position(|span| span.end == OPEN) {
            let mut span = self.spans.remove(at);
            span.end = end;
            span.note = note;
            span.shows = shows;
            self.add(span);
        }
    }

    /// After a chunk: releases what no further span can reach. `safe` is where the next span can
    /// begin at the earliest, `consumed` where an open one can end: before a half-read escape.
    pub fn release(&mut self, chunk: &[u8], masks: &Masks, safe: u64, consumed: u64) {
        let mut spans = std::mem::take(&mut self.spans);
        self.out.scattered = spans.len() > SCATTERED;
        let mut done = 0;
        while let Some(span) = spans.get(done) {
            if span.start < self.covered {
                // Overlaps what is masked already: one hole, however many rules dug it.
                if span.end == OPEN {
                    break;
                }
                self.covered = self.covered.max(span.end);
                if self.replaced != Some(span.what()) {
                    self.hit(span);
                }
                done += 1;
                continue;
            }
            if span.start >= safe {
                break;
            }
            self.plain(span.start, chunk);
            if span.end == OPEN || safe < span.end {
                // The place is known, the replacement is not: the bytes go, the hole stays open.
                break;
            }
            let next = spans.get(done + 1);
            let overlapped =
                next.is_some_and(|next| next.start < span.end && next.rule != span.rule);
            self.replace(span, overlapped, masks);
            self.hit(span);
            self.replaced = Some(span.what());
            self.covered = span.end;
            done += 1;
        }
        spans.drain(..done);
        self.spans = spans;
        let stop = self.spans.first().map_or(safe, |span| {
            if span.end == OPEN && span.start < self.covered {
                self.covered = self.covered.max(consumed);
            }
            safe.min(span.start.max(self.covered))
        });
        self.skip();
        self.plain(stop.max(self.released), chunk);
        self.keep(chunk, consumed);
    }

    /// What the chunk has become, in order.
    pub fn slices<'a>(
        &'a self,
        chunk: &'a [u8],
        masks: &'a Masks,
    ) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.out.segments.iter().map(move |segment| match *segment {
            Segment::Gathered { from, to } => &self.out.gathered[from as usize..to as usize],
            segment => segment.resolve(chunk, &self.held, &self.notes, masks),
        })
    }

    /// Hands out the bytes up to `end` as they are.
    #[inline]
    fn plain(&mut self, end: u64, chunk: &[u8]) {
        self.skip();
        let (from, to) = (self.released, end);
        if from >= to {
            return;
        }
        if from < self.base {
            let held_from = self.base - self.held.len() as u64;
            let (from, to) = (from - held_from, to.min(self.base) - held_from);
            let bytes = &self.held[from as usize..to as usize];
            let (from, to) = (from as u32, to as u32);
            self.out.put(Segment::Held { from, to }, bytes);
        }
        if to > self.base {
            let from = from.max(self.base) - self.base;
            let to = (to - self.base).min(chunk.len() as u64);
            let bytes = &chunk[from as usize..to as usize];
            let (from, to) = (from as u32, to as u32);
            self.out.put(Segment::Chunk { from, to }, bytes);
        }
        self.released = to;
    }

    #[inline]
    fn skip(&mut self) {
        self.released = self.released.max(self.covered);
    }

    #[inline]
    fn replace(&mut self, span: &Span, overlapped: bool, masks: &Masks) {
        let quote = span
            .quotes
            .map(|level| (level, super::replace::quote(level)));
        if let Some((level, quote)) = quote {
            self.out.put(Segment::Quote(level), quote);
        }
        match span.note {
            Some((from, to)) if !(overlapped && span.shows) => {
                let bytes = &self.notes[from as usize..to as usize];
                self.out.put(Segment::Note { from, to }, bytes);
            }
            _ => {
                let bytes = masks.placeholder(span.rule);
                self.out.put(Segment::Rule(span.rule), bytes);
            }
        }
        if let Some((level, quote)) = quote {
            self.out.put(Segment::Quote(level), quote);
        }
    }

    #[inline]
    fn hit(&mut self, span: &Span) {
        if span.rule != NO_RULE {
            self.hits.push(Hit {
                rule: span.rule,
                offset: span.start,
                length: span.end - span.start,
            });
        }
    }

    /// Copies what must wait, since the chunk will be gone.
    fn keep(&mut self, chunk: &[u8], consumed: u64) {
        let now = self.base + chunk.len() as u64;
        let held_from = self.base - self.held.len() as u64;
        // Bytes in the hole that comes first will not be seen, so they need not wait.
        let from = match self.spans.first() {
            Some(span) if span.start <= self.released => self.released.max(consumed.min(span.end)),
            _ => self.released,
        };
        if from < self.base {
            let start = from.saturating_sub(held_from) as usize;
            self.next_held.extend_from_slice(&self.held[start..]);
        }
        if from < now {
            let start = from.max(self.base) - self.base;
            self.next_held.extend_from_slice(&chunk[start as usize..]);
        }
        for span in &mut self.spans {
            if let Some(note) = &mut span.note {
                let from = self.next_notes.len() as u32;
                self.next_notes
                    .extend_from_slice(&self.notes[note.0 as usize..note.1 as usize]);
                *note = (from, self.next_notes.len() as u32);
            }
        }
        self.base = now;
    }
}

impl Out {
    /// Adds a segment, or copies its bytes to those of the one before if both are short.
    #[inline]
    fn put(&mut self, segment: Segment, bytes: &[u8]) {
        self.length += bytes.len();
        if !self.scattered || bytes.len() >= LONG {
            self.segments.push(segment);
            return;
        }
        let from = self.gathered.len() as u32;
        self.gathered.extend_from_slice(bytes);
        let to = self.gathered.len() as u32;
        match self.segments.last_mut() {
            Some(Segment::Gathered { to: end, .. }) => *end = to,
            _ => self.segments.push(Segment::Gathered { from, to }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ContentKind;
    use super::super::tests::{masks, run, spec, stream};

    #[test]
    fn many_short_pieces_are_handed_on_together_and_long_ones_are_not_copied() {
        let short = r#"{"mail":"x","a":1},"#.repeat(40);
        let long = format!(r#"{{"t":"{}"}},"#, "plain ".repeat(300));
        let body = format!("[{short}{long}{short}null]");
        let expected = body.replace(r#""x""#, r#""[mail]""#);
        let masks = masks(&spec());
        let mut stream = stream(&masks, ContentKind::Json);
        {
            let masked = stream.push(body.as_bytes()).expect("JSON");
            assert_eq!(masked.hits().len(), 80);
            let slices: Vec<&[u8]> = masked.slices().collect();
            assert_eq!(slices.len(), 3, "short ones, a long one, short ones");
            let inside = body.as_bytes().as_ptr_range();
            assert!(inside.contains(&slices[1].as_ptr()));
            assert_eq!(slices.concat(), expected.as_bytes());
        }
        for size in [1, 63, 64, 65, 700] {
            stream.reset(masks.clone(), ContentKind::Json, "");
            let (out, hits) = run(&mut stream, body.as_bytes().chunks(size)).expect("JSON");
            assert_eq!(
                (out.as_str(), hits.len()),
                (expected.as_str(), 80),
                "{size}"
            );
        }
    }
}
