//! The doors, from outside: what the compiler must refuse, and what it must take.
//!
//! Each file in `doors/refused` forges a door, skips one or uses one twice; beside it stands what the
//! compiler says to that. Its twin in `doors/taken` does the missing step. The twins are modules of
//! this test: that they compile is known once it runs, without building everything once more.

mod doors {
    #[expect(dead_code, reason = "it is enough that they compile")]
    pub mod taken;
}

use std::collections::BTreeSet;
use std::path::Path;

/// After a change that is meant: `TRYBUILD=overwrite cargo test --test doors`, and look at each.
#[test]
fn the_compiler_refuses_what_goes_around_a_door() {
    trybuild::TestCases::new().compile_fail("tests/doors/refused/*.rs");
}

#[test]
fn every_case_has_what_the_compiler_says_and_a_twin() {
    let refused = names("refused", ".rs");
    assert_eq!(refused, names("refused", ".stderr"));
    let mut taken = names("taken", ".rs");
    assert!(taken.remove("mod"));
    assert_eq!(refused, taken);
    // A file that the list leaves out would not be compiled.
    let list = include_str!("doors/taken/mod.rs");
    for name in refused {
        assert!(list.contains(&format!("pub mod {name};")), "{name}");
    }
}

/// The files of a folder whose names end so, without that end.
fn names(folder: &str, end: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/doors")
        .join(folder);
    let entries = std::fs::read_dir(path).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string());
    let names = names.map(|name| name.expect("a name in UTF-8"));
    names
        .filter_map(|name| name.strip_suffix(end).map(str::to_owned))
        .collect()
}
