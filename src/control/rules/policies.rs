//! From the configuration's policies to those that judge.

use crate::auth;
use crate::control::config::{self, Config, Effect, IssuerKind, Mistake, Tenants};
use crate::policy::compile::{LineError, PolicyError};
use crate::policy::{self, Line, Protocol, Who};

/// The policies of one connection; what is wrong with them joins `mistakes`.
pub(super) fn compile(
    config: &Config,
    connection: usize,
    mistakes: &mut Vec<Mistake>,
) -> Vec<policy::Policy> {
    let protocol = config.connections[connection].protocol();
    let mut policies = Vec::new();
    for policy in config
        .policies
        .iter()
        .filter(|policy| policy.connection == connection)
    {
        let issuer = &config.issuers[policy.who.issuer];
        let who = Who {
            issuer: issuer.name.to_string(),
            roles: policy.who.roles.clone(),
            groups: ids(issuer, &policy.who.groups),
            clients: ids(issuer, &policy.who.clients),
            scopes: policy.who.scopes.clone(),
            tenants: ids(issuer, &policy.who.tenants),
            agents: policy.who.agents,
        };
        if let Some(not) = nobody_there(issuer, &who) {
            mistakes.push(Mistake::new(policy.place, not));
        }
        if matches!(issuer.kind, IssuerKind::Entra { .. })
            && let Some(not) = who.clients.iter().find(|client| !auth::is_guid(client))
        {
            let why = format!("`{not}` is no client's id, which is a GUID: it would never match");
            mistakes.push(Mistake::new(policy.place, why));
        }
        let lines = policy.rules.iter().map(line);
        match policy::compile::policy(&policy.name, who, protocol, lines) {
            Ok(policy) => policies.push(policy),
            Err(PolicyError::Rule(number, why)) => {
                let rule = &policy.rules[number - 1];
                let place = match (&why, &rule.when) {
                    (LineError::When(_), Some(when)) => when.place,
                    _ => rule.place,
                };
                mistakes.push(Mistake::new(place, why.to_string()));
            }
            Err(why) => mistakes.push(Mistake::new(policy.place, why.to_string())),
        }
    }
    policies.extend(members(config, connection));
    policies
}

/// What `who` names that no token of the issuer would ever say.
fn nobody_there(issuer: &config::Issuer, who: &Who) -> Option<String> {
    let tenants = match &issuer.kind {
        IssuerKind::Entra { tenants, .. } => tenants,
        IssuerKind::Oidc { .. } if !who.tenants.is_empty() => {
            return Some("`tenants` are of issuers of kind `entra`".to_owned());
        }
        IssuerKind::Oidc { .. } if who.agents.is_some() => {
            return Some("`agents` are told apart by issuers of kind `entra`".to_owned());
        }
        IssuerKind::Oidc { .. } => return None,
    };
    let comes = |tenant: &&String| match tenants {
        Tenants::One(one) => *one == **tenant,
        Tenants::Listed(listed) => listed.contains(tenant),
        Tenants::Any => auth::is_guid(tenant),
    };
    let not = who.tenants.iter().find(|tenant| !comes(tenant))?;
    Some(format!(
        "no token of the tenant `{not}` is accepted: it would never match"
    ))
}

/// Through a virtual connection whoever may use a member comes; what of it, the member's own
/// policies say.
fn members(config: &Config, connection: usize) -> Vec<policy::Policy> {
    let open = |policy: policy::Policy| {
        let everything = Line::from((policy::Effect::Allow, "*"));
        policy::compile::policy(&policy.name, policy.who, Protocol::Mcp, [everything]).ok()
    };
    // What is wrong with a member's policies is told with the member.
    let compiled = config.connections[connection]
        .members()
        .iter()
        .flat_map(|member| compile(config, *member, &mut Vec::new()));
    compiled.filter_map(open).collect()
}

/// Ids as identities have them: Entra's GUIDs in lower case.
fn ids(issuer: &config::Issuer, written: &[String]) -> Vec<String> {
    let is_entra = matches!(issuer.kind, IssuerKind::Entra { .. });
    let id = |text: &String| match is_entra && auth::is_guid(text) {
        true => text.to_ascii_lowercase(),
        false => text.clone(),
    };
    written.iter().map(id).collect()
}

fn line(rule: &config::Rule) -> Line<'_> {
    Line {
        effect: match rule.effect {
            Effect::Allow => policy::Effect::Allow,
            Effect::Deny => policy::Effect::Deny,
            Effect::Approve { .. } => policy::Effect::Approve,
        },
        pattern: &rule.pattern,
        when: rule.when.as_ref().map(|when| &*when.text),
        shadow: rule.shadow,
        expand: &rule.expand,
    }
}
