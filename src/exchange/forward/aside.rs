//! What a server is told in the caller's place: that the caller will not do what it asked for.

use std::net::SocketAddr;
use std::sync::Arc;

use super::ToUpstream;
use super::head::{write_inner, write_own};
use crate::base::clock::{Mono, Now};
use crate::base::credential::Credential;
use crate::exchange::dialogue::Dialogue;
use crate::exchange::rules::Connection;
use crate::exchange::{Account, Core, Refusal};
use crate::http::{BodyLength, HeadWriter, WriteError};
use crate::mask;
use crate::record::{Body, Pending, Settle};

/// An answer to a server's request that the caller does not hear, on its way: a POST of the
/// gateway's own, beside the exchange that it belongs to.
pub struct Aside {
    /// Where it goes.
    pub connection: Arc<Connection>,
    /// What the gateway shows there.
    pub credential: Option<Arc<Credential>>,
    /// The address where the session lives.
    pub address: Option<SocketAddr>,
    /// Until when it makes sense.
    pub until: Mono,
    head: Vec<u8>,
    body: Vec<u8>,
    pending: Option<Pending<Body>>,
}

/// What an [`Aside`] needs, or has to send.
#[must_use]
pub enum AsideStep<'a> {
    /// Send this; then nothing more follows.
    Send(ToUpstream<'a>),
    /// The recording on disk.
    NeedSync(Mono),
    /// It cannot be sent.
    Dead,
}

/// Where and how an aside is sent.
pub(in crate::exchange) struct Return<'r> {
    pub connection: &'r Arc<Connection>,
    pub dialogue: &'r Dialogue,
    pub credential: Option<&'r Arc<Credential>>,
    pub address: Option<SocketAddr>,
    /// Of the transport of 2024-11-05: the path for messages.
    pub path: Option<&'r str>,
    pub until: Mono,
}

impl Return<'_> {
    /// Records the answer that is owed; what comes back may be sent once that is as safe as its
    /// class asks.
    pub(in crate::exchange) fn aside(
        &self,
        body: Vec<u8>,
        account: &mut Account,
        core: &mut Core,
        now: Now,
    ) -> Result<Aside, Refusal> {
        let mut head = Vec::new();
        self.write(&mut head, body.len())
            .map_err(|_| Refusal::CredentialUnavailable)?;
        let log = account.log().ok_or(Refusal::RecorderUnable)?;
        let masked = mask::unmasked(&body);
        let pending = core.writer.request_chunk(log, &masked, body.len(), now);
        Ok(Aside {
            connection: Arc::clone(self.connection),
            credential: self.credential.cloned(),
            address: self.address,
            until: self.until,
            head,
            body,
            pending: Some(pending.map_err(|_| Refusal::RecorderUnable)?),
        })
    }

    fn write(&self, out: &mut Vec<u8>, length: usize) -> Result<(), WriteError> {
        let upstream = &self.connection.upstream;
        let base = match &*upstream.base_path {
            "" => "/",
            path => path,
        };
        let target = self.path.unwrap_or(base);
        let mut writer = HeadWriter::request(out, "POST", target.as_bytes())?;
        writer.field("Host", upstream.authority.as_bytes())?;
        writer.field("Content-Type", b"application/json")?;
        writer.field("Accept", b"application/json, text/event-stream")?;
        let version = self.dialogue.revision.as_str();
        writer.field("MCP-Protocol-Version", version.as_bytes())?;
        if let Some(mcp) = &self.connection.mcp {
            write_inner(&mut writer, mcp, self.dialogue)?;
        }
        write_own(&mut writer, self.credential.map(|it| &**it))?;
        writer.body(BodyLength::Length(length as u64))?;
        writer.finish().map(|_| ())
    }
}

impl Aside {
    /// What it needs now.
    pub fn next(&mut self, core: &mut Core, now: Now) -> AsideStep<'_> {
        let Some(pending) = self.pending.take() else {
            return AsideStep::Dead;
        };
        match core.writer.settle(pending) {
            Settle::Ready(receipt) => {
                AsideStep::Send(ToUpstream::aside(receipt, &self.head, &self.body))
            }
            Settle::NotYet(pending) if now.mono < self.until => {
                self.pending = Some(pending);
                AsideStep::NeedSync(self.until)
            }
            Settle::NotYet(_) | Settle::Dead => AsideStep::Dead,
        }
    }
}
