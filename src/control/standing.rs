//! What of the control plane belongs to one configuration: who keeps keys, tokens and addresses
//! fresh, and how each is doing.
//!
//! The next configuration shares what it says the same of, by name: keepers run on, and what they
//! have brought stays. What is gone or said otherwise ends once nobody holds it any more.

mod groups;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use self::groups::KeptGroups;
use super::StartError;
use super::config::{self, Config, CredentialKind, Roots};
use super::health::{Health, State};
use super::http_client::{ClientError, HttpClient};
use super::jwks::{self, Origin};
use super::keeper::Keeper;
use super::tokens::{self, BehalfKeeper, Source, Token, TokenError, TokenKeeper, Wish};
use super::upstreams::KeptUpstream;
use crate::auth::{Issuer, KeyWanted, PublishedKeys};
use crate::base::addresses::Addresses;
use crate::base::clock::{Clock, Mono};
use crate::base::credential::{CallerTokens, CredentialWanted, Credentials, Shelf, Slot};
use crate::base::limits::QUESTIONS;
use crate::base::mailbox::{Ask, Inbox, mailbox};

/// All of them, for one configuration.
#[derive(Default)]
pub(super) struct Standing {
    pub issuers: Vec<Arc<KeptIssuer>>,
    pub credentials: Vec<Arc<KeptCredential>>,
    pub upstreams: Vec<Arc<KeptUpstream>>,
    pub groups: Vec<Arc<KeptGroups>>,
    /// What the gateway is ready without: façades and traces, which are there from the start.
    pub beside: Vec<Health>,
}

/// An issuer whose keys are kept.
pub(super) struct KeptIssuer {
    issuer: Arc<Issuer>,
    config: config::Issuer,
    pub ask: Ask<KeyWanted>,
    pub health: Health,
    _task: Task,
}

/// A credential that is there, or is fetched.
pub(super) struct KeptCredential {
    pub config: config::Credential,
    pub shelf: Shelf,
    /// `None` where nothing is fetched.
    pub ask: Option<Ask<CredentialWanted>>,
    pub health: Option<Health>,
    source: Option<Arc<Source>>,
    _task: Option<Task>,
}

/// A task that ends with whoever holds this.
pub(super) struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Task {
    Task(tokio::spawn(future).abort_handle())
}

/// What can fail of a configuration, before anything of it is in force.
pub(super) struct Prepared {
    /// In the order of the configuration.
    issuers: Vec<(Arc<Issuer>, HttpClient)>,
    /// In the order of the configuration; `None` where nothing is fetched.
    credentials: Vec<Option<Source>>,
    /// In the order of the issuers; `None` where there is no directory to ask.
    directories: Vec<Option<HttpClient>>,
}

impl Prepared {
    /// # Errors
    /// What cannot be used, by name.
    pub(super) fn of(config: &Config) -> Result<Prepared, StartError> {
        let issuers = config.trusted_issuers()?.into_iter().zip(&config.issuers);
        let issuers = issuers
            .map(|(issuer, one)| Ok((issuer, client(one, one.roots.as_ref())?)))
            .collect::<Result<_, StartError>>()?;
        let credentials = (config.credentials.iter())
            .map(|one| Source::of(&one.kind).map_err(|why| of_client(&one.name, why)))
            .collect::<Result<_, StartError>>()?;
        let directories = config.issuers.iter().map(|one| {
            let source = one.groups.as_ref();
            source.map(|source| client(one, source.roots.as_ref()))
        });
        Ok(Prepared {
            issuers,
            credentials,
            directories: directories
                .map(Option::transpose)
                .collect::<Result<_, StartError>>()?,
        })
    }

    /// The issuers, in the order of the configuration.
    pub(super) fn issuers(&self) -> Vec<Arc<Issuer>> {
        self.issuers
            .iter()
            .map(|(issuer, _)| Arc::clone(issuer))
            .collect()
    }
}

impl Standing {
    /// Starts what `config` has and `before` has not. The issuers are configured in `keys`. Call it
    /// on a runtime.
    pub(super) fn start(
        config: &Config,
        prepared: Prepared,
        before: &Standing,
        keys: &PublishedKeys,
        clock: Clock,
    ) -> Standing {
        let Prepared {
            issuers,
            credentials,
            directories,
        } = prepared;
        let issuers = issuers.into_iter().zip(&config.issuers);
        let issuers = issuers.map(|((issuer, client), config)| {
            let same = |one: &&Arc<KeptIssuer>| one.issuer == issuer && one.config == *config;
            before.issuers.iter().find(same).map_or_else(
                || {
                    Arc::new(KeptIssuer::start(
                        issuer.clone(),
                        config,
                        client,
                        keys,
                        clock,
                    ))
                },
                Arc::clone,
            )
        });
        let credentials = credentials.into_iter().zip(&config.credentials);
        let credentials = credentials.map(|(source, config)| {
            let same = |one: &&Arc<KeptCredential>| one.config == *config;
            let known = before.credentials.iter().find(same);
            let heir = |one: &&Arc<KeptCredential>| {
                one.config.name == config.name && one.config.kind.is_same_account(&config.kind)
            };
            let ancestor = before.credentials.iter().find(heir);
            known.map_or_else(
                || Arc::new(KeptCredential::start(config, source, ancestor, clock)),
                Arc::clone,
            )
        });
        let upstreams = config.connections.iter().map(|connection| {
            let same = |one: &&Arc<KeptUpstream>| one.is_for(connection);
            before
                .upstreams
                .iter()
                .find(same)
                .map_or_else(|| Arc::new(KeptUpstream::start(connection)), Arc::clone)
        });
        let credentials: Vec<_> = credentials.collect();
        let groups = groups::keep(config, &credentials, directories, before, clock);
        Standing {
            groups,
            issuers: issuers.collect(),
            credentials,
            upstreams: upstreams.collect(),
            beside: before.beside.clone(),
        }
    }

    /// The shelves of its credentials.
    pub(super) fn shelves(&self) -> Credentials {
        (self.credentials.iter())
            .map(|one| one.shelf.clone())
            .collect()
    }

    /// The places of its upstreams.
    pub(super) fn places(&self) -> Addresses {
        self.upstreams
            .iter()
            .map(|one| Arc::clone(&one.place))
            .collect()
    }

    /// Everybody who fetches something, or looks it up.
    pub(super) fn healths(&self) -> impl Iterator<Item = &Health> {
        let issuers = self.issuers.iter().map(|one| &one.health);
        let credentials = self.credentials.iter();
        let fetched = credentials.filter_map(|one| one.health.as_ref());
        let upstreams = self.upstreams.iter().flat_map(|one| one.healths());
        issuers.chain(fetched).chain(upstreams).chain(&self.beside)
    }

    /// Waits until every lookup and fetch has come to something once, for no longer than `patience`:
    /// what is new shall be there when the first request comes for it.
    pub(super) fn settle(&self, clock: Clock, patience: Duration) {
        const TURN: Duration = Duration::from_millis(2);
        let begun = Instant::now();
        let is_failing = |health: &Health| matches!(&*health.state(), State::Failing(_));
        loop {
            let now = clock.now().mono;
            let tokens = self
                .credentials
                .iter()
                .all(|one| one.is_there(now) || one.health.as_ref().is_some_and(is_failing));
            let names = self.upstreams.iter().all(|one| {
                !one.is_looked_up() || !one.place.get().is_empty() || is_failing(&one.health)
            });
            let keys = (self.issuers.iter()).all(|one| *one.health.state() != State::Waiting);
            if (tokens && names && keys) || begun.elapsed() > patience {
                return;
            }
            std::thread::sleep(TURN);
        }
    }
}

impl KeptIssuer {
    fn start(
        issuer: Arc<Issuer>,
        config: &config::Issuer,
        client: HttpClient,
        keys: &PublishedKeys,
        clock: Clock,
    ) -> KeptIssuer {
        let origin = Origin::of(&issuer, config.jwks_uri());
        let health = Health::new("keys", &config.name);
        let (ask, inbox) = mailbox(QUESTIONS);
        let keeper = Keeper {
            issuer: issuer.clone(),
            published: keys.clone(),
            clock,
            inbox,
            health: health.clone(),
            fetch: {
                let issuer = issuer.clone();
                move || {
                    let (client, issuer) = (client.clone(), issuer.clone());
                    let origin = origin.clone();
                    async move { jwks::fetch_keys(&client, &issuer, &origin).await }
                }
            },
        };
        KeptIssuer {
            issuer,
            config: config.clone(),
            ask,
            health,
            _task: spawn(keeper.run()),
        }
    }
}

impl KeptCredential {
    /// `before` is one of the same account: what that got serves until there is something new.
    fn start(
        config: &config::Credential,
        source: Option<Source>,
        before: Option<&Arc<KeptCredential>>,
        clock: Clock,
    ) -> KeptCredential {
        let shelf = before.map_or_else(|| shelf(&config.kind), |before| before.shelf.clone());
        let source = source.map(Arc::new);
        let (mut ask, mut health, mut task) = (None, None, None);
        if let Some(source) = source.clone() {
            if let Some(before) = before.and_then(|before| before.source.as_deref()) {
                source.follow(before);
            }
            let (asked, inbox) = mailbox(QUESTIONS);
            let doing = Health::new("token", &config.name);
            let asking = move |wish: Wish| {
                let source = Arc::clone(&source);
                async move { source.ask(&wish, clock.now().wall).await }
            };
            task = Some(keep_credential(&shelf, clock, inbox, doing.clone(), asking));
            (ask, health) = (Some(asked), Some(doing));
        } else if let Shelf::Shared(slot) = &shelf {
            tokens::publish_fixed(&config.kind, slot);
        }
        KeptCredential {
            config: config.clone(),
            shelf,
            ask,
            health,
            source,
            _task: task,
        }
    }

    /// Whether there is something to show; what is got for each caller is not there before it is
    /// asked for.
    pub(super) fn is_there(&self, now: Mono) -> bool {
        match &self.shelf {
            Shelf::Shared(slot) => slot.current(now).is_some(),
            Shelf::PerCaller(_) => true,
        }
    }
}

/// A new shelf for a credential of that kind.
fn shelf(kind: &CredentialKind) -> Shelf {
    match kind {
        CredentialKind::OnBehalfOf(client) => {
            let account = [&client.token_endpoint(), &client.client_id, &client.scope];
            let account = account.map(String::as_str);
            Shelf::PerCaller(Arc::new(CallerTokens::new(account)))
        }
        _ => Shelf::Shared(Arc::<Slot>::default()),
    }
}

/// Keeps what stands on a shelf.
fn keep_credential<R>(
    shelf: &Shelf,
    clock: Clock,
    inbox: Inbox<CredentialWanted>,
    health: Health,
    ask: impl Fn(Wish) -> R + Send + 'static,
) -> Task
where
    R: Future<Output = Result<Token, TokenError>> + Send + 'static,
{
    match shelf {
        Shelf::Shared(slot) => {
            let keeper = TokenKeeper {
                slot: Arc::clone(slot),
                clock,
                inbox,
                health,
                ask,
            };
            spawn(keeper.run())
        }
        Shelf::PerCaller(tokens) => {
            let keeper = BehalfKeeper {
                tokens: Arc::clone(tokens),
                clock,
                inbox,
                health,
                ask,
            };
            spawn(keeper.run())
        }
    }
}

/// A client for what an issuer, or a directory of its own, publishes.
pub(super) fn client(
    issuer: &config::Issuer,
    roots: Option<&Roots>,
) -> Result<HttpClient, StartError> {
    let client = HttpClient::through(issuer.proxy.as_deref(), roots);
    client.map_err(|why| of_client(&issuer.name, why))
}

fn of_client(name: &str, why: ClientError) -> StartError {
    StartError::Client(name.to_owned(), why)
}
