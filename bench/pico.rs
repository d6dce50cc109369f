//! picohttpparser, of which the registry has bare bindings to the C code only. This file is the one
//! place of the repository with `unsafe`, and no part of the gateway: it is a yardstick.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use picohttpparser_sys::{phr_decode_chunked, phr_header, phr_parse_request, phr_parse_response};

/// Fields that a head may have here.
const FIELDS: usize = 32;

/// Scans a request head; answers its length and how many fields it has.
pub fn request(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut fields = [phr_header::default(); FIELDS];
    let mut count = FIELDS;
    let (mut method, mut method_len) = (std::ptr::null(), 0);
    let (mut path, mut path_len) = (std::ptr::null(), 0);
    let mut version = 0;
    // SAFETY: the head is `bytes`, no longer than it says, and every place to write to is ours and
    // outlives the call, which keeps none of them.
    let length = unsafe {
        phr_parse_request(
            bytes.as_ptr().cast(),
            bytes.len(),
            &mut method,
            &mut method_len,
            &mut path,
            &mut path_len,
            &mut version,
            fields.as_mut_ptr(),
            &mut count,
            0,
        )
    };
    std::hint::black_box((&fields, method, path));
    Some((usize::try_from(length).ok()?, count))
}

/// Scans a response head, likewise.
pub fn response(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut fields = [phr_header::default(); FIELDS];
    let mut count = FIELDS;
    let (mut reason, mut reason_len) = (std::ptr::null(), 0);
    let (mut version, mut status) = (0, 0);
    // SAFETY: as above.
    let length = unsafe {
        phr_parse_response(
            bytes.as_ptr().cast(),
            bytes.len(),
            &mut version,
            &mut status,
            &mut reason,
            &mut reason_len,
            fields.as_mut_ptr(),
            &mut count,
            0,
        )
    };
    std::hint::black_box((&fields, reason, status));
    Some((usize::try_from(length).ok()?, count))
}

/// Takes the content of a whole chunked body together in place; answers its length.
pub fn chunked(bytes: &mut [u8]) -> Option<usize> {
    let mut length = bytes.len();
    // SAFETY: the decoder is a plain C struct that its makers say to fill with zeros, and the buffer
    // is ours alone, of the length that is given.
    let left = unsafe {
        let mut decoder = MaybeUninit::zeroed().assume_init();
        phr_decode_chunked(
            &mut decoder,
            bytes.as_mut_ptr().cast::<c_char>(),
            &mut length,
        )
    };
    (left >= 0).then_some(length)
}
