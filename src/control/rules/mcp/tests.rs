//! What a configuration makes of metadata and budgets.

use std::path::Path;

use super::*;
use crate::base::clock::Now;
use crate::control::config;
use crate::exchange::metadata::Seen;

const TENANT: &str = "7e2f0000-0000-0000-0000-000000000001";

fn config(facade: &str, policies: &str, budgets: &str) -> Config {
    let text = format!(
        "listeners: [{{ bind: 127.0.0.1:0 }}]
admin: {{ bind: 127.0.0.1:0 }}
data: data
public_url: https://gateway.example
issuers:
  entra: {{ kind: entra, tenant: {TENANT}, audiences: [{TENANT}, \"api://sluice\"]{facade} }}
  other: {{ kind: oidc, issuer: \"https://id.example/\", audiences: [sluice] }}
connections:
  tickets:
    protocol: mcp
    upstream: http://10.0.0.7:3001/mcp
    record: buffered
    scopes: [tickets.read]
    budgets: [{budgets}]
routes: [{{ path: /mcp/tickets/**, connection: tickets }}]
policies: [{policies}]
"
    );
    let parsed = config::parse(Path::new("sluice.yaml"), text, &|_: &str| None);
    parsed.unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn policy(issuer: &str) -> String {
    format!(
        "{{ name: for-{issuer}, connection: tickets, who: {{ issuer: {issuer}, clients: [{TENANT}] }},
           rules: [{{ allow: tools/call search_* }}] }}"
    )
}

fn told(config: &Config) -> serde_json::Value {
    let seen = Seen {
        secure: true,
        host: "127.0.0.1",
        by_host: false,
        prefix: "/mcp/tickets",
    };
    let metadata = metadata(config, &config.connections[0], 0).expect("good metadata");
    serde_json::from_str(&metadata.reply("GET", seen).body).expect("JSON")
}

#[test]
fn what_is_told_of_bound_tokens_is_what_the_issuers_say() {
    let (entra, other) = (policy("entra"), policy("other"));
    let both = [entra.clone(), other].join(",");
    let of = |said: &str, policies: &str| {
        let told = told(&config(said, policies, ""));
        let member = |name: &str| told.get(name).cloned().unwrap_or_default();
        (
            member("dpop_signing_alg_values_supported"),
            member("dpop_bound_access_tokens_required"),
            member("tls_client_certificate_bound_access_tokens"),
        )
    };
    let null = serde_json::Value::Null;
    let nothing = (null.clone(), null.clone(), null.clone());
    assert_eq!(of("", &entra), nothing);
    let one = serde_json::json!(["ES256"]);
    let said = ", bound: dpop, dpop: { algorithms: [ES256] }";
    assert_eq!(of(said, &entra), (one.clone(), true.into(), null.clone()));
    // Of two issuers one takes others.
    assert_eq!(of(said, &both), (one.clone(), null.clone(), null.clone()));
    let said = ", dpop: { algorithms: [ES256] }";
    assert_eq!(of(said, &entra), (one, null.clone(), null));
}

#[test]
fn servers_are_the_issuers_of_the_policies() {
    let (entra, both) = (
        policy("entra"),
        [policy("entra"), policy("other")].join(","),
    );
    let told_of = |facade: &str, policies: &str| told(&config(facade, policies, ""));
    let document = told_of("", &entra);
    assert_eq!(document["resource"], "https://gateway.example/mcp/tickets");
    assert_eq!(document["resource_name"], "tickets");
    let login = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    assert_eq!(
        document["authorization_servers"],
        serde_json::json!([login])
    );
    let scopes = &document["scopes_supported"];
    assert_eq!(*scopes, serde_json::json!(["api://sluice/tickets.read"]));

    let facade = ", facade: { bind: \"127.0.0.1:0\", public_url: \"https://auth.example\" }";
    let document = told_of(facade, &both);
    let servers = serde_json::json!(["https://auth.example", "https://id.example/"]);
    assert_eq!(document["authorization_servers"], servers);
    let scopes = &document["scopes_supported"];
    assert_eq!(*scopes, serde_json::json!(["tickets.read"]), "for either");
}

#[test]
fn each_limit_of_a_budget_is_kept() {
    let text = r#"{ calls: 2/m, concurrent: 1, tools: "search_*" }, { result_bytes: 1KiB }"#;
    let config = config("", &policy("entra"), text);
    let mcp = config.connections[0]
        .mcp
        .as_ref()
        .expect("an MCP connection");
    let first = budgets(&mcp.budgets, None).expect("good budgets");
    let now = Now::default();
    let held = first.take("p", Some("search_a"), now).expect("room");
    let refused = first
        .take("p", Some("search_a"), now)
        .expect_err("one at once");
    assert_eq!(&*refused.which, "concurrent: 1, tools: search_*");
    drop(held);
    let next = budgets(&mcp.budgets, Some(&first)).expect("good budgets");
    assert!(next.take("p", Some("search_a"), now).is_ok());
    let refused = next
        .take("p", Some("search_a"), now)
        .expect_err("two a minute");
    assert_eq!(&*refused.which, "calls: 2/60s, tools: search_*");
    assert_eq!(next.result_bytes(None), Some(1024));
}
