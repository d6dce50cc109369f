//! Fetches an issuer's keys: discovery document, then key set, everything about both in doubt.

use super::http_client::places::is_loopback;
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
    #[error("discovery document: `jwks_uri` is not an https:// URL, or leads to this machine")]
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
            let is_issuer = |name: &str| name == issuer;
            let texts = discover(client, url, is_issuer, [JWKS_URI, CLOUD]).await?;
            place_of_keys(url, texts)?
        }
    };
    let set = client.get(&uri, JWKS_BYTES).await;
    Ok(issuer.parse_keys(&good(KEY_SET, set)?.body, cloud.as_deref())?)
}

/// Texts of an issuer's discovery document, by their names, if it is that issuer's.
///
/// # Errors
/// Any doubt about the document.
pub async fn discover<const N: usize>(
    client: &HttpClient,
    url: &str,
    is_issuer: impl Fn(&str) -> bool,
    names: [&'static str; N],
) -> Result<[Option<String>; N], KeysError> {
    let document = client.get(url, DISCOVERY_BYTES).await;
    texts(&good(DISCOVERY, document)?.body, is_issuer, names)
}

fn good(what: &'static str, answer: Result<Fetched, FetchError>) -> Result<Fetched, KeysError> {
    let answer = answer.map_err(|error| KeysError::Fetch(what, error))?;
    match answer.status.as_u16() {
        200 => Ok(answer),
        status => Err(KeysError::Status(what, status)),
    }
}

const JWKS_URI: &str = "jwks_uri";
const CLOUD: &str = "cloud_instance_name";

fn texts<const N: usize>(
    document: &[u8],
    is_issuer: impl Fn(&str) -> bool,
    names: [&'static str; N],
) -> Result<[Option<String>; N], KeysError> {
    let document = Document::parse(document)?;
    let text = |name: &'static str| match document.root().get(name) {
        None => Ok(None),
        Some(value) => match value.as_str() {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(KeysError::Missing(name)),
        },
    };
    let issuer = text("issuer")?.ok_or(KeysError::Missing("issuer"))?;
    if !is_issuer(&issuer) {
        return Err(KeysError::OtherIssuer);
    }
    let mut found = [const { None }; N];
    for (found, name) in found.iter_mut().zip(names) {
        *found = text(name)?;
    }
    Ok(found)
}

/// Where the keys are that the document at `url` tells of, and of which cloud. A document from
/// elsewhere does not lead to this machine.
fn place_of_keys(
    url: &str,
    [uri, cloud]: [Option<String>; 2],
) -> Result<(String, Option<String>), KeysError> {
    let uri = uri.ok_or(KeysError::Missing(JWKS_URI))?;
    let from_here = url::Url::parse(url).is_ok_and(|url| is_loopback(&url));
    let is_good = |to: url::Url| to.scheme() == "https" && (from_here || !is_loopback(&to));
    match url::Url::parse(&uri).is_ok_and(is_good) {
        true => Ok((uri, cloud)),
        false => Err(KeysError::JwksUri),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_expected_issuer_says_where_its_keys_are() {
        let judge = |text: &str| {
            let is_issuer = |name: &str| name == "https://a/v2.0";
            let found = texts(text.as_bytes(), is_issuer, [JWKS_URI, CLOUD])?;
            place_of_keys("https://a/v2.0/.well-known/openid-configuration", found)
        };
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
            ("a/keys", "localhost/keys", KeysError::JwksUri),
            ("a/keys", "[::1]:9443/keys", KeysError::JwksUri),
            ("jwks_uri", "jwks", KeysError::Missing("jwks_uri")),
            (r#""https://a/keys""#, "1", KeysError::Missing("jwks_uri")),
        ] {
            assert_eq!(judge(&good.replace(from, to)), Err(want), "{to}");
        }
        let twice = good.replace('}', r#","issuer":"https://b"}"#);
        assert!(matches!(judge(&twice), Err(KeysError::NotJson(_))));
    }
}
