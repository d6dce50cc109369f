//! Groups that tokens leave out, asked of a local directory.

use std::time::Duration;

use sluice::auth::{
    Authenticator, Groups, GroupsWanted, Identity, LastBearer, SharedTokens, Verdict,
};

use super::issuer::{Behaviour, CLIENT, GROUP, LocalIssuer};
use super::scene::Scene;

/// An identity whose token leaves its groups out.
fn of_many_groups(scene: &Scene, issuer: &LocalIssuer, object: &str) -> Identity {
    let now = scene.clock.now();
    let keys = &scene.control.handles().keys;
    let mut judge = Authenticator::new(keys, SharedTokens::new());
    let token = issuer.token_of("first", now.wall.unix_seconds(), object, CLIENT);
    match judge.authenticate(&mut LastBearer::default(), token.as_bytes(), now) {
        Verdict::Proven(identity) => identity,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_asked_of_the_configured_directory_in_one_flight() {
    const OBJECT: &str = "0b1c0000-0000-0000-0000-00000000000a";
    let issuer = LocalIssuer::start().await;
    let scene = Scene::start(&issuer);
    tokio::task::block_in_place(|| scene.wait_for_ready(200));
    let handles = scene.control.handles();
    // As many tokens of one caller as there are cores and connections.
    let identities: Vec<_> = (0..40)
        .map(|_| of_many_groups(&scene, &issuer, OBJECT))
        .collect();
    let wanted: Vec<_> = identities.iter().flat_map(GroupsWanted::of).collect();
    assert_eq!(wanted.len(), 40);
    let ask = |one: &GroupsWanted| handles.ask_groups.ask(one.clone()).unwrap();
    let answers: Vec<_> = wanted.iter().map(ask).collect();
    for answer in answers {
        assert_eq!(answer.await, Some(()));
    }
    let asked = issuer.memberships_asked();
    let [[path, shown, body]] = asked.as_slice() else {
        panic!("one flight: {asked:?}");
    };
    assert_eq!(
        *path,
        format!("/v1.0/servicePrincipals/{OBJECT}/getMemberObjects")
    );
    assert!(
        shown.starts_with("Bearer upstream-token-"),
        "the gateway's own"
    );
    assert_eq!(body, r#"{"securityEnabledOnly":true}"#);
    for identity in &identities {
        assert_eq!(identity.groups(), Groups::Known(&[GROUP.into()]));
        assert!(GroupsWanted::of(identity).is_none());
    }
    // Of a token that comes later they are known for a while.
    let later = of_many_groups(&scene, &issuer, OBJECT);
    let wanted = GroupsWanted::of(&later).unwrap();
    assert_eq!(ask(&wanted).await, Some(()));
    assert!(wanted.is_said());
    assert_eq!(issuer.memberships_asked().len(), 1);
    assert_eq!(issuer.redirected(), 0, "nobody asks where a token says");
    tokio::task::block_in_place(|| scene.control.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_in_doubt_says_nothing_and_is_left_in_peace() {
    for behaviour in [
        Behaviour::Status(429),
        Behaviour::Status(503),
        Behaviour::Status(403),
        Behaviour::Redirect,
        Behaviour::Garbage,
        Behaviour::Huge,
        Behaviour::BreaksOff,
        Behaviour::Slow,
    ] {
        let issuer = LocalIssuer::start().await;
        let scene = Scene::start(&issuer);
        tokio::task::block_in_place(|| scene.wait_for_ready(200));
        tokio::task::block_in_place(|| scene.shown(0));
        issuer.behave(behaviour);
        let callers = [
            "0b1c0000-0000-0000-0000-00000000000a",
            "0b1c0000-0000-0000-0000-00000000000b",
        ];
        for object in callers {
            let identity = of_many_groups(&scene, &issuer, object);
            let wanted = GroupsWanted::of(&identity).unwrap();
            let answer = scene
                .control
                .handles()
                .ask_groups
                .ask(wanted.clone())
                .unwrap();
            let begun = std::time::Instant::now();
            assert_eq!(answer.await, Some(()), "{behaviour:?}");
            assert!(begun.elapsed() < Duration::from_secs(12), "{behaviour:?}");
            assert!(!wanted.is_said(), "{behaviour:?}");
        }
        // Unless that is about one caller alone, the next one is not asked about at once.
        let is_about_one = behaviour == Behaviour::Garbage;
        let expected = if is_about_one { 2 } else { 1 };
        assert_eq!(issuer.memberships_asked().len(), expected, "{behaviour:?}");
        assert_eq!(issuer.redirected(), 0, "{behaviour:?}");
        tokio::task::block_in_place(|| scene.control.stop());
    }
}
