//! Floor 4: may this caller make this call?
//!
//! Read in this order: [`pattern`] (what a rule matches), [`rule`] (who it is for and what it says),
//! [`compile`] (a policy from the configuration's words), [`judge`] (the one function that decides)
//! and [`call`], whose doors turn an identity into a [`Call`] and a call into a [`Permit`].
//!
//! Deny beats approve beats allow; nothing matching means deny. An `allow` matches exactly, what beats
//! it matches widely. What cannot be known (a caller whose
//! token leaves its groups out) is a third value: it satisfies no `allow` and trips every `deny`.
//!
//! [`budget`] is what comes after: how much of what is allowed one caller may use.

pub mod budget;
#[cfg(test)]
mod by_the_book;
pub mod call;
pub mod compile;
pub mod judge;
pub mod pattern;
pub mod rule;

pub use call::{Call, Decision, Permit};
pub use judge::{Denial, Judgement, Subject};
pub use rule::{Effect, Policies, Policy, Rule, Who};
