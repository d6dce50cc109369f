//! A conversation as JSON Lines: messages stand in it as they were, to the letter.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::gather::{Content, Exchange};
use crate::base::ids::{SessionId, WriterId};
use crate::recorder::show::time;

pub(super) fn print(
    writer: WriterId,
    session: SessionId,
    exchange: &Exchange,
    out: &mut impl Write,
) -> io::Result<()> {
    let end = exchange.end.as_ref();
    let about = json!({
        "writer": writer.to_string(),
        "session": session.to_string(),
        "exchange": exchange.id.to_string(),
        "time": time(exchange.began),
        "principal": exchange.principal,
        "connection": exchange.connection,
        "method": exchange.method,
        "path": exchange.path,
        "decision": exchange.decision.name(),
        "rule": exchange.rule,
        "outcome": end.map(|end| end.end.outcome.name()),
        "status": end.map(|end| end.end.status),
        "ms": end.map(|end| end.end.timings.ended as f64 / 1e6),
        "masked": { "request": exchange.masked.0, "reply": exchange.masked.1 },
        "withheld_bytes": exchange.withheld,
    });
    // An object, whose last brace waits for what a JSON value could not hold unchanged.
    let about = about.to_string();
    let about = about.strip_suffix('}').unwrap_or(&about);
    let (caller, server) = (side(&exchange.asked()), side(&exchange.answered()));
    writeln!(out, "{about},\"caller\":{caller},\"server\":{server}}}")
}

/// An array of messages with their times, or why there is none.
fn side(content: &Content) -> String {
    match content {
        Content::Nothing => "[]".to_owned(),
        Content::Other(why) => json!({ "not_shown": why }).to_string(),
        Content::Messages(messages) => {
            let told = messages.iter().map(|(at, said)| {
                let at = at.map_or(Value::Null, |at| time(at).into());
                format!("{{\"time\":{at},\"message\":{}}}", said.message)
            });
            format!("[{}]", told.collect::<Vec<_>>().join(","))
        }
    }
}
