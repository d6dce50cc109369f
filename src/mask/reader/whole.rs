//! What a reader does as it hears of strings and scalars that are whole: nearly all of them are,
//! and nothing has to be kept for what may come.

use super::super::link::Link;
use super::super::names::Member;
use super::super::origin::Origin;
use super::super::text::Text;
use super::reading::Reading;
use crate::base::limits::MASK_NUMBER_BYTES;
use crate::json::{Scalar, Sink};

impl Reading<'_, '_> {
    /// Up to where strings are of no note but for their names: nothing is to be done with them, or
    /// because of them.
    fn find_quiet(&self) -> usize {
        let Origin::Plain { at } = self.origin else {
            return 0;
        };
        let place = &self.place;
        let outer = |outer: &&mut Text| !outer.is_empty() || self.outer_from == Some(0);
        let outer = self.outer.as_ref().is_some_and(outer);
        if outer || place.next.is_some() || place.hiding.is_some() {
            return 0;
        }
        let ahead = self.context.hots.next().saturating_sub(at);
        usize::try_from(ahead).unwrap_or(usize::MAX)
    }

    /// A string that is the bytes `from..to` of the piece, and most likely of note.
    #[inline(never)]
    pub(super) fn string_of_note(&mut self, key: bool, from: usize, to: usize) {
        if to <= self.quiet {
            // For its name only.
            self.outer_from = Some(to);
            self.whole_name(&self.bytes[from..to]);
            if self.place.next.is_some() {
                self.quiet = 0;
            }
            return;
        }
        self.whole_string(key, from, to);
        self.quiet = self.find_quiet();
    }

    /// A string that is the bytes `from..to` of the piece.
    fn whole_string(&mut self, key: bool, from: usize, to: usize) {
        let content = &self.bytes[from..to];
        let Some(start) = self.origin.plain(&mut self.near, from, to) else {
            return self.string_by_parts(key, from, to);
        };
        let hide = match self.place.next {
            Some(Member::Hide(rule)) if !key => Some(rule),
            _ => None,
        };
        // In what is hidden whole, no place is looked for.
        let told = hide.is_some() || self.context.hots.tell_of(content, start);
        if self.place.hiding.is_some() || !told {
            return self.string_by_parts(key, from, to);
        }
        if self.outer.is_some() {
            self.leave_outer(from);
            self.outer_from = Some(to);
        }
        if let Some(rule) = hide {
            self.place.next = None;
            let place = start..start + content.len() as u64;
            return self.context.mark(content, place, rule, None);
        }
        if key {
            self.whole_name(content);
        } else if self.place.next.take() == Some(Member::Link) {
            self.whole_link(content, start);
        }
        if self.context.masks.numbers && self.may_hide_numbers(start, from, to) {
            return self.string_below(from, to);
        }
        self.context.match_in_place(content, start);
    }

    fn whole_name(&mut self, name: &[u8]) {
        if self.place.depth <= self.place.envelope {
            return;
        }
        let names = &self.context.masks.names;
        self.place.next = names.find(&self.place.parents, name);
        if names.are_nested() {
            self.place.name.clear();
            self.add_name(name);
            self.place.named = true;
        }
    }

    fn whole_link(&mut self, content: &[u8], start: u64) {
        let origin = Origin::Plain { at: start };
        if let Some(link) = Link::at(start).follow(content, origin, self.context) {
            link.end(self.context);
        }
    }

    /// True when something worth a look stands in a string that may hold an array of numbers.
    fn may_hide_numbers(&self, start: u64, from: usize, to: usize) -> bool {
        let end = start + (to - from) as u64;
        self.context.hots.are_within(start, end) && self.may_hold_numbers(from, to)
    }

    /// A scalar that is the bytes `from..to` of the piece, and may be of note.
    #[inline(never)]
    pub(super) fn scalar_of_note(&mut self, scalar: Scalar, from: usize, to: usize) {
        if self.place.hiding.is_some() {
            return self.scalar_by_parts(scalar, from, to);
        }
        let member = self.place.next.take();
        let (start, end) = (self.origin.boundary(from), self.origin.boundary(to));
        if let (Some(Member::Hide(rule)), false) = (member, scalar == Scalar::Null) {
            let quotes = Some(self.place.level);
            let value = &self.bytes[from..to];
            self.context.mark(value, start..end, rule, quotes);
        } else if scalar == Scalar::Number && self.context.masks.numbers {
            self.whole_number(from, to);
        }
    }

    fn string_below(&mut self, from: usize, to: usize) {
        let bytes = self.bytes;
        self.push_below(&bytes[from..to], self.origin.after(from));
        self.place.cursor = self.origin.boundary(to);
        self.end_below();
    }

    fn whole_number(&mut self, from: usize, to: usize) {
        let (start, end) = (self.origin.boundary(from), self.origin.boundary(to));
        self.context.long_number |= to - from > MASK_NUMBER_BYTES;
        let (number, hots) = (&self.bytes[from..to], &self.context.hots);
        let nothing_there = |start| hots.tell_of(number, start) && !hots.are_within(start, end);
        let plain = self.origin.plain(&mut self.near, from, to);
        if !plain.is_some_and(nothing_there) {
            self.match_number(number, start..end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::ContentKind;
    use super::super::super::tests::{masks, run, spec, stream};

    #[test]
    fn what_stands_behind_an_escape_is_not_taken_for_the_end_of_a_word() {
        let masks = masks(&spec());
        for (body, expected) in [
            (
                r#"["{\u0022a\u0022:\u00224111111111111111\u0022}"]"#,
                r#"["{\u0022a\u0022:\u0022[credit_card:*1111]\u0022}"]"#,
            ),
            (
                r#"["{\"a\":\n4111111111111111\u007d"]"#,
                r#"["{\"a\":\n\"[credit_card:*1111]\"\u007d"]"#,
            ),
            (
                r#"["[\n4111111111111111, \"a\"]"]"#,
                r#"["[\n\"[credit_card:*1111]\", \"a\"]"]"#,
            ),
        ] {
            for size in [body.len(), 1, 7] {
                let mut stream = stream(&masks, ContentKind::Json);
                let (out, _) = run(&mut stream, body.as_bytes().chunks(size)).expect("JSON");
                assert_eq!(out, expected, "by {size}");
            }
        }
    }

    /// One body, its parts moved along by one byte at a time, so that everything in it lies across
    /// the edges of blocks and of chunks.
    #[test]
    fn blocks_and_chunks_end_anywhere() {
        let masks = masks(&spec());
        for shift in 0..70 {
            let (fill, line) = ("x".repeat(shift), "a line of plain text ".repeat(4));
            let body = format!(
                "{{\"{fill}\":\"{line}\",\"MAIL\" : \"bob\", \"n\": 4111111111111111 ,\
                 \"manager\":[{{\"id\":\"{fill}geheim\"}},{{\"x\":{{\"id\":\"\\u0067eheim\"}}}}],\
                 \"t\":\"\u{fc}nal \\ud83d\\ude00 bob@x.example\",\"{fill}geheim\":[\"[4111111111111111]\"],\
                 \"@odata.nextLink\":\"https://up.example/base/{fill}\",\"upn\":[]}}"
            );
            let expected = format!(
                "{{\"{fill}\":\"{line}\",\"MAIL\" : \"[mail]\", \"n\": \"[credit_card:*1111]\" ,\
                 \"manager\":[{{\"id\":\"[manager.id]\"}},{{\"x\":{{\"id\":\"[literal]\"}}}}],\
                 \"t\":\"[literal] \\ud83d\\ude00 [email]\",\"{fill}[literal]\":[\"[\\\"[credit_card:*1111]\\\"]\"],\
                 \"@odata.nextLink\":\"https://gw.example/g/{fill}\",\"upn\":[\"PSEUDONYM\"]}}"
            );
            let bytes = body.as_bytes();
            let sizes = [bytes.len(), 1, 15, 16, 17, 63, 64, 65];
            for size in sizes {
                let mut stream = stream(&masks, ContentKind::Json);
                let (out, _) = run(&mut stream, bytes.chunks(size)).expect("JSON");
                let (before, rest) = out.split_once("\"[upn:").expect("a pseudonym");
                let (_, after) = rest.split_once("]\"").expect("a pseudonym");
                let out = format!("{before}\"PSEUDONYM\"{after}");
                assert_eq!(out, expected, "moved by {shift}, chunks of {size}");
            }
        }
    }
}
