//! An issuer that publishes the first key of [`signer`](crate::signer), for targets that sign.

use std::sync::{Arc, LazyLock};

use sluice::auth::{Issuer, IssuerKind, IssuerSpec, PublishedKeys};
use sluice::base::clock::{Mono, Now, Wall};

use crate::signer;

/// The second in which the signer's tokens are issued.
pub const NOW: Now = Now {
    mono: Mono(1),
    wall: Wall(signer::START * 1_000_000_000),
};

/// What it has published by then.
pub static KEYS: LazyLock<PublishedKeys> = LazyLock::new(|| {
    let kind = IssuerKind::Oidc {
        issuer: "https://issuer.example".into(),
        roles: "roles".into(),
        groups: "groups".into(),
    };
    let spec = IssuerSpec::new("test", kind, vec!["api://sluice".into()]);
    let issuer = Arc::new(Issuer::new(spec).expect("an issuer"));
    let published = PublishedKeys::new(vec![Arc::clone(&issuer)]);
    published
        .publish(&issuer, signer::keys(&[&signer::FIRST]), Mono(0))
        .expect("published");
    published
});
