//! Request heads: any split gives the same verdict, and httparse reads what we accept alike.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice::http::{HeadLimits, RequestScanner};

fuzz_target!(|input: (u16, Vec<u8>)| {
    let (cut, bytes) = input;
    let limits = HeadLimits::new(2048, 20, 512);
    let whole = RequestScanner::new(limits).scan(&bytes);
    let mut scanner = RequestScanner::new(limits);
    let cut = usize::from(cut) % (bytes.len() + 1);
    let split = match scanner.scan(&bytes[..cut]) {
        Ok(None) => scanner.scan(&bytes),
        verdict => verdict,
    };
    assert_eq!(whole.as_ref().err(), split.as_ref().err());
    let (Ok(Some(head)), Ok(Some(same))) = (&whole, &split) else {
        assert!(!matches!(
            (&whole, &split),
            (Ok(Some(_)), _) | (_, Ok(Some(_)))
        ));
        return;
    };
    assert_eq!(head.len(), same.len());

    let mut fields = [httparse::EMPTY_HEADER; 20];
    let mut oracle = httparse::Request::new(&mut fields);
    assert_eq!(
        oracle.parse(&bytes),
        Ok(httparse::Status::Complete(head.len()))
    );
    assert_eq!(oracle.method, Some(head.method(&bytes)));
    assert_eq!(
        oracle.path.map(str::as_bytes),
        Some(head.target_as_sent(&bytes))
    );
    assert!(
        head.fields(&bytes)
            .eq(oracle.headers.iter().map(|field| (field.name, field.value)))
    );
    let hosts = head
        .fields(&bytes)
        .filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    assert_eq!(hosts.count(), 1);
    assert!(!head.host(&bytes).is_empty());
});
