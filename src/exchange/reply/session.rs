//! The session that a server opens, as the caller gets to know it.

use super::head::HeadParts;
use crate::base::clock::Now;
use crate::exchange::Refusal;
use crate::http::Known;
use crate::mcp::SessionState;

/// The upstream's `Mcp-Session-Id`, sealed with whom and where it belongs to. None where the reply
/// names none, where it names the one that the caller showed, and in the newest revision, which has
/// no sessions.
pub(super) fn sealed(parts: &HeadParts<'_>, now: Now) -> Result<Option<String>, Refusal> {
    let HeadParts {
        head,
        bytes,
        connection,
        dialogue,
        address,
        ..
    } = *parts;
    let (Some(mcp), Some(dialogue)) = (&connection.mcp, dialogue) else {
        return Ok(None);
    };
    let named = head.values(bytes, Known::McpSessionId).next();
    let Some(named) = named.filter(|_| !dialogue.revision.is_modern()) else {
        return Ok(None);
    };
    let shown = dialogue.session.as_ref();
    if shown.is_some_and(|session| session.upstream.as_bytes() == named) {
        return Ok(None);
    }
    let upstream = std::str::from_utf8(named).map_err(|_| unusable())?;
    let own = mcp.inner.is_some();
    let state = SessionState {
        upstream,
        address: address.filter(|_| !own),
        replica: if own { mcp.replica } else { 0 },
        revision: dialogue.revision,
        opened: now.wall.unix_seconds(),
    };
    let sealed = mcp
        .sealer
        .seal_session(&state, &connection.name, &dialogue.principal);
    sealed.map(Some).map_err(|_| unusable())
}

fn unusable() -> Refusal {
    Refusal::UpstreamMalformed("a session id that cannot be used")
}
