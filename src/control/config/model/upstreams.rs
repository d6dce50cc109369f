//! How upstreams are reached and treated.

use std::time::Duration;

use crate::base::gate::GateSpec;
use crate::base::limits::{
    CIRCUIT_FAILURES, CIRCUIT_TIME, EJECTION_FAILURES, EJECTION_TIME, Limits,
};
use crate::base::strikes::Tolerance;

/// A further host of an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Host name or address, brackets of an IPv6 address removed.
    pub name: String,
    /// Port.
    pub port: u16,
}

/// How an upstream is treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Care {
    /// Times of its own.
    pub times: Times,
    /// How many calls may be under way; `None` sets no bound.
    pub gate: Option<GateSpec>,
    /// When an address is passed over.
    pub ejection: Tolerance,
    /// When calls are refused at once.
    pub circuit: Tolerance,
    /// How its addresses are checked; `None` checks none.
    pub health: Option<HealthCheck>,
}

/// Times and rates that a connection has of its own; for the others [`Limits`] holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// See [`Limits::body_rate`].
    pub body_rate: Option<u64>,
    /// See [`Limits::connect_time`].
    pub connect: Option<Duration>,
    /// See [`Limits::first_byte_time`].
    pub first_byte: Option<Duration>,
    /// See [`Limits::reply_idle_time`].
    pub reply_idle: Option<Duration>,
    /// See [`Limits::upgraded_idle_time`].
    pub upgraded_idle: Option<Duration>,
    /// See [`Limits::upstream_idle_time`].
    pub upstream_idle: Option<Duration>,
}

/// How addresses are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is asked for.
    pub path: String,
    /// How often.
    pub every: Duration,
    /// How long the answer may take.
    pub time: Duration,
}

impl Default for Care {
    fn default() -> Care {
        Care {
            times: Times::default(),
            gate: None,
            ejection: Tolerance {
                failures: EJECTION_FAILURES,
                pause: EJECTION_TIME.0,
                longest: EJECTION_TIME.1,
            },
            circuit: Tolerance {
                failures: CIRCUIT_FAILURES,
                pause: CIRCUIT_TIME.0,
                longest: CIRCUIT_TIME.1,
            },
            health: None,
        }
    }
}

impl Times {
    /// These, and those of `limits` for the rest.
    #[must_use]
    pub fn over(&self, limits: &Limits) -> Limits {
        Limits {
            body_rate: self.body_rate.unwrap_or(limits.body_rate),
            connect_time: self.connect.unwrap_or(limits.connect_time),
            first_byte_time: self.first_byte.unwrap_or(limits.first_byte_time),
            reply_idle_time: self.reply_idle.unwrap_or(limits.reply_idle_time),
            upgraded_idle_time: self.upgraded_idle.unwrap_or(limits.upgraded_idle_time),
            upstream_idle_time: self.upstream_idle.unwrap_or(limits.upstream_idle_time),
            ..*limits
        }
    }
}
