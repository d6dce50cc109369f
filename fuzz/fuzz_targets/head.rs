//! Request heads: however they arrive the verdict is the same, and httparse reads what we accept
//! alike.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice::http::{HeadLimits, RequestHead, RequestScanner};
use sluice_fuzz::heads;

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, bytes) = input;
    let limits = HeadLimits::new(2048, 20, 512);
    let scanned = heads::any_way(
        bytes,
        cut.into(),
        || RequestScanner::new(limits),
        RequestScanner::scan,
        RequestHead::len,
    );
    let Ok(Some(head)) = scanned else { return };

    let mut fields = [httparse::EMPTY_HEADER; 20];
    let mut oracle = httparse::Request::new(&mut fields);
    assert_eq!(
        oracle.parse(bytes),
        Ok(httparse::Status::Complete(head.len()))
    );
    assert_eq!(oracle.method, Some(head.method(bytes)));
    assert_eq!(
        oracle.path.map(str::as_bytes),
        Some(head.target_as_sent(bytes))
    );
    assert!(
        head.fields(bytes)
            .eq(oracle.headers.iter().map(|field| (field.name, field.value)))
    );
    let hosts = head
        .fields(bytes)
        .filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    assert_eq!(hosts.count(), 1);
    assert!(!head.host(bytes).is_empty());
});
