//! What the recording and the access log may see of a request.

use crate::base::access::AccessEntry;
use crate::exchange::phase::Judged;
use crate::exchange::rules::{Connection, ForwardFields};
use crate::exchange::{Core, fields};
use crate::http::RequestHead;

/// A target as it may be seen: through the connection's masks, or as it is.
pub(super) enum Target {
    Plain,
    /// Both lent.
    Masked {
        path: Vec<u8>,
        query: Vec<u8>,
    },
}

impl Target {
    pub(super) fn shown(judged: &Judged, core: &mut Core) -> Target {
        if judged.connection.masks.is_none() {
            return Target::Plain;
        }
        let (mut path, mut query) = (core.pool.lend_text(), core.pool.lend_text());
        show(&judged.connection, judged.path().as_bytes(), &mut path);
        show(&judged.connection, judged.query().as_bytes(), &mut query);
        Target::Masked { path, query }
    }

    /// Path and query.
    pub(super) fn parts<'t>(&'t self, judged: &'t Judged) -> (&'t str, &'t str) {
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        match self {
            Target::Plain => (judged.path(), judged.query()),
            Target::Masked { path, query } => (text(path), text(query)),
        }
    }

    /// Returns what was lent.
    pub(super) fn give_back(self, core: &mut Core) {
        if let Target::Masked { path, query } = self {
            core.pool.give_back_text(path);
            core.pool.give_back_text(query);
        }
    }
}

/// Appends `value` as it may be seen: through the connection's masks.
pub(in crate::exchange) fn show(connection: &Connection, value: &[u8], out: &mut Vec<u8>) -> usize {
    match &connection.masks {
        Some(masks) => masks.scrub(value, out),
        None => {
            out.extend_from_slice(value);
            0
        }
    }
}

/// Appends the fields that are listed for recording: those of the fixed list that go upstream.
pub(super) fn show_fields(
    connection: &Connection,
    head: &RequestHead,
    bytes: &[u8],
    out: &mut Vec<u8>,
) {
    const NOTHING_MORE: &ForwardFields = &ForwardFields::Listed(Vec::new());
    for field in head.entries(bytes).filter(|field| !field.hop_by_hop) {
        if fields::request_passes(&field, NOTHING_MORE, connection.masks.is_some()) {
            match field.line().filter(|_| connection.masks.is_none()) {
                Some(line) => out.extend_from_slice(line),
                None => {
                    out.extend_from_slice(field.name);
                    out.extend_from_slice(b": ");
                    show(connection, field.value, out);
                }
            }
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Appends what was asked for in the terms of MCP, in the way of the revision whose callers say
/// it in header fields themselves.
pub(super) fn show_asked(connection: &Connection, entry: &AccessEntry, out: &mut Vec<u8>) {
    for (name, value) in [
        ("mcp-method", entry.rpc.as_str()),
        ("mcp-name", entry.tool.as_str()),
    ] {
        if value.is_empty() {
            continue;
        }
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        let from = out.len();
        show(connection, value.as_bytes(), out);
        // A name may hold anything; a field is one line.
        for byte in out[from..]
            .iter_mut()
            .filter(|byte| byte.is_ascii_control())
        {
            *byte = b' ';
        }
        out.extend_from_slice(b"\r\n");
    }
}
