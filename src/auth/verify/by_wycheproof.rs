//! Against the vectors of Project Wycheproof: every signature is judged by the way that tokens take,
//! from a key set's text on, under every algorithm that a key of its type could be asked for.
//!
//! What is labelled valid verifies under its own algorithm and no other, what is labelled invalid or
//! acceptable does not verify under its own. Where a valid signature is refused all the same,
//! [`Group::beyond`] has the reason; an invalid one of such a group may well be a valid one by what we
//! speak, and is then somebody else's test.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wycheproof::ecdsa::{self, TestGroupTypeId};
use wycheproof::{EdwardsCurve, EllipticCurve, HashFunction, TestResult};
use wycheproof::{eddsa, rsa_pkcs1_verify as pkcs1, rsa_pss_verify as pss};

use super::{Algorithm, signature};
use crate::auth::{JwksError, Keys, parse_jwks};

/// Signatures by one key.
struct Group {
    jwk: String,
    /// The algorithm that they are for; nothing where it is none that tokens can name.
    algorithm: Option<Algorithm>,
    /// Why nothing of it verifies here.
    beyond: Option<&'static str>,
    tests: Vec<Test>,
}

struct Test {
    id: usize,
    message: Vec<u8>,
    signature: Vec<u8>,
    is_valid: bool,
}

/// The same fields in types of four modules.
macro_rules! tests {
    ($group:expr) => {
        ($group.tests.iter())
            .map(|test| Test {
                id: test.tc_id,
                message: test.msg.to_vec(),
                signature: test.sig.to_vec(),
                is_valid: test.result == TestResult::Valid,
            })
            .collect()
    };
}

/// How many signatures were judged, and with what outcome.
#[derive(Default, PartialEq, Eq, Debug)]
struct Tried {
    tests: usize,
    verified: usize,
    /// Labelled invalid or acceptable, and refused.
    refused: usize,
    /// Labelled valid and refused, for a reason that the group gives.
    beyond: usize,
}

impl Tried {
    fn judge(&mut self, set: &str, group: &Group) {
        let keys: Result<Keys, JwksError> =
            parse_jwks(format!(r#"{{"keys":[{}]}}"#, group.jwk).as_bytes());
        if keys.is_err() {
            assert!(
                group.beyond.is_some(),
                "{set}: the key is refused: {}",
                group.jwk
            );
        }
        for test in &group.tests {
            let name = format!("{set}, test {}", test.id);
            self.tests += 1;
            let key = keys.as_ref().ok().and_then(|keys| keys.find("k"));
            let verifies = |algorithm: &Algorithm| {
                key.is_some_and(|key| {
                    signature(*algorithm, key, &test.message, &test.signature).is_ok()
                })
            };
            let by: Vec<Algorithm> = Algorithm::ALL.into_iter().filter(verifies).collect();
            match (group.algorithm, group.beyond) {
                (_, Some(_)) if test.is_valid => {
                    assert_eq!(by, [], "{name}");
                    self.beyond += 1;
                }
                (_, Some(_)) => {}
                (Some(own), None) if test.is_valid => {
                    assert_eq!(by, [own], "{name}");
                    self.verified += 1;
                }
                (own, None) => {
                    let own = own.expect("a group without an algorithm has a reason");
                    assert!(!by.contains(&own), "{name}");
                    self.refused += 1;
                }
            }
        }
    }
}

fn rsa_jwk(n: &[u8], e: &[u8]) -> String {
    // Vectors write integers with a sign; key sets write none (RFC 7518, section 2).
    let number = |bytes: &[u8]| {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        URL_SAFE_NO_PAD.encode(&bytes[zeros..])
    };
    format!(
        r#"{{"kty":"RSA","kid":"k","n":"{}","e":"{}"}}"#,
        number(n),
        number(e)
    )
}

/// RSA by exponent: smaller ones than FIPS 186-5 allows are refused with their key.
fn small_exponent(e: &[u8]) -> Option<&'static str> {
    let exponent = e
        .iter()
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    (exponent < 65_537).then_some("the exponent is below FIPS 186-5's")
}

#[test]
fn rsa_pkcs1() {
    let mut tried = Tried::default();
    for name in pkcs1::TestName::all() {
        for group in pkcs1::TestSet::load(name).unwrap().test_groups {
            let algorithm = match group.hash {
                HashFunction::Sha2_256 => Some(Algorithm::Rs256),
                HashFunction::Sha2_384 => Some(Algorithm::Rs384),
                HashFunction::Sha2_512 => Some(Algorithm::Rs512),
                _ => None,
            };
            let other_hash = algorithm.is_none().then_some("no algorithm has that hash");
            let group = Group {
                jwk: rsa_jwk(&group.key.n, &group.key.e),
                algorithm,
                beyond: other_hash.or(small_exponent(&group.key.e)),
                tests: tests!(group),
            };
            tried.judge(&format!("{name:?}"), &group);
        }
    }
    assert_eq!(tried.tests, 6_202, "{tried:?}");
    assert!(
        tried.verified > 80 && tried.refused > 2_000 && tried.beyond > 0,
        "{tried:?}"
    );
}

#[test]
fn rsa_pss() {
    let mut tried = Tried::default();
    for name in pss::TestName::all() {
        for group in pss::TestSet::load(name).unwrap().test_groups {
            let (algorithm, length) = match group.hash {
                HashFunction::Sha2_256 => (Some(Algorithm::Ps256), 32),
                HashFunction::Sha2_384 => (Some(Algorithm::Ps384), 48),
                HashFunction::Sha2_512 => (Some(Algorithm::Ps512), 64),
                _ => (None, 0),
            };
            // RFC 7518, section 3.5.
            let beyond = match () {
                () if algorithm.is_none() => Some("no algorithm has that hash"),
                () if group.mgf_hash != Some(group.hash) => Some("the mask's hash is another"),
                () if group.salt_size != length => Some("the salt is not as long as the hash"),
                () => small_exponent(&group.key.e),
            };
            let group = Group {
                jwk: rsa_jwk(&group.key.n, &group.key.e),
                algorithm,
                beyond,
                tests: tests!(group),
            };
            tried.judge(&format!("{name:?}"), &group);
        }
    }
    assert_eq!(tried.tests, 3_497, "{tried:?}");
    assert!(
        tried.verified > 100 && tried.refused > 50 && tried.beyond > 0,
        "{tried:?}"
    );
}

#[test]
fn ecdsa_in_both_forms_on_every_curve() {
    let mut tried = Tried::default();
    for name in ecdsa::TestName::all() {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let (curve, length, hash, algorithm) = match group.key.curve {
                EllipticCurve::Secp256r1 => ("P-256", 32, HashFunction::Sha2_256, Algorithm::Es256),
                EllipticCurve::Secp384r1 => ("P-384", 48, HashFunction::Sha2_384, Algorithm::Es384),
                _ => ("another", 1, HashFunction::Sha1, Algorithm::Es256),
            };
            let (x, y) = group.key.key[1..].split_at((group.key.key.len() - 1) / 2);
            let beyond = match () {
                () if x.len() != length => Some("tokens are not signed on that curve"),
                () if group.hash != hash => Some("the curve goes with another hash"),
                () if group.test_type != TestGroupTypeId::EcdsaP1363 => {
                    Some("tokens have both numbers at full length, not DER")
                }
                () => None,
            };
            let group = Group {
                jwk: format!(
                    r#"{{"kty":"EC","kid":"k","crv":"{curve}","x":"{}","y":"{}"}}"#,
                    URL_SAFE_NO_PAD.encode(x),
                    URL_SAFE_NO_PAD.encode(y)
                ),
                algorithm: Some(algorithm),
                beyond,
                tests: tests!(group),
            };
            tried.judge(&format!("{name:?}"), &group);
        }
    }
    assert_eq!(tried.tests, 29_903, "{tried:?}");
    assert!(
        tried.verified > 200 && tried.refused > 100 && tried.beyond > 0,
        "{tried:?}"
    );
}

#[test]
fn ed25519() {
    let mut tried = Tried::default();
    for name in eddsa::TestName::all() {
        for group in eddsa::TestSet::load(name).unwrap().test_groups {
            let is_ours = group.jwk.curve == EdwardsCurve::Ed25519;
            let curve = if is_ours { "Ed25519" } else { "Ed448" };
            let x = URL_SAFE_NO_PAD.encode(&*group.jwk.x);
            let group = Group {
                jwk: format!(r#"{{"kty":"OKP","kid":"k","crv":"{curve}","x":"{x}"}}"#),
                algorithm: Some(Algorithm::EdDsa),
                beyond: (!is_ours).then_some("no keys of Ed448 are taken"),
                tests: tests!(group),
            };
            tried.judge(curve, &group);
        }
    }
    assert!(tried.tests > 151, "{tried:?}");
    assert!(
        tried.verified > 50 && tried.refused > 50 && tried.beyond > 0,
        "{tried:?}"
    );
}
