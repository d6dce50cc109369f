//! How the code is written: nothing unsafe, unfinished or overlong, and no panic on what a peer, a
//! file or the system controls.

use super::source::{Source, all_sources, crate_sources, functions, tokens};
use crate::{Excepted, Finding, can_fail, hold};

/// Lines of a file, and of a function.
const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 70;

const LONG_FILES: &[Excepted] = &[];

const LONG_FUNCTIONS: &[Excepted] = &[];

const PANICS: &[Excepted] = &[];

#[test]
fn nothing_is_unsafe() {
    hold("nothing is unsafe", &unsafe_code(crate_sources()), &[]);
    can_fail(
        unsafe_code,
        "src/base/buffers.rs",
        &["fn f() { unsafe { g() } }", "#![allow(unsafe_code)]"],
        &["// unsafe\nfn f() {}"],
    );
    can_fail(
        unsafe_code,
        "src/lib.rs",
        &["pub mod auth;"],
        &["#![deny(unsafe_code)]\npub mod auth;"],
    );
}

/// Unsafe code, leave for it, and a crate that does not forbid it.
fn unsafe_code(sources: &[Source]) -> Vec<Finding> {
    let mut findings = words(sources, |tokens| {
        matches!(tokens[0], "unsafe")
            || matches!(tokens[..], ["allow" | "expect", "(", "unsafe_code"])
    });
    for source in sources.iter().filter(|source| source.depth() == 0) {
        if !source.code.contains("#![deny(unsafe_code)]") {
            findings.push(Finding::at(source, 0, "does not deny unsafe code"));
        }
    }
    findings
}

#[test]
fn nothing_is_unfinished() {
    hold("nothing is unfinished", &unfinished(&all_sources()), &[]);
    can_fail(
        unfinished,
        "src/base/buffers.rs",
        &[
            "fn f() { todo!() }",
            "fn f() { unimplemented!(\"later\") }",
            "fn f() { dbg!(x); }",
            "#[test]\n#[ignore]\nfn f() {}",
            "#[ignore = \"slow\"]\nfn f() {}",
            concat!("// FIX", "ME: later"),
            concat!("// TO", "DO: later"),
        ],
        &["fn ignore() { todo() }"],
    );
}

fn unfinished(sources: &[Source]) -> Vec<Finding> {
    let mut findings = words(sources, |tokens| {
        matches!(tokens[..2], ["todo" | "unimplemented" | "dbg", "!"])
            || matches!(tokens[..], ["#", "[", "ignore"])
    });
    for source in sources {
        for word in [concat!("FIX", "ME"), concat!("TO", "DO")] {
            let places = source.text.match_indices(word);
            findings.extend(places.map(|(at, _)| Finding::at(source, at, word)));
        }
    }
    findings
}

#[test]
fn nothing_panics_on_others_behalf() {
    hold("no panics", &panics(crate_sources()), PANICS);
    can_fail(
        panics,
        "src/http/head.rs",
        &[
            "fn f() { x.unwrap(); }",
            "fn f() { x.expect(\"never\"); }",
            "fn f() { x.unwrap_err(); }",
            "fn f() { panic!(\"no\") }",
            "fn f() { unreachable!() }",
        ],
        &[
            "fn f() { x.unwrap_or_default(); self.expect_more(); }",
            "#[expect(dead_code, reason = \"x\")]\nfn f() {}",
            "#[cfg(test)]\nmod tests { fn f() { x.unwrap(); } }",
        ],
    );
}

fn panics(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let tokens = tokens(&source.shipped);
        for window in tokens.windows(3) {
            let texts = [window[0].text, window[1].text, window[2].text];
            let found = match texts {
                [
                    ".",
                    call @ ("unwrap" | "expect" | "unwrap_err" | "expect_err"),
                    "(",
                ] => call,
                [call @ ("panic" | "unreachable"), "!", _] => call,
                _ => continue,
            };
            findings.push(Finding::at(source, window[1].at, found));
        }
    }
    findings
}

/// A lint that is switched off says why.
#[test]
fn lints_are_switched_off_with_a_reason() {
    hold("lints", &unexplained(crate_sources()), &[]);
    can_fail(
        unexplained,
        "src/http/head.rs",
        &["#[allow(dead_code)]", "#[expect(dead_code)]\nfn f() {}"],
        &["#[allow(dead_code, reason = \"x\")]\nfn f() {}"],
    );
}

fn unexplained(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for (at, attribute) in source.code.match_indices("#[") {
            let text = &source.code[at..];
            let text = &text[..text.find(']').unwrap_or(text.len())];
            let switched_off = text.starts_with("#[expect(") || text.starts_with("#[allow(");
            if switched_off && !text.contains("reason =") {
                findings.push(Finding::at(
                    source,
                    at,
                    format!("{attribute}{}", &text[2..]),
                ));
            }
        }
    }
    findings
}

#[test]
fn files_and_functions_are_short() {
    hold(
        "functions are short",
        &long_functions(crate_sources()),
        LONG_FUNCTIONS,
    );
    hold("files are short", &long_files(crate_sources()), LONG_FILES);
    let line = "//\n";
    can_fail(
        long_files,
        "src/base/buffers.rs",
        &[&line.repeat(FILE_LINES + 1)],
        &[&line.repeat(FILE_LINES)],
    );
    let function = |lines: usize| format!("impl A {{ fn f() {{\n{}}} }}", line.repeat(lines - 2));
    can_fail(
        long_functions,
        "src/base/buffers.rs",
        &[&function(FUNCTION_LINES + 1)],
        &[&function(FUNCTION_LINES)],
    );
}

fn long_files(sources: &[Source]) -> Vec<Finding> {
    let lines = |source: &&Source| source.text.lines().count();
    let long = sources.iter().filter(|source| lines(source) > FILE_LINES);
    long.map(|source| Finding::at(source, 0, format!("{} lines", lines(&source))))
        .collect()
}

fn long_functions(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for function in functions(&source.code) {
            let lines = function.whole.lines().count();
            if lines > FUNCTION_LINES {
                let what = format!("{} has {lines} lines", function.name);
                findings.push(Finding::at(source, function.at, what));
            }
        }
    }
    findings
}

/// Places where three tokens in a row are `bad`; files shorter than that have none.
fn words(sources: &[Source], bad: impl Fn([&str; 3]) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for window in tokens(&source.code).windows(3) {
            if bad([window[0].text, window[1].text, window[2].text]) {
                let what = window.iter().map(|token| token.text).collect::<String>();
                findings.push(Finding::at(source, window[0].at, what));
            }
        }
    }
    findings
}
