//! Tokens that must not pass, each with the check that must stop it, and each beside a near twin
//! that passes: what is refused is the one thing in which they differ.

mod claims;
mod header;
mod shape;
mod signature;
mod tenants;
mod values;

use super::forge::{Draft, Gate, Signer, at};
use sluice::auth::{Algorithm, AuthError, Verdict, bearer};
use std::collections::HashSet;

/// Attacks around one good token.
pub struct Family {
    pub name: &'static str,
    /// The near twin.
    pub good: fn() -> Draft,
    pub attacks: &'static [Attack],
}

/// A name, what is done to the twin, and what must stop it.
pub type Attack = (&'static str, fn(&mut Draft), AuthError);

/// How a member's value may be spelled, and how not.
pub struct Spellings {
    pub member: &'static str,
    pub place: Place,
    pub base: fn() -> Draft,
    pub good: &'static [&'static str],
    pub bad: &'static [(&'static str, AuthError)],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Header,
    Claims,
}

impl Spellings {
    fn draft(&self, raw: &str) -> Draft {
        let mut draft = (self.base)();
        match self.place {
            Place::Header => draft.spell_header(self.member, raw),
            Place::Claims => draft.spell(self.member, raw),
        }
        draft
    }
}

/// Judges attacks and twins.
struct Court {
    /// Their names.
    attacks: HashSet<String>,
    /// What was judged otherwise than it should be.
    wrong: Vec<String>,
}

impl Court {
    fn accepts(&mut self, name: &str, twin: &Draft) {
        let verdict = Gate::wide().judge(&twin.token(), at(0));
        if !matches!(verdict, Verdict::Proven(_)) {
            self.wrong.push(format!("{name}: the twin: {verdict:?}"));
        }
    }

    fn refuses(&mut self, name: &str, draft: &Draft, expected: AuthError) {
        let token = draft.token();
        let mut gate = Gate::wide();
        let verdict = match gate.judge(&token, at(0)) {
            // Nobody gets in while a key is asked for; asked for, it is still not there.
            Verdict::NeedKey(wanted) => gate.after(wanted, &token, at(0)),
            other => other,
        };
        if !matches!(verdict, Verdict::Refused(error) if error == expected) {
            (self.wrong).push(format!("{name}: {verdict:?} instead of {expected:?}"));
        }
        let is_new = self.attacks.insert(name.to_owned());
        assert!(is_new, "{name} stands here twice");
    }
}

#[test]
fn none_of_the_attacks_passes_and_every_twin_does() {
    let mut court = Court {
        attacks: HashSet::new(),
        wrong: Vec::new(),
    };
    let families = [
        shape::FAMILIES,
        header::FAMILIES,
        signature::FAMILIES,
        claims::FAMILIES,
        tenants::FAMILIES,
    ];
    for family in families.into_iter().flatten() {
        court.accepts(family.name, &(family.good)());
        for (name, twist, expected) in family.attacks {
            let mut draft = (family.good)();
            twist(&mut draft);
            court.refuses(&format!("{}: {name}", family.name), &draft, *expected);
        }
    }
    for spellings in values::all() {
        let place = format!("{:?} {}", spellings.place, spellings.member);
        for raw in spellings.good {
            court.accepts(&format!("{place} {raw}"), &spellings.draft(raw));
        }
        for (raw, expected) in spellings.bad {
            court.refuses(&format!("{place} {raw}"), &spellings.draft(raw), *expected);
        }
    }
    assert!(court.wrong.is_empty(), "{}", court.wrong.join("\n"));
    let count = court.attacks.len();
    assert!(count >= 300, "{count} attacks");
}

#[test]
fn an_algorithm_that_is_not_configured_is_refused() {
    let mut spec = super::forge::entra_spec();
    spec.algorithms = vec![Algorithm::Rs256];
    let mut gate = Gate::of([spec]);
    let token = Draft::entra_app().token();
    let verdict = gate.judge(&token, at(0));
    assert!(matches!(
        verdict,
        Verdict::Refused(AuthError::AlgorithmNotAllowed)
    ));
    assert!(matches!(
        Gate::new().judge(&token, at(0)),
        Verdict::Proven(_)
    ));
}

#[test]
fn a_clock_that_is_not_set_refuses() {
    let mut gate = Gate::new();
    let mut now = at(0);
    now.wall = sluice::base::clock::Wall(0);
    let mut draft = Draft::entra_app();
    draft.without("nbf");
    draft.without("iat");
    let verdict = gate.judge(&draft.token(), now);
    assert!(matches!(verdict, Verdict::Refused(AuthError::ClockNotSet)));
}

#[test]
fn the_authorization_field_is_one_bearer_token() {
    assert_eq!(bearer(b"Bearer a.b.c"), Ok(&b"a.b.c"[..]));
    assert_eq!(bearer(b"bEARER a.b.c"), Ok(&b"a.b.c"[..]));
    for not in [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer  a",
        "Bearer a b",
        "Bearer a,Bearer b",
        "Bearer\ta",
        "a.b.c",
        "Bearer \u{e9}",
        "BearerX a.b.c",
        "Bearer a\0",
    ] {
        assert_eq!(bearer(not.as_bytes()), Err(AuthError::NotBearer), "{not}");
    }
}

/// Every byte of a good token, changed in every bit: a signature covers what it should, and no
/// byte has a second spelling.
#[test]
fn no_bit_of_a_token_can_be_changed() {
    for draft in [
        Draft::entra_app(),
        Draft::oidc().by("RS256", "rsa", Signer::Rs256),
        Draft::oidc().by("EdDSA", "ed", Signer::EdDsa),
    ] {
        let good = draft.token().into_bytes();
        let mut gate = Gate::wide();
        for index in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[index] ^= 1 << bit;
                let verdict = gate.core.authenticate(&mut gate.last, &bad, at(0));
                assert!(
                    !matches!(verdict, Verdict::Proven(_)),
                    "byte {index}, bit {bit}"
                );
            }
        }
        assert!(matches!(
            gate.core.authenticate(&mut gate.last, &good, at(0)),
            Verdict::Proven(_)
        ));
    }
}
