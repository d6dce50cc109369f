//! One call from its sending to its answer, for callers of both eras.
//!
//! ```text
//!   begin ─> Answered (one text, status and all)
//!      └───> Relay ── notifications, a member's requests … ─> the answer ─> over
//!              │  a legacy member's stream broke: taken up after its last event
//!              │  a modern member wants input, the caller is a legacy one: rounds
//!              └─ a legacy member asks something, the caller is a modern one: paused, parked
//! ```
//!
//! Dropping a relay closes the member's stream. For a modern member that is the cancellation; a
//! legacy one is told so.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::answers;
use super::begin::cancel;
use super::call::Call;
use super::circle::Circle;
use super::link::{Letter, Opened};
use super::message::{Message, Shape, parts};
use super::rounds::Round;
use super::session::Session;
use super::sse::Event;
use super::translate;
use super::wire::{Away, Body, Events, Reply};
use crate::base::limits::{UNION_RESUMES, UNION_RETRY_TIME};
use crate::base::secret::Secret;
use crate::json::Document;
use crate::mcp::same_id;

/// See the module.
pub(super) struct Relay {
    pub(super) circle: Arc<Circle>,
    pub(super) call: Arc<Call>,
    pub(super) opened: Arc<Opened>,
    pub(super) bearer: Secret,
    /// The caller's session; a modern caller has none.
    pub(super) session: Option<Arc<Session>>,
    source: Source,
    pub(super) queue: VecDeque<Outgoing>,
    /// Answered, or given up.
    pub(super) done: bool,
    /// The member's question for which a modern caller must come back.
    pub(super) paused: Option<String>,
    last_event: Option<HeaderValue>,
    pause: Duration,
    resumes: u32,
    pub(super) rounds: u32,
}

/// Where the next event comes from.
pub(super) enum Source {
    Events(Box<Events>),
    /// A text that stands for a stream of one event.
    Whole(Option<Bytes>),
    /// The caller's answers, then the call once more.
    Round(Round),
}

/// An event for the caller.
pub(super) struct Outgoing {
    pub(super) name: Option<String>,
    pub(super) data: Vec<u8>,
}

impl Relay {
    pub(super) fn new(
        circle: Arc<Circle>,
        call: Arc<Call>,
        opened: Arc<Opened>,
        session: Option<Arc<Session>>,
        bearer: Secret,
        source: Source,
    ) -> Relay {
        Relay {
            circle,
            call,
            opened,
            bearer,
            session,
            source,
            queue: VecDeque::new(),
            done: false,
            paused: None,
            last_event: None,
            pause: UNION_RETRY_TIME.0,
            resumes: 0,
            rounds: 0,
        }
    }

    /// The next event; `None` when there is none for now: the relay is done, or paused.
    pub(super) async fn next(&mut self) -> Option<Outgoing> {
        loop {
            if let Some(next) = self.queue.pop_front() {
                return Some(next);
            }
            if self.done || self.paused.is_some() {
                return None;
            }
            match self.read().await {
                Ok(Some(event)) => self.hear(event).await,
                Ok(None) | Err(Away::Unreachable) => self.take_up().await,
                Err(why) => {
                    self.give_up(&answers::away(&self.call.id, &self.call.link.member, &why))
                }
            }
        }
    }

    /// The answer is this. Nothing comes after it.
    pub(super) fn give_up(&mut self, text: &str) {
        self.queue.push_back(Outgoing {
            name: Some("message".to_owned()),
            data: text.as_bytes().to_vec(),
        });
        self.done = true;
    }

    /// Reads on in a reply to another sending of the same call.
    pub(super) fn read_on(&mut self, reply: Reply) {
        self.last_event = None;
        self.source = match reply.body {
            Body::Events(events) => Source::Events(events),
            Body::Whole(text) => Source::Whole(Some(text)),
        };
    }

    /// From now on the caller's answers are waited for.
    pub(super) fn wait(&mut self, round: Round) {
        self.source = Source::Round(round);
    }

    async fn read(&mut self) -> Result<Option<Event>, Away> {
        match &mut self.source {
            Source::Events(events) => events.next().await,
            Source::Whole(text) => Ok(text.take().map(|text| Event {
                data: text.into(),
                ..Event::default()
            })),
            Source::Round(round) => {
                let more = round.answers().await?;
                let reply = self.send_again(&more).await?;
                self.read_on(reply);
                Ok(Some(Event::default()))
            }
        }
    }

    async fn hear(&mut self, event: Event) {
        if let Some(id) = event.id.and_then(|id| HeaderValue::try_from(id).ok()) {
            self.last_event = Some(id);
            self.resumes = 0;
        }
        if let Some(pause) = event.retry {
            self.pause = Duration::from_millis(pause).min(UNION_RETRY_TIME.1);
        }
        if event.data.is_empty() {
            return;
        }
        let text = Bytes::from(event.data);
        for text in parts(text) {
            self.hear_one(event.name.clone(), text).await;
        }
    }

    async fn hear_one(&mut self, name: Option<String>, text: Bytes) {
        // What is no message is a flaw of the member's, and nothing that the caller asked for.
        let Ok(document) = Document::parse(&text) else {
            return;
        };
        let Some(message) = Message::of(document.root()) else {
            return;
        };
        let data = match message.shape {
            Shape::Result { id, .. } | Shape::Error { id: Some(id) } => {
                if !same_id(id.raw(), &self.call.own.to_string()) {
                    return;
                }
                if self.session.is_some() && Round::is_due(message) {
                    drop(document);
                    return self.begin_round(&text);
                }
                self.done = true;
                translate::answer(&text, message, &self.call, &self.opened, &self.circle)
            }
            Shape::Error { id: None } => return,
            Shape::Notification { .. } => match self.notice(&text, message) {
                Some(data) => data,
                None => return,
            },
            Shape::Request { .. } => match self.question(&text, message) {
                Heard::Pass(data) => data,
                Heard::Pause(id, data) => {
                    self.paused = Some(id);
                    data
                }
                Heard::Answer(text) => {
                    drop(document);
                    return self.tell_member(text).await;
                }
                Heard::Drop => return,
            },
        };
        self.queue.push_back(Outgoing { name, data });
    }

    fn notice(&self, text: &[u8], message: Message<'_>) -> Option<Vec<u8>> {
        let (link, circle) = (&self.call.link, &self.circle);
        let method = message.method()?;
        if let Some(session) = &self.session {
            if method == "notifications/cancelled" {
                return session.withdrawn(text, message, link);
            }
        } else if !self.opened.revision.is_modern() {
            // A modern answer's stream has only what belongs to the call, and of log messages only
            // those that were asked for.
            let belongs = match method {
                "notifications/progress" => true,
                "notifications/message" => self.call.log,
                _ => false,
            };
            if !belongs {
                return None;
            }
        }
        Some(translate::notice(
            text,
            message,
            link,
            circle,
            Some(&self.call),
        ))
    }

    fn question(&self, text: &[u8], message: Message<'_>) -> Heard {
        let (Some(id), Some(method)) = (message.id(), message.method()) else {
            return Heard::Drop;
        };
        if self.opened.revision.is_modern() {
            // This revision's servers ask in results only.
            return Heard::Drop;
        }
        if method == "ping" {
            return Heard::Answer(answers::result(id.raw(), "{}"));
        }
        match &self.session {
            Some(session) => match session.ask(text, message, &self.call.link, &self.opened) {
                Some(data) => Heard::Pass(data),
                None => Heard::Answer(answers::error(
                    id.raw(),
                    answers::TOO_MANY,
                    "too many requests wait for this client",
                )),
            },
            None => super::parked::question(&self.call, message).map_or_else(
                || {
                    let why = "the client speaks a revision without this request";
                    Heard::Answer(answers::error(id.raw(), answers::NOT_TRANSLATED, why))
                },
                |data| Heard::Pause(id.raw().to_owned(), data),
            ),
        }
    }

    /// Sends the member a message that wants no answer.
    pub(super) async fn tell_member(&mut self, text: String) {
        let letter = Letter {
            body: text.into(),
            headers: HeaderMap::new(),
        };
        // A member that takes no answer will say so on the stream that is open.
        let _ = self
            .call
            .link
            .post(&self.bearer, &self.opened, letter)
            .await;
    }

    /// A legacy member's stream may break without harm, if it gave its events ids.
    async fn take_up(&mut self) {
        if let Some(session) = &self.session
            && !session.wants(&self.call.id, self.call.own)
        {
            // It was cancelled, and its member did as it should.
            self.done = true;
            return;
        }
        let resumable =
            matches!(self.source, Source::Events(_)) && !self.opened.revision.is_modern();
        while let Some(after) = self.last_event.clone().filter(|_| resumable) {
            if self.resumes >= UNION_RESUMES {
                break;
            }
            self.resumes += 1;
            tokio::time::sleep(self.pause).await;
            let link = &self.call.link;
            if let Ok(Some(events)) = link.stream(&self.bearer, &self.opened, Some(&after)).await {
                self.source = Source::Events(events);
                return;
            }
        }
        let why = format!(
            "the server `{}` ended without an answer",
            self.call.link.member
        );
        self.give_up(&answers::error(&self.call.id, answers::MEMBER_BROKE, &why));
    }
}

/// What becomes of a member's request.
enum Heard {
    /// The caller hears it.
    Pass(Vec<u8>),
    /// The caller hears this, and must come back with the answer to the question of that id.
    Pause(String, Vec<u8>),
    /// The member hears this.
    Answer(String),
    /// Nobody hears it.
    Drop,
}

impl Drop for Relay {
    fn drop(&mut self) {
        // A caller with a session says itself when it cancels.
        if self.done || self.session.is_some() || self.opened.revision.is_modern() {
            return;
        }
        let (call, opened, bearer) = (self.call.clone(), self.opened.clone(), self.bearer.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { cancel(&call, call.own, &opened, &bearer).await });
        }
    }
}
