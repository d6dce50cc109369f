//! One JSON-RPC message: what it is, and where in its bytes stands what has to be told apart.
//!
//! A message is read once and then passed on as the bytes it came in as. Where several sessions
//! share a process, its id or token is replaced in place; nothing else in it changes.

use std::ops::Range;

use bytes::Bytes;

use crate::json::{JsonError, Keys, Kind as Json, Tape, Value};

/// A request's `params._meta`, a progress notification's `params`.
const TOKEN: &str = "progressToken";
/// Names the request that opened a subscription (revision 2026-07-28, Subscriptions).
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// It has a method and an id.
    Request,
    /// It has a method only.
    Notification,
    /// It has an id only.
    Response {
        /// An error, with its code where that is a whole number that fits.
        error: Option<i64>,
    },
}

/// Why a text holds no messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum NotAMessage {
    /// It is not JSON.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// It is JSON of another shape.
    #[error("no JSON-RPC message")]
    Shape,
}

/// A value that names a request: equal values are equal keys, however they are written.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Key(Box<str>);

impl Key {
    /// A number or a string; nothing else names anything.
    fn of(value: Value<'_>) -> Option<Key> {
        match value.kind() {
            Json::Number => Some(Key(value.raw().into())),
            Json::String => Some(Key(format!("\"{}", value.as_str()?).into())),
            _ => None,
        }
    }

    /// The value as JSON text.
    pub fn text(&self) -> String {
        match self.0.strip_prefix('"') {
            // A string's JSON text cannot fail; were it to, the quotes alone are valid.
            Some(text) => serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned()),
            None => self.0.to_string(),
        }
    }

    /// The key of a whole number.
    pub fn number(number: u64) -> Key {
        Key(number.to_string().into())
    }
}

/// A value that names something, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Name {
    pub key: Key,
    pub span: Range<usize>,
}

impl Name {
    fn of(value: Value<'_>, from: usize) -> Option<Name> {
        let span = value.span();
        Some(Name {
            key: Key::of(value)?,
            span: span.start - from..span.end - from,
        })
    }
}

/// A message, on one line.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// Its bytes. There is no line break in them.
    pub text: Bytes,
    /// What it is.
    pub kind: Kind,
    /// What it asks for; empty in a response.
    pub method: Box<str>,
    /// Its id.
    pub id: Option<Name>,
    /// The token that progress is, or shall be, told under.
    pub token: Option<Name>,
    /// The subscription that it belongs to.
    pub subscription: Option<Name>,
    /// The request that a cancellation is about.
    pub cancels: Option<Name>,
    /// The resource that it is about.
    pub uri: Option<Box<str>>,
    /// The revision that the answer to `initialize` settles on.
    pub settled: Option<Box<str>>,
}

/// Reads messages; keeps its memory.
#[derive(Default)]
pub(super) struct Reader(Tape);

impl Reader {
    /// The messages of a text: one, or those of an array. Says too whether it is an array.
    pub fn read(&mut self, text: &[u8]) -> Result<(Vec<Message>, bool), NotAMessage> {
        let document = self.0.parse(text, Keys::Distinct)?;
        let root = document.root();
        let is_array = root.kind() == Json::Array;
        // JSON allows a line break only between its tokens, where a space says the same.
        let to_space = |byte: &u8| {
            if matches!(byte, b'\n' | b'\r') {
                b' '
            } else {
                *byte
            }
        };
        let line = Bytes::from_iter(text.iter().map(to_space));
        let each = |value: Value<'_>| one(&line, value).ok_or(NotAMessage::Shape);
        let messages = if is_array {
            root.items().map(each).collect::<Result<Vec<_>, _>>()?
        } else {
            vec![each(root)?]
        };
        if messages.is_empty() {
            return Err(NotAMessage::Shape);
        }
        Ok((messages, is_array))
    }
}

fn one(line: &Bytes, value: Value<'_>) -> Option<Message> {
    let span = value.span();
    let from = span.start;
    let id = match value.get("id") {
        Some(id) => Some(Name::of(id, from)?),
        None => None,
    };
    let method = value.get("method");
    let kind = match (method, &id) {
        (Some(_), Some(_)) => Kind::Request,
        (Some(_), None) => Kind::Notification,
        (None, Some(_)) => response(value)?,
        (None, None) => return None,
    };
    let method = match method {
        Some(method) => method.as_str()?,
        None => "",
    };
    let params = value.get("params");
    let meta = params.and_then(|params| params.get("_meta"));
    let of_params = |name| Name::of(params?.get(name)?, from);
    let of_meta = |name| Name::of(meta?.get(name)?, from);
    Some(Message {
        kind,
        token: match kind {
            Kind::Notification => of_params(TOKEN),
            _ => of_meta(TOKEN),
        },
        subscription: of_meta(SUBSCRIPTION),
        cancels: (method == "notifications/cancelled")
            .then(|| of_params("requestId"))
            .flatten(),
        uri: params
            .and_then(|params| params.get("uri")?.as_str())
            .map(Box::from),
        settled: (value.get("result"))
            .and_then(|result| result.get("protocolVersion")?.as_str())
            .map(Box::from),
        method: method.into(),
        id,
        text: line.slice(span),
    })
}

/// Exactly one of `result` and `error`.
fn response(value: Value<'_>) -> Option<Kind> {
    match (value.get("result"), value.get("error")) {
        (Some(_), None) => Some(Kind::Response { error: None }),
        (None, Some(error)) => {
            let code = error.get("code").and_then(Value::number);
            let code = code.and_then(|code| code.parse().ok()).unwrap_or(0);
            Some(Kind::Response { error: Some(code) })
        }
        _ => None,
    }
}

impl Message {
    /// Whether it is a request of that method.
    pub fn is_request(&self, method: &str) -> bool {
        self.kind == Kind::Request && *self.method == *method
    }

    /// Whether it is a notification of that method.
    pub fn is_notification(&self, method: &str) -> bool {
        self.kind == Kind::Notification && *self.method == *method
    }

    /// The id as it is written.
    pub fn id_text(&self) -> Option<&str> {
        self.name_text(self.id.as_ref()?)
    }

    /// One of the names of this message, as it is written.
    pub fn name_text(&self, name: &Name) -> Option<&str> {
        std::str::from_utf8(self.text.get(name.span.clone())?).ok()
    }

    /// The bytes with some names replaced; the same bytes where there is nothing to replace.
    pub fn with(&self, edits: &[(&Name, &str)]) -> Bytes {
        if edits.is_empty() {
            return self.text.clone();
        }
        let mut edits: Vec<_> = edits.iter().collect();
        edits.sort_by_key(|(name, _)| name.span.start);
        let mut out = Vec::with_capacity(self.text.len() + 32);
        let mut at = 0;
        for (name, new) in edits {
            out.extend_from_slice(self.text.get(at..name.span.start).unwrap_or_default());
            out.extend_from_slice(new.as_bytes());
            at = name.span.end;
        }
        out.extend_from_slice(self.text.get(at..).unwrap_or_default());
        Bytes::from(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Message {
        let (mut messages, _) = Reader::default().read(text.as_bytes()).unwrap();
        assert_eq!(messages.len(), 1);
        messages.remove(0)
    }

    #[test]
    fn bytes_stay_but_for_what_is_replaced() {
        let text = r#" {"b":1, "id" : 12345678901234567890,"method":"tools/call","params":{"z":1e400,"_meta":{"progressToken":"\u0061"},"a":"\u00e9\/"}} "#;
        let message = read(text);
        assert_eq!(message.kind, Kind::Request);
        assert_eq!(message.text, text.trim());
        assert_eq!(message.id_text(), Some("12345678901234567890"));
        let (id, token) = (message.id.clone().unwrap(), message.token.clone().unwrap());
        assert_eq!(message.with(&[]), text.trim());
        let edited = message.with(&[(&token, "8"), (&id, "7")]);
        let want = text
            .replace("12345678901234567890", "7")
            .replace(r#""\u0061""#, "8");
        assert_eq!(edited, want.trim());
    }

    #[test]
    fn names_are_equal_by_value_and_kind() {
        let key = |text: &str| {
            read(&format!(r#"{{"id":{text},"result":{{}}}}"#))
                .id
                .unwrap()
                .key
        };
        assert_eq!(key(r#""\u0061""#), key(r#""a""#));
        assert_ne!(key(r#""1""#), key("1"));
        assert_eq!(key("17"), Key::number(17));
    }

    #[test]
    fn a_message_is_one_line() {
        let message = read("{\r\n \"method\": \"ping\",\n \"id\": \"a\\n\" }\n");
        assert_eq!(
            message.text,
            "{   \"method\": \"ping\",  \"id\": \"a\\n\" }"
        );
    }

    #[test]
    fn kinds_are_told_apart() {
        assert_eq!(read(r#"{"method":"a"}"#).kind, Kind::Notification);
        let failed = Kind::Response {
            error: Some(-32601),
        };
        assert_eq!(read(r#"{"id":1,"error":{"code":-32601}}"#).kind, failed);
        for bad in [
            "[]",
            "1",
            "{}",
            r#"{"id":1}"#,
            r#"{"id":null,"result":1}"#,
            r#"{"id":{},"method":"a"}"#,
            r#"{"method":1}"#,
            r#"{"id":1,"result":1,"error":{}}"#,
            r#"[{"method":"a"},1]"#,
            r#"{"id":1,"id":2,"method":"a"}"#,
            "starting up",
        ] {
            assert!(Reader::default().read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_items_of_an_array_are_messages_of_their_own() {
        let text = br#"[{"id":1,"method":"a"}, {"method":"notifications/cancelled","params":{"requestId":"x"}}]"#;
        let (messages, is_array) = Reader::default().read(text).unwrap();
        assert!(is_array && messages.len() == 2);
        assert_eq!(messages[0].text, r#"{"id":1,"method":"a"}"#);
        let cancels = messages[1].cancels.as_ref().unwrap();
        assert_eq!(messages[1].name_text(cancels), Some("\"x\""));
    }
}
