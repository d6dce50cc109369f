//! The frames of exchanges, put together.

use std::collections::BTreeMap;

use super::said::Said;
use crate::base::clock::Wall;
use crate::base::ids::ExchangeId;
use crate::base::limits::{SHOWN_BODY_BYTES, SHOWN_EXCHANGES};
use crate::mcp::event::Events;
use crate::record::frame::Header;
use crate::record::payload::{Decision, EndPayload, Event, Side};

/// Exchanges that have begun and not ended yet.
#[derive(Default)]
pub(super) struct Gathering {
    open: BTreeMap<ExchangeId, Exchange>,
}

/// One exchange as it was recorded.
pub(super) struct Exchange {
    pub id: ExchangeId,
    pub began: Wall,
    pub principal: String,
    pub connection: String,
    pub decision: Decision,
    pub rule: String,
    pub method: String,
    pub path: String,
    /// What was asked for, as the request's recorded head says: a method and what it was about.
    pub rpc: Option<String>,
    pub request: Body,
    /// Bytes of the request's body that could not be read when they came.
    pub withheld: u64,
    /// The reply's last head.
    pub head: String,
    pub reply: Body,
    /// Places that masks changed in the request and in the reply.
    pub masked: (u64, u64),
    pub end: Option<EndPayload>,
}

/// A body, or as much of it as is shown.
#[derive(Default)]
pub(super) struct Body {
    pub bytes: Vec<u8>,
    /// Where in `bytes` each piece begins, and when it came.
    pieces: Vec<(usize, Wall)>,
    /// Where the next piece has to begin, as pieces count.
    next: u64,
    /// A piece is missing, or there is more than is shown.
    pub is_cut: bool,
}

/// What a body says.
pub(super) enum Content {
    /// It is empty.
    Nothing,
    /// Messages, each with the time at which it came when that is known.
    Messages(Vec<(Option<Wall>, Said)>),
    /// Something else, and why it is not told as messages.
    Other(String),
}

impl Gathering {
    pub fn add(&mut self, header: &Header, event: &Event<'_>) {
        if let Event::RequestHead {
            request,
            principal,
            connection,
            ..
        } = event
        {
            // So many at once never were; of a recording that says so, the first are told.
            if self.open.len() < SHOWN_EXCHANGES {
                let exchange = Exchange {
                    id: header.exchange,
                    began: header.at.wall,
                    principal: (*principal).to_owned(),
                    connection: (*connection).to_owned(),
                    decision: request.decision,
                    rule: request.rule.to_owned(),
                    method: request.method.to_owned(),
                    path: request.path.to_owned(),
                    rpc: rpc(request.headers),
                    request: Body::default(),
                    withheld: 0,
                    head: String::new(),
                    reply: Body::default(),
                    masked: (0, 0),
                    end: None,
                };
                self.open.insert(header.exchange, exchange);
            }
        } else if let Some(exchange) = self.open.get_mut(&header.exchange) {
            exchange.add(header.at.wall, event);
        }
    }

    pub fn take(&mut self, id: ExchangeId) -> Option<Exchange> {
        self.open.remove(&id)
    }

    /// Those without end, in the order of their beginning.
    pub fn rest(self) -> Vec<Exchange> {
        let mut rest: Vec<_> = self.open.into_values().collect();
        rest.sort_by_key(|exchange| exchange.began);
        rest
    }
}

/// `tools/call search`, of the fields that the gateway writes for every call of MCP.
fn rpc(headers: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(headers);
    let field = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(": "));
        lines.find_map(|(key, value)| key.eq_ignore_ascii_case(name).then(|| value.to_owned()))
    };
    let method = field("mcp-method")?;
    Some(match field("mcp-name") {
        Some(name) => format!("{method} {name}"),
        None => method,
    })
}

impl Exchange {
    fn add(&mut self, at: Wall, event: &Event<'_>) {
        match event {
            Event::RequestChunk {
                offset,
                sent,
                bytes,
            } => self.request.add(*offset, *sent, bytes, at),
            Event::RequestWithheld { sent, .. } => {
                self.withheld += sent;
                self.request.is_cut = !self.request.bytes.is_empty();
            }
            Event::ResponseHead(bytes) => {
                self.head = String::from_utf8_lossy(bytes).into_owned();
            }
            Event::ResponseChunk { offset, bytes } => {
                self.reply.add(*offset, bytes.len() as u64, bytes, at);
            }
            Event::MaskHit { side, hits } => {
                let count = hits.iter().count() as u64;
                match side {
                    Side::Request => self.masked.0 += count,
                    Side::Reply => self.masked.1 += count,
                }
            }
            Event::Repeated => (self.request, self.withheld) = (Body::default(), 0),
            Event::End(end) => self.end = Some(*end),
            _ => {}
        }
    }

    /// Whether the request is in JSON-RPC.
    pub fn asks(&self) -> bool {
        self.rpc.is_some() || matches!(self.asked(), Content::Messages(_))
    }

    /// What the caller said.
    pub fn asked(&self) -> Content {
        self.request.messages(None)
    }

    /// What the caller got.
    pub fn answered(&self) -> Content {
        if let Some(coding) = self.field("content-encoding") {
            return Content::Other(format!("it is encoded: {coding}"));
        }
        let kind = self.field("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("text/event-stream") {
            return self.reply.events();
        }
        self.reply.messages(self.reply.last_at())
    }

    /// The value of a field of the reply's head.
    fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(':'));
        let found = fields.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim())
    }
}

impl Body {
    fn add(&mut self, offset: u64, length: u64, bytes: &[u8], at: Wall) {
        let has_room = self.bytes.len() + bytes.len() <= SHOWN_BODY_BYTES;
        if self.is_cut || offset != self.next || !has_room {
            self.is_cut = true;
            return;
        }
        self.pieces.push((self.bytes.len(), at));
        self.bytes.extend_from_slice(bytes);
        self.next = offset + length;
    }

    fn last_at(&self) -> Option<Wall> {
        self.pieces.last().map(|(_, at)| *at)
    }

    /// One message, or an array of them.
    fn messages(&self, at: Option<Wall>) -> Content {
        if self.bytes.is_empty() && !self.is_cut {
            return Content::Nothing;
        }
        if self.is_cut {
            return Content::Other("it is not whole".to_owned());
        }
        match Said::read(&self.bytes) {
            Ok(said) => Content::Messages(said.into_iter().map(|said| (at, said)).collect()),
            Err(why) => Content::Other(why),
        }
    }

    /// The events of a stream, as far as they are there.
    fn events(&self) -> Content {
        let mut events = Events::new(SHOWN_BODY_BYTES);
        let mut messages = Vec::new();
        for (index, (start, at)) in self.pieces.iter().enumerate() {
            let end = self
                .pieces
                .get(index + 1)
                .map_or(self.bytes.len(), |next| next.0);
            events.push(self.bytes.get(*start..end).unwrap_or_default());
            while let Ok(Some(frame)) = events.frame() {
                let said = match frame.data {
                    // A comment keeps the connection alive and says nothing.
                    None => continue,
                    Some(b"") => vec![Said::event("without data", frame.id)],
                    Some(data) => {
                        Said::read(data).unwrap_or_else(|_| vec![Said::named(frame.event, data)])
                    }
                };
                messages.extend(said.into_iter().map(|said| (Some(*at), said)));
            }
        }
        if self.is_cut {
            messages.push((None, Said::event("stream goes on: not shown", None)));
        }
        match messages.is_empty() {
            true => Content::Nothing,
            false => Content::Messages(messages),
        }
    }
}
