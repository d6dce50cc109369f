//! Listeners of the control plane, and what the gateway is ready without: façades and traces.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::task::AbortHandle;

use super::StartError;
use super::admin::AdminListener;
use super::config::{self, Config};
use super::facade::{Asked, Facade, Outward};
use super::health::Health;
use super::inherited::Inherited;
use super::listen::{Certificate, Listening};
use super::standing::client;
use super::traces::{Tracer, TracesError};
use crate::auth::Issuer;
use crate::base::access::AccessSender;
use crate::base::clock::Clock;
use crate::base::counters::Counters;
use crate::base::limits::SPANS;

/// Its listening sockets once more, to be handed over, and who accepts from them.
#[derive(Default)]
pub(super) struct Listeners {
    pub sockets: Vec<TcpListener>,
    pub accepting: Vec<AbortHandle>,
}

impl Listeners {
    /// The admin listener, bound or inherited.
    pub fn admin(
        &mut self,
        config: &Config,
        inherited: &mut Inherited,
    ) -> io::Result<AdminListener> {
        let admin = AdminListener::bind(&config.admin, inherited)?;
        self.sockets.push(admin.socket()?);
        Ok(admin)
    }
}

/// The façades that listen.
pub(super) type Facades = Vec<Listed>;

/// A façade that listens.
pub(super) struct Listed {
    pub issuer: Arc<str>,
    pub address: SocketAddr,
    pub certificate: Certificate,
    outward: Outward,
}

/// The façades that are configured. One that cannot reach its issuer says so in its health and
/// refuses its clients; the gateway is ready without it.
pub(super) fn facades(
    config: &Config,
    issuers: &[Arc<Issuer>],
    clock: Clock,
    inherited: &mut Inherited,
    listening: &mut Listeners,
) -> Result<(Facades, Vec<Health>), StartError> {
    let (mut addresses, mut healths) = (Vec::new(), Vec::new());
    for (issuer, configured) in issuers.iter().zip(&config.issuers) {
        let Some(config) = &configured.facade else {
            continue;
        };
        let outward = Outward::new(asked(issuer, configured)?);
        let health = Health::new("metadata", &configured.name);
        let doing = |error| StartError::Facade(config.bind, error);
        let socket = Listening::bind(config.bind, config.tls.as_ref(), inherited).map_err(doing)?;
        listening.sockets.push(socket.again().map_err(doing)?);
        let facade = Facade::new(config, socket, outward.clone(), clock, health.clone());
        let facade = facade.map_err(doing)?;
        addresses.push(Listed {
            issuer: configured.name.clone(),
            address: facade.address(),
            certificate: facade.certificate(),
            outward,
        });
        healths.push(health);
        let answering = tokio::spawn(facade.serve());
        listening.accepting.push(answering.abort_handle());
    }
    Ok((addresses, healths))
}

fn asked(issuer: &Arc<Issuer>, configured: &config::Issuer) -> Result<Asked, StartError> {
    Ok(Asked {
        configured: configured.clone(),
        issuer: Arc::clone(issuer),
        client: client(configured, configured.roots.as_ref())?,
    })
}

/// What façades are to ask under another configuration. What it says the same of is left out.
pub(super) fn led_elsewhere(
    facades: &Facades,
    config: &Config,
    issuers: &[Arc<Issuer>],
) -> Result<Vec<(Outward, Asked)>, StartError> {
    let mut led = Vec::new();
    for (issuer, configured) in issuers.iter().zip(&config.issuers) {
        let listed = facades.iter().find(|it| it.issuer == configured.name);
        let changed = listed.filter(|it| it.outward.get().configured != *configured);
        if let Some(listed) = changed {
            led.push((listed.outward.clone(), asked(issuer, configured)?));
        }
    }
    Ok(led)
}

/// The exporter of traces, where one is configured. A collector that cannot be reached says so in its
/// health.
pub(super) fn tracer(
    config: &Config,
    access: &mut AccessSender,
    counters: &Arc<Counters>,
) -> Result<(Option<Tracer>, Option<Health>), TracesError> {
    let Some(traces) = &config.traces else {
        return Ok((None, None));
    };
    let health = Health::new("traces", &"collector".into());
    let entries = access.trace(SPANS);
    let tracer = Tracer::start(traces, entries, Arc::clone(counters), health.clone())?;
    Ok((Some(tracer), Some(health)))
}
