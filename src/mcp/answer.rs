//! What a server's message says: an answer, a notification, or a request to the client.
//!
//! Results hold whatever a server has to say, and pass as they are, however they are written. Only
//! what is looked for here must be there once, and in its common spelling.

use super::keys::{Found, Names};
use super::message::{ENVELOPE, id};
use crate::base::limits::{MCP_MESSAGES, MCP_METHOD_BYTES};
use crate::json::{self, JsonError, Keys, Tape, Value};

/// Reads servers' messages with memory that it keeps. One per core.
#[derive(Default)]
pub struct Answers(Tape);

/// The messages of one body or event.
#[derive(Debug)]
pub enum Said<'a> {
    /// One message.
    One(Answer<'a>),
    /// A batch (2025-03-26); the only thing here that allocates.
    Batch(Vec<Answer<'a>>),
}

/// One message of a server.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The id as it is written, quotes included.
    pub id: Option<&'a str>,
    /// What it says.
    pub what: What<'a>,
    whole: Value<'a>,
}

/// What a server's message says.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// The `result` of a request.
    Result(Value<'a>),
    /// The `error` that a request ended in.
    Error(Value<'a>),
    /// A request to the client, to be judged like a call.
    Request(Asked<'a>),
    /// A notification.
    Notification(Asked<'a>),
}

/// A method and its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a str,
    /// Its parameters.
    pub params: Option<Value<'a>>,
}

/// Why a server's message is not handed on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unreadable {
    /// No JSON.
    #[error("a server's message is not JSON: {0}")]
    Json(JsonError),
    /// No JSON-RPC message, or several in one.
    #[error("a server's message is not a JSON-RPC message")]
    Shape,
    /// A member name that could be read as one that means something, or is there twice.
    #[error("a server's message has a member name that can be read in two ways")]
    Key,
    /// Something in it asks the client for what cannot be told.
    #[error("a server asks for what cannot be told")]
    Asked,
    /// A list that is no array, or a change to one that did not come out as it should.
    #[error("a server's list cannot be read")]
    List,
}

/// What is looked for in results, and in the parameters of notifications about tasks.
const SUBJECT: Names<11> = Names::new([
    "resultType",
    "inputRequests",
    "requestState",
    "task",
    "tasks",
    "taskId",
    "tools",
    "prompts",
    "resources",
    "resourceTemplates",
    "cacheScope",
]);
const ASKED: Names<2> = Names::new(["method", "params"]);
const DATA: Names<1> = Names::new(["data"]);
const PAGES: Names<1> = Names::new(["elicitations"]);

impl Answers {
    /// A reader that has read nothing.
    #[must_use]
    pub fn new() -> Answers {
        Answers::default()
    }

    /// Reads a whole body, or the data of one event.
    pub fn read<'a>(&'a mut self, body: &'a [u8]) -> Result<Said<'a>, Unreadable> {
        let parsed = self.0.parse_value(body, Keys::Unchecked);
        let whole = parsed.map_err(Unreadable::Json)?;
        if whole.kind() != json::Kind::Array {
            return Answer::read(whole).map(Said::One);
        }
        if whole.items().nth(MCP_MESSAGES).is_some() {
            return Err(Unreadable::Shape);
        }
        let answers: Result<_, _> = whole.items().map(Answer::read).collect();
        answers.map(Said::Batch)
    }
}

impl<'a> Said<'a> {
    /// Every message, in order.
    #[must_use]
    pub fn answers(&self) -> &[Answer<'a>] {
        match self {
            Said::One(answer) => std::slice::from_ref(answer),
            Said::Batch(answers) => answers,
        }
    }
}

impl<'a> Answer<'a> {
    fn read(whole: Value<'a>) -> Result<Answer<'a>, Unreadable> {
        if whole.kind() != json::Kind::Object {
            return Err(Unreadable::Shape);
        }
        let [_, named, method, params, result, error] = plain(whole, &ENVELOPE)?;
        let known = named.filter(|value| !value.is_null());
        let what = match (method, result, error) {
            (None, Some(result), None) => What::Result(result),
            (None, None, Some(error)) => What::Error(error),
            (Some(method), None, None) => {
                let asked = Asked::new(method, params)?;
                if named.is_some() {
                    What::Request(asked)
                } else {
                    What::Notification(asked)
                }
            }
            _ => return Err(Unreadable::Shape),
        };
        let id = known.map(id).transpose().map_err(|_| Unreadable::Shape)?;
        let needs_id = matches!(what, What::Result(_) | What::Request(_));
        if needs_id && id.is_none() {
            return Err(Unreadable::Shape);
        }
        let answer = Answer { id, what, whole };
        if let Some(subject) = answer.subject() {
            plain(subject, &SUBJECT)?;
        }
        answer.check_embedded()?;
        Ok(answer)
    }

    /// What carries results: `result`, or what a notification tells.
    fn subject(&self) -> Option<Value<'a>> {
        match self.what {
            What::Result(result) => Some(result),
            What::Notification(told) => told.params,
            What::Error(_) | What::Request(_) => None,
        }
    }

    /// `resultType`; none in older revisions, where every result is complete.
    #[must_use]
    pub fn result_type(&self) -> Option<&'a str> {
        self.subject()?.get("resultType")?.as_str()
    }

    /// What the server asks the client for within this message, beside [`What::Request`]: the
    /// `inputRequests` of a result or of a task, and pages that an error sends the user to. Each has
    /// to be allowed like a request of its own.
    pub fn embedded(&self) -> impl Iterator<Item = Asked<'a>> {
        let requests = self.input_requests();
        let pages = self.pages().into_iter().flat_map(Value::items);
        let requests = requests.into_iter().flat_map(Value::members);
        let requests = requests.filter_map(|(_, asked)| Asked::embedded(asked).ok());
        requests.chain(pages.map(|page| Asked {
            method: "elicitation/create",
            params: Some(page),
        }))
    }

    fn input_requests(&self) -> Option<Value<'a>> {
        self.subject()?.get("inputRequests")
    }

    /// Where an error sends the user (2025-11-25, client/elicitation, "URL Elicitation Required
    /// Error"), whatever its code and however that is written.
    fn pages(&self) -> Option<Value<'a>> {
        match self.what {
            What::Error(error) => error.get("data")?.get("elicitations"),
            _ => None,
        }
    }

    /// Nothing that asks may be there without being seen by [`Answer::embedded`].
    fn check_embedded(&self) -> Result<(), Unreadable> {
        if let Some(requests) = self.input_requests() {
            if requests.kind() != json::Kind::Object {
                return Err(Unreadable::Asked);
            }
            for (_, asked) in requests.members() {
                Asked::embedded(asked)?;
            }
        }
        if let What::Error(error) = self.what {
            let [data] = plain(error, &DATA)?;
            data.map(|data| plain(data, &PAGES)).transpose()?;
        }
        let array = |pages: Value<'_>| pages.kind() == json::Kind::Array;
        if self.pages().is_none_or(array) {
            Ok(())
        } else {
            Err(Unreadable::Asked)
        }
    }

    /// `requestState`, which the client will send back as it is.
    #[must_use]
    pub fn request_state(&self) -> Option<Value<'a>> {
        self.subject()?.get("requestState")
    }

    /// The tasks that the message tells of: `taskId`, `task.taskId` or `tasks[].taskId`.
    pub fn tasks(&self) -> impl Iterator<Item = &'a str> {
        let subject = self.subject();
        let member = move |name: &str| subject.and_then(|subject| subject.get(name));
        let listed = member("tasks").into_iter().flat_map(Value::items);
        let tasks = subject.into_iter().chain(member("task")).chain(listed);
        tasks.filter_map(|task| task.get("taskId")?.as_str())
    }

    /// The whole message.
    #[must_use]
    pub fn whole(&self) -> Value<'a> {
        self.whole
    }
}

impl<'a> Asked<'a> {
    fn new(method: Value<'a>, params: Option<Value<'a>>) -> Result<Asked<'a>, Unreadable> {
        let method = method
            .as_str()
            .filter(|text| text.len() <= MCP_METHOD_BYTES);
        let method = method.ok_or(Unreadable::Asked)?;
        Ok(Asked { method, params })
    }

    fn embedded(asked: Value<'a>) -> Result<Asked<'a>, Unreadable> {
        let [method, params] = plain(asked, &ASKED)?;
        Asked::new(method.ok_or(Unreadable::Asked)?, params)
    }
}

fn plain<'a, const N: usize>(
    object: Value<'a>,
    names: &Names<N>,
) -> Result<Found<'a, N>, Unreadable> {
    names.of(object).map_err(|_| Unreadable::Key)
}

/// Whether two ids are the same, however each is written; both are JSON texts.
#[must_use]
pub fn same_id(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let escaped = one.contains('\\') || other.contains('\\');
    let text = |id: &str| {
        json::Document::parse(id.as_bytes())
            .ok()
            .and_then(|id| id.root().as_str().map(String::from))
    };
    escaped && text(one).is_some_and(|one| text(other) == Some(one))
}

/// Writes a JSON-RPC error at the end of `out`: an answer of the gateway's own. `id` is the id as it
/// was written; without one there is none in the error either. `data` is a JSON text or empty.
pub fn write_error(id: Option<&str>, code: i32, message: &str, data: &[u8], out: &mut Vec<u8>) {
    use std::io::Write as _;
    out.extend_from_slice(b"{\"jsonrpc\":\"2.0\"");
    if let Some(id) = id {
        out.extend_from_slice(b",\"id\":");
        out.extend_from_slice(id.as_bytes());
    }
    // Writing to a Vec does not fail.
    let _ = write!(out, ",\"error\":{{\"code\":{code},\"message\":");
    super::write_string(message, out);
    if !data.is_empty() {
        out.extend_from_slice(b",\"data\":");
        out.extend_from_slice(data);
    }
    out.extend_from_slice(b"}}");
}
