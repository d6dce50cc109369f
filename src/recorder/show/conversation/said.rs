//! One message of JSON-RPC, in words.

use crate::json::{Keys, Kind, Tape, Value};

/// What a message says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Said {
    /// In a few words: the method and whom it is about, or what came of it.
    pub head: String,
    /// The particulars, one on a line.
    pub lines: Vec<String>,
    /// The message itself on one line; JSON but for events that are none.
    pub message: String,
}

/// Results that are lists, and how their items are called.
const LISTS: [(&str, &str); 4] = [
    ("tools", "name"),
    ("prompts", "name"),
    ("resources", "uri"),
    ("resourceTemplates", "uriTemplate"),
];

impl Said {
    /// Reads a message or an array of them.
    ///
    /// # Errors
    /// Why it is not JSON-RPC.
    pub fn read(body: &[u8]) -> Result<Vec<Said>, String> {
        let mut tape = Tape::new();
        // What passed is shown as it was, whatever its names.
        let read = tape.parse_value(body, Keys::Unchecked);
        let value = read.map_err(|error| format!("it is not JSON: {error}"))?;
        let is_message = |value: &Value<'_>| value.get("jsonrpc").is_some();
        let messages: Vec<_> = match value.kind() {
            Kind::Array => value.items().collect(),
            _ => vec![value],
        };
        if messages.is_empty() || !messages.iter().all(is_message) {
            return Err("it is not JSON-RPC".to_owned());
        }
        Ok(messages.into_iter().map(Said::of).collect())
    }

    /// An event without a message.
    pub fn event(what: &str, id: Option<&[u8]>) -> Said {
        let id = id.map(|id| format!(", id {}", String::from_utf8_lossy(id)));
        let head = format!("event {what}{}", id.unwrap_or_default());
        Said {
            message: quoted(&head),
            head,
            lines: Vec::new(),
        }
    }

    /// An event whose data is something else.
    pub fn named(name: Option<&[u8]>, data: &[u8]) -> Said {
        let name = String::from_utf8_lossy(name.unwrap_or(b"message")).into_owned();
        let data = String::from_utf8_lossy(data).into_owned();
        Said {
            head: format!("event {name}"),
            message: quoted(&data),
            lines: vec![data],
        }
    }

    fn of(message: Value<'_>) -> Said {
        let mut lines = Vec::new();
        let id = message.get("id").map(|id| format!(" #{}", compact(id)));
        let id = id.unwrap_or_default();
        let head = if let Some(method) = text(message, "method") {
            format!("{}{id}", asked(method, message.get("params"), &mut lines))
        } else if let Some(error) = message.get("error") {
            let code = error.get("code").map(compact).unwrap_or_default();
            lines.extend(text(error, "message").map(str::to_owned));
            lines.extend(error.get("data").map(compact));
            format!("error {code}{id}")
        } else if let Some(result) = message.get("result") {
            format!("{}{id}", answered(result, &mut lines))
        } else {
            format!("message{id}")
        };
        Said {
            head,
            lines,
            message: compact(message),
        }
    }
}

/// A request or a notification: its method, and whom it is about.
fn asked(method: &str, params: Option<Value<'_>>, lines: &mut Vec<String>) -> String {
    let Some(params) = params else {
        return method.to_owned();
    };
    let named = ["name", "uri", "taskId"];
    let name = named.iter().find_map(|name| text(params, name));
    let of_tool = matches!(method, "tools/call" | "prompts/get");
    match params.get("arguments").filter(|_| of_tool) {
        Some(arguments) => lines.push(compact(arguments)),
        None => {
            let told = |name: &str| name == "_meta" || (named.contains(&name));
            let mut rest = params.members().filter(|(name, _)| !told(name)).peekable();
            if rest.peek().is_some() {
                lines.extend(rest.map(|(name, value)| format!("{name}: {}", plain(value))));
            }
        }
    }
    match name {
        Some(name) => format!("{method} {name}"),
        None => method.to_owned(),
    }
}

/// A result: what kind of one.
fn answered(result: Value<'_>, lines: &mut Vec<String>) -> String {
    for (list, name) in LISTS {
        if let Some(items) = result.get(list).filter(|it| it.kind() == Kind::Array) {
            lines.extend(
                items
                    .items()
                    .filter_map(|item| text(item, name))
                    .map(str::to_owned),
            );
            return format!("{} {list}", items.items().count());
        }
    }
    if text(result, "resultType") == Some("input_required") {
        let requests = result.get("inputRequests");
        for (name, request) in requests.into_iter().flat_map(Value::members) {
            let method = text(request, "method").unwrap_or_default();
            let asked = asked(method, request.get("params"), lines);
            lines.push(format!("{name}: {asked}"));
        }
        return "input required".to_owned();
    }
    let content = result.get("content").or_else(|| result.get("contents"));
    if let Some(content) = content.or_else(|| result.get("messages")) {
        for item in content.items() {
            piece(item, lines);
        }
        if let Some(structured) = result.get("structuredContent") {
            lines.push(format!("structured: {}", compact(structured)));
        }
        return match result.get("isError").and_then(Value::as_bool) {
            Some(true) => "tool error".to_owned(),
            _ => "result".to_owned(),
        };
    }
    if let Some(server) = result.get("serverInfo") {
        let version = text(result, "protocolVersion").unwrap_or_default();
        lines.push(format!("{version} {}", compact(server)));
        return "result".to_owned();
    }
    let is_empty = result.members().all(|(name, _)| name == "_meta");
    if !is_empty || result.kind() != Kind::Object {
        lines.push(compact(result));
    }
    "result".to_owned()
}

/// A piece of content: of a tool's result, of a resource, of a prompt's messages.
fn piece(item: Value<'_>, lines: &mut Vec<String>) {
    if let (Some(role), Some(content)) = (text(item, "role"), item.get("content")) {
        lines.push(format!("{role}:"));
        return piece(content, lines);
    }
    if let Some(resource) = item.get("resource") {
        return piece(resource, lines);
    }
    let of = text(item, "uri").or_else(|| text(item, "mimeType"));
    if let Some(words) = text(item, "text") {
        lines.extend(of.map(|of| format!("{of}:")));
        lines.extend(words.lines().map(str::to_owned));
    } else if let Some(data) = text(item, "data").or_else(|| text(item, "blob")) {
        let (of, size) = (of.unwrap_or("data"), data.len());
        lines.push(format!("{of}: {size} characters of base64"));
    } else {
        lines.push(compact(item));
    }
}

fn text<'a>(value: Value<'a>, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

/// A text without its quotation marks, anything else as JSON.
fn plain(value: Value<'_>) -> String {
    value.as_str().map_or_else(|| compact(value), str::to_owned)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The value as it was written, without white space between its parts: one line, every number and
/// string to the letter.
fn compact(value: Value<'_>) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: Value<'_>, out: &mut String) {
    match value.kind() {
        Kind::Object => {
            out.push('{');
            for (index, (name, value)) in value.members().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                out.push_str(&quoted(name));
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
        Kind::Array => {
            out.push('[');
            for (index, item) in value.items().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write(item, out);
            }
            out.push(']');
        }
        _ => out.push_str(value.raw()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> (String, Vec<String>) {
        let all = Said::read(text.as_bytes()).unwrap();
        let [said] = <[Said; 1]>::try_from(all).unwrap();
        (said.head, said.lines)
    }

    #[test]
    fn every_kind_of_message_is_put_in_words() {
        for (message, head, lines) in [
            (
                r#"{"jsonrpc":"2.0","id":7,"method":"tools/call",
                    "params":{"name":"search","arguments":{"q": "x", "n": 12345678901234567890}}}"#,
                "tools/call search #7",
                &[r#"{"q":"x","n":12345678901234567890}"#][..],
            ),
            (
                r#"{"jsonrpc":"2.0","id":"a","method":"resources/read","params":{"uri":"file:///x"}}"#,
                "resources/read file:///x #\"a\"",
                &[],
            ),
            (
                r#"{"jsonrpc":"2.0","method":"notifications/progress",
                    "params":{"progressToken":1,"progress":3,"message":"half"}}"#,
                "notifications/progress",
                &["progressToken: 1", "progress: 3", "message: half"],
            ),
            (
                r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"a\nb"},
                    {"type":"image","mimeType":"image/png","data":"AAAA"}],"isError":true}}"#,
                "tool error #7",
                &["a", "b", "image/png: 4 characters of base64"],
            ),
            (
                r#"{"jsonrpc":"2.0","id":7,"error":{"code":40300,"message":"no","data":{"a":1}}}"#,
                "error 40300 #7",
                &["no", r#"{"a":1}"#],
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"},{"name":"b"}]}}"#,
                "2 tools #1",
                &["a", "b"],
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":
                    {"k":{"method":"elicitation/create","params":{"message":"sure?"}}}}}"#,
                "input required #1",
                &["message: sure?", "k: elicitation/create"],
            ),
            (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, "result #1", &[]),
            (
                r#"{"jsonrpc":"2.0","id":1,"result":{"messages":[{"role":"user",
                    "content":{"type":"text","text":"hi"}}]}}"#,
                "result #1",
                &["user:", "hi"],
            ),
        ] {
            let (told, told_lines) = said(message);
            assert_eq!((&*told, &*told_lines.join("|")), (head, &*lines.join("|")));
        }
    }

    #[test]
    fn a_message_is_kept_to_the_letter() {
        let text = "{ \"jsonrpc\": \"2.0\", \"x\": [1.50, \"\\u0041\", 1.50e400], \"x\": null }";
        let said = Said::read(text.as_bytes()).unwrap();
        let expected = r#"{"jsonrpc":"2.0","x":[1.50,"\u0041",1.50e400],"x":null}"#;
        assert_eq!(said[0].message, expected);
    }

    #[test]
    fn what_is_no_message_is_said_so() {
        for text in ["", "{}", "[]", "[1]", "hello", r#"{"value":[]}"#] {
            assert!(Said::read(text.as_bytes()).is_err(), "{text}");
        }
        let batch = r#"[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","id":1,"method":"b"}]"#;
        assert_eq!(Said::read(batch.as_bytes()).unwrap().len(), 2);
    }
}
