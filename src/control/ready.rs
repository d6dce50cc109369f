//! Whether requests can be served: every issuer's keys, every credential, every upstream's address,
//! and whatever else says it must be asked.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::health::{Health, State};
use crate::auth::PublishedKeys;
use crate::base::addresses::Addresses;
use crate::base::clock::{Clock, Mono};
use crate::base::credential::Credentials;

/// Another part that must be well for the process to be ready, such as the recorder.
pub struct Probe {
    /// Its name in the report.
    pub name: &'static str,
    /// Well, or why not.
    pub check: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
}

/// Tells how the server is that the gateway itself runs or puts together for the connection of that
/// name: its state, or why it cannot be expected to answer. None for a connection that leads
/// elsewhere.
pub type OwnServers = Arc<dyn Fn(&str) -> Option<Result<String, String>> + Send + Sync>;

/// What readiness depends on.
pub(super) struct Readiness {
    pub clock: Clock,
    pub keys: PublishedKeys,
    pub credentials: Arc<Credentials>,
    pub addresses: Arc<Addresses>,
    /// In the order of the configuration.
    pub issuer_healths: Vec<Health>,
    /// Names in the order of the configuration, with the health of those that are fetched.
    pub credential_healths: Vec<(Arc<str>, Option<Health>)>,
    /// In the order of the configuration.
    pub upstream_healths: Vec<Health>,
    pub servers: OwnServers,
    pub probes: Vec<Probe>,
}

impl Readiness {
    /// Ready or not, and the state of every part.
    pub fn report(&self) -> (bool, Value) {
        let now = self.clock.now().mono;
        let mut is_ready = true;
        let mut part = |is_good: bool, detail: Value| {
            is_ready &= is_good;
            detail
        };
        let issuers: Map<String, Value> = (self.issuer_healths.iter())
            .map(|health| {
                let (is_good, detail) = self.issuer(health, now);
                (health.name().to_owned(), part(is_good, detail))
            })
            .collect();
        let credentials: Map<String, Value> = (self.credential_healths.iter().enumerate())
            .map(|(slot, (name, health))| {
                let is_good = self.credentials.current(slot, now).is_some();
                let detail = detail(is_good, health.as_ref());
                (name.to_string(), part(is_good, detail))
            })
            .collect();
        let upstreams: Map<String, Value> = (self.upstream_healths.iter().enumerate())
            .map(|(connection, health)| {
                let (is_known, detail) = self.upstream(connection, health);
                (health.name().to_owned(), part(is_known, detail))
            })
            .collect();
        let others: Map<String, Value> = (self.probes.iter())
            .map(|probe| {
                let state = (probe.check)();
                let detail = json!({ "ready": state.is_ok(), "error": state.clone().err() });
                (probe.name.to_owned(), part(state.is_ok(), detail))
            })
            .collect();
        let report = json!({
            "ready": is_ready,
            "issuers": issuers,
            "credentials": credentials,
            "upstreams": upstreams,
            "parts": others,
        });
        (is_ready, report)
    }

    /// Whether it is known where the upstream is, which the process's readiness depends on, and the
    /// state of the upstream. A server of our own that cannot run is like an upstream that refuses
    /// to be connected to: its line says so, and the others are served all the same.
    fn upstream(&self, connection: usize, health: &Health) -> (bool, Value) {
        let is_known = !self.addresses.of(connection).is_empty();
        let mut told = detail(is_known, Some(health));
        if let Some(state) = (self.servers)(health.name()) {
            told["ready"] = json!(is_known && state.is_ok());
            told["error"] = json!(state.as_ref().err());
            told["state"] = json!(state.ok());
        }
        (is_known, told)
    }

    fn issuer(&self, health: &Health, now: Mono) -> (bool, Value) {
        let sets = self.keys.load();
        let mut trusts = sets.issuers().iter();
        let trust = trusts.find(|trust| **trust.issuer().name() == *health.name());
        let keys = trust.and_then(|trust| trust.keys(now).ok());
        let fetched_at = trust.and_then(|trust| trust.fetched_at());
        let mut detail = detail(keys.is_some(), Some(health));
        detail["keys"] = json!(keys.map_or(0, |keys| keys.len()));
        detail["age_seconds"] = json!(fetched_at.map(|at| now.since(at).as_secs()));
        (keys.is_some(), detail)
    }
}

fn detail(is_good: bool, health: Option<&Health>) -> Value {
    let error = health.and_then(|health| match &*health.state() {
        State::Failing(why) => Some(why.clone()),
        State::Waiting | State::Good => None,
    });
    json!({ "ready": is_good, "error": error })
}
