//! Damage: every flipped byte and every cut of a recording is found and named.

use std::collections::BTreeMap;

use signed_note::{Note, StandardVerifier, VerifierList};
use sluice::base::digest::sha256;
use sluice::base::ids::SessionId;
use sluice::record::Class;
use sluice::record::block::Block;
use sluice::record::checkpoint::{Checkpoint, Seal, origin};
use sluice::record::payload::Event;
use sluice::record::segment::{Entry, HEADER_BYTES, Header, Walk, zeros};
use sluice::record::verify::Verdict;

use crate::sim::Sim;
use crate::{Bench, END, REQUEST, Segments, WRITER, each_frame, noise, segments, verify};
use crate::{at, verify_against};

/// A small recording, and whether its process closed it.
fn recording(closed: bool) -> Segments {
    let mut disk = Sim::default();
    let mut bench = Bench::open(disk.clone(), 1).expect("a healthy disk");
    for round in 0..3 {
        let class = [Class::Durable, Class::Buffered][round % 2];
        bench
            .exchange(class, b"{\"value\":[]}", &mut Vec::new())
            .expect("a healthy disk");
        bench.now += 100;
        bench.turn().expect("a healthy disk");
    }
    if closed {
        bench.close().expect("a healthy disk");
    }
    segments(&mut disk)
}

fn used(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1)
}

#[test]
fn what_goes_in_comes_out() {
    let mut disk = Sim::default();
    let mut bench = Bench::open(disk.clone(), 1).expect("a healthy disk");
    let reply = noise(3, 900_000);
    bench
        .exchange(Class::Buffered, &reply, &mut Vec::new())
        .expect("a healthy disk");
    bench.close().expect("a healthy disk");
    let segments = segments(&mut disk);
    let report = verify(&segments);
    assert_eq!(report.verdict, Verdict::Ok, "{report:?}");
    assert!(report.segments >= 2, "{report:?}");
    let mut body = Vec::new();
    let mut ended = false;
    each_frame(&segments, |session, _, event| {
        assert_ne!(session, SessionId::default());
        match event {
            Event::RequestHead {
                request, principal, ..
            } => assert_eq!((*request, *principal), (REQUEST, "alice")),
            Event::ResponseChunk { bytes, .. } => body.extend_from_slice(bytes),
            Event::End(end) => {
                ended = true;
                assert_eq!((end.end, end.reply_bytes), (END, 900_000));
            }
            _ => {}
        }
    });
    assert!(ended && body == reply);
}

#[test]
fn every_flipped_byte_is_found() {
    for closed in [true, false] {
        let mut segments = recording(closed);
        assert_eq!(verify(&segments).verdict, Verdict::Ok);
        let used = used(&segments[0].1);
        let mut verdicts = BTreeMap::new();
        for index in 0..used {
            segments[0].1[index] ^= 1 << (index % 8);
            let report = verify(&segments);
            assert_ne!(report.verdict, Verdict::Ok, "byte {index} of {used}");
            *verdicts.entry(report.verdict).or_insert(0) += 1;
            segments[0].1[index] ^= 1 << (index % 8);
        }
        // Only what the last word covers can be taken for a torn end.
        assert!(verdicts.get(&Verdict::Torn) < Some(&1000), "{verdicts:?}");
        assert_eq!(verify(&segments).verdict, Verdict::Ok);
    }
}

#[test]
fn every_cut_is_classified() {
    for closed in [true, false] {
        let segments = recording(closed);
        let whole = verify(&segments);
        let used = used(&segments[0].1);
        for length in 0..=used {
            let anchor = (whole.leaves, whole.root);
            let anchored = |bytes| verify_against(&vec![(1, bytes)], Some(anchor)).verdict;
            // The file is shorter than it says, or so short that it says nothing.
            let shorter = segments[0].1[..length].to_vec();
            let expected = match length {
                0 => Verdict::Ok,
                1..HEADER_BYTES => Verdict::Torn,
                _ => Verdict::Truncated,
            };
            let verdict = verify(&vec![(1, shorter.clone())]).verdict;
            assert_eq!(verdict, expected, "cut at {length}");
            assert_eq!(anchored(shorter), Verdict::Truncated, "cut at {length}");
            // The file keeps its length, but its end is zeros.
            let mut zeroed = segments[0].1.clone();
            zeroed[length..].fill(0);
            let report = verify_against(&vec![(1, zeroed)], Some(anchor));
            // Without its last word alone, a closed recording is one that goes on.
            let nothing_lost = report.frames == whole.frames && report.unsigned_bytes == 0;
            assert!(
                report.verdict != Verdict::Ok || nothing_lost,
                "zeroed from {length}"
            );
        }
    }
}

#[test]
fn a_lost_segment_is_found() {
    let mut disk = Sim::default();
    let mut bench = Bench::open(disk.clone(), 1).expect("a healthy disk");
    for round in 0..4 {
        bench
            .exchange(Class::Buffered, &noise(round, 400_000), &mut Vec::new())
            .expect("healthy");
    }
    bench.close().expect("a healthy disk");
    let mut whole = segments(&mut disk);
    whole.retain(|(_, bytes)| !zeros(bytes));
    assert!(whole.len() >= 3);
    for lost in 0..whole.len() {
        let mut left = whole.clone();
        left.remove(lost);
        assert_eq!(verify(&left).verdict, Verdict::Truncated, "segment {lost}");
    }
    let mut swapped = whole.clone();
    let (a, b) = (swapped[0].1.clone(), swapped[1].1.clone());
    (swapped[0].1, swapped[1].1) = (b, a);
    assert_eq!(verify(&swapped).verdict, Verdict::Tampered);
}

#[test]
fn a_rewritten_log_is_found_even_with_fitting_checksums() {
    let mut segments = recording(true);
    let bytes = &mut segments[0].1;
    let mut walk = Walk::new(bytes);
    let length = match walk.next_entry() {
        Ok(Some(Entry::Block(block))) => block.len(),
        other => panic!("{other:?}"),
    };
    let start = walk.used() - length;
    // Another leaf's data, with hash and checksum made to fit.
    let block = &mut bytes[start..start + length];
    let data = 24 + 60;
    block[data] ^= 1;
    let hash = sha256(&[&block[data..length - 4]]);
    block[52..84].copy_from_slice(&hash);
    let checksum = crc32c(&block[..length - 4]);
    block[length - 4..].copy_from_slice(&checksum.to_le_bytes());
    assert!(Block::read(block).is_ok());
    assert_eq!(verify(&segments).verdict, Verdict::Tampered);
}

/// CRC-32C by the bit, as RFC 3720 defines it: an oracle for the crate.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x82f6_3b78 & 0u32.wrapping_sub(crc & 1))
        })
    })
}

#[test]
fn another_implementation_believes_our_notes() {
    let segments = recording(true);
    let bytes = &segments[0].1;
    let (header, _) = Header::read(bytes).expect("a header");
    let name = origin(WRITER);
    let key = ed25519(&name, &header.key);
    let verifier = StandardVerifier::new(&key).expect("a verifier key");
    let mut walk = Walk::new(bytes);
    let mut checked = 0;
    while let Some(entry) = walk.next_entry().expect("whole") {
        let note = match entry {
            Entry::Checkpoint(note) | Entry::Seal(note) => note,
            Entry::Block(_) => continue,
        };
        let ours = Checkpoint::open(WRITER, &header.key, note).expect("our own");
        let note = Note::from_bytes(note).expect("a note");
        let verifiers = VerifierList::new(vec![Box::new(verifier.clone())]);
        let (verified, unknown) = note.verify(&verifiers).expect("verified");
        assert_eq!((verified.len(), unknown.len()), (1, 0));
        let seal = matches!(entry, Entry::Seal(_)).then_some((1, Seal::Closed));
        assert_eq!(ours.seal, seal);
        checked += 1;
    }
    assert!(checked >= 3);
}

/// A verifier key in the text form of C2SP signed notes.
fn ed25519(name: &str, key: &[u8; 32]) -> String {
    use base64::Engine as _;
    let hash = sha256(&[name.as_bytes(), b"\n\x01", key]);
    let id = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    let blob = [&[1], &key[..]].concat();
    let text = base64::engine::general_purpose::STANDARD.encode(blob);
    format!("{name}+{id:08x}+{text}")
}

/// The frame of a session's end, byte by byte: the format does not change by accident.
#[test]
fn a_frame_is_the_bytes_that_the_page_draws() {
    use sluice::base::ids::ExchangeId;
    use sluice::record::frame::{Header, Kind, seal};
    let header = Header {
        kind: Kind::SessionEnd,
        exchange: ExchangeId::new(2, 5),
        sequence: 9,
        at: at(1),
    };
    let mut bytes = Vec::new();
    header.write(1, &mut bytes);
    bytes.push(1);
    seal(&mut bytes, 0);
    let mut golden = vec![45, 0, 0, 0, 2, 0, 0, 0];
    golden.extend([5, 0, 0, 0, 0, 0, 2, 0]);
    golden.extend([9, 0, 0, 0, 0, 0, 0, 0]);
    golden.extend(1_000_000u64.to_le_bytes());
    golden.extend(1_700_000_000_001_000_000u64.to_le_bytes());
    golden.push(1);
    golden.extend(crc32c(&golden).to_le_bytes());
    assert_eq!(bytes, golden);
}
