//! Compiled patterns against a matcher that goes one character at a time.

use super::mcp::McpPattern;
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

    #[test]
    fn a_name_matches_what_the_book_says(
        pattern in "[ab/]{0,3}(\\*[ab/]{0,2}){0,3}",
        name in "[ab/AB]{0,6}",
    ) {
        proptest::prop_assume!(!pattern.is_empty());
        let compiled = McpPattern::parse(&format!("tools/call {pattern}")).expect("a pattern");
        let exactly = starred_matches(&pattern, &name);
        proptest::prop_assert_eq!(compiled.matches("tools/call", Some(&name)), exactly);
        let pattern_read = loose(&pattern);
        let loosely = with_doubled_slashes(&loose(&name))
            .iter()
            .any(|name| starred_matches(&pattern_read, name));
        proptest::prop_assert_eq!(
            compiled.touches("tools/call", Some(&name)),
            exactly || loosely,
            "{} on {}", pattern, name
        );
    }

    #[test]
    fn no_spelling_walks_around_what_restricts(
        name in "[a-c./:]{1,8}",
        spelling in proptest::collection::vec(0..6_u8, 8),
        star in 0..8_usize,
    ) {
        let written = respelt(&name, &spelling);
        let (front, back) = name.split_at(star.min(name.len()));
        for pattern in [name.clone(), format!("{front}*"), format!("*{back}"), format!("{front}*{back}")] {
            let Ok(pattern) = McpPattern::parse(&format!("resources/read {pattern}")) else {
                continue;
            };
            proptest::prop_assert!(
                !pattern.matches("resources/read", Some(&name))
                    || pattern.touches("resources/read", Some(&written)),
                "{} on {}", pattern.as_str(), written
            );
        }
    }

    #[test]
    fn any_message_is_judged_without_a_panic(text in ".{0,40}", method in ".{0,20}", name in ".{0,40}") {
        let parsed = McpPattern::parse(&text);
        let made = McpPattern::parse(&format!("{method} {name}"));
        for pattern in [parsed, made].into_iter().flatten() {
            let _ = pattern.matches(&method, Some(&name));
            let _ = pattern.touches_beyond_lifecycle(&method, Some(&name));
        }
    }
}

/// A name as the most careless upstream reads it, as far as these tests spell one.
fn loose(text: &str) -> String {
    let mut read = text.to_ascii_lowercase();
    while read.contains("//") {
        read = read.replace("//", "/");
    }
    read
}

/// A name, and what else runs together to it.
fn with_doubled_slashes(name: &str) -> Vec<String> {
    let Some((front, back)) = name.split_once('/') else {
        return vec![name.to_owned()];
    };
    let ends = with_doubled_slashes(back);
    let each = |slashes: usize| {
        let spell = move |end| format!("{front}{}{end}", "/".repeat(slashes));
        ends.iter().map(spell)
    };
    (1..=4).flat_map(each).collect()
}

/// The same name to an upstream that folds, decodes and drops.
fn respelt(name: &str, spelling: &[u8]) -> String {
    let one = |(at, byte): (usize, u8)| match spelling.get(at) {
        Some(0) => format!("%{byte:02x}"),
        Some(1) => format!("%25{byte:02X}"),
        Some(2) => char::from(byte.to_ascii_uppercase()).to_string(),
        Some(3) => format!("\t{}", char::from(byte)),
        Some(4) if byte == b'/' => "\\".to_owned(),
        _ => char::from(byte).to_string(),
    };
    name.bytes().enumerate().map(one).collect()
}
