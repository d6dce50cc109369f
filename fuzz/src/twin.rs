//! Masking done slowly: a body as a tree, every string searched at every place.

use serde_json::{Map, Value};

use crate::strict;

/// Members that are hidden, by the end of their path, in lower case.
pub const FIELDS: [&[&str]; 2] = [&["mail"], &["a", "b"]];
/// Texts that are hidden; two of them overlap.
pub const LITERALS: [&str; 3] = ["secret", "retain", "\u{fc}nal"];

/// Strings within strings that are followed here.
const LEVELS: usize = 2;

/// A document as it must come out; none where what is meant is not for a twin so simple to say:
/// JSON in the middle of a text, names that become equal.
pub fn masked(body: &[u8]) -> Option<Value> {
    let mut path = Vec::new();
    mask(strict::read(body).ok()?, &mut path, LEVELS)
}

/// A document whose strings that are JSON are written alike: masking keeps their spaces.
pub fn normal(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, normal(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(normal).collect(),
        Value::String(text) => match strict::read(text.as_bytes()) {
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => normal(inner).to_string().into(),
            _ => text.into(),
        },
        scalar => scalar,
    }
}

fn mask(value: Value, path: &mut Vec<String>, levels: usize) -> Option<Value> {
    Some(match value {
        Value::Object(members) => object(members, path, levels)?.into(),
        Value::Array(items) => {
            let items = items.into_iter().map(|item| mask(item, path, levels));
            items.collect::<Option<Vec<_>>>()?.into()
        }
        Value::String(text) => string(&text, levels)?.into(),
        scalar => scalar,
    })
}

fn object(
    members: Map<String, Value>,
    path: &mut Vec<String>,
    levels: usize,
) -> Option<Map<String, Value>> {
    let mut out = Map::new();
    for (name, value) in members {
        if name.len() > 64 || name.contains(['{', '[']) {
            return None;
        }
        path.push(name.to_ascii_lowercase());
        let value = match hidden(path) {
            Some(_) if value.is_null() => value,
            Some(placeholder) if value.is_array() => vec![placeholder].into(),
            Some(placeholder) => placeholder.into(),
            None => mask(value, path, levels)?,
        };
        path.pop();
        if out.insert(text(&name), value).is_some() {
            return None;
        }
    }
    Some(out)
}

fn hidden(path: &[String]) -> Option<String> {
    let fits = |field: &&&[&str]| {
        let ends = path.iter().rev().zip(field.iter().rev());
        path.len() >= field.len() && ends.into_iter().all(|(name, wanted)| name == wanted)
    };
    let field = FIELDS.iter().find(fits)?;
    Some(format!("[{}]", field.join(".")))
}

fn string(value: &str, levels: usize) -> Option<String> {
    match strict::read(value.as_bytes()) {
        Ok(inner @ (Value::Object(_) | Value::Array(_))) if levels > 0 => {
            Some(mask(inner, &mut Vec::new(), levels - 1)?.to_string())
        }
        _ if value.contains(['{', '[']) => None,
        _ => Some(text(value)),
    }
}

fn text(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut spans: Vec<_> = (0..bytes.len())
        .flat_map(|at| LITERALS.map(|literal| (at, literal.as_bytes())))
        .filter(|(at, literal)| bytes[*at..].starts_with(literal))
        .map(|(at, literal)| (at, at + literal.len()))
        .collect();
    spans.sort_by_key(|(start, end)| (*start, std::cmp::Reverse(*end)));
    let (mut out, mut covered) = (String::new(), 0);
    for (start, end) in spans {
        if start >= covered {
            out += &value[covered..start];
            out += "[literal]";
        }
        covered = covered.max(end);
    }
    out + &value[covered..]
}
