//! A conversation for people.

use std::io::{self, Write};

use super::gather::{Content, Exchange};
use super::said::Said;
use crate::base::clock::Wall;
use crate::base::ids::SessionId;
use crate::base::limits::SHOWN_TEXT;
use crate::base::visible::Visible;
use crate::record::payload::Decision;
use crate::recorder::show::time;

/// Wide enough for a time.
const MARGIN: usize = 24;

pub(super) fn print(
    session: SessionId,
    exchange: &Exchange,
    is_first: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    if is_first {
        let (who, connection) = (&exchange.principal, &exchange.connection);
        writeln!(out, "session {session} on {}", Visible(connection))?;
        writeln!(out, "caller is {}", Visible(who))?;
    }
    writeln!(out)?;
    match exchange.asked() {
        Content::Messages(messages) => {
            for (_, said) in &messages {
                line(Some(exchange.began), "caller", said, out)?;
            }
        }
        content => {
            let head = match &exchange.rpc {
                Some(asked) => asked.clone(),
                None => format!("{} {}", exchange.method, exchange.path),
            };
            let mut lines = Vec::new();
            if let Content::Other(why) = content {
                let bytes = exchange.request.bytes.len();
                lines.push(format!("a body of {bytes} bytes: {why}"));
            }
            says(Some(exchange.began), "caller", &head, &lines, out)?;
        }
    }
    if exchange.withheld > 0 {
        let note = format!(
            "a body of {} bytes, which was not to be read",
            exchange.withheld
        );
        says(None, "", &note, &[], out)?;
    }
    match exchange.answered() {
        Content::Nothing => {}
        Content::Messages(messages) => {
            for (at, said) in &messages {
                line(*at, "server", said, out)?;
            }
        }
        Content::Other(why) => {
            let head = format!("a reply of {} bytes: {why}", exchange.reply.bytes.len());
            says(None, "server", &head, &[], out)?;
        }
    }
    end(exchange, out)
}

/// How it ended, who allowed it, and what was masked.
fn end(exchange: &Exchange, out: &mut impl Write) -> io::Result<()> {
    let mut parts = Vec::new();
    match &exchange.end {
        None => parts.push("no end: the outcome is unknown".to_owned()),
        Some(end) => {
            parts.push(end.end.outcome.name().to_owned());
            if end.end.status != 0 {
                parts.push(format!("status {}", end.end.status));
            }
            parts.push(format!("{:.3} ms", end.end.timings.ended as f64 / 1e6));
        }
    }
    let by = match exchange.decision {
        Decision::Refused => "for",
        Decision::Allowed | Decision::Denied => "by",
    };
    let decision = exchange.decision.name();
    parts.push(format!("{decision} {by} {}", Visible(&exchange.rule)));
    match exchange.masked {
        (0, 0) => {}
        (request, reply) => {
            parts.push(format!(
                "masked {request} in the request, {reply} in the reply"
            ));
        }
    }
    says(None, "end", &parts.join(", "), &[], out)
}

fn line(at: Option<Wall>, who: &str, said: &Said, out: &mut impl Write) -> io::Result<()> {
    says(at, who, &said.head, &said.lines, out)
}

fn says(
    at: Option<Wall>,
    who: &str,
    head: &str,
    lines: &[String],
    out: &mut impl Write,
) -> io::Result<()> {
    let at = at.map(time).unwrap_or_default();
    writeln!(out, "{at:MARGIN$}  {who:<6}  {}", Visible(head))?;
    let mut room = SHOWN_TEXT;
    for (index, line) in lines.iter().enumerate() {
        let shown: String = line.chars().take(room).collect();
        room -= shown.chars().count();
        let rest = line.len() - shown.len();
        writeln!(out, "{:MARGIN$}          {}", "", Visible(&shown))?;
        if rest > 0 || (room == 0 && index + 1 < lines.len()) {
            let after: usize = lines.iter().skip(index + 1).map(String::len).sum();
            let rest = rest + after;
            return writeln!(out, "{:MARGIN$}          … and {rest} bytes more", "");
        }
    }
    Ok(())
}
