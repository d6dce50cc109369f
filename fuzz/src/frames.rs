//! A body moved through the gateway's decoder, in pieces of any size.

use sluice::http::{BodyDecoder, BodyError, BodyLength, Piece};

/// Content, bytes consumed, whether the body ended.
pub type Decoded = (Vec<u8>, usize, bool);

/// Decodes `bytes`, of which the decoder sees `step` more at a time.
pub fn decode(bytes: &[u8], length: BodyLength, step: usize) -> Result<Decoded, BodyError> {
    let mut decoder = BodyDecoder::new(length);
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
    assert_eq!(decoder.content_bytes(), content.len() as u64);
    let done = decoder.is_done();
    assert_eq!(
        decoder.on_eof().is_ok(),
        done || length == BodyLength::UntilClose
    );
    Ok((content, at, done))
}

/// Decodes `bytes` at once, moved together in place.
pub fn gather(bytes: &[u8], length: BodyLength) -> Result<Decoded, BodyError> {
    let mut decoder = BodyDecoder::new(length);
    let mut bytes = bytes.to_vec();
    let gathered = decoder.gather(&mut bytes)?;
    Ok((
        bytes[gathered.content].to_vec(),
        gathered.consumed,
        gathered.done,
    ))
}

/// Decodes `bytes` whole, and makes sure that no other way of cutting them says otherwise.
pub fn any_way(bytes: &[u8], length: BodyLength) -> Result<Decoded, BodyError> {
    let whole = decode(bytes, length, bytes.len().max(1));
    for step in [1, 2, 7] {
        assert_eq!(decode(bytes, length, step), whole);
    }
    assert_eq!(gather(bytes, length), whole);
    whole
}
