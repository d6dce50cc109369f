//! Chunked bodies: whole and byte by byte give the same content, end or refusal.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice::http::{BodyDecoder, BodyError, BodyLength, Piece};

/// Content, bytes consumed, whether the body ended.
fn decode(bytes: &[u8], step: usize) -> Result<(Vec<u8>, usize, bool), BodyError> {
    let mut decoder = BodyDecoder::new(BodyLength::Chunked);
    let (mut content, mut at) = (Vec::new(), 0);
    while !decoder.is_done() {
        let input = &bytes[at..bytes.len().min(at + step)];
        let consumed = match decoder.decode(input)? {
            Piece::NeedMore => {
                assert!(input.is_empty());
                break;
            }
            Piece::Data(data) => {
                assert!(data.range.start < data.range.end && data.range.end <= data.consumed);
                if data.verbatim
                    && let Some(size) = data.opens
                {
                    let line = format!("{size:x}\r\n");
                    assert!(input[..data.range.start].eq_ignore_ascii_case(line.as_bytes()));
                }
                content.extend_from_slice(&input[data.range]);
                data.consumed
            }
            Piece::Framing { consumed, .. } | Piece::End { consumed } => consumed,
        };
        assert!(0 < consumed && consumed <= input.len());
        at += consumed;
    }
    Ok((content, at, decoder.is_done()))
}

fuzz_target!(|bytes: &[u8]| {
    let whole = decode(bytes, bytes.len().max(1));
    for step in [1, 2, 7] {
        assert_eq!(decode(bytes, step), whole);
    }
});
