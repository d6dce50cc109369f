//! What clients ask for, in a query or a form: judged, and without `resource`.
//!
//! The text stays as it came but for that. What two readers could take for different parameters is
//! refused: broken percent-encoding, and a name that comes twice (RFC 6749, section 3.1).

use axum::http::StatusCode;
use url::form_urlencoded;

use crate::base::limits::FACADE_FIELDS;

/// Why a request is refused, in OAuth's words (RFC 6749, section 5.2). Never holds what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub status: StatusCode,
    pub error: &'static str,
    pub why: &'static str,
}

impl Wrong {
    pub fn request(why: &'static str) -> Wrong {
        Wrong::of(StatusCode::BAD_REQUEST, "invalid_request", why)
    }

    pub fn client(why: &'static str) -> Wrong {
        Wrong::of(StatusCode::BAD_REQUEST, "invalid_client", why)
    }

    pub fn away(why: &'static str) -> Wrong {
        Wrong::of(
            StatusCode::SERVICE_UNAVAILABLE,
            "temporarily_unavailable",
            why,
        )
    }

    pub fn of(status: StatusCode, error: &'static str, why: &'static str) -> Wrong {
        Wrong { status, error, why }
    }
}

/// An authorization request's query, to be sent on.
///
/// # Errors
/// Anything but the code flow with a challenge by S256 (RFC 7636, section 4.3): the metadata promises
/// it, and a code without one is worth something to whoever gets hold of it. Parameters that are
/// inside a signed request (RFC 9101) cannot be seen here.
pub(super) fn authorization(query: &str) -> Result<String, Wrong> {
    let asked = Asked::read(query)?;
    if asked.get("request").is_some() || asked.get("request_uri").is_some() {
        return Err(Wrong::of(
            StatusCode::BAD_REQUEST,
            "request_not_supported",
            "parameters stand in the query",
        ));
    }
    if asked.get("response_type") != Some("code") {
        return Err(Wrong::of(
            StatusCode::BAD_REQUEST,
            "unsupported_response_type",
            "only the code flow is offered",
        ));
    }
    if asked.get("client_id").is_none_or(str::is_empty) {
        return Err(Wrong::request("no client_id"));
    }
    if asked.get("code_challenge_method") != Some("S256")
        || !asked.get("code_challenge").is_some_and(is_s256)
    {
        return Err(Wrong::request("a code_challenge by S256 is needed"));
    }
    Ok(asked.without_resource())
}

/// A token request's form, to be sent on.
///
/// # Errors
/// Another grant than those that the code flow needs.
pub(super) fn token(form: &str) -> Result<String, Wrong> {
    let asked = Asked::read(form)?;
    let has = |name| asked.get(name).is_some_and(|value| !value.is_empty());
    let complete = match asked.get("grant_type") {
        Some("authorization_code") => has("code") && has("code_verifier"),
        Some("refresh_token") => has("refresh_token"),
        _ => {
            return Err(Wrong::of(
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "authorization_code and refresh_token are offered",
            ));
        }
    };
    if !complete {
        return Err(Wrong::request("a parameter is missing"));
    }
    Ok(asked.without_resource())
}

/// A SHA-256 hash in base64url.
fn is_s256(challenge: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    challenge.len() == 43 && challenge.bytes().all(plain)
}

/// Pairs as they came, with what they decode to.
struct Asked<'a>(Vec<Pair<'a>>);

struct Pair<'a> {
    raw: &'a str,
    name: String,
    value: String,
}

impl<'a> Asked<'a> {
    fn read(text: &'a str) -> Result<Asked<'a>, Wrong> {
        let mut pairs: Vec<Pair<'_>> = Vec::new();
        for raw in text.split('&').filter(|raw| !raw.is_empty()) {
            if pairs.len() == FACADE_FIELDS {
                return Err(Wrong::request("too many parameters"));
            }
            let (name, value) = decoded(raw).ok_or(Wrong::request("broken encoding"))?;
            // An authorization server may be asked for several resources (RFC 8707, section 2).
            if name != "resource" && pairs.iter().any(|pair| pair.name == name) {
                return Err(Wrong::request("a parameter comes twice"));
            }
            pairs.push(Pair { raw, name, value });
        }
        Ok(Asked(pairs))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|pair| pair.name == name)?;
        Some(&pair.value)
    }

    fn without_resource(&self) -> String {
        let kept = self.0.iter().filter(|pair| pair.name != "resource");
        let kept: Vec<_> = kept.map(|pair| pair.raw).collect();
        kept.join("&")
    }
}

/// The one pair that a piece between `&` is, if it is encoded as it should be.
fn decoded(raw: &str) -> Option<(String, String)> {
    let bytes = raw.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let is_whole = |(at, byte): (usize, &u8)| match byte {
        b'%' => is_digit(at + 1) && is_digit(at + 2),
        byte => byte.is_ascii_graphic(),
    };
    if !bytes.iter().enumerate().all(is_whole) {
        return None;
    }
    let (name, value) = form_urlencoded::parse(bytes).next()?;
    // What is no UTF-8 was replaced.
    let is_text = |text: &str| !text.contains(char::REPLACEMENT_CHARACTER);
    (is_text(&name) && is_text(&value)).then(|| (name.into_owned(), value.into_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn good() -> String {
        format!(
            "response_type=code&client_id=c&redirect_uri=http%3A%2F%2F127.0.0.1%3A1%2Fcb&state=%7Ba%2B+b%7d\
             &code_challenge={CHALLENGE}&code_challenge_method=S256&scope=api%3A//sluice/a+openid"
        )
    }

    #[test]
    fn only_resource_is_taken_out() {
        assert_eq!(authorization(&good()), Ok(good()));
        let resources = "resource=https%3A%2F%2Fgw%2Fmcp";
        for asked in [
            format!("{}&{resources}", good()),
            format!("{resources}&{}", good()),
            good().replace("&state", &format!("&{resources}&%72esourc%65=b&state")),
            format!("{}&&resource", good()),
        ] {
            assert_eq!(authorization(&asked), Ok(good()), "{asked}");
        }
        // What only looks like it stays.
        for other in ["resource_id=1", "xresource=1", "Resource=1"] {
            let asked = format!("{}&{other}", good());
            assert_eq!(authorization(&asked), Ok(asked.clone()));
        }
    }

    #[test]
    fn nothing_but_a_code_with_s256_is_sent_on() {
        for (from, to, want) in [
            ("type=code", "type=token", "unsupported_response_type"),
            (
                "type=code",
                "type=code%20id_token",
                "unsupported_response_type",
            ),
            ("client_id=c", "client_id=", "invalid_request"),
            ("method=S256", "method=plain", "invalid_request"),
            ("&code_challenge_method=S256", "", "invalid_request"),
            ("E9Melhoa", "short", "invalid_request"),
            ("E9Melhoa", "E9Mel%2Foa", "invalid_request"),
            ("client_id=c", "client_id=c&client_id=c", "invalid_request"),
            (
                "client_id=c",
                "client_id=c&%63lient_id=d",
                "invalid_request",
            ),
            ("client_id=c", "client_id=%zz", "invalid_request"),
            ("client_id=c", "client_id=%4", "invalid_request"),
            ("client_id=c", "client_id=%ff", "invalid_request"),
            ("client_id=c", "client_id=é", "invalid_request"),
            ("scope=", "request=", "request_not_supported"),
            ("scope=", "request_uri=", "request_not_supported"),
        ] {
            let asked = good().replace(from, to);
            let error = authorization(&asked).map_err(|wrong| wrong.error);
            assert_eq!(error, Err(want), "{to}");
        }
        let many = "&a".repeat(FACADE_FIELDS);
        assert!(authorization(&many).is_err());
        assert!(authorization("").is_err());
    }

    #[test]
    fn only_the_code_flow_gets_tokens() {
        let code = "grant_type=authorization_code&code=a&code_verifier=b&client_id=c";
        let refresh = "grant_type=refresh_token&refresh_token=r&client_id=c&scope=s";
        for form in [code, refresh] {
            assert_eq!(token(form), Ok(form.to_owned()));
            assert_eq!(token(&format!("resource=x&{form}")), Ok(form.to_owned()));
        }
        for (form, want) in [
            (
                "grant_type=client_credentials&client_secret=x",
                "unsupported_grant_type",
            ),
            (
                "grant_type=password&username=a&password=b",
                "unsupported_grant_type",
            ),
            (
                "grant_type=urn:ietf:params:oauth:grant-type:device_code",
                "unsupported_grant_type",
            ),
            ("code=a&code_verifier=b", "unsupported_grant_type"),
            ("", "unsupported_grant_type"),
            ("grant_type=authorization_code&code=a", "invalid_request"),
            (
                "grant_type=authorization_code&code=&code_verifier=b",
                "invalid_request",
            ),
            ("grant_type=refresh_token", "invalid_request"),
            (
                "grant_type=refresh_token&refresh_token=a&refresh_token=b",
                "invalid_request",
            ),
        ] {
            let error = token(form).map_err(|wrong| wrong.error);
            assert_eq!(error, Err(want), "{form}");
        }
    }
    fn pair() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec![
            "resource",
            "%72esource",
            "resourc%65",
            "Resource",
            "resource%00",
            "grant_type",
            "refresh_token",
            "client_id",
            "code",
            "+resource",
            "a%",
            "%C3%A9",
            "%ff",
            "",
        ]);
        let value = prop::sample::select(vec![
            "refresh_token",
            "authorization_code",
            "x",
            "a%26resource=b",
            "a=b",
            "%zz",
            "",
        ]);
        (name, any::<bool>(), value).prop_map(|(name, has_value, value)| match has_value {
            true => format!("{name}={value}"),
            false => name.to_owned(),
        })
    }

    proptest! {
        /// Whatever is sent on has no resource for any reader, and all else as it came.
        #[test]
        fn what_is_sent_on_is_what_came_without_resource(
            pairs in prop::collection::vec(pair(), 0..8),
        ) {
            let form = ["grant_type=refresh_token".into(), "refresh_token=r".into()];
            let pairs = [&form[..], &pairs].concat();
            let Ok(sent) = token(&pairs.join("&")) else {
                return Ok(());
            };
            let is_resource = |pair: &str| {
                let decoded = form_urlencoded::parse(pair.as_bytes()).next();
                decoded.is_some_and(|(name, _)| name == "resource")
            };
            let kept: Vec<_> = pairs
                .iter()
                .filter(|pair| !pair.is_empty() && !is_resource(pair))
                .cloned()
                .collect();
            prop_assert_eq!(sent, kept.join("&"));
        }
    }
}
