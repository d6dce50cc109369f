//! What Entra says of itself, and what the façade says in its place.

use axum::body::Bytes;
use serde_json::json;
use thiserror::Error;
use url::Url;

use crate::base::limits::FACADE_LISTED;
use crate::control::http_client::FetchError;
use crate::json::{Document, JsonError, Kind, Value};

/// Why the issuer's document cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum DocumentError {
    /// It could not be fetched.
    #[error("discovery document: {0}")]
    Fetch(#[from] FetchError),
    /// It came with another status than 200.
    #[error("discovery document: status {0}")]
    Status(u16),
    /// It is not strict JSON.
    #[error("discovery document: {0}")]
    NotJson(#[from] JsonError),
    /// It is another issuer's.
    #[error("discovery document: it names another issuer")]
    OtherIssuer,
    /// An address is missing, or not one that can be trusted.
    #[error("discovery document: no `{0}` that is an https:// URL")]
    Address(&'static str),
}

/// What is known of the issuer while its document is fresh.
#[derive(Debug)]
pub(super) struct Entra {
    authorize: Url,
    /// Where codes become tokens.
    pub token_endpoint: String,
    /// The façade's own metadata, JSON.
    pub document: Bytes,
}

impl Entra {
    /// Reads the issuer's document and composes the façade's.
    ///
    /// Members are taken by list: what the issuer offers beyond it (other flows, other ways for
    /// clients to prove themselves, `iss` in its answers) it offers under its own name only.
    pub fn read(
        document: &[u8],
        issuer: &str,
        public_url: &str,
        client_id: Option<&str>,
    ) -> Result<Entra, DocumentError> {
        let document = Document::parse(document)?;
        let root = document.root();
        if root.get("issuer").and_then(Value::as_str) != Some(issuer) {
            return Err(DocumentError::OtherIssuer);
        }
        let mut composed = json!({
            "issuer": public_url,
            "authorization_endpoint": format!("{public_url}/authorize"),
            "token_endpoint": format!("{public_url}/token"),
            "jwks_uri": address(root, "jwks_uri")?.as_str(),
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
        });
        if client_id.is_some() {
            composed["registration_endpoint"] = format!("{public_url}/register").into();
        }
        for name in [
            "scopes_supported",
            "response_modes_supported",
            "subject_types_supported",
            "id_token_signing_alg_values_supported",
        ] {
            let listed: Vec<_> = listed(root, name).collect();
            if !listed.is_empty() {
                composed[name] = listed.into();
            }
        }
        Ok(Entra {
            authorize: address(root, "authorization_endpoint")?,
            token_endpoint: address(root, "token_endpoint")?.into(),
            document: composed.to_string().into(),
        })
    }

    /// The issuer's authorization endpoint with this query.
    pub fn authorize_with(&self, query: &str) -> String {
        let mut url = self.authorize.as_str().to_owned();
        url.push(if self.authorize.query().is_some() {
            '&'
        } else {
            '?'
        });
        url + query
    }
}

fn address(root: Value<'_>, name: &'static str) -> Result<Url, DocumentError> {
    let text = root.get(name).and_then(Value::as_str);
    text.and_then(|text| Url::parse(text).ok())
        .filter(|url| url.scheme() == "https" && url.fragment().is_none())
        .ok_or(DocumentError::Address(name))
}

fn listed<'a>(root: Value<'a>, name: &str) -> impl Iterator<Item = &'a str> {
    let items = root.get(name).into_iter().flat_map(Value::items);
    items.filter_map(Value::as_str).take(FACADE_LISTED)
}

/// Whether an answer is a JSON object, as every answer of a token endpoint is.
pub(super) fn is_object(body: &[u8]) -> bool {
    Document::parse(body).is_ok_and(|document| document.root().kind() == Kind::Object)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://login.example/t/v2.0";

    fn theirs() -> serde_json::Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://login.example/t/oauth2/v2.0/authorize",
            "token_endpoint": "https://login.example/t/oauth2/v2.0/token",
            "jwks_uri": "https://login.example/t/keys",
            "scopes_supported": ["openid", "offline_access"],
            "response_types_supported": ["code", "id_token", "token"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "device_authorization_endpoint": "https://login.example/t/devicecode",
            "authorization_response_iss_parameter_supported": true,
        })
    }

    fn read(document: &serde_json::Value, client: Option<&str>) -> Result<Entra, DocumentError> {
        let text = document.to_string();
        Entra::read(text.as_bytes(), ISSUER, "https://auth.gw", client)
    }

    #[test]
    fn the_document_is_ours_and_says_s256() {
        let entra = read(&theirs(), Some("c")).expect("a good document");
        let document: serde_json::Value = serde_json::from_slice(&entra.document).expect("JSON");
        let want = json!({
            "issuer": "https://auth.gw",
            "authorization_endpoint": "https://auth.gw/authorize",
            "token_endpoint": "https://auth.gw/token",
            "registration_endpoint": "https://auth.gw/register",
            "jwks_uri": "https://login.example/t/keys",
            "scopes_supported": ["openid", "offline_access"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "fragment", "form_post"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
        });
        assert_eq!(document, want);
        assert_eq!(
            entra.authorize_with("a=b"),
            "https://login.example/t/oauth2/v2.0/authorize?a=b"
        );
        let entra = read(&theirs(), None).expect("a good document");
        assert!(!String::from_utf8_lossy(&entra.document).contains("register"));
    }

    #[test]
    fn what_the_address_asks_for_stays_in_it() {
        let mut document = theirs();
        document["authorization_endpoint"] = "https://login.example/a?p=x".into();
        let entra = read(&document, None).expect("a good document");
        assert_eq!(
            entra.authorize_with("a=b"),
            "https://login.example/a?p=x&a=b"
        );
    }

    #[test]
    fn nothing_doubtful_is_led_to() {
        for (name, value, want) in [
            (
                "issuer",
                json!("https://evil.example"),
                DocumentError::OtherIssuer,
            ),
            ("issuer", json!(null), DocumentError::OtherIssuer),
            (
                "token_endpoint",
                json!("http://login.example/t"),
                DocumentError::Address("token_endpoint"),
            ),
            (
                "token_endpoint",
                json!(1),
                DocumentError::Address("token_endpoint"),
            ),
            (
                "jwks_uri",
                json!("file:///keys"),
                DocumentError::Address("jwks_uri"),
            ),
            (
                "authorization_endpoint",
                json!("/a"),
                DocumentError::Address("authorization_endpoint"),
            ),
            (
                "authorization_endpoint",
                json!("https://a/#f"),
                DocumentError::Address("authorization_endpoint"),
            ),
        ] {
            let mut document = theirs();
            document[name] = value;
            assert_eq!(read(&document, None).err(), Some(want), "{document}");
        }
        for text in ["", "[]", "{\"issuer\":1,\"issuer\":2}"] {
            assert!(Entra::read(text.as_bytes(), ISSUER, "https://auth.gw", None).is_err());
        }
    }

    #[test]
    fn only_objects_are_answers() {
        for (body, want) in [
            ("{}", true),
            ("[]", false),
            ("", false),
            ("{\"a\":1,\"a\":2}", false),
        ] {
            assert_eq!(is_object(body.as_bytes()), want, "{body}");
        }
    }
}
