//! One grammar, judged by another parser.

use proptest::prelude::*;

use super::tests::read_in_pieces;
use super::{Document, Kind, Problem, Value};

/// The value as serde_json would have it, numbers as text.
fn retell(value: Value<'_>) -> serde_json::Value {
    match value.kind() {
        Kind::Null => serde_json::Value::Null,
        Kind::Bool => value.as_bool().into(),
        Kind::Number => serde_json::from_str(value.raw()).unwrap_or_default(),
        Kind::String => value.as_str().into(),
        Kind::Array => value.items().map(retell).collect(),
        Kind::Object => value
            .members()
            .map(|(name, value)| (name.to_owned(), retell(value)))
            .collect(),
    }
}

/// Texts that are JSON, or were before a few bytes were changed.
fn nearly_json() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u",
        "d834",
        "\\udd1e",
        "\\n",
        "a",
        "\"a\":",
        "0",
        "1",
        "-",
        ".",
        "e",
        "true",
        "null",
        " ",
        "\u{e9}",
        "\u{1f600}",
        "\"key\":",
        "{\"b\":[",
        "]}",
        "\"a string that is longer than one block\"",
        "words that go on and on and on \u{e9} and on",
    ]);
    let soup = prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat().into_bytes());
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        (-1e9..1e9_f64).prop_map(Into::into),
        "\\PC{0,12}".prop_map(Into::into),
        "[\u{0}-\u{40}\"\\\\]{0,8}".prop_map(Into::into),
    ];
    let tree = leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::btree_map("[a-cA-C\u{e9}\"]{0,2}", inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    });
    let wounds = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    let wounded = (tree, wounds).prop_map(|(tree, wounds)| {
        let mut text = tree.to_string().into_bytes();
        for (index, byte) in wounds {
            let at = index.index(text.len());
            text[at] = byte;
        }
        text
    });
    prop_oneof![soup, wounded]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn agrees_with_serde_json(text in nearly_json()) {
        let theirs = serde_json::from_slice::<serde_json::Value>(&text);
        match (Document::parse(&text), theirs) {
            (Ok(document), Ok(theirs)) => prop_assert_eq!(retell(document.root()), theirs),
            (Err(_), Err(_)) => {}
            (Err(error), Ok(_)) => prop_assert_eq!(error.problem, Problem::Duplicate),
            (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("out of range"), "{}", error),
        }
    }

    #[test]
    fn pieces_do_not_matter(text in nearly_json(), sizes in prop::collection::vec(1..9_usize, 1..9)) {
        let mut sizes = sizes.iter().cycle();
        let mut rest = text.as_slice();
        let pieces = std::iter::from_fn(|| {
            let size = (*sizes.next()?).min(rest.len());
            let (piece, after) = rest.split_at(size);
            rest = after;
            (!piece.is_empty()).then_some(piece)
        });
        let whole = read_in_pieces([text.as_slice()]).0.map_err(|error| error.problem);
        let pieces = read_in_pieces(pieces).0.map_err(|error| error.problem);
        prop_assert_eq!(whole, pieces);
    }
}
