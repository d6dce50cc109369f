//! Whether requests can be served: every issuer's keys, every credential, every upstream's address,
//! and whatever else says it must be asked.
//! A configuration that was refused is told and does not count: the one before serves on.

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::{Map, Value, json};

use super::health::{Health, State};
use super::reloads::Reloads;
use super::standing::Standing;
use super::upstreams::KeptUpstream;
use crate::auth::PublishedKeys;
use crate::base::clock::{Clock, Mono};

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
    pub standing: Arc<ArcSwap<Standing>>,
    pub reloads: Arc<Reloads>,
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
        let standing = self.standing.load();
        let issuers: Map<String, Value> = (standing.issuers.iter())
            .map(|one| {
                let (is_good, detail) = self.issuer(&one.health, now);
                (one.health.name().to_owned(), part(is_good, detail))
            })
            .collect();
        let credentials: Map<String, Value> = (standing.credentials.iter())
            .map(|one| {
                let is_good = one.is_there(now);
                let detail = detail(is_good, one.health.as_ref());
                (one.config.name.to_string(), part(is_good, detail))
            })
            .collect();
        let upstreams: Map<String, Value> = (standing.upstreams.iter())
            .map(|one| {
                let (is_known, detail) = self.upstream(one);
                (one.health.name().to_owned(), part(is_known, detail))
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
            "configuration": {
                "generation": self.reloads.generation(),
                "refused": self.reloads.refused(),
            },
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
    fn upstream(&self, one: &KeptUpstream) -> (bool, Value) {
        let is_known = !one.place.get().is_empty();
        let mut told = detail(is_known, Some(&one.health));
        if let Some(state) = (self.servers)(one.health.name()) {
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
