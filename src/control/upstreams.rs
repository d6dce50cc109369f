//! What is known of one upstream: where it is, and which of its addresses answer.

use std::sync::Arc;

use super::checkup::{Checkup, Found};
use super::config::{Connection, HealthCheck, Roots, TlsIdentity, Upstream};
use super::health::Health;
use super::resolve;
use super::rules::under_tls;
use super::standing::{Task, spawn};
use crate::base::addresses::Place;
use crate::base::gate::GateSpec;

/// An upstream whose addresses are known or looked up, and checked where that is wanted.
pub(super) struct KeptUpstream {
    /// `None` for a server of the gateway's own: whoever starts it says where it is.
    reach: Option<Reach>,
    pub place: Arc<Place>,
    pub health: Health,
    checked: Option<Checking>,
    _tasks: Vec<Task>,
}

/// What of a connection's configuration says where its upstream is, and how that is found out.
#[derive(Clone, PartialEq, Eq)]
struct Reach {
    upstream: Upstream,
    gate: Option<GateSpec>,
    check: Option<Check>,
}

/// How its addresses are checked, and what that depends on.
#[derive(Clone, PartialEq, Eq)]
struct Check {
    spec: HealthCheck,
    roots: Option<Roots>,
    shown: Option<TlsIdentity>,
    name: Option<String>,
}

/// What is found out of addresses by checking them.
struct Checking {
    found: Arc<Found>,
    health: Health,
}

impl KeptUpstream {
    /// Begins to look for the upstream of that connection.
    pub(super) fn start(connection: &Connection) -> KeptUpstream {
        let reach = Reach::of(connection);
        let gate = reach.as_ref().and_then(|reach| reach.gate);
        let mut kept = KeptUpstream {
            reach: reach.clone(),
            place: Arc::new(Place::behind(gate)),
            health: Health::new("address", &connection.name),
            checked: None,
            _tasks: Vec::new(),
        };
        if let Some(reach) = reach {
            kept.find(connection, &reach);
        }
        kept
    }

    /// Whether it is what that connection wants, so that it can go on.
    pub(super) fn is_for(&self, connection: &Connection) -> bool {
        *self.health.name() == *connection.name && self.reach == Reach::of(connection)
    }

    /// Whether its addresses are found out here.
    pub(super) fn is_looked_up(&self) -> bool {
        self.reach.is_some()
    }

    /// How looking it up and checking it are going.
    pub(super) fn healths(&self) -> impl Iterator<Item = &Health> {
        let address = Some(&self.health).filter(|_| self.is_looked_up());
        let check = self.checked.as_ref().map(|checking| &checking.health);
        address.into_iter().chain(check)
    }

    /// How many of its addresses calls may go to, and how many are passed over since they failed
    /// their checks.
    pub(super) fn figures(&self) -> (usize, usize) {
        let good = self.place.get().len();
        let found = self.checked.as_ref().map(|it| it.found.addresses().len());
        (good, found.unwrap_or(good).saturating_sub(good))
    }

    /// Has the addresses looked up, and checked where that is wanted.
    fn find(&mut self, connection: &Connection, reach: &Reach) {
        let upstream = &reach.upstream;
        if let Some(check) = &reach.check {
            let health = Health::new("check", &connection.name);
            let checkup = Checkup {
                check: check.spec.clone(),
                authority: upstream.authority(),
                // Where nobody can reach it, the configuration is refused.
                tls: under_tls(connection, upstream).transpose().map(Result::ok),
                found: Arc::default(),
                place: self.place.clone(),
                health: health.clone(),
            };
            let found = checkup.found.clone();
            self.checked = Some(Checking { found, health });
            self._tasks.push(spawn(checkup.run()));
        }
        let found = self.checked.as_ref().map(|checking| checking.found.clone());
        let place = self.place.clone();
        let publish = move |addresses| match &found {
            Some(found) => found.publish(addresses),
            None => place.publish(addresses),
        };
        match resolve::literals(upstream) {
            Some(addresses) => {
                // At once, not when the first check is over.
                self.place.publish(addresses.clone());
                publish(addresses);
                self.health.note::<_, resolve::ResolveError>(&Ok(()));
            }
            None => {
                let keep = resolve::keep(upstream.clone(), publish, self.health.clone());
                self._tasks.push(spawn(keep));
            }
        }
    }
}

impl Reach {
    fn of(connection: &Connection) -> Option<Reach> {
        let upstream = connection.upstream()?.clone();
        Some(Reach {
            upstream: match &connection.proxy {
                None => upstream,
                // Who is behind it is for the proxy to find.
                Some(proxy) => Upstream {
                    tls: false,
                    host: proxy.host.clone(),
                    port: proxy.port,
                    also: Vec::new(),
                    path: String::new(),
                },
            },
            gate: connection.care.gate,
            check: connection.care.health.clone().map(|spec| Check {
                spec,
                roots: connection.roots.clone(),
                shown: connection.client_certificate.clone(),
                name: connection.server_name.clone(),
            }),
        })
    }
}
