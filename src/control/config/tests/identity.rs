//! Tenants, agents and groups, as they are written and as they come to be judged by.

use super::*;
use crate::auth::{Algorithm, Binding, ProofRules, Tenants};
use crate::control::rules::preview;

const TENANT: &str = "7E2F0000-0000-0000-0000-000000000001";
const OTHER: &str = "7e2f0000-0000-0000-0000-000000000002";

/// [`GOOD`] with another issuer of Entra, and more of whom the policy is for.
fn with(tenants: &str, who: &str) -> Result<Config, String> {
    let directory = directory();
    let text = GOOD.replace(&format!("tenant: {TENANT}"), tenants);
    let text = text.replace("groups: [5f0e]", who);
    judge(directory.path(), &text)
}

#[test]
fn several_tenants_and_whom_of_them_a_policy_is_for() {
    let config = with(
        &format!("tenants: [{TENANT}, {OTHER}]"),
        &format!("tenants: [{}], agents: true", OTHER.to_uppercase()),
    );
    let config = config.unwrap();
    let IssuerKind::Entra { tenants, .. } = &config.issuers[0].kind else {
        panic!("Entra's");
    };
    let listed = vec![TENANT.to_lowercase(), OTHER.to_owned()];
    assert_eq!(*tenants, Tenants::Listed(listed));
    let rules = preview(&config).unwrap();
    let who = &rules.connections[0].policies.policies[0].who;
    assert_eq!(who.tenants, [OTHER]);
    assert_eq!(who.agents, Some(true));
    let issuer = &config.trusted_issuers().unwrap()[0];
    let shared = "https://login.microsoftonline.com/organizations/v2.0";
    let metadata = format!("{shared}/.well-known/openid-configuration");
    assert_eq!(issuer.discovery_url(), metadata);
    assert_eq!(
        issuer.metadata_issuer(),
        "https://login.microsoftonline.com/{tenantid}/v2.0"
    );
}

#[test]
fn a_policy_for_tenants_that_never_come_is_a_mistake() {
    let one = format!("tenant: {TENANT}");
    for (tenants, who, good) in [
        (one.as_str(), TENANT, true),
        (&one, OTHER, false),
        (r#"tenants: ["*"]"#, OTHER, true),
        (r#"tenants: ["*"]"#, "contoso", false),
    ] {
        let config = with(tenants, &format!("tenants: [{who}]")).unwrap();
        let told = preview(&config).err().map(|told| told.to_string());
        assert_eq!(told.is_none(), good, "{tenants}, {who}: {told:?}");
    }
}

#[test]
fn groups_are_asked_for_in_one_tenant_by_tokens_of_the_gateways_own() {
    let one =
        |credential: &str| format!("tenant: {TENANT}, groups: {{ credential: {credential} }}");
    let config = with(&one("reader"), "groups: [5f0e]").unwrap();
    let source = config.issuers[0].groups.as_ref().unwrap();
    assert_eq!(
        (source.credential, &*source.graph),
        (0, "https://graph.microsoft.com")
    );
    assert!(config.trusted_issuers().unwrap()[0].resolves_groups());

    let told = with(&one("key"), "groups: [5f0e]").err().unwrap();
    assert!(
        told.contains("no bearer token of the gateway's own"),
        "{told}"
    );
    let many = r#"tenants: ["*"], groups: { credential: reader }"#;
    let told = with(many, "groups: [5f0e]").err().unwrap();
    assert!(told.contains("`groups` goes with `tenant`"), "{told}");
    assert!(with(&one("nobody"), "groups: [5f0e]").is_err());
}

/// [`GOOD`] with further keys of the issuer `other`, and of the listener's `tls`.
fn with_holders(more: &str, tls: &str) -> Result<Config, String> {
    let directory = directory();
    let text = GOOD.replace("algorithms: [ES256, PS256]", more);
    let text = text.replace("key: file:tls.key", &format!("key: file:tls.key {tls}"));
    judge(directory.path(), &text)
}

#[test]
fn tokens_may_have_to_be_bound() {
    // What callers are told of: proofs, certificates.
    for (more, binding, says) in [
        ("algorithms: [ES256]", Binding::Optional, (false, false)),
        ("bound: optional", Binding::Optional, (true, true)),
        ("bound: required", Binding::Required, (true, true)),
        ("bound: certificate", Binding::Certificate, (false, true)),
        ("bound: dpop", Binding::Dpop, (true, false)),
        ("dpop: {}", Binding::Optional, (true, false)),
    ] {
        let config = with_holders(more, ", client_ca: ca.pem");
        let config = config.unwrap_or_else(|why| panic!("{more}: {why}"));
        let other = &config.issuers[1];
        assert_eq!(other.binding, binding, "{more}");
        assert_eq!((other.says_dpop, other.says_certificates), says, "{more}");
        assert_eq!(other.proofs, ProofRules::default(), "{more}");
        assert_eq!(config.trusted_issuers().unwrap()[1].binding(), binding);
    }
}

#[test]
fn proofs_are_judged_by_what_is_configured() {
    let more = "dpop: { algorithms: [EdDSA, ES256], nonce: true }";
    let config = with_holders(more, "").unwrap();
    let want = ProofRules {
        algorithms: vec![Algorithm::EdDsa, Algorithm::Es256],
        nonce: true,
        window: Duration::from_secs(60),
    };
    assert_eq!(*config.trusted_issuers().unwrap()[1].proofs(), want);
}

#[test]
fn what_binds_tokens_must_be_possible() {
    let told = |more: &str| with_holders(more, "").err().unwrap();
    let no_listener = told("bound: certificate");
    assert!(no_listener.contains("s.yaml:6:"), "{no_listener}");
    assert!(
        no_listener.contains("no listener asks callers for certificates"),
        "{no_listener}"
    );
    for (more, why) in [
        ("bound: mtls", "unknown way to be bound `mtls`"),
        ("bound: certifcate", "did you mean `certificate`"),
        (
            "bound: certificate, dpop: { nonce: true }",
            "must be bound to certificates",
        ),
        ("dpop: { algorithms: [HS256] }", "unknown algorithm `HS256`"),
        ("dpop: { algorithms: [none] }", "unknown algorithm `none`"),
        ("dpop: { nonces: true }", "nonces"),
        ("dpop: { nonce: sometimes }", "sometimes"),
    ] {
        let told = told(more);
        assert!(told.contains(why), "{more}: {told}");
    }
    let directory = directory();
    for (window, good) in [
        ("500ms", false),
        ("1s", true),
        ("5m", true),
        ("301s", false),
    ] {
        let limits = format!("limits: {{ dpop_window: {window}, ");
        let config = judge(directory.path(), &GOOD.replace("limits: { ", &limits));
        assert_eq!(config.is_ok(), good, "{window}");
    }
}
