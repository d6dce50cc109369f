//! Floor 6: the control plane, on a runtime of its own.
//!
//! ```text
//!   issuers      jwks ◄─ keeper ──► PublishedKeys ──► cores        cores ─ KeyWanted ─► keeper
//!   tokens       entra_client ────► Credentials ────► cores        cores ─ slot ──────► keeper
//!   resolver     names ───────────► Addresses ──────► cores
//!   store        pins, tasks ◄─── storekeeper ◄────── cores
//!   clients      façade ◄── the issuer's own metadata
//!   operator     admin ◄── metrics ◄── Counters ◄──── cores
//!                access log ◄──────── AccessSender ◄─ cores
//! ```
//!
//! What cores share with it is data on lower floors ([`Handles`]); no core waits for a fetch of its
//! own, and no configuration is read twice.

mod access;
mod admin;
pub mod config;
mod facade;
mod health;
pub mod http_client;
pub mod jwks;
mod keeper;
mod listen;
mod metrics;
mod pace;
mod ready;
mod resolve;
pub mod rules;
pub mod session_keys;
mod storekeeper;
pub mod tokens;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use self::access::AccessWriter;
use self::admin::{AdminListener, Pages};
use self::config::{Config, CredentialKind, Mistakes, Roots};
use self::facade::Facade;
use self::health::Health;
use self::http_client::{ClientError, HttpClient};
use self::jwks::Origin;
use self::keeper::Keeper;
use self::metrics::{Metrics, Sources};
use self::ready::Readiness;
use self::tokens::{TokenKeeper, TokenRequest};
use crate::auth::{Issuer, KeyWanted, PublishedKeys};
use crate::base::access::AccessSender;
use crate::base::addresses::Addresses;
use crate::base::clock::Clock;
use crate::base::counters::Counters;
use crate::base::credential::Credentials;
use crate::base::limits::QUESTIONS;
use crate::base::mailbox::{Ask, Inbox, mailbox};
use crate::mcp::pins::Pins;

pub use health::State;
pub use ready::{OwnServers, Probe};
pub use storekeeper::StoreKeeper;

/// What the data plane shares with the control plane. Clones share it all.
#[derive(Clone)]
pub struct Handles {
    /// The keys in force.
    pub keys: PublishedKeys,
    /// Asks for a key that a token names; answered when judging the token again makes sense.
    pub ask_key: Ask<KeyWanted>,
    /// What is shown upstream, by index of the credential.
    pub credentials: Arc<Credentials>,
    /// Asks for the credential of an index; answered when looking again makes sense.
    pub ask_credential: Ask<usize>,
    /// Where upstreams are, by index of the connection.
    pub addresses: Arc<Addresses>,
    /// What cores count.
    pub counters: Arc<Counters>,
    /// The access log.
    pub access: AccessSender,
}

/// What the rest of the process gives the control plane.
pub struct Parts {
    /// What cores count, by fixed labels.
    pub counters: Arc<Counters>,
    /// Other parts that must be well for the process to be ready.
    pub probes: Vec<Probe>,
    /// The tools, for their figures.
    pub pins: Pins,
    /// How the gateway's own servers are.
    pub servers: OwnServers,
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
    /// The access log cannot be opened.
    #[error("access log: {0}")]
    AccessLog(io::Error),
    /// There is no way to fetch what it needs.
    #[error("{0}: {1}")]
    Client(String, ClientError),
    /// There is no thread to run on.
    #[error("the control plane's runtime: {0}")]
    Runtime(io::Error),
}

/// The running control plane.
pub struct Control {
    runtime: Runtime,
    handles: Handles,
    admin: SocketAddr,
    facades: Facades,
    writer: AccessWriter,
}

impl Control {
    /// Starts it: everything that can fail for good fails here, an issuer that is down does not.
    ///
    /// # Errors
    /// What cannot be used, by name.
    pub fn start(config: &Config, clock: Clock, parts: Parts) -> Result<Control, StartError> {
        let issuers = config.trusted_issuers()?;
        let admin = AdminListener::bind(&config.admin)
            .map_err(|error| StartError::Admin(config.admin.bind, error))?;
        let names = config.connections.iter().map(|each| each.name.clone());
        let (access, writer) = AccessWriter::start(&config.access_log, names.collect())
            .map_err(StartError::AccessLog)?;
        let runtime = runtime().map_err(StartError::Runtime)?;
        let (ask_key, key_questions) = mailbox(QUESTIONS);
        let (ask_credential, credential_questions) = mailbox(QUESTIONS);
        let handles = Handles {
            keys: PublishedKeys::new(issuers.clone()),
            ask_key,
            credentials: Arc::new(Credentials::new(config.credentials.len())),
            ask_credential,
            addresses: Arc::new(Addresses::new(config.connections.len())),
            counters: parts.counters,
            access,
        };
        let address = admin.address();
        let guard = runtime.enter();
        let start = Start {
            config,
            clock,
            handles: &handles,
        };
        let issuer_healths = start.issuers(&issuers, key_questions)?;
        let (facades, facade_healths) = start.facades(&issuers)?;
        let credential_healths = start.credentials(credential_questions)?;
        let upstream_healths = start.upstreams();
        let fetched = credential_healths
            .iter()
            .filter_map(|(_, health)| health.clone());
        let sources = Sources {
            counters: handles.counters.clone(),
            healths: (issuer_healths.iter().cloned())
                .chain(fetched)
                .chain(looked_for(config, &upstream_healths))
                .chain(facade_healths)
                .collect(),
            access: handles.access.clone(),
            pins: parts.pins,
            servers: parts.servers.clone(),
            clock,
        };
        let pages = Pages {
            metrics: Metrics::new(sources),
            readiness: Readiness {
                clock,
                keys: handles.keys.clone(),
                credentials: handles.credentials.clone(),
                addresses: handles.addresses.clone(),
                issuer_healths,
                credential_healths,
                upstream_healths,
                servers: parts.servers,
                probes: parts.probes,
            },
        };
        tokio::spawn(admin.serve(pages));
        drop(guard);
        Ok(Control {
            runtime,
            handles,
            admin: address,
            facades,
            writer,
        })
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
        let (_, address) = facades.find(|(name, _)| **name == *issuer)?;
        Some(*address)
    }

    /// Stops: no more fetches, and the access log written out. Call it last, when no core can tell
    /// the log any more.
    pub fn stop(self) {
        const PATIENCE: Duration = Duration::from_secs(1);
        self.runtime.shutdown_timeout(PATIENCE);
        self.writer.stop();
    }
}

/// Names in the order of the configuration, with the health of those that are fetched.
type CredentialHealths = Vec<(Arc<str>, Option<Health>)>;

/// Where façades listen, by the names of their issuers.
type Facades = Vec<(Arc<str>, SocketAddr)>;

/// What starting the parts needs.
struct Start<'s> {
    config: &'s Config,
    clock: Clock,
    handles: &'s Handles,
}

impl Start<'_> {
    /// One keeper per issuer, and the task that hands each its questions.
    fn issuers(
        &self,
        issuers: &[Arc<Issuer>],
        mut questions: Inbox<KeyWanted>,
    ) -> Result<Vec<Health>, StartError> {
        let mut asks: Vec<(Arc<str>, Ask<KeyWanted>)> = Vec::new();
        let mut healths = Vec::new();
        for (issuer, configured) in issuers.iter().zip(&self.config.issuers) {
            let client = client(&configured.name, configured.roots.as_ref())?;
            let origin = Origin::of(issuer, configured.jwks_uri());
            let health = Health::new("keys", &configured.name);
            let (ask, inbox) = mailbox(QUESTIONS);
            asks.push((configured.name.clone(), ask));
            healths.push(health.clone());
            let keeper = Keeper {
                issuer: issuer.clone(),
                published: self.handles.keys.clone(),
                clock: self.clock,
                inbox,
                health,
                fetch: move || {
                    let (client, origin) = (client.clone(), origin.clone());
                    async move { jwks::fetch_keys(&client, &origin).await }
                },
            };
            tokio::spawn(keeper.run());
        }
        tokio::spawn(async move {
            while let Some(question) = questions.next().await {
                let mut asks = asks.iter();
                let ask = asks.find(|(name, _)| name == question.about.issuer());
                // A question that cannot be passed on is dropped, which tells its asker.
                let _ = ask.map(|(_, ask)| ask.pass_on(question));
            }
        });
        Ok(healths)
    }

    /// The façades that are configured. One that cannot reach its issuer says so in its health and
    /// refuses its clients; the gateway is ready without it.
    fn facades(&self, issuers: &[Arc<Issuer>]) -> Result<(Facades, Vec<Health>), StartError> {
        let (mut addresses, mut healths) = (Vec::new(), Vec::new());
        for (issuer, configured) in issuers.iter().zip(&self.config.issuers) {
            let Some(config) = &configured.facade else {
                continue;
            };
            let client = client(&configured.name, configured.roots.as_ref())?;
            let health = Health::new("metadata", &configured.name);
            let issuer = issuer.clone();
            let facade = Facade::bind(config, issuer, client, self.clock, health.clone())
                .map_err(|error| StartError::Facade(config.bind, error))?;
            addresses.push((configured.name.clone(), facade.address()));
            healths.push(health);
            tokio::spawn(facade.serve());
        }
        Ok((addresses, healths))
    }

    /// One keeper per credential that is fetched; the others are published at once.
    fn credentials(&self, mut questions: Inbox<usize>) -> Result<CredentialHealths, StartError> {
        tokens::publish_fixed(self.config, &self.handles.credentials);
        let mut asks: Vec<Option<Ask<usize>>> = Vec::new();
        let mut healths = Vec::new();
        for (slot, credential) in self.config.credentials.iter().enumerate() {
            let CredentialKind::EntraClient { roots, .. } = &credential.kind else {
                asks.push(None);
                healths.push((credential.name.clone(), None));
                continue;
            };
            let client = client(&credential.name, roots.as_ref())?;
            let request = TokenRequest::of(&credential.kind).map(Arc::new);
            let health = Health::new("token", &credential.name);
            let (ask, inbox) = mailbox(QUESTIONS);
            asks.push(Some(ask));
            healths.push((credential.name.clone(), Some(health.clone())));
            let Some(request) = request else { continue };
            let keeper = TokenKeeper {
                slot,
                credentials: self.handles.credentials.clone(),
                clock: self.clock,
                inbox,
                health,
                ask: move || {
                    let (client, request) = (client.clone(), request.clone());
                    async move { request.ask(&client).await }
                },
            };
            tokio::spawn(keeper.run());
        }
        tokio::spawn(async move {
            while let Some(question) = questions.next().await {
                match asks.get(question.about) {
                    Some(Some(ask)) => drop(ask.pass_on(question)),
                    // A fixed credential is there already.
                    Some(None) => question.answer(()),
                    None => {}
                }
            }
        });
        Ok(healths)
    }

    fn upstreams(&self) -> Vec<Health> {
        let mut healths = Vec::new();
        for (index, connection) in self.config.connections.iter().enumerate() {
            let health = Health::new("address", &connection.name);
            // Where the gateway's own servers are says who starts them.
            if let Some(upstream) = connection.upstream().cloned() {
                let addresses = self.handles.addresses.clone();
                tokio::spawn(resolve::keep(index, upstream, addresses, health.clone()));
            }
            healths.push(health);
        }
        healths
    }
}

/// Those whose address is looked for: nobody looks for the gateway's own servers.
fn looked_for(config: &Config, upstreams: &[Health]) -> impl Iterator<Item = Health> {
    (config.connections.iter().zip(upstreams))
        .filter_map(|(connection, health)| connection.upstream().map(|_| health.clone()))
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("control")
        .enable_all()
        .build()
}

fn client(name: &str, roots: Option<&Roots>) -> Result<HttpClient, StartError> {
    HttpClient::new(roots).map_err(|error| StartError::Client(name.to_owned(), error))
}
