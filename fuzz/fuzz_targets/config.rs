//! Configuration files: read or refused with a place to look at, never a panic.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use sluice::control::config;

/// No file of this machine is reachable: paths lead from here.
const PLACE: &str = "/nonexistent/sluice.yaml";

fuzz_target!(|text: &str| {
    let environment = |name: &str| name.starts_with('S').then(|| name.to_lowercase());
    if let Err(mistakes) = config::parse(Path::new(PLACE), text.to_owned(), &environment) {
        assert!(!mistakes.to_string().is_empty());
    }
});
