//! Who is found among what operators have revoked.

use super::forge::{CLIENT, Draft, Gate, NOW, OBJECT, TENANT, at};
use proptest::prelude::*;
use serde_json::json;
use sluice::auth::{Identity, Revocation, Revocations, Revoked, RevokedKind, Verdict};

const SESSION: &str = "00ff-the-session";

fn identity(draft: &Draft) -> Identity {
    match Gate::new().judge(&draft.token(), at(0)) {
        Verdict::Proven(identity) => identity,
        other => panic!("{other:?}"),
    }
}

fn user() -> Identity {
    let mut draft = Draft::entra_user();
    draft.claims["sid"] = json!(SESSION);
    identity(&draft)
}

fn revoking(kind: RevokedKind, name: impl Into<Box<str>>) -> Revocation {
    Revocation {
        id: 7,
        kind,
        name: name.into(),
        issuer: None,
        before: None,
        until: None,
    }
}

fn found(revocation: Revocation, identity: &Identity, seconds: u64) -> Option<Revoked> {
    let all: Revocations = [revocation].into_iter().collect();
    all.of(identity, at(seconds).wall)
}

#[test]
fn a_caller_is_found_by_every_name_that_it_goes_by() {
    let user = user();
    let application = identity(&Draft::entra_app());
    let alone = format!("entra/{TENANT}/{OBJECT}");
    let with_client = format!("{alone}+{CLIENT}");
    let other_client = format!("{alone}+{TENANT}");
    use RevokedKind::{Client, McpSession, Principal, Session, Token};
    for (kind, name, is_user, is_application) in [
        (Principal, alone.as_str(), true, true),
        (Principal, &with_client, true, false),
        (Principal, &other_client, false, false),
        (Principal, &alone.to_uppercase(), true, true),
        (Principal, OBJECT, false, false),
        (Client, CLIENT, true, true),
        (Client, &CLIENT.to_uppercase(), true, true),
        (Client, OBJECT, false, false),
        (Token, "abcDEF123", true, true),
        (Token, "abcDEF12", false, false),
        (Session, SESSION, true, false),
        (Token, SESSION, false, false),
        (McpSession, SESSION, false, false),
    ] {
        let is_found = |who| found(revoking(kind, name), who, 0).is_some();
        assert_eq!(is_found(&user), is_user, "user by {kind:?} {name}");
        let application = is_found(&application);
        assert_eq!(
            application, is_application,
            "application by {kind:?} {name}"
        );
    }
    let of_agents = identity(&Draft::oidc());
    for (kind, name) in [
        (Principal, "idp/agent-7"),
        (Token, "t-1"),
        (Client, "agent-7"),
    ] {
        let revocation = revoking(kind, name);
        assert!(found(revocation, &of_agents, 0).is_some(), "{name}");
    }
}

#[test]
fn one_issuer_may_be_meant() {
    let user = user();
    for (issuer, is_found) in [("entra", true), ("idp", false)] {
        let revocation = Revocation {
            issuer: Some(issuer.into()),
            ..revoking(RevokedKind::Client, CLIENT)
        };
        assert_eq!(found(revocation, &user, 0).is_some(), is_found, "{issuer}");
    }
}

#[test]
fn tokens_issued_before_a_moment_are_dead_and_later_ones_are_not() {
    let name = format!("entra/{TENANT}/{OBJECT}");
    let before = |second| Revocation {
        before: Some(second),
        ..revoking(RevokedKind::Principal, name.clone())
    };
    let mut draft = Draft::entra_user();
    for (issued, is_dead) in [
        (json!(NOW - 11), true),
        (json!(NOW - 10), false),
        (json!(NOW - 9), false),
        (serde_json::Value::Null, true),
    ] {
        match issued.is_null() {
            true => draft.without("iat"),
            false => draft.claims["iat"] = issued.clone(),
        }
        let told = found(before(NOW - 10), &identity(&draft), 0);
        let want = is_dead.then_some(Revoked {
            id: 7,
            before: Some(NOW - 10),
        });
        assert_eq!(told, want, "issued {issued}");
    }
    // In the second before, however late in it.
    let mut draft = Draft::entra_user();
    draft.without("iat");
    draft.spell("iat", &format!("{}.999", NOW - 11));
    assert!(found(before(NOW - 10), &identity(&draft), 0).is_some());
}

#[test]
fn of_several_the_one_is_told_that_no_other_token_helps_against() {
    let user = user();
    let name = format!("entra/{TENANT}/{OBJECT}");
    let of = |id, before| Revocation {
        id,
        before,
        ..revoking(RevokedKind::Principal, name.clone())
    };
    let told = |all: &[Revocation]| {
        let all: Revocations = all.iter().cloned().collect();
        all.of(&user, at(0).wall).map(|revoked| revoked.id)
    };
    let (early, late) = (of(1, Some(NOW)), of(2, Some(NOW + 5)));
    assert_eq!(told(&[late.clone(), early.clone()]), Some(2));
    assert_eq!(told(&[early, of(3, None), late]), Some(3));
}

#[test]
fn what_has_ended_by_its_time_counts_no_more() {
    let user = user();
    let revocation = Revocation {
        until: Some(NOW + 10),
        ..revoking(RevokedKind::Client, CLIENT)
    };
    assert!(found(revocation.clone(), &user, 9).is_some());
    assert!(found(revocation, &user, 10).is_none());
}

#[test]
fn another_set_takes_the_place_of_the_one_before() {
    let mut gate = Gate::new();
    let generation = gate.core.generation();
    assert_eq!(gate.core.trust().revision(), 0);
    assert!(gate.core.trust().revocations().is_empty());
    let one = revoking(RevokedKind::Client, CLIENT);
    gate.published.revoke([one].into_iter().collect());
    let user = user();
    let trust = gate.core.trust();
    assert_eq!((trust.revision(), trust.revocations().len()), (1, 1));
    assert!(trust.revocations().of(&user, at(0).wall).is_some());
    // Keys and issuers come and go beside it.
    gate.publish(&super::forge::KEYS.jwks(), at(1));
    gate.published.configure(&gate.issuers);
    let trust = gate.core.trust();
    assert_eq!((trust.revision(), trust.revocations().len()), (1, 1));
    assert!(trust.generation() > generation);
    gate.published.revoke(Revocations::default());
    let trust = gate.core.trust();
    assert_eq!(trust.revision(), 2);
    assert!(trust.revocations().of(&user, at(0).wall).is_none());
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{1,3}", "[A-C]{1,3}", "x{60,70}"]
}

fn any_revocation() -> impl Strategy<Value = (usize, String, Option<u64>)> {
    (
        0..RevokedKind::ALL.len(),
        any_name(),
        proptest::option::of(0..4u64),
    )
}

proptest! {
    /// The table finds what looking at every revocation finds.
    #[test]
    fn a_table_finds_what_a_list_has(
        all in proptest::collection::vec(any_revocation(), 0..20),
        digest in any_name(),
        seconds in 0..4u64,
    ) {
        let listed: Vec<_> = (1..).zip(&all).map(|(id, (kind, name, until))| Revocation {
            id,
            until: until.map(|until| NOW + until),
            ..revoking(RevokedKind::ALL[*kind], name.as_str())
        }).collect();
        let table: Revocations = listed.iter().cloned().collect();
        prop_assert_eq!(table.len(), listed.len());
        let fits = |one: &Revocation| {
            one.kind == RevokedKind::McpSession
                && one.name.to_lowercase() == digest.to_lowercase()
                && one.until.is_none_or(|until| NOW + seconds < until)
        };
        let told = table.of_mcp_session(&digest, at(seconds).wall);
        prop_assert_eq!(told.is_some(), listed.iter().any(fits));
        if let Some(told) = told {
            prop_assert!(listed.iter().any(|one| one.id == told.id && fits(one)));
        }
    }
}
