//! The request head as the upstream gets it.

use memchr::memmem;
use zeroize::Zeroizing;

use crate::base::credential::Credential;
use crate::base::hex;
use crate::base::trace::Span;
use crate::exchange::dialogue::Dialogue;
use crate::exchange::phase::Judged;
use crate::exchange::received::Received;
use crate::exchange::rules::Mcp;
use crate::exchange::upgrade::Upgrade;
use crate::exchange::{Core, fields};
use crate::http::write::CRLF;
use crate::http::{FieldRef, HeadWriter, Known, WriteError};
use crate::mcp::inner::{CALLER_HEADER, PRINCIPAL_HEADER, SECRET_HEADER};

/// The head that goes upstream, `Host` first: the caller's listed fields, then the gateway's own.
///
/// Caller and configuration were checked before, so only a credential can be unwritable.
pub(in crate::exchange) fn head(
    received: &Received,
    bytes: &[u8],
    judged: &Judged,
    credential: Option<&Credential>,
    span: Option<Span>,
    core: &mut Core,
) -> Result<Vec<u8>, WriteError> {
    let ours = Ours {
        credential,
        span,
        upgrade: judged.upgrade.as_deref(),
    };
    let mut target = core.pool.lend_text();
    write_target(judged, &mut target);
    let mut text = core.pool.lend_text();
    let written = write_head(&mut text, &target, received, bytes, judged, &ours);
    core.pool.give_back_text(target);
    match written {
        Ok(()) => Ok(text),
        Err(why) => {
            core.pool.give_back_text(text);
            Err(why)
        }
    }
}

/// The upstream's own path, then the caller's. An MCP server has one address, which nothing follows
/// when the caller asked for just that.
fn write_target(judged: &Judged, target: &mut Vec<u8>) {
    let base = judged.connection.upstream.base_path.as_bytes();
    let endpoint = judged.dialogue.as_ref().and_then(|it| it.endpoint.as_ref());
    match endpoint {
        Some(endpoint) => target.extend_from_slice(endpoint.as_bytes()),
        None if judged.dialogue.is_some() && judged.path() == "/" && !base.is_empty() => {
            target.extend_from_slice(base);
            target.extend_from_slice(judged.query().as_bytes());
        }
        None => {
            target.extend_from_slice(base);
            target.extend_from_slice(judged.target.as_bytes());
        }
    }
}

/// Nothing of the caller's that is not listed, that is meant for this hop, or that the credential
/// stands for.
fn write_head(
    out: &mut Vec<u8>,
    target: &[u8],
    received: &Received,
    caller: &[u8],
    judged: &Judged,
    ours: &Ours<'_>,
) -> Result<(), WriteError> {
    let (head, bytes) = (&received.head, received.bytes(caller));
    let connection = &judged.connection;
    let mut writer = HeadWriter::request(out, head.method(bytes), target)?;
    writer.field("Host", connection.upstream.authority.as_bytes())?;
    for field in head.entries(bytes).filter(|field| !field.hop_by_hop) {
        if field.known == Known::Via {
            writer.copy(&field)?;
            continue;
        }
        let read =
            connection.masks.is_some() || connection.mcp.is_some() || judged.errand.is_some();
        let session = connection.mcp.is_some() && is_session(field.known);
        let passes = || fields::request_passes(&field, &connection.forward, read);
        if session || !(passes() || ours.carry(&field)) {
            continue;
        }
        if !ours.replace(&field) {
            writer.copy(&field)?;
        }
    }
    writer.field("Via", judged.rules.via.field())?;
    write_own(&mut writer, ours.credential)?;
    if let Some(span) = ours.span {
        writer.field("traceparent", &span.text())?;
    }
    if let (Some(mcp), Some(dialogue)) = (&connection.mcp, &judged.dialogue) {
        write_inner(&mut writer, mcp, dialogue)?;
        let speaks = mcp.inner.as_ref().is_some_and(|it| it.speaks_for_caller);
        if let Some(token) = head.authorization(bytes).filter(|_| speaks) {
            writer.field(CALLER_HEADER, token)?;
        }
    }
    if let Some(upgrade) = ours.upgrade {
        writer.field("Connection", b"Upgrade")?;
        writer.field("Upgrade", upgrade.protocol.as_bytes())?;
    }
    writer.body(received.framing())?;
    writer.finish().map(|_| ())
}

/// What the gateway says in the place of the caller.
struct Ours<'o> {
    credential: Option<&'o Credential>,
    span: Option<Span>,
    /// What this connection is to become.
    upgrade: Option<&'o Upgrade>,
}

impl Ours<'_> {
    /// True for a field that belongs to the protocol that is asked for.
    fn carry(&self, field: &FieldRef<'_>) -> bool {
        self.upgrade.is_some_and(|upgrade| upgrade.carries(field))
    }

    /// True for a field of the caller's that one of the gateway's stands for.
    fn replace(&self, field: &FieldRef<'_>) -> bool {
        let known = match (self.span, field.known) {
            (Some(_), Known::Traceparent) => true,
            // It belongs to a `traceparent`: where that says nothing, it does not either.
            (Some(span), Known::Tracestate) => span.parent.is_none(),
            _ => false,
        };
        known || (self.credential).is_some_and(|own| field.is(&own.field))
    }
}

/// Fields of MCP that mean the gateway: pages of others were turned away, sessions are sealed.
fn is_session(name: Known) -> bool {
    matches!(name, Known::McpSessionId | Known::Origin)
}

/// The credential, which the caller never sees.
pub(super) fn write_own(
    writer: &mut HeadWriter<'_>,
    credential: Option<&Credential>,
) -> Result<(), WriteError> {
    if let Some(credential) = credential {
        writer.field(&credential.field, credential.value.expose())?;
    }
    Ok(())
}

/// Puts another credential in the place of the one that was written into a head. False, and nothing
/// is changed, where that is not there or the other cannot stand in a head.
pub(super) fn show_instead(head: &mut Vec<u8>, shown: &Credential, other: &Credential) -> bool {
    let line = |credential: &Credential| {
        let mut head = Zeroizing::new(Vec::new());
        let mut writer = HeadWriter::request(&mut head, "GET", b"/").ok()?;
        write_own(&mut writer, Some(credential)).ok()?;
        writer.finish().ok()?;
        // Between the request line and the blank line.
        let begin = memmem::find(&head, CRLF)? + CRLF.len();
        let end = head.len().checked_sub(CRLF.len())?;
        Some(Zeroizing::new(head.get(begin..end)?.to_vec()))
    };
    let (Some(old), Some(new)) = (line(shown), line(other)) else {
        return false;
    };
    let at = memmem::find(head, &old).filter(|at| head[..*at].ends_with(CRLF));
    match at {
        Some(at) => {
            head.splice(at..at + old.len(), new.iter().copied());
            true
        }
        None => false,
    }
}

/// The upstream's own name of the session; and to a server of ours, who we are and who calls.
pub(super) fn write_inner(
    writer: &mut HeadWriter<'_>,
    mcp: &Mcp,
    dialogue: &Dialogue,
) -> Result<(), WriteError> {
    if let Some(session) = &dialogue.session {
        writer.field("Mcp-Session-Id", session.upstream.as_bytes())?;
    }
    if let Some(inner) = &mcp.inner {
        writer.field(SECRET_HEADER, inner.secret.expose())?;
        writer.field(PRINCIPAL_HEADER, hex::text(&dialogue.principal).as_bytes())?;
    }
    Ok(())
}
