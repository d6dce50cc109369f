//! Texts that somebody might write, most of them nonsense: refused or judged, and never a panic.

use proptest::prelude::*;

use super::against_cel::{arguments, by_us};
use super::*;

const TOKENS: &[&str] = &[
    "arguments",
    "name",
    "claims",
    "roles",
    "headers",
    "query",
    "body",
    "now",
    "hour",
    "has(",
    "size(",
    "startsWith(",
    "contains(",
    ".",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    "?",
    ":",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    ">=",
    "in",
    "&&",
    "||",
    "true",
    "null",
    "1",
    "0.5",
    "9223372036854775807",
    "1u",
    "1e400",
    "'a'",
    "\"b\"",
    "'",
    "b'x'",
    "r'\\'",
    "'\\u00e9'",
    "'\\ud800'",
    "`",
    "\n",
    "//",
    "é",
    "\u{0}",
    "all(",
    "x",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_text_is_refused_or_judged(
        tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..16),
        glue in prop::sample::select(vec!["", " "]),
        arguments in arguments(),
    ) {
        let text = tokens.join(glue);
        let _ = When::parse(&text, Protocol::Http);
        if let Ok(when) = When::parse(&text, Protocol::Mcp) {
            let (known, before) = by_us(&when, &arguments);
            prop_assert!(known != Truth::Unknown);
            prop_assert!(before == Truth::Unknown || before == known || matches!(known, Truth::Wrong(_)));
        }
    }
}
