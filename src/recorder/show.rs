//! Printing recordings: for people, and as JSON Lines.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::base::calendar::Utc;
use crate::base::clock::{Mono, Wall};
use crate::base::ids::{SessionId, WriterId};
use crate::record::frame::Frame;
use crate::record::payload::{Class, EndPayload, Event, Side};
use crate::record::verify::{Report, Verdict};

use super::read::{Recording, SessionSummary};

/// A time as RFC 3339 in UTC, to the millisecond.
fn time(at: Wall) -> String {
    format!("{:#}", Utc::from(at))
}

/// Two lines per session.
pub fn list(sessions: &[SessionSummary], out: &mut impl Write) -> io::Result<()> {
    for session in sessions {
        let unknown = session
            .exchanges
            .iter()
            .filter(|it| it.end.is_none())
            .count();
        write!(
            out,
            "{}  {}  {:<16}  {} exchanges",
            session.id,
            time(session.first),
            printable(&session.connection),
            session.exchanges.len(),
        )?;
        if unknown > 0 {
            write!(out, ", {unknown} without end")?;
        }
        match session.over {
            Some(why) => writeln!(out, ", ended: {}", why.name())?,
            None => writeln!(out)?,
        }
        writeln!(out, "  {}", printable(&session.principal))?;
    }
    Ok(())
}

/// Everything in one session, in order, for people. Answers whether the session was found.
pub fn show(
    recordings: &[Recording],
    session: SessionId,
    out: &mut impl Write,
) -> io::Result<bool> {
    replay(recordings, session, |_| (), out)
}

/// Like [`show`], waiting between frames as long as it took then; `wait` sleeps, or not.
pub fn replay(
    recordings: &[Recording],
    session: SessionId,
    mut wait: impl FnMut(Duration),
    out: &mut impl Write,
) -> io::Result<bool> {
    let mut found = false;
    for recording in recordings {
        let mut last: Option<Mono> = None;
        let mut result = Ok(());
        let unread = recording.visit(Some(session), |_, frame, event| {
            found = true;
            let at = frame.header.at.mono;
            wait(last.map_or(Duration::ZERO, |last| at.since(last)));
            last = Some(last.map_or(at, |last| last.max(at)));
            result = print(frame, event, out).and_then(|()| out.flush());
            match result {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        result?;
        if let Some(what) = unread {
            writeln!(out, "not readable: {what}")?;
        }
    }
    Ok(found)
}

/// Every frame as one JSON object a line, of one session or of all.
pub fn json_lines(
    recordings: &[Recording],
    only: Option<SessionId>,
    out: &mut impl Write,
) -> io::Result<Vec<String>> {
    let mut unread = Vec::new();
    for recording in recordings {
        let mut result = Ok(());
        let problem = recording.visit(only, |session, frame, event| {
            let line = json(recording.writer(), session, frame, event);
            result = writeln!(out, "{line}");
            match result {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        result?;
        unread.extend(problem.map(|what| format!("{}: {what}", recording.writer())));
    }
    Ok(unread)
}

/// What verification found, for people.
pub fn report(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "writer {}: {}", report.writer, report.verdict.name())?;
    if let Some(finding) = &report.finding {
        writeln!(out, "  {finding}")?;
    }
    writeln!(
        out,
        "  {} segments, {} leaves, {} frames, {} checkpoints, {} crashes recorded",
        report.segments, report.leaves, report.frames, report.checkpoints, report.crashes
    )?;
    writeln!(out, "  root {}", BASE64.encode(report.root))?;
    if let Some(key) = report.first_key {
        writeln!(out, "  first key {}", BASE64.encode(key))?;
    }
    if report.open_exchanges > 0 {
        let count = report.open_exchanges;
        writeln!(out, "  {count} exchanges without end: outcome unknown")?;
    }
    if report.verdict == Verdict::Ok {
        writeln!(
            out,
            "  without an anchor, a cut since the last checkpoint cannot be seen"
        )?;
    }
    Ok(())
}

fn print(frame: &Frame<'_>, event: &Event<'_>, out: &mut impl Write) -> io::Result<()> {
    let header = &frame.header;
    write!(out, "{} {} ", time(header.at.wall), header.exchange)?;
    match event {
        Event::SessionOpen {
            principal,
            connection,
        } => writeln!(
            out,
            "session opened: {} on {}",
            printable(principal),
            printable(connection)
        ),
        Event::SessionEnd(why) => writeln!(out, "session ended: {}", why.name()),
        Event::RequestHead { request, .. } => {
            let query = request.query.map(|it| format!("?{it}")).unwrap_or_default();
            writeln!(
                out,
                "{} by {}: {} {}{}",
                request.decision.name(),
                printable(request.rule),
                printable(request.method),
                printable(request.path),
                printable(&query)
            )?;
            body(request.headers, out)
        }
        Event::RequestChunk { bytes, .. } => {
            writeln!(out, "request body, {} bytes", bytes.len())?;
            body(bytes, out)
        }
        Event::RequestWithheld { sent, .. } => {
            writeln!(out, "request body withheld, {sent} bytes")
        }
        Event::ResponseHead(bytes) => {
            writeln!(out, "reply")?;
            body(bytes, out)
        }
        Event::ResponseChunk { bytes, .. } => {
            writeln!(out, "reply body, {} bytes", bytes.len())?;
            body(bytes, out)
        }
        Event::MaskHit { side, hits } => {
            let side = match side {
                Side::Request => "request",
                Side::Reply => "reply",
            };
            writeln!(out, "masked in the {side}: {} places", hits.iter().count())
        }
        Event::End(end) => writeln!(
            out,
            "{}: status {}, {} bytes up, {} bytes down, {} masked, {:.3} ms",
            end.end.outcome.name(),
            end.end.status,
            end.request_bytes,
            end.reply_bytes,
            end.hits,
            end.end.timings.ended as f64 / 1e6
        ),
        Event::Refused { reasons, .. } => {
            let list: Vec<_> = reasons
                .iter()
                .map(|(why, n)| format!("{n} {why}"))
                .collect();
            writeln!(out, "refused before identity: {}", list.join(", "))
        }
        Event::Torn { segment, bytes } => {
            writeln!(
                out,
                "after a crash: {bytes} bytes of segment {segment} dropped"
            )
        }
        Event::Pruned {
            segment, leaves, ..
        } => writeln!(out, "segment {segment} with {leaves} leaves given up"),
    }
}

/// Recorded bytes, indented, with nothing in them that a terminal would obey.
fn body(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    for line in String::from_utf8_lossy(bytes).lines() {
        writeln!(out, "    {}", printable(line))?;
    }
    Ok(())
}

fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

fn json(writer: WriterId, session: SessionId, frame: &Frame<'_>, event: &Event<'_>) -> Value {
    let header = &frame.header;
    let mut line = json!({
        "writer": writer.to_string(),
        "session": session.to_string(),
        "exchange": header.exchange.to_string(),
        "sequence": header.sequence,
        "time": time(header.at.wall),
        "mono_ns": header.at.mono.0,
    });
    let (kind, detail) = detail(event);
    line["kind"] = kind.into();
    if let (Some(line), Value::Object(detail)) = (line.as_object_mut(), detail) {
        line.extend(detail);
    }
    line
}

fn detail(event: &Event<'_>) -> (&'static str, Value) {
    match event {
        Event::SessionOpen {
            principal,
            connection,
        } => (
            "session_open",
            json!({ "principal": principal, "connection": connection }),
        ),
        Event::SessionEnd(why) => ("session_end", json!({ "why": why.name() })),
        Event::RequestHead {
            request,
            class,
            principal,
            connection,
        } => (
            "request_head",
            json!({
                "decision": request.decision.name(),
                "rule": request.rule,
                "generation": request.generation,
                "class": match class { Class::Buffered => "buffered", Class::Durable => "durable" },
                "principal": principal,
                "connection": connection,
                "method": request.method,
                "path": request.path,
                "query": request.query,
                "headers": bytes_json(request.headers),
            }),
        ),
        Event::RequestChunk {
            offset,
            sent,
            bytes,
        } => (
            "request_chunk",
            json!({ "offset": offset, "sent": sent, "bytes": bytes_json(bytes) }),
        ),
        Event::RequestWithheld {
            offset,
            sent,
            digest,
        } => (
            "request_withheld",
            json!({ "offset": offset, "sent": sent, "digest": BASE64.encode(digest) }),
        ),
        Event::ResponseHead(bytes) => ("response_head", json!({ "bytes": bytes_json(bytes) })),
        Event::ResponseChunk { offset, bytes } => (
            "response_chunk",
            json!({ "offset": offset, "bytes": bytes_json(bytes) }),
        ),
        Event::MaskHit { side, hits } => (
            "mask_hit",
            json!({
                "side": match side { Side::Request => "request", Side::Reply => "reply" },
                "hits": hits.iter().map(|(rule, at)| json!([rule, at])).collect::<Vec<_>>(),
            }),
        ),
        Event::End(end) => ("end", end_json(end)),
        Event::Refused { since, reasons } => (
            "refused",
            json!({
                "since": time(*since),
                "reasons": reasons.iter().map(|(why, n)| json!([why, n])).collect::<Vec<_>>(),
            }),
        ),
        Event::Torn { segment, bytes } => ("torn", json!({ "segment": segment, "bytes": bytes })),
        Event::Pruned {
            segment,
            first_leaf,
            leaves,
            digest,
        } => (
            "pruned",
            json!({
                "segment": segment,
                "first_leaf": first_leaf,
                "leaves": leaves,
                "digest": BASE64.encode(digest),
            }),
        ),
    }
}

fn end_json(end: &EndPayload) -> Value {
    let timings = &end.end.timings;
    json!({
        "outcome": end.end.outcome.name(),
        "status": end.end.status,
        "request_bytes": end.request_bytes,
        "reply_bytes": end.reply_bytes,
        "masked": end.hits,
        "receipt_ns": timings.receipt,
        "sent_ns": timings.sent,
        "replied_ns": timings.replied,
        "ended_ns": timings.ended,
    })
}

/// Bytes as text where they are text, else in base64.
fn bytes_json(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "base64": BASE64.encode(bytes) }),
    }
}
