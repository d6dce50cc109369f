//! What callers have got, against what the recording says they were given.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::ops::ControlFlow;
use std::sync::Mutex;

use sluice::base::ids::ExchangeId;
use sluice::record::Outcome;
use sluice::record::payload::Event;
use sluice::record::verify::{Trust, Verdict};

use super::caller::Reply;
use super::origin::{field, read_body, read_head};
use super::scene::Recorded;
use super::upstream::{WHOLE, reply};

/// What one caller has got.
#[derive(Debug)]
pub enum Seen {
    /// Not a byte.
    Nothing,
    /// A reply whose framing says that it is whole.
    Whole(Reply),
    /// The beginning of one.
    Part(Vec<u8>),
}

impl Seen {
    /// Judges all the bytes that a caller has got.
    pub fn of(bytes: &[u8]) -> Seen {
        if bytes.is_empty() {
            return Seen::Nothing;
        }
        let mut wire = BufReader::new(bytes);
        let whole = read_head(&mut wire).ok().flatten().and_then(|head| {
            let framed = ["content-length", "transfer-encoding"];
            assert!(
                framed.iter().any(|name| field(&head, name).is_some()),
                "{head}"
            );
            let body = read_body(&mut wire, &head, false).ok()?;
            let status = head.split(' ').nth(1)?.parse().ok()?;
            Some(Reply { status, head, body })
        });
        match whole {
            Some(reply) => {
                assert!(wire.buffer().is_empty(), "more than one reply: {bytes:?}");
                Seen::Whole(reply)
            }
            None => Seen::Part(bytes.to_owned()),
        }
    }
}

/// All callers, by the path they asked for.
#[derive(Default)]
pub struct Ledger(Mutex<BTreeMap<String, Seen>>);

/// One exchange as recorded.
#[derive(Default)]
struct Entry {
    path: String,
    head: Vec<u8>,
    body: Vec<u8>,
    outcome: Option<Outcome>,
}

impl Ledger {
    pub fn saw(&self, path: &str, seen: Seen) {
        self.0.lock().unwrap().insert(path.to_owned(), seen);
    }

    /// Holds every caller's bytes against the recording.
    pub fn check(&self, recorded: &Recorded) {
        let entries = entries(recorded);
        let seen = self.0.lock().unwrap();
        let broken = |path: &str| entries.contains_key(path) && !path.starts_with("/control");
        let count = seen.keys().filter(|path| broken(path)).count();
        assert!(
            count > 50,
            "hardly any exchange was broken once it was under way: {count}"
        );
        for (path, seen) in &*seen {
            let entry = entries.get(path.as_str());
            if let Some(entry) = entry {
                let outcome = entry.outcome.unwrap();
                assert!(right(path).contains(&outcome), "{path}: {outcome:?}");
            }
            match seen {
                Seen::Nothing => {}
                Seen::Part(bytes) => {
                    let entry = entry.unwrap_or_else(|| panic!("{path} is not recorded"));
                    entry.released(bytes, path);
                    assert_ne!(entry.outcome, Some(Outcome::Complete), "{path}");
                }
                // A refusal is the gateway's own, and needs no record of its bytes.
                Seen::Whole(reply) if reply.status >= 400 => {
                    let outcome = entry.map(|entry| entry.outcome);
                    assert_ne!(outcome, Some(Some(Outcome::Complete)), "{path}");
                }
                Seen::Whole(reply) => {
                    let entry = entry.unwrap_or_else(|| panic!("{path} is not recorded"));
                    assert_eq!(entry.outcome, Some(Outcome::Complete), "{path}");
                    assert_eq!(String::from_utf8_lossy(&entry.head), reply.head, "{path}");
                    assert_eq!(entry.body, reply.body, "{path}");
                }
            }
        }
    }
}

/// How an exchange of this path may end.
fn right(path: &str) -> &'static [Outcome] {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        ["caller", "Stall", _] => &[Outcome::CallerMalformed],
        ["caller", ..] => &[Outcome::CallerGone],
        ["upstream", _, at] if *at == reply().len().to_string() => &[Outcome::Complete],
        ["upstream", "Stall", _] => &[Outcome::UpstreamTimeout],
        // Before the head was whole, and after.
        ["upstream", ..] => &[Outcome::UpstreamRefused, Outcome::UpstreamTruncated],
        _ => &[Outcome::Complete],
    }
}

impl Entry {
    /// The bytes that a caller got before the end are the beginning of what is recorded.
    fn released(&self, bytes: &[u8], path: &str) {
        let head = &self.head[..self.head.len().min(bytes.len())];
        assert!(bytes.starts_with(head), "{path}: {bytes:?}");
        let text: String = self.body.iter().map(|byte| char::from(*byte)).collect();
        assert!(WHOLE.starts_with(&text), "{path}: {text}");
        let framed = String::from_utf8_lossy(&bytes[head.len()..]).into_owned();
        let content: String = framed
            .split("\r\n")
            .enumerate()
            .filter_map(|(line, text)| (line % 2 == 1).then_some(text))
            .collect();
        assert!(text.starts_with(&content), "{path}: {content} of {text}");
    }
}

fn entries(recorded: &Recorded) -> BTreeMap<String, Entry> {
    let [recording] = recorded.recordings.as_slice() else {
        panic!("{:?}", recorded.recordings);
    };
    let report = recording.verify(Trust::FirstSeen, None).unwrap();
    assert_eq!(report.verdict, Verdict::Ok, "{report:?}");
    let mut entries = BTreeMap::<ExchangeId, Entry>::new();
    let unread = recording.visit(None, |_, frame, event| {
        let entry = entries.entry(frame.header.exchange).or_default();
        match event {
            Event::RequestHead { request, .. } => entry.path = request.path.to_owned(),
            Event::ResponseHead(head) => entry.head = head.to_vec(),
            Event::ResponseChunk { bytes, .. } => entry.body.extend_from_slice(bytes),
            Event::End(end) => entry.outcome = Some(end.end.outcome),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    assert_eq!(unread.unwrap(), None);
    let entries = entries.into_values().filter(|entry| !entry.path.is_empty());
    entries
        .inspect(|entry| assert!(entry.outcome.is_some(), "{} has no end", entry.path))
        .map(|entry| (entry.path.clone(), entry))
        .collect()
}
