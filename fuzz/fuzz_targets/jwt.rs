//! Tokens: bytes that nobody signed prove nothing, and what is signed proves only what it says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice::auth::{Authenticator, LastBearer, SharedTokens, Verdict, bearer};
use sluice_fuzz::issuer::{KEYS, NOW};
use sluice_fuzz::{signer, strict};

fn judge(token: &[u8]) -> Verdict {
    let mut authenticator = Authenticator::new(&KEYS, SharedTokens::new());
    authenticator.authenticate(&mut LastBearer::default(), token, NOW)
}

fuzz_target!(|input: (bool, &[u8], &[u8])| {
    let (signed, header, claims) = input;
    if !signed {
        let token = bearer(claims).unwrap_or(claims);
        assert!(
            !matches!(judge(token), Verdict::Proven(_)),
            "nobody signed it"
        );
        return;
    }
    const HEADER: &[u8] = br#"{"alg":"ES256","typ":"at+jwt","kid":"first"}"#;
    let header = if header.is_empty() { HEADER } else { header };
    let token = signer::FIRST.sign(header, claims);
    let Verdict::Proven(identity) = judge(token.as_bytes()) else {
        return;
    };
    let Some(said) = strict::read_too(claims) else {
        return;
    };
    assert_eq!(said["iss"], "https://issuer.example");
    assert_eq!(said["sub"], identity.principal().object());
    assert!(said["aud"] == "api://sluice" || said["aud"].is_array());
    assert!(identity.usable_until() > signer::START);
    for role in identity.roles() {
        assert!(
            said["roles"]
                .as_array()
                .is_some_and(|it| it.contains(&(**role).into()))
        );
    }
});
