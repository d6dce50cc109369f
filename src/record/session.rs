//! Sessions: one principal's use of one connection, named once and known to every core.
//!
//! The table is locked only when a core meets a session for the first time, or when one ends; a
//! request finds its session in its own core's map.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::{Equivalent, HashMap};
use ring::hmac;

use crate::base::clock::{Mono, Now};
use crate::base::ids::SessionId;
use crate::base::limits::{SESSION_AGE, SESSION_IDLE_TIME, SESSION_TOUCH_TIME};

use super::payload::SessionOver;

/// One principal's use of one connection.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    key: Key,
    opened: Now,
    last_used: AtomicU64,
    announced: AtomicBool,
    over: AtomicBool,
}

impl Session {
    /// Its name: a keyed hash of principal, connection and opening time.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Who.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.key.principal
    }

    /// What is used.
    #[must_use]
    pub fn connection(&self) -> &str {
        &self.key.connection
    }

    /// When it began.
    #[must_use]
    pub fn opened(&self) -> Now {
        self.opened
    }

    /// Marks it as in use; a long stream calls this with each piece.
    pub fn touch(&self, now: Now) {
        let last = Mono(self.last_used.load(Ordering::Relaxed));
        if now.mono.since(last) >= SESSION_TOUCH_TIME {
            self.last_used.store(now.mono.0, Ordering::Relaxed);
        }
    }

    /// Why it is over, when it is.
    #[must_use]
    pub fn over(&self, now: Now) -> Option<SessionOver> {
        let last = Mono(self.last_used.load(Ordering::Relaxed));
        if now.mono.since(self.opened.mono) >= SESSION_AGE {
            Some(SessionOver::Aged)
        } else if now.mono.since(last) >= SESSION_IDLE_TIME {
            Some(SessionOver::Idle)
        } else {
            None
        }
    }

    /// True until [`Session::announce`] was called: its opening is not in the recording.
    #[must_use]
    pub(super) fn is_new(&self) -> bool {
        !self.announced.load(Ordering::Relaxed)
    }

    /// Answers true to the one caller that must record the opening.
    pub(super) fn announce(&self) -> bool {
        !self.announced.swap(true, Ordering::Relaxed)
    }

    /// Answers true to the one caller that must record the end.
    fn end(&self) -> bool {
        !self.over.swap(true, Ordering::AcqRel)
    }

    fn is_over(&self, now: Now) -> bool {
        self.over.load(Ordering::Acquire) || self.over(now).is_some()
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Key {
    principal: Arc<str>,
    connection: Arc<str>,
}

struct KeyRef<'a> {
    principal: &'a str,
    connection: &'a str,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&*self.principal, &*self.connection).hash(state);
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.principal, self.connection).hash(state);
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.principal == *key.principal && *self.connection == *key.connection
    }
}

/// All sessions of the process.
pub struct SessionTable {
    name: hmac::Key,
    live: Mutex<HashMap<Key, Arc<Session>>>,
}

impl SessionTable {
    /// A table whose sessions' names are made with this key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Arc<SessionTable> {
        Arc::new(SessionTable {
            name: hmac::Key::new(hmac::HMAC_SHA256, key),
            live: Mutex::new(HashMap::new()),
        })
    }

    /// How many sessions are live.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// True when no session is live.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The live session of this key; a fresh one where none is.
    fn publish(&self, key: &KeyRef<'_>, now: Now) -> Arc<Session> {
        let mut live = self.lock();
        if let Some(session) = live.get(key)
            && !session.is_over(now)
        {
            session.touch(now);
            return Arc::clone(session);
        }
        let owned = Key {
            principal: key.principal.into(),
            connection: key.connection.into(),
        };
        let session = Arc::new(Session {
            id: self.id(key, now),
            key: owned.clone(),
            opened: now,
            last_used: AtomicU64::new(now.mono.0),
            announced: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        live.insert(owned, Arc::clone(&session));
        session
    }

    fn remove(&self, session: &Arc<Session>) {
        let mut live = self.lock();
        if live
            .get(&session.key)
            .is_some_and(|found| Arc::ptr_eq(found, session))
        {
            live.remove(&session.key);
        }
    }

    fn id(&self, key: &KeyRef<'_>, now: Now) -> SessionId {
        let mut context = hmac::Context::with_key(&self.name);
        for text in [key.principal, key.connection] {
            context.update(&(text.len() as u64).to_le_bytes());
            context.update(text.as_bytes());
        }
        context.update(&now.wall.0.to_le_bytes());
        context.update(&now.mono.0.to_le_bytes());
        let mut id = SessionId::default();
        id.0.copy_from_slice(&context.sign().as_ref()[..16]);
        id
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Session>>> {
        // Every change is one map operation, so a panic elsewhere leaves the map whole.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that is over, for [`super::Writer::session_end`].
#[must_use]
#[derive(Debug)]
pub struct Ended {
    /// Which.
    pub session: Arc<Session>,
    /// Why.
    pub why: SessionOver,
}

/// One core's view of the sessions.
pub struct Sessions {
    table: Arc<SessionTable>,
    known: HashMap<Key, Arc<CoreSession>>,
    ended: Vec<Ended>,
}

/// One core's own handle to a session: cloning it touches no other core's cache lines.
#[derive(Debug)]
pub struct CoreSession(Arc<Session>);

impl std::ops::Deref for CoreSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.0
    }
}

impl Sessions {
    /// A core's view, empty at first.
    #[must_use]
    pub fn new(table: Arc<SessionTable>) -> Sessions {
        Sessions {
            table,
            known: HashMap::new(),
            ended: Vec::new(),
        }
    }

    /// The session that a call of `principal` on `connection` belongs to.
    pub fn enter(&mut self, principal: &str, connection: &str, now: Now) -> Arc<CoreSession> {
        let key = KeyRef {
            principal,
            connection,
        };
        if let Some(session) = self.known.get(&key) {
            if !session.is_over(now) {
                session.touch(now);
                return Arc::clone(session);
            }
            if let Some(session) = self.known.remove(&key) {
                self.end(&session, now);
            }
        }
        let session = Arc::new(CoreSession(self.table.publish(&key, now)));
        self.known.insert(session.key.clone(), Arc::clone(&session));
        session
    }

    /// Finds the sessions that are over. Called from time to time, as idle sessions end unseen.
    pub fn sweep(&mut self, now: Now) {
        let over: Vec<_> = self
            .known
            .extract_if(|_, session| session.is_over(now))
            .map(|(_, session)| session)
            .collect();
        for session in over {
            self.end(&session, now);
        }
    }

    /// Ends every session this core knows: the process shuts down.
    pub fn close(&mut self) {
        for (_, session) in std::mem::take(&mut self.known) {
            self.end_with(&session, SessionOver::Closed);
        }
    }

    /// A session whose end this core must record; call until `None`. One that cannot be recorded
    /// now is given back by [`Sessions::retry`].
    pub fn next_ended(&mut self) -> Option<Ended> {
        self.ended.pop()
    }

    /// Keeps an end that the ring had no room for.
    pub fn retry(&mut self, ended: Ended) {
        self.ended.push(ended);
    }

    fn end(&mut self, session: &CoreSession, now: Now) {
        // Another core may have ended it for a reason that has not come here: it records that.
        self.end_with(session, session.over(now).unwrap_or(SessionOver::Idle));
    }

    fn end_with(&mut self, session: &CoreSession, why: SessionOver) {
        if session.0.end() {
            self.table.remove(&session.0);
            self.ended.push(Ended {
                session: Arc::clone(&session.0),
                why,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: u64) -> Now {
        Now {
            mono: Mono::default().after(Duration::from_secs(seconds)),
            ..Now::default()
        }
    }

    #[test]
    fn cores_agree_on_a_session() {
        let table = SessionTable::new(&[1; 32]);
        let mut one = Sessions::new(Arc::clone(&table));
        let mut two = Sessions::new(Arc::clone(&table));
        let a = one.enter("p", "c", at(0));
        assert_eq!(a.id(), two.enter("p", "c", at(1)).id());
        assert_ne!(a.id(), two.enter("p", "other", at(1)).id());
        assert_ne!(a.id(), one.enter("pc", "", at(1)).id());
        assert_eq!(table.len(), 3);
    }

    #[test]
    fn an_idle_session_ends_once_and_a_fresh_one_follows() {
        let table = SessionTable::new(&[1; 32]);
        let mut one = Sessions::new(Arc::clone(&table));
        let mut two = Sessions::new(Arc::clone(&table));
        let first = one.enter("p", "c", at(0)).id();
        assert_eq!(two.enter("p", "c", at(10)).id(), first);
        one.sweep(at(900));
        assert!(one.next_ended().is_none(), "the other core used it");
        let second = two.enter("p", "c", at(911)).id();
        assert_ne!(first, second);
        assert_eq!(one.enter("p", "c", at(912)).id(), second);
        let ended: Vec<_> = one
            .next_ended()
            .into_iter()
            .chain(two.next_ended())
            .collect();
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0].why, SessionOver::Idle);
        assert_eq!(table.len(), 1);
    }

    #[test]
    fn a_busy_session_ends_of_age() {
        let mut core = Sessions::new(SessionTable::new(&[1; 32]));
        let first = core.enter("p", "c", at(0)).id();
        for minute in 1..480 {
            assert_eq!(core.enter("p", "c", at(minute * 60)).id(), first);
        }
        assert_ne!(core.enter("p", "c", at(480 * 60)).id(), first);
        assert_eq!(core.next_ended().map(|it| it.why), Some(SessionOver::Aged));
    }
}
