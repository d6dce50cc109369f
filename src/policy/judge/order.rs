//! The strongest word wins, whatever the order.

use super::tests::verdict;
use super::*;
use crate::policy::compile::{Protocol, policy};
use crate::policy::pattern::CallPattern;
use crate::policy::testing::{named, set};

/// A rule, and whether its policy is for the caller, for others, or for groups nobody knows.
type Line = (u8, u8, u8);

const CALLS: [&str; 5] = ["* /**", "GET /a/**", "GET /a/b", "PUT /a/*", "GET /*/b"];

fn set_of(lines: &[Line]) -> Policies {
    let one = |(effect, whose, call): &Line| {
        let effect = [Effect::Allow, Effect::Approve, Effect::Deny][usize::from(*effect) % 3];
        let who = match whose % 3 {
            0 => named(&["Reader"], &[]),
            1 => named(&["Other"], &[]),
            _ => named(&["Reader"], &["g1"]),
        };
        let call = CALLS[usize::from(*call) % CALLS.len()];
        policy("p", who, Protocol::Http, [(effect, call)]).expect("a policy")
    };
    set(lines.iter().map(one).collect())
}

/// The verdict without the rule's name, which order may change.
fn word(lines: &[Line], groups: Option<&[Box<str>]>, call: (&str, &str)) -> String {
    let text = verdict(&set_of(lines), groups, call.0, call.1);
    text.split(" p/").next().unwrap_or_default().to_owned()
}

proptest::proptest! {
    #[test]
    fn the_strongest_word_wins_in_any_order(
        lines in proptest::collection::vec(proptest::prelude::any::<Line>(), 0..8),
        turn in 0_usize..8,
        put in proptest::bool::ANY,
        path in proptest::sample::select(vec!["/", "/a", "/a/b", "/c/b", "/a/b/c"]),
        known in proptest::bool::ANY,
    ) {
        let call = (if put { "PUT" } else { "GET" }, path);
        let member = [Box::from("g1")];
        let groups = known.then_some(&member[..]);
        let before = word(&lines, groups, call);

        // By the book: every rule that is for the caller and covers the call.
        let applies = |line: &&Line| {
            let pattern = CALLS[usize::from(line.2) % CALLS.len()];
            let pattern = CallPattern::parse(pattern).expect("one");
            line.1 % 3 != 1 && pattern.matches(call.0, call.1)
        };
        let unsure = |line: &&Line| !known && line.1 % 3 == 2 && line.0 % 3 != 2;
        let word_of = |line: &Line| line.0 % 3;
        let covering = || lines.iter().filter(applies);
        let sure = covering().filter(|line| !unsure(line)).map(word_of).max();
        let perhaps = covering().filter(unsure).map(word_of).max();
        let want = match (sure, perhaps) {
            (Some(2), _) => "deny",
            (_, Some(1)) | (None, Some(_)) => "groups unknown",
            (Some(1), _) => "approve",
            (Some(_), _) => "allow",
            (None, None) => "no rule",
        };
        proptest::prop_assert_eq!(&before, want);

        let mut turned = lines.clone();
        turned.rotate_left(turn.min(lines.len()));
        proptest::prop_assert_eq!(&word(&turned, groups, call), want);
        turned.reverse();
        proptest::prop_assert_eq!(&word(&turned, groups, call), want);

        // One more deny never opens anything.
        turned.push((2, 0, 0));
        proptest::prop_assert_eq!(word(&turned, groups, call), "deny");
    }
}
