//! Key sets: what is read is strict JSON, bounded, and every key can be found by its name.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice::auth::parse_jwks;
use sluice::base::limits::JWKS_KEYS;
use sluice_fuzz::strict;

fuzz_target!(|document: &[u8]| {
    let Ok(keys) = parse_jwks(document) else {
        return;
    };
    assert!((1..=JWKS_KEYS).contains(&keys.len()));
    let Some(value) = strict::read_too(document) else {
        return;
    };
    let list = value["keys"].as_array().expect("a list");
    assert_eq!(list.len(), keys.len() + keys.left_out().len());
    let found = list
        .iter()
        .filter_map(|key| keys.find(key["kid"].as_str()?))
        .count();
    assert!(found >= keys.len());
});
