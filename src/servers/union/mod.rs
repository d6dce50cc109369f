//! Several servers presented as one.
//!
//! ```text
//!   caller ─ its session ─┐                    ┌─ Link ─▶ member      each is called through the
//!   (legacy)              ├─▶ Circle ──────────┼─ Link ─▶ member      gateway's inner listener with
//!   caller ─ its memory ──┘   one per caller   └─ Link ─▶ member      the caller's own token
//!   (modern)
//! ```
//!
//! The union judges nothing: whether this caller may call that tool is decided where the member's
//! connection is, and there its credential is added, its masks are laid on and the call is recorded.
//! So a union can offer no more than its members do to the same caller. Their own names get the
//! member's in front (`tickets__search`), see [`names`]; resources keep their addresses, see
//! [`places`].
//!
//! - [`legacy`], [`modern`]: the two eras of callers. [`session`], [`outlet`], [`standing`], [`run`]:
//!   what the older one needs. [`listen`], [`feed`]: what the newer one does.
//! - [`call`] goes to one member and is followed by a [`relay`]; [`translate`] tells the members'
//!   ids apart. [`lists`] and [`welcome`] put together what all members say.
//! - [`link`] knows which era a member is of, [`wire`] is the HTTP.
//!
//! # Between the eras
//!
//! Works: lists, calls, prompts, resources, completion, progress, cancellation, changes of lists and
//! resources; a modern member's wish for input becomes requests to a legacy caller ([`rounds`]), a
//! legacy member's request becomes a wish for input to a modern caller ([`parked`]).
//!
//! Does not: tasks (the eras' tasks have different requests: they are offered and answered only
//! where caller and member are of one era), `logging/setLevel` (a modern member is asked in each
//! request, and is not asked), a modern caller's roots and a legacy member's questions between calls
//! (there is no stream for them; a listener answers them with an error). Extensions pass where both
//! sides are of one era, and only those whose requests say whom they are for.

mod answers;
mod begin;
mod call;
mod circle;
mod cursor;
mod edit;
mod feed;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod greet;
mod legacy;
mod link;
mod listen;
mod lists;
mod message;
mod meta;
mod modern;
mod names;
mod outlet;
mod parked;
mod places;
mod pull;
mod relay;
mod repeated;
mod rounds;
mod run;
mod session;
mod sse;
mod standing;
mod translate;
mod watch;
mod welcome;
mod wire;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use axum::body::to_bytes;
use axum::response::Response;
use futures_util::future::{BoxFuture, join_all};
use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode};
use tokio::sync::watch::{Receiver, Sender};

use super::host::random_hex;
use super::{Around, Asked, CALLER_HEADER, Health, Principal, Served};
use crate::base::limits::{
    UNION_IDLE_TIME, UNION_MESSAGE_BYTES, UNION_OPEN_TIME, UNION_SESSIONS,
    UNION_SESSIONS_PER_PRINCIPAL, UNION_SWEEP_TIME,
};
use crate::base::secret::Secret;
use crate::mcp::Revision;
use circle::{Circle, lock};
use legacy::Caller;
use link::{MODERN, Profile};
use names::Roster;
use session::Session;
use wire::{VERSION, Wire};

/// A server put together of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Union {
    /// The connection's name.
    pub name: String,
    /// The names of the connections it presents, in order.
    pub members: Vec<String>,
}

/// One union, running.
pub(super) struct Server {
    name: String,
    roster: Sender<Arc<Roster>>,
    /// Absent when there can be no client: then nothing is answered.
    wire: Option<Arc<Wire>>,
    sessions: Mutex<HashMap<String, Arc<Session>>>,
    memories: Mutex<HashMap<Whose, Memory>>,
}

/// A modern caller, and what it says of itself: members are told so when a session is opened.
#[derive(PartialEq, Eq, Hash)]
struct Whose(Principal, String, Option<String>);

struct Memory {
    circle: Arc<Circle>,
    used: Instant,
}

impl Served for Server {
    type Plan = Union;

    fn name(plan: &Union) -> &str {
        &plan.name
    }

    fn start(plan: Union, around: &Around) -> Arc<Server> {
        let server = Arc::new(Server {
            roster: Sender::new(Arc::new(roster(&plan))),
            name: plan.name,
            wire: Wire::new(around.inner.clone()).ok().map(Arc::new),
            sessions: Mutex::default(),
            memories: Mutex::default(),
        });
        tokio::spawn(sweep(Arc::downgrade(&server)));
        server
    }

    fn renew(&self, plan: Union) {
        let new = Arc::new(roster(&plan));
        for session in lock(&self.sessions).values() {
            if session.circle.renew(&new) {
                standing::renewed(session);
            }
        }
        for memory in lock(&self.memories).values() {
            memory.circle.renew(&new);
        }
        self.roster.send_replace(new);
    }

    fn answer(self: Arc<Server>, asked: Asked) -> BoxFuture<'static, Response> {
        Box::pin(async move { respond(&self, asked).await })
    }

    fn health(&self) -> Health {
        match &self.wire {
            None => Health::Failed("there is no client for the members".to_owned()),
            Some(_) if lock(&self.sessions).is_empty() => Health::Idle,
            Some(_) => Health::Running {
                parts: self.roster.borrow().0.len(),
            },
        }
    }

    fn end(self: Arc<Server>, drain: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let until = Instant::now() + drain;
            while Instant::now() < until && self.is_busy() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let sessions = std::mem::take(&mut *lock(&self.sessions));
            let memories = std::mem::take(&mut *lock(&self.memories));
            let mut circles: Vec<_> = memories.into_values().map(|memory| memory.circle).collect();
            for session in sessions.into_values() {
                session.end();
                circles.push(session.circle.clone());
            }
            join_all(circles.iter().map(|circle| circle.close(UNION_OPEN_TIME))).await;
        })
    }
}

impl Server {
    /// The connection's name.
    fn name(&self) -> &str {
        &self.name
    }

    /// Who the members are, now and from now on.
    fn roster(&self) -> Receiver<Arc<Roster>> {
        self.roster.subscribe()
    }

    /// Links of a caller's own.
    fn circle(&self, profile: Profile, bearer: Secret) -> Option<Circle> {
        let roster = self.roster.borrow().clone();
        Some(Circle::new(roster, self.wire.clone()?, profile, bearer))
    }

    /// The session of that id.
    fn session(&self, id: &str) -> Option<Arc<Session>> {
        lock(&self.sessions).get(id).cloned()
    }

    /// A new session. The one that was idle for longest makes room, of the same principal where
    /// that one has too many.
    fn add(
        &self,
        principal: Principal,
        revision: Revision,
        circle: Circle,
    ) -> Option<Arc<Session>> {
        let id = random_hex::<16>().ok()?;
        // Members may have changed while they were asked what they are.
        circle.renew(&self.roster.borrow().clone());
        let session = Arc::new(Session::new(id.clone(), principal, revision, circle));
        let mut sessions = lock(&self.sessions);
        let theirs = sessions
            .values()
            .filter(|each| each.principal == principal)
            .count();
        let crowded = theirs >= UNION_SESSIONS_PER_PRINCIPAL;
        if crowded || sessions.len() >= UNION_SESSIONS {
            let spare = sessions
                .values()
                .filter(|each| !crowded || each.principal == principal);
            let oldest = spare.filter_map(|each| Some((each.idle_since()?, each.clone())));
            let (_, oldest) = oldest.min_by_key(|(since, _)| *since)?;
            sessions.remove(&oldest.id);
            over(oldest);
        }
        sessions.insert(id, session.clone());
        Some(session)
    }

    /// The session of that id is over.
    fn remove(&self, id: &str) {
        lock(&self.sessions).remove(id);
    }

    /// What is remembered of a modern caller.
    fn memory(
        &self,
        principal: Principal,
        profile: Profile,
        bearer: &Secret,
    ) -> Option<Arc<Circle>> {
        let whose = Whose(
            principal,
            profile.capabilities.clone(),
            profile.client.clone(),
        );
        let mut memories = lock(&self.memories);
        let now = Instant::now();
        if let Some(memory) = memories.get_mut(&whose) {
            memory.used = now;
            memory.circle.shown(bearer);
            return Some(memory.circle.clone());
        }
        if memories.len() >= UNION_SESSIONS {
            // Nothing but speed is lost, and addresses that can be learnt again.
            memories.retain(|_, memory| memory.used.elapsed() < UNION_IDLE_TIME / 16);
            if memories.len() >= UNION_SESSIONS {
                return None;
            }
        }
        let circle = Arc::new(self.circle(profile, bearer.clone())?);
        memories.insert(
            whose,
            Memory {
                circle: circle.clone(),
                used: now,
            },
        );
        Some(circle)
    }

    fn is_busy(&self) -> bool {
        lock(&self.sessions)
            .values()
            .any(|session| session.idle_since().is_none())
    }

    /// Ends what nobody uses.
    fn sweep(&self) {
        let mut sessions = lock(&self.sessions);
        let (mut gone, mut left) = (Vec::new(), Vec::new());
        for session in sessions.values() {
            if session.is_over() {
                gone.push(session.clone());
            } else if session.standing.is_abandoned() {
                left.push(session.clone());
            }
        }
        for session in &gone {
            sessions.remove(&session.id);
        }
        drop(sessions);
        for session in left {
            session.watched_by(None);
        }
        gone.into_iter().for_each(over);
        lock(&self.memories).retain(|_, memory| {
            memory.circle.parking.sweep();
            let used = memory.used.elapsed() < UNION_IDLE_TIME;
            if !used {
                let circle = memory.circle.clone();
                tokio::spawn(async move { circle.close(UNION_OPEN_TIME).await });
            }
            used
        });
    }
}

/// Ends a session that nobody can find any more.
fn over(session: Arc<Session>) {
    session.end();
    tokio::spawn(async move { session.circle.close(UNION_OPEN_TIME).await });
}

async fn sweep(server: Weak<Server>) {
    loop {
        tokio::time::sleep(UNION_SWEEP_TIME).await;
        let Some(server) = server.upgrade() else {
            return;
        };
        server.sweep();
    }
}

fn roster(plan: &Union) -> Roster {
    Roster(
        plan.members
            .iter()
            .map(|name| Arc::from(name.as_str()))
            .collect(),
    )
}

async fn respond(server: &Arc<Server>, asked: Asked) -> Response {
    let (head, body) = asked.request.into_parts();
    let mut headers = head.headers;
    let Some(bearer) = headers.remove(CALLER_HEADER) else {
        return answers::status(StatusCode::FORBIDDEN);
    };
    let caller = Caller {
        principal: asked.principal,
        bearer: Secret::new(bearer.as_bytes().to_vec()),
        headers,
    };
    let says_modern = caller
        .headers
        .get(&VERSION)
        .is_some_and(|version| version == MODERN.as_str());
    match head.method {
        Method::POST => {
            let Ok(text) = to_bytes(body, UNION_MESSAGE_BYTES).await else {
                return answers::status(StatusCode::PAYLOAD_TOO_LARGE);
            };
            if says_modern || modern::profile(&text).is_some() {
                modern::post(server, caller, text).await
            } else {
                legacy::post(server, caller, text).await
            }
        }
        Method::GET if !says_modern => legacy::get(server, &caller),
        Method::DELETE if !says_modern => legacy::delete(server, &caller).await,
        _ => {
            let mut response = answers::status(StatusCode::METHOD_NOT_ALLOWED);
            let allowed = if says_modern {
                "POST"
            } else {
                "POST, GET, DELETE"
            };
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static(allowed));
            response
        }
    }
}
