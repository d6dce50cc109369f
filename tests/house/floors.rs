//! Who may know whom, and which floors do no I/O.

use super::source::{Source, Token, crate_sources, tokens};
use crate::{Excepted, Finding, can_fail, hold};

/// The floors, top to bottom. A room imports only rooms below its own floor.
pub const FLOORS: &[(u8, &[&str])] = &[
    (8, &["main"]), // Arguments in, exit code out.
    (7, &["cli"]),
    (6, &["control", "recorder", "servers", "worker"]),
    (5, &["exchange", "store"]),
    (4, &["policy", "record"]),
    (3, &["auth", "graph", "mask", "mcp"]),
    (2, &["http", "json", "tls"]),
    (1, &["base"]),
];

/// Floors up to this one do no I/O and read no clock.
const SANS_IO: u8 = 5;

const IO: &[Excepted] = &[
    Excepted {
        path: "src/base/mailbox.rs",
        what: "async",
        why: "waiting for an answer is a future that any runtime can drive; it does no I/O",
    },
    Excepted {
        path: "src/base/mailbox.rs",
        what: "await",
        why: "the same",
    },
    Excepted {
        path: "src/base/mailbox.rs",
        what: "tokio",
        why: "tokio's channels need no runtime of tokio's",
    },
    Excepted {
        path: "src/base/gate.rs",
        what: "tokio",
        why: "tokio's semaphore, likewise: who waits for a turn is woken on whichever core",
    },
    Excepted {
        path: "src/record/link.rs",
        what: "tokio",
        why: "tokio's Notify, likewise: how a worker learns that the disk has come further",
    },
    Excepted {
        path: "src/store/embedded/mod.rs",
        what: "fs",
        why: "the store is the one room down here that has a disk; its file is made for us alone",
    },
];

const CLOCK: &[Excepted] = &[Excepted {
    path: "src/base/clock.rs",
    what: "now",
    why: "the one place where time is read; everywhere else below floor 6 it is an argument",
}];

/// The floor of a room; none for a name that is no room.
pub fn floor(room: &str) -> Option<u8> {
    let found = FLOORS.iter().find(|(_, rooms)| rooms.contains(&room));
    found.map(|(floor, _)| *floor)
}

#[test]
fn every_room_stands_on_a_floor_and_on_the_map() {
    hold(
        "every room is on the map",
        &off_the_map(crate_sources()),
        &[],
    );
    can_fail(
        off_the_map,
        "src/cellar/mod.rs",
        &["//! Floor 0: what lies below."],
        &[],
    );
    can_fail(
        off_the_map,
        "src/mask/mod.rs",
        &["//! Floor 4: masks.", "//! Masks."],
        &["//! Floor 3: masks."],
    );
    let line = |(floor, rooms): &(u8, &[&str])| {
        let rooms: Vec<_> = rooms
            .iter()
            .map(|room| format!("{room}/ does things"))
            .collect();
        format!("//! floor {floor} {}\n", rooms.join("\n//!   "))
    };
    let map: String = FLOORS.iter().skip(1).map(line).collect();
    let bad = [
        map.replace("auth/", "oath/"),
        map.replace("floor 5", "floor 4"),
        map.replace("//! floor 2", "//! floor 2 cellar/\n//! "),
    ];
    can_fail(
        off_the_map,
        "src/lib.rs",
        &bad.each_ref().map(String::as_str),
        &[&map],
    );
}

/// Rooms without a floor, rooms that do not say on which they stand, and a map that shows others.
fn off_the_map(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let room = source.room();
        if room == "lib" {
            findings.extend(misdrawn(source));
            continue;
        }
        let Some(floor) = floor(room) else {
            findings.push(Finding::at(source, 0, format!("{room} stands on no floor")));
            continue;
        };
        let says = format!("//! Floor {floor}: ");
        if source.path.ends_with(&format!("/{room}/mod.rs")) && !source.text.starts_with(&says) {
            findings.push(Finding::at(
                source,
                0,
                format!("does not begin with {says}"),
            ));
        }
    }
    findings
}

/// The map in lib.rs is a drawing: one line for each room, a floor's first after its number.
fn misdrawn(lib: &Source) -> Vec<Finding> {
    let mut drawn = Vec::new();
    let mut at = 0;
    for line in lib.text.lines() {
        let mut words = line.trim_start_matches("//!").split_whitespace();
        let mut first = words.next();
        if first == Some("floor") {
            at = words.next().and_then(|n| n.parse().ok()).unwrap_or(0);
            first = words.next();
        }
        if let Some(room) = first.and_then(|word| word.strip_suffix('/')) {
            drawn.push((room, at));
        }
    }
    let mut meant = Vec::new();
    for (floor, rooms) in FLOORS.iter().filter(|(_, rooms)| *rooms != ["main"]) {
        meant.extend(rooms.iter().map(|room| (*room, *floor)));
    }
    let missing = meant.iter().filter(|room| !drawn.contains(room));
    let wrong = drawn.iter().filter(|room| !meant.contains(room));
    let told = |(room, floor): &(&str, u8)| {
        Finding::at(
            lib,
            0,
            format!("the map is wrong about {room} on floor {floor}"),
        )
    };
    missing.chain(wrong).map(told).collect()
}

#[test]
fn rooms_know_only_lower_floors() {
    hold("imports go down", &upward_imports(crate_sources()), &[]);
    can_fail(
        upward_imports,
        "src/mask/link.rs",
        &[
            "use crate::exchange::Core;",
            "use crate::auth;",
            "fn f() { crate::record::frame::x(); }",
            "use crate::{base::ids, policy::{Call, Permit}};",
            "use super::super::worker;",
            "mod tests { use super::super::super::cli; }",
            "use super::{super::super::cli};",
            "use crate::{self as everything};",
            "use crate as everything;",
            "use crate::*;",
            "use sluice::cli;",
            "#[cfg(test)]\nmod tests { use crate::recorder::Disk; }",
            "pub(in crate::policy) fn f() {}",
        ],
        &[
            "use crate::{base::ids, http::{self, Known}, json};",
            "pub(crate) fn f() { super::x(); crate::mask::y(); }",
            "mod tests { use super::super::Masks; }",
            "// use crate::cli;\nconst X: &str = \"crate::cli\";",
        ],
    );
}

/// Paths to rooms that are not below the one they are written in.
fn upward_imports(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.room() != "lib") {
        let own = floor(source.room()).unwrap_or(0);
        for (at, target) in named_from_the_root(source) {
            let below = floor(target).is_some_and(|floor| floor < own);
            if target != source.room() && !below {
                let what = format!("{} must not know {target}", source.room());
                findings.push(Finding::at(source, at, what));
            }
        }
    }
    findings
}

/// Every name that is looked up in the crate's root, however the path is written.
fn named_from_the_root(source: &Source) -> Vec<(usize, &str)> {
    let tokens = tokens(&source.code);
    let text = |index: usize| tokens.get(index).map_or("", |token: &Token<'_>| token.text);
    let mut named = Vec::new();
    // One entry for each open brace: whether it is a module's.
    let mut braces = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match token.text {
            "{" => braces.push(index >= 2 && text(index - 2) == "mod"),
            "}" => drop(braces.pop()),
            "crate" | "sluice" if text(index + 1) == "::" => {
                named.extend(heads(&tokens, index + 2));
            }
            // `pub(crate)` says who may see it, and nothing else may stand alone.
            "crate" if (text(index.wrapping_sub(1)), text(index + 1)) != ("(", ")") => {
                named.push((token.at, "the whole crate"));
            }
            "super" if in_a_group_that_went_up(&tokens, index) => {
                named.push((token.at, "a path that goes up twice"));
            }
            "super" if text(index.wrapping_sub(1)) != "::" && text(index + 1) == "::" => {
                let depth = source.depth() + braces.iter().filter(|module| **module).count();
                let mut end = index;
                let mut up = 1;
                while (text(end + 1), text(end + 2)) == ("::", "super") {
                    end += 2;
                    up += 1;
                }
                if up >= depth {
                    named.extend(heads(&tokens, end + 2));
                }
            }
            _ => {}
        }
    }
    named
}

/// Whether the token at `index` begins a path within `use super::{…}`.
fn in_a_group_that_went_up(tokens: &[Token<'_>], index: usize) -> bool {
    let start = tokens[..index]
        .iter()
        .rposition(|token| matches!(token.text, "use" | ";" | "fn"));
    start.is_some_and(|start| {
        tokens[start].text == "use"
            && tokens[start + 1].text == "super"
            && tokens[start..index].iter().any(|token| token.text == "{")
    })
}

/// The first names of the paths that begin at token `from`: one, or those of a group.
fn heads<'s>(tokens: &[Token<'s>], from: usize) -> Vec<(usize, &'s str)> {
    let Some(first) = tokens.get(from) else {
        return Vec::new();
    };
    if first.text != "{" {
        return vec![(first.at, first.text)];
    }
    let mut found = Vec::new();
    let mut depth = 0;
    for pair in tokens[from..].windows(2) {
        match pair[0].text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && matches!(pair[0].text, "{" | ",") && pair[1].text != "}" {
            found.push((pair[1].at, pair[1].text));
        }
    }
    found
}

#[test]
fn the_lower_floors_do_no_io() {
    hold("floors 1 to 5 do no I/O", &io_below(crate_sources()), IO);
    can_fail(
        io_below,
        "src/record/block.rs",
        &[
            "use std::net::TcpStream;",
            "use std::net::{IpAddr, UdpSocket};",
            "fn f() { std::fs::read(p); }",
            "use std::{fs, io};",
            "use std::thread;",
            "use tokio::sync::watch;",
            "async fn f() {}",
            "fn f() { g().await }",
            "use monoio::net::TcpStream;",
        ],
        &[
            "use std::net::{IpAddr, SocketAddr};",
            "use std::io::Write;",
            "#[cfg(test)]\nmod tests { use std::thread; }",
        ],
    );
}

/// Files, sockets, threads, runtimes and waiting, below floor 6.
fn io_below(sources: &[Source]) -> Vec<Finding> {
    const BANNED: &[&str] = &[
        "fs",
        "thread",
        "process",
        "tokio",
        "monoio",
        "socket2",
        "async",
        "await",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "UnixStream",
        "UnixListener",
        "ToSocketAddrs",
        "rustix",
    ];
    within(sources, BANNED, |tokens, index| {
        // `fs` and the like are modules here, not anybody's field or variable.
        let plain = matches!(tokens[index].text, "fs" | "thread" | "process");
        let before = index.checked_sub(1).map_or("", |index| tokens[index].text);
        !plain || matches!(before, "::" | "{" | ",")
    })
}

#[test]
fn time_is_an_argument() {
    hold("time is an argument", &clocks_below(crate_sources()), CLOCK);
    can_fail(
        clocks_below,
        "src/auth/claims.rs",
        &[
            "fn f() { Instant::now(); }",
            "fn f() { g(SystemTime::now) }",
        ],
        &["fn f(now: Now) { now.wall; }"],
    );
}

/// Reads of the system's clocks, below floor 6. `Clock::now` is one, in all but name.
fn clocks_below(sources: &[Source]) -> Vec<Finding> {
    within(sources, &["now"], |tokens, index| {
        let before: Vec<_> = tokens[..index]
            .iter()
            .rev()
            .take(2)
            .map(|t| t.text)
            .collect();
        matches!(
            before[..],
            ["::", "Instant" | "SystemTime" | "Utc" | "Local"]
        )
    })
}

/// Words of `banned` in what ships of the floors without I/O, where `counts` says so.
fn within(
    sources: &[Source],
    banned: &[&str],
    counts: impl Fn(&[Token<'_>], usize) -> bool,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let low = |source: &&Source| floor(source.room()).is_some_and(|floor| floor <= SANS_IO);
    for source in sources.iter().filter(low) {
        let tokens = tokens(&source.shipped);
        for (index, token) in tokens.iter().enumerate() {
            if banned.contains(&token.text) && counts(&tokens, index) {
                findings.push(Finding::at(source, token.at, token.text));
            }
        }
    }
    findings
}
