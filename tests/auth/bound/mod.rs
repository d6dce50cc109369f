//! Tokens that are bound to their holders: none proves anything before its holder is shown.

mod attacks;
mod certificates;
mod oracle;
mod replays;

use std::sync::Arc;

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use sluice::auth::{
    Asked, AuthError, Authenticator, Binding, Flaw, Identity, IssuerSpec, LastBearer, Possession,
    Proofs, Verdict,
};
use sluice::base::clock::Now;

use super::forge::{Draft, Gate, KEYS, NOW, Signer, at, b64, entra_spec};

/// What is asked for, unless a test asks for something else.
const ASKED: Asked<'_> = Asked {
    method: "POST",
    origin: "https://gateway.example",
    path: "/up/a-b",
};

/// The thumbprint of a key by the text of RFC 7638, section 3.2: its members in the order of their names.
fn thumbprint(jwk: &Value) -> String {
    let names: &[&str] = match jwk["kty"].as_str().unwrap() {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        _ => &["crv", "kty", "x"],
    };
    let members: Vec<_> = names
        .iter()
        .map(|name| format!("\"{name}\":{}", jwk[*name]))
        .collect();
    let text = format!("{{{}}}", members.join(","));
    b64(digest(&SHA256, text.as_bytes()))
}

/// A token that is bound to the key of `signer`.
fn bound_to(signer: Signer) -> String {
    let mut draft = Draft::entra_app();
    draft.claims["cnf"] = json!({"jkt": thumbprint(&KEYS.holder_jwk(signer))});
    draft.token()
}

/// A good proof of [`ASKED`] for `token`, by the key of `signer`.
fn proof(token: &str, alg: &str, signer: Signer) -> Draft {
    let header = json!({"typ": "dpop+jwt", "alg": alg, "jwk": KEYS.holder_jwk(signer)});
    let claims = json!({
        "htm": "POST", "htu": "https://gateway.example/up/a-b", "iat": NOW, "jti": "proof-1",
        "ath": b64(digest(&SHA256, token.as_bytes())),
    });
    Draft::made(header, claims, signer)
}

/// The gate of an issuer with these rules.
fn gate(change: impl FnOnce(&mut IssuerSpec)) -> Gate {
    let mut spec = entra_spec();
    change(&mut spec);
    Gate::of([spec])
}

/// Shows a token with a proof.
fn show(
    core: &mut Authenticator,
    token: &str,
    proof: &str,
    asked: &Asked<'_>,
    now: Now,
) -> Result<(Identity, Possession), AuthError> {
    let field = format!("DPoP {token}");
    match core.authenticate_field(&mut LastBearer::default(), field.as_bytes(), now) {
        Verdict::Bound(bound) => core.judge_proof(bound, proof.as_bytes(), asked, now),
        Verdict::Refused(error) => Err(error),
        other => panic!("{other:?}"),
    }
}

/// What a fresh gate says to a proof of [`ASKED`].
fn judged(token: &str, proof: &str, now: Now) -> Result<Identity, AuthError> {
    let mut gate = gate(|_| {});
    show(&mut gate.core, token, proof, &ASKED, now).map(|(identity, _)| identity)
}

#[test]
fn a_proof_opens_the_door_to_its_token() {
    for (alg, signer) in [
        ("ES256", Signer::OtherEs256),
        ("ES384", Signer::Es384),
        ("EdDSA", Signer::OtherEdDsa),
        ("RS256", Signer::Rs256),
        ("PS256", Signer::Ps256),
    ] {
        let token = bound_to(signer);
        let proof = proof(&token, alg, signer).token();
        let identity = judged(&token, &proof, at(0)).unwrap();
        assert!(identity.is_bound());
        let other = bound_to(Signer::Es256);
        let refused = judged(&other, &proof, at(0)).unwrap_err();
        assert_eq!(refused, AuthError::Proof(Flaw::OtherKey), "{alg}");
    }
}

/// Whatever remembers it, and whoever shows it.
#[test]
fn no_memory_of_a_token_is_without_what_it_is_bound_to() {
    let mut gate = gate(|_| {});
    let token = bound_to(Signer::OtherEs256);
    let good = proof(&token, "ES256", Signer::OtherEs256).token();
    let by_itself = format!("Bearer {token}");
    let with_proof = format!("DPoP {token}");
    assert!(show(&mut gate.core, &token, &good, &ASKED, at(0)).is_ok());
    let mut cores = [
        Authenticator::new(&gate.published, gate.shared.clone()),
        gate.core,
    ];
    for core in &mut cores {
        // The second time the connection knows it.
        let mut last = LastBearer::default();
        for _ in 0..2 {
            let alone = core.authenticate_field(&mut last, by_itself.as_bytes(), at(0));
            assert!(matches!(
                alone,
                Verdict::Refused(AuthError::SchemeDisagrees)
            ));
            let alone = core.authenticate(&mut last, token.as_bytes(), at(0));
            assert!(matches!(
                alone,
                Verdict::Refused(AuthError::SchemeDisagrees)
            ));
            let bound = core.authenticate_field(&mut last, with_proof.as_bytes(), at(0));
            assert!(matches!(bound, Verdict::Bound(_)), "{bound:?}");
        }
    }
}

#[test]
fn a_token_of_nobodys_is_not_shown_with_a_proof() {
    let token = Draft::entra_app().token();
    let good = proof(&token, "ES256", Signer::OtherEs256).token();
    let refused = judged(&token, &good, at(0)).unwrap_err();
    assert_eq!(refused, AuthError::SchemeDisagrees);
}

#[test]
fn the_scheme_is_one_word_and_one_token() {
    let mut gate = gate(|_| {});
    let token = bound_to(Signer::OtherEs256);
    let mut judge = |field: &str| {
        let verdict = gate
            .core
            .authenticate_field(&mut gate.last, field.as_bytes(), at(0));
        matches!(verdict, Verdict::Bound(_))
    };
    for good in ["DPoP", "dpop", "DPOP"] {
        assert!(judge(&format!("{good} {token}")), "{good}");
    }
    for bad in [
        "DPoP  T", "DPoP", "DPoP ", "DPoPT", "DPoP\tT", "DPoP T T", "DPoP T,T", "T", "PoP T",
    ] {
        assert!(!judge(&bad.replace('T', &token)), "{bad}");
    }
}

/// A token that is bound in neither way, to a certificate, and to a key.
#[test]
fn an_issuer_may_want_its_tokens_bound() {
    let bound = |cnf: Value| {
        let mut draft = Draft::entra_app();
        draft.claims["cnf"] = cnf;
        draft.token()
    };
    let tokens = [
        Draft::entra_app().token(),
        bound(json!({"x5t#S256": b64([1; 32])})),
        bound(json!({"jkt": b64([1; 32])})),
    ];
    use AuthError::{BoundOtherwise, NotBound};
    for (binding, want) in [
        (Binding::Optional, [None, None, None]),
        (Binding::Required, [Some(NotBound), None, None]),
        (
            Binding::Certificate,
            [Some(NotBound), None, Some(BoundOtherwise)],
        ),
        (Binding::Dpop, [Some(NotBound), Some(BoundOtherwise), None]),
    ] {
        for ((token, scheme), want) in tokens.iter().zip(["Bearer", "Bearer", "DPoP"]).zip(want) {
            let mut gate = gate(|spec| spec.binding = binding);
            let field = format!("{scheme} {token}");
            let verdict = gate
                .core
                .authenticate_field(&mut gate.last, field.as_bytes(), at(0));
            match (verdict, want) {
                (Verdict::Refused(why), Some(want)) => assert_eq!(why, want, "{binding:?}"),
                (Verdict::Proven(_) | Verdict::Bound(_), None) => {}
                (verdict, want) => panic!("{binding:?}: {verdict:?} instead of {want:?}"),
            }
        }
    }
}

/// What a judge has not been given, it cannot remember.
#[test]
fn a_judge_without_a_memory_of_proofs_takes_none() {
    let gate = gate(|_| {});
    let mut core = Authenticator::new(&gate.published, gate.shared.clone());
    let token = bound_to(Signer::OtherEs256);
    let good = proof(&token, "ES256", Signer::OtherEs256).token();
    let refused = show(&mut core, &token, &good, &ASKED, at(0)).err();
    assert_eq!(refused, Some(AuthError::ProofsFull));
    let mut core = core.with_proofs(Proofs::new(&[1; 32], at(0).wall));
    assert!(show(&mut core, &token, &good, &ASKED, at(0)).is_ok());
}

#[test]
fn nothing_shows_a_bound_token() {
    let mut gate = gate(|_| {});
    let token = bound_to(Signer::OtherEs256);
    let field = format!("DPoP {token}");
    let verdict = gate
        .core
        .authenticate_field(&mut gate.last, field.as_bytes(), at(0));
    let shown = format!("{verdict:?}");
    assert!(
        shown.starts_with("Bound(") && !shown.contains(&token[..20]),
        "{shown}"
    );
}

/// A window is configured with the issuer, within bounds.
#[test]
fn rules_for_proofs_are_judged() {
    use sluice::auth::{Issuer, IssuerError};
    let judged = |change: fn(&mut IssuerSpec)| {
        let mut spec = entra_spec();
        change(&mut spec);
        Issuer::new(spec).map(Arc::new).err()
    };
    assert_eq!(judged(|_| {}), None);
    let none = judged(|spec| spec.proofs.algorithms.clear());
    assert_eq!(none, Some(IssuerError::Proofs));
    let long = judged(|spec| spec.proofs.window = std::time::Duration::from_secs(301));
    assert_eq!(long, Some(IssuerError::Proofs));
}
