//! Callers of the session era: `initialize`, sessions, POST, GET and DELETE.

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::super::Principal;
use super::Server;
use super::answers;
use super::call::Call;
use super::circle::Circle;
use super::edit::Edits;
use super::link::{Letter, NEWEST_LEGACY, Opened, Profile};
use super::lists::{self, Kind};
use super::message::{Message, Shape, identifier};
use super::outlet::event_id;
use super::run::{self, Shared, Target};
use super::session::{Question, Session};
use super::standing;
use super::welcome::Welcome;
use super::wire::{LAST_EVENT, SESSION};
use crate::base::limits::{UNION_OPEN_TIME, UNION_PROFILE_BYTES};
use crate::base::secret::Secret;
use crate::json::{self, Document, Value};
use crate::mcp::Revision;

/// A caller and what it sent.
pub(super) struct Caller {
    pub(super) principal: Principal,
    pub(super) bearer: Secret,
    pub(super) headers: HeaderMap,
}

/// Answers a POST.
pub(super) async fn post(server: &Arc<Server>, caller: Caller, text: Bytes) -> Response {
    let Ok(document) = Document::parse(&text) else {
        return answers::refusal(StatusCode::BAD_REQUEST, "the body is no JSON");
    };
    let root = document.root();
    if root.kind() == json::Kind::Array {
        let parts: Vec<Bytes> = root.items().map(|each| text.slice(each.span())).collect();
        drop(document);
        return batch(server, &caller, parts).await;
    }
    let Some(message) = Message::of(root) else {
        return answers::refusal(StatusCode::BAD_REQUEST, "the body is no JSON-RPC message");
    };
    if message.method() == Some("initialize") && message.id().is_some() {
        let asked = initialization(message);
        let id = message
            .id()
            .map(|id| id.raw().to_owned())
            .unwrap_or_default();
        drop(document);
        return initialize(server, caller, &id, asked).await;
    }
    let is_request = message.id().is_some();
    drop(document);
    let session = match find(server, &caller) {
        Ok(session) => session,
        Err(why) => return why.refusal(),
    };
    if is_request {
        request(server, &session, &caller, text).await
    } else {
        told(&session, &caller, &text).await
    }
}

/// Answers a GET: the standing stream, or a stream from after an event.
pub(super) fn get(server: &Arc<Server>, caller: &Caller) -> Response {
    let session = match find(server, caller) {
        Ok(session) => session,
        Err(why) => return why.refusal(),
    };
    let after = match caller.headers.get(&LAST_EVENT).map(HeaderValue::to_str) {
        None => None,
        Some(text) => match text.ok().and_then(event_id) {
            Some(after) => Some(after),
            None => return answers::refusal(StatusCode::BAD_REQUEST, "no event has this id"),
        },
    };
    let (stream, event) = after.map_or((0, None), |(stream, event)| (stream, Some(event)));
    let body = session.outlet(stream).and_then(|outlet| outlet.read(event));
    let Some(body) = body else {
        return answers::refusal(StatusCode::BAD_REQUEST, "that event is not here any more");
    };
    if stream == 0 && !session.is_watched() {
        standing::begin(&session);
    }
    answers::stream(body)
}

/// Answers a DELETE: the session is over, and so are those with the members.
pub(super) async fn delete(server: &Arc<Server>, caller: &Caller) -> Response {
    let session = match find(server, caller) {
        Ok(session) => session,
        Err(why) => return why.refusal(),
    };
    server.remove(&session.id);
    session.end();
    session.circle.close(UNION_OPEN_TIME).await;
    answers::status(StatusCode::OK)
}

/// Why a request has no session.
enum NoSession {
    Unnamed,
    Unknown,
}

impl NoSession {
    fn refusal(self) -> Response {
        match self {
            NoSession::Unnamed => answers::refusal(StatusCode::BAD_REQUEST, "no session is named"),
            NoSession::Unknown => {
                answers::refusal(StatusCode::NOT_FOUND, "there is no such session")
            }
        }
    }
}

/// The caller's session: its own only, another principal's is as good as none.
fn find(server: &Server, caller: &Caller) -> Result<Arc<Session>, NoSession> {
    let Some(id) = caller.headers.get(&SESSION) else {
        return Err(NoSession::Unnamed);
    };
    let found = id.to_str().ok().and_then(|id| server.session(id));
    let Some(session) = found.filter(|session| session.principal == caller.principal) else {
        return Err(NoSession::Unknown);
    };
    session.touch();
    session.circle.shown(&caller.bearer);
    Ok(session)
}

/// What `initialize` says of the caller; `None` when it does not say it as it must.
fn initialization(message: Message<'_>) -> Option<Profile> {
    let params = message.params()?;
    let named = params.get("protocolVersion")?.as_str()?;
    let revision = Revision::parse(named.as_bytes()).unwrap_or(NEWEST_LEGACY);
    let said = |name| {
        params
            .get(name)
            .filter(|value: &Value<'_>| value.kind() == json::Kind::Object)
    };
    let capabilities = said("capabilities").map_or("{}", |value| value.raw());
    let client = said("clientInfo").map(|value| value.raw().to_owned());
    let size = capabilities.len() + client.as_ref().map_or(0, String::len);
    (size <= UNION_PROFILE_BYTES).then(|| Profile {
        revision: revision.min(NEWEST_LEGACY),
        capabilities: capabilities.to_owned(),
        client,
    })
}

async fn initialize(
    server: &Arc<Server>,
    caller: Caller,
    id: &str,
    profile: Option<Profile>,
) -> Response {
    let Some(profile) = profile else {
        let why = "the parameters of `initialize` are not what they must be";
        return answers::json(StatusCode::OK, answers::error(id, answers::BAD_PARAMS, why));
    };
    let asked = profile.revision;
    let Some(circle) = server.circle(profile, caller.bearer.clone()) else {
        return answers::status(StatusCode::SERVICE_UNAVAILABLE);
    };
    let welcome = Welcome::of(server.name(), &circle, &caller.bearer).await;
    let revision = welcome.revision(asked);
    let Some(session) = server.add(caller.principal, revision, circle) else {
        return answers::status(StatusCode::SERVICE_UNAVAILABLE);
    };
    let result = answers::result(id, &welcome.initialized(revision));
    let mut response = answers::json(StatusCode::OK, result);
    if let Ok(session) = HeaderValue::from_str(&session.id) {
        response.headers_mut().insert(SESSION, session);
    }
    response
}

/// Several messages as one array, which the oldest revision has: their answers share a stream.
async fn batch(server: &Arc<Server>, caller: &Caller, parts: Vec<Bytes>) -> Response {
    let session = match find(server, caller) {
        Ok(session) if session.revision.has_batches() => session,
        Ok(_) => {
            let why = "this revision has no arrays of messages";
            return answers::refusal(StatusCode::BAD_REQUEST, why);
        }
        Err(why) => return why.refusal(),
    };
    // The stream is over when the last answer is in it.
    let shared = Arc::new(Shared(session.open_outlet()));
    let mut answered = 0;
    for part in parts {
        let document = Document::parse(&part).ok();
        let message = document.as_ref().and_then(|part| Message::of(part.root()));
        let Some(message) = message else {
            return answers::refusal(StatusCode::BAD_REQUEST, "the array holds no messages only");
        };
        let is_request = message.id().is_some();
        drop(document);
        if is_request {
            answered += 1;
            part_of_batch(server, &session, caller, part, &shared).await;
        } else {
            told(&session, caller, &part).await;
        }
    }
    match shared.0.read(None).filter(|_| answered > 0) {
        Some(body) => answers::stream(body),
        None => answers::status(StatusCode::ACCEPTED),
    }
}

async fn part_of_batch(
    server: &Arc<Server>,
    session: &Arc<Session>,
    caller: &Caller,
    text: Bytes,
    shared: &Arc<Shared>,
) {
    let said = match own(server, session, caller, &text).await {
        Some(said) => Some(said),
        None => match read(session, caller, &text).await {
            Ok(call) => {
                let (id, bearer) = (call.id.clone(), caller.bearer.clone());
                let target = Target::Shared(shared.clone());
                let started = run::start(session, call, bearer, target);
                (!started).then(|| run::too_many(&id).into_bytes())
            }
            Err(said) => Some(said.into_bytes()),
        },
    };
    if let Some(said) = said {
        shared.0.push(Some("message"), &said).await;
    }
}

/// A call to a member; or what is answered without one.
async fn read(session: &Arc<Session>, caller: &Caller, text: &Bytes) -> Result<Call, String> {
    let none = HeaderMap::new();
    let call = Call::read(&session.circle, &caller.bearer, text.clone(), none, false).await;
    let call = call.map_err(|why| answers::lost(&id_of(text), why, false).1)?;
    if standing::subscribes(session, &call, &caller.bearer).await {
        return Err(answers::result(&call.id, "{}"));
    }
    Ok(call)
}

async fn request(
    server: &Arc<Server>,
    session: &Arc<Session>,
    caller: &Caller,
    text: Bytes,
) -> Response {
    if let Some(said) = own(server, session, caller, &text).await {
        return answers::json(StatusCode::OK, said);
    }
    match read(session, caller, &text).await {
        Ok(call) => run::answer(session, call, caller.bearer.clone()).await,
        Err(said) => answers::json(StatusCode::OK, said),
    }
}

/// What the union answers itself.
async fn own(
    server: &Arc<Server>,
    session: &Session,
    caller: &Caller,
    text: &[u8],
) -> Option<Vec<u8>> {
    let document = Document::parse(text).ok()?;
    let message = Message::of(document.root())?;
    let (id, method) = (message.id()?.raw().to_owned(), message.method()?.to_owned());
    let param = |name| Some(message.text_param(name)?.as_str()?.to_owned());
    let (cursor, level) = (param("cursor"), param("level"));
    drop(document);
    if let Some(kind) = Kind::of(&method) {
        let merged = lists::merged(&session.circle, kind, cursor.as_deref(), &caller.bearer).await;
        return Some(lists::answer(&id, merged, false));
    }
    match &*method {
        "ping" => Some(answers::result(&id, "{}").into_bytes()),
        "server/discover" => {
            let welcome = Welcome::of(server.name(), &session.circle, &caller.bearer).await;
            Some(answers::result(&id, &welcome.discovered()).into_bytes())
        }
        "logging/setLevel" => {
            let level = level.filter(|level| level.len() <= 16);
            let Some(level) = level else {
                return Some(answers::error(&id, answers::BAD_PARAMS, "no level").into_bytes());
            };
            standing::set_level(&session.circle, &caller.bearer, &level).await;
            Some(answers::result(&id, "{}").into_bytes())
        }
        _ => None,
    }
}

fn id_of(text: &[u8]) -> String {
    let document = Document::parse(text).ok();
    let id = document.as_ref().and_then(|text| text.root().get("id"));
    id.map_or_else(|| "null".to_owned(), |id| id.raw().to_owned())
}

/// A notification or an answer of the caller.
async fn told(session: &Arc<Session>, caller: &Caller, text: &[u8]) -> Response {
    let accepted = answers::status(StatusCode::ACCEPTED);
    let document = Document::parse(text).ok();
    let Some(message) = document.as_ref().and_then(|text| Message::of(text.root())) else {
        return answers::refusal(StatusCode::BAD_REQUEST, "the body is no JSON-RPC message");
    };
    let send = match message.shape {
        Shape::Notification { method } => match method {
            "notifications/initialized" => return accepted,
            "notifications/cancelled" => cancelled(session, text, message),
            "notifications/progress" => session
                .progressed(text, message)
                .map(|(link, opened, text)| (link, Some(opened), text)),
            _ => {
                let text = Bytes::copy_from_slice(text);
                drop(document);
                tell_all(&session.circle, &caller.bearer, text).await;
                return accepted;
            }
        },
        _ => match session.answered(message) {
            Some(Question::Member {
                link, opened, id, ..
            }) => {
                let mut edits = Edits::default();
                if let Some(ours) = message.answers() {
                    edits.replace(ours.span(), id);
                }
                Some((link, Some(opened), edits.apply(text)))
            }
            Some(Question::Ours(to)) => {
                // A call that was cancelled does not want it any more.
                let _ = to.send(Bytes::copy_from_slice(text));
                None
            }
            None => return answers::refusal(StatusCode::BAD_REQUEST, "nobody asked for this"),
        },
    };
    drop(document);
    let Some((link, opened, text)) = send else {
        return accepted;
    };
    let opened = match opened {
        Some(opened) => Ok(opened),
        None => link.open(&caller.bearer).await,
    };
    if let Ok(opened) = opened {
        let letter = Letter {
            body: text.into(),
            headers: HeaderMap::new(),
        };
        // What wants no answer has none, whether or not the member was there to hear it.
        let _ = link.post(&caller.bearer, &opened, letter).await;
    }
    accepted
}

type Sent = (Arc<super::link::Link>, Option<Arc<Opened>>, Vec<u8>);

/// The caller cancels a call: its member knows it by another id. A modern member has no such
/// notification; there the end of the stream says it.
fn cancelled(session: &Session, text: &[u8], message: Message<'_>) -> Option<Sent> {
    let id = identifier(message.params()?.get("requestId")?)?;
    let running = session.call(id.raw())?;
    let opened = running.link.opened()?;
    if opened.revision.is_modern() {
        running.abort.abort();
        return None;
    }
    session.ended(id.raw(), running.first);
    let mut edits = Edits::default();
    edits.replace(id.span(), running.own.to_string());
    Some((running.link, Some(opened), edits.apply(text)))
}

/// Tells all members with a session something.
async fn tell_all(circle: &Circle, bearer: &Secret, text: Bytes) {
    for link in circle.links() {
        if let Some(opened) = link.opened().filter(|opened| !opened.revision.is_modern()) {
            let letter = Letter {
                body: text.clone(),
                headers: HeaderMap::new(),
            };
            // The same as for one.
            let _ = link.post(bearer, &opened, letter).await;
        }
    }
}
