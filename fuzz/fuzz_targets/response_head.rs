//! Response heads: however they arrive the verdict is the same, and httparse reads what we accept
//! alike.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice::http::{HeadLimits, ResponseHead, ResponseScanner};
use sluice_fuzz::heads;

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, bytes) = input;
    let limits = HeadLimits::new(2048, 20, 512);
    let scanned = heads::any_way(
        bytes,
        cut.into(),
        || ResponseScanner::new(limits),
        ResponseScanner::scan,
        ResponseHead::len,
    );
    let Ok(Some(head)) = scanned else { return };

    let mut fields = [httparse::EMPTY_HEADER; 20];
    let mut oracle = httparse::Response::new(&mut fields);
    assert_eq!(
        oracle.parse(bytes),
        Ok(httparse::Status::Complete(head.len()))
    );
    assert_eq!(oracle.code, Some(head.status()));
    assert!(
        head.fields(bytes)
            .eq(oracle.headers.iter().map(|field| (field.name, field.value)))
    );
});
