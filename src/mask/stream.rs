//! One body on its way through: chunks in, what may be seen out.

use std::ops::Range;
use std::sync::Arc;

use super::find::Hot;
use super::hots::Hots;
use super::level::{Level, end_text, limits, push_text, reset, settle};
use super::origin::Origin;
use super::reader::Reader;
use super::sse::{Events, Piece};
use super::text::Context;
use super::weave::Weave;
use super::{ContentKind, Masked, Masks, Unreadable};
use crate::base::limits::MASK_LEVELS;

/// Masks one body, then the next: keeps its memory.
pub struct Stream {
    masks: Arc<Masks>,
    link_base: Vec<u8>,
    state: State,
    weave: Weave,
    reader: Reader,
    levels: Box<[Level]>,
    events: Events,
    /// In the body, where the line end stands that joins two data lines.
    joint: Option<u64>,
    hots: Vec<Hot>,
    scratch: Vec<Hot>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Flowing(ContentKind),
    Finished,
    /// The profile hides fields, and they cannot be told in bodies of this kind.
    Withheld,
    Broken,
}

impl Stream {
    /// A stream for a body of that kind. Links that point to the upstream are made to point to
    /// `link_base` (an absolute URL, for instance `https://gateway.example/graph`).
    #[must_use]
    pub fn new(masks: Arc<Masks>, kind: ContentKind, link_base: &str) -> Stream {
        let mut stream = Stream {
            masks: Arc::clone(&masks),
            link_base: Vec::new(),
            state: State::Broken,
            weave: Weave::default(),
            reader: Reader::default(),
            levels: (0..MASK_LEVELS).map(|_| Level::default()).collect(),
            events: Events::default(),
            joint: None,
            hots: Vec::new(),
            scratch: Vec::new(),
        };
        stream.reset(masks, kind, link_base);
        stream
    }

    /// Ready for another body. A `link_base` that does not fit into JSON as it is breaks the
    /// stream: every push refuses.
    pub fn reset(&mut self, masks: Arc<Masks>, kind: ContentKind, link_base: &str) {
        let base = link_base.trim_end_matches('/');
        self.state = match kind {
            _ if !super::spec::stands_as_it_is(base) => State::Broken,
            ContentKind::Named if masks.hides_fields => State::Withheld,
            kind => State::Flowing(kind),
        };
        self.masks = masks;
        self.link_base.clear();
        self.link_base.extend_from_slice(base.as_bytes());
        self.weave.reset();
        self.reader.reset(0);
        reset(&mut self.levels);
        self.events = Events::default();
        self.joint = None;
    }

    /// Before the first push: the body is an envelope, whose own members stand at most `depth` deep and
    /// are not looked for by name. What is in it is masked as if it came alone.
    pub fn within(&mut self, depth: usize) {
        self.reader.within(depth);
    }

    /// The next chunk of the body. After a refusal every push refuses.
    pub fn push<'a>(&'a mut self, chunk: &'a [u8]) -> Result<Masked<'a>, Unreadable> {
        self.advance(chunk, false)
    }

    /// [`Stream::push`] of the body's last bytes, and [`Stream::finish`], at once.
    ///
    /// # Errors
    /// As both.
    pub fn last<'a>(&'a mut self, chunk: &'a [u8]) -> Result<Masked<'a>, Unreadable> {
        self.advance(chunk, true)
    }

    /// The body is over; hands out what was held back. Refuses when the body is not whole.
    pub fn finish(&mut self) -> Result<Masked<'_>, Unreadable> {
        self.advance(&[], true)
    }

    fn advance<'a>(&'a mut self, chunk: &'a [u8], last: bool) -> Result<Masked<'a>, Unreadable> {
        // Poisoned while judging: an early return leaves the refusal behind.
        let kind = match std::mem::replace(&mut self.state, State::Broken) {
            State::Flowing(kind) => kind,
            State::Withheld => return Err(Unreadable::Type),
            State::Finished | State::Broken => return Err(Unreadable::Broken),
        };
        // Who sniffs takes it for UTF-16 or worse, and reads what is not seen here.
        let is_json = matches!(kind, ContentKind::Json | ContentKind::JsonLines);
        if !is_json && memchr::memchr(0, chunk).is_some() {
            return Err(Unreadable::Charset);
        }
        self.weave.begin();
        let mut work = Work {
            context: Context {
                masks: &self.masks,
                weave: &mut self.weave,
                hots: Hots::new(&[], &[], 0),
                scratch: &mut self.scratch,
                link_base: &self.link_base,
                long_number: false,
            },
            reader: &mut self.reader,
            levels: &mut self.levels,
            events: &mut self.events,
            joint: &mut self.joint,
        };
        if !work.context.masks.finder.is_empty() {
            work.context.masks.finder.scan(chunk, 0, &mut self.hots);
            work.context.hots = Hots::new(&self.hots, chunk, work.context.weave.base);
        }
        let now = work.context.weave.base + chunk.len() as u64;
        work.read(kind, chunk)?;
        if last {
            work.finish(kind, now)?;
        }
        if work.context.long_number {
            return Err(Unreadable::Number);
        }
        settle(work.levels, &mut work.context);
        let root = matches!(kind, ContentKind::Json | ContentKind::JsonLines);
        let root = (root && !last).then_some(&*work.reader);
        let (mut safe, mut consumed) = limits(root, work.levels, now, &work.context);
        if let Some(joint) = *work.joint {
            (safe, consumed) = (safe.min(joint), consumed.min(joint));
        }
        self.weave.release(chunk, &self.masks, safe, consumed);
        self.state = if last {
            State::Finished
        } else {
            State::Flowing(kind)
        };
        Ok(Masked {
            chunk,
            woven: Some((&self.weave, &self.masks)),
        })
    }
}

/// The parts of a stream at work on one chunk.
struct Work<'w, 'c> {
    context: Context<'c>,
    reader: &'w mut Reader,
    levels: &'w mut [Level],
    events: &'w mut Events,
    joint: &'w mut Option<u64>,
}

impl Work<'_, '_> {
    fn read(&mut self, kind: ContentKind, chunk: &[u8]) -> Result<(), Unreadable> {
        let base = self.context.weave.base;
        match kind {
            ContentKind::Json => self.json(chunk, base),
            ContentKind::JsonLines => {
                // A line feed cannot stand within a JSON string, so it always ends a line.
                let mut at = base;
                for line in chunk.split_inclusive(|&byte| byte == b'\n') {
                    self.json(line, at)?;
                    at += line.len() as u64;
                    if line.ends_with(b"\n") {
                        self.end_line(at)?;
                    }
                }
                Ok(())
            }
            ContentKind::EventStream => {
                self.events(chunk, base);
                Ok(())
            }
            ContentKind::Text | ContentKind::Named => {
                let origin = Origin::Plain { at: base };
                push_text(self.levels, 0, chunk, origin, &mut self.context);
                Ok(())
            }
        }
    }

    fn finish(&mut self, kind: ContentKind, now: u64) -> Result<(), Unreadable> {
        match kind {
            ContentKind::Json => self
                .reader
                .finish(now, self.levels, &mut self.context)
                .map_err(Unreadable::Json),
            ContentKind::JsonLines => self.end_line(now),
            ContentKind::EventStream | ContentKind::Text | ContentKind::Named => {
                self.end_joined();
                end_text(self.levels, now, &mut self.context);
                Ok(())
            }
        }
    }

    fn json(&mut self, bytes: &[u8], at: u64) -> Result<(), Unreadable> {
        let origin = Origin::Plain { at };
        self.reader
            .read(bytes, origin, None, self.levels, &mut self.context)
            .map_err(|(error, _)| Unreadable::Json(error))
    }

    fn end_line(&mut self, at: u64) -> Result<(), Unreadable> {
        if !self.reader.is_blank() {
            self.reader
                .finish(at, self.levels, &mut self.context)
                .map_err(Unreadable::Json)?;
        }
        self.reader.reset(0);
        Ok(())
    }

    fn events(&mut self, chunk: &[u8], base: u64) {
        let mut at = 0;
        while let Some(piece) = self.events.next(chunk, &mut at) {
            match piece {
                Piece::Data { from, to } => self.data(chunk, base, from..to),
                Piece::Event { from, to } => {
                    self.data(chunk, base, from..to);
                    end_text(self.levels, base + to as u64, &mut self.context);
                }
                Piece::Other { from, to } => {
                    self.end_joined();
                    let origin = Origin::Plain {
                        at: base + from as u64,
                    };
                    push_text(self.levels, 0, &chunk[from..to], origin, &mut self.context);
                }
                Piece::DataEnd { at } => *self.joint = Some(base + at as u64),
                Piece::OtherEnd { at } | Piece::EventEnd { at } => {
                    if !self.end_joined() {
                        end_text(self.levels, base + at as u64, &mut self.context);
                    }
                }
            }
        }
    }

    /// Bytes of a data line, which a line end joins to the data line before.
    fn data(&mut self, chunk: &[u8], base: u64, place: Range<usize>) {
        let at = base + place.start as u64;
        if let Some(joint) = self.joint.take() {
            let origin = Origin::Escape {
                from: joint,
                to: at,
            };
            push_text(self.levels, 0, b"\n", origin, &mut self.context);
        }
        let origin = Origin::Plain { at };
        push_text(self.levels, 0, &chunk[place], origin, &mut self.context);
    }

    /// The data lines before, if there are any, are whole: what comes is not joined to them.
    fn end_joined(&mut self) -> bool {
        let joint = self.joint.take();
        if let Some(joint) = joint {
            end_text(self.levels, joint, &mut self.context);
        }
        joint.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{masks, run, spec, stream};
    use super::super::{MaskSpec, Recogniser};
    use super::*;

    #[test]
    fn an_envelope_is_not_what_is_in_it() {
        let spec = MaskSpec {
            fields: vec!["id".into(), "body".into(), "manager.mail".into()],
            ..MaskSpec::default()
        };
        let masks = masks(&spec);
        let body =
            r#"{"responses":[{"id":"1","body":{"id":2,"manager":{"mail":"m"},"body":[3]}}]}"#;
        let want = r#"{"responses":[{"id":"1","body":{"id":"[id]","manager":{"mail":"[manager.mail]"},"body":["[body]"]}}]}"#;
        for size in [body.len(), 1, 7] {
            let mut stream = stream(&masks, ContentKind::Json);
            stream.within(3);
            let (out, _) = run(&mut stream, body.as_bytes().chunks(size)).unwrap();
            assert_eq!(out, want, "by {size}");
        }
    }

    #[test]
    fn what_cannot_be_read_as_it_will_be_read_is_withheld() {
        let pushed = |spec: &MaskSpec, kind, body: &[u8]| {
            let mut stream = stream(&masks(spec), kind);
            let pushed = stream.push(body).map(|masked| masked.len());
            assert_eq!(stream.push(b"").is_ok(), pushed.is_ok(), "for good");
            pushed
        };
        let xml = b"<mail>someone</mail>";
        assert_eq!(
            pushed(&spec(), ContentKind::Named, xml),
            Err(Unreadable::Type)
        );
        let no_fields = MaskSpec {
            recognise: vec![Recogniser::Email],
            ..MaskSpec::default()
        };
        assert!(pushed(&no_fields, ContentKind::Named, xml).is_ok());
        for kind in [ContentKind::Text, ContentKind::EventStream] {
            let utf16 = b"b\0o\0b\0@\0x\0.\0d\0e\0";
            assert_eq!(pushed(&no_fields, kind, utf16), Err(Unreadable::Charset));
        }
    }
}
