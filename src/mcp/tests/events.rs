//! Streams: the same frames however they are cut, and the same events that a browser would see.

use proptest::prelude::*;

use crate::mcp::{Edits, Events, Overlong};

const BOUND: usize = 4096;

/// A frame, for comparing.
#[derive(Clone, PartialEq, Debug, Default)]
struct Seen {
    raw: String,
    data: Option<String>,
    event: Option<String>,
    id: Option<String>,
    retry: Option<String>,
}

fn read(events: &mut Events, seen: &mut Vec<Seen>) -> Result<(), Overlong> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    while let Some(frame) = events.frame()? {
        seen.push(Seen {
            raw: text(frame.raw),
            data: frame.data.map(text),
            event: frame.event.map(text),
            id: frame.id.map(text),
            retry: frame.retry.map(text),
        });
    }
    Ok(())
}

/// The frames of a stream that comes in these pieces, and what is left.
fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Seen>, Vec<u8>) {
    let (mut events, mut seen) = (Events::new(BOUND), Vec::new());
    for piece in pieces {
        events.push(piece);
        read(&mut events, &mut seen).unwrap();
    }
    events.finish();
    read(&mut events, &mut seen).unwrap();
    (seen, events.rest().to_vec())
}

fn whole(stream: &str) -> Vec<Seen> {
    frames([stream.as_bytes()]).0
}

/// What the specification's own steps make of a whole stream: the data of each event dispatched,
/// with its type and the last id.
fn by_the_book(stream: &str) -> Vec<(String, String, String)> {
    let stream = stream.strip_prefix('\u{feff}').unwrap_or(stream);
    let stream = stream.replace("\r\n", "\n").replace('\r', "\n");
    let Some((lines, _)) = stream.rsplit_once('\n') else {
        return Vec::new();
    };
    let (mut data, mut kind, mut id) = (String::new(), String::new(), String::new());
    let mut events = Vec::new();
    for line in lines.split('\n') {
        if line.is_empty() {
            if !data.is_empty() {
                data.pop();
                events.push((data.clone(), kind.clone(), id.clone()));
            }
            (data, kind) = (String::new(), String::new());
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "data" => data += &format!("{value}\n"),
            "event" => kind = value.into(),
            "id" if !value.contains('\0') => id = value.into(),
            _ => {}
        }
    }
    events
}

#[test]
fn a_stream_is_cut_at_empty_lines() {
    let stream = "\u{feff}id: 1\ndata:\n\nevent: message\ndata: {\"a\":\ndata:1}\nid:2\nretry: 100\nx: y\n: c\n\n: ping\n\ndata: half";
    let seen = whole(stream);
    let raws: Vec<_> = seen.iter().map(|seen| seen.raw.as_str()).collect();
    assert_eq!(
        raws,
        [
            "\u{feff}id: 1\ndata:\n\n",
            "event: message\ndata: {\"a\":\ndata:1}\nid:2\nretry: 100\nx: y\n: c\n\n",
            ": ping\n",
            "\n",
        ]
    );
    let said = |text: &str| Some(text.to_string());
    assert_eq!((&seen[0].data, &seen[0].id), (&said(""), &said("1")));
    assert_eq!(seen[1].data, said("{\"a\":\n1}"));
    assert_eq!(
        (&seen[1].event, &seen[1].retry),
        (&said("message"), &said("100"))
    );
    assert_eq!(seen[2].data, None);
    assert_eq!(frames([stream.as_bytes()]).1, b"data: half");
}

/// A frame goes out with its last byte, whatever ends its lines.
#[test]
fn nothing_waits_for_what_may_never_come() {
    for (stream, frames) in [
        ("data: x\n\n", 1),
        ("data: x\r\n\r\n", 1),
        ("data: x\r\r", 1),
        (": ping\n", 1),
        (": ping\r\n", 1),
        ("data: x\r\n\r", 0),
    ] {
        let (mut events, mut seen) = (Events::new(BOUND), Vec::new());
        events.push(stream.as_bytes());
        read(&mut events, &mut seen).unwrap();
        assert_eq!(seen.len(), frames, "{stream:?}");
    }
}

#[test]
fn a_frame_has_a_bound() {
    for length in [BOUND - 9, BOUND - 8, BOUND - 7] {
        let stream = format!("data: {}\n\n", "x".repeat(length));
        for cut in [0, 1, BOUND / 2, BOUND - 1, stream.len()] {
            let (mut events, mut seen) = (Events::new(BOUND), Vec::new());
            let (left, right) = stream.as_bytes().split_at(cut.min(stream.len()));
            events.push(b"data: first\n\n");
            events.push(left);
            let begun = read(&mut events, &mut seen);
            events.push(right);
            let verdict = begun.and_then(|()| read(&mut events, &mut seen));
            assert_eq!(verdict.is_ok(), stream.len() <= BOUND, "{length}, {cut}");
            assert_eq!(seen.len(), 1 + usize::from(verdict.is_ok()));
            events.push(b"\n\n");
            assert_eq!(events.frame().is_ok(), verdict.is_ok(), "it stays refused");
        }
    }
}

#[test]
fn data_is_edited_where_it_stands() {
    let mut events = Events::new(BOUND);
    events.push(b"id: 7\r\ndata: {\"a\":1,\r\nx: y\r\ndata:\"b\":2,\r\ndata:  \"c\":3}\r\n\r\n");
    let frame = events.frame().unwrap().unwrap();
    let data = "{\"a\":1,\n\"b\":2,\n \"c\":3}";
    assert_eq!(frame.data, Some(data.as_bytes()));
    let at = |text: &str| data.find(text).unwrap();
    let mut edits = Edits::new();
    edits.push(at("1")..at("1") + 1, b"17").unwrap();
    edits.push(at("\"b\"")..at("\"c\""), b"").unwrap();
    let mut out = Vec::new();
    frame.edit(&edits, &mut out).unwrap();
    let want: &[u8] = b"id: 7\r\ndata: {\"a\":17,\r\nx: y\r\ndata:\"c\":3}\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(want));
    let mut line_end = Edits::new();
    line_end.push(0..1, b"\n").unwrap();
    assert!(frame.edit(&line_end, &mut out).is_err());
    let mut beyond = Edits::new();
    beyond.push(data.len()..data.len() + 1, b"").unwrap();
    assert!(frame.edit(&beyond, &mut out).is_err());
}

/// Streams made of what matters to a splitter.
fn stream() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "\n", "\n", "\r\n", "\r\n", "\r", "data: x", "data:", "data", ":", ": ping", "id: 3",
        "event: e", "retry: 5", "\u{feff}", "\0", " ", "datax", "é",
    ]);
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

/// Whether a line of another kind stands between lines of data.
fn is_interrupted(frame: &[u8]) -> bool {
    let text = String::from_utf8_lossy(frame)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let is_data = |line: &str| line == "data" || line.starts_with("data:");
    let lines = text
        .trim_matches('\n')
        .split('\n')
        .skip_while(|line| !is_data(line));
    let kinds: Vec<bool> = lines.map(is_data).collect();
    kinds
        .iter()
        .skip_while(|is_data| **is_data)
        .any(|is_data| *is_data)
}

#[test]
fn nothing_between_lines_of_data_is_lost_with_an_edit() {
    let mut events = Events::new(BOUND);
    events.push(b"data: x: ping\nid: 3\ndata: x\n\n");
    let frame = events.frame().unwrap().unwrap();
    let (mut across, mut within) = (Edits::new(), Edits::new());
    across.push(5..8, b"<>").unwrap();
    within.push(5..7, b"<>").unwrap();
    let mut out = Vec::new();
    assert!(frame.edit(&across, &mut out).is_err() && out.is_empty());
    frame.edit(&within, &mut out).unwrap();
    assert_eq!(out, b"data: x: pi<>\nid: 3\ndata: x\n\n");
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_frames(stream in stream()) {
        let bytes = stream.as_bytes();
        let (want, rest) = frames([bytes]);
        for cut in 0..=bytes.len() {
            let (left, right) = bytes.split_at(cut);
            prop_assert_eq!(&frames([left, right]), &(want.clone(), rest.clone()));
        }
        prop_assert_eq!(&frames(bytes.chunks(1)), &(want.clone(), rest.clone()));
        let mut put_together: String = want.iter().map(|seen| seen.raw.as_str()).collect();
        put_together += std::str::from_utf8(&rest).unwrap();
        prop_assert_eq!(put_together, stream);
    }

    #[test]
    fn listeners_hear_what_the_frames_say(stream in stream()) {
        let mut heard = Vec::new();
        let mut last = String::new();
        for seen in whole(&stream) {
            last = seen.id.unwrap_or(last);
            // Two empty data lines are a line feed; one is nothing.
            if let Some(data) = seen.data {
                heard.push((data, seen.event.unwrap_or_default(), last.clone()));
            }
        }
        // By the book, data of one empty line is dispatched as an empty text and then ignored.
        let book: Vec<_> = by_the_book(&stream);
        prop_assert_eq!(heard, book);
    }

    #[test]
    fn an_edit_changes_the_data_and_nothing_else(stream in stream(), at in 0..8usize, long in 0..4usize) {
        // A mark between events is a field; at the start of a stream, as which it is read again, not.
        let stream = stream.replace('\u{feff}', "");
        let mut events = Events::new(BOUND);
        events.push(stream.as_bytes());
        while let Some(frame) = events.frame().unwrap() {
            let Some(data) = frame.data else { continue };
            let span = at.min(data.len())..(at + long).min(data.len());
            let mut edits = Edits::new();
            edits.push(span.clone(), b"<>").unwrap();
            let (mut want, mut out) = (data.to_vec(), Vec::new());
            want.splice(span, *b"<>");
            if frame.edit(&edits, &mut out).is_err() {
                // A line without a colon has no place for a value, and what stands between lines of
                // data would be lost.
                let bare = frame.raw.windows(5).any(|raw| matches!(raw, b"data\n" | b"data\r"));
                prop_assert!(bare || is_interrupted(frame.raw));
                prop_assert!(out.is_empty());
                continue;
            }
            let (again, rest) = frames([out.as_slice()]);
            // The line feed of a pair that was not waited for stands before, and is read alone here.
            let lone = usize::from(frame.raw.starts_with(b"\n") && frame.raw != b"\n");
            prop_assert_eq!(again.len(), 1 + lone);
            let again = again.last().unwrap();
            // Where an edit takes the one line end that was a pair, the last pair is not waited for:
            // its line feed is an empty line of its own, which says nothing.
            prop_assert!(rest.is_empty() || rest == b"\n");
            let want = String::from_utf8_lossy(&want).into_owned();
            prop_assert_eq!(again.data.clone(), Some(want));
            prop_assert_eq!(again.id.as_deref(), frame.id.and_then(|id| std::str::from_utf8(id).ok()));
        }
    }
}
