//! Budgets: how much of a connection one principal may use.
//!
//! A budget is for each principal by itself, and counts the calls to all tools that its pattern
//! covers together; without a pattern it counts every call. [`Limit::Calls`] is a bucket that drips
//! evenly (GCRA): as many calls as it names at once, then one more each time `per / calls` has
//! passed. [`Limit::Concurrent`] counts calls under way, [`Limit::ResultBytes`] bounds one result and
//! counts nothing.
//!
//! What is guaranteed:
//! - A call is charged to every budget that covers it or, when one of them refuses, to none.
//! - However many cores take at once, no budget is ever exceeded.
//! - A [`Slot`] gives back what it holds however the exchange ends. Calls that were counted stay
//!   counted, whatever becomes of them.
//! - A principal is forgotten only when remembering it would change no answer. When there is no room
//!   for one more, the newcomer is refused.
//! - A configuration that says the same of a budget keeps what was spent
//!   ([`Budgets::compile_after`]); a budget that says anything else starts anew.

mod ledger;
#[cfg(test)]
mod tests;
mod tools;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::Quota;
use thiserror::Error;

use self::ledger::{Ledger, Meters};
use self::tools::ToolPattern;
use crate::base::clock::Now;
use crate::base::limits::{BUDGET_CALLS, BUDGET_PERIOD, BUDGET_RETRY_TIME, BUDGETS};

pub use self::ledger::Slot;

/// One budget, as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetSpec {
    /// The tools whose calls it counts, `*` standing for any run of characters, in any letter case;
    /// `None` for every call, to tools or not.
    pub tools: Option<String>,
    /// What it bounds.
    pub limit: Limit,
}

/// What a budget bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// So many calls at once, and `calls / per` in the long run.
    Calls {
        /// At least one.
        calls: u32,
        /// From a second to a day.
        per: Duration,
    },
    /// So many calls under way at one time; at least one.
    Concurrent(u32),
    /// So many bytes of one call's result; at least one.
    ResultBytes(u64),
}

/// A budget that cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BudgetError {
    /// It allows nothing: a deny rule says so better.
    #[error("a budget of nothing: use a `deny` rule")]
    Nothing,
    /// More calls than are ever counted.
    #[error("more than {BUDGET_CALLS} calls")]
    Calls,
    /// Too short or too long a period.
    #[error("a period must be from {:?} to {:?}", BUDGET_PERIOD.start(), BUDGET_PERIOD.end())]
    Period,
    /// A pattern that covers no tool.
    #[error("the pattern for tools is empty")]
    Tools,
    /// More budgets than a connection can have.
    #[error("more than {BUDGETS} budgets")]
    Many,
}

/// A call that a budget refuses. `Display` names the budget in the configuration's words.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("budget `{which}` is spent")]
pub struct Exceeded {
    /// When the budget would take the call, if nobody else calls in between: what `Retry-After`
    /// says. Of several budgets that refuse, the longest.
    pub retry_after: Duration,
    /// The budget, such as `calls: 60/60s, tools: search_*`.
    pub which: Arc<str>,
}

impl Exceeded {
    /// [`Exceeded::retry_after`] in whole seconds, at least one (RFC 9110, section 10.2.3).
    #[must_use]
    pub fn retry_after_seconds(&self) -> u64 {
        let more = u64::from(self.retry_after.subsec_nanos() > 0);
        (self.retry_after.as_secs() + more).max(1)
    }
}

/// The budgets of one connection, with what is spent of them. All cores share one.
#[derive(Debug)]
pub struct Budgets {
    counted: Vec<Counted>,
    sizes: Vec<Size>,
    ledger: Arc<Ledger>,
}

/// A budget that is charged.
#[derive(Debug)]
struct Counted {
    /// By this its meters are found; never used again for another budget.
    id: u64,
    spec: BudgetSpec,
    tools: ToolPattern,
    charge: Charge,
    which: Arc<str>,
}

#[derive(Clone, Copy, Debug)]
enum Charge {
    Calls(Quota),
    Concurrent(u32),
}

#[derive(Debug)]
struct Size {
    tools: ToolPattern,
    bytes: u64,
}

impl Budgets {
    /// Budgets of which nothing is spent.
    ///
    /// # Errors
    /// The first that cannot be kept, by its index.
    pub fn compile(specs: &[BudgetSpec]) -> Result<Budgets, (usize, BudgetError)> {
        Budgets::with(specs, Arc::default(), &[])
    }

    /// Budgets for a connection that had `old`: those that are in both go on as they are.
    ///
    /// # Errors
    /// The first that cannot be kept, by its index.
    pub fn compile_after(
        old: &Budgets,
        specs: &[BudgetSpec],
    ) -> Result<Budgets, (usize, BudgetError)> {
        Budgets::with(specs, Arc::clone(&old.ledger), &old.counted)
    }

    fn with(
        specs: &[BudgetSpec],
        ledger: Arc<Ledger>,
        old: &[Counted],
    ) -> Result<Budgets, (usize, BudgetError)> {
        let mut budgets = Budgets {
            counted: Vec::new(),
            sizes: Vec::new(),
            ledger,
        };
        let mut old: Vec<&Counted> = old.iter().collect();
        for (index, spec) in specs.iter().enumerate() {
            if index == BUDGETS {
                return Err((index, BudgetError::Many));
            }
            budgets
                .add(spec, &mut old)
                .map_err(|error| (index, error))?;
        }
        Ok(budgets)
    }

    fn add(&mut self, spec: &BudgetSpec, old: &mut Vec<&Counted>) -> Result<(), BudgetError> {
        let tools = ToolPattern::parse(spec.tools.as_deref()).ok_or(BudgetError::Tools)?;
        let charge = match spec.limit {
            Limit::Calls { calls, per } => Charge::Calls(quota(calls, per)?),
            Limit::Concurrent(0) | Limit::ResultBytes(0) => return Err(BudgetError::Nothing),
            Limit::Concurrent(calls) if calls > BUDGET_CALLS => return Err(BudgetError::Calls),
            Limit::Concurrent(calls) => Charge::Concurrent(calls),
            Limit::ResultBytes(bytes) => {
                self.sizes.push(Size { tools, bytes });
                return Ok(());
            }
        };
        // Each old one goes on as one new one, also where two say the same.
        let same = old.iter().position(|one| one.spec == *spec);
        let id = same.map(|at| old.swap_remove(at).id);
        self.counted.push(Counted {
            id: id.unwrap_or_else(|| self.ledger.next_id()),
            spec: spec.clone(),
            tools,
            charge,
            which: name(spec).into(),
        });
        Ok(())
    }

    /// Charges one call of `principal` ([`crate::auth::Principal::name`]) to `tool`; `None` for a
    /// call that is to no tool. Keep the slot until the exchange is over.
    ///
    /// # Errors
    /// When a budget that covers the call has nothing left for it; then no budget was charged.
    pub fn take(&self, principal: &str, tool: Option<&str>, now: Now) -> Result<Slot, Exceeded> {
        self.take_all(principal, std::iter::once(tool), now)
    }

    /// Charges all calls of one message (a batch), or none of them.
    ///
    /// # Errors
    /// As [`Budgets::take`]. A batch of more calls than a budget has at all is refused for ever.
    pub fn take_all<'t>(
        &self,
        principal: &str,
        tools: impl Iterator<Item = Option<&'t str>> + Clone,
        now: Now,
    ) -> Result<Slot, Exceeded> {
        let touched = |budget: &Counted| tools.clone().any(|tool| budget.tools.covers(tool));
        if !self.counted.iter().any(touched) {
            return Ok(Slot::default());
        }
        self.ledger
            .with(principal, now, |meters| self.charge(meters, tools, now))
            .unwrap_or_else(|full| Err(full.into()))
    }

    /// Asks every budget first, and charges them only when all agree. The principal's meters are
    /// locked meanwhile.
    fn charge<'t>(
        &self,
        meters: &mut Meters,
        tools: impl Iterator<Item = Option<&'t str>> + Clone,
        now: Now,
    ) -> Result<Slot, Exceeded> {
        let mut refused: Option<Exceeded> = None;
        for budget in &self.counted {
            let covered = tools.clone().filter(|tool| budget.tools.covers(*tool));
            let Some(calls) = count(covered) else {
                continue;
            };
            let asked = match budget.charge {
                Charge::Calls(quota) => meters.ask_calls(budget.id, quota, calls, now),
                Charge::Concurrent(most) => meters.ask_concurrent(budget.id, most, calls, now),
            };
            if let Err(retry_after) = asked {
                let longest = refused.as_ref().map(|one| one.retry_after);
                if longest.is_none_or(|longest| longest < retry_after) {
                    refused = Some(Exceeded {
                        retry_after,
                        which: Arc::clone(&budget.which),
                    });
                }
            }
        }
        match refused {
            None => Ok(meters.charge()),
            Some(refused) => {
                meters.forget_what_was_asked();
                Err(refused)
            }
        }
    }

    /// The most bytes that a result of `tool` may have, where a budget says so.
    #[must_use]
    pub fn result_bytes(&self, tool: Option<&str>) -> Option<u64> {
        let sizes = self.sizes.iter().filter(|size| size.tools.covers(tool));
        sizes.map(|size| size.bytes).min()
    }

    /// Principals that are remembered.
    #[must_use]
    pub fn principals(&self) -> usize {
        self.ledger.principals()
    }
}

impl From<ledger::Full> for Exceeded {
    fn from(_: ledger::Full) -> Exceeded {
        Exceeded {
            retry_after: BUDGET_RETRY_TIME,
            which: "principals".into(),
        }
    }
}

/// How many there are; `None` for none.
fn count<T>(calls: impl Iterator<Item = T>) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(calls.count()).unwrap_or(u32::MAX))
}

/// A bucket of `calls` that is full again after `per`, never a little sooner.
fn quota(calls: u32, per: Duration) -> Result<Quota, BudgetError> {
    let calls = NonZeroU32::new(calls).ok_or(BudgetError::Nothing)?;
    if calls.get() > BUDGET_CALLS {
        return Err(BudgetError::Calls);
    }
    if !BUDGET_PERIOD.contains(&per) {
        return Err(BudgetError::Period);
    }
    let each = per.as_nanos().div_ceil(u128::from(calls.get()));
    let each = Duration::from_nanos(u64::try_from(each).unwrap_or(u64::MAX));
    let quota = Quota::with_period(each).ok_or(BudgetError::Period)?;
    Ok(quota.allow_burst(calls))
}

fn name(spec: &BudgetSpec) -> String {
    let limit = match spec.limit {
        Limit::Calls { calls, per } => format!("calls: {calls}/{per:?}"),
        Limit::Concurrent(calls) => format!("concurrent: {calls}"),
        Limit::ResultBytes(bytes) => format!("result_bytes: {bytes}"),
    };
    match &spec.tools {
        Some(tools) => format!("{limit}, tools: {tools}"),
        None => limit,
    }
}
