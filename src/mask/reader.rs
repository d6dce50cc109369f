//! Follows one JSON text, knows where in it stands what, and hides what a profile names.

use super::replace::Disguise;
use super::spec::{Member, SEPARATOR};
use super::text::{Context, Origin, Text, match_in_place, note};
use super::weave::{NO_RULE, OPEN, Span};
use crate::base::limits::{MASK_NAME_BYTES, MASK_NUMBER_BYTES};
use crate::json::{Container, JsonError, Lexer, Scalar, Sink};

/// One level: a text, and the JSON that is being read in it.
#[derive(Default)]
pub(super) struct Level {
    text: Text,
    reader: Reader,
    /// The reader stands within JSON.
    reading: bool,
}

/// Reads one JSON text.
#[derive(Default)]
pub(super) struct Reader {
    lexer: Lexer,
    place: Place,
}

/// Where in its text a reader stands, and what it is about to do.
#[derive(Default)]
struct Place {
    /// How many strings this text stands within; tells how its quotes are escaped.
    level: u8,
    /// Names of the members that the place is within, each ended by [`SEPARATOR`].
    path: Vec<u8>,
    /// Length of `path` at each container that is open.
    frames: Vec<usize>,
    /// Where in `path` the last name begins.
    name_from: usize,
    /// What is to be done with the value that comes next.
    next: Option<Member>,
    hiding: Option<Hiding>,
    /// The string being read is a member name.
    key: bool,
    /// In the body, where the string's content read so far ends.
    cursor: u64,
    /// Its first run, while it may turn out to be the whole string.
    run: Option<(usize, usize)>,
    /// The string is matched by the text below, because it does not stand in one piece.
    below: bool,
    link: Option<Link>,
    /// Bytes of the number being read, and where it began.
    number: Vec<u8>,
    number_start: Option<u64>,
    /// Where in the piece the scalar being read goes on.
    scalar_from: Option<usize>,
}

/// A value that is being hidden.
struct Hiding {
    rule: u16,
    /// Containers open within it.
    depth: usize,
    /// It is a string, whose quotes stay.
    string: bool,
    disguise: Disguise,
}

/// A link that is being compared with the upstream's base.
struct Link {
    start: u64,
    matched: usize,
    /// Where the base ends, once all of it was seen.
    end: Option<u64>,
}

impl Reader {
    /// Ready for a text that stands within `level` strings.
    pub fn reset(&mut self, level: u8) {
        self.lexer = Lexer::new();
        let place = &mut self.place;
        place.level = level;
        place.path.clear();
        place.frames.clear();
        place.next = None;
        place.hiding = None;
        place.run = None;
        place.below = false;
        place.link = None;
        place.number_start = None;
        place.scalar_from = None;
    }

    /// Reads the next piece. A refusal says how many bytes of the piece were read before it.
    pub fn read(
        &mut self,
        bytes: &[u8],
        origin: Origin,
        outer: Option<&mut Text>,
        below: &mut [Level],
        context: &mut Context<'_>,
    ) -> Result<(), (JsonError, usize)> {
        let before = self.lexer.position();
        if self.place.scalar_from.is_some() {
            self.place.scalar_from = Some(0);
        }
        let mut reading = Reading {
            place: &mut self.place,
            bytes,
            origin,
            outer_from: (!self.lexer.in_string()).then_some(0),
            outer,
            below,
            context,
        };
        let pushed = self.lexer.push(bytes, &mut reading);
        let read = pushed.map_or_else(|error| (error.at - before) as usize, |()| bytes.len());
        reading.piece_over(read);
        pushed.map_err(|error| (error, read))
    }

    /// The text is over.
    pub fn finish(
        &mut self,
        end: u64,
        below: &mut [Level],
        context: &mut Context<'_>,
    ) -> Result<(), JsonError> {
        let mut reading = Reading {
            place: &mut self.place,
            bytes: &[],
            origin: Origin::Plain { at: end },
            outer_from: None,
            outer: None,
            below,
            context,
        };
        let finished = self.lexer.finish(&mut reading);
        reading.text_over();
        finished
    }

    /// True while nothing but white space has been read.
    pub fn is_blank(&self) -> bool {
        self.lexer.is_blank()
    }

    /// Where what is being read begins, if it has to wait for its end; and where it was read up to.
    fn limits(&self, now: u64) -> (u64, u64) {
        let place = &self.place;
        let mut safe = place.number_start.unwrap_or(now);
        let mut consumed = now;
        if self.lexer.in_string() {
            consumed = place.cursor;
            safe = safe.min(consumed);
        }
        if let Some(link) = &place.link {
            safe = safe.min(link.start);
        }
        (safe, consumed)
    }
}

/// Where the next span can begin at the earliest, and where an open one can end.
pub(super) fn limits(
    root: Option<&Reader>,
    levels: &[Level],
    now: u64,
    context: &Context<'_>,
) -> (u64, u64) {
    let mut limits = root.map_or((now, now), |reader| reader.limits(now));
    for level in levels {
        if let Some(safe) = level.text.limit(context.masks) {
            limits.0 = limits.0.min(safe);
        }
        if level.reading {
            let (safe, consumed) = level.reader.limits(now);
            limits = (limits.0.min(safe), limits.1.min(consumed));
        }
    }
    (limits.0.min(limits.1), limits.1)
}

/// The next piece of a text: matched, and followed where it is JSON.
pub(super) fn push_text(
    levels: &mut [Level],
    depth: u8,
    bytes: &[u8],
    origin: Origin,
    context: &mut Context<'_>,
) {
    let Some((level, below)) = levels.split_first_mut() else {
        return;
    };
    let mut at = 0;
    while at < bytes.len() {
        let (rest, origin) = (&bytes[at..], origin.after(at));
        if !level.reading {
            // Where a hidden value broke off, the rest of the text is hidden with it.
            let stuck = level.reader.place.hiding.is_some();
            let opening = if below.is_empty() || stuck {
                None
            } else {
                memchr::memchr2(b'{', b'[', rest)
            };
            let plain = opening.unwrap_or(rest.len());
            level.text.push(&rest[..plain], origin, context);
            at += plain;
            if opening.is_some() {
                level.reader.reset(depth);
                level.reading = true;
            }
            continue;
        }
        let outer = Some(&mut level.text);
        match level.reader.read(rest, origin, outer, below, context) {
            Ok(()) => return,
            Err((_, read)) => {
                level.reading = false;
                at += read;
            }
        }
    }
}

/// The text is over, at `end` in the body.
pub(super) fn end_text(levels: &mut [Level], end: u64, context: &mut Context<'_>) {
    let Some((level, below)) = levels.split_first_mut() else {
        return;
    };
    if level.reading {
        level.reading = false;
        // What is not JSON to its end is text: there is nothing to refuse here.
        let _ = level.reader.finish(end, below, context);
    }
    level.reader.place.close_hiding(end, context);
    level.text.end(context);
}

/// The chunk is over.
pub(super) fn settle(levels: &mut [Level], context: &mut Context<'_>) {
    for level in levels {
        level.text.settle(context);
    }
}

/// Forgets the body before.
pub(super) fn reset(levels: &mut [Level]) {
    for level in levels {
        level.text.reset();
        level.reading = false;
        level.reader.reset(0);
    }
}

impl Place {
    fn hide(&mut self, rule: u16, start: u64, string: bool, context: &mut Context<'_>) {
        context.weave.add(Span {
            start,
            end: OPEN,
            rule,
            quotes: (!string).then_some(self.level),
            note: None,
            shows: false,
        });
        self.hiding = Some(Hiding {
            rule,
            depth: 0,
            string,
            disguise: Disguise::new(context.masks.style(rule), &context.masks.key),
        });
    }

    fn close_hiding(&mut self, end: u64, context: &mut Context<'_>) {
        if let Some(hiding) = self.hiding.take() {
            let (note, shows) = note(context, hiding.disguise, hiding.rule);
            context.weave.close(end, note, shows);
        }
    }

    fn disguise(&mut self) -> Option<&mut Disguise> {
        self.hiding.as_mut().map(|hiding| &mut hiding.disguise)
    }
}

/// A reader at work on one piece.
struct Reading<'r, 'c> {
    place: &'r mut Place,
    bytes: &'r [u8],
    origin: Origin,
    /// The text that this JSON stands in; it is told what stands outside strings, in case this
    /// turns out not to be JSON.
    outer: Option<&'r mut Text>,
    outer_from: Option<usize>,
    below: &'r mut [Level],
    context: &'r mut Context<'c>,
}

impl Reading<'_, '_> {
    /// The text that strings of this JSON are pushed into.
    fn push_below(&mut self, bytes: &[u8], origin: Origin) {
        let depth = self.place.level + 1;
        self.place.below = true;
        push_text(self.below, depth, bytes, origin, self.context);
    }

    fn push_run_below(&mut self) {
        if let Some((from, to)) = self.place.run.take() {
            let bytes = self.bytes;
            self.push_below(&bytes[from..to], self.origin.after(from));
        }
    }

    fn tell_outer(&mut self, to: usize) {
        if let (Some(from), Some(outer)) = (self.outer_from.take(), &mut self.outer) {
            let origin = self.origin.after(from);
            outer.push(&self.bytes[from..to], origin, self.context);
        }
    }

    /// Only `read` bytes of the piece were read; the rest is another's.
    fn piece_over(&mut self, read: usize) {
        self.push_run_below();
        self.take_scalar(read);
        self.tell_outer(read);
        if read < self.bytes.len() {
            // A refusal within a string ends the string.
            self.text_over();
        }
    }

    fn text_over(&mut self) {
        if self.place.below {
            self.place.below = false;
            end_text(self.below, self.place.cursor, self.context);
        }
        self.end_link(true);
        self.place.number_start = None;
        self.place.scalar_from = None;
    }

    fn take_scalar(&mut self, to: usize) {
        let Some(from) = self.place.scalar_from else {
            return;
        };
        let bytes = &self.bytes[from.min(to)..to];
        if let Some(disguise) = self.place.disguise() {
            disguise.add(bytes);
        } else if self.place.number_start.is_some() {
            self.place.number.extend_from_slice(bytes);
            if self.place.number.len() > MASK_NUMBER_BYTES {
                self.context.long_number = true;
            }
        }
    }

    /// True when the value that begins is hidden, now or already.
    fn begin_value(&mut self, start: u64, string: bool) -> bool {
        match self.place.next.take() {
            _ if self.place.hiding.is_some() => true,
            Some(Member::Hide(rule)) => {
                self.place.hide(rule, start, string, self.context);
                true
            }
            Some(Member::Link) if string => {
                self.place.link = Some(Link {
                    start,
                    matched: 0,
                    end: None,
                });
                false
            }
            _ => false,
        }
    }

    /// Decoded bytes of the string that is being read.
    fn content(&mut self, bytes: &[u8], origin: Origin) {
        if self.place.key {
            let room =
                (MASK_NAME_BYTES + 1 + self.place.name_from).saturating_sub(self.place.path.len());
            let taken = bytes.len().min(room);
            self.place.path.extend_from_slice(&bytes[..taken]);
        }
        self.follow_link(bytes, origin);
    }

    fn follow_link(&mut self, bytes: &[u8], origin: Origin) {
        let Some(link) = &mut self.place.link else {
            return;
        };
        let upstream = &self.context.masks.upstream;
        for (index, byte) in bytes.iter().enumerate() {
            if link.matched == upstream.len() {
                // What follows tells the base from a longer name that begins like it.
                let whole = b"/?#".contains(byte);
                self.end_link(whole);
                return;
            }
            if !upstream[link.matched].eq_ignore_ascii_case(byte) {
                self.place.link = None;
                return;
            }
            link.matched += 1;
            link.end = Some(origin.boundary(index + 1));
        }
    }

    fn end_link(&mut self, whole: bool) {
        let Some(link) = self.place.link.take() else {
            return;
        };
        let (true, Some(end)) = (
            whole && link.matched == self.context.masks.upstream.len(),
            link.end,
        ) else {
            return;
        };
        let notes = &mut self.context.weave.notes;
        let from = notes.len() as u32;
        notes.extend_from_slice(self.context.link_base);
        let note = Some(from..notes.len() as u32);
        self.context.weave.add(Span {
            start: link.start,
            end,
            rule: NO_RULE,
            quotes: None,
            note,
            shows: false,
        });
    }

    /// True when the run may be an array of numbers, which are matched one by one.
    fn may_hold_numbers(&self, from: usize, to: usize) -> bool {
        self.context.masks.numbers && memchr::memchr(b'[', &self.bytes[from..to]).is_some()
    }

    /// A number that holds something to mask is masked whole, as a string: half a number with a
    /// placeholder in it would not be JSON.
    fn match_number(&mut self, start: u64, end: u64) {
        let number = std::mem::take(&mut self.place.number);
        if let Some(rule) = self.context.find_in(&number) {
            let masks = self.context.masks;
            let mut disguise = Disguise::new(masks.style(rule), &masks.key);
            disguise.add(&number);
            let (note, shows) = note(self.context, disguise, rule);
            self.context.weave.add(Span {
                start,
                end,
                rule,
                quotes: Some(self.place.level),
                note,
                shows,
            });
        }
        self.place.number = number;
    }
}

impl Sink for Reading<'_, '_> {
    fn open(&mut self, container: Container, at: usize) {
        let start = self.origin.boundary(at);
        if self.begin_value(start, false) {
            if let Some(hiding) = &mut self.place.hiding {
                hiding.depth += 1;
                hiding.disguise.add(if container == Container::Object {
                    b"{"
                } else {
                    b"["
                });
            }
            return;
        }
        self.place.frames.push(self.place.path.len());
    }

    fn close(&mut self, _container: Container, at: usize) {
        let end = self.origin.boundary(at + 1);
        if let Some(hiding) = &mut self.place.hiding {
            hiding.disguise.add(b"}");
            hiding.depth -= 1;
            if hiding.depth == 0 {
                self.place.close_hiding(end, self.context);
            }
            return;
        }
        let length = self.place.frames.pop().unwrap_or(0);
        self.place.path.truncate(length);
    }

    fn string_start(&mut self, key: bool, at: usize) {
        self.tell_outer(at + 1);
        if let Some(outer) = &mut self.outer {
            outer.end(self.context);
        }
        let start = self.origin.boundary(at + 1);
        self.place.cursor = start;
        self.place.key = key && self.place.hiding.is_none();
        if self.place.key {
            let length = self.place.frames.last().copied().unwrap_or(0);
            self.place.path.truncate(length);
            self.place.name_from = length;
        } else if !key {
            self.begin_value(start, true);
        }
        if let Some(disguise) = self.place.disguise() {
            disguise.separate();
        }
    }

    fn run(&mut self, from: usize, to: usize) {
        let bytes = self.bytes;
        let origin = self.origin.after(from);
        self.place.cursor = self.origin.boundary(to);
        if let Some(disguise) = self.place.disguise() {
            disguise.add(&bytes[from..to]);
            return;
        }
        self.content(&bytes[from..to], origin);
        let whole_so_far = !self.place.below && self.place.run.is_none();
        if whole_so_far && matches!(origin, Origin::Plain { .. }) {
            self.place.run = Some((from, to));
        } else {
            self.push_run_below();
            self.push_below(&bytes[from..to], origin);
        }
    }

    fn escape(&mut self, decoded: char, _width: usize, end: usize) {
        let mut buffer = [0; 4];
        let bytes: &[u8] = decoded.encode_utf8(&mut buffer).as_bytes();
        let origin = Origin::Escape {
            from: self.place.cursor,
            to: self.origin.boundary(end),
        };
        self.place.cursor = self.origin.boundary(end);
        if let Some(disguise) = self.place.disguise() {
            disguise.add(bytes);
            return;
        }
        self.content(bytes, origin);
        self.push_run_below();
        self.push_below(bytes, origin);
    }

    fn string_end(&mut self, _key: bool, at: usize) {
        self.outer_from = Some(at);
        let end = self.origin.boundary(at);
        if let Some(hiding) = &self.place.hiding {
            if hiding.string {
                self.place.close_hiding(end, self.context);
            }
            return;
        }
        if let Some((from, to)) = self.place.run
            && !self.may_hold_numbers(from, to)
        {
            // Plain text without escapes has no quotes, so no member names: nothing to follow.
            self.place.run = None;
            let bytes = self.bytes;
            let start = self.origin.boundary(from);
            match_in_place(&bytes[from..to], start, self.context);
        } else {
            self.push_run_below();
        }
        if self.place.below {
            self.place.below = false;
            end_text(self.below, end, self.context);
        }
        self.end_link(true);
        if self.place.key {
            self.place.path.push(SEPARATOR);
            let masks = self.context.masks;
            self.place.next = masks.member(&self.place.path, self.place.name_from);
        }
    }

    fn scalar_start(&mut self, scalar: Scalar, at: usize) {
        let start = self.origin.boundary(at);
        if scalar == Scalar::Null {
            self.place.next = None;
        }
        let hidden = self.begin_value(start, false);
        if !hidden && scalar == Scalar::Number && self.context.masks.numbers {
            self.place.number.clear();
            self.place.number_start = Some(start);
        }
        if hidden || self.place.number_start.is_some() {
            self.place.scalar_from = Some(at);
        }
    }

    fn scalar_end(&mut self, _scalar: Scalar, end: usize) {
        self.take_scalar(end);
        self.place.scalar_from = None;
        let end = self.origin.boundary(end);
        match (&self.place.hiding, self.place.number_start.take()) {
            (Some(hiding), _) if hiding.depth == 0 => self.place.close_hiding(end, self.context),
            (None, Some(start)) => self.match_number(start, end),
            _ => {}
        }
    }
}

impl Context<'_> {
    /// The rule of the first thing to mask in a text that stands by itself.
    fn find_in(&mut self, text: &[u8]) -> Option<u16> {
        let mut hots = std::mem::take(self.scratch);
        let finder = &self.masks.finder;
        finder.scan(text, 0, &mut hots);
        let found = hots
            .iter()
            .find_map(|&hot| match finder.judge(text, hot, true) {
                (super::find::Verdict::Match(_), rule) => Some(rule),
                _ => None,
            });
        *self.scratch = hots;
        found
    }
}
