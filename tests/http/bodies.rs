//! Bodies: the end found exactly, in any pieces.

use proptest::prelude::*;
use sluice::http::{BodyDecoder, BodyError, BodyLength, Data, Piece, write};

use crate::splits;

/// What a decoder made of some pieces.
#[derive(PartialEq, Eq, Debug, Default)]
struct Decoded {
    content: Vec<u8>,
    /// The body again, by the rule in the documentation of [`Data`] for keeping chunks.
    mirrored: Vec<u8>,
    left: Vec<u8>,
    done: bool,
}

/// Decodes, handing over what was left of each piece together with the next.
fn decode(length: BodyLength, pieces: &[&[u8]]) -> Result<(Decoded, BodyDecoder), BodyError> {
    let mut decoder = BodyDecoder::new(length);
    let mut decoded = Decoded::default();
    for piece in pieces {
        decoded.left.extend_from_slice(piece);
        let bytes = std::mem::take(&mut decoded.left);
        let mut rest = &bytes[..];
        loop {
            let consumed = match decoder.decode(rest)? {
                Piece::NeedMore => {
                    assert!(rest.is_empty());
                    break;
                }
                Piece::End { consumed } => {
                    assert!(decoder.is_done());
                    decoded.done = true;
                    decoded.left = rest[consumed..].to_vec();
                    if consumed > 0 {
                        decoded.mirrored.extend_from_slice(write::LAST_CHUNK);
                    }
                    break;
                }
                Piece::Framing { consumed, closes } => {
                    assert!(consumed > 0);
                    if closes {
                        decoded.mirrored.extend_from_slice(b"\r\n");
                    }
                    consumed
                }
                Piece::Data(data) => {
                    mirror(&data, rest, &mut decoded.mirrored);
                    assert!(!data.range.is_empty());
                    decoded.content.extend_from_slice(&rest[data.range]);
                    data.consumed
                }
            };
            rest = &rest[consumed..];
        }
    }
    Ok((decoded, decoder))
}

fn mirror(data: &Data, bytes: &[u8], out: &mut Vec<u8>) {
    if data.verbatim {
        return out.extend_from_slice(&bytes[..data.consumed]);
    }
    if let Some(size) = data.opens {
        out.extend_from_slice(format!("{size:x}\r\n").as_bytes());
    }
    out.extend_from_slice(&bytes[data.range.clone()]);
    if data.closes {
        out.extend_from_slice(b"\r\n");
    }
}

/// The section, the coded body, its content or the refusal; `None` where more is needed.
type Case = (
    &'static str,
    &'static [u8],
    Result<Option<&'static [u8]>, BodyError>,
);

#[rustfmt::skip]
const CHUNKED: &[Case] = &[
    ("7.1", b"0\r\n\r\n", Ok(Some(b""))),
    ("7.1", b"5\r\nhello\r\n0\r\n\r\n", Ok(Some(b"hello"))),
    ("7.1", b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", Ok(Some(b"hello!"))),
    ("7.1", b"A\r\n0123456789\r\n000\r\n\r\n", Ok(Some(b"0123456789"))),
    ("7.1", b"00a\r\n0123456789\r\n0\r\n\r\n", Ok(Some(b"0123456789"))),
    ("7.1", b"2\r\n\r\n\r\n0\r\n\r\n", Ok(Some(b"\r\n"))),
    ("7.1", b"0000000000000001\r\nx\r\n0\r\n\r\n", Ok(Some(b"x"))),
    ("7.1.1", b"1;a=b;c=\"d e\"\r\nx\r\n0;last\r\n\r\n", Ok(Some(b"x"))),
    ("7.1.2", b"0\r\nX: y\r\nZ:\r\n\r\n", Ok(Some(b""))),
    ("7.1.2", b"0\r\nContent-Length: 5\r\n\r\n", Ok(Some(b""))),
    ("7.1", b"5\r\nhel", Ok(None)),
    ("7.1", b"5\r\nhello\r\n", Ok(None)),
    ("7.1", b"0\r\n", Ok(None)),
    ("7.1", b"\r\n", Err(BodyError::SizeLine)),
    ("7.1", b"\n", Err(BodyError::SizeLine)),
    ("7.1", b";a\r\n", Err(BodyError::SizeLine)),
    ("7.1", b"5\nhello\r\n", Err(BodyError::SizeLine)),
    ("7.1", b"5\rhello\r\n", Err(BodyError::SizeLine)),
    ("7.1", b"5 \r\nhello\r\n", Err(BodyError::SizeLine)),
    ("7.1", b" 5\r\nhello\r\n", Err(BodyError::SizeLine)),
    ("7.1", b"5\t;a\r\nhello\r\n", Err(BodyError::SizeLine)),
    ("7.1", b"0x5\r\nhello\r\n", Err(BodyError::SizeLine)),
    ("7.1", b"+5\r\nhello\r\n", Err(BodyError::SizeLine)),
    ("7.1", b"-5\r\nhello\r\n", Err(BodyError::SizeLine)),
    ("7.1", b"g\r\nhello\r\n", Err(BodyError::SizeLine)),
    ("7.1", b"5\0\r\nhello\r\n", Err(BodyError::SizeLine)),
    ("7.1.1", b"5;a\nhello\r\n", Err(BodyError::SizeLine)),
    ("7.1.1", b"5;a\rb\r\nhello\r\n", Err(BodyError::SizeLine)),
    ("7.1.1", b"5;\0\r\nhello\r\n", Err(BodyError::SizeLine)),
    ("7.1.1", b"5;\xff\r\nhello\r\n", Err(BodyError::SizeLine)),
    ("7.1", b"10000000000000000\r\n", Err(BodyError::SizeOverflow)),
    ("7.1", b"00000000000000001\r\n", Err(BodyError::SizeOverflow)),
    ("7.1", b"5\r\nhello!\r\n", Err(BodyError::ChunkEnd)),
    ("7.1", b"5\r\nhello\n0\r\n\r\n", Err(BodyError::ChunkEnd)),
    ("7.1", b"5\r\nhello\rX", Err(BodyError::ChunkEnd)),
    ("7.1", b"5\r\nhello0\r\n\r\n", Err(BodyError::ChunkEnd)),
    ("7.1.2", b"0\r\n\n", Err(BodyError::Trailer)),
    ("7.1.2", b"0\r\n\rX", Err(BodyError::Trailer)),
    ("7.1.2", b"0\r\nX\r\n\r\n", Err(BodyError::Trailer)),
    ("7.1.2", b"0\r\n: y\r\n\r\n", Err(BodyError::Trailer)),
    ("7.1.2", b"0\r\nX : y\r\n\r\n", Err(BodyError::Trailer)),
    ("7.1.2", b"0\r\nX: y\n\r\n", Err(BodyError::Trailer)),
    ("7.1.2", b"0\r\nX: y\r\n z\r\n\r\n", Err(BodyError::Trailer)),
    ("7.1.2", b"0\r\nX: \0\r\n\r\n", Err(BodyError::Trailer)),
    ("7.1.2", b"0\r\nGET / HTTP/1.1\r\n\r\n", Err(BodyError::Trailer)),
];

#[test]
fn chunked_bodies() {
    for (section, bytes, want) in CHUNKED {
        let text = bytes.escape_ascii();
        for pieces in splits(bytes) {
            let found = decode(BodyLength::Chunked, &pieces);
            let Ok((decoded, mut decoder)) = found else {
                assert_eq!(found.err(), want.err(), "RFC 9112 {section}: {text}");
                continue;
            };
            assert_eq!(
                Ok(decoded.done),
                want.map(|end| end.is_some()),
                "{section}: {text}"
            );
            if let Ok(Some(content)) = want {
                assert_eq!(decoded.content, *content, "{section}: {text}");
                assert!(decoded.left.is_empty());
                assert_eq!(decoder.on_eof(), Ok(()));
            } else {
                assert_eq!(decoder.on_eof(), Err(BodyError::Truncated));
                assert_eq!(decoder.decode(b"x"), Err(BodyError::Truncated));
            }
        }
    }
}

#[test]
fn bounded_lines_and_trailers() {
    let long = format!("1;{}\r\n", "x".repeat(300));
    let refused = decode(BodyLength::Chunked, &[long.as_bytes()]).err();
    assert_eq!(refused, Some(BodyError::SizeLineTooLong));
    let long = format!("0\r\nX: {}\r\n\r\n", "x".repeat(9000));
    let refused = decode(BodyLength::Chunked, &[long.as_bytes()]).err();
    assert_eq!(refused, Some(BodyError::TrailerTooLong));
}

#[test]
fn what_is_dropped_is_noted() {
    let notes = |bytes: &[u8]| {
        let noted = decode(BodyLength::Chunked, &[bytes]).map(|(_, decoder)| decoder.noted());
        noted.map(|noted| (noted.extensions, noted.trailers))
    };
    assert_eq!(notes(b"1\r\nx\r\n0\r\n\r\n"), Ok((false, false)));
    assert_eq!(notes(b"1;a\r\nx\r\n0\r\n\r\n"), Ok((true, false)));
    assert_eq!(notes(b"1\r\nx\r\n0\r\nA: b\r\n\r\n"), Ok((false, true)));
}

#[test]
fn a_canonical_chunk_is_one_slice() {
    let mut decoder = BodyDecoder::new(BodyLength::Chunked);
    let want = |opens, range, consumed, closes, verbatim| {
        Ok(Piece::Data(Data {
            range,
            consumed,
            opens,
            closes,
            verbatim,
        }))
    };
    assert_eq!(
        decoder.decode(b"5\r\nhello\r\n0\r\n"),
        want(Some(5), 3..8, 10, true, true)
    );
    assert_eq!(
        decoder.decode(b"5\r\nhel"),
        want(Some(5), 3..6, 6, false, true)
    );
    assert_eq!(decoder.decode(b"lo\r\n"), want(None, 0..2, 4, true, true));
    assert_eq!(
        decoder.decode(b"05\r\nhello"),
        want(Some(5), 4..9, 9, false, false)
    );
    assert_eq!(
        decoder.decode(b"\r\n"),
        Ok(Piece::Framing {
            consumed: 2,
            closes: true
        })
    );
    assert_eq!(
        decoder.decode(b"1;x\r\n!\r\n"),
        want(Some(1), 5..6, 8, true, false)
    );
    assert_eq!(decoder.content_bytes(), 16);
}

#[test]
fn lengths_are_exact() {
    for pieces in splits(b"hello, next") {
        let Ok((decoded, decoder)) = decode(BodyLength::Length(5), &pieces) else {
            panic!("a length has no syntax to refuse")
        };
        assert_eq!(
            (&decoded.content[..], &decoded.left[..]),
            (&b"hello"[..], &b", next"[..])
        );
        assert!(decoder.is_done());
    }
    let mut decoder = BodyDecoder::new(BodyLength::Length(5));
    assert!(decoder.decode(b"hell").is_ok());
    assert_eq!(decoder.on_eof(), Err(BodyError::Truncated));
}

#[test]
fn no_body_takes_nothing_and_a_close_takes_all() {
    for length in [BodyLength::None, BodyLength::Length(0)] {
        let mut decoder = BodyDecoder::new(length);
        assert!(decoder.is_done());
        assert_eq!(decoder.decode(b"next"), Ok(Piece::End { consumed: 0 }));
        assert_eq!(decoder.on_eof(), Ok(()));
    }
    let mut decoder = BodyDecoder::new(BodyLength::UntilClose);
    assert!(matches!(decoder.decode(b"abc"), Ok(Piece::Data(data)) if data.consumed == 3));
    assert!(!decoder.is_done());
    assert_eq!(decoder.on_eof(), Ok(()));
    assert!(decoder.is_done());
}

fn random_pieces<'b>(bytes: &'b [u8], cuts: &[usize]) -> Vec<&'b [u8]> {
    let mut ends: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let pairs: Vec<_> = starts.zip(ends.iter().copied()).collect();
    pairs
        .into_iter()
        .map(|(start, end)| &bytes[start..end])
        .collect()
}

proptest! {
    #[test]
    fn encoded_chunks_come_back(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..80), 0..6),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut coded = Vec::new();
        for data in &chunks {
            write::chunk(&mut coded, data);
        }
        coded.extend_from_slice(write::LAST_CHUNK);
        let body = coded.clone();
        coded.extend_from_slice(b"GET /");
        let decoded = decode(BodyLength::Chunked, &random_pieces(&coded, &cuts));
        let (decoded, _) = decoded.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(decoded.content, chunks.concat());
        prop_assert_eq!(decoded.mirrored, body);
        prop_assert_eq!(decoded.left, b"GET /");
    }

    #[test]
    fn any_split_of_anything_is_the_same(
        bytes in "([0-9a-f]{1,2}(;x)?\r\n[a-z]{0,9}\r\n){0,4}0\r\n(A: b\r\n)?\r\n",
        flip in any::<(usize, u8)>(),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
    ) {
        let mut bytes = bytes.into_bytes();
        let at = flip.0 % bytes.len();
        bytes[at] = flip.1;
        // Size lines of our own are in lower case, verbatim ones in the upstream's.
        let lower = |(mut decoded, _): (Decoded, BodyDecoder)| {
            decoded.mirrored.make_ascii_lowercase();
            decoded
        };
        let whole = decode(BodyLength::Chunked, &[&bytes]).map(lower);
        let split = decode(BodyLength::Chunked, &random_pieces(&bytes, &cuts));
        let split = split.map(lower);
        prop_assert_eq!(whole, split);
    }
}
