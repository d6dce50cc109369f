//! Budgets under a clock of the test's own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::*;
use crate::base::clock::{Mono, Wall};
use crate::base::limits::{BUDGET_MAPS, BUDGET_PRINCIPALS};

/// Against a model that is written the other way round.
mod model;

const MINUTE: Duration = Duration::from_secs(60);

fn at(millis: u64) -> Now {
    Now {
        mono: Mono(millis * 1_000_000),
        wall: Wall::default(),
    }
}

fn calls(calls: u32, per: Duration, tools: Option<&str>) -> BudgetSpec {
    BudgetSpec {
        tools: tools.map(str::to_owned),
        limit: Limit::Calls { calls, per },
    }
}

fn concurrent(calls: u32, tools: Option<&str>) -> BudgetSpec {
    BudgetSpec {
        tools: tools.map(str::to_owned),
        limit: Limit::Concurrent(calls),
    }
}

fn budgets(specs: &[BudgetSpec]) -> Budgets {
    Budgets::compile(specs).expect("good budgets")
}

/// How many of `tries` calls at once are taken; their slots are given back at once.
fn taken(budgets: &Budgets, principal: &str, tool: &str, now: Now, tries: usize) -> usize {
    let take = |_: &usize| budgets.take(principal, Some(tool), now).is_ok();
    (0..tries).filter(take).count()
}

#[test]
fn calls_per_minute_come_back_evenly() {
    let budgets = budgets(&[calls(60, MINUTE, None)]);
    assert_eq!(taken(&budgets, "p", "t", at(0), 100), 60);
    let refused = budgets.take("p", None, at(0)).expect_err("spent");
    assert_eq!(refused.retry_after, Duration::from_secs(1));
    assert_eq!(refused.retry_after_seconds(), 1);
    assert_eq!(refused.to_string(), "budget `calls: 60/60s` is spent");
    assert_eq!(taken(&budgets, "p", "t", at(999), 5), 0);
    assert_eq!(taken(&budgets, "p", "t", at(1_000), 5), 1);
    assert_eq!(taken(&budgets, "p", "t", at(11_500), 50), 10);
    assert_eq!(taken(&budgets, "p", "t", at(1_000_000), 100), 60);
}

#[test]
fn the_wait_that_is_named_is_the_wait_that_helps() {
    let budgets = budgets(&[calls(7, MINUTE, None)]);
    assert_eq!(taken(&budgets, "p", "t", at(0), 9), 7);
    let wait = budgets.take("p", None, at(100)).expect_err("spent");
    let wait = wait.retry_after;
    let after = |wait: Duration| Now {
        mono: at(100).mono.after(wait),
        wall: Wall::default(),
    };
    assert_eq!(
        taken(&budgets, "p", "t", after(wait - Duration::from_nanos(1)), 1),
        0
    );
    assert_eq!(taken(&budgets, "p", "t", after(wait), 2), 1);
}

#[test]
fn principals_and_tools_are_apart() {
    let budgets = budgets(&[calls(2, MINUTE, Some("search_*"))]);
    assert_eq!(taken(&budgets, "p", "search_a", at(0), 1), 1);
    assert_eq!(taken(&budgets, "p", "SEARCH_b", at(0), 9), 1);
    assert_eq!(taken(&budgets, "q", "search_a", at(0), 9), 2);
    assert_eq!(taken(&budgets, "p", "close", at(0), 9), 9);
    assert!(budgets.take("p", None, at(0)).is_ok());
}

#[test]
fn a_slot_is_free_again_however_it_goes() {
    let budgets = budgets(&[concurrent(2, None), concurrent(1, Some("slow"))]);
    let first = budgets.take("p", Some("slow"), at(0)).expect("room");
    let refused = budgets.take("p", Some("slow"), at(0)).expect_err("one");
    assert_eq!(&*refused.which, "concurrent: 1, tools: slow");
    let second = budgets.take("p", Some("fast"), at(0)).expect("room");
    assert!(budgets.take("p", Some("fast"), at(0)).is_err());
    assert!(budgets.take("q", Some("fast"), at(0)).is_ok());
    drop(first);
    let third = budgets.take("p", Some("slow"), at(0)).expect("room again");
    let torn = std::panic::catch_unwind(move || {
        let _held = (second, third);
        panic!("the exchange tears");
    });
    assert!(torn.is_err());
    assert!(budgets.take("p", Some("slow"), at(0)).is_ok());
}

#[test]
fn a_refused_call_costs_nothing() {
    let budgets = budgets(&[
        calls(3, MINUTE, None),
        concurrent(1, None),
        calls(1, MINUTE, Some("rare")),
    ]);
    let held = budgets.take("p", Some("rare"), at(0)).expect("room");
    for _ in 0..10 {
        // The second budget refuses, later the third: the first is not charged.
        assert!(budgets.take("p", Some("common"), at(0)).is_err());
    }
    drop(held);
    for _ in 0..10 {
        let refused = budgets.take("p", Some("rare"), at(0)).expect_err("spent");
        assert_eq!(refused.retry_after, MINUTE, "the longest wait is named");
    }
    assert_eq!(taken(&budgets, "p", "common", at(0), 9), 2);
}

#[test]
fn a_batch_is_charged_as_a_whole() {
    let budgets = budgets(&[calls(5, MINUTE, None), concurrent(2, Some("slow"))]);
    let take = |tools: &[&str]| {
        let tools = tools.iter().map(|tool| Some(*tool));
        budgets.take_all("p", tools, at(0))
    };
    assert!(take(&["a", "b", "slow", "slow", "slow"]).is_err());
    assert!(take(&["a", "b", "c", "d", "e", "f"]).is_err());
    let held = take(&["a", "slow", "slow"]).expect("room");
    assert!(take(&["slow"]).is_err());
    drop(held);
    assert!(take(&["a", "b", "c"]).is_err());
    assert!(take(&["slow", "slow"]).is_ok());
    assert!(take(&[]).is_ok());
    assert!(take(&["a"]).is_err());
}

#[test]
fn what_is_unchanged_survives_a_reload() {
    let (slow, fast) = (concurrent(1, Some("slow")), calls(2, MINUTE, Some("fast")));
    let old = budgets(&[slow.clone(), fast.clone(), calls(2, MINUTE, Some("other"))]);
    let held = old.take("p", Some("slow"), at(0)).expect("room");
    assert_eq!(taken(&old, "p", "fast", at(0), 1), 1);
    assert_eq!(taken(&old, "p", "other", at(0), 9), 2);

    let specs = [calls(3, MINUTE, Some("other")), fast, slow];
    let new = Budgets::compile_after(&old, &specs).expect("good budgets");
    assert!(new.take("p", Some("slow"), at(0)).is_err());
    assert_eq!(taken(&new, "p", "fast", at(0), 9), 1);
    assert_eq!(taken(&new, "p", "other", at(0), 9), 3, "another budget");
    assert_eq!(
        taken(&old, "p", "fast", at(0), 9),
        0,
        "they share one state"
    );
    drop(held);
    assert!(new.take("p", Some("slow"), at(0)).is_ok());
}

#[test]
fn two_that_say_the_same_stay_two() {
    let one = calls(2, MINUTE, None);
    let old = budgets(&[one.clone(), one.clone()]);
    assert_eq!(taken(&old, "p", "t", at(0), 1), 1);
    let new = Budgets::compile_after(&old, &[one.clone(), one]).expect("good budgets");
    assert_eq!(taken(&new, "p", "t", at(0), 9), 1);
}

#[test]
fn a_full_ledger_refuses_newcomers_and_forgets_who_rests() {
    let budgets = budgets(&[calls(1, MINUTE, None)]);
    let mut refused = 0;
    for n in 0..BUDGET_PRINCIPALS + BUDGET_PRINCIPALS / 2 {
        if let Err(why) = budgets.take(&n.to_string(), None, at(0)) {
            assert_eq!(&*why.which, "principals");
            refused += 1;
        }
    }
    assert!(refused >= BUDGET_PRINCIPALS / 2);
    assert!(budgets.principals() <= BUDGET_PRINCIPALS);
    assert!(budgets.take("0", None, at(59_999)).is_err(), "still known");
    // Now all of them rest, and the next newcomer to each map sweeps it.
    for n in 0..100 * BUDGET_MAPS {
        assert!(budgets.take(&format!("new {n}"), None, at(60_000)).is_ok());
    }
    assert!(budgets.principals() <= 100 * BUDGET_MAPS + 1);
}

#[test]
fn calls_under_way_are_never_forgotten() {
    let budgets = budgets(&[concurrent(1, None)]);
    let held = budgets.take("me", None, at(0)).expect("room");
    for n in 0..2 * BUDGET_PRINCIPALS {
        // Each rests at once, so that everybody finds room in the end.
        let now = at(n as u64);
        let _ = budgets.take(&n.to_string(), None, now);
    }
    assert!(budgets.take("me", None, at(u64::from(u32::MAX))).is_err());
    drop(held);
    assert!(budgets.take("me", None, at(u64::from(u32::MAX))).is_ok());
}

#[test]
fn cores_at_once_exceed_nothing() {
    let budgets = budgets(&[concurrent(3, None), calls(500, MINUTE, None)]);
    let (under_way, most, all) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    let Ok(slot) = budgets.take("p", None, at(0)) else {
                        std::thread::yield_now();
                        continue;
                    };
                    let now = under_way.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    all.fetch_add(1, Ordering::SeqCst);
                    under_way.fetch_sub(1, Ordering::SeqCst);
                    drop(slot);
                }
            });
        }
    });
    assert!(most.into_inner() <= 3);
    assert_eq!(all.into_inner(), 500);
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let day = Duration::from_secs(24 * 3600);
    let sizes = |bytes| BudgetSpec {
        tools: None,
        limit: Limit::ResultBytes(bytes),
    };
    for (spec, want) in [
        (calls(0, MINUTE, None), BudgetError::Nothing),
        (concurrent(0, None), BudgetError::Nothing),
        (sizes(0), BudgetError::Nothing),
        (calls(1, Duration::ZERO, None), BudgetError::Period),
        (calls(1, day + MINUTE, None), BudgetError::Period),
        (calls(u32::MAX, MINUTE, None), BudgetError::Calls),
        (concurrent(u32::MAX, None), BudgetError::Calls),
        (calls(1, MINUTE, Some("")), BudgetError::Tools),
    ] {
        let specs = [concurrent(1, None), spec];
        assert_eq!(Budgets::compile(&specs).err(), Some((1, want)));
    }
    let many = vec![concurrent(1, None); BUDGETS + 1];
    let error = Budgets::compile(&many).err();
    assert_eq!(error, Some((BUDGETS, BudgetError::Many)));
}

#[test]
fn the_smallest_result_counts() {
    let sizes = |bytes, tools: Option<&str>| BudgetSpec {
        tools: tools.map(str::to_owned),
        limit: Limit::ResultBytes(bytes),
    };
    let budgets = budgets(&[sizes(1_000, None), sizes(10, Some("read_*"))]);
    assert_eq!(budgets.result_bytes(Some("read_a")), Some(10));
    assert_eq!(budgets.result_bytes(Some("list")), Some(1_000));
    assert_eq!(budgets.result_bytes(None), Some(1_000));
    assert_eq!(super::tests::budgets(&[]).result_bytes(None), None);
    assert!(budgets.take("p", None, at(0)).is_ok());
    assert_eq!(budgets.principals(), 0, "it counts nothing");
}
