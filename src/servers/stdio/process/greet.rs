//! The first exchange with a process: what it speaks, and what it says of itself.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use tokio::time::timeout;

use super::super::message::{Kind, Message, Reader};
use super::super::session::Session;
use super::super::stream::{Read, Stream};
use super::super::table::Owner;
use super::super::{Era, codes};
use super::{Ending, Process, Refused};
use crate::base::limits::STDIO_GREET_TIME;

/// How a process answers `initialize`.
pub(in super::super) enum Greeted {
    /// The session may begin.
    Welcome(Bytes),
    /// With an error.
    Declined(Bytes),
}

impl Process {
    /// Greets the process for a session: the first `initialize` goes to it, and its answer is given
    /// to every later one, since a process is initialised once.
    pub async fn greet(
        &self,
        message: &Message,
        session: &Arc<Session>,
    ) -> Result<Greeted, Refused> {
        let mut greeting = self.greeting.lock().await;
        if greeting.is_none() {
            let stream = session.open_stream(1);
            let owner = Owner {
                principal: Some(session.principal),
                session: Arc::downgrade(session),
            };
            self.call(message, owner, &stream, false).await?;
            let text = self.sole_answer(&stream).await?;
            session.close_stream(&stream);
            let answer = Reader::default()
                .read(&text)
                .ok()
                .and_then(|(mut all, _)| all.pop());
            match answer {
                Some(answer) if answer.kind == (Kind::Response { error: None }) => {
                    *greeting = Some(answer);
                }
                _ => return Ok(Greeted::Declined(text)),
            }
        }
        let answer = greeting.as_ref().ok_or(Refused::Busy)?;
        session.settle(answer.settled.as_deref().unwrap_or_default());
        let ids = answer.id.as_ref().zip(message.id_text());
        Ok(Greeted::Welcome(answer.with(ids.as_slice())))
    }

    /// The answer to a call of which there is nothing else; a process that gives none is ended.
    async fn sole_answer(&self, stream: &Arc<Stream>) -> Result<Bytes, Refused> {
        match timeout(STDIO_GREET_TIME, stream.read().next()).await {
            Ok(Read::Event { text, .. }) => Ok(text),
            Ok(Read::End(_)) => Err(Refused::Busy),
            Err(_) => {
                self.end(Ending::Fault("it does not answer".to_owned()));
                Err(Refused::Stalled)
            }
        }
    }

    /// Whether it speaks the revisions without sessions. It is asked once, the way a client is to
    /// (revision 2026-07-28, stdio, Backward Compatibility): whatever is no answer of such a server
    /// means that it does not.
    pub async fn era(&self) -> Result<Era, Refused> {
        self.era.get_or_try_init(|| self.probe()).await.copied()
    }

    async fn probe(&self) -> Result<Era, Refused> {
        let probe = Reader::default().read(PROBE.as_bytes());
        let Some(probe) = probe.ok().and_then(|(mut all, _)| all.pop()) else {
            return Ok(Era::Sessions);
        };
        let stream = Stream::new(0, Some(1));
        let owner = Owner {
            principal: None,
            session: Weak::new(),
        };
        self.call(&probe, owner, &stream, false).await?;
        let Ok(Read::Event { text, .. }) = timeout(STDIO_GREET_TIME, stream.read().next()).await
        else {
            return Ok(Era::Sessions);
        };
        if let Some(why) = &*self.ending.borrow() {
            return Err(why.refused());
        }
        let answer = Reader::default()
            .read(&text)
            .ok()
            .and_then(|(mut all, _)| all.pop());
        Ok(match answer.map(|answer| answer.kind) {
            Some(Kind::Response { error: None }) => Era::Requests,
            Some(Kind::Response { error: Some(code) }) if codes::is_modern(code) => Era::Requests,
            _ => Era::Sessions,
        })
    }
}

/// Asks what a server without sessions must know.
const PROBE: &str = concat!(
    r#"{"jsonrpc":"2.0","id":"sluice-discover","method":"server/discover","params":{"_meta":{"#,
    r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
    r#""io.modelcontextprotocol/clientInfo":{"name":"sluice","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""},"io.modelcontextprotocol/clientCapabilities":{}}}}"#
);
