//! Tokens read aloud.

use super::forge::{AUTHORITY, CLIENT, Draft, Gate, NOW, Signer, TENANT, at};
use serde_json::json;
use sluice::auth::AuthError;
use sluice::auth::inspect::{Inspection, Signature, assumed, inspect};

fn read(draft: &Draft) -> Inspection {
    let token = draft.token();
    let inspection = inspect(token.as_bytes(), &Gate::new().published.load(), at(0));
    let shown = format!("{inspection:?}");
    for part in token.split('.') {
        assert!(
            part.is_empty() || !shown.contains(part),
            "the token is shown"
        );
    }
    inspection
}

fn note<'i>(inspection: &'i Inspection, claim: &str) -> &'i str {
    let line = inspection.claims.iter().find(|line| line.name == claim);
    line.unwrap().note.as_deref().unwrap_or_default()
}

#[test]
fn a_good_token() {
    let good = read(&Draft::entra_app());
    assert!(good.failing.is_empty(), "{:?}", good.failing);
    assert_eq!(good.signature, Signature::Verified);
    assert_eq!(
        note(&good, "iss"),
        "the configured issuer `entra`, version 2"
    );
    assert_eq!(
        note(&good, "exp"),
        "2027-01-15T09:00:00Z, expires in 60 min"
    );
    assert_eq!(note(&good, "iat"), "2027-01-15T07:59:50Z, 10 s ago");
    assert_eq!(note(&good, "roles"), "1 listed");
}

#[test]
fn every_failing_check_is_named() {
    let mut draft = Draft::entra_app();
    draft.header["crit"] = json!([]);
    draft.claims["exp"] = json!(NOW - 7200);
    draft.claims["aud"] = json!("other");
    draft.claims["email"] = json!("a@b.example");
    let bad = read(&draft);
    assert_eq!(
        bad.failing,
        [
            AuthError::Critical,
            AuthError::WrongAudience,
            AuthError::Expired
        ]
    );
    assert_eq!(bad.signature, Signature::NotChecked);
    assert_eq!(note(&bad, "email"), "never used to authorise");

    let forged = read(&Draft::entra_app().by("ES256", "ec", Signer::OtherEs256));
    assert_eq!(forged.failing, [AuthError::BadSignature]);
    assert_eq!(forged.signature, Signature::Bad);

    let unknown = read(&Draft::entra_app().by("ES256", "junk", Signer::Es256));
    assert_eq!(unknown.signature, Signature::NotChecked);
    assert!(
        unknown.failing.is_empty(),
        "its key is not at hand, which is no failure of its own"
    );

    let nonsense = inspect(b"nonsense", &Gate::new().published.load(), at(0));
    assert_eq!(nonsense.failing, [AuthError::NotThreeParts]);
}

#[test]
fn grounds_can_be_assumed_for_explaining() {
    let issuers = Gate::new().issuers;
    let claims = json!({
        "iss": format!("{AUTHORITY}/{TENANT}/v2.0"), "ver": "2.0", "tid": TENANT,
        "oid": CLIENT, "azp": CLIENT, "idtyp": "app", "roles": ["Directory.Read"],
    });
    let grounds = assumed(&issuers, claims.to_string().as_bytes()).unwrap();
    assert_eq!(grounds.client(), Some(CLIENT));
    assert_eq!(
        assumed(&issuers, b"{}").err(),
        Some(AuthError::ClaimMissing(sluice::auth::Claim::Issuer))
    );
}

#[test]
fn what_a_token_is_bound_to_is_told() {
    let bound = |cnf: serde_json::Value| {
        let mut draft = Draft::entra_app();
        draft.claims["cnf"] = cnf;
        read(&draft)
    };
    let print = super::forge::b64([1; 32]);
    for (cnf, want) in [
        (json!({"x5t#S256": print}), "that certificate"),
        (json!({"jkt": print}), "a proof by that key"),
    ] {
        let told = bound(cnf);
        assert!(note(&told, "cnf").contains(want), "{told:?}");
        assert!(told.failing.is_empty(), "{told:?}");
    }
    let unknown = bound(json!({"kid": "a"}));
    assert_eq!(unknown.failing, [AuthError::ConfirmationUnknown]);
}
