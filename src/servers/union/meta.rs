//! What 2026-07-28 wants in every request: `_meta` in its parameters, and headers that say the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::link::{MODERN, Profile};

const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CLIENT: &str = "io.modelcontextprotocol/clientInfo";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// From which severity on a modern caller wants to hear log messages.
pub(super) const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// Which `subscriptions/listen` a notification is for.
pub(super) const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
/// Which task a message has to do with.
pub(super) const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";
/// What only a modern request has.
pub(super) const MODERN_ONLY: [&str; 4] = [VERSION, CLIENT, CAPABILITIES, LOG_LEVEL];

const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// What a modern request says of its caller.
pub(super) fn profile(meta: crate::json::Value<'_>) -> Option<Profile> {
    if meta.get(VERSION)?.as_str() != Some(MODERN.as_str()) {
        return None;
    }
    Some(Profile {
        revision: MODERN,
        capabilities: meta.get(CAPABILITIES)?.raw().to_owned(),
        client: meta.get(CLIENT).map(|client| client.raw().to_owned()),
    })
}

/// `"_meta":{…}`, as the caller of this profile would write it.
pub(super) fn object(profile: &Profile) -> String {
    format!(r#""_meta":{{{}}}"#, members(profile))
}

/// The members of that object.
pub(super) fn members(profile: &Profile) -> String {
    let (client, capabilities) = (client(profile), &profile.capabilities);
    format!(r#""{VERSION}":"{MODERN}","{CLIENT}":{client},"{CAPABILITIES}":{capabilities}"#)
}

/// What the caller calls itself; a nameless one is called for what speaks for it.
pub(super) fn client(profile: &Profile) -> String {
    const OURS: &str = concat!(
        r#"{"name":"sluice","version":""#,
        env!("CARGO_PKG_VERSION"),
        r#""}"#
    );
    profile.client.clone().unwrap_or_else(|| OURS.to_owned())
}

/// The headers of a modern request; none for another.
pub(super) fn headers(modern: bool, method: &str, name: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !modern {
        return headers;
    }
    if let Ok(method) = HeaderValue::from_str(method) {
        headers.insert(METHOD, method);
    }
    if let Some(name) = name
        && let Ok(name) = HeaderValue::from_str(&spelled(name))
    {
        headers.insert(NAME, name);
    }
    headers
}

/// A value as a header can hold it: as it is where that is plain, else in the base64 form
/// (2026-07-28, transports, "Value Encoding").
pub(super) fn spelled(value: &str) -> String {
    let plain = value.bytes().all(|byte| matches!(byte, 0x20..=0x7E));
    let marked = value.starts_with("=?base64?") && value.ends_with("?=");
    if plain && !marked && value.trim() == value && !value.is_empty() {
        value.to_owned()
    } else {
        format!("=?base64?{}?=", STANDARD.encode(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_header_holds_are_encoded() {
        assert_eq!(spelled("search"), "search");
        assert_eq!(spelled("a b"), "a b");
        assert_eq!(spelled("größe"), "=?base64?Z3LDtsOfZQ==?=");
        assert_eq!(spelled(" a"), "=?base64?IGE=?=");
        assert_eq!(
            spelled("=?base64?IGE=?="),
            "=?base64?PT9iYXNlNjQ/SUdFPT89?="
        );
        let headers = headers(true, "tools/call", Some("a\nb"));
        assert_eq!(headers["mcp-name"], "=?base64?YQpi?=");
    }
}
