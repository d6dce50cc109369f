//! What a POST says: one strict reading of its body, and of the headers that repeat parts of it.
//!
//! Servers disagree about bodies that leave room: which of two equal names counts, whether case
//! does, whether an array is a body at all. What passes here can be read in one way only, so that
//! what is judged is what happens. What a method means is not looked at: that is for policy, and an
//! unknown method is a question of rules.

use super::answer::same_id;
use super::fields::{Fields, is_json, stands_for};
use super::message::{Kind, META_CAPABILITIES, META_VERSION, Message, id};
use super::objection::{Mirrored, Objection, Refused, Requested};
use super::revision::Revision;
use crate::base::limits::MCP_MESSAGES;
use crate::json::{self, Keys, Tape, Value};

/// Reads the bodies of POSTs, one after the other, with memory that it keeps. One per core.
#[derive(Default)]
pub struct Reader {
    tape: Tape,
    /// A header's value, decoded.
    scratch: Vec<u8>,
}

/// A POST that can be judged.
#[derive(Debug)]
pub struct Post<'a> {
    revision: Revision,
    messages: Messages<'a>,
}

#[derive(Debug)]
enum Messages<'a> {
    One(Message<'a>),
    /// In the one revision that has batches; the only thing here that allocates.
    Batch(Vec<Message<'a>>),
}

impl Post<'_> {
    /// The revision that it is meant in: the header's; 2025-03-26 without one. `initialize` is
    /// always of the older kind, since it asks for a session.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Whether the body is an array.
    #[must_use]
    pub fn is_batch(&self) -> bool {
        matches!(self.messages, Messages::Batch(_))
    }
}

impl<'a> Post<'a> {
    /// Every message, in order; at least one.
    #[must_use]
    pub fn messages(&self) -> &[Message<'a>] {
        match &self.messages {
            Messages::One(message) => std::slice::from_ref(message),
            Messages::Batch(messages) => messages,
        }
    }

    /// The one message of a body that is no array.
    #[must_use]
    pub fn only(&self) -> Option<&Message<'a>> {
        match &self.messages {
            Messages::One(message) => Some(message),
            Messages::Batch(_) => None,
        }
    }
}

impl Reader {
    /// A reader that has read nothing.
    #[must_use]
    pub fn new() -> Reader {
        Reader::default()
    }

    /// Reads a whole body beside the headers that came with it.
    pub fn read<'a>(
        &'a mut self,
        body: &'a [u8],
        fields: &Fields<'_>,
    ) -> Result<Post<'a>, Refused> {
        if !is_json(fields.content_type) {
            return Err(Objection::ContentType.into());
        }
        let Reader { tape, scratch } = self;
        let parsed = tape.parse_value(body, Keys::DistinctIgnoringCase);
        let whole = parsed.map_err(|error| Refused::from(Objection::Json(error)))?;
        if whole.kind() == json::Kind::Array {
            return Ok(batch(whole, fields, scratch)?);
        }
        let read = Message::read(whole).and_then(|message| {
            let revision = agree(&message, fields, scratch)?;
            let messages = Messages::One(message);
            Ok(Post { revision, messages })
        });
        read.map_err(|objection| Refused {
            objection,
            id: echoed(whole),
        })
    }
}

/// The id that an error about this message echoes: only a request has one to answer to.
fn echoed(whole: Value<'_>) -> Option<std::ops::Range<usize>> {
    let asked = whole.get("id").filter(|_| whole.get("method").is_some())?;
    id(asked).ok().map(|_| asked.span())
}

fn batch<'a>(
    whole: Value<'a>,
    fields: &Fields<'_>,
    scratch: &mut Vec<u8>,
) -> Result<Post<'a>, Objection> {
    let revision = said(fields)?;
    if !revision.has_batches() {
        return Err(Objection::BatchRevision);
    }
    let count = whole.items().take(MCP_MESSAGES + 1).count();
    if count == 0 || count > MCP_MESSAGES {
        return Err(Objection::BatchLength);
    }
    let mut messages: Vec<Message<'a>> = Vec::with_capacity(count);
    for item in whole.items() {
        let message = Message::read(item)?;
        if message.is_initialize() {
            return Err(Objection::BatchInitialize);
        }
        agree(&message, fields, scratch)?;
        let asks = |message: &Message<'a>| message.id.filter(|_| message.kind == Kind::Request);
        let id = asks(&message);
        let same = |earlier: &str| id.is_some_and(|id| same_id(earlier, id));
        if messages.iter().filter_map(asks).any(same) {
            return Err(Objection::BatchIds);
        }
        messages.push(message);
    }
    let messages = Messages::Batch(messages);
    Ok(Post { revision, messages })
}

/// The revision that the header names.
fn said(fields: &Fields<'_>) -> Result<Revision, Objection> {
    let Some(version) = fields.version else {
        return Ok(Revision::UNSAID);
    };
    Revision::parse(version).ok_or_else(|| Objection::Version(Requested::new(version)))
}

/// Holds the headers against the message; answers with the revision that it is meant in.
fn agree(
    message: &Message<'_>,
    fields: &Fields<'_>,
    scratch: &mut Vec<u8>,
) -> Result<Revision, Objection> {
    let revision = said(fields)?;
    agree_on_version(message, fields, revision)?;
    agree_on_method(message, fields, revision)?;
    agree_on_name(message, fields, revision, scratch)?;
    Ok(if message.is_initialize() && revision.is_modern() {
        Revision::V2025_11_25
    } else {
        revision
    })
}

fn agree_on_version(
    message: &Message<'_>,
    fields: &Fields<'_>,
    revision: Revision,
) -> Result<(), Objection> {
    if message.kind == Kind::Response && revision.is_modern() {
        return Err(Objection::Response);
    }
    let meta = message.meta();
    let version = meta.and_then(|meta| meta.get(META_VERSION));
    if let Some(version) = version {
        let version = version.as_str().ok_or(Objection::Meta)?;
        match fields.version {
            Some(header) if header == version.as_bytes() => {}
            Some(_) => return Err(Objection::Mismatch(Mirrored::Version)),
            None if message.is_initialize() || version == revision.as_str() => {}
            None => return Err(Objection::Missing(Mirrored::Version)),
        }
    }
    if needs_headers(message, revision) {
        let capabilities = meta.and_then(|meta| meta.get(META_CAPABILITIES));
        let object = |value: Value<'_>| value.kind() == json::Kind::Object;
        if version.is_none() || !capabilities.is_some_and(object) {
            return Err(Objection::Meta);
        }
    }
    Ok(())
}

/// Requests of the newest revision repeat themselves in headers and carry their own terms. Not
/// `initialize`, whose answer is the upstream's: it selects the older ways.
fn needs_headers(message: &Message<'_>, revision: Revision) -> bool {
    revision.is_modern() && message.kind == Kind::Request && !message.is_initialize()
}

fn agree_on_method(
    message: &Message<'_>,
    fields: &Fields<'_>,
    revision: Revision,
) -> Result<(), Objection> {
    match fields.method {
        Some(header) if message.method.map(str::as_bytes) == Some(header) => Ok(()),
        Some(_) => Err(Objection::Mismatch(Mirrored::Method)),
        None if needs_headers(message, revision) => Err(Objection::Missing(Mirrored::Method)),
        None => Ok(()),
    }
}

fn agree_on_name(
    message: &Message<'_>,
    fields: &Fields<'_>,
    revision: Revision,
    scratch: &mut Vec<u8>,
) -> Result<(), Objection> {
    let method = message.method.unwrap_or_default();
    let Some(header) = fields.name else {
        // Extensions ask it for more methods, but only of clients.
        let asked = matches!(method, "tools/call" | "resources/read" | "prompts/get");
        return if asked && needs_headers(message, revision) {
            Err(Objection::Missing(Mirrored::Name))
        } else {
            Ok(())
        };
    };
    let mut is = |text: &str| stands_for(header, text, scratch);
    let agrees = match (message.name, is_defined(method)) {
        (Some(name), true) => is(name),
        (None, true) => false,
        // An extension may name something else of its own; but something that is there.
        (_, false) => message.params.is_some_and(|params| {
            let mut texts = params.members().filter_map(|(_, value)| value.as_str());
            texts.any(is)
        }),
    };
    if agrees {
        Ok(())
    } else {
        Err(Objection::Mismatch(Mirrored::Name))
    }
}

/// Whether the specification itself says what the method is about, or that it is about nothing.
fn is_defined(method: &str) -> bool {
    const METHODS: &[&str] = &[
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "tools/call",
        "prompts/list",
        "prompts/get",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "resources/subscribe",
        "resources/unsubscribe",
        "completion/complete",
        "logging/setLevel",
        "subscriptions/listen",
        "tasks/list",
        "tasks/get",
        "tasks/result",
        "tasks/cancel",
        "tasks/update",
    ];
    METHODS.contains(&method)
}
