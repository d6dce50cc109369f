//! Streamable HTTP, as the gateway's worker speaks it, turned into calls and streams.
//!
//! | | with sessions (2025-03-26 to 2025-11-25) | without (2026-07-28) |
//! |---|---|---|
//! | `initialize` | opens a session | as in the others: it is what selects them |
//! | POST | needs its session: 400 without one, 404 where it is another's or over | stands for itself |
//! | answer | JSON if the response comes first, else events with ids | the same without ids |
//! | caller goes away | the call goes on | the call is cancelled |
//! | GET, DELETE | listens or resumes; ends the session | 405 |
//!
//! Headers were judged against the body before they came here.

mod answer;

use std::sync::{Arc, Weak};

use axum::body::{Body, to_bytes};
use axum::http::header::ALLOW;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use self::answer::Answer;
use super::events::{CancelOnDrop, Events, read_event_id, takes_events};
use super::message::{Kind, Message, Reader};
use super::process::{Greeted, Refused};
use super::server::{Server, Unavailable};
use super::session::Session;
use super::stream::Stream;
use super::table::Owner;
use super::{Era, codes};
use crate::mcp::Revision;
use crate::servers::reply::{json, later, refusal};
use crate::servers::{Asked, Principal};

const SESSION: &str = "mcp-session-id";
const VERSION: &str = "mcp-protocol-version";
const LAST_EVENT: &str = "last-event-id";

/// Answers one request.
pub(super) async fn answer(server: Arc<Server>, asked: Asked) -> Response {
    let (head, body) = asked.request.into_parts();
    let caller = Caller {
        server,
        principal: asked.principal,
        headers: head.headers,
    };
    let Some(era) = caller.era() else {
        let what = "this protocol version is not known here";
        return refusal(StatusCode::BAD_REQUEST, None, codes::BAD_REQUEST, what);
    };
    match (head.method, era) {
        (Method::POST, _) => caller.post(era, body).await,
        (Method::GET, Era::Sessions) => caller.get(),
        (Method::DELETE, Era::Sessions) => caller.delete(),
        (_, Era::Sessions) => only("GET, POST, DELETE"),
        (_, Era::Requests) => only("POST"),
    }
}

fn only(methods: &'static str) -> Response {
    let allow = [(ALLOW, HeaderValue::from_static(methods))];
    (StatusCode::METHOD_NOT_ALLOWED, allow).into_response()
}

/// Who asks, and whom.
struct Caller {
    server: Arc<Server>,
    principal: Principal,
    headers: HeaderMap,
}

impl Caller {
    /// The era of the version header; none for a version that is not known.
    fn era(&self) -> Option<Era> {
        let Some(version) = self.headers.get(VERSION) else {
            return Some(Era::Sessions);
        };
        Some(match Revision::parse(version.as_bytes())?.is_modern() {
            true => Era::Requests,
            false => Era::Sessions,
        })
    }

    async fn post(self, era: Era, body: Body) -> Response {
        let Ok(body) = to_bytes(body, self.server.plan().message_bytes).await else {
            let what = "the message is too long";
            return refusal(StatusCode::PAYLOAD_TOO_LARGE, None, codes::TOO_LONG, what);
        };
        let (messages, is_array) = match Reader::default().read(&body) {
            Ok(read) => read,
            Err(problem) => {
                let what = problem.to_string();
                return refusal(StatusCode::BAD_REQUEST, None, codes::BAD_REQUEST, &what);
            }
        };
        let sole = (!is_array).then(|| messages.first()).flatten();
        match (sole, era) {
            (Some(message), _) if message.is_request("initialize") => self.open(message).await,
            (Some(message), Era::Requests) => self.post_alone(message).await,
            (None, Era::Requests) => {
                let what = "this revision has no arrays";
                refusal(StatusCode::BAD_REQUEST, None, codes::BAD_REQUEST, what)
            }
            (_, Era::Sessions) => match self.session() {
                Ok(session) => self.post_within(&session, &messages, is_array).await,
                Err(refused) => refused.with_id(sole),
            },
        }
    }

    /// The session that is named, if it is the caller's.
    fn session(&self) -> Result<Arc<Session>, NoSession> {
        let id = self.headers.get(SESSION).ok_or(NoSession::Unnamed)?;
        let id = id.to_str().map_err(|_| NoSession::Unknown)?;
        let session = self.server.session(id, self.principal);
        session.ok_or(NoSession::Unknown)
    }

    /// `initialize` opens a session.
    async fn open(self, message: &Message) -> Response {
        let id = message.id_text();
        if self.headers.contains_key(SESSION) {
            let what = "the session is initialised already";
            return refusal(StatusCode::BAD_REQUEST, id, codes::BAD_REQUEST, what);
        }
        let process = self.server.process(self.principal, Era::Sessions);
        let session = process.and_then(|process| self.server.new_session(self.principal, process));
        let session = match session {
            Ok(session) => session,
            Err(error) => return unavailable(&error, id),
        };
        // On a task of its own: a caller who goes away must not leave a process that was greeted
        // and does not know it.
        let (server, message) = (self.server.clone(), message.clone());
        let greeting = tokio::spawn(async move {
            let greeted = session.process.greet(&message, &session).await;
            let id = message.id_text();
            match greeted {
                Ok(Greeted::Welcome(text)) => {
                    server.welcome(&session);
                    let mut response = json(StatusCode::OK, text);
                    if let Ok(id) = HeaderValue::from_str(&session.id) {
                        response.headers_mut().insert(SESSION, id);
                    }
                    response
                }
                Ok(Greeted::Declined(text)) => {
                    server.end_session(&session);
                    json(StatusCode::OK, text)
                }
                Err(refused) => {
                    server.end_session(&session);
                    unavailable(&refused.into(), id)
                }
            }
        });
        let failed = |_| StatusCode::INTERNAL_SERVER_ERROR.into_response();
        greeting.await.unwrap_or_else(failed)
    }

    /// Messages of a session. Notifications and answers are accepted, requests are answered.
    async fn post_within(
        &self,
        session: &Arc<Session>,
        messages: &[Message],
        is_array: bool,
    ) -> Response {
        let requests: Vec<_> = messages
            .iter()
            .filter(|one| one.kind == Kind::Request)
            .collect();
        for message in messages.iter().filter(|one| one.kind != Kind::Request) {
            // Every session is initialised by its caller, but a process only once.
            let is_repeated = message.is_notification("notifications/initialized")
                && !session.process.is_first_time_ready();
            if is_repeated {
                continue;
            }
            if let Err(refused) = session.process.pass(message, session).await {
                return unavailable(&refused.into(), None);
            }
        }
        if requests.is_empty() {
            return StatusCode::ACCEPTED.into_response();
        }
        let takes_events = takes_events(&self.headers);
        let stream = session.open_stream(requests.len());
        for request in &requests {
            self.note_subscription(session, request);
            let owner = Owner {
                principal: Some(self.principal),
                session: Arc::downgrade(session),
            };
            let sent = session
                .process
                .call(request, owner, &stream, takes_events)
                .await;
            if let Err(refused) = sent {
                session.close_stream(&stream);
                return unavailable(&refused.into(), request.id_text());
            }
        }
        let is_told = requests.iter().any(|request| request.token.is_some());
        let answer = Answer {
            session: Some(session.clone()),
            events: takes_events,
            at_once: is_told,
            cancel: None,
        };
        if is_array && !takes_events {
            return answer.as_array(&stream).await;
        }
        answer.to(&stream).await
    }

    /// Changes of a resource are told to those who want to hear of it.
    fn note_subscription(&self, session: &Session, request: &Message) {
        let wants = match &*request.method {
            "resources/subscribe" => true,
            "resources/unsubscribe" => false,
            _ => return,
        };
        if let Some(uri) = &request.uri {
            session.subscribe(uri, wants);
        }
    }

    /// A message of a revision without sessions.
    async fn post_alone(&self, message: &Message) -> Response {
        let id = message.id_text();
        if message.kind != Kind::Request {
            // The revision defines no notification that a caller sends, and no answers.
            return StatusCode::ACCEPTED.into_response();
        }
        if self.server.needs_sessions() {
            return needs_sessions(id);
        }
        let process = match self.server.process(self.principal, Era::Requests) {
            Ok(process) => process,
            Err(error) => return unavailable(&error, id),
        };
        match process.era().await {
            Ok(Era::Requests) => {}
            Ok(Era::Sessions) => {
                self.server.learn_that_it_needs_sessions(&process);
                return needs_sessions(id);
            }
            Err(refused) => return unavailable(&refused.into(), id),
        }
        let takes_events = takes_events(&self.headers);
        let stream = Stream::new(0, Some(1));
        let owner = Owner {
            principal: Some(self.principal),
            session: Weak::new(),
        };
        let key = match process.call(message, owner, &stream, takes_events).await {
            Ok(key) => key,
            Err(refused) => return unavailable(&refused.into(), id),
        };
        let answer = Answer {
            session: None,
            events: takes_events,
            at_once: message.token.is_some(),
            cancel: Some(CancelOnDrop {
                process,
                key,
                stream: stream.clone(),
            }),
        };
        answer.to(&stream).await
    }

    /// Listens for what belongs to no request, or reads on in a stream that broke off.
    fn get(self) -> Response {
        if !takes_events(&self.headers) {
            return StatusCode::NOT_ACCEPTABLE.into_response();
        }
        let session = match self.session() {
            Ok(session) => session,
            Err(refused) => return refused.with_id(None),
        };
        let (reader, priming) = match self.headers.get(LAST_EVENT) {
            None => {
                let reader = session.listen().read();
                let priming = session
                    .primes()
                    .then(|| reader.position().saturating_sub(1));
                (reader, priming)
            }
            Some(id) => {
                let found = read_event_id(id.as_bytes());
                let found =
                    found.and_then(|(stream, after)| Some((session.stream(stream)?, after)));
                let Some((stream, after)) = found else {
                    let what = "the stream of this event is not known any more";
                    return refusal(StatusCode::BAD_REQUEST, None, codes::BAD_REQUEST, what);
                };
                (stream.resume(after), None)
            }
        };
        let events = Events {
            reader,
            first: None,
            has_ids: true,
            priming,
            cancel: None,
        };
        events.response()
    }

    fn delete(self) -> Response {
        match self.session() {
            Ok(session) => {
                self.server.end_session(&session);
                StatusCode::OK.into_response()
            }
            Err(refused) => refused.with_id(None),
        }
    }
}

/// Why there is no session.
enum NoSession {
    Unnamed,
    Unknown,
}

impl NoSession {
    fn with_id(&self, message: Option<&Message>) -> Response {
        let id = message.filter(|one| one.kind == Kind::Request);
        let id = id.and_then(Message::id_text);
        let (status, code, what) = match self {
            NoSession::Unnamed => (
                StatusCode::BAD_REQUEST,
                codes::BAD_REQUEST,
                "Mcp-Session-Id is missing",
            ),
            NoSession::Unknown => (StatusCode::NOT_FOUND, codes::NO_SESSION, "no such session"),
        };
        refusal(status, id, code, what)
    }
}

/// To a server that wants `initialize` first, a request without it is a bad one; a caller who speaks
/// both falls back upon any 400 that is none of the newer revision's own.
fn needs_sessions(id: Option<&str>) -> Response {
    let what = "this server speaks the revisions that begin with initialize";
    refusal(StatusCode::BAD_REQUEST, id, codes::NEEDS_SESSION, what)
}

fn unavailable(error: &Unavailable, id: Option<&str>) -> Response {
    let what = error.to_string();
    match error {
        Unavailable::Paused(left) => later(id, codes::UNAVAILABLE, &what, left.as_secs() + 1),
        Unavailable::Full | Unavailable::Refused(Refused::Busy | Refused::Stalled) => {
            later(id, codes::UNAVAILABLE, &what, 1)
        }
        Unavailable::Ended => refusal(StatusCode::NOT_FOUND, id, codes::NO_SESSION, &what),
        Unavailable::Unstartable | Unavailable::Refused(Refused::Ended(_)) => {
            refusal(StatusCode::BAD_GATEWAY, id, codes::ENDED, &what)
        }
    }
}
