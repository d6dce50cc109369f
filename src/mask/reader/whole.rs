//! What a reader does as it hears of strings and scalars that are whole: nearly all of them are,
//! and nothing has to be kept for what may come.

use super::super::link::Link;
use super::super::names::Member;
use super::super::text::Origin;
use super::reading::Reading;
use crate::base::limits::MASK_NUMBER_BYTES;
use crate::json::{Scalar, Sink};

impl Reading<'_, '_> {
    /// A string that is the bytes `from..to` of the piece.
    #[inline(always)]
    pub(super) fn whole_string(&mut self, key: bool, from: usize, to: usize) {
        let Origin::Plain { at } = self.origin else {
            return self.string_by_parts(key, from, to);
        };
        if self.place.hiding.is_some() {
            return self.string_by_parts(key, from, to);
        }
        self.leave_outer(from);
        let content = &self.bytes[from..to];
        let start = at + from as u64;
        if key {
            let names = &self.context.masks.names;
            self.place.next = names.find(&self.place.parents, content);
            if names.are_nested() {
                self.place.name.clear();
                self.add_name(content);
                self.place.named = true;
            }
        } else if let Some(member) = self.place.next.take() {
            match member {
                Member::Hide(rule) => {
                    let place = start..start + content.len() as u64;
                    self.context.mark(content, place, rule, None);
                    self.outer_from = Some(to);
                    return;
                }
                Member::Link => {
                    let link = Link::at(start);
                    if let Some(link) = link.follow(content, self.origin.after(from), self.context)
                    {
                        link.end(self.context);
                    }
                }
            }
        }
        if self.context.masks.numbers && self.may_hide_numbers(from, to) {
            return self.string_below(from, to);
        }
        self.context.match_in_place(content, start);
        self.outer_from = Some(to);
    }

    /// True when something worth a look stands in a string that may hold an array of numbers.
    fn may_hide_numbers(&self, from: usize, to: usize) -> bool {
        let (start, end) = (self.origin.boundary(from), self.origin.boundary(to));
        self.context.hots.are_within(start, end) && self.may_hold_numbers(from, to)
    }

    /// A scalar that is the bytes `from..to` of the piece.
    #[inline(always)]
    pub(super) fn whole_scalar(&mut self, scalar: Scalar, from: usize, to: usize) {
        if self.place.hiding.is_some() {
            self.scalar_start(scalar, from);
            return self.scalar_end(scalar, to);
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
    #[inline(always)]
    fn string_by_parts(&mut self, key: bool, from: usize, to: usize) {
        self.string_start(key, from - 1);
        if from < to {
            self.run(from, to);
        }
        self.string_end(key, to);
    }

    fn string_below(&mut self, from: usize, to: usize) {
        let bytes = self.bytes;
        self.push_below(&bytes[from..to], self.origin.after(from));
        self.place.cursor = self.origin.boundary(to);
        self.end_below();
        self.outer_from = Some(to);
    }

    fn whole_number(&mut self, from: usize, to: usize) {
        let (start, end) = (self.origin.boundary(from), self.origin.boundary(to));
        self.context.long_number |= to - from > MASK_NUMBER_BYTES;
        // What stands around a number does not make a place in it worth a look, or not.
        if self.context.hots.are_within(start, end) {
            let number = &self.bytes[from..to];
            self.match_number(number, start..end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::ContentKind;
    use super::super::super::tests::{masks, run, spec, stream};

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
