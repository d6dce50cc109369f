//! What a reader does as it hears of brackets, strings and scalars.

use std::ops::Range;

use super::super::level::{Level, end_text, look, put};
use super::super::link::Link;
use super::super::names::{Member, Names};
use super::super::origin::Origin;
use super::super::text::{Context, Text};
use super::Place;
use crate::base::limits::{MASK_NAME_BYTES, MASK_NUMBER_BYTES};
use crate::json::{Container, Scalar, Sink};

/// A reader at work on one piece.
pub(super) struct Reading<'r, 'c> {
    pub place: &'r mut Place,
    pub bytes: &'r [u8],
    pub origin: Origin<'r>,
    /// The text that this JSON stands in; it is told what stands outside strings, in case this
    /// turns out not to be JSON.
    pub outer: Option<&'r mut Text>,
    pub outer_from: Option<usize>,
    /// Where in the origin's marks the last string was found.
    pub near: usize,
    /// Strings that end here or before are passed by, unless they are names that may be asked for.
    /// Nothing changes that but a string of note, or one that is not whole.
    pub quiet: usize,
    /// Which names those are.
    pub names: &'c Names,
    pub below: &'r mut [Level],
    pub context: &'r mut Context<'c>,
}

impl Reading<'_, '_> {
    /// The text that strings of this JSON are pushed into.
    pub(super) fn push_below(&mut self, bytes: &[u8], origin: Origin<'_>) {
        self.place.below = true;
        put(self.below, bytes, origin);
    }

    /// What was pushed is looked at.
    fn look_below(&mut self) {
        look(self.below, self.place.level + 1, self.context);
    }

    /// The string is over: so is the text below, if it was told of it.
    pub(super) fn end_below(&mut self) {
        if self.place.below {
            self.place.below = false;
            self.look_below();
            end_text(self.below, self.place.cursor, self.context);
        }
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
    pub fn piece_over(&mut self, read: usize) {
        self.push_run_below();
        if self.place.below {
            self.look_below();
        }
        self.take_scalar(read);
        self.tell_outer(read);
        if read < self.bytes.len() {
            // A refusal within a string ends the string.
            self.text_over();
        }
    }

    pub fn text_over(&mut self) {
        self.end_below();
        if let Some(link) = self.place.link.take() {
            link.end(self.context);
        }
        self.place.number_start = None;
        self.place.scalar_from = None;
    }

    fn take_scalar(&mut self, to: usize) {
        let Some(from) = self.place.scalar_from else {
            return;
        };
        let bytes = &self.bytes[from.min(to)..to];
        if self.place.hiding.is_some() {
            self.place.disguise.add(bytes);
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
                self.place.link = Some(Link::at(start));
                false
            }
            _ => false,
        }
    }

    /// Decoded bytes of the string that is being read.
    fn content(&mut self, bytes: &[u8], origin: Origin<'_>) {
        if self.place.key {
            self.add_name(bytes);
        }
        if let Some(link) = self.place.link.take() {
            self.place.link = link.follow(bytes, origin, self.context);
        }
    }

    /// The next bytes of a member name, as far as a name that is asked for could go.
    pub(super) fn add_name(&mut self, bytes: &[u8]) {
        let room = (MASK_NAME_BYTES + 1).saturating_sub(self.place.name.len());
        let taken = bytes.len().min(room);
        self.place.name.extend_from_slice(&bytes[..taken]);
    }

    /// The text around this JSON ends for now, `to` being where a string's content begins.
    pub(super) fn leave_outer(&mut self, to: usize) {
        let Some(outer) = &mut self.outer else {
            return;
        };
        // Too short for anything, as nearly all that stands between strings is.
        let short = |from: usize| to - from < self.context.masks.finder.shortest();
        if outer.is_empty() && self.outer_from.is_some_and(short) {
            self.outer_from = None;
            return;
        }
        if let Some(from) = self.outer_from.take() {
            let bytes = &self.bytes[from..to];
            match self.origin.plain(&mut self.near, from, to) {
                Some(at) if outer.is_empty() && self.context.hots.tell_of(bytes, at) => {
                    self.context.match_in_place(bytes, at);
                }
                _ => outer.push(bytes, self.origin.after(from), self.context),
            }
        }
        outer.end(self.context);
    }

    /// True when the run may be an array of numbers, which are matched one by one.
    pub(super) fn may_hold_numbers(&self, from: usize, to: usize) -> bool {
        self.context.masks.numbers && memchr::memchr(b'[', &self.bytes[from..to]).is_some()
    }

    /// A number that holds something to mask is masked whole, as a string: half a number with a
    /// placeholder in it would not be JSON.
    pub(super) fn match_number(&mut self, number: &[u8], place: Range<u64>) {
        if let Some(rule) = self.context.find_in(number) {
            let quotes = Some(self.place.level);
            self.context.mark(number, place, rule, quotes);
        }
    }
}

impl Sink for Reading<'_, '_> {
    #[inline(always)]
    fn string(&mut self, key: bool, from: usize, to: usize) {
        let bytes = self.bytes;
        if to <= self.quiet && !(key && self.names.may_have(to - from, || &bytes[from..to])) {
            self.outer_from = Some(to);
        } else {
            self.string_of_note(key, from, to);
        }
    }

    #[inline(always)]
    fn scalar(&mut self, scalar: Scalar, from: usize, to: usize) {
        // A number longer than any real one is of note, wherever it stands.
        let numbers = self.context.masks.numbers && to - from > MASK_NUMBER_BYTES;
        if to > self.quiet || numbers {
            self.scalar_of_note(scalar, from, to);
        }
    }

    fn open(&mut self, container: Container, at: usize) {
        if self.place.next.is_none() && self.place.hiding.is_none() {
            return self.place.enter(self.context);
        }
        let list = container == Container::Array;
        let start = self.origin.boundary(if list { at + 1 } else { at });
        if self.begin_value(start, false) {
            if let Some(hiding) = &mut self.place.hiding {
                hiding.list |= list && hiding.depth == 0;
                hiding.depth += 1;
                self.place.disguise.add(if container == Container::Object {
                    b"{"
                } else {
                    b"["
                });
            }
            return;
        }
        self.place.enter(self.context);
    }

    fn close(&mut self, _container: Container, at: usize) {
        if let Some(hiding) = &mut self.place.hiding {
            self.place.disguise.add(b"}");
            hiding.depth -= 1;
            if hiding.depth == 0 {
                let end = self.origin.boundary(if hiding.list { at } else { at + 1 });
                self.place.close_hiding(end, self.context);
            }
            return;
        }
        self.place.leave(self.context);
    }

    fn string_start(&mut self, key: bool, at: usize) {
        self.quiet = 0;
        self.leave_outer(at + 1);
        let start = self.origin.boundary(at + 1);
        self.place.cursor = start;
        self.place.key = key && self.place.hiding.is_none();
        if self.place.key {
            self.place.name.clear();
        } else if !key {
            self.begin_value(start, true);
        }
        if self.place.hiding.is_some() {
            self.place.disguise.separate();
        }
    }

    fn run(&mut self, from: usize, to: usize) {
        let bytes = self.bytes;
        let origin = self.origin.after(from);
        self.place.cursor = self.origin.boundary(to);
        if self.place.hiding.is_some() {
            self.place.disguise.add(&bytes[from..to]);
            return;
        }
        self.content(&bytes[from..to], origin);
        let whole_so_far = !self.place.below && self.place.run.is_none();
        let in_place = whole_so_far
            && (self.origin.plain(&mut self.near, from, to))
                .is_some_and(|at| self.context.hots.tell_of(&bytes[from..to], at));
        if in_place {
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
        if self.place.hiding.is_some() {
            self.place.disguise.add(bytes);
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
            self.context.match_in_place(&bytes[from..to], start);
        } else {
            self.push_run_below();
        }
        self.end_below();
        if let Some(link) = self.place.link.take() {
            link.end(self.context);
        }
        if self.place.key {
            self.place.named(self.context);
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
            (None, Some(start)) => {
                let number = std::mem::take(&mut self.place.number);
                self.match_number(&number, start..end);
                self.place.number = number;
            }
            _ => {}
        }
    }
}
