//! The house rules, as far as a test can hold them. The sources are read as text.
//!
//! - [`house::floors`]: a room imports only rooms on lower floors; floors 1 to 5 do no I/O.
//! - [`house::doors`]: what a door's type must be like, and who makes one.
//! - [`house::writing`]: nothing unsafe, unfinished or overlong; no panic on what others control.
//! - [`house::hazards`]: what is known to go wrong, and must not be written again.
//!
//! An exception has its reason beside it, and must be in use: one that nothing needs fails too.
//! Every rule is fed something bad, to show that it can fail.

mod house {
    pub mod doors;
    pub mod floors;
    pub mod hazards;
    pub mod making;
    pub mod register;
    pub mod source;
    pub mod writing;
}

use house::source::Source;

/// Something that breaks a rule.
#[derive(Debug)]
pub struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl Finding {
    pub fn at(source: &Source, byte: usize, what: impl Into<String>) -> Finding {
        Finding {
            path: source.path.clone(),
            line: source.line(byte),
            what: what.into(),
        }
    }
}

/// What may break a rule, and why.
pub struct Excepted {
    /// The file, or the beginning of its path.
    pub path: &'static str,
    /// What is found there, or a part of it.
    pub what: &'static str,
    /// The reason.
    pub why: &'static str,
}

/// Fails on every finding that is not excepted, and on every exception that is not needed.
pub fn hold(rule: &str, findings: &[Finding], excepted: &[Excepted]) {
    let covers = |one: &Excepted, finding: &Finding| {
        finding.path.starts_with(one.path) && finding.what.contains(one.what)
    };
    let mut wrong: Vec<String> = findings
        .iter()
        .filter(|finding| !excepted.iter().any(|one| covers(one, finding)))
        .map(|Finding { path, line, what }| format!("{path}:{line}: {what}"))
        .collect();
    for one in excepted {
        assert!(!one.why.is_empty(), "an exception needs a reason");
        if !findings.iter().any(|finding| covers(one, finding)) {
            wrong.push(format!("{}: needs no exception for {}", one.path, one.what));
        }
    }
    assert!(wrong.is_empty(), "{rule}:\n  {}", wrong.join("\n  "));
}

/// Asserts that `rule` finds something in each of `bad`, and nothing in any of `good`; they stand in
/// a file at `path`.
pub fn can_fail(rule: impl Fn(&[Source]) -> Vec<Finding>, path: &str, bad: &[&str], good: &[&str]) {
    for text in bad {
        let found = rule(&[Source::new(path, text)]);
        assert!(!found.is_empty(), "{path} passes with {text}");
    }
    for text in good {
        let found = rule(&[Source::new(path, text)]);
        assert!(found.is_empty(), "{path} with {text}: {found:?}");
    }
}

#[test]
fn an_exception_that_nothing_needs_fails() {
    let excepted = [Excepted {
        path: "src/a.rs",
        what: "x",
        why: "a reason",
    }];
    let held = std::panic::catch_unwind(|| hold("rule", &[], &excepted));
    assert!(held.is_err());
}
