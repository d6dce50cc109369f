//! Registration (RFC 7591) where there is nothing to register: every client is given the id of the
//! one public application that the operator registered with Entra.
//!
//! Only redirect URIs on the client's own machine are taken (RFC 8252, section 7.3): for any other,
//! whoever asks could have a person's code sent to a place of his own, in the name of an application
//! that the person trusts. Editors name others beside them, which are left out of the answer (RFC
//! 7591, section 3.2.1). Entra compares them again with those of the application. Clients that run
//! elsewhere are registered by the operator, and need no registration here.

use axum::http::StatusCode;
use serde_json::json;
use url::{Host, Url};

use super::asked::Wrong;
use crate::base::limits::{FACADE_REDIRECTS, FACADE_URI_BYTES};
use crate::json::{Document, Kind, Value};

/// The answer to a registration. What a client cannot have is replaced, as section 2 allows: it is a
/// public client, and gets codes and refresh tokens.
pub(super) fn answer(body: &[u8], client_id: &str) -> Result<String, Wrong> {
    let metadata = |why| Wrong::of(StatusCode::BAD_REQUEST, "invalid_client_metadata", why);
    let redirect = |why| Wrong::of(StatusCode::BAD_REQUEST, "invalid_redirect_uri", why);
    let document = Document::parse(body).map_err(|_| metadata("not strict JSON"))?;
    let root = document.root();
    let asks_for = |name: &str, value: &str| {
        let listed = root.get(name);
        listed.is_none_or(|listed| listed.items().any(|one| one.as_str() == Some(value)))
    };
    if !asks_for("grant_types", "authorization_code") || !asks_for("response_types", "code") {
        return Err(metadata("only the code flow is offered"));
    }
    let uris = root
        .get("redirect_uris")
        .filter(|uris| uris.kind() == Kind::Array);
    let uris = uris.ok_or(redirect("redirect_uris are needed"))?;
    let uris: Vec<_> = uris.items().map(Value::as_str).collect();
    if uris.is_empty() || uris.len() > FACADE_REDIRECTS {
        return Err(redirect("too few or too many redirect_uris"));
    }
    let texts: Option<Vec<_>> = uris.into_iter().collect();
    let mut uris = texts.ok_or(redirect("redirect_uris are texts"))?;
    uris.retain(|uri| is_own(uri));
    if uris.is_empty() {
        return Err(redirect("only http on loopback is taken"));
    }
    let answer = json!({
        "client_id": client_id,
        "redirect_uris": uris,
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    });
    Ok(answer.to_string())
}

/// Whether a redirect URI stays on the machine of who asks. It must be spelled as it is read:
/// whoever reads it next might read it in another way.
fn is_own(uri: &str) -> bool {
    if uri.len() > FACADE_URI_BYTES || !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
        return false;
    }
    let Ok(url) = Url::parse(uri) else {
        return false;
    };
    let is_loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let as_spelled = url.as_str() == uri || url.as_str().strip_suffix('/') == Some(uri);
    is_loopback
        && url.scheme() == "http"
        && url.username().is_empty()
        && url.password().is_none()
        && url.fragment().is_none()
        && as_spelled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(body: &serde_json::Value) -> Result<serde_json::Value, &'static str> {
        let answer = answer(body.to_string().as_bytes(), "the-client");
        answer
            .map(|text| serde_json::from_str(&text).expect("JSON"))
            .map_err(|wrong| wrong.error)
    }

    #[test]
    fn everybody_is_the_one_public_client() {
        let asked = json!({
            "client_name": "An agent",
            "redirect_uris": ["http://localhost:33418/callback", "http://127.0.0.1/"],
            "token_endpoint_auth_method": "client_secret_post",
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "scope": "everything",
        });
        let want = json!({
            "client_id": "the-client",
            "redirect_uris": ["http://localhost:33418/callback", "http://127.0.0.1/"],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
        });
        assert_eq!(ask(&asked), Ok(want));
        assert!(ask(&json!({"redirect_uris": ["http://[::1]:1/cb"]})).is_ok());
        assert!(ask(&json!({"redirect_uris": ["http://127.0.0.1:1"]})).is_ok());
    }

    #[test]
    fn codes_stay_on_the_machine_that_asks() {
        for uri in [
            "https://evil.example/cb",
            "http://evil.example/cb",
            "http://localhost.evil.example/cb",
            "http://localhost@evil.example/cb",
            "http://user@localhost/cb",
            "https://localhost/cb",
            "http://LOCALHOST/cb",
            "http://localhost/cb#fragment",
            "http://localhost/a/../b",
            "http://localhost\\@evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://0.0.0.0/cb",
            "http:localhost/cb",
            "http://localhost:80/cb",
            "cursor://callback",
            "javascript:alert(1)",
            " http://localhost/",
            "",
        ] {
            let asked = json!({"redirect_uris": [uri]});
            assert_eq!(ask(&asked), Err("invalid_redirect_uri"), "{uri}");
            // Beside one that is taken, as editors send them.
            let asked = json!({"redirect_uris": [uri, "http://127.0.0.1:33418/"]});
            let told = ask(&asked).map(|answer| answer["redirect_uris"].clone());
            assert_eq!(told, Ok(json!(["http://127.0.0.1:33418/"])), "{uri}");
        }
        let long = format!("http://localhost/{}", "a".repeat(FACADE_URI_BYTES));
        for uris in [
            json!([]),
            json!("http://localhost/"),
            json!([1]),
            json!(null),
            json!([long]),
            vec!["http://localhost/cb"; FACADE_REDIRECTS + 1].into(),
        ] {
            let asked = json!({"redirect_uris": uris});
            assert_eq!(ask(&asked), Err("invalid_redirect_uri"), "{asked}");
        }
    }

    #[test]
    fn other_flows_are_not_registered() {
        for (name, value) in [
            ("grant_types", json!(["client_credentials"])),
            ("grant_types", json!("authorization_code")),
            ("response_types", json!(["token"])),
        ] {
            let mut asked = json!({"redirect_uris": ["http://localhost/cb"]});
            asked[name] = value;
            assert_eq!(ask(&asked), Err("invalid_client_metadata"), "{asked}");
        }
        for text in ["", "[", "[]", "{\"a\":1,\"a\":2}"] {
            assert!(answer(text.as_bytes(), "c").is_err(), "{text}");
        }
    }
}
