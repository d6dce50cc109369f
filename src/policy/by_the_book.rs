//! Compiled patterns against a matcher that goes one character at a time.

use super::pattern::{CallPattern, PathPattern};

/// What [`super::pattern`] says in words.
fn by_the_book(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        (["**"], _) => true,
        ([], []) => true,
        ([], _) | (_, []) => false,
        ([first, rest @ ..], [segment, others @ ..]) => {
            let starred = first.contains('*') && !segment.is_empty();
            (first == segment || (starred && starred_matches(first, segment)))
                && by_the_book(rest, others)
        }
    }
}

fn starred_matches(pattern: &str, text: &str) -> bool {
    match pattern.split_at_checked(1) {
        None => text.is_empty(),
        Some(("*", rest)) => (0..=text.len()).any(|at| starred_matches(rest, &text[at..])),
        Some((one, rest)) => text
            .strip_prefix(one)
            .is_some_and(|text| starred_matches(rest, text)),
    }
}

proptest::proptest! {
    #[test]
    fn a_compiled_pattern_matches_what_the_book_says(
        segments in proptest::collection::vec("[ab]{0,2}(\\*[ab]{1,2}){0,2}\\*?", 0..4),
        open in proptest::bool::ANY,
        path in "(/[ab]{1,5}){0,4}/?",
    ) {
        let mut segments: Vec<_> = segments.into_iter().filter(|it| !it.is_empty()).collect();
        if open {
            segments.push("**".into());
        }
        let text = format!("/{}", segments.join("/"));
        let path = if path.is_empty() { "/".to_owned() } else { path };
        let compiled = PathPattern::parse(&text).expect("a pattern");
        let pattern: Vec<_> = text[1..].split('/').collect();
        let split: Vec<_> = path[1..].split('/').collect();
        proptest::prop_assert_eq!(
            compiled.matches(&path),
            by_the_book(&pattern, &split),
            "{} on {}", text, path
        );
        if let Some(rest) = compiled.split_match(&path) {
            proptest::prop_assert!(rest.starts_with('/'));
            proptest::prop_assert!(rest == "/" || path.ends_with(rest));
        }
    }

    #[test]
    fn any_text_is_judged_without_a_panic(text in ".{0,40}", path in ".{0,40}") {
        if let Ok(pattern) = CallPattern::parse(&text) {
            let _ = pattern.matches("GET", &path);
        }
    }
}
