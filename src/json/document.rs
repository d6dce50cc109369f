//! A whole text that was read strictly, and the values in it.

use std::borrow::Cow;
use std::ops::Range;

use super::error::JsonError;
use super::lexer::Scalar;
use super::tape::{Keys, Node, NodeKind, Tape};

/// A JSON text with no doubt in it: RFC 8259 to the letter, no name twice in any object, bounded in
/// depth and size. The text is not changed: what was judged is what can be forwarded.
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a str,
    tape: Cow<'a, Tape>,
}

/// What a [`Value`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number
    Number,
    /// A string
    String,
    /// `[…]`
    Array,
    /// `{…}`
    Object,
}

/// One value of a [`Document`].
#[derive(Clone, Copy)]
pub struct Value<'a> {
    text: &'a str,
    tape: &'a Tape,
    index: u32,
}

impl<'a> Document<'a> {
    /// Reads a whole text with a tape of its own. Where it is hot, keep a [`Tape`] and use
    /// [`Tape::parse`].
    pub fn parse(bytes: &'a [u8]) -> Result<Document<'a>, JsonError> {
        let mut tape = Tape::new();
        let text = tape.read(bytes, Keys::Distinct)?;
        Ok(Document {
            text,
            tape: Cow::Owned(tape),
        })
    }

    pub(super) fn lent(text: &'a str, tape: &'a Tape) -> Document<'a> {
        Document {
            text,
            tape: Cow::Borrowed(tape),
        }
    }

    /// The value that the text is.
    #[must_use]
    pub fn root(&self) -> Value<'_> {
        Value::top(self.text, &self.tape)
    }
}

/// A [`Document`] that owns its text, to be kept.
pub struct OwnedDocument {
    text: Box<str>,
    tape: Tape,
}

impl OwnedDocument {
    /// Reads a whole text as [`Document::parse`] does.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<OwnedDocument, JsonError> {
        let mut tape = Tape::new();
        tape.read(text.as_bytes(), Keys::Distinct)?;
        let text = text.into();
        Ok(OwnedDocument { text, tape })
    }

    /// The value that the text is.
    #[must_use]
    pub fn root(&self) -> Value<'_> {
        Value::top(&self.text, &self.tape)
    }
}

impl std::fmt::Debug for OwnedDocument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.root().fmt(f)
    }
}

impl<'a> Value<'a> {
    /// The value that the whole text is.
    pub(super) fn top(text: &'a str, tape: &'a Tape) -> Value<'a> {
        Value {
            text,
            tape,
            index: 0,
        }
    }

    fn node(self) -> &'a Node {
        &self.tape.nodes[self.index as usize]
    }

    fn at(self, index: u32) -> Value<'a> {
        Value { index, ..self }
    }

    /// What this is.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self.node().kind {
            NodeKind::Object => Kind::Object,
            NodeKind::Array => Kind::Array,
            NodeKind::String => Kind::String,
            NodeKind::Scalar(Scalar::Number) => Kind::Number,
            NodeKind::Scalar(Scalar::True | Scalar::False) => Kind::Bool,
            NodeKind::Scalar(Scalar::Null) => Kind::Null,
        }
    }

    /// The string this is, decoded.
    #[must_use]
    pub fn as_str(self) -> Option<&'a str> {
        (self.kind() == Kind::String).then(|| self.tape.string(self.text, self.node()))
    }

    /// The truth value this is.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        match self.node().kind {
            NodeKind::Scalar(Scalar::True) => Some(true),
            NodeKind::Scalar(Scalar::False) => Some(false),
            _ => None,
        }
    }

    /// The number this is, as it is written.
    #[must_use]
    pub fn number(self) -> Option<&'a str> {
        (self.kind() == Kind::Number).then(|| self.raw())
    }

    /// The number this is, when it is written as a whole number that fits.
    #[must_use]
    pub fn as_u64(self) -> Option<u64> {
        self.number()?.parse().ok()
    }

    /// True for `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// Where the value stands in the text, quotes and brackets included.
    #[must_use]
    pub fn span(self) -> Range<usize> {
        self.node().start as usize..self.node().end as usize
    }

    /// The value as it is written.
    #[must_use]
    pub fn raw(self) -> &'a str {
        &self.text[self.span()]
    }

    /// The member of that name, if this is an object that has one.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Value<'a>> {
        self.members()
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The items of an array; nothing for what is not one.
    pub fn items(self) -> impl Iterator<Item = Value<'a>> {
        let (mut index, end) = self.inside(NodeKind::Array);
        std::iter::from_fn(move || {
            let item = (index < end).then(|| self.at(index))?;
            index = self.tape.after(index);
            Some(item)
        })
    }

    /// The members of an object with their decoded names; nothing for what is not one.
    pub fn members(self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        let (mut index, end) = self.inside(NodeKind::Object);
        std::iter::from_fn(move || {
            let name = (index < end).then(|| &self.tape.nodes[index as usize])?;
            let value = self.at(index + 1);
            index = self.tape.after(index + 1);
            Some((self.tape.string(self.text, name), value))
        })
    }

    /// The nodes inside a container of that kind; none when this is something else.
    fn inside(self, kind: NodeKind) -> (u32, u32) {
        if self.node().kind == kind {
            (self.index + 1, self.node().next)
        } else {
            (0, 0)
        }
    }
}

impl std::fmt::Debug for Value<'_> {
    /// Kind and place only: values are what must not be logged.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} at {:?}", self.kind(), self.span())
    }
}
