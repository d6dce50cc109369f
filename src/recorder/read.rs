//! Reading recordings from their directories: what the command line shows comes from here.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::base::clock::Wall;
use crate::base::ids::{ExchangeId, SessionId, WriterId};
use crate::record::block::{Block, frames};
use crate::record::frame::Frame;
use crate::record::payload::{Class, Decision, EndPayload, Event, Outcome, SessionOver};
use crate::record::segment::{Entry, Header, Walk, zeros};
use crate::record::tree::Hash;
use crate::record::verify::{Next, Report, Trust, Verifier};

use super::{pruned_name, pruned_number, segment_name, segment_number, writers};

/// One writer's recording.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recording {
    writer: WriterId,
    path: PathBuf,
}

/// Every recording under a data directory.
pub fn recordings(data: &Path) -> io::Result<Vec<Recording>> {
    let found = writers(data)?.into_iter();
    Ok(found
        .map(|(writer, path)| Recording { writer, path })
        .collect())
}

impl Recording {
    /// The recording of this writer in this directory.
    #[must_use]
    pub fn new(writer: WriterId, path: PathBuf) -> Recording {
        Recording { writer, path }
    }

    /// Whose.
    #[must_use]
    pub fn writer(&self) -> WriterId {
        self.writer
    }

    /// Where.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The numbers of its segments' files, in order.
    pub fn segments(&self) -> io::Result<Vec<u64>> {
        self.numbers(segment_number)
    }

    fn numbers(&self, number: fn(&str) -> Option<u64>) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            numbers.extend(name.to_str().and_then(number));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Verifies every byte. `anchor` is the size and root of a checkpoint that was kept elsewhere.
    pub fn verify(&self, trust: Trust, anchor: Option<(u64, Hash)>) -> io::Result<Report> {
        let mut verifier = Verifier::new(self.writer, trust);
        if let Some((size, root)) = anchor {
            verifier.anchor(size, root);
        }
        let numbers = self.segments()?;
        for number in self.numbers(pruned_number)? {
            // Given up but not yet removed: the segment itself tells more.
            if numbers.contains(&number) {
                continue;
            }
            let kept = std::fs::read(self.path.join(pruned_name(number)))?;
            if !verifier.pruned(number, &kept) {
                return Ok(verifier.finish());
            }
        }
        let mut bytes = match numbers.first() {
            Some(first) => self.segment(*first)?,
            None => Vec::new(),
        };
        for (index, number) in numbers.iter().enumerate() {
            let following = match numbers.get(index + 1) {
                Some(next) => Some(self.segment(*next)?),
                None => None,
            };
            let next = match &following {
                None => Next::Nothing,
                Some(bytes) if zeros(bytes) => Next::Prepared,
                Some(_) => Next::Segment,
            };
            if !verifier.segment(*number, &bytes, next) {
                break;
            }
            bytes = following.unwrap_or_default();
        }
        Ok(verifier.finish())
    }

    /// Hands every frame over in the log's order, of one session or of all, until `visit` breaks.
    ///
    /// Answers what could not be read, if anything: a torn end, or damage. What can be read is.
    pub fn visit(
        &self,
        only: Option<SessionId>,
        mut visit: impl FnMut(SessionId, &Frame<'_>, &Event<'_>) -> ControlFlow<()>,
    ) -> io::Result<Option<String>> {
        let mut unread = None;
        for number in self.segments()? {
            let bytes = self.segment(number)?;
            if zeros(&bytes) {
                continue;
            }
            match visit_segment(&bytes, only, &mut visit) {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => break,
                Err(what) => unread = Some(format!("segment {number}: {what}")),
            }
        }
        Ok(unread)
    }

    fn segment(&self, number: u64) -> io::Result<Vec<u8>> {
        std::fs::read(self.path.join(segment_name(number)))
    }
}

fn visit_segment(
    bytes: &[u8],
    only: Option<SessionId>,
    visit: &mut impl FnMut(SessionId, &Frame<'_>, &Event<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, String> {
    Header::read(bytes).ok_or("its header is damaged")?;
    let mut walk = Walk::new(bytes);
    while let Some(entry) = walk.next_entry().map_err(|error| error.to_string())? {
        let Entry::Block(block) = entry else { continue };
        let block = Block::read(block).map_err(|error| error.to_string())?;
        for chunk in block.chunks() {
            if only.is_some_and(|only| only != chunk.session) {
                continue;
            }
            let unpacked = chunk.unpack().map_err(|error| error.to_string())?;
            for frame in frames(&unpacked) {
                let frame = frame.map_err(|error| error.to_string())?;
                let event = Event::read(&frame).map_err(|error| error.to_string())?;
                if visit(chunk.session, &frame, &event).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// One exchange in short.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExchangeSummary {
    /// Its name.
    pub exchange: ExchangeId,
    /// When it was admitted.
    pub at: Wall,
    /// How safely it was recorded.
    pub class: Class,
    /// What was decided.
    pub decision: Decision,
    /// The rule that decided.
    pub rule: String,
    /// The method.
    pub method: String,
    /// The path, masked.
    pub path: String,
    /// The query, masked.
    pub query: Option<String>,
    /// The end; `None` means that the outcome is unknown.
    pub end: Option<EndPayload>,
}

/// One session in short.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionSummary {
    /// Whose recording it is in.
    pub writer: WriterId,
    /// Its name.
    pub id: SessionId,
    /// Who.
    pub principal: String,
    /// What was used.
    pub connection: String,
    /// When its first frame was written.
    pub first: Wall,
    /// When its last frame was written.
    pub last: Wall,
    /// Why it ended, when it did.
    pub over: Option<SessionOver>,
    /// Its exchanges, in the order of admission.
    pub exchanges: Vec<ExchangeSummary>,
}

/// Which sessions to list; all that is `None` lets everything pass.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Filter {
    /// A part of the principal's name.
    pub principal: Option<String>,
    /// The connection's name.
    pub connection: Option<String>,
    /// An outcome that at least one exchange had.
    pub outcome: Option<Outcome>,
    /// Active at or after this time.
    pub since: Option<Wall>,
    /// Active at or before this time.
    pub until: Option<Wall>,
}

impl Filter {
    fn passes(&self, session: &SessionSummary) -> bool {
        let has_outcome = |wanted| {
            let mut ends = session.exchanges.iter().filter_map(|it| it.end);
            ends.any(|end| end.end.outcome == wanted)
        };
        self.principal
            .as_ref()
            .is_none_or(|part| session.principal.contains(part.as_str()))
            && self
                .connection
                .as_ref()
                .is_none_or(|name| session.connection == *name)
            && self.outcome.is_none_or(has_outcome)
            && self.since.is_none_or(|since| session.last >= since)
            && self.until.is_none_or(|until| session.first <= until)
    }
}

/// The sessions of the recordings that pass the filter, oldest first, and what could not be read.
pub fn sessions(
    recordings: &[Recording],
    filter: &Filter,
) -> io::Result<(Vec<SessionSummary>, Vec<String>)> {
    let mut all = Vec::new();
    let mut unread = Vec::new();
    for recording in recordings {
        let mut found = BTreeMap::<SessionId, SessionSummary>::new();
        let problem = recording.visit(None, |session, frame, event| {
            // Frames of the recorder's own belong to no session.
            if session != SessionId::default() {
                found
                    .entry(session)
                    .or_insert_with(|| SessionSummary::new(recording.writer, session, frame))
                    .add(frame, event);
            }
            ControlFlow::Continue(())
        })?;
        unread.extend(problem.map(|what| format!("{}: {what}", recording.writer)));
        all.extend(found.into_values().filter(|it| filter.passes(it)));
    }
    all.sort_by_key(|it| it.first);
    Ok((all, unread))
}

impl SessionSummary {
    fn new(writer: WriterId, id: SessionId, frame: &Frame<'_>) -> SessionSummary {
        SessionSummary {
            writer,
            id,
            principal: String::new(),
            connection: String::new(),
            first: frame.header.at.wall,
            last: frame.header.at.wall,
            over: None,
            exchanges: Vec::new(),
        }
    }

    fn add(&mut self, frame: &Frame<'_>, event: &Event<'_>) {
        let at = frame.header.at.wall;
        self.first = self.first.min(at);
        self.last = self.last.max(at);
        match event {
            Event::SessionOpen {
                principal,
                connection,
            } => self.name(principal, connection),
            Event::RequestHead {
                request,
                class,
                principal,
                connection,
            } => {
                self.name(principal, connection);
                self.exchanges.push(ExchangeSummary {
                    exchange: frame.header.exchange,
                    at,
                    class: *class,
                    decision: request.decision,
                    rule: request.rule.to_owned(),
                    method: request.method.to_owned(),
                    path: request.path.to_owned(),
                    query: request.query.map(str::to_owned),
                    end: None,
                });
            }
            Event::End(end) => {
                let ends = |it: &&mut ExchangeSummary| it.exchange == frame.header.exchange;
                if let Some(exchange) = self.exchanges.iter_mut().rev().find(ends) {
                    exchange.end = Some(*end);
                }
            }
            Event::SessionEnd(why) => self.over = Some(*why),
            _ => {}
        }
    }

    fn name(&mut self, principal: &str, connection: &str) {
        if self.principal.is_empty() {
            self.principal = principal.to_owned();
            self.connection = connection.to_owned();
        }
    }
}
