//! The sending of a call, and an answer that is one text.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};

use super::answers;
use super::call::Call;
use super::circle::Circle;
use super::link::{Letter, Opened};
use super::message::{Message, Shape};
use super::relay::{Relay, Source};
use super::rounds::Round;
use super::session::Session;
use super::translate;
use super::wire::{Away, Body};
use crate::base::secret::Secret;
use crate::json::Document;
use crate::mcp::same_id;

/// What came of sending a call.
pub(super) enum Begun {
    /// Its answer.
    Answered(Answered),
    /// A stream that ends with its answer.
    Stream(Box<Relay>),
}

/// An answer that is no stream.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    /// What of the member's head concerns the caller.
    pub(super) headers: HeaderMap,
    pub(super) text: Vec<u8>,
}

/// Sends a call to its member.
pub(super) async fn begin(
    circle: Arc<Circle>,
    call: Arc<Call>,
    session: Option<Arc<Session>>,
    bearer: Secret,
) -> Result<Begun, Away> {
    let compose = |opened: &Opened| call.letter(opened, None);
    let mut waiting = Waiting(session.is_none().then(|| (call.clone(), bearer.clone())));
    let (opened, reply) = call.link.send(&bearer, compose).await?;
    waiting.0 = None;
    let (status, headers) = (reply.status, concerning(&reply.headers));
    let source = match reply.body {
        Body::Events(events) => Source::Events(events),
        Body::Whole(text) => {
            if !(session.is_some() && opened.revision.is_modern() && wants_input(&text)) {
                return answered(status, headers, &text, &call, &opened, &circle)
                    .map(Begun::Answered);
            }
            Source::Whole(Some(text))
        }
    };
    let relay = Relay::new(circle, call, opened, session, bearer, source);
    Ok(Begun::Stream(Box::new(relay)))
}

/// A call of a modern caller, until its member's answer begins. Dropped before, it is cancelled.
struct Waiting(Option<(Arc<Call>, Secret)>);

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some((call, bearer)) = self.0.take() else {
            return;
        };
        let legacy = call
            .link
            .opened()
            .filter(|opened| !opened.revision.is_modern());
        if let (Some(opened), Ok(runtime)) = (legacy, tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move { cancel(&call, call.own, &opened, &bearer).await });
        }
    }
}

/// Tells a legacy member that a call's answer is not wanted any more.
pub(super) async fn cancel(call: &Call, own: u64, opened: &Opened, bearer: &Secret) {
    let letter = Letter {
        body: format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{own}}}}}"#
        )
        .into(),
        headers: HeaderMap::new(),
    };
    // It is a courtesy: the stream is closed in any case.
    let _ = call.link.post(bearer, opened, letter).await;
}

/// A text that is the whole answer.
fn answered(
    status: StatusCode,
    headers: HeaderMap,
    text: &Bytes,
    call: &Call,
    opened: &Opened,
    circle: &Circle,
) -> Result<Answered, Away> {
    let refused = || {
        if status.is_success() {
            Away::Unreadable
        } else {
            Away::Refused(status.as_u16())
        }
    };
    let passes = matches!(status.as_u16(), 401 | 403 | 429 | 503);
    let document = Document::parse(text).ok();
    let message = document.as_ref().and_then(|text| Message::of(text.root()));
    let Some(message) = message else {
        // What to do about these is for the caller to know, with or without a message.
        let text = answers::away(&call.id, &call.link.member, &refused()).into_bytes();
        return if passes {
            Ok(Answered {
                status,
                headers,
                text,
            })
        } else {
            Err(refused())
        };
    };
    let is_its = match message.shape {
        Shape::Result { id, .. } | Shape::Error { id: Some(id) } => {
            same_id(id.raw(), &call.own.to_string())
        }
        Shape::Error { id: None } => !status.is_success(),
        Shape::Request { .. } | Shape::Notification { .. } => false,
    };
    if !is_its {
        return Err(Away::Unreadable);
    }
    let text = translate::answer(text, message, call, opened, circle);
    // To a caller with a session 404 means that the session is gone, and it is not.
    let gone = status == StatusCode::NOT_FOUND && !call.modern;
    let status = if gone { StatusCode::OK } else { status };
    Ok(Answered {
        status,
        headers,
        text,
    })
}

/// The header fields of a member's answer that concern the caller.
fn concerning(headers: &HeaderMap) -> HeaderMap {
    let names = [WWW_AUTHENTICATE, RETRY_AFTER];
    let found = names.into_iter().filter_map(|name| {
        let value = headers.get(&name)?.clone();
        Some((name, value))
    });
    found.collect()
}

fn wants_input(text: &[u8]) -> bool {
    let document = Document::parse(text).ok();
    let message = document.as_ref().and_then(|text| Message::of(text.root()));
    message.is_some_and(Round::is_due)
}
