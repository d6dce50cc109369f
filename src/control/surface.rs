//! From the configuration to what an MCP connection shows and spends: metadata and budgets.

use super::config::{self, Config, IssuerKind, Mcp, Mistake};
use crate::exchange::metadata::{Metadata, MetadataSpec};
use crate::policy::budget::{BudgetError, BudgetSpec, Budgets, Limit};

/// What the connection at `index` tells who has no token for it.
///
/// Its authorization servers are the issuers that its policies name, each as MCP clients can use it:
/// behind its façade where it has one. Scopes are asked for under the issuer's own audience where
/// that is one and the same for all of them.
///
/// # Errors
/// What could not be told, where the connection stands.
pub fn metadata(config: &Config, index: usize) -> Result<Metadata, Mistake> {
    let connection = &config.connections[index];
    let mut issuers: Vec<&config::Issuer> = Vec::new();
    for policy in config.policies.iter().filter(|one| one.connection == index) {
        let issuer = &config.issuers[policy.who.issuer];
        if !issuers.iter().any(|known| known.name == issuer.name) {
            issuers.push(issuer);
        }
    }
    let mut qualifiers = issuers.iter().map(|issuer| qualifier(issuer));
    let first = qualifiers.next().flatten();
    let spec = MetadataSpec {
        name: connection.name.to_string(),
        public_url: config.public_url.clone(),
        servers: issuers.iter().map(|issuer| server(issuer)).collect(),
        scopes: (connection.mcp.as_ref()).map_or_else(Vec::new, |mcp| mcp.scopes.clone()),
        qualifier: first.filter(|first| qualifiers.all(|other| other == Some(*first)))
            .map(str::to_owned),
    };
    Metadata::new(spec).map_err(|why| Mistake::new(connection.place, why.to_string()))
}

/// The URL that a client finds the issuer's metadata by.
fn server(issuer: &config::Issuer) -> String {
    match (&issuer.facade, &issuer.kind) {
        (Some(facade), _) => facade.public_url.clone(),
        (None, IssuerKind::Entra { tenant, authority }) => format!("{authority}/{tenant}/v2.0"),
        (None, IssuerKind::Oidc { issuer, .. }) => issuer.clone(),
    }
}

/// What Entra wants before a scope's name: the application's URI, or its id.
fn qualifier(issuer: &config::Issuer) -> Option<&str> {
    let IssuerKind::Entra { .. } = issuer.kind else {
        return None;
    };
    let uri = issuer.audiences.iter().find(|one| one.contains("://"));
    uri.or(issuer.audiences.first()).map(String::as_str)
}

/// What each principal may use of a connection; `old` are the budgets it had, if it had any.
///
/// # Errors
/// The first that cannot be kept, where it stands.
pub fn budgets(mcp: &Mcp, old: Option<&Budgets>) -> Result<Budgets, Mistake> {
    let mut specs = Vec::new();
    let mut places = Vec::new();
    for budget in &mcp.budgets {
        let limits = [
            budget.calls.map(|rate| Limit::Calls {
                calls: rate.count.get(),
                per: rate.per,
            }),
            budget.concurrent.map(|calls| Limit::Concurrent(calls.get())),
            budget.result_bytes.map(Limit::ResultBytes),
        ];
        for limit in limits.into_iter().flatten() {
            let tools = budget.tools.clone();
            specs.push(BudgetSpec { tools, limit });
            places.push(budget.place);
        }
    }
    let compiled = match old {
        Some(old) => Budgets::compile_after(old, &specs),
        None => Budgets::compile(&specs),
    };
    compiled.map_err(|(at, why): (usize, BudgetError)| {
        // An error is about one of the specifications, and each has a place.
        let place = places.get(at).copied();
        Mistake::new(place.unwrap_or_default(), why.to_string())
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::base::clock::Now;
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
        let metadata = metadata(config, 0).expect("good metadata");
        serde_json::from_str(&metadata.reply("GET", seen).body).expect("JSON")
    }

    #[test]
    fn servers_are_the_issuers_of_the_policies() {
        let (entra, both) = (policy("entra"), [policy("entra"), policy("other")].join(","));
        let told_of = |facade: &str, policies: &str| told(&config(facade, policies, ""));
        let document = told_of("", &entra);
        assert_eq!(document["resource"], "https://gateway.example/mcp/tickets");
        assert_eq!(document["resource_name"], "tickets");
        let login = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
        assert_eq!(document["authorization_servers"], serde_json::json!([login]));
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
        let mcp = config.connections[0].mcp.as_ref().expect("an MCP connection");
        let first = budgets(mcp, None).expect("good budgets");
        let now = Now::default();
        let held = first.take("p", Some("search_a"), now).expect("room");
        let refused = first.take("p", Some("search_a"), now).expect_err("one at once");
        assert_eq!(&*refused.which, "concurrent: 1, tools: search_*");
        drop(held);
        let next = budgets(mcp, Some(&first)).expect("good budgets");
        assert!(next.take("p", Some("search_a"), now).is_ok());
        let refused = next.take("p", Some("search_a"), now).expect_err("two a minute");
        assert_eq!(&*refused.which, "calls: 2/60s, tools: search_*");
        assert_eq!(next.result_bytes(None), Some(1024));
    }
}
