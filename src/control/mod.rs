//! Floor 6: the control plane, on a runtime of its own.
//!
//! ```text
//!   issuers      jwks ◄─ keeper ──► PublishedKeys ──► cores        cores ─ KeyWanted ─► keeper
//!   groups       directory ───────► Identity ───────► cores        cores ─ GroupsWanted ► keeper
//!   tokens       entra_client ────► Credentials ────► cores        cores ─ slot ──────► keeper
//!   resolver     names ───────────► Addresses ──────► cores
//!   store        pins, tasks ◄─── storekeeper ◄────── cores
//!                revocations ──► PublishedKeys ────► cores
//!   clients      façade ◄── the issuer's own metadata
//!   callers      identities ◄── Credentials, those for the gateway itself
//!   operator     admin ◄── metrics ◄── Counters ◄──── cores
//!                access log ◄──────── AccessSender ◄─ cores
//!   collector    traces ◄──────────── AccessSender ◄─ cores
//! ```
//!
//! What cores share with it is data on lower floors ([`Handles`]); no core waits for a fetch of its
//! own, and no configuration is read twice.

mod access;
mod admin;
mod beside;
mod checkup;
pub mod config;
mod facade;
mod groups;
mod health;
pub mod http_client;
mod identities;
mod inherited;
pub mod jwks;
mod keeper;
mod listen;
mod memory;
mod metrics;
mod pace;
mod questions;
mod ready;
mod reloads;
mod resolve;
pub mod rules;
pub mod session_keys;
mod standing;
mod storekeeper;
pub mod tokens;
mod traces;
mod upstreams;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::{Builder, Runtime};

use self::access::AccessWriter;
use self::admin::Pages;
use self::beside::{Facades, Listed, Listeners, facades, led_elsewhere, tracer};
use self::config::{Config, Mistakes};
use self::http_client::ClientError;
use self::identities::Identities;
use self::listen::Certificate;
use self::reloads::Reloads;
use self::standing::{Prepared, Standing};
use self::traces::{Tracer, TracesError};
use crate::auth::{GroupsWanted, KeyWanted, PublishedKeys};
use crate::base::access::AccessSender;
use crate::base::addresses::Addresses;
use crate::base::clock::Clock;
use crate::base::counters::Counters;
use crate::base::credential::{CredentialWanted, Credentials};
use crate::base::limits::{QUESTIONS, RELOAD_PATIENCE};
use crate::base::mailbox::{Ask, mailbox};
use crate::base::memory::Memory;
use crate::mcp::pins::Pins;
use crate::tls;

pub use health::State;
pub use inherited::Inherited;
pub use ready::{OwnServers, Probe};
pub use storekeeper::StoreKeeper;

/// What the data plane shares with the control plane. Clones share it all.
#[derive(Clone)]
pub struct Handles {
    /// The keys in force.
    pub keys: PublishedKeys,
    /// Asks for a key that a token names; answered when judging the token again makes sense.
    pub ask_key: Ask<KeyWanted>,
    /// Asks for the groups that a caller's token leaves out; answered when looking again makes sense.
    pub ask_groups: Ask<GroupsWanted>,
    /// What is shown upstream, by index of the credential.
    pub credentials: Arc<Credentials>,
    /// Asks for a credential by its index; answered when looking again makes sense.
    pub ask_credential: Ask<CredentialWanted>,
    /// Where upstreams are, by index of the connection.
    pub addresses: Arc<Addresses>,
    /// What cores count.
    pub counters: Arc<Counters>,
    /// The access log.
    pub access: AccessSender,
    /// How much memory there is.
    pub memory: Arc<Memory>,
}

/// What the rest of the process gives the control plane.
pub struct Parts {
    /// What cores count, by fixed labels.
    pub counters: Arc<Counters>,
    /// Other parts that must be well for the process to be ready.
    pub probes: Vec<Probe>,
    /// The tools, for their figures.
    pub pins: Pins,
    /// Where keys are published, with what is revoked already.
    pub keys: PublishedKeys,
    /// How the gateway's own servers are.
    pub servers: OwnServers,
    /// Listening sockets that another process has given.
    pub inherited: Inherited,
}

/// Why the control plane cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be used.
    #[error("{0}")]
    Config(#[from] Mistakes),
    /// The admin listener cannot listen.
    #[error("admin listener {0}: {1}")]
    Admin(SocketAddr, io::Error),
    /// An issuer's façade cannot listen.
    #[error("façade {0}: {1}")]
    Facade(SocketAddr, io::Error),
    /// The endpoint where callers get tokens cannot listen.
    #[error("identity endpoint {0}: {1}")]
    Identities(SocketAddr, io::Error),
    /// The access log cannot be opened.
    #[error("access log: {0}")]
    AccessLog(io::Error),
    /// There is no way to fetch what it needs.
    #[error("{0}: {1}")]
    Client(String, ClientError),
    /// Traces cannot be told.
    #[error("traces: {0}")]
    Traces(#[from] TracesError),
    /// There is no thread to run on.
    #[error("the control plane's runtime: {0}")]
    Runtime(io::Error),
}

/// The running control plane.
pub struct Control {
    runtime: Runtime,
    clock: Clock,
    handles: Handles,
    standing: Arc<ArcSwap<Standing>>,
    reloads: Arc<Reloads>,
    admin: SocketAddr,
    certificate: Certificate,
    facades: Facades,
    identities: Option<Identities>,
    writer: AccessWriter,
    tracer: Option<Tracer>,
    listening: Listeners,
}

impl Control {
    /// Starts it: everything that can fail for good fails here, an issuer that is down does not.
    ///
    /// # Errors
    /// What cannot be used, by name.
    pub fn start(config: &Config, clock: Clock, mut parts: Parts) -> Result<Control, StartError> {
        let prepared = Prepared::of(config)?;
        let issuers = prepared.issuers();
        let mut listening = Listeners::default();
        let admin = listening
            .admin(config, &mut parts.inherited)
            .map_err(|error| StartError::Admin(config.admin.bind, error))?;
        for connection in &config.connections {
            parts.counters.row(&connection.name);
        }
        let (mut access, writer) =
            AccessWriter::start(&config.access_log, Arc::clone(&parts.counters))
                .map_err(StartError::AccessLog)?;
        let runtime = runtime().map_err(StartError::Runtime)?;
        let (ask_key, key_questions) = mailbox(QUESTIONS);
        let (ask_groups, group_questions) = mailbox(QUESTIONS);
        let (ask_credential, credential_questions) = mailbox(QUESTIONS);
        let (address, certificate) = (admin.address(), admin.certificate());
        let guard = runtime.enter();
        let keys = parts.keys.clone();
        keys.configure(&issuers);
        let (facades, facade_healths) = facades(
            config,
            &issuers,
            clock,
            &mut parts.inherited,
            &mut listening,
        )?;
        let (tracer, tracer_health) = tracer(config, &mut access, &parts.counters)?;
        let start = Standing {
            beside: facade_healths.into_iter().chain(tracer_health).collect(),
            ..Standing::default()
        };
        let standing = Standing::start(config, prepared, &start, &keys, clock);
        let handles = Handles {
            keys: keys.clone(),
            ask_key,
            ask_groups,
            credentials: Arc::new(standing.shelves()),
            ask_credential,
            addresses: Arc::new(standing.places()),
            counters: parts.counters.clone(),
            access,
            memory: memory::start(&config.limits),
        };
        let identities = Identities::start(config, &standing, clock, &mut parts, &mut listening)?;
        let standing = Arc::new(ArcSwap::from_pointee(standing));
        let reloads = Arc::new(Reloads::new());
        let asked = (key_questions, group_questions, credential_questions);
        questions::hand_out(&standing, asked);
        let pages = Pages::new(&handles, &standing, &reloads, clock, parts);
        let answering = tokio::spawn(admin.serve(pages));
        listening.accepting.push(answering.abort_handle());
        drop(guard);
        Ok(Control {
            runtime,
            clock,
            handles,
            standing,
            reloads,
            admin: address,
            certificate,
            facades,
            identities,
            writer,
            tracer,
            listening,
        })
    }

    /// Takes over what another configuration says of issuers, credentials and upstreams: what it
    /// says the same of runs on. [`Control::handles`] are then those of that configuration. Waits a
    /// little for what is new.
    ///
    /// # Errors
    /// What cannot be used; then all stays as it was.
    pub fn reload(&mut self, config: &Config) -> Result<(), StartError> {
        let prepared = Prepared::of(config)?;
        let shown = self.certificates(config)?;
        let led = led_elsewhere(&self.facades, config, &prepared.issuers())?;
        self.handles.keys.configure(&prepared.issuers());
        let inside = self.runtime.enter();
        let before = self.standing.load_full();
        let standing = Standing::start(config, prepared, &before, &self.handles.keys, self.clock);
        drop(inside);
        standing.settle(self.clock, RELOAD_PATIENCE);
        self.handles.credentials = Arc::new(standing.shelves());
        self.handles.addresses = Arc::new(standing.places());
        if let Some(identities) = &self.identities {
            identities.publish(config, &standing);
        }
        self.standing.store(Arc::new(standing));
        self.handles.memory.allow(memory::allowed(&config.limits));
        for (certificate, server) in shown {
            certificate.show(server);
        }
        for (outward, asked) in led {
            outward.become_this(asked);
        }
        Ok(())
    }

    /// What the admin listener and façades are to show under another configuration.
    fn certificates(&self, config: &Config) -> Result<Vec<Shows>, StartError> {
        let admin = &config.admin;
        let renewed = self.certificate.renewed(admin.tls.as_ref());
        let renewed = renewed.map_err(|error| StartError::Admin(admin.bind, error))?;
        let mut shown = vec![(self.certificate.clone(), renewed)];
        for Listed {
            issuer,
            certificate,
            ..
        } in &self.facades
        {
            let configured = config.issuers.iter().find(|it| it.name == *issuer);
            if let Some(facade) = configured.and_then(|it| it.facade.as_ref()) {
                let renewed = certificate.renewed(facade.tls.as_ref());
                let renewed = renewed.map_err(|error| StartError::Facade(facade.bind, error))?;
                shown.push((certificate.clone(), renewed));
            }
        }
        Ok(shown)
    }

    /// Waits until everything has been fetched once, for no longer than `patience`: keys, tokens,
    /// addresses.
    pub fn settle(&self, patience: Duration) {
        self.standing.load().settle(self.clock, patience);
    }

    /// Tells the operator what became of a configuration that was offered: `Ok` has the generation
    /// that is in force since, or none where it was the same.
    pub fn note_reload(&self, outcome: Result<Option<u64>, String>) {
        match outcome {
            Ok(Some(generation)) => self.reloads.took(generation),
            Ok(None) => self.reloads.same(),
            Err(why) => self.reloads.refuse(why),
        }
    }

    /// What the data plane shares with it.
    #[must_use]
    pub fn handles(&self) -> &Handles {
        &self.handles
    }

    /// Where the admin listener is; the port is the real one where 0 was configured.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// Where the façade of the issuer of that name is, if it has one.
    #[must_use]
    pub fn facade_address(&self, issuer: &str) -> Option<SocketAddr> {
        let mut facades = self.facades.iter();
        Some(facades.find(|facade| *facade.issuer == *issuer)?.address)
    }

    /// Where callers get tokens for the gateway, if they do.
    #[must_use]
    pub fn identity_address(&self) -> Option<SocketAddr> {
        self.identities.as_ref().map(Identities::address)
    }

    /// Gives its listening sockets once more, for a process that takes over. Only the first call
    /// answers any.
    pub fn sockets(&mut self) -> Vec<TcpListener> {
        std::mem::take(&mut self.listening.sockets)
    }

    /// Takes no more connections: another process does. Those that are open go on.
    pub fn leave_listeners(&self) {
        for accepting in &self.listening.accepting {
            accepting.abort();
        }
    }

    /// Stops: no more fetches, and the access log written out. Call it last, when no core can tell
    /// the log any more.
    pub fn stop(self) {
        const PATIENCE: Duration = Duration::from_secs(1);
        if let Some(tracer) = self.tracer {
            self.runtime.block_on(tracer.stop());
        }
        self.runtime.shutdown_timeout(PATIENCE);
        self.writer.stop();
    }
}

/// What a listener shows, and is to show.
type Shows = (Certificate, Option<Arc<tls::Server>>);

fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("control")
        .enable_all()
        .build()
}
