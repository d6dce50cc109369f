//! What it costs to know a caller: a full verification, and a hit on each level of the cache, beside
//! a verification by `jsonwebtoken`, which has no cache.

#[path = "../tests/auth/forge.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod forge;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use forge::{Draft, Gate, KEYS, Signer, at};
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::{Value, json};
use sluice::auth::{Authenticator, LastBearer, SharedTokens, Verdict};

/// A token of about 1.5 KB, as Entra's are.
fn token(alg: &str, kid: &str, signer: Signer) -> Vec<u8> {
    let mut draft = Draft::entra_app().by(alg, kid, signer);
    draft.claims["groups"] = json!(vec!["5f0e0000-1111-4222-8333-666666666666"; 12]);
    draft.token().into_bytes()
}

fn authenticate(core: &mut Authenticator, last: &mut LastBearer, token: &[u8]) {
    match core.authenticate(last, black_box(token), at(0)) {
        Verdict::Proven(identity) => drop(black_box(identity)),
        other => panic!("{other:?}"),
    }
}

/// Each in one group with the verification that a user would otherwise take.
fn tokens(criterion: &mut Criterion) {
    for (alg, kid, signer) in [
        ("RS256", "rsa", Signer::Rs256),
        ("PS256", "rsa", Signer::Ps256),
        ("ES256", "ec", Signer::Es256),
    ] {
        let token = token(alg, kid, signer);
        let mut group = criterion.benchmark_group(format!("token {alg}, {} bytes", token.len()));
        let mut gate = Gate::new();
        group.bench_function("verified", |bench| {
            bench.iter_batched(
                || Authenticator::new(&gate.published, SharedTokens::new()),
                |mut core| authenticate(&mut core, &mut LastBearer::default(), &token),
                criterion::BatchSize::SmallInput,
            );
        });
        group.bench_function("verified, jsonwebtoken", |bench| {
            let (key, validation) = oracle(alg, kid);
            let accepted = || jsonwebtoken::decode::<Value>(black_box(&token), &key, &validation);
            assert!(accepted().is_ok());
            bench.iter(|| accepted().is_ok());
        });
        authenticate(&mut gate.core, &mut gate.last, &token);
        group.bench_function("known to the connection", |bench| {
            bench.iter(|| authenticate(&mut gate.core, &mut gate.last, &token));
        });
        group.bench_function("known to the core", |bench| {
            bench.iter(|| authenticate(&mut gate.core, &mut LastBearer::default(), &token));
        });
        group.bench_function("known to the process", |bench| {
            bench.iter_batched(
                || Authenticator::new(&gate.published, gate.shared.clone()),
                |mut core| {
                    authenticate(&mut core, &mut LastBearer::default(), &token);
                    core
                },
                criterion::BatchSize::SmallInput,
            );
        });
    }
}

/// The other verification with the same key, made beforehand; time is not looked at, since the
/// token's is not ours.
fn oracle(alg: &str, kid: &str) -> (DecodingKey, Validation) {
    let part = |jwk: &Value, name: &str| jwk[name].as_str().unwrap_or_default().to_owned();
    let key = if kid == "ec" {
        let jwk = KEYS.ec_jwk(kid);
        DecodingKey::from_ec_components(&part(&jwk, "x"), &part(&jwk, "y"))
    } else {
        let jwk = KEYS.rsa_jwk(kid);
        DecodingKey::from_rsa_components(&part(&jwk, "n"), &part(&jwk, "e"))
    };
    let mut validation = Validation::new(alg.parse().expect("an algorithm"));
    validation.set_audience(&["api://sluice"]);
    validation.validate_exp = false;
    (key.expect("a key"), validation)
}

criterion_group!(benches, tokens);
criterion_main!(benches);
