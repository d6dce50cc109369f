//! Tenants, agents and groups, as they are written and as they come to be judged by.

use super::*;
use crate::auth::Tenants;
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
