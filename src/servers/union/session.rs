//! A session of one caller: what it asked, what it is asked, and the streams it reads.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::AbortHandle;

use super::super::Principal;
use super::circle::{Circle, lock};
use super::edit::Edits;
use super::link::{Link, Opened};
use super::message::{Message, identifier};
use super::outlet::Outlet;
use super::translate;
use super::watch::Wanted;
use crate::base::limits::{UNION_ASKED, UNION_CALLS, UNION_ENDED_STREAMS, UNION_IDLE_TIME};
use crate::mcp::Revision;

/// See the module.
pub(super) struct Session {
    /// What the caller shows to be in it.
    pub(super) id: String,
    /// Whose it is.
    pub(super) principal: Principal,
    /// What is spoken in it.
    pub(super) revision: Revision,
    /// The caller's links.
    pub(super) circle: Arc<Circle>,
    /// What members say that belongs to no call.
    pub(super) standing: Arc<Outlet>,
    questions: Mutex<HashMap<u64, Question>>,
    calls: Mutex<HashMap<String, Running>>,
    outlets: Mutex<BTreeMap<u64, Arc<Outlet>>>,
    numbers: AtomicU64,
    watching: Mutex<Option<AbortHandle>>,
    /// What the caller subscribed to.
    pub(super) wanted: watch::Sender<Wanted>,
    /// Told when the union has other members.
    pub(super) renewed: Notify,
    touched: Mutex<Instant>,
}

/// A request that waits for the caller's answer.
pub(super) enum Question {
    /// A member's own.
    Member {
        link: Arc<Link>,
        opened: Arc<Opened>,
        /// The member's id and token, as it wrote them.
        id: String,
        token: Option<String>,
    },
    /// The union's, on behalf of a member that has other means.
    Ours(oneshot::Sender<Bytes>),
}

/// A call that waits for its answer.
#[derive(Clone)]
pub(super) struct Running {
    pub(super) link: Arc<Link>,
    /// The id that the member knows it by.
    pub(super) own: u64,
    /// The one it knew it by at first.
    pub(super) first: u64,
    /// Ends our part in it.
    pub(super) abort: AbortHandle,
}

impl Session {
    pub(super) fn new(
        id: String,
        principal: Principal,
        revision: Revision,
        circle: Circle,
    ) -> Session {
        let standing = Arc::new(Outlet::new(0));
        Session {
            id,
            principal,
            revision,
            circle: Arc::new(circle),
            outlets: Mutex::new(BTreeMap::from([(0, standing.clone())])),
            standing,
            questions: Mutex::default(),
            calls: Mutex::default(),
            numbers: AtomicU64::new(1),
            watching: Mutex::default(),
            wanted: watch::Sender::new(Wanted {
                tools: true,
                prompts: true,
                resources: true,
                ..Wanted::default()
            }),
            renewed: Notify::new(),
            touched: Mutex::new(Instant::now()),
        }
    }

    /// The caller is here.
    pub(super) fn touch(&self) {
        *lock(&self.touched) = Instant::now();
    }

    /// Since when nobody uses it; `None` while something goes on.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let busy = self.standing.is_read() || !lock(&self.calls).is_empty();
        (!busy).then(|| *lock(&self.touched))
    }

    /// True when nobody has used it for so long that nobody will.
    pub(super) fn is_over(&self) -> bool {
        self.idle_since()
            .is_some_and(|since| since.elapsed() > UNION_IDLE_TIME)
    }

    /// A new stream, primed where the revision wants that.
    pub(super) fn open_outlet(&self) -> Arc<Outlet> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let outlet = Arc::new(Outlet::new(number));
        if self.revision >= Revision::V2025_11_25 {
            outlet.prime();
        }
        let mut outlets = lock(&self.outlets);
        let over = outlets.iter().filter(|(_, outlet)| outlet.is_over());
        let over: Vec<u64> = over.map(|(number, _)| *number).collect();
        let spare = over.len().saturating_sub(UNION_ENDED_STREAMS);
        for number in over.iter().take(spare) {
            outlets.remove(number);
        }
        outlets.insert(number, outlet.clone());
        outlet
    }

    /// The stream of that number.
    pub(super) fn outlet(&self, number: u64) -> Option<Arc<Outlet>> {
        lock(&self.outlets).get(&number).cloned()
    }

    /// A member's request as the caller gets it; `None` when too many wait for the caller already.
    pub(super) fn ask(
        &self,
        text: &[u8],
        message: Message<'_>,
        link: &Arc<Link>,
        opened: &Arc<Opened>,
    ) -> Option<Vec<u8>> {
        let id = message.id()?.raw().to_owned();
        let token = message.progress_token().map(|token| token.raw().to_owned());
        let number = self.wait_for(Question::Member {
            link: link.clone(),
            opened: opened.clone(),
            id,
            token,
        })?;
        let id = written(number);
        Some(translate::question(text, message, link, &self.circle, &id))
    }

    /// Takes note of a question; its number, or `None` when too many wait already.
    pub(super) fn wait_for(&self, question: Question) -> Option<u64> {
        let mut questions = lock(&self.questions);
        // A question of ours whose call is over waits for nobody.
        questions.retain(|_, each| !matches!(each, Question::Ours(to) if to.is_closed()));
        if questions.len() >= UNION_ASKED {
            return None;
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        questions.insert(number, question);
        Some(number)
    }

    /// The question that the caller's answer is for; it waits no longer.
    pub(super) fn answered(&self, message: Message<'_>) -> Option<Question> {
        let number = number(message.answers()?.as_str()?)?;
        lock(&self.questions).remove(&number)
    }

    /// The member's cancellation of a question, as the caller gets it.
    pub(super) fn withdrawn(
        &self,
        text: &[u8],
        message: Message<'_>,
        from: &Link,
    ) -> Option<Vec<u8>> {
        let theirs = identifier(message.params()?.get("requestId")?)?;
        let mut questions = lock(&self.questions);
        let found = questions
            .iter()
            .find_map(|(number, question)| match question {
                Question::Member { link, id, .. } if link.member == from.member => {
                    (id == theirs.raw()).then_some(*number)
                }
                _ => None,
            })?;
        questions.remove(&found);
        let mut edits = Edits::default();
        edits.replace(theirs.span(), written(found));
        Some(edits.apply(text))
    }

    /// The caller's progress on a question, as its member gets it, and the way there.
    pub(super) fn progressed(
        &self,
        text: &[u8],
        message: Message<'_>,
    ) -> Option<(Arc<Link>, Arc<Opened>, Vec<u8>)> {
        let token = message.text_param("progressToken")?;
        let questions = lock(&self.questions);
        let Question::Member {
            link,
            opened,
            token: Some(theirs),
            ..
        } = questions.get(&number(token.as_str()?)?)?
        else {
            return None;
        };
        let mut edits = Edits::default();
        edits.replace(token.span(), &**theirs);
        Some((link.clone(), opened.clone(), edits.apply(text)))
    }

    /// A call begins; false when too many go on, or one of the same id.
    pub(super) fn began(&self, id: &str, running: Running) -> bool {
        let mut calls = lock(&self.calls);
        if calls.len() >= UNION_CALLS || calls.contains_key(id) {
            return false;
        }
        calls.insert(id.to_owned(), running);
        true
    }

    /// A call is over, or its answer is not wanted any more. `own` is the id it began with.
    pub(super) fn ended(&self, id: &str, own: u64) {
        let mut calls = lock(&self.calls);
        if calls.get(id).is_some_and(|running| running.first == own) {
            calls.remove(id);
        }
    }

    /// True while the caller wants the answer to a call.
    pub(super) fn wants(&self, id: &str, own: u64) -> bool {
        lock(&self.calls)
            .get(id)
            .is_some_and(|running| running.own == own)
    }

    /// A call has another id at its member from now on.
    pub(super) fn renumber(&self, id: &str, own: u64, new: u64) {
        if let Some(running) = lock(&self.calls).get_mut(id)
            && running.own == own
        {
            running.own = new;
        }
    }

    /// The call that the caller knows by this id.
    pub(super) fn call(&self, id: &str) -> Option<Running> {
        lock(&self.calls).get(id).cloned()
    }

    /// True while somebody listens to the members for this caller.
    pub(super) fn is_watched(&self) -> bool {
        let watching = lock(&self.watching);
        watching
            .as_ref()
            .is_some_and(|watcher| !watcher.is_finished())
    }

    /// Whoever listened to the members for this caller, this is who does now.
    pub(super) fn watched_by(&self, watcher: Option<AbortHandle>) {
        let old = std::mem::replace(&mut *lock(&self.watching), watcher);
        if let Some(old) = old {
            old.abort();
        }
    }

    /// Nothing goes on any more.
    pub(super) fn end(&self) {
        self.watched_by(None);
        for running in std::mem::take(&mut *lock(&self.calls)).into_values() {
            running.abort.abort();
        }
        for outlet in lock(&self.outlets).values() {
            outlet.end();
        }
    }
}

/// The id of a question, as the caller gets it.
pub(super) fn written(number: u64) -> String {
    format!("\"sluice-{number}\"")
}

fn number(id: &str) -> Option<u64> {
    id.strip_prefix("sluice-")?.parse().ok()
}
