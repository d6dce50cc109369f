//! Tokens that must pass, and what they say of their holder.

use super::forge::{
    CLIENT, Draft, Gate, NOW, OBJECT, PARTNERS, SECOND_TENANT, Signer, TENANT, THIRD_TENANT, WORLD,
    at, oidc_spec,
};
use serde_json::json;
use sluice::auth::{Agent, AuthError, Claim, Groups, Identity, IssuerKind, PrincipalKind, Verdict};

fn proven(draft: &Draft) -> Identity {
    match Gate::new().judge(&draft.token(), at(0)) {
        Verdict::Proven(identity) => identity,
        other => panic!("{other:?}"),
    }
}

fn texts(list: &[Box<str>]) -> Vec<&str> {
    list.iter().map(|text| &**text).collect()
}

#[test]
fn each_algorithm_verifies() {
    for (alg, kid, signer) in [
        ("RS256", "rsa", Signer::Rs256),
        ("PS256", "rsa", Signer::Ps256),
        ("PS256", "rsa-ps", Signer::Ps256),
        ("ES256", "ec", Signer::Es256),
    ] {
        let _identity = proven(&Draft::entra_app().by(alg, kid, signer));
        let _identity = proven(&Draft::oidc().by(alg, kid, signer));
    }
}

#[test]
fn further_algorithms_verify_where_they_are_configured() {
    for (alg, kid, signer) in [
        ("RS384", "rsa", Signer::Rs384),
        ("RS512", "rsa", Signer::Rs512),
        ("PS384", "rsa", Signer::Ps384),
        ("PS512", "rsa", Signer::Ps512),
        ("ES384", "ec-384", Signer::Es384),
        ("EdDSA", "ed", Signer::EdDsa),
        ("Ed25519", "ed", Signer::EdDsa),
    ] {
        for draft in [Draft::entra_app(), Draft::oidc()] {
            let token = draft.by(alg, kid, signer).token();
            let by_default = Gate::new().judge(&token, at(0));
            let not = AuthError::AlgorithmNotAllowed;
            assert!(
                matches!(by_default, Verdict::Refused(why) if why == not),
                "{alg}"
            );
            let configured = Gate::wide().judge(&token, at(0));
            assert!(matches!(configured, Verdict::Proven(_)), "{alg}");
        }
    }
}

#[test]
fn an_application_of_entra() {
    let v2 = proven(&Draft::entra_app());
    let v1 = proven(&Draft::entra_app_v1());
    assert_eq!(
        v1.principal(),
        v2.principal(),
        "both versions are one principal"
    );
    assert_eq!(
        v2.principal().to_string(),
        format!("entra/{TENANT}/{OBJECT}")
    );
    assert_eq!(v2.principal().issuer(), "entra");
    assert_eq!(v2.principal().tenant(), Some(TENANT));
    assert_eq!(v2.principal().object(), OBJECT);
    assert_eq!(v2.principal().kind(), PrincipalKind::Application);
    assert_eq!(v2.client(), Some(CLIENT));
    assert_eq!(texts(v2.roles()), ["Directory.Read"]);
    assert_eq!(v2.groups(), Groups::Known(&[]));
    assert_eq!(v2.token_id(), Some("abcDEF123"));
    assert_eq!(v2.expires(), NOW + 3600);
}

#[test]
fn a_user_of_entra_is_not_authorised_by_the_client() {
    let user = proven(&Draft::entra_user());
    assert_eq!(user.principal().kind(), PrincipalKind::User);
    assert_eq!(user.principal().client(), Some(CLIENT));
    assert_eq!(user.client(), None);
    assert_eq!(texts(user.scopes()), ["Files.Read", "Mail.Send"]);
}

#[test]
fn names_of_objects_have_one_spelling() {
    let mut draft = Draft::entra_app();
    draft.claims["oid"] = json!(OBJECT.to_uppercase());
    draft.claims["tid"] = json!(TENANT.to_uppercase());
    assert_eq!(
        proven(&draft).principal(),
        proven(&Draft::entra_app()).principal()
    );
}

#[test]
fn groups_that_do_not_fit_are_unknown_not_none() {
    let with = |twist: fn(&mut Draft)| {
        let mut draft = Draft::entra_app();
        twist(&mut draft);
        proven(&draft)
    };
    let overage: [fn(&mut Draft); 4] = [
        |d| d.claims["_claim_names"] = json!({"groups": "src1"}),
        |d| d.claims["hasgroups"] = json!(true),
        |d| d.claims["hasgroups"] = json!("true"),
        |d| {
            d.claims["groups"] = json!(["a"]);
            d.claims["_claim_names"] = json!({"groups": "src1"});
        },
    ];
    for twist in overage {
        assert_eq!(with(twist).groups(), Groups::Overage);
    }
    let known = with(|d| {
        d.claims["groups"] = json!(["sec-ops", "Zürich"]);
        d.claims["_claim_names"] = json!({"other": "src1"});
        d.claims["hasgroups"] = json!(false);
    });
    let Groups::Known(groups) = known.groups() else {
        panic!("known");
    };
    assert_eq!(texts(groups), ["sec-ops", "Zürich"]);
}

#[test]
fn dates_may_be_fractions_and_clocks_may_differ() {
    for twist in [
        |d: &mut Draft| d.claims["exp"] = json!(NOW as f64 + 3600.789),
        |d: &mut Draft| d.claims["exp"] = json!(NOW - 59),
        |d: &mut Draft| d.claims["nbf"] = json!(NOW + 60),
        |d: &mut Draft| d.claims["iat"] = json!(NOW as f64 + 59.5),
        |d: &mut Draft| d.claims["nbf"] = json!(0),
        |d: &mut Draft| d.without("iat"),
    ] {
        let mut draft = Draft::entra_app();
        twist(&mut draft);
        let _identity = proven(&draft);
    }
}

#[test]
fn a_client_of_a_generic_issuer() {
    let agent = proven(&Draft::oidc());
    assert_eq!(agent.principal().to_string(), "idp/agent-7");
    assert_eq!(agent.principal().tenant(), None);
    assert_eq!(agent.client(), Some("agent-7"), "it is its own subject");
    assert_eq!(texts(agent.scopes()), ["read", "write"]);
    assert_eq!(agent.token_id(), Some("t-1"));

    let mut on_behalf = Draft::oidc();
    on_behalf.claims["sub"] = json!("alice");
    let alice = proven(&on_behalf);
    assert_eq!(alice.principal().client(), Some("agent-7"));
    assert_eq!(alice.client(), None);
}

#[test]
fn claims_for_roles_and_groups_are_configured() {
    let mut spec = oidc_spec();
    if let IssuerKind::Oidc { roles, groups, .. } = &mut spec.kind {
        *roles = "https://idp.example/roles".into();
        *groups = "teams".into();
    }
    let mut draft = Draft::oidc();
    draft.claims["https://idp.example/roles"] = json!(["reader"]);
    draft.claims["teams"] = json!(["blue"]);
    draft.claims["roles"] = json!(["ignored"]);
    draft.rename("scope", "scp");
    draft.claims["scp"] = json!(["read"]);
    let Verdict::Proven(identity) = Gate::of([spec]).judge(&draft.token(), at(0)) else {
        panic!("proven");
    };
    assert_eq!(texts(identity.roles()), ["reader"]);
    assert_eq!(texts(identity.scopes()), ["read"]);
    assert!(matches!(identity.groups(), Groups::Known([team]) if &**team == "blue"));
}

#[test]
fn nothing_shows_a_token() {
    let draft = Draft::entra_app();
    let token = draft.token();
    let signature = token.rsplit('.').next().unwrap();
    let identity = proven(&draft);
    let mut gate = Gate::new();
    let verdict = gate.judge(&token, at(0));
    for shown in [
        format!("{identity:?}"),
        format!("{verdict:?}"),
        format!("{:?}", gate.core),
    ] {
        assert!(
            !shown.contains(signature) && !shown.contains(&token[..20]),
            "{shown}"
        );
    }
}

#[test]
fn claims_that_are_elsewhere_are_not_known_to_be_empty() {
    let mut draft = Draft::oidc();
    draft.without("groups");
    draft.claims["_claim_names"] = json!({"groups": "src1"});
    assert_eq!(proven(&draft).groups(), Groups::Overage);
    draft.claims["_claim_names"] = json!({"roles": "src1"});
    let verdict = Gate::new().judge(&draft.token(), at(0));
    let unknown = AuthError::ClaimMalformed(Claim::Roles);
    assert!(matches!(verdict, Verdict::Refused(why) if why == unknown));
}

#[test]
fn groups_are_told_in_one_spelling() {
    let mut draft = Draft::entra_user();
    draft.claims["groups"] = json!([OBJECT.to_uppercase(), "Zürich"]);
    let identity = proven(&draft);
    let Groups::Known(groups) = identity.groups() else {
        panic!("overage")
    };
    assert_eq!(groups, [OBJECT.into(), "Zürich".into()]);
}

#[test]
fn no_two_principals_share_a_name() {
    let mut own = Draft::oidc();
    own.claims["sub"] = json!("a+b");
    own.claims["client_id"] = json!("a+b");
    let mut user = Draft::oidc();
    user.claims["sub"] = json!("a");
    user.claims["client_id"] = json!("b");
    let (own, user) = (proven(&own), proven(&user));
    assert_ne!(own.principal(), user.principal());
    assert_ne!(own.principal().name(), user.principal().name());
}

#[test]
fn tenants_of_one_issuer_are_different_principals() {
    let judge = |draft: &Draft| match Gate::wide().judge(&draft.token(), at(0)) {
        Verdict::Proven(identity) => identity,
        other => panic!("{other:?}"),
    };
    let first = judge(&Draft::tenant(PARTNERS, TENANT));
    let second = judge(&Draft::tenant(PARTNERS, SECOND_TENANT));
    let by_version_1 = judge(&Draft::tenant_v1(PARTNERS, SECOND_TENANT));
    assert_eq!(second.principal().tenant(), Some(SECOND_TENANT));
    assert_ne!(first.principal(), second.principal());
    assert_ne!(first.principal().name(), second.principal().name());
    assert_eq!(second.principal(), by_version_1.principal());
    let third = judge(&Draft::tenant(WORLD, THIRD_TENANT));
    let name = format!("world/{THIRD_TENANT}/{OBJECT}");
    assert_eq!(third.principal().name(), name);
}

#[test]
fn agents_are_told_apart() {
    let with = |mut draft: Draft, actor: &str, subject: &str| {
        draft.claims["xms_act_fct"] = json!(actor);
        draft.claims["xms_sub_fct"] = json!(subject);
        draft.claims["xms_par_app_azp"] = json!(CLIENT.to_uppercase());
        proven(&draft)
    };
    for (draft, actor, subject, want) in [
        (Draft::entra_app(), "3 9 11", "9 3 11", Some(Agent::Itself)),
        (Draft::entra_app_v1(), "11", "", Some(Agent::Itself)),
        (Draft::entra_app(), "3 9 111", "1 1", None),
        (Draft::entra_user(), "9 11", "3", Some(Agent::OnBehalf)),
        (Draft::entra_user(), "9 11", "13 3", Some(Agent::Account)),
        (Draft::entra_user(), "9", "3", None),
    ] {
        let identity = with(draft, actor, subject);
        assert_eq!(identity.agent(), want, "{actor}, {subject}");
        assert_eq!(identity.blueprint(), Some(CLIENT));
    }
    let plain = proven(&Draft::entra_app());
    assert_eq!((plain.agent(), plain.blueprint()), (None, None));
}
