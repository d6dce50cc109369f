//! What is different between two configurations: what a running gateway can take over, and what it
//! takes a restart to change.
//!
//! Things are compared by what they are, not by where they stand: another order, another place in
//! the file or a comment changes nothing. What refers to something else is compared by its name.

mod doors;
mod entries;

use std::net::SocketAddr;
use std::sync::Arc;

use self::doors::{certificates, desk, faces};
pub use self::entries::Entries;
use super::model::{Admin, Config, Connection, Issuer, Listener, Mask, Policy, Reach, Route};
use crate::base::limits::Limits;
use crate::base::secret::Secret;
use crate::exchange::CorsSpec;

/// What is different in a new configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Keys of the file that only a restart can change, such as `listeners`.
    pub restart: Vec<String>,
    /// Listeners, the admin's and façades' included, that show other certificates.
    pub certificates: Vec<SocketAddr>,
    /// `public_url` is another.
    pub public_url: bool,
    /// `session_keys` are others, or in another order.
    pub session_keys: bool,
    /// Issuers, apart from their façades. All that are in both are changed where a limit on tokens
    /// is another.
    pub issuers: Entries,
    /// Credentials; changed, too, where the secret that a reference leads to is another.
    pub credentials: Entries,
    /// Other identities are given tokens for the gateway, or other ones.
    pub identities: bool,
    /// Connections. A connection whose credential, mask or member of the same name is another is
    /// not changed itself.
    pub connections: Entries,
    /// Those of `connections` that are servers of the gateway's own, now or before: stdio and
    /// virtual ones.
    pub servers: Entries,
    /// `routes` are others.
    pub routes: bool,
    /// Policies.
    pub policies: Entries,
    /// Masks.
    pub masks: Entries,
    /// Limits that can change in a running gateway are others.
    pub limits: bool,
    /// `via` is another.
    pub via: bool,
}

impl Changes {
    /// True when the two are the same configuration.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Changes::default()
    }

    /// Why a running gateway cannot take the new configuration over; `None` when it can.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let keys: Vec<String> = (self.restart.iter())
            .map(|key| format!("`{key}`"))
            .collect();
        let keys = match keys.as_slice() {
            [] => return None,
            [only] => only.clone(),
            [first @ .., last] => format!("{} and {last}", first.join(", ")),
        };
        Some(format!(
            "{keys} cannot change while the gateway runs: restart it, or put back what was there"
        ))
    }
}

/// Compares the configuration in force with one that is to replace it.
#[must_use]
pub fn diff(old: &Config, new: &Config) -> Changes {
    // Every field by name, so that a new one cannot be forgotten.
    let Config {
        listeners: _,
        public_url,
        session_keys,
        admin: _,
        data: _,
        issuers: _,
        credentials,
        identity_endpoint: _,
        connections: _,
        routes: _,
        policies,
        masks,
        limits,
        via,
        workers: _,
        io: _,
        access_log: _,
        files: _,
        traces: _,
        source: _,
    } = old;
    let connections = connections(old, new);
    let own = |name: &str| is_own_server(old, name) || is_own_server(new, name);
    Changes {
        restart: restart(old, new),
        certificates: certificates(old, new),
        public_url: *public_url != new.public_url,
        session_keys: *session_keys != new.session_keys,
        issuers: issuers(old, new),
        credentials: Entries::of(
            credentials.iter().map(|each| (&each.name, each)),
            new.credentials.iter().map(|each| (&each.name, each)),
            |old, new| old == new,
        ),
        identities: identities(old) != identities(new),
        servers: connections.only(own),
        connections,
        routes: routes(old) != routes(new),
        policies: Entries::of(
            policies.iter().map(|each| (&each.name, each)),
            new.policies.iter().map(|each| (&each.name, each)),
            |before, after| is_same_policy((old, before), (new, after)),
        ),
        masks: Entries::of(
            masks.iter().map(|each| (&each.name, each)),
            new.masks.iter().map(|each| (&each.name, each)),
            |old, new| old == new,
        ),
        limits: live(limits) != live(&new.limits),
        via: *via != new.via,
    }
}

/// The keys whose values are read once, when the process starts.
fn restart(old: &Config, new: &Config) -> Vec<String> {
    // All but what is shown: see `certificates`.
    let binds = |config: &Config| -> Vec<Listener> {
        let doors = config.listeners.iter().cloned();
        doors.map(|door| Listener { tls: None, ..door }).collect()
    };
    let secure = |config: &Config| -> Vec<bool> {
        config
            .listeners
            .iter()
            .map(|door| door.tls.is_some())
            .collect()
    };
    let admin = |config: &Config| Admin {
        tls: None,
        ..config.admin.clone()
    };
    let is_same_admin =
        admin(old) == admin(new) && old.admin.tls.is_some() == new.admin.tls.is_some();
    let (was, is) = (&old.limits, &new.limits);
    let keys = [
        (
            "listeners",
            binds(old) != binds(new) || secure(old) != secure(new),
        ),
        ("admin", !is_same_admin),
        ("identity_endpoint", desk(old) != desk(new)),
        ("data", old.data != new.data),
        ("workers", old.workers != new.workers),
        ("io", old.io != new.io),
        ("access_log", old.access_log != new.access_log),
        ("traces", old.traces != new.traces),
        (
            "limits.segment_bytes",
            was.segment_bytes != is.segment_bytes,
        ),
        (
            "limits.retention_bytes",
            was.retention_bytes != is.retention_bytes,
        ),
        (
            "limits.reserve_bytes",
            was.reserve_bytes != is.reserve_bytes,
        ),
    ];
    let mut restart: Vec<String> = (keys.into_iter())
        .filter(|(_, differs)| *differs)
        .map(|(key, _)| key.to_owned())
        .collect();
    // A façade listens: it is there from the start or not at all.
    let facades = Entries::of(faces(old), faces(new), |old, new| old == new);
    for name in (facades.added.iter())
        .chain(&facades.removed)
        .chain(&facades.changed)
    {
        restart.push(format!("issuers.{name}.facade"));
    }
    restart
}

/// What identities show, and the names of the credentials that they are given tokens of.
fn identities(config: &Config) -> Vec<(&Secret, Option<&str>)> {
    let identities = config
        .identity_endpoint
        .iter()
        .flat_map(|it| &it.identities);
    let name = |at: usize| config.credentials.get(at).map(|it| &*it.name);
    identities
        .map(|it| (&it.header, name(it.credential)))
        .collect()
}

fn issuers(old: &Config, new: &Config) -> Entries {
    let plain = |issuer: &Issuer| Issuer {
        facade: None,
        ..issuer.clone()
    };
    let of_tokens = |limits: &Limits| (limits.clock_skew, limits.key_set_age, limits.dpop_window);
    let is_same_judgement = of_tokens(&old.limits) == of_tokens(&new.limits);
    Entries::of(
        old.issuers.iter().map(|each| (&each.name, each)),
        new.issuers.iter().map(|each| (&each.name, each)),
        |old, new| is_same_judgement && plain(old) == plain(new),
    )
}

fn connections(old: &Config, new: &Config) -> Entries {
    Entries::of(
        old.connections.iter().map(|each| (&each.name, each)),
        new.connections.iter().map(|each| (&each.name, each)),
        |before, after| {
            refers(old, before) == refers(new, after) && by_itself(before) == by_itself(after)
        },
    )
}

/// The names that a connection refers to: its credential, its masks, its members.
type Refers<'c> = (Option<&'c str>, Vec<&'c str>, Vec<&'c str>);

fn refers<'c>(config: &'c Config, connection: &Connection) -> Refers<'c> {
    let credential = connection
        .credential
        .and_then(|at| config.credentials.get(at));
    let masks = connection.masks.iter();
    let masks = masks.filter_map(|at| config.masks.get(*at).map(|Mask { name, .. }| &**name));
    let members = connection.members().iter();
    let members = members.filter_map(|at| name_of(config, *at));
    (
        credential.map(|it| &*it.name),
        masks.collect(),
        members.collect(),
    )
}

/// A connection without what it refers to.
fn by_itself(connection: &Connection) -> Connection {
    Connection {
        credential: None,
        masks: Vec::new(),
        reach: match &connection.reach {
            Reach::Virtual(_) => Reach::Virtual(Vec::new()),
            other => other.clone(),
        },
        ..connection.clone()
    }
}

fn name_of(config: &Config, connection: usize) -> Option<&str> {
    config.connections.get(connection).map(|it| &*it.name)
}

fn is_own_server(config: &Config, name: &str) -> bool {
    let mut connections = config.connections.iter();
    connections.any(|it| *it.name == *name && it.upstream().is_none())
}

/// Host, path and connection of a route, and the pages that may call by it.
type Way<'c> = (
    (Option<&'c str>, &'c str, Option<&'c str>),
    Option<&'c CorsSpec>,
);

/// Routes with the names of their connections, in an order of their own.
fn routes(config: &Config) -> Vec<Way<'_>> {
    let of = |route: &'_ Route| name_of(config, route.connection);
    let mut routes: Vec<_> = (config.routes.iter())
        .map(|route| {
            let key = (route.host.as_deref(), route.prefix.as_str(), of(route));
            (key, route.cors.as_ref())
        })
        .collect();
    routes.sort_unstable_by_key(|(key, _)| *key);
    routes
}

fn is_same_policy(old: (&Config, &Policy), new: (&Config, &Policy)) -> bool {
    let refers = |(config, policy): (&Config, &Policy)| {
        let issuer = config.issuers.get(policy.who.issuer);
        let connection = name_of(config, policy.connection).map(str::to_owned);
        (issuer.map(|issuer| Arc::clone(&issuer.name)), connection)
    };
    let plain = |policy: &Policy| {
        let mut policy = policy.clone();
        policy.connection = 0;
        policy.who.issuer = 0;
        policy
    };
    refers(old) == refers(new) && plain(old.1) == plain(new.1)
}

/// The limits that a running gateway can change.
fn live(limits: &Limits) -> Limits {
    let start = Limits::default();
    Limits {
        segment_bytes: start.segment_bytes,
        retention_bytes: start.retention_bytes,
        reserve_bytes: start.reserve_bytes,
        ..*limits
    }
}
