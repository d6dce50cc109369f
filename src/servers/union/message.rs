//! What one JSON-RPC message says, as far as a union must know.

use bytes::Bytes;

use crate::base::limits::UNION_ID_BYTES;
use crate::json::{Document, Kind, Value};

/// One message, in the text it stands in.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    /// The whole message.
    pub(super) root: Value<'a>,
    /// Which of the four it is.
    pub(super) shape: Shape<'a>,
}

/// What a message is.
#[derive(Clone, Copy)]
pub(super) enum Shape<'a> {
    /// Wants an answer with this id.
    Request { id: Value<'a>, method: &'a str },
    /// Wants none.
    Notification { method: &'a str },
    /// A good answer.
    Result { id: Value<'a>, result: Value<'a> },
    /// A bad one; without an id when what was asked could not be read.
    Error { id: Option<Value<'a>> },
}

impl<'a> Message<'a> {
    /// Reads a message; `None` for what is none.
    pub(super) fn of(root: Value<'a>) -> Option<Message<'a>> {
        if root.get("jsonrpc")?.as_str() != Some("2.0") {
            return None;
        }
        let id = match root.get("id") {
            Some(id) if id.is_null() => None,
            Some(id) => Some(identifier(id)?),
            None => None,
        };
        let shape = match (root.get("method"), id) {
            (Some(method), Some(id)) => Shape::Request {
                id,
                method: method.as_str()?,
            },
            (Some(method), None) => Shape::Notification {
                method: method.as_str()?,
            },
            (None, id) => match (root.get("result"), id) {
                (Some(result), Some(id)) => Shape::Result { id, result },
                (Some(_), None) => return None,
                (None, id) => root.get("error").map(|_| Shape::Error { id })?,
            },
        };
        Some(Message { root, shape })
    }

    /// The parameters, when there are any.
    pub(super) fn params(self) -> Option<Value<'a>> {
        self.root.get("params")
    }

    /// What is asked or told.
    pub(super) fn method(self) -> Option<&'a str> {
        match self.shape {
            Shape::Request { method, .. } | Shape::Notification { method } => Some(method),
            Shape::Result { .. } | Shape::Error { .. } => None,
        }
    }

    /// The id of a request.
    pub(super) fn id(self) -> Option<Value<'a>> {
        match self.shape {
            Shape::Request { id, .. } => Some(id),
            _ => None,
        }
    }

    /// A string among the parameters.
    pub(super) fn text_param(self, name: &str) -> Option<Value<'a>> {
        string(self.params()?.get(name)?)
    }

    /// The `progressToken` of a request.
    pub(super) fn progress_token(self) -> Option<Value<'a>> {
        let meta = self.params()?.get("_meta")?;
        identifier(meta.get("progressToken")?)
    }

    /// The code of a bad answer.
    pub(super) fn code(self) -> Option<i64> {
        self.root.get("error")?.get("code")?.number()?.parse().ok()
    }

    /// The id of an answer.
    pub(super) fn answers(self) -> Option<Value<'a>> {
        match self.shape {
            Shape::Result { id, .. } => Some(id),
            Shape::Error { id } => id,
            Shape::Request { .. } | Shape::Notification { .. } => None,
        }
    }
}

/// The messages of a text: one, or in the oldest revision those of an array.
pub(super) fn parts(text: Bytes) -> Vec<Bytes> {
    if !text.trim_ascii_start().starts_with(b"[") {
        return vec![text];
    }
    let Ok(document) = Document::parse(&text) else {
        return Vec::new();
    };
    let parts = document.root().items().map(|part| text.slice(part.span()));
    parts.collect()
}

/// The value, if it is a string.
pub(super) fn string(value: Value<'_>) -> Option<Value<'_>> {
    (value.kind() == Kind::String).then_some(value)
}

/// The value, if it can be an id or a token: a string or a number, and not a long one.
pub(super) fn identifier(value: Value<'_>) -> Option<Value<'_>> {
    let fits = value.span().len() <= UNION_ID_BYTES;
    (fits && matches!(value.kind(), Kind::String | Kind::Number)).then_some(value)
}
