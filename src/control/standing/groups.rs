//! Directories that are asked for groups.

use std::sync::Arc;

use super::{KeptCredential, Standing, Task, spawn};
use crate::auth::GroupsWanted;
use crate::base::clock::Clock;
use crate::base::credential::{Shelf, Slot};
use crate::base::limits::QUESTIONS;
use crate::base::mailbox::{Ask, mailbox};
use crate::control::config::{self, Config};
use crate::control::groups::{Directory, GroupKeeper};
use crate::control::health::Health;
use crate::control::http_client::HttpClient;

/// A directory that is asked for the groups of an issuer's callers.
pub(in crate::control) struct KeptGroups {
    source: config::GroupSource,
    slot: Arc<Slot>,
    pub ask: Ask<GroupsWanted>,
    /// Under the issuer's name. Nothing is asked before somebody needs it, so it waits for no first time.
    pub health: Health,
    _task: Task,
}

/// Those of `config`; what `before` has of the same runs on. Of each, `directories` has the client.
pub(super) fn keep(
    config: &Config,
    credentials: &[Arc<KeptCredential>],
    directories: Vec<Option<HttpClient>>,
    before: &Standing,
    clock: Clock,
) -> Vec<Arc<KeptGroups>> {
    let sources = config.issuers.iter().zip(directories);
    let sources = sources.filter_map(|(issuer, client)| {
        let source = issuer.groups.as_ref()?;
        let credential = credentials.get(source.credential)?;
        // Checked with the issuers: it is no caller's own.
        let Shelf::Shared(slot) = &credential.shelf else {
            return None;
        };
        Some((&issuer.name, source, client?, slot, credential.ask.as_ref()))
    });
    let kept = sources.map(|(name, source, client, slot, ask)| {
        let same = |one: &&Arc<KeptGroups>| {
            let is_shown = Arc::ptr_eq(&one.slot, slot);
            *one.health.name() == **name && is_shown && one.source == *source
        };
        before.groups.iter().find(same).map_or_else(
            || {
                let directory = Directory {
                    client,
                    graph: source.graph.clone(),
                    slot: Arc::clone(slot),
                    ask: ask.cloned(),
                    clock,
                };
                Arc::new(KeptGroups::start(name, source, directory))
            },
            Arc::clone,
        )
    });
    kept.collect()
}

impl KeptGroups {
    fn start(issuer: &Arc<str>, source: &config::GroupSource, directory: Directory) -> KeptGroups {
        let health = Health::new("groups", issuer);
        let (ask, inbox) = mailbox(QUESTIONS);
        let slot = Arc::clone(&directory.slot);
        let directory = Arc::new(directory);
        let keeper = GroupKeeper {
            inbox,
            health: health.clone(),
            fetch: move |member| {
                let directory = Arc::clone(&directory);
                async move { directory.groups(member).await }
            },
        };
        KeptGroups {
            source: source.clone(),
            slot,
            ask,
            health,
            _task: spawn(keeper.run()),
        }
    }
}
