//! From a configuration to the snapshot that requests are judged by.

mod mcp;
mod offers;
mod policies;

use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;

pub use self::mcp::Shared;
use super::Handles;
use super::config::{
    self, Config, Connection, ForwardHeaders, Mistake, Mistakes, Reach, RecordClass, Upstream,
};
use crate::base::credential::Credentials;
use crate::base::secret::Secret;
use crate::exchange::Cors;
use crate::exchange::rules::{self, ForwardFields, InnerWay, Route, Tunnel};
use crate::exchange::{Rules, Via};
use crate::mask::{self, Links, MaskSpec, Masks};
use crate::policy::Policies;
use crate::policy::pattern::PathPattern;
use crate::record::Class;
use crate::tls;

/// Members of Graph's and other OData replies that are links back to the upstream. `@odata.id` and its
/// like name things, and are what callers show the upstream again: they stay.
const LINKS: [&str; 6] = [
    "@odata.nextLink",
    "@odata.deltaLink",
    "@odata.context",
    "Location",
    "Content-Location",
    "Operation-Location",
];

/// Compiles a configuration. `pseudonyms` is the key under which equal masked values stay equal,
/// `before` what is in force, whose budgets go on.
///
/// # Errors
/// Every pattern, profile and root file that cannot be used, where it stands.
pub fn compile(
    config: &Config,
    generation: u64,
    handles: &Handles,
    pseudonyms: &Secret,
    shared: &Shared,
    before: Option<&Rules>,
) -> Result<Rules, Mistakes> {
    let ground = Ground {
        config,
        generation,
        pseudonyms,
        served: Some((handles, shared)),
        before,
    };
    let (routes, connections) = ground.judged()?;
    Ok(Rules {
        generation,
        routes,
        connections,
        limits: config.limits,
        public_url: public_url(config),
        via: via(config, shared.replica),
        credentials: Arc::clone(&handles.credentials),
        inner: mcp::inner_way(config, shared),
        traces: config.traces.as_ref().map(|traces| traces.sampling),
    })
}

/// Judges a configuration as [`compile`] does; answers rules with nothing behind them, good for
/// asking and not for serving.
///
/// # Errors
/// As [`compile`].
pub fn preview(config: &Config) -> Result<Rules, Mistakes> {
    let pseudonyms = &Secret::new(vec![0; 32]);
    let ground = Ground {
        config,
        generation: 0,
        pseudonyms,
        served: None,
        before: None,
    };
    let (routes, connections) = ground.judged()?;
    Ok(Rules {
        generation: 0,
        routes,
        connections,
        limits: config.limits,
        public_url: public_url(config),
        via: via(config, 0),
        credentials: Arc::new(Credentials::new(0)),
        inner: InnerWay::default(),
        traces: None,
    })
}

fn public_url(config: &Config) -> Option<Box<str>> {
    config.public_url.as_deref().map(Box::from)
}

/// The configured name, else one that this process alone has: gateways that stand one before the
/// other must not take each other for themselves.
fn via(config: &Config, replica: u64) -> Via {
    match &config.via {
        Some(name) => Via::by(name),
        None => Via::by(&format!("sluice-{replica:016x}")),
    }
}

/// The policies of one connection, by its place in the file.
///
/// # Errors
/// Every pattern and condition that cannot be used, where it stands.
pub fn policies_of(config: &Config, connection: usize) -> Result<Policies, Mistakes> {
    let mut mistakes = Vec::new();
    let policies = policies::compile(config, connection, &mut mistakes);
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
    let mut routes: Vec<Route> = (config.routes.iter())
        .filter_map(|each| route(config, each))
        .collect();
    routes.sort_by_key(|route| (route.host.is_none(), std::cmp::Reverse(route.path.depth())));
    routes
}

type Judged = (Vec<Route>, Vec<Arc<rules::Connection>>);

/// What rules are compiled from.
struct Ground<'g> {
    config: &'g Config,
    generation: u64,
    pseudonyms: &'g Secret,
    /// What is behind the rules; `None` where they are not for serving.
    served: Option<(&'g Handles, &'g Shared)>,
    before: Option<&'g Rules>,
}

impl Ground<'_> {
    fn judged(&self) -> Result<Judged, Mistakes> {
        let config = self.config;
        let mut mistakes = Vec::new();
        let mut connections = Vec::new();
        for index in 0..config.connections.len() {
            match self.connection(index) {
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

    fn connection(&self, index: usize) -> Result<rules::Connection, Vec<Mistake>> {
        let Ground {
            config,
            generation,
            pseudonyms,
            ..
        } = *self;
        let connection = &config.connections[index];
        let mut mistakes = Vec::new();
        let policies = policies::compile(config, index, &mut mistakes);
        let masks = masks(config, connection, pseudonyms)
            .map_err(|why| mistakes.push(Mistake::new(connection.place, why.to_string())))
            .ok()
            .flatten();
        let mcp = self
            .mcp(connection, index)
            .map_err(|why| mistakes.push(why));
        let upstream = match &connection.reach {
            Reach::Upstream(to) => upstream(connection, to)
                .map_err(|why| mistakes.push(why))
                .ok(),
            Reach::Stdio(_) => Some(own_server("stdio", &connection.name)),
            Reach::Virtual(_) => Some(own_server("union", &connection.name)),
        };
        match (upstream, mcp) {
            (Some(upstream), Ok(mcp)) if mistakes.is_empty() => Ok(rules::Connection {
                name: Arc::clone(&connection.name),
                index,
                row: self
                    .served
                    .map_or(index, |(handles, _)| handles.counters.row(&connection.name)),
                place: self
                    .served
                    .and_then(|(handles, _)| handles.addresses.place(index))
                    .map_or_else(Arc::default, Arc::clone),
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
                forward: forward(&connection.forward_headers),
                reply_fields: boxed(&connection.reply_headers),
                upgrades: connection.upgrades.clone(),
                retry: connection.retry,
                judged_bytes: connection.judged_bytes,
                graph: connection.graph,
                limits: connection.care.times.over(&config.limits),
                ejection: connection.care.ejection,
                circuit: connection.care.circuit,
                tunnel: tunnel(connection),
                offer: offers::offer(config, index),
                mcp,
            }),
            _ => Err(mistakes),
        }
    }

    /// The MCP side, judged also where there is nothing to serve with.
    fn mcp(
        &self,
        connection: &Connection,
        index: usize,
    ) -> Result<Option<Box<rules::Mcp>>, Mistake> {
        let before = self
            .before
            .and_then(|rules| rules.connection(&connection.name));
        let budgets = before.and_then(|before| Some(&*before.mcp.as_ref()?.budgets));
        let parts = mcp::Parts::judge(self.config, connection, index, budgets)?;
        Ok(self
            .served
            .zip(parts)
            .map(|((_, shared), parts)| Box::new(parts.with(connection, shared))))
    }
}

/// The way through the connection's proxy.
fn tunnel(connection: &Connection) -> Option<Tunnel> {
    let (proxy, upstream) = (connection.proxy.as_ref()?, connection.upstream()?);
    let target = upstream.tunnel_target();
    Some(Tunnel::to(&target, proxy.authorization.as_ref()))
}

fn forward(headers: &ForwardHeaders) -> ForwardFields {
    match headers {
        ForwardHeaders::All => ForwardFields::AllButAuthority,
        ForwardHeaders::Listed(names) => ForwardFields::Listed(boxed(names)),
    }
}

fn boxed(texts: &[String]) -> Vec<Box<str>> {
    texts.iter().map(|text| text.as_str().into()).collect()
}

fn route(config: &Config, route: &config::Route) -> Option<Route> {
    let cors = route.cors.as_ref().map(|spec| {
        let mut spec = spec.clone();
        // A page must see what its next proof has to name.
        if offers::offer(config, route.connection).nonce {
            spec.expose.push("dpop-nonce".to_owned());
        }
        Cors::new(&spec)
    });
    Some(Route {
        host: route.host.as_deref().map(Box::from),
        // Prefixes were judged when the file was read.
        path: PathPattern::parse(&format!("{}/**", route.prefix)).ok()?,
        prefix: route.prefix.as_str().into(),
        connection: route.connection,
        cors,
    })
}

fn upstream(connection: &Connection, upstream: &Upstream) -> Result<rules::Upstream, Mistake> {
    let wrong = |why: tls::TlsConfigError| Mistake::new(connection.place, why.to_string());
    Ok(rules::Upstream {
        authority: upstream.authority().into(),
        base_path: upstream.path.as_str().into(),
        origin: upstream.to_string().into(),
        tls: under_tls(connection, upstream).map_err(wrong)?,
    })
}

/// How an upstream is reached under TLS; `None` in plain text.
///
/// # Errors
/// Roots, certificate or name that cannot be used.
pub(super) fn under_tls(
    connection: &Connection,
    upstream: &Upstream,
) -> Result<Option<Target>, tls::TlsConfigError> {
    if !upstream.tls {
        return Ok(None);
    }
    let roots = match &connection.roots {
        Some(roots) => tls::Roots::Pem(roots.pem.clone()),
        None => tls::Roots::Native,
    };
    let config = match &connection.client_certificate {
        None => tls::client_config(&roots)?,
        Some(identity) => {
            let shown = tls::Certificate {
                chain: &identity.cert,
                key: &identity.key,
            };
            tls::client_config_showing(&roots, &shown)?
        }
    };
    let name = connection.server_name.as_ref().unwrap_or(&upstream.host);
    Ok(Some((config, tls::server_name(name)?)))
}

/// How TLS is spoken, and the name that the certificate must have.
pub(super) type Target = (Arc<ClientConfig>, ServerName<'static>);

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
