//! Where everything in a text stands: one flat list, kept from text to text.

use std::cmp::Ordering;

use super::document::{Document, Value};
use super::error::{JsonError, Problem};
use super::lexer::{Container, Lexer, Scalar, Sink};
use crate::base::limits::JSON_BYTES;

/// How member names of one object are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Keys {
    /// Equal names are refused, compared decoded.
    #[default]
    Distinct,
    /// Names that differ only in case are refused too: some parsers behind us fold case.
    DistinctIgnoringCase,
    /// Nothing is compared: for texts that pass through as they are, whose reader refuses a second
    /// one of each name that it looks for.
    Unchecked,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NodeKind {
    Object,
    Array,
    String,
    Scalar(Scalar),
}

/// One value, or one member name followed by its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub kind: NodeKind,
    /// A string that has escapes; its text stands in [`Tape::decoded`].
    pub escaped: bool,
    /// The value's bytes in the text, quotes and brackets included.
    pub start: u32,
    pub end: u32,
    /// Containers: the node after the last one inside. Strings with escapes: where the decoded
    /// text starts.
    pub next: u32,
    /// Strings with escapes: where the decoded text ends.
    pub decoded_end: u32,
}

/// A reusable list of what stands where in a text. Keeps its memory from one parse to the next.
#[derive(Clone, Default, Debug)]
pub struct Tape {
    pub(super) nodes: Vec<Node>,
    pub(super) decoded: String,
    /// Containers not closed yet.
    open: Vec<u32>,
    /// The member names of one object, while they are compared.
    names: Vec<u32>,
}

impl Tape {
    /// An empty tape.
    #[must_use]
    pub fn new() -> Tape {
        Tape::default()
    }

    /// Reads a whole text strictly. What the tape held before is forgotten.
    pub fn parse<'a>(&'a mut self, bytes: &'a [u8], keys: Keys) -> Result<Document<'a>, JsonError> {
        let text = self.read(bytes, keys)?;
        Ok(Document::lent(text, self))
    }

    /// Reads a whole text like [`Tape::parse`], and answers with the value that it is.
    pub fn parse_value<'a>(
        &'a mut self,
        bytes: &'a [u8],
        keys: Keys,
    ) -> Result<Value<'a>, JsonError> {
        let text = self.read(bytes, keys)?;
        Ok(Value::top(text, self))
    }

    pub(super) fn read<'b>(&mut self, bytes: &'b [u8], keys: Keys) -> Result<&'b str, JsonError> {
        self.nodes.clear();
        self.decoded.clear();
        self.open.clear();
        if bytes.len() > JSON_BYTES {
            return Err(JsonError {
                problem: Problem::Size,
                at: JSON_BYTES as u64,
            });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| JsonError {
            problem: Problem::Utf8,
            at: error.valid_up_to() as u64,
        })?;
        let mut recorder = Recorder {
            tape: self,
            text,
            keys,
            flaw: None,
        };
        let mut lexer = Lexer::new();
        let pushed = lexer.push(bytes, &mut recorder);
        // A flaw in names was seen before anything that the lexer stumbled on later.
        if let Some(flaw) = recorder.flaw {
            return Err(flaw);
        }
        pushed?;
        let whole = lexer.finish(&mut recorder);
        self.end_number(bytes.len());
        whole?;
        Ok(text)
    }

    /// A number at the top ends with the text, and only the text knows where that is.
    fn end_number(&mut self, end: usize) {
        if let [node] = self.nodes.as_mut_slice()
            && node.end == 0
        {
            node.end = end as u32;
        }
    }

    pub(super) fn string<'a>(&'a self, text: &'a str, node: &Node) -> &'a str {
        if node.escaped {
            &self.decoded[node.next as usize..node.decoded_end as usize]
        } else {
            &text[node.start as usize + 1..node.end as usize - 1]
        }
    }

    /// The node after `index` and all that is inside it.
    pub(super) fn after(&self, index: u32) -> u32 {
        let node = &self.nodes[index as usize];
        match node.kind {
            NodeKind::Object | NodeKind::Array => node.next,
            NodeKind::String | NodeKind::Scalar(_) => index + 1,
        }
    }
}

/// Writes the tape while the lexer reads.
struct Recorder<'t, 'b> {
    tape: &'t mut Tape,
    text: &'b str,
    keys: Keys,
    /// The first objection to member names; a [`Sink`] has no other way to refuse.
    flaw: Option<JsonError>,
}

impl Recorder<'_, '_> {
    fn add(&mut self, kind: NodeKind, at: usize) {
        self.tape.nodes.push(Node {
            kind,
            escaped: false,
            start: at as u32,
            end: 0,
            next: 0,
            decoded_end: 0,
        });
    }

    /// Refuses two equal names in the object at `object`, which has just been closed.
    fn check_names(&mut self, object: u32) {
        let tape = &mut *self.tape;
        let mut names = std::mem::take(&mut tape.names);
        names.clear();
        let end = tape.nodes.len() as u32;
        let mut index = object + 1;
        while index < end {
            names.push(index);
            index = tape.after(index + 1);
        }
        let clash = find_clash(
            &mut names,
            |index| tape.string(self.text, &tape.nodes[index as usize]),
            self.keys,
        );
        if let Some(name) = clash
            && self.flaw.is_none()
        {
            let (index, problem) = name;
            self.flaw = Some(JsonError {
                problem,
                at: u64::from(tape.nodes[index as usize].start),
            });
        }
        tape.names = names;
    }
}

/// The later of two names that are the same, if any. Few names are compared pair by pair, many are
/// sorted, so that no object costs more than n log n comparisons.
fn find_clash<'a>(
    names: &mut [u32],
    name: impl Fn(u32) -> &'a str,
    keys: Keys,
) -> Option<(u32, Problem)> {
    const FEW: usize = 12;
    let verdict = |first: &str, second: &str| {
        if first == second {
            return Some(Problem::Duplicate);
        }
        let variant = keys == Keys::DistinctIgnoringCase && same_ignoring_case(first, second);
        variant.then_some(Problem::CaseVariant)
    };
    if names.len() <= FEW {
        let mut few = [""; FEW];
        for (text, index) in few.iter_mut().zip(&*names) {
            *text = name(*index);
        }
        return names.iter().enumerate().find_map(|(i, &later)| {
            let mut earlier = few[..i].iter();
            Some((later, earlier.find_map(|earlier| verdict(earlier, few[i]))?))
        });
    }
    match keys {
        Keys::Distinct | Keys::Unchecked => {
            names.sort_unstable_by(|&a, &b| name(a).cmp(name(b)));
        }
        Keys::DistinctIgnoringCase => {
            names.sort_unstable_by(|&a, &b| compare_ignoring_case(name(a), name(b)));
        }
    }
    names.windows(2).find_map(|pair| {
        let problem = verdict(name(pair[0]), name(pair[1]))?;
        Some((pair[0].max(pair[1]), problem))
    })
}

/// Whether they are the same but for case, see [`compare_ignoring_case`].
fn same_ignoring_case(a: &str, b: &str) -> bool {
    match a.is_ascii() && b.is_ascii() {
        true => a.eq_ignore_ascii_case(b),
        false => compare_ignoring_case(a, b) == Ordering::Equal,
    }
}

/// Compares with case folded away. Through upper case to lower case, because `ſ` and `K` (the
/// Kelvin sign) are `s` and `k` to parsers that fold.
fn compare_ignoring_case(a: &str, b: &str) -> Ordering {
    fn fold(text: &str) -> impl Iterator<Item = char> {
        text.chars()
            .flat_map(char::to_uppercase)
            .flat_map(char::to_lowercase)
    }
    if a.is_ascii() && b.is_ascii() {
        return a
            .bytes()
            .map(|byte| byte.to_ascii_lowercase())
            .cmp(b.bytes().map(|byte| byte.to_ascii_lowercase()));
    }
    fold(a).cmp(fold(b))
}

impl Sink for Recorder<'_, '_> {
    #[inline]
    fn string(&mut self, _key: bool, from: usize, to: usize) {
        self.tape.nodes.push(Node {
            kind: NodeKind::String,
            escaped: false,
            start: from as u32 - 1,
            end: to as u32 + 1,
            next: 0,
            decoded_end: 0,
        });
    }

    #[inline]
    fn scalar(&mut self, scalar: Scalar, from: usize, to: usize) {
        self.tape.nodes.push(Node {
            kind: NodeKind::Scalar(scalar),
            escaped: false,
            start: from as u32,
            end: to as u32,
            next: 0,
            decoded_end: 0,
        });
    }

    #[inline]
    fn open(&mut self, container: Container, at: usize) {
        self.tape.open.push(self.tape.nodes.len() as u32);
        let kind = match container {
            Container::Object => NodeKind::Object,
            Container::Array => NodeKind::Array,
        };
        self.add(kind, at);
    }

    #[inline]
    fn close(&mut self, container: Container, at: usize) {
        let Some(index) = self.tape.open.pop() else {
            return;
        };
        let next = self.tape.nodes.len() as u32;
        let node = &mut self.tape.nodes[index as usize];
        node.end = at as u32 + 1;
        node.next = next;
        let several = container == Container::Object && next > index + 3;
        if several && self.keys != Keys::Unchecked {
            self.check_names(index);
        }
    }

    #[inline]
    fn string_start(&mut self, _key: bool, at: usize) {
        self.add(NodeKind::String, at);
    }

    #[inline]
    fn run(&mut self, from: usize, to: usize) {
        // Text is copied only once a string is known to have an escape.
        if self.tape.nodes.last().is_some_and(|node| node.escaped) {
            self.tape.decoded.push_str(&self.text[from..to]);
        }
    }

    #[inline]
    fn escape(&mut self, decoded: char, width: usize, end: usize) {
        let Some(node) = self.tape.nodes.last_mut() else {
            return;
        };
        if !node.escaped {
            node.escaped = true;
            node.next = self.tape.decoded.len() as u32;
            let before = &self.text[node.start as usize + 1..end - width];
            self.tape.decoded.push_str(before);
        }
        self.tape.decoded.push(decoded);
    }

    #[inline]
    fn string_end(&mut self, _key: bool, at: usize) {
        let decoded_end = self.tape.decoded.len() as u32;
        if let Some(node) = self.tape.nodes.last_mut() {
            node.end = at as u32 + 1;
            node.decoded_end = decoded_end;
        }
    }

    #[inline]
    fn scalar_start(&mut self, scalar: Scalar, at: usize) {
        self.add(NodeKind::Scalar(scalar), at);
    }

    #[inline]
    fn scalar_end(&mut self, _scalar: Scalar, end: usize) {
        if let Some(node) = self.tape.nodes.last_mut() {
            node.end = end as u32;
        }
    }
}
