//! What a request asks its connection to become (RFC 9110, section 7.8), and whether the upstream's
//! 101 answers just that.

use std::sync::Arc;

use super::refusal::Refusal;
use super::rules::Connection;
use crate::http::websocket::{self, Accept};
use crate::http::{FieldRef, HeadError, RequestHead, ResponseHead};

/// A protocol that a request asks for and its connection allows.
pub(super) struct Upgrade {
    /// As the configuration spells it.
    pub protocol: Arc<str>,
    /// Of WebSocket: what the upstream has to show.
    accept: Option<Accept>,
    /// The upstream has switched to it.
    pub switched: bool,
}

impl Upgrade {
    /// What a request asks for, if anything: of the protocols that it offers the first that the
    /// connection allows.
    ///
    /// # Errors
    /// When it asks for nothing that may be had, or does not ask well.
    #[inline]
    pub(super) fn of(
        head: &RequestHead,
        bytes: &[u8],
        connection: &Connection,
    ) -> Result<Option<Box<Upgrade>>, Refusal> {
        match head.upgrade() {
            true => Upgrade::asked(head, bytes, connection).map(Some),
            false => Ok(None),
        }
    }

    #[cold]
    fn asked(
        head: &RequestHead,
        bytes: &[u8],
        connection: &Connection,
    ) -> Result<Box<Upgrade>, Refusal> {
        let mut offered = head.protocols(bytes);
        let protocol = offered.find_map(|name| connection.upgrade(name));
        let protocol = Arc::clone(protocol.ok_or(Refusal::Upgrade)?);
        let accept = match &*protocol {
            websocket::PROTOCOL => {
                let malformed = Refusal::Head(HeadError::WebSocket);
                Some(Accept::of(head, bytes).ok_or(malformed)?)
            }
            _ => None,
        };
        Ok(Box::new(Upgrade {
            protocol,
            accept,
            switched: false,
        }))
    }

    /// Appends it as the recording may see it. Its own fields stay out: what offers it may bear a token.
    pub(super) fn show(&self, out: &mut Vec<u8>) {
        for part in ["upgrade: ", &self.protocol, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }

    /// Whether a field is the protocol's own, and so means those at the two ends.
    pub(super) fn carries(&self, field: &FieldRef<'_>) -> bool {
        self.accept.is_some() && !field.hop_by_hop && websocket::is_handshake(field)
    }

    /// Whether a 101 switches to this protocol, and to no other.
    pub(super) fn is_answered_by(&self, head: &ResponseHead, bytes: &[u8]) -> bool {
        let mut named = head.protocols(bytes);
        let name = named.next().filter(|_| named.next().is_none());
        let is_same = name.is_some_and(|it| it.eq_ignore_ascii_case(self.protocol.as_bytes()));
        let accept = self.accept.as_ref();
        is_same && head.keep_alive() && accept.is_none_or(|accept| accept.is_shown(head, bytes))
    }
}
