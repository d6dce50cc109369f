//! One JSON-RPC message of a caller, and what rules match of it.

use super::keys::{Found, Names};
use super::objection::Objection;
use crate::base::limits::{MCP_ID_BYTES, MCP_METHOD_BYTES, MCP_NAME_BYTES};
use crate::json::{self, Value};

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It has a method and an id, and is answered.
    Request,
    /// It has a method and no id.
    Notification,
    /// It answers a request that the server sent.
    Response,
}

/// One message that is whole: whoever reads it reads the same in it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// What it is.
    pub kind: Kind,
    /// The method, which every request and notification has.
    pub method: Option<&'a str>,
    /// The id as it is written, quotes included. None in notifications, and in errors of a client
    /// that could not tell which request they answer.
    pub id: Option<&'a str>,
    /// What rules match beside the method: the name of a tool or prompt, a resource's URI, a task's
    /// id, what a completion is for, a log level.
    pub name: Option<&'a str>,
    /// `params`, an object.
    pub params: Option<Value<'a>>,
    /// `params.arguments`, an object.
    pub arguments: Option<Value<'a>>,
    /// `params.requestState`, a string.
    pub request_state: Option<Value<'a>>,
    /// Whether the caller wants to be told of progress.
    pub progress_token: bool,
    whole: Value<'a>,
}

/// Members of a message, and those that are looked for in `params`, `_meta` and `ref`.
pub(super) const ENVELOPE: Names<6> =
    Names::new(["jsonrpc", "id", "method", "params", "result", "error"]);
const PARAMS: Names<16> = Names::new([
    "_meta",
    "name",
    "uri",
    "arguments",
    "taskId",
    "task",
    "requestState",
    "inputResponses",
    "ref",
    "argument",
    "level",
    "protocolVersion",
    "notifications",
    "requestId",
    "progressToken",
    "cursor",
]);
const META: Names<3> = Names::new([META_VERSION, META_CAPABILITIES, "progressToken"]);
const REFERENCE: Names<3> = Names::new(["type", "name", "uri"]);
const SUBSCRIPTIONS: Names<1> = Names::new(["resourceSubscriptions"]);

/// The members of `_meta` that 2026-07-28 asks of every request.
pub(super) const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
pub(super) const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

impl<'a> Message<'a> {
    /// Reads one message of a caller.
    pub(super) fn read(whole: Value<'a>) -> Result<Message<'a>, Objection> {
        if whole.kind() != json::Kind::Object {
            return Err(Objection::NotAMessage);
        }
        let found = plain(whole, &ENVELOPE)?;
        let [version, _, method, ..] = found;
        if version.and_then(Value::as_str) != Some("2.0") {
            return Err(Objection::Jsonrpc);
        }
        match method {
            Some(method) => Message::asking(whole, method, found),
            None => Message::answering(whole, found),
        }
    }

    fn asking(
        whole: Value<'a>,
        method: Value<'a>,
        [_, named, _, params, result, error]: Found<'a, 6>,
    ) -> Result<Message<'a>, Objection> {
        if result.is_some() || error.is_some() {
            return Err(Objection::Shape);
        }
        let visible = |text: &&str| text.bytes().all(|byte| byte.is_ascii_graphic());
        let method = method
            .as_str()
            .filter(|text| (1..=MCP_METHOD_BYTES).contains(&text.len()))
            .filter(visible)
            .ok_or(Objection::Method)?;
        let id = named.map(id).transpose()?;
        let params = object(params, Objection::Params)?;
        let mut message = Message {
            kind: if id.is_some() {
                Kind::Request
            } else {
                Kind::Notification
            },
            method: Some(method),
            id,
            name: None,
            params,
            arguments: None,
            request_state: None,
            progress_token: false,
            whole,
        };
        if let Some(params) = params {
            message.read_params(params)?;
        }
        message.name = message.find_name(method)?;
        Ok(message)
    }

    fn read_params(&mut self, params: Value<'a>) -> Result<(), Objection> {
        let [meta, _, _, arguments, _, _, request_state, ..] = plain(params, &PARAMS)?;
        let arguments = arguments.filter(|value| !value.is_null());
        self.arguments = object(arguments, Objection::Arguments)?;
        self.request_state = request_state;
        if self
            .request_state
            .is_some_and(|state| state.as_str().is_none())
        {
            return Err(Objection::RequestState);
        }
        if let Some(meta) = object(meta, Objection::Meta)? {
            let [.., progress_token] = plain(meta, &META)?;
            self.progress_token = progress_token.is_some();
        }
        Ok(())
    }

    /// A response: an id, and exactly one of result and error.
    fn answering(
        whole: Value<'a>,
        [_, named, _, params, result, error]: Found<'a, 6>,
    ) -> Result<Message<'a>, Objection> {
        let said = match (result, error) {
            (Some(one), None) | (None, Some(one)) => one,
            _ => return Err(Objection::Shape),
        };
        if params.is_some() || said.kind() != json::Kind::Object {
            return Err(Objection::Shape);
        }
        // An error may come without an id, when the client could not read which it was.
        let nameless = named.is_none_or(Value::is_null);
        let id = match named {
            _ if nameless && error.is_some() => None,
            Some(value) => Some(id(value)?),
            None => return Err(Objection::Id),
        };
        Ok(Message {
            kind: Kind::Response,
            method: None,
            id,
            name: None,
            params: None,
            arguments: None,
            request_state: None,
            progress_token: false,
            whole,
        })
    }

    /// What the method is about. A method that MCP defines names it in one place, and must; of any
    /// other the place is a guess, and no rule can rely on it.
    fn find_name(&self, method: &str) -> Result<Option<&'a str>, Objection> {
        let params = self.params;
        let member = |name: &str| params.and_then(|params| params.get(name));
        let name = match method {
            "tools/call" | "prompts/get" => text(member("name"))?,
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
                text(member("uri"))?
            }
            "tasks/get" | "tasks/result" | "tasks/cancel" | "tasks/update" => {
                text(member("taskId"))?
            }
            "logging/setLevel" => text(member("level"))?,
            "completion/complete" => text(member("ref").map(referred).transpose()?.flatten())?,
            "subscriptions/listen" => {
                self.check_subscriptions()?;
                return Ok(None);
            }
            _ => {
                let guess = ["name", "uri", "taskId"].into_iter().find_map(member);
                return guess.map(|value| text(Some(value))).transpose();
            }
        };
        Ok(Some(name))
    }

    /// The resources that a `subscriptions/listen` asks to be told of; each has to be allowed by
    /// itself.
    pub fn subscriptions(&self) -> impl Iterator<Item = &'a str> {
        let listens = self.method == Some("subscriptions/listen");
        let params = self.params.filter(|_| listens);
        let filter = params.and_then(|params| params.get("notifications"));
        let list = filter.and_then(|filter| filter.get("resourceSubscriptions"));
        list.into_iter()
            .flat_map(Value::items)
            .filter_map(Value::as_str)
    }

    fn check_subscriptions(&self) -> Result<(), Objection> {
        let filter = self.params.and_then(|params| params.get("notifications"));
        let Some(filter) = object(filter, Objection::Params)? else {
            return Ok(());
        };
        let [Some(list)] = plain(filter, &SUBSCRIPTIONS)? else {
            return Ok(());
        };
        if list.kind() != json::Kind::Array {
            return Err(Objection::Name);
        }
        list.items().try_for_each(|uri| text(Some(uri)).map(drop))
    }

    /// `params._meta`, an object.
    #[must_use]
    pub fn meta(&self) -> Option<Value<'a>> {
        self.params?.get("_meta")
    }

    /// Where the message stands in the body, and what else is in it.
    #[must_use]
    pub fn whole(&self) -> Value<'a> {
        self.whole
    }

    /// Whether it is a request to `initialize`, which starts a session of the older revisions
    /// whatever header it comes under.
    #[must_use]
    pub fn is_initialize(&self) -> bool {
        self.kind == Kind::Request && self.method == Some("initialize")
    }
}

fn plain<'a, const N: usize>(
    object: Value<'a>,
    names: &Names<N>,
) -> Result<Found<'a, N>, Objection> {
    names.of(object).map_err(|_| Objection::KeyVariant)
}

fn object(value: Option<Value<'_>>, objection: Objection) -> Result<Option<Value<'_>>, Objection> {
    let is_object = |value: Value<'_>| value.kind() == json::Kind::Object;
    if value.is_none_or(is_object) {
        Ok(value)
    } else {
        Err(objection)
    }
}

/// An id as it is written. Whole numbers only (2025-06-18 and later, basic/index, "Requests"), and
/// plainly written ones: `1.0` and `1e0` are 1 to some.
pub(super) fn id(value: Value<'_>) -> Result<&str, Objection> {
    let whole = |number: &str| {
        number
            .bytes()
            .all(|byte| matches!(byte, b'-' | b'0'..=b'9'))
    };
    let good = match value.kind() {
        json::Kind::String => true,
        json::Kind::Number => value.number().is_some_and(whole),
        _ => false,
    };
    let raw = value.raw();
    if good && raw.len() <= MCP_ID_BYTES {
        Ok(raw)
    } else {
        Err(Objection::Id)
    }
}

fn text(value: Option<Value<'_>>) -> Result<&str, Objection> {
    value
        .and_then(Value::as_str)
        .filter(|text| text.len() <= MCP_NAME_BYTES)
        .ok_or(Objection::Name)
}

/// What a completion is for: its `type` says which member names it.
fn referred(reference: Value<'_>) -> Result<Option<Value<'_>>, Objection> {
    let [kind, name, uri] = plain(reference, &REFERENCE)?;
    Ok(match kind.and_then(Value::as_str) {
        Some("ref/prompt") => name,
        Some("ref/resource") => uri,
        _ => None,
    })
}
