//! Event streams: any split gives the same frames, the frames are the stream, and what they say is
//! what the specification's own steps make of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice::mcp::Events;
use sluice_fuzz::sse;

/// Frames of at most so many bytes.
const BOUND: usize = 64;

#[derive(Clone, PartialEq, Debug)]
struct Seen {
    raw: Vec<u8>,
    data: Option<Vec<u8>>,
    event: Option<Vec<u8>>,
    id: Option<Vec<u8>>,
    retry: Option<Vec<u8>>,
}

/// The frames, whether one was too long, and what is left.
fn frames<'a>(
    bound: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Seen>, bool, Vec<u8>) {
    let mut events = Events::new(bound);
    let mut seen = Vec::new();
    let mut read = |events: &mut Events| loop {
        match events.frame() {
            Ok(Some(frame)) => {
                let kept = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
                seen.push(Seen {
                    raw: frame.raw.to_vec(),
                    data: kept(frame.data),
                    event: kept(frame.event),
                    id: kept(frame.id),
                    retry: kept(frame.retry),
                });
            }
            Ok(None) => return false,
            Err(_) => return true,
        }
    };
    let mut overlong = false;
    for piece in pieces {
        events.push(piece);
        overlong |= read(&mut events);
    }
    events.finish();
    overlong |= read(&mut events);
    let rest = if overlong {
        Vec::new()
    } else {
        events.rest().to_vec()
    };
    (seen, overlong, rest)
}

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, bytes) = input;
    let (left, right) = bytes.split_at(usize::from(cut) % (bytes.len() + 1));
    for bound in [BOUND, usize::MAX] {
        let whole = frames(bound, [bytes]);
        assert_eq!(whole, frames(bound, [left, right]));
        assert_eq!(whole, frames(bound, bytes.chunks(1)));
        let (seen, overlong, rest) = whole;
        let mut stream = seen
            .iter()
            .flat_map(|seen| seen.raw.clone())
            .collect::<Vec<_>>();
        stream.extend(rest);
        assert!(bytes.starts_with(&stream));
        assert!(overlong || stream.len() == bytes.len());
        assert!(seen.iter().all(|seen| seen.raw.len() <= bound));
        if !overlong {
            assert_eq!(dispatched(seen), sse::by_the_book(bytes));
        }
    }
});

/// What a listener hears of the frames.
fn dispatched(seen: Vec<Seen>) -> Vec<sse::Event> {
    let (mut id, mut retry) = (Vec::new(), Vec::new());
    let mut events = Vec::new();
    for seen in seen {
        id = seen.id.unwrap_or(id);
        retry = seen.retry.unwrap_or(retry);
        events.extend(seen.data.map(|data| sse::Event {
            data,
            kind: seen.event.unwrap_or_default(),
            id: id.clone(),
            retry: retry.clone(),
        }));
    }
    events
}
