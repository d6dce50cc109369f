//! One caller's link to one member: which revision they share, and the session they have.
//!
//! ```text
//!   Closed ── greet ─> Open ── the member forgot the session, or age ─> Closed
//!      └────── no answer ─> Resting ── a while later ─> Closed
//! ```
//!
//! A caller of the session era is greeted on with `initialize`, and with `server/discover` where the
//! member knows only that; for a modern caller it is the other way about. So a link needs no
//! translation wherever the member speaks the caller's era at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value as Json;
use tokio::sync::Mutex;

use super::message::{Message, Shape, parts};
use super::meta;
use super::repeated::Repeated;
use super::wire::{Away, Body, Envelope, Events, Reply, Wire};
use crate::base::limits::{
    UNION_BELIEF_TIME, UNION_INSTRUCTION_BYTES, UNION_OPEN_TIME, UNION_REST_TIME,
};
use crate::base::secret::Secret;
use crate::json::Document;
use crate::mcp::{Revision, same_id};

/// The newest revision that begins with `initialize`.
pub(super) const NEWEST_LEGACY: Revision = Revision::V2025_11_25;
/// The revision without sessions.
pub(super) const MODERN: Revision = Revision::V2026_07_28;

/// For whom links are opened: what members are told about the caller.
#[derive(Debug)]
pub(super) struct Profile {
    /// The revision the caller speaks.
    pub(super) revision: Revision,
    /// Its capabilities, as it wrote them.
    pub(super) capabilities: String,
    /// Its `clientInfo`, as it wrote it.
    pub(super) client: Option<String>,
}

/// See the module.
pub(super) struct Link {
    /// The member's name.
    pub(super) member: Arc<str>,
    pub(super) wire: Arc<Wire>,
    profile: Arc<Profile>,
    state: Mutex<State>,
    /// What is open, for those who cannot wait.
    current: ArcSwapOption<Opened>,
    /// Which arguments of its tools a modern member wants repeated in headers.
    pub(super) repeated: Repeated,
    ids: AtomicU64,
}

enum State {
    Closed,
    Open(Arc<Opened>),
    Resting { until: Instant, why: Away },
}

/// What a member said of itself.
#[derive(Debug)]
pub(super) struct Opened {
    /// The revision that is spoken with it.
    pub(super) revision: Revision,
    /// Its session, if it gave one.
    session: Option<HeaderValue>,
    /// What it can do.
    pub(super) capabilities: Json,
    /// What it tells models.
    pub(super) instructions: Option<String>,
    since: Instant,
}

/// A message that is ready for a member.
pub(super) struct Letter {
    pub(super) body: Bytes,
    /// `Mcp-Method` and the like.
    pub(super) headers: HeaderMap,
}

impl Link {
    pub(super) fn new(member: Arc<str>, wire: Arc<Wire>, profile: Arc<Profile>) -> Link {
        Link {
            member,
            wire,
            profile,
            state: Mutex::new(State::Closed),
            current: ArcSwapOption::empty(),
            repeated: Repeated::default(),
            ids: AtomicU64::new(1),
        }
    }

    /// For whom it is.
    pub(super) fn profile(&self) -> &Profile {
        &self.profile
    }

    /// An id that no other request on this link has.
    pub(super) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// What the member said of itself; asks it if that is not known.
    pub(super) async fn open(&self, bearer: &Secret) -> Result<Arc<Opened>, Away> {
        let mut state = self.state.lock().await;
        let now = Instant::now();
        match &*state {
            State::Open(opened) if !opened.is_stale(now) => return Ok(opened.clone()),
            State::Resting { until, why } if now < *until => return Err(why.clone()),
            _ => {}
        }
        let greeted = tokio::time::timeout(UNION_OPEN_TIME, self.greet(bearer)).await;
        match greeted.unwrap_or(Err(Away::Slow)) {
            Ok(opened) => {
                let opened = Arc::new(opened);
                self.current.store(Some(opened.clone()));
                *state = State::Open(opened.clone());
                Ok(opened)
            }
            Err(why) => {
                *state = State::Resting {
                    until: Instant::now() + UNION_REST_TIME,
                    why: why.clone(),
                };
                Err(why)
            }
        }
    }

    /// What the member said of itself when it was last asked.
    pub(super) fn opened(&self) -> Option<Arc<Opened>> {
        self.current.load_full()
    }

    /// Sends what `compose` makes for this member. A member that has forgotten its session has not
    /// looked at the request, so it gets a new session and the request once more.
    pub(super) async fn send(
        &self,
        bearer: &Secret,
        compose: impl Fn(&Opened) -> Option<Letter>,
    ) -> Result<(Arc<Opened>, Reply), Away> {
        let mut again = true;
        loop {
            let opened = self.open(bearer).await?;
            let letter = compose(&opened).ok_or(Away::Unreadable)?;
            let reply = self.post(bearer, &opened, letter).await?;
            let forgotten = reply.status == StatusCode::NOT_FOUND && opened.session.is_some();
            if !(forgotten && again) {
                return Ok((opened, reply));
            }
            again = false;
            self.forget(&opened).await;
        }
    }

    /// Sends a message in the session that `opened` is.
    pub(super) async fn post(
        &self,
        bearer: &Secret,
        opened: &Opened,
        letter: Letter,
    ) -> Result<Reply, Away> {
        let to = self.envelope(bearer, opened, &letter.headers);
        self.wire.post(&to, letter.body).await
    }

    /// Asks something of the union's own; `params` are members of an object. Answers with the whole
    /// message, which has a `result`.
    pub(super) async fn ask(
        &self,
        bearer: &Secret,
        method: &str,
        params: &str,
    ) -> Result<Bytes, Away> {
        let id = self.next_id();
        let compose = |opened: &Opened| {
            let modern = opened.revision.is_modern();
            let more = if modern {
                meta::object(&self.profile)
            } else {
                String::new()
            };
            let comma = if modern && !params.is_empty() {
                ","
            } else {
                ""
            };
            Some(Letter {
                body: format!(
                    r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}{comma}{more}}}}}"#
                )
                .into(),
                headers: meta::headers(modern, method, None),
            })
        };
        let (_, reply) = self.send(bearer, compose).await?;
        answer_to(reply, id).await
    }

    /// The member's standing stream, after an event or from now on. `Ok(None)`: it has none.
    pub(super) async fn stream(
        &self,
        bearer: &Secret,
        opened: &Opened,
        after: Option<&HeaderValue>,
    ) -> Result<Option<Box<Events>>, Away> {
        let none = HeaderMap::new();
        let to = self.envelope(bearer, opened, &none);
        let reply = self.wire.get(&to, after).await?;
        match reply.body {
            Body::Events(events) => Ok(Some(events)),
            Body::Whole(_) if reply.status == StatusCode::METHOD_NOT_ALLOWED => Ok(None),
            Body::Whole(_) => Err(Away::Refused(reply.status.as_u16())),
        }
    }

    /// Ends the member's session, if there is one.
    pub(super) async fn close(&self, bearer: &Secret, time: Duration) {
        let state = std::mem::replace(&mut *self.state.lock().await, State::Closed);
        if let State::Open(opened) = state
            && opened.session.is_some()
        {
            let none = HeaderMap::new();
            let to = self.envelope(bearer, &opened, &none);
            self.wire.delete(&to, time).await;
        }
    }

    /// What is known is no longer true; unless something newer is known by now.
    pub(super) async fn forget(&self, opened: &Arc<Opened>) {
        let mut state = self.state.lock().await;
        if matches!(&*state, State::Open(now) if Arc::ptr_eq(now, opened)) {
            *state = State::Closed;
        }
    }

    fn envelope<'a>(
        &'a self,
        bearer: &'a Secret,
        opened: &'a Opened,
        more: &'a HeaderMap,
    ) -> Envelope<'a> {
        Envelope {
            member: &self.member,
            bearer,
            session: opened.session.as_ref(),
            version: header_of(opened.revision),
            more,
        }
    }
}

impl Opened {
    pub(super) fn new(revision: Revision, session: Option<HeaderValue>, result: &Json) -> Opened {
        let instructions = result.get("instructions").and_then(Json::as_str);
        Opened {
            revision,
            session,
            capabilities: result.get("capabilities").cloned().unwrap_or(Json::Null),
            instructions: instructions
                .filter(|text| text.len() <= UNION_INSTRUCTION_BYTES)
                .map(str::to_owned),
            since: Instant::now(),
        }
    }

    /// True when the member says that it has this.
    pub(super) fn can(&self, what: &str) -> bool {
        self.capabilities.get(what).is_some_and(Json::is_object)
    }

    /// A session is as good as its member says; a description without one grows old.
    fn is_stale(&self, now: Instant) -> bool {
        self.revision.is_modern() && now.duration_since(self.since) > UNION_BELIEF_TIME
    }
}

/// The version header of a revision: the oldest with sessions has none.
pub(super) fn header_of(revision: Revision) -> Option<&'static str> {
    (revision != Revision::UNSAID).then(|| revision.as_str())
}

/// The message with the result for `id`, out of a reply of either form.
pub(super) async fn answer_to(reply: Reply, id: u64) -> Result<Bytes, Away> {
    let status = reply.status;
    let mut events = match reply.body {
        Body::Whole(text) => return judged(text, id, status)?.ok_or(Away::Unreadable),
        Body::Events(events) => events,
    };
    while let Some(event) = events.next().await? {
        if event.data.is_empty() {
            continue;
        }
        for text in parts(event.data.into()) {
            if let Some(text) = judged(text, id, status)? {
                return Ok(text);
            }
        }
    }
    Err(Away::Unreachable)
}

/// The text, if it is the good answer to `id`; `None` for another message.
fn judged(text: Bytes, id: u64, status: StatusCode) -> Result<Option<Bytes>, Away> {
    let refused = || {
        if status.is_success() {
            Away::Unreadable
        } else {
            Away::Refused(status.as_u16())
        }
    };
    let document = Document::parse(&text).map_err(|_| refused())?;
    let message = Message::of(document.root()).ok_or_else(refused)?;
    let found = match message.shape {
        Shape::Result { id: its, .. } => status.is_success() && same_id(its.raw(), &id.to_string()),
        Shape::Error { id: its } if its.is_none_or(|its| same_id(its.raw(), &id.to_string())) => {
            return Err(message.code().map_or_else(refused, Away::Error));
        }
        _ => false,
    };
    drop(document);
    Ok(found.then_some(text))
}
