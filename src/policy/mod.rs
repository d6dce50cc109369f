//! Floor 4: may this caller make this call?
//!
//! Read in this order: [`facts`] (what is known when a call is judged), [`pattern`], [`mcp`] and
//! [`graph`] (what a rule matches), [`when`] (under what condition), [`who`] (whom a policy is for), [`rule`] (what it says), [`compile`] (a policy from
//! the configuration's words), [`judge`] (the one function that decides), [`call`], whose doors turn an
//! identity into a [`Call`] and a call into a [`Permit`], and [`again`] (what a list shows, and what a
//! reload cuts).
//!
//! Deny beats approve beats allow; nothing matching means deny. An `allow` matches exactly, what beats
//! it matches widely. What cannot be known (a caller whose
//! token leaves its groups out) is a third value: it satisfies no `allow` and trips every `deny`.
//!
//! [`budget`] is what comes after: how much of what is allowed one caller may use.

pub mod again;
pub mod budget;
#[cfg(test)]
mod by_the_book;
pub mod call;
pub mod compile;
pub mod explain;
pub mod facts;
pub mod graph;
pub mod judge;
pub mod mcp;
pub mod pattern;
pub mod rule;
mod spelling;
#[cfg(test)]
mod testing;
pub mod when;
pub mod who;

pub use again::AskedBefore;
pub use call::{Call, Decision, Held, Permit, Refused};
pub use compile::{Line, Protocol};
pub use facts::{Arguments, Asked, Facts, Fields, McpCall, Source, Subject};
pub use graph::GraphCall;
pub use judge::{Denial, Judgement, Question, Verdict};
pub use rule::{Calls, Effect, Policies, Policy, Rule};
pub use when::{Truth, When, WhenError};
pub use who::Who;
