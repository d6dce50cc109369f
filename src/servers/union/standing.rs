//! What members say between the calls of a session, on the caller's standing stream; and what the
//! caller says to be told.

use std::sync::Arc;

use futures_util::future::join_all;

use super::answers;
use super::call::Call;
use super::circle::Circle;
use super::edit::Edits;
use super::link::Letter;
use super::message::{Message, Shape};
use super::session::Session;
use super::watch::{Heard, Watch};
use super::{meta, translate};
use crate::base::limits::UNION_ADDRESSES;
use crate::base::secret::Secret;
use crate::json::Document;

/// The lists of a union have changed.
const CHANGED: [&str; 3] = ["tools", "prompts", "resources"];

/// From now on members are listened to for this caller.
pub(super) fn begin(session: &Arc<Session>) {
    let (mut watch, mut heard) = Watch::begin(session.circle.clone(), session.wanted.subscribe());
    let task = tokio::spawn({
        let session = session.clone();
        async move {
            loop {
                tokio::select! {
                    Some(heard) = heard.recv() => pass(&session, heard).await,
                    () = session.renewed.notified() => watch.renew(),
                }
            }
        }
    });
    session.watched_by(Some(task.abort_handle()));
}

/// The union has other members: what was listed may be listed no more.
pub(super) fn renewed(session: &Session) {
    session.renewed.notify_one();
    for list in CHANGED {
        session.standing.offer(changed(list).as_bytes());
    }
}

/// The notification that a list has changed.
pub(super) fn changed(list: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"notifications/{list}/list_changed"}}"#)
}

async fn pass(session: &Session, heard: Heard) {
    let Ok(document) = Document::parse(&heard.text) else {
        return;
    };
    let Some(message) = Message::of(document.root()) else {
        return;
    };
    let (link, text) = (&heard.link, &heard.text);
    let data = match message.shape {
        Shape::Notification { method } => match method {
            "notifications/cancelled" => session.withdrawn(text, message, link),
            "notifications/subscriptions/acknowledged" => None,
            _ if heard.opened.revision.is_modern() => Some(unmarked(text, message)),
            _ => Some(translate::notice(
                text,
                message,
                link,
                &session.circle,
                None,
            )),
        },
        Shape::Request { id, method: "ping" } => {
            let text = answers::result(id.raw(), "{}");
            drop(document);
            return answer(session, &heard, text).await;
        }
        Shape::Request { id, .. } if !heard.opened.revision.is_modern() => {
            let asked = session.ask(text, message, link, &heard.opened);
            if asked.is_none() {
                let why = "too many requests wait for this client";
                let text = answers::error(id.raw(), answers::TOO_MANY, why);
                drop(document);
                return answer(session, &heard, text).await;
            }
            asked
        }
        _ => None,
    };
    drop(document);
    if let Some(data) = data {
        session.standing.push(Some("message"), &data).await;
    }
}

/// A modern member's notification without the mark of our own subscription.
fn unmarked(text: &[u8], message: Message<'_>) -> Vec<u8> {
    let mut edits = Edits::default();
    if let Some(meta) = message.params().and_then(|params| params.get("_meta")) {
        edits.drop_members(text, meta, &[meta::SUBSCRIPTION]);
    }
    edits.apply(text)
}

async fn answer(session: &Session, heard: &Heard, text: String) {
    let letter = Letter {
        body: text.into(),
        headers: http::HeaderMap::new(),
    };
    // A member that is not there to hear it will ask again, or not.
    let _ = heard
        .link
        .post(&session.circle.bearer(), &heard.opened, letter)
        .await;
}

/// A subscription to a modern member's resource: there it is part of what is listened to. True when
/// nothing else is to be done about the request.
pub(super) async fn subscribes(session: &Session, call: &Call, bearer: &Secret) -> bool {
    let on = match &*call.method {
        "resources/subscribe" => true,
        "resources/unsubscribe" => false,
        _ => return false,
    };
    let modern = call
        .link
        .open(bearer)
        .await
        .is_ok_and(|opened| opened.revision.is_modern());
    let Some(address) = call.address().filter(|_| modern) else {
        return false;
    };
    session.wanted.send_if_modified(|wanted| {
        let all = wanted
            .addresses
            .entry(call.link.member.clone())
            .or_default();
        if on {
            all.len() < UNION_ADDRESSES && all.insert(address)
        } else {
            all.remove(&address)
        }
    });
    true
}

/// Tells all members with a session from which severity on to log.
pub(super) async fn set_level(circle: &Circle, bearer: &Secret, level: &str) {
    let params = format!(r#""level":{}"#, super::edit::quoted(level));
    let tell = circle.links().into_iter().map(|link| {
        let params = params.clone();
        async move {
            let opened = link.open(bearer).await.ok();
            let logs = opened.is_some_and(|each| each.can("logging") && !each.revision.is_modern());
            if logs {
                // One that refuses logs as it did.
                let _ = link.ask(bearer, "logging/setLevel", &params).await;
            }
        }
    });
    join_all(tell).await;
}
