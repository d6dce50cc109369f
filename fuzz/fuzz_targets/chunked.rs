//! Chunked bodies: however they are cut they give the same content, end or refusal, and a slow
//! reader of whole ones agrees.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice::http::{BodyError, BodyLength};
use sluice_fuzz::{chunks, frames};

fuzz_target!(|bytes: &[u8]| {
    let ours = frames::any_way(bytes, BodyLength::Chunked);
    match (ours, chunks::whole(bytes)) {
        (Ok((content, used, true)), Some(theirs)) => assert_eq!((content, used), theirs),
        (Ok((_, _, false)) | Err(_), None) => {}
        // Bounds of our own.
        (Err(BodyError::SizeLineTooLong | BodyError::TrailerTooLong), Some(_)) => {}
        (ours, theirs) => panic!("{ours:?}, but {theirs:?}"),
    }
});
