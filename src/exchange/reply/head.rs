//! The reply head as the caller gets it.

use std::net::SocketAddr;

use super::body::Framing;
use super::links::led;
use super::{challenge, session};
use crate::base::clock::Now;
use crate::exchange::cors::Crossing;
use crate::exchange::dialogue::Dialogue;
use crate::exchange::rules::Connection;
use crate::exchange::upgrade::Upgrade;
use crate::exchange::{Account, Core, Refusal, fields};
use crate::http::{BodyLength, FieldRef, Known, ResponseHead, WriteError};
use crate::mask::{Masked, MaskedHead, masked_head};
use crate::record::Recorded;

/// What a reply head is made of.
pub(super) struct HeadParts<'r> {
    /// The upstream's head.
    pub head: &'r ResponseHead,
    /// Its bytes.
    pub bytes: &'r [u8],
    /// Where it came from.
    pub connection: &'r Connection,
    /// The gateway's own address of the connection.
    pub link_base: &'r str,
    /// Of MCP: whom and where a session belongs to that the reply opens.
    pub dialogue: Option<&'r Dialogue>,
    pub address: Option<SocketAddr>,
    /// What the caller's token has to satisfy first: then nothing else of the head is passed on.
    pub challenge: Option<&'r str>,
    /// What was asked for, and is switched to with this head where it says so.
    pub upgrade: Option<&'r Upgrade>,
    /// How the body will be delimited.
    pub framing: Framing,
    /// The connection to the caller ends with this reply.
    pub close: bool,
}

/// What the gateway says to the caller beside.
struct Beside<'b> {
    /// To a page of another origin.
    crossing: Option<&'b Crossing>,
    /// What its next proof must name.
    nonce: Option<&'b str>,
}

impl HeadParts<'_> {
    /// Writes it to `text` and hands it to the recording: what comes back may go to the caller.
    pub(super) fn record<'t>(
        &self,
        text: &'t mut Vec<u8>,
        scratch: &mut Vec<u8>,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> Result<Recorded<'t>, Refusal> {
        let malformed = |_| Refusal::UpstreamMalformed("head cannot be passed on");
        let beside = Beside {
            crossing: account.crossing().map(|it| &**it),
            nonce: account.nonce(),
        };
        let written = match self.challenge {
            Some(claims) => challenge::head(claims, self.close, text, scratch),
            None => {
                let session = session::sealed(self, now)?;
                self.write(session.as_deref(), &beside, text, scratch)
            }
        };
        let masked = written.map_err(malformed)?;
        let log = account.log().ok_or(Refusal::RecorderUnable)?;
        let unable = |_| Refusal::RecorderUnable;
        core.writer.reply_head(log, masked, now).map_err(unable)
    }

    /// Writes it to `text`: listed fields through the masks, links led back to the gateway, framing
    /// our own.
    fn write<'t>(
        &self,
        session: Option<&str>,
        beside: &Beside<'_>,
        text: &'t mut Vec<u8>,
        scratch: &mut Vec<u8>,
    ) -> Result<Masked<'t>, WriteError> {
        let masks = self
            .connection
            .masks
            .as_deref()
            .filter(|_| self.connection.hides);
        masked_head(text, scratch, masks, self.head.status(), |head| {
            self.fill(session, beside, head)
        })
    }

    fn fill(
        &self,
        session: Option<&str>,
        beside: &Beside<'_>,
        head: &mut MaskedHead<'_>,
    ) -> Result<(), WriteError> {
        let Connection {
            hides,
            reply_fields,
            upstream,
            ..
        } = self.connection;
        let fields = self.head.entries(self.bytes);
        for field in fields.filter(|field| !field.hop_by_hop) {
            let replaced = *hides && field.known == Known::CacheControl;
            let ours = self.connection.mcp.is_some() && field.known == Known::McpSessionId;
            // Who may read it is ours to say.
            let crosses = beside.crossing.is_some() && is_cors(field.text());
            let stays = || !fields::reply_passes(&field, reply_fields) && !self.carries(&field);
            if replaced || ours || crosses || stays() {
                continue;
            }
            match led(&field, upstream, self.link_base.as_bytes()) {
                Some(parts) => head.joined(field.text(), &parts)?,
                None => head.copy(&field)?,
            }
        }
        for (name, value) in beside.crossing.into_iter().flat_map(Crossing::fields) {
            head.field(name, value.as_bytes())?;
        }
        if let Some(nonce) = beside.nonce {
            head.field("DPoP-Nonce", nonce.as_bytes())?;
        }
        if let Some(session) = session {
            head.field("Mcp-Session-Id", session.as_bytes())?;
        }
        if *hides {
            head.fixed("Cache-Control", "no-store")?;
        }
        if let Some(upgrade) = self.switched() {
            head.fixed("Connection", "Upgrade")?;
            head.field("Upgrade", upgrade.protocol.as_bytes())?;
        } else if self.close {
            head.fixed("Connection", "close")?;
        }
        head.body(match self.framing {
            Framing::None => BodyLength::None,
            Framing::Length(length) => BodyLength::Length(length),
            Framing::Chunked => BodyLength::Chunked,
        })
    }
}

impl<'r> HeadParts<'r> {
    /// What the connection is switched to with this head.
    fn switched(&self) -> Option<&'r Upgrade> {
        self.upgrade.filter(|upgrade| upgrade.switched)
    }

    /// Whether a field belongs to the protocol that the connection is switched to.
    fn carries(&self, field: &FieldRef<'_>) -> bool {
        self.switched()
            .is_some_and(|upgrade| upgrade.carries(field))
    }
}

/// Whether a field speaks of pages of other origins.
fn is_cors(name: &str) -> bool {
    const FAMILY: &str = "access-control-";
    let start = name.get(..FAMILY.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(FAMILY))
}
