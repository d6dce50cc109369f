//! Against another implementation, on another crypto stack: what we accept, it accepts.

use super::forge::{Draft, Gate, KEYS, NOW, Signer, at};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice::auth::Verdict;

fn oracle_accepts(token: &str) -> bool {
    let Ok(header) = decode_header(token) else {
        return false;
    };
    let (key, algorithm) = match header.kid.as_deref() {
        Some("ec") => {
            let jwk = KEYS.ec_jwk("ec");
            let part = |name: &str| jwk[name].as_str().unwrap().to_owned();
            (
                DecodingKey::from_ec_components(&part("x"), &part("y")),
                Algorithm::ES256,
            )
        }
        Some("rsa") => {
            let jwk = KEYS.rsa_jwk("rsa");
            let part = |name: &str| jwk[name].as_str().unwrap().to_owned();
            (
                DecodingKey::from_rsa_components(&part("n"), &part("e")),
                header.alg,
            )
        }
        _ => return false,
    };
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&["api://sluice"]);
    // Our clock is the test's; time has tests of its own.
    validation.validate_exp = false;
    decode::<Value>(token, &key.unwrap(), &validation).is_ok()
}

fn we_accept(token: &str) -> bool {
    matches!(Gate::new().judge(token, at(0)), Verdict::Proven(_))
}

fn drafts() -> impl Strategy<Value = Draft> {
    let kinds: [fn() -> Draft; 4] = [
        Draft::entra_app,
        Draft::entra_app_v1,
        Draft::entra_user,
        Draft::oidc,
    ];
    let algorithms = [
        ("ES256", "ec", Signer::Es256),
        ("RS256", "rsa", Signer::Rs256),
        ("PS256", "rsa", Signer::Ps256),
        ("RS256", "rsa", Signer::Ps256),
        ("ES256", "ec", Signer::OtherEs256),
    ];
    let claims = [
        ("aud", json!("other")),
        ("aud", json!(["api://sluice"])),
        ("exp", json!(NOW as f64 + 0.5)),
        ("nbf", json!(NOW)),
        ("extra", json!({"a": [1, 2.5, null, "é"]})),
        ("roles", json!([])),
    ];
    let kind = prop::sample::select(kinds.to_vec());
    let algorithm = prop::sample::select(algorithms.to_vec());
    let claim = prop::sample::select(claims.to_vec());
    (kind, algorithm, claim).prop_map(|(kind, (alg, kid, signer), (name, value))| {
        let mut draft = kind().by(alg, kid, signer);
        draft.claims[name] = value;
        draft
    })
}

/// One edit of a token's text.
#[derive(Clone, Debug)]
enum Edit {
    None,
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
    Truncate(prop::sample::Index),
}

fn edits() -> impl Strategy<Value = Edit> {
    let byte = || prop::sample::select(b"AZaz09-_.=+/ {}\"".to_vec());
    let index = any::<prop::sample::Index>;
    prop_oneof![
        2 => Just(Edit::None),
        1 => (index(), byte()).prop_map(|(index, byte)| Edit::Set(index, byte)),
        1 => (index(), byte()).prop_map(|(index, byte)| Edit::Insert(index, byte)),
        1 => index().prop_map(Edit::Remove),
        1 => index().prop_map(Edit::Truncate),
    ]
}

fn apply(edit: &Edit, token: &str) -> String {
    let mut bytes = token.as_bytes().to_vec();
    match edit {
        Edit::None => {}
        Edit::Set(index, byte) => *index.get_mut(&mut bytes) = *byte,
        Edit::Insert(index, byte) => bytes.insert(index.index(token.len()), *byte),
        Edit::Remove(index) => drop(bytes.remove(index.index(token.len()))),
        Edit::Truncate(index) => bytes.truncate(index.index(token.len())),
    }
    String::from_utf8(bytes).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_we_accept_the_oracle_accepts(draft in drafts(), edit in edits()) {
        let good = draft.token();
        let token = apply(&edit, &good);
        if we_accept(&token) {
            prop_assert!(oracle_accepts(&token));
            prop_assert_eq!(token, good, "no second spelling is accepted");
        }
    }

    #[test]
    fn no_bytes_panic(token in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut gate = Gate::new();
        let verdict = gate.core.authenticate(&mut gate.last, &token, at(0));
        prop_assert!(matches!(verdict, Verdict::Refused(_)));
        let _ = sluice::auth::parse_jwks(&token);
        let _ = sluice::auth::bearer(&token);
    }
}

/// The property above would hold of a judge that accepts nothing.
#[test]
fn both_accept_good_tokens() {
    for draft in [Draft::entra_app(), Draft::entra_user(), Draft::oidc()] {
        assert!(we_accept(&draft.token()) && oracle_accepts(&draft.token()));
    }
}
