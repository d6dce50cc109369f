//! What it costs to charge a call: to no budget, to one of each kind, and to four at once, with ten
//! thousand principals known.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use sluice::base::clock::{Mono, Now, Wall};
use sluice::policy::budget::{BudgetSpec, Budgets, Limit};

const CALLS: Limit = Limit::Calls {
    calls: 1_000_000,
    per: Duration::from_secs(1),
};
const CONCURRENT: Limit = Limit::Concurrent(4);

fn to(tools: Option<&str>, limit: Limit) -> BudgetSpec {
    BudgetSpec {
        tools: tools.map(str::to_owned),
        limit,
    }
}

fn take(bench: &mut Criterion) {
    let search = Some("search_*");
    let two_of_each = vec![
        to(None, CALLS),
        to(search, CALLS),
        to(None, CONCURRENT),
        to(search, CONCURRENT),
    ];
    let cases = [
        ("none covers it", vec![to(Some("delete_*"), CALLS)]),
        ("calls", vec![to(None, CALLS)]),
        ("concurrent", vec![to(None, CONCURRENT)]),
        ("two of each", two_of_each),
    ];
    let principals: Vec<_> = (0..10_000)
        .map(|n| format!("entra/7e2f0000-0000-4000-8000-000000000001/{n:036}"))
        .collect();
    for (name, specs) in cases {
        let budgets = Budgets::compile(&specs).expect("good budgets");
        let mut turn = 0;
        bench.bench_function(&format!("budget/{name}"), |bench| {
            bench.iter(|| {
                turn += 1;
                // A microsecond passes with each call, so that none is refused.
                let now = Now {
                    mono: Mono(turn * 1_000),
                    wall: Wall::default(),
                };
                let principal = &principals[turn as usize % principals.len()];
                budgets.take(black_box(principal), Some("search_tickets"), now)
            });
        });
    }
}

criterion_group!(benches, take);
criterion_main!(benches);
