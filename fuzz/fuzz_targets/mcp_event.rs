//! Event streams: any split gives the same frames, and the frames are the stream.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice::mcp::Events;

type Seen = (Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);

/// The frames, whether one was too long, and what is left.
fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Seen>, bool, Vec<u8>) {
    let mut events = Events::new(64);
    let mut seen = Vec::new();
    let mut read = |events: &mut Events| loop {
        match events.frame() {
            Ok(Some(frame)) => seen.push((
                frame.raw.to_vec(),
                frame.data.map(<[u8]>::to_vec),
                frame.id.map(<[u8]>::to_vec),
            )),
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
    let whole = frames([bytes]);
    assert_eq!(whole, frames([left, right]));
    assert_eq!(whole, frames(bytes.chunks(1)));
    let (seen, overlong, rest) = whole;
    let mut stream = seen
        .iter()
        .flat_map(|seen| seen.0.clone())
        .collect::<Vec<_>>();
    stream.extend(rest);
    assert!(bytes.starts_with(&stream));
    assert!(overlong || stream.len() == bytes.len());
});
