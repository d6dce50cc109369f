//! A session of an MCP connection as the conversation that it was: who asked for what, what came
//! back, what was masked.
//!
//! An exchange is told when it ends, with the time at which it began; messages of an event stream
//! carry the times at which they came. What is not JSON-RPC is told in a line; the frames
//! themselves say more.

mod gather;
mod json;
mod people;
mod said;

use std::io::{self, Write};
use std::ops::ControlFlow;

use self::gather::{Exchange, Gathering};
use crate::base::ids::SessionId;
use crate::record::payload::Event;
use crate::recorder::read::Recording;

/// How a conversation is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// For people.
    Text,
    /// One JSON object for each exchange.
    Json,
}

/// Whether a session has an exchange in JSON-RPC, so that [`tell`] has something to tell.
pub fn is_one(recordings: &[Recording], session: SessionId) -> io::Result<bool> {
    let mut speaks = false;
    for recording in recordings {
        each(recording, session, |exchange| {
            speaks |= exchange.asks();
            match speaks {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
    }
    Ok(speaks)
}

/// Writes a session as a conversation. Answers what could not be read.
pub fn tell(
    recordings: &[Recording],
    session: SessionId,
    form: Form,
    out: &mut impl Write,
) -> io::Result<Vec<String>> {
    let mut unread = Vec::new();
    for recording in recordings {
        let mut written = Ok(());
        let mut is_first = true;
        let problem = each(recording, session, |exchange| {
            written = match form {
                Form::Text => people::print(session, exchange, is_first, out),
                Form::Json => json::print(recording.writer(), session, exchange, out),
            };
            is_first = false;
            match written {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        written?;
        unread.extend(problem.map(|what| format!("{}: {what}", recording.writer())));
    }
    Ok(unread)
}

/// Hands over every exchange of a session: those that end as they end, the others at last.
fn each(
    recording: &Recording,
    session: SessionId,
    mut take: impl FnMut(&Exchange) -> ControlFlow<()>,
) -> io::Result<Option<String>> {
    let mut gathering = Gathering::default();
    let mut flow = ControlFlow::Continue(());
    let unread = recording.visit(Some(session), |_, frame, event| {
        gathering.add(&frame.header, event);
        if let Event::End(_) = event
            && let Some(exchange) = gathering.take(frame.header.exchange)
        {
            flow = take(&exchange);
        }
        flow
    })?;
    for exchange in gathering.rest() {
        if flow.is_continue() {
            flow = take(&exchange);
        }
    }
    Ok(unread)
}
