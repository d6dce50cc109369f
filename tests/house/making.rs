//! How a type is declared, and where a value of it is put together.

use super::source::{Source, Token, closing, functions, tokens};
use crate::Finding;

/// A door's declaration: its attributes and its fields.
pub fn declaration<'s>(source: &'s Source, name: &str) -> Option<(usize, &'s str, &'s str)> {
    if !source.shipped.contains(&format!("struct {name}")) {
        return None;
    }
    let tokens = tokens(&source.shipped);
    let pair = |pair: &[Token<'_>]| pair[0].text == "struct" && pair[1].text == name;
    let keyword = tokens.windows(2).position(pair)?;
    // Attributes reach back to the end of the item before.
    let before = tokens[..keyword]
        .iter()
        .rposition(|token| matches!(token.text, ";" | "}"));
    let start = before.map_or(0, |index| tokens[index].at + 1);
    let open = keyword
        + tokens[keyword..]
            .iter()
            .position(|t| matches!(t.text, "{" | "(" | ";"))?;
    let end = match tokens[open].text {
        "{" => closing(&tokens, open),
        _ => tokens[open..].iter().find(|token| token.text == ";")?.at,
    };
    let at = tokens[keyword].at;
    Some((
        at,
        &source.shipped[start..at],
        &source.shipped[tokens[open].at..end],
    ))
}

/// Every function in which a door is put together: source, name, visibility, offset.
pub fn makers_of<'s>(
    sources: &'s [Source],
    door: &str,
) -> Vec<(&'s Source, &'s str, &'s str, usize)> {
    let mut found = Vec::new();
    for source in sources
        .iter()
        .filter(|source| source.shipped.contains(door))
    {
        for function in functions(&source.shipped) {
            if puts_together(function.body, door) {
                found.push((source, function.name, function.visibility, function.at));
            }
        }
    }
    found
}

/// Whether code has a literal of a door: its name, then its fields, and not taken apart by a `let`.
fn puts_together(code: &str, door: &str) -> bool {
    let tokens = tokens(code);
    tokens.windows(2).enumerate().any(|(index, pair)| {
        let before = index.checked_sub(1).map_or("", |index| tokens[index].text);
        let path = index.checked_sub(2).map_or("", |index| tokens[index].text);
        // `Event::Body(…)` is a variant; `record::Body { … }` is a path to the door.
        let variant = before == "::" && path.starts_with(|first: char| first.is_uppercase());
        pair[0].text == door
            && matches!(pair[1].text, "{" | "(")
            && !matches!(
                before,
                "let" | "->" | "for" | "impl" | "struct" | "&" | "dyn"
            )
            && !variant
    })
}

/// `Self { … }` within an `impl` of the door: written so, no other rule would see it made.
pub fn made_as_self(source: &Source, door: &str) -> Vec<Finding> {
    if !source.shipped.contains(door) {
        return Vec::new();
    }
    let tokens = tokens(&source.shipped);
    let mut findings = Vec::new();
    for (index, token) in tokens
        .iter()
        .enumerate()
        .filter(|(_, token)| token.text == "impl")
    {
        let rest = &tokens[index..];
        let Some(open) = rest.iter().position(|token| token.text == "{") else {
            continue;
        };
        if !rest[..open].iter().any(|token| token.text == door) {
            continue;
        }
        let end = closing(&tokens, index + open);
        let inside = rest[open..].windows(2).take_while(|pair| pair[0].at < end);
        let made =
            |pair: &&[Token<'_>]| pair[0].text == "Self" && matches!(pair[1].text, "{" | "(");
        // `-> Self {` opens a function.
        let mut before = "";
        for pair in inside {
            if made(&pair) && before != "->" {
                findings.push(Finding::at(source, token.at, format!("Self is a {door}")));
            }
            before = pair[0].text;
        }
    }
    findings
}

#[test]
fn literals_are_told_from_patterns_and_types() {
    for made in ["Permit { a }", "Some(Permit(a))", "record::Permit { a }"] {
        assert!(puts_together(made, "Permit"), "{made}");
    }
    for other in [
        "let Permit { a } = b;",
        "Refusal::Permit(a)",
        "|b: &Permit| c",
        "fn f() -> Permit {",
    ] {
        assert!(!puts_together(other, "Permit"), "{other}");
    }
}
