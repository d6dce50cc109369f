//! Response heads: any split gives the same verdict, and httparse reads what we accept alike.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice::http::{HeadLimits, ResponseScanner};

fuzz_target!(|input: (u16, Vec<u8>)| {
    let (cut, bytes) = input;
    let limits = HeadLimits::new(2048, 20, 512);
    let whole = ResponseScanner::new(limits).scan(&bytes);
    let mut scanner = ResponseScanner::new(limits);
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
    let mut oracle = httparse::Response::new(&mut fields);
    assert_eq!(
        oracle.parse(&bytes),
        Ok(httparse::Status::Complete(head.len()))
    );
    assert_eq!(oracle.code, Some(head.status()));
    assert!(
        head.fields(&bytes)
            .eq(oracle.headers.iter().map(|field| (field.name, field.value)))
    );
});
