//! Filtered lists: what comes out parses, holds what was kept byte by byte and nothing that was
//! not, and is otherwise what came in.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice::json::{Keys, Tape};
use sluice::mcp::{Answers, Edits, ListKind, Revision, Rewriter, What, filter};

/// The caller may know of every other name.
fn may_know(name: &str) -> bool {
    name.bytes().fold(0u8, u8::wrapping_add) % 2 == 0
}

fuzz_target!(|body: &[u8]| {
    for revision in [Revision::V2025_11_25, Revision::V2026_07_28] {
        check(body, revision);
    }
});

fn check(body: &[u8], revision: Revision) {
    let (mut answers, mut edits) = (Answers::new(), Edits::new());
    let Ok(said) = answers.read(body) else { return };
    let [answer] = said.answers() else { return };
    let What::Result(result) = answer.what else {
        return;
    };
    let mut kept = Vec::new();
    let filtered = filter(result, revision, &mut edits, |item| {
        let keep = may_know(item.name);
        if keep {
            kept.push(item.definition.raw());
        }
        keep
    });
    let Ok(count) = filtered else { return };
    assert_eq!(count.kept, kept.len());
    let mut out = Vec::new();
    let mut rewriter = Rewriter::new();
    rewriter
        .rewrite(body, &edits, &mut out)
        .expect("JSON comes out as JSON");

    let mut tape = Tape::new();
    let again = tape.parse_value(&out, Keys::Unchecked).expect("JSON");
    // The oldest revision may send one message as a list of it.
    let again = again.items().next().unwrap_or(again);
    let after = again.get("result").expect("a result");
    let members = after.members().filter(|(name, _)| *name != "cacheScope");
    let before = result.members().filter(|(name, _)| *name != "cacheScope");
    let mut found = Vec::new();
    for ((name, before), (same, after)) in before.zip(members) {
        assert_eq!(name, same);
        let list = ListKind::ALL.into_iter().any(|kind| kind.member() == name);
        if list {
            found.extend(after.items().map(|item| item.raw()));
        } else {
            assert_eq!(before.raw(), after.raw());
        }
    }
    assert_eq!(found, kept);
    assert!(found.iter().all(|item| {
        let mut tape = Tape::new();
        let item = tape.parse_value(item.as_bytes(), Keys::Unchecked);
        item.is_ok()
    }));
    let names = |value: sluice::json::Value<'_>| {
        let extra = usize::from(value.get("cacheScope").is_none() && revision.is_modern());
        value.members().count() + extra
    };
    assert_eq!(names(result), names(after));
    let scope = after.get("cacheScope").map(|scope| scope.as_str());
    assert!(scope.is_none_or(|scope| scope == Some("private")));
    assert!(!revision.is_modern() || scope.is_some());
}
