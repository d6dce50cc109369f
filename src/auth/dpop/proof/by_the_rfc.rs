//! The examples of RFC 9449 (sections 4.1, 6.1 and 7.1) and RFC 7638 (section 3.1).

use crate::base::digest::sha256;

use super::*;
use crate::auth::jwt::decode;

/// The proof of figure 13, and the token that it goes with, which is no JWT.
const PROOF: &str = concat!(
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0V",
    "jNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5",
    "VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIi",
    "wiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2",
    "MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhr",
    "tNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA",
);
const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
/// Figure 2: what goes to an authorization server, and is about no token.
const FOR_A_TOKEN: &str = concat!(
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0V",
    "jNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5",
    "VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVC",
    "IsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP",
    "4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
);
/// Figure 8: what a token says of the key.
const KEY: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
const MADE: u64 = 1_562_262_618;

fn judged(proof: &str, method: &str, origin: &str, path: &str, at: u64) -> Result<Proof, Flaw> {
    let asked = Asked {
        method,
        origin,
        path,
    };
    let token = sha256(&[TOKEN.as_bytes()]);
    let key = decode(KEY.as_bytes()).and_then(|key| key.try_into().ok());
    let key: Thumbprint = key.expect("a thumbprint");
    let wall = Wall(at * 1_000_000_000);
    judge(
        proof.as_bytes(),
        &asked,
        (&key, &token),
        &ProofRules::default(),
        wall,
    )
}

#[test]
fn the_proof_for_a_resource_is_good_for_it() {
    let origin = "https://resource.example.org";
    let judged = |method, path, at| {
        let judged = judged(PROOF, method, origin, path, at);
        judged.map(|proof| proof.made)
    };
    assert_eq!(judged("GET", "/protectedresource", MADE), Ok(MADE));
    assert_eq!(judged("GET", "/protectedresource", MADE + 60), Ok(MADE));
    let old = judged("GET", "/protectedresource", MADE + 61);
    assert_eq!(old, Err(Flaw::Old));
    let post = judged("POST", "/protectedresource", MADE);
    assert_eq!(post, Err(Flaw::Method));
    assert_eq!(judged("GET", "/other", MADE), Err(Flaw::Url));
}

#[test]
fn the_proof_for_a_token_is_good_for_nothing_here() {
    let judged = judged(
        FOR_A_TOKEN,
        "POST",
        "https://server.example.com",
        "/token",
        MADE,
    );
    assert_eq!(judged.err(), Some(Flaw::Token));
}

/// The key of RFC 7638, and what its thumbprint is.
#[test]
fn a_key_has_the_thumbprint_of_the_rfc() {
    let n = concat!(
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn",
        "jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qM",
        "QvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJz",
        "KnqDKgw",
    );
    let jwk = format!(r#"{{"kty":"RSA","n":"{n}","e":"AQAB","alg":"RS256","kid":"2011-04-29"}}"#);
    let document = Document::parse(jwk.as_bytes()).expect("JSON");
    let key = Key::nameless(document.root()).expect("a key");
    let want = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    assert_eq!(encode(&key.thumbprint()), want);
}
