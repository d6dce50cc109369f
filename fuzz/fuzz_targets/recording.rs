//! Recordings: nothing but the very bytes that were written is believed, and nothing panics.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sluice::base::ids::WriterId;
use sluice::record::segment::Header;
use sluice::record::tree::Hash;
use sluice::record::verify::{Next, Report, Trust, Verdict, Verifier};

/// One segment, closed, without the zeros up to its capacity.
const SEGMENT: &[u8] = include_bytes!("../seeds/recording/closed");
const WRITER: WriterId = WriterId([1, 2, 3, 4, 5, 6, 7, 8]);

/// How the segment is known from elsewhere: its capacity, its first key, its log's size and root.
struct Known {
    header: Header,
    log: (u64, Hash),
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let (header, _) = Header::read(SEGMENT).expect("a valid header");
    let report = follow(SEGMENT, &header, None);
    assert_eq!(report.verdict, Verdict::Ok, "{report:?}");
    Known {
        log: (report.leaves, report.root),
        header,
    }
});

fn follow(bytes: &[u8], header: &Header, log: Option<(u64, Hash)>) -> Report {
    let mut file = bytes.to_vec();
    file.resize(file.len().max(header.capacity as usize), 0);
    let mut verifier = Verifier::new(WRITER, Trust::Key(header.key));
    if let Some((size, root)) = log {
        verifier.anchor(size, root);
    }
    verifier.segment(header.number, &file, Next::Nothing);
    verifier.finish()
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0);
    &bytes[..end.map_or(0, |end| end + 1)]
}

fn judge(bytes: &[u8]) {
    let known = &*KNOWN;
    let report = follow(bytes, &known.header, Some(known.log));
    let same = without_zeros(bytes) == without_zeros(SEGMENT);
    assert_eq!(report.verdict == Verdict::Ok, same, "{report:?}");
}

fuzz_target!(|bytes: &[u8]| {
    judge(bytes);
    // The same bytes as an order to damage the good segment: where, and what to turn over.
    let mut damaged = SEGMENT.to_vec();
    for patch in bytes.as_chunks::<3>().0.iter().take(4) {
        let at = usize::from(u16::from_le_bytes([patch[0], patch[1]])) % damaged.len();
        damaged[at] ^= patch[2];
    }
    judge(&damaged);
});
