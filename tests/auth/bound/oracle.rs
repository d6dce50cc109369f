//! Against another implementation, on another crypto stack: we take the proofs that it makes, and what
//! we take, it reads alike.

use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use proptest::prelude::*;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use sluice::auth::AuthError;

use super::{ASKED, bound_to, gate, judged, proof, show};
use crate::forge::{Draft, NOW, Signer, at, b64};

fn claims(token: &str) -> Value {
    json!({
        "htm": ASKED.method, "htu": "https://gateway.example/up/a-b", "iat": NOW,
        "jti": "made elsewhere", "ath": b64(digest(&SHA256, token.as_bytes())),
    })
}

/// A key of the other implementation's, and what it says of it.
fn keys() -> [(Algorithm, EncodingKey); 2] {
    let random = SystemRandom::new();
    let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let ec = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
    let pem = include_bytes!("../../data/throw-away-rsa-2048.pem");
    let rsa = PrivatePkcs8KeyDer::from_pem_slice(pem).unwrap();
    // It takes what stands within: version, algorithm and the octet string's head before it.
    let rsa = &rsa.secret_pkcs8_der()[26..];
    [
        (Algorithm::ES256, EncodingKey::from_ec_der(ec.as_ref())),
        (Algorithm::PS256, EncodingKey::from_rsa_der(rsa)),
    ]
}

#[test]
fn proofs_made_by_another_implementation_are_taken() {
    for (algorithm, key) in keys() {
        let mut jwk = Jwk::from_encoding_key(&key, algorithm).unwrap();
        jwk.common.key_algorithm = None;
        let mut draft = Draft::entra_app();
        // Its own idea of a thumbprint, too.
        draft.claims["cnf"] = json!({"jkt": jwk.thumbprint(ThumbprintHash::SHA256)});
        let token = draft.token();
        let mut header = Header::new(algorithm);
        header.typ = Some("dpop+jwt".to_owned());
        header.jwk = Some(jwk);
        let made = jsonwebtoken::encode(&header, &claims(&token), &key).unwrap();
        let judged = judged(&token, &made, at(0));
        assert!(judged.is_ok(), "{algorithm:?}: {judged:?}");
    }
}

/// Whether the other implementation finds it signed by the key that it shows.
fn oracle_accepts(proof: &str) -> bool {
    let read = || {
        let header = jsonwebtoken::decode_header(proof).ok()?;
        let key = DecodingKey::from_jwk(header.jwk.as_ref()?).ok()?;
        let mut validation = Validation::new(header.alg);
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        jsonwebtoken::decode::<Value>(proof, &key, &validation).ok()
    };
    read().is_some()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_we_take_the_oracle_finds_signed(
        edit in (0..3, any::<prop::sample::Index>(), prop::sample::select(b"AZaz09-_.=+/ {}\"".to_vec())),
        signer in prop::sample::select(vec![Signer::OtherEs256, Signer::Es256]),
    ) {
        let token = bound_to(Signer::OtherEs256);
        let mut draft = proof(&token, "ES256", Signer::OtherEs256);
        draft.signer = signer;
        let good = draft.token();
        let mut bytes = good.clone().into_bytes();
        let (kind, index, byte) = edit;
        match kind {
            0 => {}
            1 => *index.get_mut(&mut bytes) = byte,
            _ => bytes.insert(index.index(good.len()), byte),
        }
        let shown = String::from_utf8(bytes).unwrap();
        let taken = judged(&token, &shown, at(0)).is_ok();
        prop_assert_eq!(taken, signer == Signer::OtherEs256 && shown == good);
        prop_assert!(!taken || oracle_accepts(&shown));
    }

    #[test]
    fn no_bytes_panic(proof in prop::collection::vec(any::<u8>(), 0..300)) {
        let token = bound_to(Signer::OtherEs256);
        let mut gate = gate(|_| {});
        let text = String::from_utf8_lossy(&proof).into_owned();
        let refused = show(&mut gate.core, &token, &text, &ASKED, at(0)).err();
        prop_assert!(matches!(refused, Some(AuthError::Proof(_))));
    }
}

/// The property above would hold of a judge that takes nothing.
#[test]
fn both_take_a_good_one() {
    let token = bound_to(Signer::OtherEs256);
    let good = proof(&token, "ES256", Signer::OtherEs256).token();
    assert!(judged(&token, &good, at(0)).is_ok() && oracle_accepts(&good));
}
