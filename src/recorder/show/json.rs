//! One frame, as a line of JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::time;
use crate::base::ids::{SessionId, WriterId};
use crate::record::frame::Frame;
use crate::record::payload::{Class, EndPayload, Event, Hits, Side};
use crate::record::{PartRecord, RequestRecord};

pub(super) fn json(
    writer: WriterId,
    session: SessionId,
    frame: &Frame<'_>,
    event: &Event<'_>,
) -> Value {
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
            request_json(request, *class, principal, connection),
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
        Event::Repeated => ("request_repeated", json!({})),
        Event::ResponseHead(bytes) => ("response_head", json!({ "bytes": bytes_json(bytes) })),
        Event::ResponseChunk { offset, bytes } => (
            "response_chunk",
            json!({ "offset": offset, "bytes": bytes_json(bytes) }),
        ),
        Event::MaskHit { side, hits } => ("mask_hit", hits_json(*side, hits)),
        Event::End(end) => ("end", end_json(end)),
        Event::Part(part) => ("part", part_json(part)),
        Event::PartEnd { id, status } => ("part_end", json!({ "id": id, "status": status })),
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

fn request_json(
    request: &RequestRecord<'_>,
    class: Class,
    principal: &str,
    connection: &str,
) -> Value {
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
    })
}

fn part_json(part: &PartRecord<'_>) -> Value {
    json!({
        "decision": part.decision.name(),
        "id": part.id,
        "rule": part.rule,
        "method": part.method,
        "target": part.target,
    })
}

fn hits_json(side: Side, hits: &Hits<'_>) -> Value {
    json!({
        "side": match side { Side::Request => "request", Side::Reply => "reply" },
        "hits": hits.iter().map(|(rule, at)| json!([rule, at])).collect::<Vec<_>>(),
    })
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
