//! What is remembered of verified tokens and unknown keys, by a clock that the test holds.

use super::forge::{Draft, Gate, KEYS, NOW, Signer, at, entra_spec, oidc_spec};
use serde_json::json;
use sluice::auth::{AuthError, Authenticator, Issuer, LastBearer, Superseded, Verdict, parse_jwks};
use std::sync::Arc;

#[track_caller]
fn assert_proven(verdict: Verdict) -> sluice::auth::Identity {
    match verdict {
        Verdict::Proven(identity) => identity,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_refused(verdict: Verdict, expected: AuthError) {
    match verdict {
        Verdict::Refused(error) => assert_eq!(error, expected),
        other => panic!("{other:?}"),
    }
}

/// A key set without the key that [`Draft`] signs with by default.
fn without_ec() -> serde_json::Value {
    json!({"keys": [KEYS.rsa_jwk("rsa")]})
}

#[test]
fn a_hit_is_the_same_proof() {
    let mut gate = Gate::new();
    let token = Draft::entra_app().token();
    let first = assert_proven(gate.judge(&token, at(0)));
    let by_connection = assert_proven(gate.judge(&token, at(1)));
    gate.last = LastBearer::default();
    let by_core = assert_proven(gate.judge(&token, at(1)));
    let mut other_core = Authenticator::new(&gate.published, gate.shared.clone());
    let mut last = LastBearer::default();
    let by_process = assert_proven(other_core.authenticate(&mut last, token.as_bytes(), at(1)));
    for hit in [by_connection, by_core, by_process] {
        assert!(
            std::ptr::eq(first.grounds(), hit.grounds()),
            "no second verification"
        );
    }
}

#[test]
fn expiry_is_checked_at_every_hit() {
    let mut draft = Draft::entra_app();
    draft.claims["exp"] = json!(NOW + 10);
    let token = draft.token();
    let mut gate = Gate::new();
    let _ = assert_proven(gate.judge(&token, at(0)));
    let _ = assert_proven(gate.judge(&token, at(69)));
    assert_refused(gate.judge(&token, at(70)), AuthError::Expired);
    gate.last = LastBearer::default();
    assert_refused(gate.judge(&token, at(70)), AuthError::Expired);
    let mut other_core = Authenticator::new(&gate.published, gate.shared.clone());
    let verdict = other_core.authenticate(&mut LastBearer::default(), token.as_bytes(), at(70));
    assert_refused(verdict, AuthError::Expired);
}

#[test]
fn an_entry_ends_with_its_time() {
    let token = Draft::entra_app().token();
    let mut gate = Gate::new();
    let first = assert_proven(gate.judge(&token, at(0)));
    let later = assert_proven(gate.judge(&token, at(299)));
    assert!(std::ptr::eq(first.grounds(), later.grounds()));
    let again = assert_proven(gate.judge(&token, at(300)));
    assert!(
        !std::ptr::eq(first.grounds(), again.grounds()),
        "verified anew"
    );
}

#[test]
fn a_new_generation_empties_every_level() {
    let token = Draft::entra_app().token();
    let mut gate = Gate::new();
    let first = assert_proven(gate.judge(&token, at(0)));
    gate.publish(&KEYS.jwks(), at(1));
    let again = assert_proven(gate.judge(&token, at(1)));
    assert!(!std::ptr::eq(first.grounds(), again.grounds()));
    assert!(again.generation() > first.generation());
    assert_eq!(
        gate.core.check_again(&first, at(1)),
        Ok(()),
        "its key is still there"
    );

    gate.publish(&without_ec(), at(2));
    let Verdict::NeedKey(wanted) = gate.judge(&token, at(2)) else {
        panic!("the key was withdrawn");
    };
    assert_eq!((wanted.kid(), &**wanted.issuer()), ("ec", "entra"));
    let mut last = LastBearer::default();
    let mut other_core = Authenticator::new(&gate.published, gate.shared.clone());
    let verdict = other_core.authenticate(&mut last, token.as_bytes(), at(2));
    assert!(matches!(verdict, Verdict::NeedKey(_)));
    assert_eq!(
        gate.core.check_again(&first, at(2)),
        Err(AuthError::UnknownKey)
    );
}

#[test]
fn a_key_exchanged_under_its_name_is_another_key() {
    let mut gate = Gate::new();
    let token = Draft::entra_app().token();
    let identity = assert_proven(gate.judge(&token, at(0)));
    let mut jwk = KEYS.ec_jwk("ec");
    jwk["alg"] = json!("ES256");
    gate.publish(&json!({"keys": [jwk]}), at(1));
    assert_eq!(
        gate.core.check_again(&identity, at(1)),
        Err(AuthError::UnknownKey)
    );
}

#[test]
fn keys_serve_up_to_their_age() {
    const DAY: u64 = 24 * 3600;
    let mut draft = Draft::entra_app();
    draft.claims["exp"] = json!(NOW + 10 * DAY);
    let token = draft.token();
    let mut gate = Gate::new();
    let _ = assert_proven(gate.judge(&token, at(DAY - 1)));
    assert!(gate.published.load().is_ready(at(DAY - 1).mono));
    assert_refused(gate.judge(&token, at(DAY)), AuthError::KeysTooOld);
    gate.last = LastBearer::default();
    assert_refused(gate.judge(&token, at(DAY)), AuthError::KeysTooOld);
    assert!(!gate.published.load().is_ready(at(DAY).mono));
    gate.publish(&KEYS.jwks(), at(DAY));
    let _ = assert_proven(gate.judge(&token, at(DAY)));
}

#[test]
fn without_keys_everything_is_refused() {
    let issuers: Vec<_> = [entra_spec()]
        .into_iter()
        .map(|spec| Arc::new(Issuer::new(spec).unwrap()))
        .collect();
    let published = sluice::auth::PublishedKeys::new(issuers);
    let mut core = Authenticator::new(&published, sluice::auth::SharedTokens::new());
    let token = Draft::entra_app().token();
    let verdict = core.authenticate(&mut LastBearer::default(), token.as_bytes(), at(0));
    assert_refused(verdict, AuthError::NoKeys);
}

#[test]
fn an_unknown_key_is_asked_for_once() {
    let mut gate = Gate::new();
    let token = Draft::entra_app()
        .by("ES256", "junk", Signer::OtherEs256)
        .token();
    let Verdict::NeedKey(wanted) = gate.judge(&token, at(0)) else {
        panic!("unknown");
    };
    assert_eq!(wanted.generation(), gate.published.load().generation());
    assert_refused(gate.after(wanted, &token, at(1)), AuthError::UnknownKey);
    assert_refused(gate.judge(&token, at(2)), AuthError::UnknownKey);
    assert!(
        matches!(gate.judge(&token, at(61)), Verdict::NeedKey(_)),
        "forgotten"
    );
}

#[test]
fn a_new_key_is_found_at_once_although_it_was_unknown() {
    let mut gate = Gate::new();
    gate.publish(&without_ec(), at(0));
    let token = Draft::entra_app().token();
    let Verdict::NeedKey(wanted) = gate.judge(&token, at(0)) else {
        panic!("unknown");
    };
    let again = wanted.clone();
    assert_refused(gate.after(wanted, &token, at(1)), AuthError::UnknownKey);
    gate.publish(&KEYS.jwks(), at(2));
    let _ = assert_proven(gate.after(again, &token, at(2)));
    let _ = assert_proven(gate.judge(&token, at(2)));
}

#[test]
fn a_token_that_no_key_could_save_asks_for_none() {
    let mut gate = Gate::new();
    for (name, twist, expected) in [
        ("exp", json!(1), AuthError::Expired),
        ("aud", json!("other"), AuthError::WrongAudience),
        ("ver", json!("9"), AuthError::VersionDisagrees),
    ] {
        let mut draft = Draft::entra_app().by("ES256", "junk", Signer::OtherEs256);
        draft.claims[name] = twist;
        assert_refused(gate.judge(&draft.token(), at(0)), expected);
    }
}

#[test]
fn keys_of_a_superseded_configuration_are_not_published() {
    let gate = Gate::new();
    let before = gate.published.load().generation();
    let mut spec = entra_spec();
    spec.audiences = vec!["api://new".into()];
    let changed = Arc::new(Issuer::new(spec).unwrap());
    gate.published
        .configure(&[changed.clone(), gate.issuers[1].clone()]);
    let sets = gate.published.load();
    assert!(sets.generation() > before);
    assert_eq!(
        sets.issuers()[0].fetched_at(),
        None,
        "a changed issuer starts without keys"
    );
    assert!(
        sets.issuers()[1].fetched_at().is_some(),
        "an unchanged one keeps them"
    );
    let keys = || parse_jwks(KEYS.jwks().to_string().as_bytes()).unwrap();
    let old = gate.published.publish(&gate.issuers[0], keys(), at(1).mono);
    assert_eq!(old, Err(Superseded));
    assert!(gate.published.publish(&changed, keys(), at(1).mono).is_ok());
}

#[test]
fn reading_the_same_configuration_again_ends_nothing() {
    let mut gate = Gate::new();
    let identity = assert_proven(gate.judge(&Draft::entra_app().token(), at(0)));
    let again = [entra_spec(), oidc_spec()].map(|spec| Arc::new(Issuer::new(spec).unwrap()));
    gate.published.configure(&again);
    assert_eq!(gate.core.check_again(&identity, at(0)), Ok(()));
}

#[test]
fn a_new_audience_list_ends_what_was_remembered() {
    let mut gate = Gate::new();
    let token = Draft::entra_app().token();
    let identity = assert_proven(gate.judge(&token, at(0)));
    let mut spec = entra_spec();
    spec.audiences = vec!["api://new".into()];
    let issuers = [spec, oidc_spec()].map(|spec| Arc::new(Issuer::new(spec).unwrap()));
    gate.published.configure(&issuers);
    assert!(gate.core.check_again(&identity, at(0)).is_err());
    gate.issuers = issuers.to_vec();
    gate.publish(&KEYS.jwks(), at(0));
    assert_refused(gate.judge(&token, at(0)), AuthError::WrongAudience);
}

#[test]
fn the_cores_table_is_bounded_and_forgets_the_oldest() {
    let mut gate = Gate::new();
    let tokens: Vec<_> = (0..4100)
        .map(|index| {
            let mut draft = Draft::oidc();
            draft.claims["jti"] = json!(format!("t-{index}"));
            draft.token()
        })
        .collect();
    for _ in 0..2 {
        for token in &tokens {
            let _ = assert_proven(gate.judge(token, at(0)));
        }
    }
}
