//! Callers of 2026-07-28: every request stands for itself.

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use super::Server;
use super::answers;
use super::begin::{Begun, begin};
use super::call::{Call, Lost};
use super::circle::Circle;
use super::feed;
use super::legacy::Caller;
use super::link::Profile;
use super::lists::{self, Kind};
use super::message::{Message, Shape};
use super::relay::Relay;
use super::welcome::Welcome;
use super::{listen, meta, parked};
use crate::base::limits::UNION_PROFILE_BYTES;
use crate::json::Document;

/// Requests that this revision has no more.
const GONE: [&str; 7] = [
    "initialize",
    "ping",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
    "tasks/list",
    "tasks/result",
];

/// The profile of a request of this era; `None` for one of another.
pub(super) fn profile(text: &[u8]) -> Option<Profile> {
    let document = Document::parse(text).ok()?;
    let params = document.root().get("params")?;
    meta::profile(params.get("_meta")?)
}

/// Answers a POST that says which revision it is of in its head or its body.
pub(super) async fn post(server: &Arc<Server>, caller: Caller, text: Bytes) -> Response {
    let Ok(document) = Document::parse(&text) else {
        return answers::refusal(StatusCode::BAD_REQUEST, "the body is no JSON");
    };
    let Some(message) = Message::of(document.root()) else {
        return answers::refusal(StatusCode::BAD_REQUEST, "the body is no JSON-RPC message");
    };
    let (id, method) = match message.shape {
        Shape::Request { id, method } => (id.raw().to_owned(), method.to_owned()),
        Shape::Notification { .. } => return answers::status(StatusCode::ACCEPTED),
        _ => {
            let why = "this revision has no requests to answer";
            return answers::refusal(StatusCode::BAD_REQUEST, why);
        }
    };
    let cursor = message
        .text_param("cursor")
        .and_then(|cursor| cursor.as_str());
    let cursor = cursor.map(str::to_owned);
    drop(document);
    let said = |profile: &Profile| {
        profile.capabilities.len() + profile.client.as_ref().map_or(0, String::len)
    };
    let profile = profile(&text).filter(|profile| said(profile) <= UNION_PROFILE_BYTES);
    let Some(profile) = profile else {
        let why = "`_meta` must say the protocol version and the client's capabilities";
        let said = answers::error(&id, answers::BAD_PARAMS, why);
        return answers::json(StatusCode::BAD_REQUEST, said);
    };
    let Some(circle) = server.memory(caller.principal, profile, &caller.bearer) else {
        return answers::status(StatusCode::SERVICE_UNAVAILABLE);
    };
    if let Some(kind) = Kind::of(&method).filter(|kind| *kind != Kind::Tasks) {
        let merged = lists::merged(&circle, kind, cursor.as_deref(), &caller.bearer).await;
        return answers::json(StatusCode::OK, lists::answer(&id, merged, true));
    }
    match &*method {
        "server/discover" => {
            let welcome = Welcome::of(server.name(), &circle, &caller.bearer).await;
            answers::json(StatusCode::OK, answers::result(&id, &welcome.discovered()))
        }
        "subscriptions/listen" => listen::answer(server, &circle, &caller, &id, &text).await,
        gone if GONE.contains(&gone) => lost(&id, Lost::Method),
        _ => call(circle, caller, &id, text).await,
    }
}

async fn call(circle: Arc<Circle>, caller: Caller, id: &str, text: Bytes) -> Response {
    let headers = params(&caller.headers);
    let call = match Call::read(&circle, &caller.bearer, text, headers, true).await {
        Ok(call) => call,
        Err(why) => return lost(id, why),
    };
    if parked::is_continuation(&call) {
        return match circle.parking.take_up(&call, caller.bearer).await {
            Some(relay) => stream(relay),
            None => {
                let why = "the request that this goes on with is here no more";
                answers::json(StatusCode::OK, answers::error(id, answers::BAD_PARAMS, why))
            }
        };
    }
    let member = call.link.member.clone();
    match begin(circle, Arc::new(call), None, caller.bearer).await {
        Ok(Begun::Stream(relay)) => stream(relay),
        Ok(Begun::Answered(answered)) => {
            let mut response = answers::json(answered.status, answered.text);
            response.headers_mut().extend(answered.headers);
            response
        }
        Err(why) => answers::json(StatusCode::OK, answers::away(id, &member, &why)),
    }
}

fn lost(id: &str, why: Lost) -> Response {
    let (status, said) = answers::lost(id, why, true);
    answers::json(status, said)
}

/// The rest of a call as a stream. A call that waits for its caller's answer rests meanwhile.
fn stream(mut relay: Box<Relay>) -> Response {
    answers::stream(feed::body(|feed| async move {
        while let Some(event) = relay.next().await {
            if !feed.put(event.name.as_deref(), &event.data).await {
                return;
            }
        }
        if relay.paused.is_some() {
            let circle = relay.circle.clone();
            circle.parking.park(relay);
        }
    }))
}

/// The arguments that the caller repeated in its head.
fn params(headers: &HeaderMap) -> HeaderMap {
    let named = headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("mcp-param-"));
    named
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
