//! Fetches an issuer's keys: discovery document, then key set, everything about both in doubt.

use super::http_client::{FetchError, Fetched, HttpClient};
use crate::auth::{Issuer, JwksError, Keys};
use crate::base::limits::{DISCOVERY_BYTES, JWKS_BYTES};
use crate::json::{Document, JsonError};

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// The discovery document, at this address, says where.
    Discovery {
        /// The document's address.
        url: String,
        /// The issuer that the document must name, exactly.
        issuer: String,
    },
    /// Configured.
    KeySet(String),
}

impl Origin {
    /// The issuer's own discovery document, unless the address of its keys is configured.
    #[must_use]
    pub fn of(issuer: &Issuer, jwks_uri: Option<&str>) -> Origin {
        match jwks_uri {
            Some(uri) => Origin::KeySet(uri.to_owned()),
            None => Origin::Discovery {
                url: issuer.discovery_url(),
                issuer: issuer.metadata_issuer(),
            },
        }
    }
}

/// Why there are no new keys. The last good ones stay in force up to their age.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// The document could not be fetched.
    #[error("{0}: {1}")]
    Fetch(&'static str, #[source] FetchError),
    /// It came with another status than 200; a redirect is not followed.
    #[error("{0}: status {1}")]
    Status(&'static str, u16),
    /// The discovery document is not strict JSON.
    #[error("discovery document: {0}")]
    NotJson(#[from] JsonError),
    /// It lacks a member, or one of another type stands there.
    #[error("discovery document: no `{0}`")]
    Missing(&'static str),
    /// It is another issuer's.
    #[error("discovery document: it names another issuer")]
    OtherIssuer,
    /// The keys would come over a way that proves nothing.
    #[error("discovery document: `jwks_uri` is not an https:// URL")]
    JwksUri,
    /// The key set is not one.
    #[error("{0}")]
    Jwks(#[from] JwksError),
}

const DISCOVERY: &str = "discovery document";
const KEY_SET: &str = "key set";

/// Fetches the keys once.
///
/// # Errors
/// Any doubt about either document.
pub async fn fetch_keys(
    client: &HttpClient,
    issuer: &Issuer,
    origin: &Origin,
) -> Result<Keys, KeysError> {
    let (uri, cloud) = match origin {
        Origin::KeySet(uri) => (uri.clone(), None),
        Origin::Discovery { url, issuer } => {
            let document = client.get(url, DISCOVERY_BYTES).await;
            told(&good(DISCOVERY, document)?.body, issuer)?
        }
    };
    let set = client.get(&uri, JWKS_BYTES).await;
    Ok(issuer.parse_keys(&good(KEY_SET, set)?.body, cloud.as_deref())?)
}

fn good(what: &'static str, answer: Result<Fetched, FetchError>) -> Result<Fetched, KeysError> {
    let answer = answer.map_err(|error| KeysError::Fetch(what, error))?;
    match answer.status.as_u16() {
        200 => Ok(answer),
        status => Err(KeysError::Status(what, status)),
    }
}

/// Where the keys are that the discovery document tells of, and of which cloud, if it is the expected
/// issuer's.
fn told(document: &[u8], expected: &str) -> Result<(String, Option<String>), KeysError> {
    let document = Document::parse(document)?;
    let text = |name: &'static str| {
        let value = document.root().get(name).and_then(|value| value.as_str());
        value
            .map(|text| text.to_string())
            .ok_or(KeysError::Missing(name))
    };
    if text("issuer")? != expected {
        return Err(KeysError::OtherIssuer);
    }
    let uri = text("jwks_uri")?;
    let cloud = match document.root().get("cloud_instance_name") {
        None => None,
        Some(_) => Some(text("cloud_instance_name")?),
    };
    let is_https = url::Url::parse(&uri).is_ok_and(|uri| uri.scheme() == "https");
    if is_https {
        Ok((uri, cloud))
    } else {
        Err(KeysError::JwksUri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_expected_issuer_says_where_its_keys_are() {
        let judge = |text: &str| told(text.as_bytes(), "https://a/v2.0");
        let good = r#"{"issuer":"https://a/v2.0","jwks_uri":"https://a/keys"}"#;
        let uri = || "https://a/keys".to_owned();
        assert_eq!(judge(good), Ok((uri(), None)));
        let of_cloud = good.replace('}', r#","cloud_instance_name":"c"}"#);
        assert_eq!(judge(&of_cloud), Ok((uri(), Some("c".to_owned()))));
        let of_none = of_cloud.replace(r#""c""#, "null");
        let missing = KeysError::Missing("cloud_instance_name");
        assert_eq!(judge(&of_none), Err(missing));
        for (from, to, want) in [
            ("a/v2.0", "b/v2.0", KeysError::OtherIssuer),
            ("a/v2.0", "a/v2.0/", KeysError::OtherIssuer),
            ("https://a/keys", "http://a/keys", KeysError::JwksUri),
            ("https://a/keys", "file:///keys", KeysError::JwksUri),
            ("jwks_uri", "jwks", KeysError::Missing("jwks_uri")),
            (r#""https://a/keys""#, "1", KeysError::Missing("jwks_uri")),
        ] {
            assert_eq!(judge(&good.replace(from, to)), Err(want), "{to}");
        }
        let twice = good.replace('}', r#","issuer":"https://b"}"#);
        assert!(matches!(judge(&twice), Err(KeysError::NotJson(_))));
    }
}
