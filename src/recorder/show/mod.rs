//! Printing recordings: for people, and as JSON Lines; as frames, and as conversations.

pub mod conversation;
mod json;
mod people;

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use self::json::json;
use self::people::{print, printable};
use crate::base::calendar::Utc;
use crate::base::clock::{Mono, Wall};
use crate::base::ids::SessionId;
use crate::record::verify::{Report, Verdict};

use super::read::{Recording, SessionSummary};

/// A time as RFC 3339 in UTC, to the millisecond.
fn time(at: Wall) -> String {
    format!("{:#}", Utc::from(at))
}

/// Two lines per session.
pub fn list(sessions: &[SessionSummary], out: &mut impl Write) -> io::Result<()> {
    for session in sessions {
        let unknown = session
            .exchanges
            .iter()
            .filter(|it| it.end.is_none())
            .count();
        write!(
            out,
            "{}  {}  {:<16}  {} exchanges",
            session.id,
            time(session.first),
            printable(&session.connection),
            session.exchanges.len(),
        )?;
        if unknown > 0 {
            write!(out, ", {unknown} without end")?;
        }
        match session.over {
            Some(why) => writeln!(out, ", ended: {}", why.name())?,
            None => writeln!(out)?,
        }
        writeln!(out, "  {}", printable(&session.principal))?;
    }
    Ok(())
}

/// Everything in one session, in order, for people. Answers whether the session was found.
pub fn show(
    recordings: &[Recording],
    session: SessionId,
    out: &mut impl Write,
) -> io::Result<bool> {
    replay(recordings, session, |_| (), out)
}

/// Like [`show`], waiting between frames as long as it took then; `wait` sleeps, or not.
pub fn replay(
    recordings: &[Recording],
    session: SessionId,
    mut wait: impl FnMut(Duration),
    out: &mut impl Write,
) -> io::Result<bool> {
    let mut found = false;
    for recording in recordings {
        let mut last: Option<Mono> = None;
        let mut result = Ok(());
        let unread = recording.visit(Some(session), |_, frame, event| {
            found = true;
            let at = frame.header.at.mono;
            wait(last.map_or(Duration::ZERO, |last| at.since(last)));
            last = Some(last.map_or(at, |last| last.max(at)));
            result = print(frame, event, out).and_then(|()| out.flush());
            match result {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        result?;
        if let Some(what) = unread {
            writeln!(out, "not readable: {what}")?;
        }
    }
    Ok(found)
}

/// Every frame as one JSON object a line, of one session or of all.
pub fn json_lines(
    recordings: &[Recording],
    only: Option<SessionId>,
    out: &mut impl Write,
) -> io::Result<Vec<String>> {
    let mut unread = Vec::new();
    for recording in recordings {
        let mut result = Ok(());
        let problem = recording.visit(only, |session, frame, event| {
            let line = json(recording.writer(), session, frame, event);
            result = writeln!(out, "{line}");
            match result {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        })?;
        result?;
        unread.extend(problem.map(|what| format!("{}: {what}", recording.writer())));
    }
    Ok(unread)
}

/// What verification found, for people.
pub fn report(report: &Report, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "writer {}: {}", report.writer, report.verdict.name())?;
    if let Some(finding) = &report.finding {
        writeln!(out, "  {finding}")?;
    }
    writeln!(
        out,
        "  {} segments, {} leaves, {} frames, {} checkpoints, {} crashes recorded",
        report.segments, report.leaves, report.frames, report.checkpoints, report.crashes
    )?;
    writeln!(out, "  root {}", BASE64.encode(report.root))?;
    if let Some(key) = report.first_key {
        writeln!(out, "  first key {}", BASE64.encode(key))?;
    }
    if report.open_exchanges > 0 {
        let count = report.open_exchanges;
        writeln!(out, "  {count} exchanges without end: outcome unknown")?;
    }
    if report.verdict == Verdict::Ok {
        writeln!(
            out,
            "  without an anchor, a cut since the last checkpoint cannot be seen"
        )?;
    }
    Ok(())
}
