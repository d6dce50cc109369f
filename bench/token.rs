//! What it costs to know a caller: a full verification, and a hit on each level of the cache.

#[path = "../tests/auth/forge.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod forge;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use forge::{Draft, Gate, Signer, at};
use serde_json::json;
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

fn full(bench: &mut Criterion) {
    for (alg, kid, signer) in [
        ("RS256", "rsa", Signer::Rs256),
        ("PS256", "rsa", Signer::Ps256),
        ("ES256", "ec", Signer::Es256),
    ] {
        let gate = Gate::new();
        let token = token(alg, kid, signer);
        bench.bench_function(&format!("token/full/{alg}/{}B", token.len()), |bench| {
            bench.iter_batched(
                || Authenticator::new(&gate.published, SharedTokens::new()),
                |mut core| authenticate(&mut core, &mut LastBearer::default(), &token),
                criterion::BatchSize::SmallInput,
            );
        });
    }
}

fn hits(bench: &mut Criterion) {
    let mut gate = Gate::new();
    let token = token("RS256", "rsa", Signer::Rs256);
    authenticate(&mut gate.core, &mut gate.last, &token);
    bench.bench_function("token/hit/connection", |bench| {
        bench.iter(|| authenticate(&mut gate.core, &mut gate.last, &token));
    });
    bench.bench_function("token/hit/core", |bench| {
        bench.iter(|| authenticate(&mut gate.core, &mut LastBearer::default(), &token));
    });
    bench.bench_function("token/hit/process", |bench| {
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

criterion_group!(benches, full, hits);
criterion_main!(benches);
