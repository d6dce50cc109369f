//! Bound to a certificate: the connection's, or nobody's.

use serde_json::json;
use sluice::auth::{AuthError, Confirmation, Verdict};

use super::gate;
use crate::forge::{Draft, at, b64};

fn bound(print: [u8; 32]) -> String {
    let mut draft = Draft::entra_app();
    draft.claims["cnf"] = json!({"x5t#S256": b64(print)});
    draft.token()
}

/// What comes of showing it over a connection with that certificate.
fn shown(token: &str, certificate: Option<&str>) -> Option<AuthError> {
    let mut gate = gate(|_| {});
    let field = format!("Bearer {token}");
    let verdict = gate
        .core
        .authenticate_field(&mut gate.last, field.as_bytes(), at(0));
    let Verdict::Bound(bound) = verdict else {
        panic!("{verdict:?}");
    };
    assert!(matches!(bound.confirmation(), Confirmation::Certificate(_)));
    bound.by_certificate(certificate).err()
}

#[test]
fn the_certificate_is_the_one_that_the_token_names() {
    let token = bound([7; 32]);
    assert_eq!(shown(&token, Some(&b64([7; 32]))), None);
    assert_eq!(shown(&token, None), Some(AuthError::CertificateMissing));
    let mut near = [7; 32];
    near[31] ^= 1;
    for other in [
        &b64([8; 32]),
        &b64(near),
        &b64([7; 31]),
        &b64([7; 33]),
        &format!("{}=", b64([7; 32])),
        &b64([7; 32]).to_uppercase(),
        "",
        "no base64",
    ] {
        let refused = shown(&token, Some(other));
        assert_eq!(refused, Some(AuthError::CertificateDiffers), "{other}");
    }
}

#[test]
fn it_is_shown_by_itself() {
    let mut gate = gate(|_| {});
    let field = format!("DPoP {}", bound([7; 32]));
    let verdict = gate
        .core
        .authenticate_field(&mut gate.last, field.as_bytes(), at(0));
    assert!(matches!(
        verdict,
        Verdict::Refused(AuthError::SchemeDisagrees)
    ));
}
