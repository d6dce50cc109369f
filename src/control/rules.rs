//! From a configuration to the snapshot that requests are judged by.

use std::sync::Arc;

use super::Handles;
use super::config::{
    self, Config, Connection, Effect, ForwardHeaders, IssuerKind, Mistake, Mistakes, Reach,
    RecordClass, Upstream,
};
use crate::auth;
use crate::base::addresses::Addresses;
use crate::base::credential::Credentials;
use crate::base::secret::Secret;
use crate::exchange::Rules;
use crate::exchange::rules::{self, ForwardFields, Route};
use crate::mask::{self, Links, MaskSpec, Masks};
use crate::policy::compile::{LineError, PolicyError};
use crate::policy::pattern::PathPattern;
use crate::policy::{self, Line, Policies, Protocol, Who};
use crate::record::Class;
use crate::tls;

/// Members of Graph's and other OData replies that are links back to the upstream.
const LINKS: [&str; 2] = ["@odata.nextLink", "@odata.deltaLink"];

/// Compiles a configuration. `pseudonyms` is the key under which equal masked values stay equal.
///
/// # Errors
/// Every pattern, profile and root file that cannot be used, where it stands.
pub fn compile(
    config: &Config,
    generation: u64,
    handles: &Handles,
    pseudonyms: &Secret,
) -> Result<Rules, Mistakes> {
    let (routes, connections) = judged(config, generation, pseudonyms)?;
    Ok(Rules {
        generation,
        routes,
        connections,
        limits: config.limits,
        credentials: Arc::clone(&handles.credentials),
        addresses: Arc::clone(&handles.addresses),
    })
}

/// Judges a configuration as [`compile`] does; answers rules with nothing behind them, good for
/// asking and not for serving.
///
/// # Errors
/// As [`compile`].
pub fn preview(config: &Config) -> Result<Rules, Mistakes> {
    let (routes, connections) = judged(config, 0, &Secret::new(vec![0; 32]))?;
    Ok(Rules {
        generation: 0,
        routes,
        connections,
        limits: config.limits,
        credentials: Arc::new(Credentials::new(0)),
        addresses: Arc::new(Addresses::new(0)),
    })
}

/// The policies of one connection, by its place in the file.
///
/// # Errors
/// Every pattern and condition that cannot be used, where it stands.
pub fn policies_of(config: &Config, connection: usize) -> Result<Policies, Mistakes> {
    let mut mistakes = Vec::new();
    let policies = policies(config, connection, &mut mistakes);
    match mistakes.is_empty() {
        true => Ok(Policies {
            generation: 0,
            policies,
        }),
        false => Err(config.mistakes(mistakes)),
    }
}

/// The connection that a canonical path leads to, and the path without the route's prefix.
#[must_use]
pub fn routed<'p>(config: &Config, host: &str, path: &'p str) -> Option<(usize, &'p str)> {
    let mut routes = routes(config).into_iter();
    routes.find_map(|route| Some((route.connection, route.rest(host, path)?)))
}

/// The routes, the most specific first: a host before none, a longer path before a shorter one.
fn routes(config: &Config) -> Vec<Route> {
    let mut routes: Vec<Route> = config.routes.iter().filter_map(route).collect();
    routes.sort_by_key(|route| (route.host.is_none(), std::cmp::Reverse(route.path.depth())));
    routes
}

type Judged = (Vec<Route>, Vec<Arc<rules::Connection>>);

fn judged(config: &Config, generation: u64, pseudonyms: &Secret) -> Result<Judged, Mistakes> {
    let mut mistakes = Vec::new();
    let mut connections = Vec::new();
    for index in 0..config.connections.len() {
        match connection(config, index, generation, pseudonyms) {
            Ok(connection) => connections.push(Arc::new(connection)),
            Err(wrong) => mistakes.extend(wrong),
        }
    }
    if mistakes.is_empty() {
        Ok((routes(config), connections))
    } else {
        Err(config.mistakes(mistakes))
    }
}

fn route(route: &config::Route) -> Option<Route> {
    Some(Route {
        host: route.host.as_deref().map(Box::from),
        // Prefixes were judged when the file was read.
        path: PathPattern::parse(&format!("{}/**", route.prefix)).ok()?,
        prefix: route.prefix.as_str().into(),
        connection: route.connection,
    })
}

fn connection(
    config: &Config,
    index: usize,
    generation: u64,
    pseudonyms: &Secret,
) -> Result<rules::Connection, Vec<Mistake>> {
    let connection = &config.connections[index];
    let mut mistakes = Vec::new();
    let policies = policies(config, index, &mut mistakes);
    let masks = masks(config, connection, pseudonyms)
        .map_err(|why| mistakes.push(Mistake::new(connection.place, why.to_string())))
        .ok()
        .flatten();
    if connection.mcp.is_some() {
        let why = "the protocol `mcp` is not in this version";
        mistakes.push(Mistake::new(connection.place, why));
    }
    let upstream = match &connection.reach {
        Reach::Upstream(to) => upstream(connection, to)
            .map_err(|why| mistakes.push(why))
            .ok(),
        Reach::Stdio(_) => Some(own_server("stdio", &connection.name)),
        Reach::Virtual(_) => Some(own_server("union", &connection.name)),
    };
    match upstream {
        Some(upstream) if mistakes.is_empty() => Ok(rules::Connection {
            name: Arc::clone(&connection.name),
            index,
            upstream,
            credential: connection.credential,
            hides: !connection.masks.is_empty(),
            masks: masks.map(Arc::new),
            class: match connection.record {
                RecordClass::Buffered => Class::Buffered,
                RecordClass::Durable => Class::Durable,
            },
            policies: Policies {
                generation,
                policies,
            },
            forward: match &connection.forward_headers {
                ForwardHeaders::All => ForwardFields::AllButAuthority,
                ForwardHeaders::Listed(names) => {
                    ForwardFields::Listed(names.iter().map(|name| name.as_str().into()).collect())
                }
            },
            reply_fields: connection
                .reply_headers
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
        }),
        _ => Err(mistakes),
    }
}

fn policies(
    config: &Config,
    connection: usize,
    mistakes: &mut Vec<Mistake>,
) -> Vec<policy::Policy> {
    let protocol = match config.connections[connection].mcp {
        Some(_) => Protocol::Mcp,
        None => Protocol::Http,
    };
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
        };
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
    policies
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
    }
}

fn upstream(connection: &Connection, upstream: &Upstream) -> Result<rules::Upstream, Mistake> {
    let wrong = |why: tls::TlsConfigError| Mistake::new(connection.place, why.to_string());
    let tls = match upstream.tls {
        false => None,
        true => {
            let roots = match &connection.roots {
                Some(roots) => tls::Roots::Pem(roots.pem.clone()),
                None => tls::Roots::Native,
            };
            Some((
                tls::client_config(&roots).map_err(wrong)?,
                tls::server_name(&upstream.host).map_err(wrong)?,
            ))
        }
    };
    Ok(rules::Upstream {
        authority: upstream.authority().into(),
        base_path: upstream.path.as_str().into(),
        origin: upstream.to_string().into(),
        tls,
    })
}

/// A server of the gateway's own: on this machine, at a path of its own.
fn own_server(kind: &str, name: &str) -> rules::Upstream {
    let path = format!("/{kind}/{name}");
    rules::Upstream {
        authority: "localhost".into(),
        origin: format!("http://localhost{path}").into(),
        base_path: path.into(),
        tls: None,
    }
}

/// One profile of all that the connection names; `None` where nothing is looked for in bodies.
fn masks(
    config: &Config,
    connection: &Connection,
    pseudonyms: &Secret,
) -> Result<Option<Masks>, mask::MaskError> {
    if connection.masks.is_empty() && !connection.links {
        return Ok(None);
    }
    let mut spec = MaskSpec {
        pseudonym_key: Some(pseudonyms.clone()),
        links: connection
            .upstream()
            .filter(|_| connection.links)
            .map(|upstream| Links {
                members: LINKS.map(str::to_owned).to_vec(),
                upstream: upstream.to_string(),
            }),
        ..MaskSpec::default()
    };
    for profile in connection.masks.iter().map(|index| &config.masks[*index]) {
        spec.fields.extend(profile.fields.iter().cloned());
        spec.literals.extend(profile.literals.iter().cloned());
        spec.recognise.extend(profile.recognise.iter().copied());
        let mut hidden: Vec<&str> = profile.fields.iter().map(String::as_str).collect();
        hidden.extend(profile.recognise.iter().map(|kind| kind.name()));
        hidden.extend((!profile.literals.is_empty()).then_some("literal"));
        for name in hidden {
            let own = profile.replace.iter().find(|(what, _)| what == name);
            let how = own.map_or(&profile.default, |(_, how)| how);
            // Of two profiles that hide the same, the first says how.
            spec.replace
                .entry(name.to_owned())
                .or_insert_with(|| how.clone());
        }
    }
    Masks::compile(&spec).map(Some)
}
