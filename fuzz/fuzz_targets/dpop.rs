//! Proofs of holders: bytes that nobody signed prove nothing, and what is signed proves only what it
//! says, once.

#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use libfuzzer_sys::fuzz_target;
use ring::digest::{SHA256, digest};
use sluice::auth::{Asked, Authenticator, Bound, LastBearer, Proofs, SharedTokens, Verdict};
use sluice_fuzz::issuer::{KEYS, NOW};
use sluice_fuzz::{signer, strict};
use url::Url;

const ASKED: Asked<'_> = Asked {
    method: "POST",
    origin: "https://gateway.example",
    path: "/up/a-b",
};

/// A token that the second key's holder may show.
static TOKEN: LazyLock<String> = LazyLock::new(|| {
    let key = signer::SECOND.thumbprint();
    signer::FIRST.token_with(&format!(r#""cnf":{{"jkt":"{key}"}}"#))
});

/// A seed that must be taken: else nothing here would be.
static TAKEN: LazyLock<()> = LazyLock::new(|| {
    let [_, claims @ .., _] = include_bytes!("../seeds/dpop/good");
    let mut judge = judge();
    let bound = shown(&mut judge);
    let proof = signer::SECOND.sign(own_header().as_bytes(), said(claims).as_bytes());
    let taken = judge.judge_proof(bound, proof.as_bytes(), &ASKED, NOW);
    assert!(taken.is_ok(), "{:?}", taken.err());
});

fn judge() -> Authenticator {
    let proofs = Proofs::new(&[1; 32], NOW.wall);
    Authenticator::new(&KEYS, SharedTokens::new()).with_proofs(proofs)
}

fn own_header() -> String {
    let jwk = signer::SECOND.jwk();
    format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk}}}"#)
}

fn hash() -> String {
    BASE64.encode(digest(&SHA256, TOKEN.as_bytes()))
}

/// Claims, with the hash of the token where that is to stand.
fn said(claims: &[u8]) -> String {
    String::from_utf8_lossy(claims).replace("HASH", &hash())
}

fn shown(judge: &mut Authenticator) -> Bound {
    let field = format!("DPoP {}", *TOKEN);
    match judge.authenticate_field(&mut LastBearer::default(), field.as_bytes(), NOW) {
        Verdict::Bound(bound) => bound,
        other => panic!("{other:?}"),
    }
}

fuzz_target!(|input: (u8, &[u8], &[u8])| {
    let (kind, header, claims) = input;
    LazyLock::force(&TAKEN);
    let mut judge = judge();
    let bound = shown(&mut judge);
    if kind % 4 == 0 {
        let taken = judge.judge_proof(bound, claims, &ASKED, NOW);
        assert!(taken.is_err(), "nobody signed it");
        return;
    }
    // Whatever its own header says, or claims that are sure to be read.
    let header = match kind % 4 {
        1 => String::from_utf8_lossy(header).replace("JWK", &signer::SECOND.jwk()),
        _ => own_header(),
    };
    let claims = said(claims);
    let proof = signer::SECOND.sign(header.as_bytes(), claims.as_bytes());
    if judge
        .judge_proof(bound, proof.as_bytes(), &ASKED, NOW)
        .is_err()
    {
        return;
    }
    let again = shown(&mut judge);
    let again = judge.judge_proof(again, proof.as_bytes(), &ASKED, NOW);
    assert!(again.is_err(), "it was shown before");

    let Some(header) = strict::read_too(header.as_bytes()) else {
        return;
    };
    assert_eq!(header["typ"], "dpop+jwt");
    assert_eq!(header["alg"], "ES256");
    assert!(header.get("crit").is_none() && header["jwk"].get("d").is_none());
    let Some(said) = strict::read_too(claims.as_bytes()) else {
        return;
    };
    assert_eq!(said["htm"], "POST");
    assert_eq!(said["ath"], hash());
    assert!(
        said["jti"]
            .as_str()
            .is_some_and(|id| (1..=256).contains(&id.len()))
    );
    let made = said["iat"].as_f64().expect("a number");
    assert!((made - signer::START as f64).abs() <= 60.0, "{made}");
    let htu = said["htu"].as_str().expect("a text");
    let url = Url::parse(htu).expect("a URL");
    assert_eq!(url.origin().ascii_serialization(), ASKED.origin);
    assert!(url.query().is_none() && url.fragment().is_none(), "{htu}");
    assert!(
        url.username().is_empty() && url.password().is_none(),
        "{htu}"
    );
    assert_eq!(decoded(url.path()), ASKED.path.as_bytes(), "{htu}");
});

/// A path without its percent-encoding.
fn decoded(path: &str) -> Vec<u8> {
    let mut pieces = path.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
        bytes.extend(rest.bytes());
    }
    bytes
}
