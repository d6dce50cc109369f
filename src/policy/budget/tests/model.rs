//! Any calls, pauses and reloads: budgets answer as a token bucket does.

use std::time::Duration;

use proptest::prelude::*;

use super::budgets;
use crate::base::clock::{Mono, Now, Wall};
use crate::policy::budget::{BudgetSpec, Budgets, Limit};

/// A token bucket in nanoseconds of credit: what GCRA must agree with.
struct Model {
    specs: Vec<BudgetSpec>,
    /// By principal and budget: credit left, and when that was.
    credit: Vec<Vec<(u64, u64)>>,
    under_way: Vec<Vec<u32>>,
}

const PRINCIPALS: [&str; 2] = ["p", "q"];
const TOOLS: [&str; 3] = ["search_a", "search_b", "close"];

impl Model {
    fn new(specs: &[BudgetSpec]) -> Model {
        let full = |spec: &BudgetSpec| (Model::each(spec).1, 0);
        let credit: Vec<_> = specs.iter().map(full).collect();
        Model {
            specs: specs.to_vec(),
            credit: vec![credit; PRINCIPALS.len()],
            under_way: vec![vec![0; specs.len()]; PRINCIPALS.len()],
        }
    }

    /// What one call costs, and the most that is saved up.
    fn each(spec: &BudgetSpec) -> (u64, u64) {
        match spec.limit {
            Limit::Calls { calls, per } => {
                let each = (per.as_nanos() as u64).div_ceil(u64::from(calls));
                (each, each * u64::from(calls))
            }
            _ => (0, 0),
        }
    }

    fn covers(spec: &BudgetSpec, tool: &str) -> bool {
        let head = spec
            .tools
            .as_deref()
            .map(|tools| tools.trim_end_matches('*'));
        head.is_none_or(|head| tool.starts_with(head))
    }

    fn take(&mut self, who: usize, tool: &str, now: u64) -> bool {
        let covered = |at: &usize| Model::covers(&self.specs[*at], tool);
        let covered: Vec<_> = (0..self.specs.len()).filter(covered).collect();
        for at in &covered {
            let (each, most) = Model::each(&self.specs[*at]);
            let (credit, since) = &mut self.credit[who][*at];
            *credit = most.min(*credit + (now - *since));
            *since = now;
            let fits = match self.specs[*at].limit {
                Limit::Concurrent(most) => self.under_way[who][*at] < most,
                _ => *credit >= each,
            };
            if !fits {
                return false;
            }
        }
        for at in covered {
            let (each, _) = Model::each(&self.specs[at]);
            self.credit[who][at].0 -= each;
            self.under_way[who][at] += 1;
        }
        true
    }

    fn give_back(&mut self, who: usize, tool: &str) {
        for (at, spec) in self.specs.iter().enumerate() {
            if Model::covers(spec, tool) {
                self.under_way[who][at] -= 1;
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Take(usize, usize),
    GiveBack(usize),
    Pass(u64),
    Reload,
}

fn spec() -> impl Strategy<Value = BudgetSpec> {
    let limit = prop_oneof![
        (1..6_u32, 1..90_u64).prop_map(|(calls, per)| Limit::Calls {
            calls,
            per: Duration::from_secs(per),
        }),
        (1..4_u32).prop_map(Limit::Concurrent),
    ];
    let tools = prop::sample::select(vec![None, Some("search_*"), Some("*"), Some("close")]);
    (limit, tools).prop_map(|(limit, tools)| BudgetSpec {
        tools: tools.map(str::to_owned),
        limit,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..PRINCIPALS.len(), 0..TOOLS.len()).prop_map(|(who, tool)| Step::Take(who, tool)),
        2 => any::<usize>().prop_map(Step::GiveBack),
        2 => (0..40_000_000_000_u64).prop_map(Step::Pass),
        1 => Just(Step::Reload),
    ]
}

proptest! {
    #[test]
    fn budgets_agree_with_a_token_bucket(
        specs in prop::collection::vec(spec(), 0..5),
        steps in prop::collection::vec(step(), 0..80),
    ) {
        let mut budgets = budgets(&specs);
        let mut model = Model::new(&specs);
        let mut held = Vec::new();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Take(who, tool) => {
                    let time = Now { mono: Mono(now), wall: Wall::default() };
                    let slot = budgets.take(PRINCIPALS[who], Some(TOOLS[tool]), time);
                    prop_assert_eq!(slot.is_ok(), model.take(who, TOOLS[tool], now));
                    held.extend(slot.ok().map(|slot| (who, tool, slot)));
                }
                Step::GiveBack(which) if !held.is_empty() => {
                    let (who, tool, slot) = held.swap_remove(which % held.len());
                    drop(slot);
                    model.give_back(who, TOOLS[tool]);
                }
                Step::GiveBack(_) => {}
                Step::Pass(by) => now += by,
                Step::Reload => {
                    budgets = Budgets::compile_after(&budgets, &specs).expect("good budgets");
                }
            }
        }
    }
}
