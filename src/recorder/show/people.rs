//! One frame, for people.

use std::io::{self, Write};

use super::time;
use crate::record::RequestRecord;
use crate::record::frame::Frame;
use crate::record::payload::{EndPayload, Event, Side};

pub(super) fn print(frame: &Frame<'_>, event: &Event<'_>, out: &mut impl Write) -> io::Result<()> {
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
        Event::RequestHead { request, .. } => print_request(request, out),
        Event::RequestChunk { bytes, .. } => {
            writeln!(out, "request body, {} bytes", bytes.len())?;
            body(bytes, out)
        }
        Event::RequestWithheld { sent, .. } => {
            writeln!(out, "request body withheld, {sent} bytes")
        }
        Event::Repeated => writeln!(out, "request sent once more, from its beginning"),
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
        Event::End(end) => print_end(end, out),
        Event::Part(part) => writeln!(
            out,
            "part {} {} by {}: {} {}",
            printable(part.id),
            part.decision.name(),
            printable(part.rule),
            printable(part.method),
            printable(part.target)
        ),
        Event::PartEnd { id, status } => {
            writeln!(out, "part {} answered: status {status}", printable(id))
        }
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

fn print_request(request: &RequestRecord<'_>, out: &mut impl Write) -> io::Result<()> {
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

fn print_end(end: &EndPayload, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{}: status {}, {} bytes up, {} bytes down, {} masked, {:.3} ms",
        end.end.outcome.name(),
        end.end.status,
        end.request_bytes,
        end.reply_bytes,
        end.hits,
        end.end.timings.ended as f64 / 1e6
    )
}

/// Recorded bytes, indented, with nothing in them that a terminal would obey. What is no text, such as
/// what passed after a switch to another protocol, is not shown: the JSON form has it.
fn body(bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
    let is_mark = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n');
    if bytes.iter().any(is_mark) {
        return writeln!(out, "    (not text)");
    }
    for line in String::from_utf8_lossy(bytes).lines() {
        writeln!(out, "    {}", printable(line))?;
    }
    Ok(())
}

pub(super) fn printable(text: &str) -> String {
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
