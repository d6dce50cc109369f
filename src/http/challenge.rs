//! Challenges: what a `WWW-Authenticate` field asks for (RFC 9110, section 11.6.1).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::bytes::{TOKEN, all};

/// Asks a bearer for a token that satisfies these claims, JSON, as issuers of OpenID Connect take them.
#[must_use]
pub fn insufficient_claims(claims: &str) -> String {
    let claims = STANDARD.encode(claims);
    format!("Bearer realm=\"sluice\", error=\"insufficient_claims\", claims=\"{claims}\"")
}

/// A part of a list of challenges.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item<'v> {
    /// A challenge begins: its scheme.
    Scheme(&'v str),
    /// A parameter of the challenge that began last: name and value.
    Parameter(&'v str, Cow<'v, str>),
}

/// The parts of one field's value, in order. Where it cannot be read, it ends.
pub fn items(value: &[u8]) -> impl Iterator<Item = Item<'_>> {
    let mut rest = std::str::from_utf8(value).unwrap_or_default();
    std::iter::from_fn(move || {
        let (item, after) = item(rest)?;
        rest = after;
        Some(item)
    })
}

fn item(text: &str) -> Option<(Item<'_>, &str)> {
    let text = text.trim_start_matches([' ', '\t', ',']);
    let (token, rest) = token(text)?;
    let Some(after) = rest.trim_start_matches([' ', '\t']).strip_prefix('=') else {
        return Some((Item::Scheme(token), rest));
    };
    let after = after.trim_start_matches([' ', '\t']);
    if let Some(quoted) = after.strip_prefix('"') {
        let (value, rest) = unquoted(quoted)?;
        return Some((Item::Parameter(token, value), rest));
    }
    // What is no value here is the padding of a `token68`, which belongs to no scheme we read.
    let (value, rest) = self::token(after)?;
    Some((Item::Parameter(token, value.into()), rest))
}

/// A token and what follows it.
fn token(text: &str) -> Option<(&str, &str)> {
    let is_part = |each: char| u8::try_from(each).is_ok_and(|byte| all(&[byte], TOKEN));
    let length = text.find(|each| !is_part(each)).unwrap_or(text.len());
    (length > 0).then(|| text.split_at(length))
}

/// The text up to the closing quote (RFC 9110, section 5.6.4), and what follows that.
fn unquoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let end = text.find(['"', '\\'])?;
    if text[end..].starts_with('"') {
        return Some((text[..end].into(), &text[end + 1..]));
    }
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value.into(), &text[at + 1..])),
            '\\' => value.push(letters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> Vec<String> {
        let show = |item| match item {
            Item::Scheme(scheme) => scheme.to_owned(),
            Item::Parameter(name, value) => format!("{name}={value}"),
        };
        items(value.as_bytes()).map(show).collect()
    }

    #[test]
    fn lists_are_taken_apart() {
        for (value, want) in [
            ("Bearer", &["Bearer"][..]),
            (
                "Bearer realm=\"a, b\", error=\"x\"",
                &["Bearer", "realm=a, b", "error=x"],
            ),
            (
                "Basic realm=\"\", Bearer error = insufficient_claims , claims=\"e30=\"",
                &[
                    "Basic",
                    "realm=",
                    "Bearer",
                    "error=insufficient_claims",
                    "claims=e30=",
                ],
            ),
            (r#"Bearer a="x\"y\\", b=c"#, &["Bearer", "a=x\"y\\", "b=c"]),
            (", ,Negotiate,\tBearer a=b", &["Negotiate", "Bearer", "a=b"]),
            // What cannot be read is not guessed at.
            ("Bearer a=\"open", &["Bearer"]),
            (r#"Bearer a="open\"#, &["Bearer"]),
            ("Bearer a=;b", &["Bearer"]),
            ("Negotiate YII==, Bearer a=b", &["Negotiate"]),
            ("\u{e4}", &[]),
            ("", &[]),
        ] {
            assert_eq!(shown(value), want, "{value}");
        }
    }
}
