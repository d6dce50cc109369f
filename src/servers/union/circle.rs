//! One caller's links to all members of a union, and what it has been told of their resources.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::link::{Link, Opened, Profile};
use super::names::Roster;
use super::parked::Parking;
use super::places::Places;
use super::wire::{Away, Wire};
use crate::base::limits::{UNION_OPEN_TIME, UNION_REST_TIME};
use crate::base::secret::Secret;

/// See the module.
pub(super) struct Circle {
    members: RwLock<Members>,
    places: Arc<Mutex<Places>>,
    profile: Arc<Profile>,
    wire: Arc<Wire>,
    /// The last `Authorization` that the caller showed: for what goes on between its requests.
    bearer: Mutex<Secret>,
    /// Calls that rest until the caller comes back.
    pub(super) parking: Parking,
    looked: Mutex<Option<Instant>>,
}

#[derive(Clone)]
struct Members {
    roster: Arc<Roster>,
    links: Vec<Arc<Link>>,
}

impl Circle {
    pub(super) fn new(
        roster: Arc<Roster>,
        wire: Arc<Wire>,
        profile: Profile,
        bearer: Secret,
    ) -> Circle {
        let profile = Arc::new(profile);
        let link = |member: &Arc<str>| Link::new(member.clone(), wire.clone(), profile.clone());
        let links = roster.0.iter().map(|member| Arc::new(link(member)));
        Circle {
            members: RwLock::new(Members {
                links: links.collect(),
                roster: roster.clone(),
            }),
            places: Arc::default(),
            profile: profile.clone(),
            wire: wire.clone(),
            bearer: Mutex::new(bearer),
            parking: Parking::default(),
            looked: Mutex::default(),
        }
    }

    /// Links of their own for the same caller, who has been told the same.
    pub(super) fn beside(&self) -> Circle {
        let profile = Profile {
            revision: self.profile.revision,
            capabilities: self.profile.capabilities.clone(),
            client: self.profile.client.clone(),
        };
        let mut circle = Circle::new(self.roster(), self.wire.clone(), profile, self.bearer());
        circle.places = self.places.clone();
        circle
    }

    /// The members' names.
    pub(super) fn roster(&self) -> Arc<Roster> {
        self.now().roster
    }

    /// The links, in the order of the members.
    pub(super) fn links(&self) -> Vec<Arc<Link>> {
        self.now().links
    }

    /// The link to a member.
    pub(super) fn link(&self, member: &str) -> Option<Arc<Link>> {
        let mut links = self.links().into_iter();
        links.find(|link| &*link.member == member)
    }

    /// The caller's last `Authorization`.
    pub(super) fn bearer(&self) -> Secret {
        lock(&self.bearer).clone()
    }

    /// The caller showed this one now.
    pub(super) fn shown(&self, bearer: &Secret) {
        *lock(&self.bearer) = bearer.clone();
    }

    /// Whose resources are whose, as far as the caller has been told.
    pub(super) fn places<T>(&self, f: impl FnOnce(&mut Places) -> T) -> T {
        f(&mut lock(&self.places))
    }

    /// True when the members' lists were not looked through a moment ago.
    pub(super) fn may_look_around(&self) -> bool {
        let mut looked = lock(&self.looked);
        let rested = looked.is_none_or(|since| since.elapsed() >= UNION_REST_TIME);
        if rested {
            *looked = Some(Instant::now());
        }
        rested
    }

    /// Who speaks.
    pub(super) fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Asks all members what they are, at once.
    pub(super) async fn open(
        &self,
        bearer: &Secret,
    ) -> Vec<(Arc<Link>, Result<Arc<Opened>, Away>)> {
        let open = self.links().into_iter().map(|link| async move {
            // Somebody else may be asking already, and asking again takes its time.
            let opened = tokio::time::timeout(2 * UNION_OPEN_TIME, link.open(bearer)).await;
            (link, opened.unwrap_or(Err(Away::Slow)))
        });
        join_all(open).await
    }

    /// Takes the members as they are now. Links to those that stay are kept; those to others are
    /// closed. True when anything is different.
    pub(super) fn renew(&self, roster: &Arc<Roster>) -> bool {
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        if members.roster == *roster {
            return false;
        }
        let old = std::mem::take(&mut members.links);
        members.links = roster
            .0
            .iter()
            .map(|member| {
                let kept = old.iter().find(|link| link.member == *member);
                kept.cloned().unwrap_or_else(|| {
                    let (wire, profile) = (self.wire.clone(), self.profile.clone());
                    Arc::new(Link::new(member.clone(), wire, profile))
                })
            })
            .collect();
        members.roster = roster.clone();
        drop(members);
        let gone = old
            .into_iter()
            .filter(|link| !roster.0.contains(&link.member));
        let gone: Vec<_> = gone.collect();
        for link in &gone {
            self.places(|places| places.forget(&link.member));
        }
        tokio::spawn(close(gone, self.bearer(), UNION_OPEN_TIME));
        true
    }

    /// Ends the sessions with all members.
    pub(super) async fn close(&self, time: Duration) {
        close(self.links(), self.bearer(), time).await;
    }

    fn now(&self) -> Members {
        let members = self.members.read();
        members.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn close(links: Vec<Arc<Link>>, bearer: Secret, time: Duration) {
    join_all(links.iter().map(|link| link.close(&bearer, time))).await;
}

/// Locks; what a panic left behind is as good as before, since every change here is one step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
