//! The gateway, put together: control plane, recorder, and one worker per core.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::doors::{Certificates, Doors};
use super::pseudonyms;
use super::servers::Servers;
use crate::auth::{Authenticator, Proofs, SharedTokens};
use crate::base::clock::Clock;
use crate::base::counters::{Counters, Labels};
use crate::base::limits::{Limits, TAKE_OVER_PATIENCE};
use crate::base::secret::Secret;
use crate::cli::Failure;
use crate::cli::failure::Doing;
use crate::control::config::{self, Changes, Config, Io, Mistakes};
use crate::control::rules;
use crate::control::{self, Control, Handles, Inherited, Parts, Probe, StoreKeeper};
use crate::exchange::{Core, Journal, Refusal, Rules};
use crate::mcp::Sealer;
use crate::record::{Outcome, SessionTable, Sessions, State, Writer};
use crate::recorder::{self, Recorder, Settings};
use crate::worker::io::IoChoice;
use crate::worker::{Listener, Seed};

/// A running gateway. Dropping it without [`Gateway::stop`] leaves its threads to the process's end.
pub struct Gateway {
    config: Config,
    rules: Arc<ArcSwap<Rules>>,
    pseudonyms: Secret,
    mcp: rules::Shared,
    control: Control,
    keeper: StoreKeeper,
    servers: Servers,
    recorder: Recorder,
    cores: Vec<JoinHandle<io::Result<()>>>,
    stop: watch::Sender<bool>,
    addresses: Vec<SocketAddr>,
    certificates: Certificates,
    clock: Clock,
    /// The listening sockets once more, for a process that takes over.
    sockets: Vec<TcpListener>,
    io: IoChoice,
}

impl Gateway {
    /// Starts everything. What can be wrong for good is found here; an issuer that is down is not.
    ///
    /// # Errors
    /// The first thing that cannot be used, said so that a person can mend it.
    pub fn start(config: &Config) -> Result<Gateway, Failure> {
        Gateway::start_with(config, Inherited::default())
    }

    /// The same with listening sockets that another process has given.
    ///
    /// # Errors
    /// As [`Gateway::start`].
    pub fn start_with(config: &Config, mut inherited: Inherited) -> Result<Gateway, Failure> {
        let clock = Clock::start();
        recorder::make_private(&config.data)
            .doing(format!("data directory {}", config.data.display()))?;
        // Listening comes first: a port in use is the mistake most often made.
        let takes_over = !inherited.is_empty();
        let mut doors = Doors::open(config, clock.now().wall, &mut inherited)?;
        let workers =
            u16::try_from(config.workers).map_err(|_| Failure::new("too many workers"))?;
        let (recorder, writers) =
            Recorder::start(&config.data, settings(&config.limits), clock, workers)
                .map_err(|why| Failure::new(why.to_string()))?;
        for damaged in recorder.set_aside() {
            eprintln!("sluice: a recording was found damaged and is left as it is: {damaged}");
        }
        let counters = Arc::new(Counters::new(labels(config), config.workers));
        let keeper = store_keeper(config, clock)?;
        let servers = Servers::start(config, doors.inner)?;
        let parts = Parts {
            counters,
            probes: vec![recorder_probe(&recorder), keeper.probe()],
            pins: keeper.pins().clone(),
            keys: keeper.keys().clone(),
            servers: servers.states(),
            inherited,
        };
        let mut control =
            Control::start(config, clock, parts).map_err(|why| Failure::new(why.to_string()))?;
        if takes_over {
            // Callers who come meanwhile are served by the process before.
            control.settle(TAKE_OVER_PATIENCE);
        }
        doors.shared.append(&mut control.sockets());
        let handles = control.handles().clone();
        let key = pseudonyms::key(&config.data)?;
        servers.publish(config, &handles.addresses);
        let mcp = mcp(config, &keeper, &servers)?;
        let rules = control::rules::compile(config, 1, &handles, &key, &mcp, None)
            .map_err(|why| Failure::new(why.to_string()))?;
        let shared = Shared {
            rules: Arc::new(ArcSwap::from_pointee(rules)),
            tokens: SharedTokens::new(),
            proofs: Proofs::new(&pseudonyms::fresh()?, clock.now().wall),
            sessions: SessionTable::new(&super::pseudonyms::fresh()?),
            handles,
            clock,
        };
        let (stop, stopped) = watch::channel(false);
        let io = choice(config.io);
        let cores = shared.start(io, writers, doors.sockets, &stopped)?;
        Ok(Gateway {
            config: config.clone(),
            rules: shared.rules,
            pseudonyms: key,
            mcp,
            control,
            keeper,
            servers,
            recorder,
            cores,
            stop,
            addresses: doors.addresses,
            certificates: doors.shown,
            clock,
            sockets: doors.shared,
            io,
        })
    }

    /// Takes over another configuration, whole or not at all: requests are judged by the one or by
    /// the other. What became of it is told at `/readyz` and in the metrics, too.
    ///
    /// # Errors
    /// Why it cannot be used, or not without a restart: then the one before stays in force.
    pub fn reload(&mut self, offered: Result<Config, Mistakes>) -> Result<Changes, Failure> {
        let taken = offered
            .map_err(|why| Failure::new(why.to_string()))
            .and_then(|config| self.take_over(config));
        let generation = self.rules.load().generation;
        self.control.note_reload(match &taken {
            Ok(changes) => Ok((!changes.is_empty()).then_some(generation)),
            Err(why) => Err(why.to_string()),
        });
        taken
    }

    fn take_over(&mut self, config: Config) -> Result<Changes, Failure> {
        let changes = config::diff(&self.config, &config);
        if let Some(why) = changes.refusal() {
            return Err(Failure::new(why));
        }
        if changes.is_empty() {
            // Where things stand in the file may be another: messages go by it.
            self.config = config;
            return Ok(changes);
        }
        let wrong = |why: Mistakes| Failure::new(why.to_string());
        // All that can be wrong is found before anything is changed.
        rules::preview(&config).map_err(wrong)?;
        let now = self.clock.now().wall;
        let certificates = self.certificates.renewed(&self.config, &config, now)?;
        let mcp = rules::Shared {
            sealer: sealer(&config)?,
            ..self.mcp.clone()
        };
        self.control
            .reload(&config)
            .map_err(|why| Failure::new(why.to_string()))?;
        self.keeper.configure(&config);
        let handles = self.control.handles();
        let before = self.rules.load_full();
        let generation = before.generation + 1;
        self.servers.publish(&config, &handles.addresses);
        let rules = rules::compile(
            &config,
            generation,
            handles,
            &self.pseudonyms,
            &mcp,
            Some(&before),
        )
        .map_err(wrong)?;
        // New servers are there before the first call for them; those that are gone let calls end.
        self.servers.set(&config);
        // First, since streams look who is still welcome when they see other rules.
        self.certificates.show(certificates);
        self.rules.store(Arc::new(rules));
        (self.config, self.mcp) = (config, mcp);
        Ok(changes)
    }

    /// Counts the configurations since the start; the first is 1.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.rules.load().generation
    }

    /// Where callers connect, in the order of the configuration; real ports where 0 was configured.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the operator's listener is.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.control.admin_address()
    }

    /// Where callers get tokens for the gateway, if they do.
    #[must_use]
    pub fn identity_address(&self) -> Option<SocketAddr> {
        self.control.identity_address()
    }

    /// How sockets are driven.
    #[must_use]
    pub fn io(&self) -> IoChoice {
        self.io
    }

    /// True when a core has ended though nobody asked: the gateway is no longer whole.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.cores.iter().any(JoinHandle::is_finished)
    }

    /// Gives the listening sockets once more, for a process that takes over. Only the first call
    /// answers any.
    pub fn sockets(&mut self) -> Vec<TcpListener> {
        std::mem::take(&mut self.sockets)
    }

    /// Leaves the control plane's listeners to the process that has taken over.
    pub fn leave_listeners(&self) {
        self.control.leave_listeners();
    }

    /// Drains and stops: no new connection, exchanges in flight end, the recording is sealed.
    ///
    /// # Errors
    /// What could not be ended in order.
    pub fn stop(self) -> Result<(), Failure> {
        // A socket that is open here would still queue connections that nobody takes.
        drop(self.sockets);
        // Nobody listening any more means that all cores have ended.
        let _ = self.stop.send(true);
        let mut failed = None;
        for core in self.cores {
            match core.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => failed = Some(Failure::new(format!("a core ended: {error}"))),
                Err(_) => failed = Some(Failure::new("a core panicked")),
            }
        }
        let sealed = self
            .recorder
            .close()
            .map_err(|why| Failure::new(why.to_string()));
        self.servers.stop();
        self.keeper.stop();
        self.control.stop();
        failed.map_or(sealed, Err)
    }
}

fn store_keeper(config: &Config, clock: Clock) -> Result<StoreKeeper, Failure> {
    let keeper = StoreKeeper::start(&config.data, clock).doing("the store")?;
    keeper.configure(config);
    Ok(keeper)
}

/// What connections of protocol `mcp` share.
fn mcp(config: &Config, keeper: &StoreKeeper, servers: &Servers) -> Result<rules::Shared, Failure> {
    let mut replica = [0; 8];
    replica.copy_from_slice(&pseudonyms::fresh()?[..8]);
    Ok(rules::Shared {
        sealer: sealer(config)?,
        pins: keeper.pins().clone(),
        tasks: keeper.tasks().clone(),
        replica: u64::from_le_bytes(replica),
        servers_secret: servers.secret().clone(),
        inner_secret: servers.inner_secret().clone(),
    })
}

/// Seals with the keys of `config`.
fn sealer(config: &Config) -> Result<Arc<Sealer>, Failure> {
    let keys =
        control::session_keys::session_keys(config).map_err(|why| Failure::new(why.to_string()))?;
    let keys = keys.iter().map(|key| (key.id.as_str(), &key.key));
    let sealer = Sealer::new(keys).map_err(|why| Failure::new(why.to_string()))?;
    Ok(Arc::new(sealer))
}

/// What every core gets its own view of.
struct Shared {
    rules: Arc<ArcSwap<Rules>>,
    tokens: SharedTokens,
    proofs: Arc<Proofs>,
    sessions: Arc<SessionTable>,
    handles: Handles,
    clock: Clock,
}

impl Shared {
    /// A thread for each core.
    fn start(
        &self,
        io: IoChoice,
        writers: Vec<Writer>,
        sockets: Vec<Vec<Listener>>,
        stopped: &watch::Receiver<bool>,
    ) -> Result<Vec<JoinHandle<io::Result<()>>>, Failure> {
        let cores = writers.into_iter().zip(sockets).enumerate();
        let threads = cores.map(|(index, (writer, listeners))| {
            let seed = self.seed(index, writer, listeners, stopped.clone());
            std::thread::Builder::new()
                .name(format!("core-{index}"))
                .spawn(move || io.run(seed)?)
                .doing("worker thread")
        });
        threads.collect()
    }

    fn seed(
        &self,
        index: usize,
        writer: Writer,
        listeners: Vec<Listener>,
        stop: watch::Receiver<bool>,
    ) -> Seed {
        let handles = &self.handles;
        let journal = Journal::new(handles.access.clone(), Arc::clone(&handles.counters), index);
        let authenticator = Authenticator::new(&handles.keys, self.tokens.clone())
            .with_proofs(Arc::clone(&self.proofs));
        let sessions = Sessions::new(Arc::clone(&self.sessions));
        let mut core = Core::new(&self.rules, authenticator, writer, sessions, journal);
        core.memory = Arc::clone(&handles.memory);
        Seed {
            core,
            clock: self.clock,
            ask_key: handles.ask_key.clone(),
            ask_groups: handles.ask_groups.clone(),
            ask_credential: handles.ask_credential.clone(),
            listeners,
            stop,
        }
    }
}

fn settings(limits: &Limits) -> Settings {
    Settings {
        segment_bytes: limits.segment_bytes,
        retention_bytes: limits.retention_bytes,
        reserve_bytes: limits.reserve_bytes,
    }
}

fn labels(config: &Config) -> Labels {
    Labels {
        connections: config
            .connections
            .iter()
            .map(|connection| Arc::clone(&connection.name))
            .collect(),
        outcomes: Outcome::NAMES,
        refusals: Refusal::CODES,
    }
}

fn recorder_probe(recorder: &Recorder) -> Probe {
    let health = Arc::clone(recorder.health());
    Probe {
        name: "recorder",
        check: Box::new(move || match health.state() {
            State::Running => Ok(()),
            State::LowSpace => Err("the disk is nearly full".to_owned()),
            State::Closed => Err("it is closed".to_owned()),
            State::Latched => Err("a write failed; nothing is recorded any more".to_owned()),
        }),
    }
}

fn choice(io: Option<Io>) -> IoChoice {
    match io {
        None => IoChoice::default(),
        Some(Io::Uring) => IoChoice::Uring,
        Some(Io::Epoll) => IoChoice::Epoll,
        Some(Io::Tokio) => IoChoice::Tokio,
    }
}
