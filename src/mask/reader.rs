//! Follows one JSON text, knows where in it stands what, and hides what a profile names.

mod reading;
mod whole;

use self::reading::Reading;
use super::level::Level;
use super::link::Link;
use super::names::{Member, SEPARATOR};
use super::origin::Origin;
use super::replace::Disguise;
use super::text::{Context, Text, note};
use super::weave::{OPEN, Span};
use crate::json::{JsonError, Lexer};

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
    /// Containers that the place is within.
    depth: usize,
    /// Members this deep and less are somebody else's, and are not looked for.
    envelope: usize,
    /// Names of the members that the place is within, each ended by [`SEPARATOR`], and how long
    /// this was at each container that is open. Kept only where a profile asks for nested names.
    parents: Vec<u8>,
    frames: Vec<usize>,
    /// The member name read last, as far as anybody needs it.
    name: Vec<u8>,
    /// It names the value that comes next.
    named: bool,
    /// What is to be done with the value that comes next.
    next: Option<Member>,
    hiding: Option<Hiding>,
    /// What will stand in place of what is being hidden.
    disguise: Disguise,
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
    /// It is an array, whose brackets stay: clients that expect a list get one.
    list: bool,
    /// It is a string, whose quotes stay.
    string: bool,
}

impl Reader {
    /// Ready for a text that stands within `level` strings.
    pub fn reset(&mut self, level: u8) {
        self.lexer = Lexer::new();
        let place = &mut self.place;
        place.level = level;
        place.depth = 0;
        place.envelope = 0;
        place.parents.clear();
        place.frames.clear();
        place.named = false;
        place.next = None;
        place.hiding = None;
        place.run = None;
        place.below = false;
        place.link = None;
        place.number_start = None;
        place.scalar_from = None;
    }

    /// The text is an envelope, whose own members stand so deep.
    pub fn within(&mut self, depth: usize) {
        self.place.envelope = depth;
    }

    /// Reads the next piece. A refusal says how many bytes of the piece were read before it.
    pub fn read(
        &mut self,
        bytes: &[u8],
        origin: Origin<'_>,
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
            near: 0,
            quiet: 0,
            names: &context.masks.names,
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
            near: 0,
            quiet: 0,
            names: &context.masks.names,
            outer: None,
            below,
            context,
        };
        let finished = self.lexer.finish(&mut reading);
        reading.text_over();
        finished
    }

    /// True when its JSON has ended and nothing of it is left to be told.
    pub fn is_whole(&self) -> bool {
        // A number at the top may still go on.
        self.lexer.is_whole()
            && self.place.number_start.is_none()
            && self.place.scalar_from.is_none()
    }

    /// True while nothing but white space has been read.
    pub fn is_blank(&self) -> bool {
        self.lexer.is_blank()
    }

    /// True while a value is being hidden.
    pub fn is_hiding(&self) -> bool {
        self.place.hiding.is_some()
    }

    /// What is being hidden ends at `end`, since its text does.
    pub fn close_hiding(&mut self, end: u64, context: &mut Context<'_>) {
        self.place.close_hiding(end, context);
    }

    /// Where what is being read begins, if it has to wait for its end; and where it was read up to.
    pub fn limits(&self, now: u64) -> (u64, u64) {
        let place = &self.place;
        let mut safe = place.number_start.unwrap_or(now);
        let mut consumed = now;
        if self.lexer.in_string() {
            consumed = place.cursor;
            safe = safe.min(consumed);
        }
        if let Some(link) = &place.link {
            safe = safe.min(link.start());
        }
        (safe, consumed)
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
            list: false,
            string,
        });
        self.disguise = Disguise::new(context.masks.style(rule), &context.masks.key);
    }

    fn close_hiding(&mut self, end: u64, context: &mut Context<'_>) {
        if let Some(hiding) = self.hiding.take() {
            let disguise = std::mem::take(&mut self.disguise);
            let (note, shows) = note(context, disguise, hiding.rule);
            context.weave.close(end, note, shows);
        }
    }

    /// The name of the member whose value comes next has been read.
    fn named(&mut self, context: &Context<'_>) {
        if self.depth <= self.envelope {
            return;
        }
        self.next = context.masks.names.find(&self.parents, &self.name);
        self.named = true;
    }

    /// A container opens that is not hidden.
    fn enter(&mut self, context: &Context<'_>) {
        self.depth += 1;
        if context.masks.names.are_nested() {
            self.frames.push(self.parents.len());
            if std::mem::take(&mut self.named) {
                self.parents.extend_from_slice(&self.name);
                self.parents.push(SEPARATOR);
            }
        }
    }

    /// It closes.
    fn leave(&mut self, context: &Context<'_>) {
        self.depth = self.depth.saturating_sub(1);
        if context.masks.names.are_nested() {
            self.parents.truncate(self.frames.pop().unwrap_or(0));
            self.named = false;
        }
    }
}
