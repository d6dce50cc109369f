//! Frames behind a good checksum: a payload is read to its last byte or not at all, what is read
//! is written back as it stood, and a changed bit is seen.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice::record::block::{Block, frames};
use sluice::record::frame::{Frame, seal};
use sluice::record::payload::{Event, write_part_end, write_session_open};

fuzz_target!(|bytes: &[u8]| {
    // As they stand: lists of frames, a block. Nothing must panic, and frames make progress.
    let listed = frames(bytes).take(64).filter(Result::is_ok).count();
    assert!(listed * 44 <= bytes.len());
    if let Ok(block) = Block::read(bytes) {
        assert!(block.chunks().count() <= bytes.len());
        for chunk in block.chunks() {
            let _ = chunk.unpack();
        }
    }

    // As a header and a payload that get their length and checksum here.
    let mut sealed = bytes.to_vec();
    let Some(length) = sealed.first_chunk_mut::<4>() else {
        return;
    };
    *length = (bytes.len() as u32 + 4).to_le_bytes();
    seal(&mut sealed, 0);
    let Ok((frame, rest)) = Frame::read(&sealed) else {
        return;
    };
    assert!(rest.is_empty());
    let mut again = Vec::new();
    frame.header.write(frame.payload.len(), &mut again);
    again.extend_from_slice(frame.payload);
    assert_eq!(
        again,
        sealed[..bytes.len()],
        "a header says all that stands in it"
    );
    if let Ok(event) = Event::read(&frame) {
        told(&event, frame.payload);
    }
    let at = bytes.len() / 2;
    sealed[at] ^= 1;
    assert!(Frame::read(&sealed).is_err());
});

/// What is read of an event is no more than its payload says.
fn told(event: &Event<'_>, payload: &[u8]) {
    match event {
        Event::SessionOpen {
            principal,
            connection,
        } => {
            let mut again = Vec::new();
            write_session_open(principal, connection, &mut again);
            assert_eq!(again, payload);
        }
        Event::End(end) => {
            let mut again = Vec::new();
            end.write(&mut again);
            assert_eq!(again, payload);
        }
        Event::RequestHead { request, .. } => {
            let told = request.path.len() + request.rule.len() + request.headers.len();
            assert!(told <= payload.len());
        }
        Event::ResponseHead(bytes) => assert_eq!(*bytes, payload),
        Event::RequestChunk { bytes, .. } | Event::ResponseChunk { bytes, .. } => {
            assert!(payload.ends_with(bytes));
        }
        Event::Part(part) => {
            let mut again = Vec::new();
            part.write(&mut again);
            assert_eq!((again.len(), again.as_slice()), (part.len(), payload));
        }
        Event::PartEnd { id, status } => {
            let mut again = Vec::new();
            write_part_end(id, *status, &mut again);
            assert_eq!(again, payload);
        }
        Event::MaskHit { hits, .. } => assert!(hits.iter().count() * 10 <= payload.len()),
        Event::Refused { reasons, .. } => assert!(reasons.iter().count() * 8 <= payload.len()),
        _ => {}
    }
}
