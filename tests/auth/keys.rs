//! Key sets: which documents are refused, and which keys are left out of a good one.

use super::forge::{KEYS, b64};
use serde_json::{Value, json};
use sluice::auth::{Issuer, IssuerError, IssuerKind, JwksError, Tenants, Unusable, parse_jwks};

fn parse(jwks: &Value) -> Result<sluice::auth::Keys, JwksError> {
    parse_jwks(jwks.to_string().as_bytes())
}

#[test]
fn a_good_set() {
    let keys = parse(&KEYS.jwks()).unwrap();
    assert_eq!(keys.len(), 5);
    assert!(keys.left_out().is_empty());
    assert!(keys.find("rsa").is_some() && keys.find("RSA").is_none());
}

#[test]
fn documents_in_doubt_are_refused_whole() {
    let with = |name: &str, value: Value| {
        let mut jwks = KEYS.jwks();
        jwks["keys"][1][name] = value;
        parse(&jwks)
    };
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert_eq!(
            with(name, json!("AQAB")),
            Err(JwksError::PrivateKey(1)),
            "{name}"
        );
    }
    assert_eq!(with("kid", json!("rsa")), Err(JwksError::DuplicateKid(1)));
    for text in ["{}", "[]", "null", r#"{"keys":{}}"#, r#"{"keys":null}"#] {
        assert_eq!(
            parse_jwks(text.as_bytes()),
            Err(JwksError::NotAKeySet),
            "{text}"
        );
    }
    for text in [
        "",
        "{",
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[{"kid":"a","kid":"b"}]}"#,
    ] {
        let refused = parse_jwks(text.as_bytes());
        assert!(matches!(refused, Err(JwksError::NotJson(_))), "{text}");
    }
    assert_eq!(parse(&json!({"keys": []})), Err(JwksError::NoUsableKey));
    assert_eq!(parse(&json!({"keys": ["key"]})), Err(JwksError::NotAKey(0)));
    let many: Vec<_> = (0..65)
        .map(|index| KEYS.ec_jwk(&index.to_string()))
        .collect();
    assert_eq!(parse(&json!({"keys": many})), Err(JwksError::TooManyKeys));
    let padded = format!("{}{}", KEYS.jwks(), " ".repeat(256 * 1024));
    assert_eq!(parse_jwks(padded.as_bytes()), Err(JwksError::TooLarge));
}

#[test]
fn keys_that_cannot_be_used_are_left_out() {
    let left_out = |key: Value, twist: &[(&str, Value)]| {
        let mut key = key;
        for (name, value) in twist {
            key[*name] = value.clone();
        }
        let keys = parse(&json!({"keys": [key, KEYS.ec_jwk("good")]})).unwrap();
        assert_eq!(keys.len(), 1);
        keys.left_out()[0].reason
    };
    let rsa = || KEYS.rsa_jwk("x");
    let ec = || KEYS.ec_jwk("x");
    let ec_384 = || KEYS.ec_384_jwk("x");
    let ed = || KEYS.ed_jwk("x");
    let mut weak = [0xff; 128];
    weak[127] = 1;
    for (key, twist, reason) in [
        (ec(), vec![("kid", json!(null))], Unusable::Kid),
        (ec(), vec![("kid", json!("a b"))], Unusable::Kid),
        (ec(), vec![("use", json!("enc"))], Unusable::Use),
        (ec(), vec![("use", json!(["sig"]))], Unusable::Use),
        (ec(), vec![("key_ops", json!(["sign"]))], Unusable::Use),
        (ec(), vec![("key_ops", json!([]))], Unusable::Use),
        (ec(), vec![("key_ops", json!("verify"))], Unusable::Use),
        (ec(), vec![("key_ops", json!(["verify", 1]))], Unusable::Use),
        (
            ec(),
            vec![("key_ops", json!(["verify", "verify"]))],
            Unusable::Use,
        ),
        (
            ec(),
            vec![("use", json!("enc")), ("key_ops", json!(["verify"]))],
            Unusable::Use,
        ),
        (ec(), vec![("kty", json!("OKP"))], Unusable::Curve),
        (ec(), vec![("kty", json!("ec"))], Unusable::Type),
        (ec(), vec![("kty", json!("oct"))], Unusable::Type),
        (ec(), vec![("crv", json!("P-384"))], Unusable::Parameter),
        (ec(), vec![("crv", json!("P-521"))], Unusable::Curve),
        (ec(), vec![("crv", json!("p-256"))], Unusable::Curve),
        (ec(), vec![("crv", json!("secp256k1"))], Unusable::Curve),
        (ec(), vec![("x", json!(b64([1; 31])))], Unusable::Parameter),
        (ec(), vec![("y", json!(b64([1; 33])))], Unusable::Parameter),
        (ec(), vec![("x", json!("not base64!"))], Unusable::Parameter),
        (ec(), vec![("x", json!(7))], Unusable::Parameter),
        (
            ec(),
            vec![("alg", json!("RS256"))],
            Unusable::AlgorithmForType,
        ),
        (
            ec(),
            vec![("alg", json!("ES384"))],
            Unusable::AlgorithmForType,
        ),
        (ec(), vec![("alg", json!("ES512"))], Unusable::Algorithm),
        (ec(), vec![("alg", json!("none"))], Unusable::Algorithm),
        (
            ec_384(),
            vec![("alg", json!("ES256"))],
            Unusable::AlgorithmForType,
        ),
        (ec_384(), vec![("crv", json!("P-256"))], Unusable::Parameter),
        (
            ec_384(),
            vec![("y", json!(b64([1; 49])))],
            Unusable::Parameter,
        ),
        (ed(), vec![("crv", json!("Ed448"))], Unusable::Curve),
        (ed(), vec![("crv", json!("X25519"))], Unusable::Curve),
        (ed(), vec![("kty", json!("EC"))], Unusable::Curve),
        (ed(), vec![("x", json!(b64([1; 31])))], Unusable::Parameter),
        (
            ed(),
            vec![("alg", json!("ES256"))],
            Unusable::AlgorithmForType,
        ),
        (ec(), vec![("alg", json!(null))], Unusable::Algorithm),
        (
            rsa(),
            vec![("alg", json!("ES256"))],
            Unusable::AlgorithmForType,
        ),
        (rsa(), vec![("alg", json!("RSA-OAEP"))], Unusable::Algorithm),
        (rsa(), vec![("n", json!(b64(weak)))], Unusable::RsaSize),
        (
            rsa(),
            vec![("n", json!(b64([0xff; 1025])))],
            Unusable::RsaSize,
        ),
        (
            rsa(),
            vec![("n", json!(b64([0; 256])))],
            Unusable::Parameter,
        ),
        (rsa(), vec![("n", json!(""))], Unusable::Parameter),
        (rsa(), vec![("e", json!("AQ"))], Unusable::RsaExponent),
        (rsa(), vec![("e", json!("Aw"))], Unusable::RsaExponent),
        (
            rsa(),
            vec![("e", json!(b64([1, 0, 0])))],
            Unusable::RsaExponent,
        ),
        (
            rsa(),
            vec![("e", json!(b64([0xff; 9])))],
            Unusable::RsaExponent,
        ),
        (rsa(), vec![("e", json!("AAEAAQ"))], Unusable::Parameter),
    ] {
        assert_eq!(left_out(key, &twist), reason, "{twist:?}");
    }
}

#[test]
fn a_point_off_the_curve_verifies_nothing() {
    use super::forge::{Draft, Gate, at};
    use sluice::auth::{AuthError, Verdict};
    let mut jwk = KEYS.ec_jwk("ec");
    jwk["y"] = jwk["x"].clone();
    let mut gate = Gate::new();
    gate.publish(&json!({"keys": [jwk]}), at(0));
    let verdict = gate.judge(&Draft::entra_app().token(), at(0));
    assert!(matches!(verdict, Verdict::Refused(AuthError::BadSignature)));
}

#[test]
fn configurations_that_would_trust_too_much_are_refused() {
    use super::forge::{entra_spec, oidc_spec};
    use std::time::Duration;
    let entra = |authority: &str, tenant: &str| {
        let mut spec = entra_spec();
        spec.kind = IssuerKind::Entra {
            authority: authority.into(),
            tenants: Tenants::One(tenant.into()),
        };
        Issuer::new(spec).err()
    };
    let tenant = super::forge::TENANT;
    assert_eq!(entra("https://login.microsoftonline.us/", tenant), None);
    assert_eq!(
        entra("http://login.microsoftonline.com", tenant),
        Some(IssuerError::Url)
    );
    assert_eq!(entra("https://a@b", tenant), Some(IssuerError::Url));
    assert_eq!(entra("https://a?b", tenant), Some(IssuerError::Url));
    assert_eq!(entra("https://a", "common"), Some(IssuerError::Tenant));
    for listed in [vec![], vec![tenant.to_owned(), "organizations".to_owned()]] {
        let mut spec = entra_spec();
        spec.kind = IssuerKind::Entra {
            authority: "https://a".into(),
            tenants: Tenants::Listed(listed),
        };
        assert_eq!(Issuer::new(spec).err(), Some(IssuerError::Tenant));
    }
    let twisted = |twist: fn(&mut sluice::auth::IssuerSpec)| {
        let mut spec = oidc_spec();
        twist(&mut spec);
        Issuer::new(spec).err()
    };
    assert_eq!(twisted(|s| s.name = "a/b".into()), Some(IssuerError::Name));
    assert_eq!(
        twisted(|s| s.audiences.clear()),
        Some(IssuerError::Audiences)
    );
    assert_eq!(
        twisted(|s| s.audiences[0].clear()),
        Some(IssuerError::EmptyAudience)
    );
    assert_eq!(
        twisted(|s| s.algorithms.clear()),
        Some(IssuerError::Algorithms)
    );
    assert_eq!(
        twisted(|s| s.skew = Duration::from_secs(301)),
        Some(IssuerError::Skew)
    );
    assert_eq!(
        twisted(|s| s.key_age = Duration::from_secs(604_801)),
        Some(IssuerError::KeyAge)
    );
    let mut graph = entra_spec();
    graph.audiences = vec!["https://graph.microsoft.com/".into()];
    assert_eq!(Issuer::new(graph).err(), Some(IssuerError::GraphAudience));
}
