//! Envelopes: what passes, what does not, and what rules see of it.

mod agreement;
mod answers;
mod events;
mod reading;
mod seals;

use super::{Fields, Objection, Reader};

const JSON: Option<&[u8]> = Some(b"application/json");

/// What a modern request says of itself in `_meta`.
const META: &str = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;

fn fields<'a>(version: &'a str, method: &'a str, name: &'a str) -> Fields<'a> {
    let said = |text: &'a str| (!text.is_empty()).then_some(text.as_bytes());
    Fields {
        version: said(version),
        method: said(method),
        name: said(name),
        params: &[],
        content_type: JSON,
    }
}

fn refused(body: &str, fields: &Fields<'_>) -> Option<Objection> {
    let mut reader = Reader::new();
    let read = reader.read(body.as_bytes(), fields);
    read.err().map(|refused| refused.objection)
}

/// Refused without any header.
fn bare(body: &str) -> Option<Objection> {
    refused(body, &fields("", "", ""))
}

#[track_caller]
fn passes(body: &str, fields: &Fields<'_>) {
    assert_eq!(refused(body, fields), None, "{body}");
}
