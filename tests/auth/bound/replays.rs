//! A proof is good once, for a while, and for the nonce in force.

use ring::digest::{SHA256, digest};
use serde_json::json;
use sluice::auth::{Asked, AuthError, Authenticator, Flaw, LastBearer, Proofs, Verdict};

use super::{ASKED, bound_to, gate, proof, show};
use crate::forge::{Draft, Gate, NOW, Signer, at, b64};

const HOLDER: Signer = Signer::OtherEs256;

/// A good proof, made `later` than [`NOW`], with that `jti`.
fn made(token: &str, later: i64, jti: &str) -> String {
    let mut draft = proof(token, "ES256", HOLDER);
    draft.claims["iat"] = json!(NOW.checked_add_signed(later).unwrap());
    draft.claims["jti"] = json!(jti);
    draft.token()
}

fn flaw(why: Flaw) -> Option<AuthError> {
    Some(AuthError::Proof(why))
}

#[test]
fn a_proof_is_good_once_whichever_core_sees_it() {
    let gate = gate(|_| {});
    let proofs = Proofs::new(&[1; 32], at(0).wall);
    let mut cores = [(); 2].map(|()| {
        Authenticator::new(&gate.published, gate.shared.clone()).with_proofs(proofs.clone())
    });
    let token = bound_to(HOLDER);
    for round in 0..4 {
        let good = made(&token, 0, &format!("round-{round}"));
        let (first, second) = (round % 2, (round + 1) % 2);
        assert!(show(&mut cores[first], &token, &good, &ASKED, at(0)).is_ok());
        for core in [second, first] {
            for now in [0, 1, 59, 60] {
                let again = show(&mut cores[core], &token, &good, &ASKED, at(now)).err();
                assert_eq!(again, flaw(Flaw::Replayed), "{now}");
            }
            let late = show(&mut cores[core], &token, &good, &ASKED, at(61)).err();
            assert_eq!(late, flaw(Flaw::Old));
        }
    }
}

/// Who sees a proof that does not pass has not used it up.
#[test]
fn a_proof_that_was_refused_is_not_spent() {
    let mut gate = gate(|_| {});
    let token = bound_to(HOLDER);
    let good = made(&token, 0, "a");
    let other = Asked {
        path: "/up/other",
        ..ASKED
    };
    let refused = show(&mut gate.core, &token, &good, &other, at(0)).err();
    assert_eq!(refused, flaw(Flaw::Url));
    assert!(show(&mut gate.core, &token, &good, &ASKED, at(0)).is_ok());
}

#[test]
fn a_proof_is_of_now() {
    let token = bound_to(HOLDER);
    for (later, want) in [
        (-61, flaw(Flaw::Old)),
        (-60, None),
        (60, None),
        (61, flaw(Flaw::Future)),
    ] {
        // It began long ago, so that what was made since is known.
        let mut gate = gate(|_| {});
        let now = at(1000);
        let good = made(&token, 1000 + later, "a");
        let outcome = show(&mut gate.core, &token, &good, &ASKED, now).err();
        assert_eq!(outcome, want, "{later}");
    }
    let mut gate = gate(|spec| spec.proofs.window = std::time::Duration::from_secs(5));
    let old = show(&mut gate.core, &token, &made(&token, 0, "a"), &ASKED, at(6)).err();
    assert_eq!(old, flaw(Flaw::Old));
}

#[test]
fn what_was_made_before_the_process_began_may_have_been_shown() {
    let mut gate = gate(|_| {});
    let token = bound_to(HOLDER);
    let before = show(
        &mut gate.core,
        &token,
        &made(&token, -1, "a"),
        &ASKED,
        at(0),
    )
    .err();
    assert_eq!(before, flaw(Flaw::Forgotten));
    assert!(show(&mut gate.core, &token, &made(&token, 0, "a"), &ASKED, at(0)).is_ok());
}

#[test]
fn two_holders_may_choose_the_same_name_for_a_proof() {
    let mut gate = gate(|_| {});
    for (alg, signer) in [("ES256", HOLDER), ("EdDSA", Signer::OtherEdDsa)] {
        let token = bound_to(signer);
        let good = proof(&token, alg, signer).token();
        assert!(show(&mut gate.core, &token, &good, &ASKED, at(0)).is_ok());
    }
}

/// A request that waits is judged again, and its proof is good for it.
#[test]
fn a_request_proves_it_once_for_as_long_as_it_waits() {
    let mut gate = gate(|_| {});
    let token = bound_to(HOLDER);
    let good = made(&token, 0, "a");
    let (_, possession) = show(&mut gate.core, &token, &good, &ASKED, at(0)).unwrap();
    let mut again = |token: &str| {
        let field = format!("DPoP {token}");
        let verdict =
            gate.core
                .authenticate_field(&mut LastBearer::default(), field.as_bytes(), at(90));
        let Verdict::Bound(bound) = verdict else {
            panic!("{verdict:?}");
        };
        bound.by_possession(&possession).err()
    };
    assert_eq!(again(&token), None);
    // Of another token it says nothing, whoever holds that.
    let mut other = Draft::entra_app();
    other.claims["uti"] = json!("another");
    other.claims["cnf"] = json!({"jkt": super::thumbprint(&crate::forge::KEYS.holder_jwk(HOLDER))});
    assert_eq!(again(&other.token()), Some(AuthError::ProofMissing));
    assert_eq!(
        again(&bound_to(Signer::OtherEdDsa)),
        Some(AuthError::ProofMissing)
    );
}

/// Shows a proof with that nonce; answers the next one.
fn with_nonce(
    gate: &mut Gate,
    token: &str,
    nonce: Option<&serde_json::Value>,
    later: u64,
) -> Result<Option<String>, AuthError> {
    let mut draft = proof(token, "ES256", HOLDER);
    draft.claims["iat"] = json!(NOW + later);
    draft.claims["jti"] = json!(b64(digest(
        &SHA256,
        format!("{nonce:?} {later}").as_bytes()
    )));
    if let Some(nonce) = nonce {
        draft.claims["nonce"] = nonce.clone();
    }
    let shown = show(&mut gate.core, token, &draft.token(), &ASKED, at(later));
    shown.map(|(_, possession)| possession.nonce().map(str::to_owned))
}

#[test]
fn a_nonce_is_named_where_the_issuer_wants_one() {
    let token = bound_to(HOLDER);
    let mut strict = gate(|spec| spec.proofs.nonce = true);
    let nonce = json!(strict.core.nonce(at(0)).unwrap());
    let missing = Err(AuthError::Proof(Flaw::Nonce));
    assert_eq!(with_nonce(&mut strict, &token, None, 0), missing);
    for bad in [
        json!(""),
        json!("x"),
        json!(7),
        json!(null),
        json!([nonce]),
        json!("x".repeat(257)),
    ] {
        assert_eq!(
            with_nonce(&mut strict, &token, Some(&bad), 0),
            missing,
            "{bad}"
        );
    }
    assert_eq!(with_nonce(&mut strict, &token, Some(&nonce), 0), Ok(None));
    // The one before is taken a while longer, and then the caller is told of the next.
    let next = strict.core.nonce(at(120)).unwrap();
    assert_ne!(json!(next), nonce);
    let told = with_nonce(&mut strict, &token, Some(&nonce), 120);
    assert_eq!(told, Ok(Some(next)));
    assert_eq!(with_nonce(&mut strict, &token, Some(&nonce), 240), missing);
    // Another process makes others.
    let mut other = Authenticator::new(&strict.published, strict.shared.clone())
        .with_proofs(Proofs::new(&[9; 32], at(0).wall));
    std::mem::swap(&mut strict.core, &mut other);
    assert_eq!(with_nonce(&mut strict, &token, Some(&nonce), 1), missing);
    // And where none is wanted, none is looked at.
    let mut lax = gate(|_| {});
    assert_eq!(with_nonce(&mut lax, &token, Some(&json!("x")), 0), Ok(None));
}
