//! What things are called: `member__name`, and addresses that two members share.
//!
//! Names of members are made of letters, digits, `-`, `_` and `.`, so a prefix needs no escape in
//! JSON, in a header or in a URI. Clients and the models behind them accept tool names of 64 or 128
//! characters; a longer one is left out of the lists and named in their `_meta`.

use std::sync::Arc;

/// Stands between a member's name and the name of what it offers.
pub(super) const MARK: &str = "__";
/// The scheme of an address that says which member it is of.
const SCHEME: &str = "sluice-member:";

/// The members of one union, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Roster(pub(super) Vec<Arc<str>>);

impl Roster {
    /// The member and its own name for what is called `public` here. Where the names of two members
    /// fit, the longer one counts; what the other offers under such a name is not listed.
    pub(super) fn split<'a>(&self, public: &'a str) -> Option<(&Arc<str>, &'a str)> {
        let fits = self.0.iter().filter_map(|member| {
            let rest = public.strip_prefix(&**member)?.strip_prefix(MARK)?;
            Some((member, rest))
        });
        fits.max_by_key(|(member, _)| member.len())
            .filter(|(_, rest)| !rest.is_empty())
    }

    /// The member and its own address for one that says whose it is.
    pub(super) fn split_address<'a>(&self, address: &'a str) -> Option<(&Arc<str>, &'a str)> {
        let (member, own) = address.strip_prefix(SCHEME)?.split_once('/')?;
        let member = self.0.iter().find(|each| &***each == member)?;
        Some((member, own))
    }
}

/// What is put before a member's names.
pub(super) fn prefix(member: &str) -> String {
    format!("{member}{MARK}")
}

/// What is put before a member's address that another member has, too.
pub(super) fn address_prefix(member: &str) -> String {
    format!("{SCHEME}{member}/")
}

/// True when `address` is one that a URI template (RFC 6570) can expand to. `{name}` stands for what
/// has no `/`, the forms with an operator for anything.
pub(super) fn expands(template: &str, address: &str) -> bool {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((literal, after)) = rest.split_once('{') {
        let Some((expression, after)) = after.split_once('}') else {
            return false;
        };
        let plain = expression
            .starts_with(|first: char| first.is_ascii_alphanumeric() || matches!(first, '_' | '%'));
        parts.push((literal, plain));
        rest = after;
    }
    matches(&parts, rest, address)
}

/// Whether literals and gaps, then `tail`, make up `text`. The places that a gap can end at are
/// followed together, so that the work is a product and not a power.
fn matches(parts: &[(&str, bool)], tail: &str, text: &str) -> bool {
    let bytes = text.as_bytes();
    // reach[i]: everything so far can end right before byte i.
    let mut reach = vec![false; bytes.len() + 1];
    let step = |reach: &[bool], literal: &str| {
        let mut next = vec![false; bytes.len() + 1];
        for at in (0..reach.len()).filter(|at| reach[*at]) {
            if bytes[at..].starts_with(literal.as_bytes()) {
                next[at + literal.len()] = true;
            }
        }
        next
    };
    reach[0] = true;
    for (literal, plain) in parts {
        reach = step(&reach, literal);
        for at in 0..bytes.len() {
            if reach[at] && !(*plain && bytes[at] == b'/') {
                reach[at + 1] = true;
            }
        }
    }
    step(&reach, tail)[bytes.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster(names: &[&str]) -> Roster {
        Roster(names.iter().map(|name| Arc::from(*name)).collect())
    }

    #[test]
    fn a_name_says_its_member() {
        let roster = roster(&["a", "a__b", "files"]);
        let split = |name| roster.split(name).map(|(m, n)| (m.to_string(), n));
        assert_eq!(split("files__read__x"), Some(("files".into(), "read__x")));
        assert_eq!(split("a__c"), Some(("a".into(), "c")));
        assert_eq!(split("a__b__c"), Some(("a__b".into(), "c")));
        assert_eq!(split("b__c"), None);
        assert_eq!(split("files__"), None);
        assert_eq!(split("files"), None);
    }

    #[test]
    fn an_address_may_say_its_member() {
        let roster = roster(&["a", "b.c"]);
        let address = format!("{}file:///x", address_prefix("b.c"));
        let (member, own) = roster.split_address(&address).expect("a member's");
        assert_eq!((&**member, own), ("b.c", "file:///x"));
        assert!(roster.split_address("sluice-member:z/file:///x").is_none());
        assert!(roster.split_address("file:///x").is_none());
    }

    #[test]
    fn templates_expand() {
        for (template, address, want) in [
            ("file:///{name}", "file:///a", true),
            ("file:///{name}", "file:///a/b", false),
            ("file:///{+path}", "file:///a/b", true),
            ("db://{table}/{id}", "db://users/7", true),
            ("db://{table}/{id}", "db://users", false),
            ("db://{table}{?q}", "db://users?q=1/2", true),
            ("{+all}", "", true),
            ("x", "x", true),
            ("x{", "x", false),
        ] {
            assert_eq!(expands(template, address), want, "{template} {address}");
        }
        let hostile = "{+a}".repeat(200);
        assert!(!expands(&format!("{hostile}y"), &"x".repeat(1000)));
    }
}
