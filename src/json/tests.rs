//! One grammar, judged by a table and at every split.

use super::{
    Container, Document, JsonError, Keys, Kind, Lexer, Problem, Scalar, Sink, Tape, Value,
};

/// What a text says, with nothing about how it was cut.
#[derive(Default, PartialEq, Debug)]
struct Story {
    events: Vec<(String, u64)>,
    base: u64,
}

impl Story {
    fn tell(&mut self, what: impl Into<String>, at: usize) {
        self.events.push((what.into(), self.base + at as u64));
    }
}

impl Sink for Story {
    fn open(&mut self, container: Container, at: usize) {
        self.tell(format!("open {container:?}"), at);
    }
    fn close(&mut self, container: Container, at: usize) {
        self.tell(format!("close {container:?}"), at);
    }
    fn string_start(&mut self, key: bool, at: usize) {
        self.tell(format!("string, key {key}"), at);
    }
    fn run(&mut self, from: usize, to: usize) {
        // One event per byte: runs are cut where pieces are.
        for at in from..to {
            self.tell("byte", at);
        }
    }
    fn escape(&mut self, decoded: char, width: usize, end: usize) {
        self.tell(format!("escape {decoded:?} of {width}"), end);
    }
    fn string_end(&mut self, key: bool, at: usize) {
        self.tell(format!("string end, key {key}"), at);
    }
    fn scalar_start(&mut self, scalar: Scalar, at: usize) {
        self.tell(format!("{scalar:?}"), at);
    }
    fn scalar_end(&mut self, scalar: Scalar, end: usize) {
        self.tell(format!("{scalar:?} end"), end);
    }
}

pub(super) fn read_in_pieces<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Result<(), JsonError>, Vec<(String, u64)>) {
    let (mut lexer, mut story) = (Lexer::new(), Story::default());
    for piece in pieces {
        if let Err(error) = lexer.push(piece, &mut story) {
            let again = lexer.push(b" ", &mut story).map_err(|error| error.problem);
            assert_eq!(again, Err(Problem::Broken), "a refusal is for ever");
            return (Err(error), story.events);
        }
        story.base += piece.len() as u64;
    }
    (lexer.finish(&mut story), story.events)
}

const ACCEPTED: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "12.5",
    "0.0",
    "1e5",
    "1E+5",
    "1e-5",
    "-0.1e10",
    "123456789012345678901234567890",
    "1e400",
    " 1",
    "1 ",
    "\t\r\n 1 \t\r\n",
    "\"\"",
    "\"a\"",
    "[]",
    "[ ]",
    "[1]",
    "[1,2]",
    "[ 1 , 2 ]",
    "[[]]",
    "{}",
    "{ }",
    "{\"a\":1}",
    "{ \"a\" : 1 }",
    "{\"a\":1,\"b\":{\"a\":1}}",
    "{\"\":0}",
    "[null,true,false]",
    "[{},[]]",
    "\"\u{7f}\"",
    r#""\"\\\/\b\f\n\r\t""#,
    r#""\u0041\u00e9\u4e2D""#,
    r#""\uD834\uDD1E""#,
    r#""\u0000""#,
    "\"\u{e9}\u{20ac}\u{1f600}\u{10ffff}\u{2028}\"",
    r#""\uFFFF\uFDD0""#,
    "\"\u{feff}\"",
    r#"{"a":1,"A":2}"#,
    r#""\ud83d\ude00 and then some more plain text to run over""#,
    "\"exactly8\"",
    "\"seven..\\n\"",
    "\"eight...\\n\"",
    "\"nine.....\u{e9}tail of it\"",
];

const REFUSED: &[(&str, Problem)] = &[
    ("", Problem::Truncated),
    (" ", Problem::Truncated),
    ("nul", Problem::Truncated),
    ("nulll", Problem::Unexpected),
    ("Null", Problem::Unexpected),
    ("nil", Problem::Unexpected),
    ("TRUE", Problem::Unexpected),
    ("NaN", Problem::Unexpected),
    ("Infinity", Problem::Unexpected),
    ("-", Problem::Truncated),
    ("+1", Problem::Unexpected),
    ("01", Problem::Unexpected),
    ("-01", Problem::Unexpected),
    ("1.", Problem::Truncated),
    ("[1.]", Problem::Unexpected),
    (".5", Problem::Unexpected),
    ("1e", Problem::Truncated),
    ("1e+", Problem::Truncated),
    ("[1e]", Problem::Unexpected),
    ("1e5.5", Problem::Unexpected),
    ("--1", Problem::Unexpected),
    ("0x1", Problem::Unexpected),
    ("1 2", Problem::Unexpected),
    ("1,", Problem::Unexpected),
    ("[", Problem::Truncated),
    ("]", Problem::Unexpected),
    ("[1", Problem::Truncated),
    ("[1,", Problem::Truncated),
    ("[1,]", Problem::Unexpected),
    ("[,1]", Problem::Unexpected),
    ("[,]", Problem::Unexpected),
    ("[1 2]", Problem::Unexpected),
    ("[1}", Problem::Unexpected),
    ("[]]", Problem::Unexpected),
    ("{", Problem::Truncated),
    ("{]", Problem::Unexpected),
    ("{\"a\"", Problem::Truncated),
    ("{\"a\"}", Problem::Unexpected),
    ("{\"a\":}", Problem::Unexpected),
    ("{\"a\":1", Problem::Truncated),
    ("{\"a\":1,}", Problem::Unexpected),
    ("{,}", Problem::Unexpected),
    ("{1:1}", Problem::Unexpected),
    ("{a:1}", Problem::Unexpected),
    ("{'a':1}", Problem::Unexpected),
    ("'a'", Problem::Unexpected),
    ("{\"a\":1 \"b\":2}", Problem::Unexpected),
    ("{\"a\",1}", Problem::Unexpected),
    ("{\"a\":1]", Problem::Unexpected),
    ("{}{}", Problem::Unexpected),
    ("{}x", Problem::Unexpected),
    ("/**/1", Problem::Unexpected),
    ("1//", Problem::Unexpected),
    ("\"", Problem::Truncated),
    ("\"a", Problem::Truncated),
    ("\"\\", Problem::Truncated),
    ("\"\\\"", Problem::Truncated),
    ("\"\n\"", Problem::Control),
    ("\"\t\"", Problem::Control),
    ("\"\0\"", Problem::Control),
    ("\"12345678\u{1f}\"", Problem::Control),
    (r#""\x""#, Problem::Escape),
    (r#""\U0041""#, Problem::Escape),
    (r#""\u004""#, Problem::Escape),
    (r#""\u00g0""#, Problem::Escape),
    (r#""\'""#, Problem::Escape),
    ("\"\\\u{e9}\"", Problem::Escape),
    (r#""\uD834""#, Problem::Surrogate),
    (r#""\uDD1E""#, Problem::Surrogate),
    (r#""\uD834\u0041""#, Problem::Surrogate),
    (r#""\uD834\uD834""#, Problem::Surrogate),
    (r#""\uD834\n""#, Problem::Surrogate),
    (r#""\uD834x""#, Problem::Surrogate),
    ("\u{feff}1", Problem::ByteOrderMark),
    ("[\u{feff}]", Problem::Unexpected),
    ("\u{a0}1", Problem::Unexpected),
    ("\u{c}1", Problem::Unexpected),
    ("\u{b}1", Problem::Unexpected),
    ("[1\u{2028}]", Problem::Unexpected),
];

const NOT_UTF8: &[&[u8]] = &[
    b"\"\xff\"",
    b"\"\x80\"",
    b"\"\xc0\xaf\"",
    b"\"\xc1\xbf\"",
    b"\"\xe0\x80\xaf\"",
    b"\"\xed\xa0\x80\"",
    b"\"\xf4\x90\x80\x80\"",
    b"\"\xf5\x80\x80\x80\"",
    b"\"\xc3\"",
    b"\"\xe2\x82\"",
    b"\"\xf0\x9f\x98\"",
    b"\"\xc3\xc3\"",
    b"\"\xfe\"",
];

#[test]
fn accepts_what_rfc_8259_accepts() {
    for text in ACCEPTED {
        let verdict = Document::parse(text.as_bytes());
        assert!(verdict.is_ok(), "{text:?}: {:?}", verdict.err());
    }
}

#[test]
fn refuses_what_rfc_8259_refuses_and_what_is_read_in_two_ways() {
    for (text, problem) in REFUSED {
        let verdict = Document::parse(text.as_bytes()).map_err(|error| error.problem);
        assert_eq!(verdict.err(), Some(*problem), "{text:?}");
    }
    for text in NOT_UTF8 {
        let verdict = Document::parse(text).map_err(|error| error.problem);
        assert_eq!(verdict.err(), Some(Problem::Utf8), "{text:x?}");
        assert!(read_in_pieces([*text]).0.is_err(), "{text:x?}");
    }
}

#[test]
fn every_split_reads_the_same() {
    let texts = ACCEPTED.iter().map(|text| text.as_bytes());
    let refused = REFUSED.iter().map(|(text, _)| text.as_bytes());
    for text in texts.chain(refused).chain(NOT_UTF8.iter().copied()) {
        let whole = read_in_pieces([text]);
        let (result, mut events) = read_in_pieces(text.chunks(1));
        // A number that only the end of the text ends is told about from the last piece's end.
        assert_eq!(whole.0, result, "{text:x?} byte by byte");
        let normal = |events: &mut Vec<(String, u64)>| {
            if let Some(last) = events.last_mut()
                && last.0 == "Number end"
            {
                last.1 = 0;
            }
        };
        let mut expected = whole.1;
        normal(&mut expected);
        normal(&mut events);
        assert_eq!(expected, events, "{text:x?} byte by byte");
        for cut in 0..=text.len() {
            let (left, right) = text.split_at(cut);
            let (split_result, mut split) = read_in_pieces([left, b"", right]);
            normal(&mut split);
            assert_eq!(result, split_result, "{text:x?} at {cut}");
            assert_eq!(expected, split, "{text:x?} at {cut}");
        }
    }
}

#[test]
fn equal_names_are_refused_at_every_depth_however_they_are_written() {
    let many: Vec<String> = (0..40).map(|i| format!("\"k{i}\":{i}")).collect();
    let many = many.join(",");
    for (text, at) in [
        (r#"{"a":1,"a":2}"#.to_owned(), 7),
        (r#"{"a":1,"b":2,"\u0061":3}"#.to_owned(), 13),
        (r#"[{"x":{"a":{},"a":[]}}]"#.to_owned(), 14),
        (r#"{"":1,"":1}"#.to_owned(), 6),
        (format!("{{{many},\"k7\":0}}"), 1 + many.len() as u64 + 1),
    ] {
        let error = Document::parse(text.as_bytes()).err();
        let problem = Problem::Duplicate;
        assert_eq!(error, Some(JsonError { problem, at }), "{text}");
    }
    assert!(Document::parse(format!("{{{many}}}").as_bytes()).is_ok());
}

#[test]
fn names_that_differ_in_case_are_refused_on_request() {
    let mut tape = Tape::new();
    for text in [
        r#"{"method":1,"Method":2}"#,
        r#"{"kind":1,"\u212Aind":2}"#,
        r#"{"params":1,"param\u017f":2}"#,
        r#"{"a0":0,"a1":0,"a2":0,"a3":0,"a4":0,"a5":0,"a6":0,"a7":0,"a8":0,"a9":0,"b":0,"c":0,"A4":0}"#,
    ] {
        assert!(
            tape.parse(text.as_bytes(), Keys::Distinct).is_ok(),
            "{text}"
        );
        let verdict = tape.parse(text.as_bytes(), Keys::DistinctIgnoringCase);
        assert_eq!(
            verdict.map_err(|error| error.problem).err(),
            Some(Problem::CaseVariant),
            "{text}"
        );
    }
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Document::parse(nested(64).as_bytes()).is_ok());
    let too_deep = nested(65);
    let refused = Document::parse(too_deep.as_bytes()).map_err(|error| error.problem);
    assert_eq!(refused.err(), Some(Problem::Depth));
}

#[test]
fn a_tape_is_reused_without_growing() {
    let text = br#"{"a":[1,2,{"b":"\u0041\n"}],"c":null}"#;
    let mut tape = Tape::new();
    assert!(tape.parse(text, Keys::Distinct).is_ok());
    let capacity = (tape.nodes.capacity(), tape.decoded.capacity());
    assert!(tape.parse(b"[", Keys::Distinct).is_err());
    assert!(tape.parse(text, Keys::Distinct).is_ok());
    assert_eq!((tape.nodes.capacity(), tape.decoded.capacity()), capacity);
}

#[test]
fn values_are_found_by_decoded_name() -> Result<(), JsonError> {
    let text =
        br#"{"iss":"a\u0040b","roles":["x","y"],"exp":1700000000,"f":-1.5,"t":true,"n":null}"#;
    let document = Document::parse(text)?;
    let root = document.root();
    assert_eq!(root.kind(), Kind::Object);
    assert_eq!(root.get("iss").and_then(Value::as_str), Some("a@b"));
    assert_eq!(root.get("exp").and_then(Value::as_u64), Some(1_700_000_000));
    assert_eq!(root.get("f").and_then(Value::number), Some("-1.5"));
    assert_eq!(root.get("f").and_then(Value::as_u64), None);
    assert_eq!(root.get("t").and_then(Value::as_bool), Some(true));
    assert!(root.get("n").is_some_and(Value::is_null));
    assert!(root.get("none").is_none());
    let roles = root.get("roles").into_iter().flat_map(Value::items);
    assert_eq!(
        roles.filter_map(Value::as_str).collect::<Vec<_>>(),
        ["x", "y"]
    );
    assert_eq!(root.get("roles").map(Value::raw), Some(r#"["x","y"]"#));
    let names: Vec<_> = root.members().map(|(name, _)| name).collect();
    assert_eq!(names, ["iss", "roles", "exp", "f", "t", "n"]);
    assert_eq!(Document::parse(b" 12 ")?.root().span(), 1..3);
    assert_eq!(Document::parse(b"-12")?.root().raw(), "-12");
    Ok(())
}
