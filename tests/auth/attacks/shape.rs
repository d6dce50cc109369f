//! Tokens that are not three parts of strict base64url, or are too large.

use super::Family;
use crate::forge::{Draft, Signer};
use serde_json::json;
use sluice::auth::AuthError::*;
use sluice::auth::Part;

pub const FAMILIES: &[Family] = &[
    Family {
        name: "shape",
        good: Draft::entra_app,
        attacks: SHAPE,
    },
    Family {
        name: "size",
        good: large,
        attacks: SIZE,
    },
];

/// As large as a token may be, or nearly.
fn large() -> Draft {
    let mut draft = Draft::entra_app();
    draft.header["pad"] = json!("x".repeat(2900));
    draft.claims["pad"] = json!("x".repeat(8 * 1024));
    draft
}

#[rustfmt::skip] // One attack a line.
const SIZE: &[super::Attack] = &[
    ("too large", |d| d.claims["pad"] = json!("x".repeat(16 * 1024)), TooLarge),
    ("much too large", |d| d.claims["pad"] = json!("x".repeat(1024 * 1024)), TooLarge),
    ("too large by many claims", |d| (0..2000).for_each(|n| d.claims[format!("c{n}")] = json!(n)), TooLarge),
    ("header too large", |d| d.header["pad"] = json!("x".repeat(4 * 1024)), TooLarge),
    ("header too large by x5c", |d| d.header["x5c"] = json!(vec!["A".repeat(1000); 4]), TooLarge),
    ("a signature as large as the rest", |d| d.then = |t| format!("{t}{}", "A".repeat(8 * 1024)), TooLarge),
];

/// The token without its last part's last character, with another one instead.
fn last_char(token: &str, other: char) -> String {
    let mut token = token.to_owned();
    token.pop();
    token.push(other);
    token
}

#[rustfmt::skip] // One attack a line.
const SHAPE: &[super::Attack] = &[
    ("empty", |d| d.then = |_| String::new(), NotThreeParts),
    ("one part", |d| d.then = |t| t.replace('.', ""), NotThreeParts),
    ("two parts", |d| d.then = |t| t.rsplit_once('.').unwrap().0.to_owned(), NotThreeParts),
    ("four parts", |d| d.then = |t| t + ".x", NotThreeParts),
    ("five parts, as if encrypted", |d| d.then = |t| t + ".x.y", NotThreeParts),
    ("a dot at the end", |d| d.then = |t| t + ".", NotThreeParts),
    ("only dots", |d| d.then = |_| "..".into(), NotThreeParts),
    ("no header", |d| d.then = |t| t[t.find('.').unwrap()..].to_owned(), NotThreeParts),
    (
        "no payload",
        |d| {
            d.then = |t| {
                let (header, rest) = t.split_once('.').unwrap();
                format!("{header}..{}", rest.split_once('.').unwrap().1)
            }
        },
        NotThreeParts,
    ),
    ("no signature", |d| d.signer = Signer::Nobody, BadSignature),
    ("padding in the header", |d| d.then = |t| t.replacen('.', "=.", 1), NotBase64(Part::Header)),
    ("padding in the signature", |d| d.then = |t| t + "==", NotBase64(Part::Signature)),
    ("the other alphabet", |d| d.then = |t| last_char(&t, '+'), NotBase64(Part::Signature)),
    (
        "set bits beyond the last byte",
        |d| {
            d.then = |t| {
                // 64 bytes are 86 characters, of whose last only two bits count.
                let last = t.chars().last().unwrap();
                last_char(
                    &t,
                    match last {
                        'A' => 'B',
                        'Q' => 'R',
                        'g' => 'h',
                        _ => 'x',
                    },
                )
            }
        },
        NotBase64(Part::Signature),
    ),
    ("a space inside", |d| d.then = |t| t.replacen('.', ". ", 1), NotBase64(Part::Payload)),
    ("a new line at the end", |d| d.then = |t| t + "\n", NotBase64(Part::Signature)),
    ("a NUL at the end", |d| d.then = |t| t + "\0", NotBase64(Part::Signature)),
    ("two bytes more", |d| d.then = |t| t + "AA", BadSignature),
    ("parts joined by something else", |d| d.then = |t| t.replace('.', ":"), NotThreeParts),
    ("the payload first", |d| d.then = |t| { let p: Vec<_> = t.split('.').collect(); format!("{}.{}.{}", p[1], p[0], p[2]) }, AlgorithmMissing),
    ("a JSON serialization", |d| d.then = |t| format!("{{\"payload\":\"{t}\"}}"), NotBase64(Part::Header)),
    ("percent-encoded", |d| d.then = |t| t.replacen('.', ".%41", 1), NotBase64(Part::Payload)),
    ("a full stop of another script", |d| d.then = |t| t.replace('.', "\u{ff0e}"), NotThreeParts),
    ("a zero-width space inside", |d| d.then = |t| t.replacen('.', ".\u{200b}", 1), NotBase64(Part::Payload)),
    ("three bytes less", |d| d.then = |t| t[..t.len() - 6].to_owned(), BadSignature),
    ("the token twice", |d| d.then = |t| format!("{t}{t}"), NotThreeParts),
];
