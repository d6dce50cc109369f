//! What a token endpoint answers.

use std::time::Duration;

use super::{Token, TokenError};
use crate::base::clock::Wall;
use crate::base::limits::{CLAIMS_BYTES, TOKEN_LIFE_MAX};
use crate::base::secret::Secret;
use crate::control::http_client::Fetched;
use crate::json::{Document, Value};

/// The token in an answer, with the life that `expires_in` gives it (RFC 6749, section 5.1).
pub(super) fn token(answer: &Fetched) -> Result<Token, TokenError> {
    judged(answer, |root| {
        let life = root.get("expires_in").and_then(|life| life.as_u64());
        life.ok_or(TokenError::Answer("expires_in"))
    })
}

/// The same of a managed identity, which tells the second in which the token ends, as a text.
pub(super) fn platform_token(answer: &Fetched, wall: Wall) -> Result<Token, TokenError> {
    judged(answer, |root| {
        let ends = root.get("expires_on").and_then(|ends| match ends.as_str() {
            Some(digits) => digits.parse().ok(),
            None => ends.as_u64(),
        });
        let ends = ends.ok_or(TokenError::Answer("expires_on"))?;
        Ok(u64::saturating_sub(ends, wall.unix_seconds()))
    })
}

fn judged(
    answer: &Fetched,
    life: impl FnOnce(Value<'_>) -> Result<u64, TokenError>,
) -> Result<Token, TokenError> {
    let document = Document::parse(&answer.body);
    let root = document.as_ref().map(Document::root);
    let status = answer.status.as_u16();
    if status != 200 {
        let (why, claims) = root
            .map(|root| (why(root), claims(root)))
            .unwrap_or_default();
        return Err(TokenError::Refused {
            status,
            why,
            claims,
        });
    }
    let root = root.map_err(|_| TokenError::Answer("JSON"))?;
    let text = |name: &'static str| {
        let value = root.get(name).ok_or(TokenError::Answer(name))?;
        value.as_str().ok_or(TokenError::Answer(name))
    };
    if !text("token_type")?.eq_ignore_ascii_case("bearer") {
        return Err(TokenError::Answer("token_type"));
    }
    let token = text("access_token")?;
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(TokenError::Answer("access_token"));
    }
    let life = match life(root)? {
        0 => return Err(TokenError::Answer("expires_in")),
        seconds => Duration::from_secs(seconds),
    };
    Ok(Token {
        value: Secret::new([b"Bearer ", token.as_bytes()].concat()),
        life: life.min(TOKEN_LIFE_MAX),
        outdated: None,
    })
}

/// What has to be satisfied before there is a token: JSON within a text.
fn claims(root: Value<'_>) -> Option<Box<str>> {
    let claims = root.get("claims")?.as_str()?;
    let is_sound = claims.len() <= CLAIMS_BYTES && Document::parse(claims.as_bytes()).is_ok();
    is_sound.then(|| claims.into())
}

/// `: invalid_client (7000215)`: the parts of a refusal that cannot hold a secret.
fn why(root: Value<'_>) -> String {
    let is_name = |name: &&str| {
        name.len() <= 64
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let Some(name) = root
        .get("error")
        .and_then(|name| name.as_str())
        .filter(is_name)
    else {
        return String::new();
    };
    let codes = root.get("error_codes").map(|codes| {
        let codes = codes.items().take(4).filter_map(|code| code.as_u64());
        codes.map(|code| code.to_string()).collect::<Vec<_>>()
    });
    match codes {
        Some(codes) if !codes.is_empty() => format!(": {name} ({})", codes.join(", ")),
        _ => format!(": {name}"),
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn judge(status: u16, body: &str) -> Result<(String, u64), TokenError> {
        let answer = Fetched {
            status: reqwest::StatusCode::from_u16(status).unwrap(),
            body: Zeroizing::new(body.as_bytes().to_vec()),
        };
        let token = token(&answer)?;
        let value = String::from_utf8(token.value.expose().to_vec()).unwrap();
        Ok((value, token.life.as_secs()))
    }

    #[test]
    fn answers_are_judged() {
        let good = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"a.b.c"}"#;
        assert_eq!(judge(200, good), Ok(("Bearer a.b.c".into(), 3599)));
        for (from, to, want) in [
            ("Bearer", "mac", "token_type"),
            ("3599", "0", "expires_in"),
            ("3599", "\"3599\"", "expires_in"),
            ("a.b.c", "", "access_token"),
            ("a.b.c", "a b", "access_token"),
            ("a.b.c", r"a\r\nx: y", "access_token"),
            ("access_token", "id_token", "access_token"),
            ("}", "", "JSON"),
        ] {
            let answer = judge(200, &good.replace(from, to));
            assert_eq!(answer, Err(TokenError::Answer(want)), "{to}");
        }
        let long = judge(200, &good.replace("3599", "999999999"));
        assert_eq!(long.unwrap().1, TOKEN_LIFE_MAX.as_secs());
    }

    #[test]
    fn a_refusal_shows_its_name_and_nothing_else() {
        let body =
            r#"{"error":"invalid_client","error_codes":[7000215],"error_description":"hunter2"}"#;
        let error = judge(401, body).unwrap_err();
        assert_eq!(
            error.to_string(),
            "token endpoint: status 401: invalid_client (7000215)"
        );
        let odd = judge(400, r#"{"error":"Hunter 2"}"#).unwrap_err();
        assert_eq!(odd.to_string(), "token endpoint: status 400");
        assert_eq!(
            judge(302, "<html>").unwrap_err().to_string(),
            "token endpoint: status 302"
        );
    }

    #[test]
    fn a_platforms_token_ends_when_it_says_so() {
        let judge = |ends: &str| {
            let body =
                format!(r#"{{"token_type":"Bearer","expires_on":{ends},"access_token":"a.b.c"}}"#);
            let answer = Fetched {
                status: reqwest::StatusCode::OK,
                body: Zeroizing::new(body.into_bytes()),
            };
            let wall = Wall(1_000 * 1_000_000_000);
            platform_token(&answer, wall).map(|token| token.life.as_secs())
        };
        assert_eq!(judge("\"1600\""), Ok(600));
        assert_eq!(judge("1600"), Ok(600));
        for bad in ["\"1000\"", "\"999\"", "\"soon\"", "\"\"", "-1", "null"] {
            assert!(judge(bad).is_err(), "{bad}");
        }
    }
}
