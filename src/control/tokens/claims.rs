//! The `claims` of a token request (OpenID Connect Core, section 5.5), by which Entra is told what a client
//! can do.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

/// The capability to answer claims challenges: for those who have it tokens live long, and are revoked
/// early.
pub(super) const CHALLENGES: &str = "cp1";

/// Claims, a JSON object, with the capability in them; alone where there are none. Claims that leave no
/// place for it stay as they are: whoever asked for them goes first.
pub(super) fn with_capability(claims: Option<&str>) -> Cow<'_, str> {
    let capability = json!({ "values": [CHALLENGES] });
    let Some(text) = claims else {
        return json!({ "access_token": { "xms_cc": capability } })
            .to_string()
            .into();
    };
    let Ok(Value::Object(mut claims)) = serde_json::from_str(text) else {
        return text.into();
    };
    let of_token = claims.entry("access_token").or_insert(Value::Null);
    if of_token.is_null() {
        *of_token = Map::new().into();
    }
    let Value::Object(of_token) = of_token else {
        return text.into();
    };
    of_token.insert("xms_cc".to_owned(), capability);
    Value::from(claims).to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capability_stands_beside_what_is_asked_for() {
        const ALONE: &str = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;
        assert_eq!(with_capability(None), ALONE);
        assert_eq!(with_capability(Some("{}")), ALONE);
        assert_eq!(with_capability(Some(r#"{"access_token":null}"#)), ALONE);
        let asked = r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}},"userinfo":{"a":null}}"#;
        let merged: Value = serde_json::from_str(&with_capability(Some(asked))).unwrap();
        let want = json!({
            "access_token": {
                "nbf": { "essential": true, "value": "1604106651" },
                "xms_cc": { "values": ["cp1"] },
            },
            "userinfo": { "a": null },
        });
        assert_eq!(merged, want);
        // Said twice it is said once.
        let again = merged.to_string();
        let again: Value = serde_json::from_str(&with_capability(Some(&again))).unwrap();
        assert_eq!(again, want);
    }

    #[test]
    fn claims_without_a_place_for_it_stay_as_they_are() {
        for claims in [
            "[]",
            "nonsense",
            r#"{"access_token":[1]}"#,
            r#"{"access_token":"x"}"#,
        ] {
            assert_eq!(with_capability(Some(claims)), claims);
        }
    }
}
