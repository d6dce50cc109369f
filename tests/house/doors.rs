//! The doors: what each type must be like, which functions make one, and who may open the way
//! around.
//!
//! That nobody outside can make or copy one is for the compiler (`tests/doors.rs` shows it refuse);
//! here stands what it would let pass: a maker made public, a door that may be dropped unseen, a
//! `Clone` on what must be spent once.

use super::making::{declaration, made_as_self, makers_of};
use super::register::{DOORS, Door, FORWARD, REFUSAL, REPLY, WIDE_FIELDS, WIDE_MAKERS, WRITER};
use super::source::{Source, crate_sources, functions, tokens};
use crate::{Excepted, Finding, can_fail, hold};

#[test]
fn doors_are_made_where_they_should_be() {
    let sources = crate_sources();
    for door in DOORS {
        let declared = sources
            .iter()
            .filter(|source| source.path.starts_with(door.home))
            .filter(|source| declaration(source, door.name).is_some());
        assert_eq!(
            declared.count(),
            1,
            "{} does not live in {}",
            door.name,
            door.home
        );
        let made = makers_of(sources, door.name);
        for maker in door.makers {
            let found = made.iter().any(|(_, name, ..)| name == maker);
            assert!(found, "{maker} does not make a {}", door.name);
        }
    }
    hold(
        "doors are made by their makers only",
        &strange_makers(sources),
        &[],
    );
    can_fail(
        strange_makers,
        WRITER,
        &[
            "fn forge() { let r = Receipt { what, exchange }; }",
            "impl<P> Receipt<P> { fn new(what: P) -> Self { Self { what } } }",
            "fn settle() -> Identity { Identity(proven) }",
            "fn f() { g(crate::exchange::Fixed { text, head }) }",
        ],
        &[
            "fn settle(p: Pending<P>) -> Receipt<P> { let Pending { what } = p; Receipt { what } }",
            "impl<P> Receipt<P> { fn what(&self) -> &P { &self.what } }",
        ],
    );
}

#[test]
fn a_door_is_private_marked_and_spent_once() {
    hold(
        "fields are private",
        &wide_fields(crate_sources()),
        WIDE_FIELDS,
    );
    hold("doors are marked", &unmarked(crate_sources()), &[]);
    hold("doors are spent once", &copied(crate_sources()), &[]);
    can_fail(
        wide_fields,
        WRITER,
        &[
            "#[must_use] pub struct Receipt<P> { pub what: P }",
            "#[must_use] pub struct Receipt<P> { what: P, pub(crate) exchange: u8 }",
            "#[must_use] pub struct Recorded(pub(super) Masked);",
        ],
        &["#[must_use] pub struct Receipt<P> { what: P }"],
    );
    can_fail(
        unmarked,
        WRITER,
        &["pub struct Receipt<P> { what: P }"],
        &["#[must_use]\n#[derive(Debug)]\npub struct Receipt<P> { what: P }"],
    );
    can_fail(
        copied,
        WRITER,
        &[
            "#[must_use] #[derive(Debug, Clone)] pub struct Receipt<P> { what: P }",
            "#[derive(Default)] pub struct Recorded<'a> { masked: Masked<'a> }",
            "#[derive(serde::Deserialize)] pub struct Permit { rule: Rule }",
            "impl<P> Clone for Receipt<P> { fn clone(&self) -> Self { x } }",
            "impl std::default::Default for Permit {}",
        ],
        &["#[derive(Clone)] pub struct Identity(Arc<Proven>);"],
    );
}

#[test]
fn makers_are_private() {
    hold(
        "makers are private",
        &wide_makers(crate_sources()),
        WIDE_MAKERS,
    );
    can_fail(
        wide_makers,
        "src/auth/mod.rs",
        &[
            "impl Identity { pub fn prove() -> Identity { Identity(p) } }",
            "impl Identity { pub(crate) fn prove() -> Identity { Identity(p) } }",
        ],
        &["impl Identity { fn prove() -> Identity { Identity(p) } }"],
    );
}

/// Calls that go around a door, or through the last one.
const CALLS: &[(&str, &[Excepted])] = &[
    (
        "unmasked",
        &[
            Excepted {
                path: "src/mask/head.rs",
                what: "unmasked",
                why: "the head's values were masked one by one",
            },
            Excepted {
                path: FORWARD,
                what: "unmasked",
                why: "a connection that hides nothing",
            },
            Excepted {
                path: "src/exchange/forward/aside.rs",
                what: "unmasked",
                why: "what the gateway says itself holds nothing of a body but the id it answers",
            },
            Excepted {
                path: REPLY,
                what: "unmasked",
                why: "a body that no mask applies to",
            },
        ],
    ),
    (
        "vouched",
        &[Excepted {
            path: "src/exchange/judge/holder.rs",
            what: "vouched",
            why: "a server of the gateway's own speaks for a caller who proved it on the way in",
        }],
    ),
    (
        "seal",
        &[Excepted {
            path: "src/worker/transport.rs",
            what: "seal",
            why: "TLS seals what downstream and upstream hand it, and they take doors only",
        }],
    ),
];

#[test]
fn nobody_goes_around_a_door() {
    let sources = crate_sources();
    for (function, excepted) in CALLS {
        hold(function, &calls(sources, function), excepted);
    }
    let unmasked = |sources: &[Source]| calls(sources, "unmasked");
    let bad = [
        "fn f() { mask::unmasked(bytes); }",
        "use crate::mask::unmasked;",
    ];
    can_fail(
        unmasked,
        "src/worker/pump.rs",
        &bad,
        &["fn unmasked_room() {}"],
    );
    let vouched = |sources: &[Source]| calls(sources, "vouched");
    can_fail(
        vouched,
        "src/exchange/judge/mod.rs",
        &["fn f() { bound.vouched() }", "let v = Bound::vouched;"],
        &["fn vouched(self) -> Identity { self.identity }"],
    );
    let seal = |sources: &[Source]| calls(sources, "seal");
    can_fail(
        seal,
        "src/exchange/mod.rs",
        &["fn f() { session.seal(bytes) }"],
        &[],
    );
}

/// Answers of the gateway's own come from one place.
#[test]
fn fixed_answers_come_from_refusal() {
    hold("fixed answers", &fixed_elsewhere(crate_sources()), &[]);
    can_fail(
        fixed_elsewhere,
        "src/exchange/inbound.rs",
        &[
            "fn f() -> Fixed { g() }",
            "fn f() -> Option<refusal::Fixed> { g() }",
        ],
        &["fn f() -> &Fixed { g() }", "fn f(fixed: Fixed) {}"],
    );
}

fn fixed_elsewhere(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources
        .iter()
        .filter(|source| !source.path.starts_with(REFUSAL))
    {
        for function in functions(&source.shipped) {
            let answers = tokens(function.answers);
            let owned = answers.iter().enumerate().any(|(index, token)| {
                let lent = index > 0 && matches!(answers[index - 1].text, "&" | "mut");
                token.text == "Fixed" && !lent
            });
            if owned {
                findings.push(Finding::at(source, function.at, function.name));
            }
        }
    }
    findings
}

/// Uses of a function's name outside the room's own definition of it: calls, paths and imports.
fn calls(sources: &[Source], function: &str) -> Vec<Finding> {
    // tls is where records are sealed; what a recording and a session are sealed with is another sense.
    const SEALERS: &[&str] = &["tls", "mcp", "record", "recorder"];
    let other = |source: &&Source| function == "seal" && SEALERS.contains(&source.room());
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| !other(source)) {
        let tokens = tokens(&source.shipped);
        for (index, token) in tokens.iter().enumerate() {
            if token.text == function && index > 0 && tokens[index - 1].text != "fn" {
                findings.push(Finding::at(source, token.at, function));
            }
        }
    }
    findings
}

/// The doors that `source` declares.
fn declared(source: &Source) -> impl Iterator<Item = (&'static Door, usize, &str, &str)> {
    DOORS.iter().filter_map(|door| {
        let lives = source.path.starts_with(door.home) || source.path == WRITER;
        let (at, attributes, fields) = declaration(source, door.name).filter(|_| lives)?;
        Some((door, at, attributes, fields))
    })
}

fn wide_fields(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for (door, at, _, fields) in declared(source) {
            if tokens(fields).iter().any(|token| token.text == "pub") {
                findings.push(Finding::at(source, at, door.name));
            }
        }
    }
    findings
}

fn unmarked(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for (door, at, attributes, _) in declared(source) {
            if !attributes.contains("#[must_use") {
                findings.push(Finding::at(source, at, door.name));
            }
        }
    }
    findings
}

/// Ways to have a second one of what is spent once, or one from nothing.
const COPIES: &[&str] = &["Clone", "Copy", "Default", "Deserialize"];

fn copied(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for (door, at, attributes, _) in declared(source).filter(|(door, ..)| door.once) {
            if tokens(attributes)
                .iter()
                .any(|token| COPIES.contains(&token.text))
            {
                findings.push(Finding::at(
                    source,
                    at,
                    format!("derives for {}", door.name),
                ));
            }
        }
        // `impl Clone for Permit`, wherever it stands and however the trait's path is written.
        for window in tokens(&source.code).windows(3) {
            let once = |name: &str| DOORS.iter().any(|door| door.once && door.name == name);
            if COPIES.contains(&window[0].text) && window[1].text == "for" && once(window[2].text) {
                findings.push(Finding::at(source, window[2].at, window[2].text));
            }
        }
    }
    findings
}

/// Doors put together by a function that is not their maker, or in another file, or as `Self`.
fn strange_makers(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for door in DOORS {
        for (source, name, _, at) in makers_of(sources, door.name) {
            // The name stands for other things elsewhere; only where the door is known it is one.
            let sees = knows(source, door);
            if sees && !(source.path.starts_with(door.made_in) && door.makers.contains(&name)) {
                findings.push(Finding::at(
                    source,
                    at,
                    format!("{name} makes a {}", door.name),
                ));
            }
        }
        for source in sources.iter().filter(|source| knows(source, door)) {
            findings.extend(made_as_self(source, door.name));
        }
    }
    findings
}

/// Whether a door's name means the door in this file, and not a type of the file's own.
fn knows(source: &Source, door: &Door) -> bool {
    let own = declaration(source, door.name).is_some();
    !own || source.path.starts_with(door.home) || source.path == WRITER
}

fn wide_makers(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for door in DOORS {
        for (source, name, visibility, at) in makers_of(sources, door.name) {
            if !visibility.is_empty() && knows(source, door) {
                findings.push(Finding::at(source, at, format!("{}: {name}", door.name)));
            }
        }
    }
    findings
}
