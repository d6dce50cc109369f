//! Tokens: whatever is sent, only the one that the issuer signed proves anything.

#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use sluice::auth::{
    Authenticator, Issuer, IssuerKind, IssuerSpec, LastBearer, PublishedKeys, SharedTokens,
    Verdict, parse_jwks,
};
use sluice::base::clock::{Mono, Now, Wall};

const TOKEN: &[u8] = include_bytes!("../seeds/bearer/good");
const KEYS: &[u8] = include_bytes!("../seeds/jwks/rsa");
const NOW: Now = Now {
    mono: Mono(1),
    wall: Wall(1_800_000_000_000_000_000),
};

static PUBLISHED: LazyLock<PublishedKeys> = LazyLock::new(|| {
    let kind = IssuerKind::Oidc {
        issuer: "https://idp.example/realm".into(),
        roles: "roles".into(),
        groups: "groups".into(),
    };
    let spec = IssuerSpec::new("idp", kind, vec!["api://sluice".into()]);
    let issuer = Arc::new(Issuer::new(spec).expect("a valid issuer"));
    let published = PublishedKeys::new(vec![issuer.clone()]);
    let keys = parse_jwks(KEYS).expect("valid keys");
    published
        .publish(&issuer, keys, NOW.mono)
        .expect("a known issuer");
    let mut judge = Authenticator::new(&published, SharedTokens::new());
    let verdict = judge.authenticate(&mut LastBearer::default(), TOKEN, NOW);
    assert!(matches!(verdict, Verdict::Proven(_)), "{verdict:?}");
    published
});

thread_local! {
    /// It remembers the good token, and must never take another one for it.
    static JUDGE: std::cell::RefCell<(Authenticator, LastBearer)> = std::cell::RefCell::new((
        Authenticator::new(&PUBLISHED, SharedTokens::new()),
        LastBearer::default(),
    ));
}

fuzz_target!(|token: &[u8]| {
    JUDGE.with_borrow_mut(|(judge, last)| {
        let verdict = judge.authenticate(last, token, NOW);
        let proven = matches!(verdict, Verdict::Proven(_));
        assert_eq!(proven, token == TOKEN, "{verdict:?}");
        if let Verdict::NeedKey(wanted) = verdict {
            let field = [b"Bearer ", token].concat();
            let after = judge.authenticate_after(wanted, last, &field, NOW);
            assert!(matches!(after, Verdict::Refused(_)), "{after:?}");
        }
    });
});
