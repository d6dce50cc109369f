//! Whether a caller may hear what a server says, one message at a time.

use std::sync::Arc;

use super::endpoint;
use crate::auth::Identity;
use crate::base::clock::Now;
use crate::exchange::dialogue::Dialogue;
use crate::exchange::refusal::McpRefusal;
use crate::exchange::rules::{Connection, Mcp};
use crate::exchange::whence::Whence;
use crate::exchange::{Account, Core, Refusal};
use crate::json::Value;
use crate::mcp::event::Frame;
use crate::mcp::pins::Sight;
use crate::mcp::print::Fingerprint;
use crate::mcp::{
    Answer, Answers, Asked, Edits, Item, ListKind, Unreadable, What, filter, write_string,
};
use crate::policy::{Arguments, Call, Decision, Facts, McpCall};

/// What judges the messages of one reply.
pub(super) struct Hearing {
    connection: Arc<Connection>,
    dialogue: Box<Dialogue>,
    /// The gateway's own address of the connection.
    base: Box<str>,
    /// Answers to the server in the caller's place.
    owed: Vec<Vec<u8>>,
    /// Of the transport of 2024-11-05: the upstream's path for messages.
    path: Option<Box<str>>,
    edits: Edits,
}

/// What becomes of one message.
enum Verdict {
    /// It passes as it is.
    Passes,
    /// It passes with these changes.
    Changed,
    /// The caller does not hear it.
    Unheard,
    /// An error of the gateway's stands in its place.
    Replaced(Vec<u8>),
}

/// What is needed to judge.
pub(super) struct Ear<'e> {
    pub account: &'e mut Account,
    pub core: &'e mut Core,
    pub now: Now,
}

impl Hearing {
    pub(super) fn new(connection: Arc<Connection>, dialogue: Box<Dialogue>, base: &str) -> Hearing {
        Hearing {
            connection,
            dialogue,
            base: base.into(),
            owed: Vec::new(),
            path: None,
            edits: Edits::new(),
        }
    }

    /// Bytes of a message at most.
    pub(super) fn message_bytes(&self) -> usize {
        let bytes = self
            .connection
            .mcp
            .as_ref()
            .map_or(0, |mcp| mcp.message_bytes);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// What is to be heard of a whole JSON body, at the end of `out`.
    pub(super) fn whole(
        &mut self,
        message: &[u8],
        out: &mut Vec<u8>,
        ear: &mut Ear<'_>,
    ) -> Result<(), Refusal> {
        if message.trim_ascii().is_empty() {
            return Ok(());
        }
        match self.judged(message, ear).map_err(unreadable)? {
            Verdict::Passes => out.extend_from_slice(message),
            Verdict::Changed => rewrite(&self.edits, message, out, ear.core)?,
            Verdict::Replaced(error) => out.extend_from_slice(&error),
            // The one answer that the caller waits for cannot be a question.
            Verdict::Unheard => return Err(Refusal::UpstreamMalformed("a request for an answer")),
        }
        Ok(())
    }

    /// What is to be heard of an event, at the end of `out`.
    pub(super) fn event(
        &mut self,
        frame: &Frame<'_>,
        out: &mut Vec<u8>,
        ear: &mut Ear<'_>,
    ) -> Result<(), Refusal> {
        let Some(data) = frame.data.filter(|data| !data.is_empty()) else {
            out.extend_from_slice(frame.raw);
            return Ok(());
        };
        let plain = matches!(frame.event, None | Some(b"" | b"message"));
        if frame.event == Some(b"endpoint") {
            return self.endpoint(frame, data, out);
        }
        match self.judged(data, ear) {
            Ok(Verdict::Passes) => out.extend_from_slice(frame.raw),
            Ok(Verdict::Changed) => edit(frame, &self.edits, out)?,
            Ok(Verdict::Unheard) => {}
            // The event keeps its id: the caller goes on from there when it comes back.
            Ok(Verdict::Replaced(error)) => replace(frame, data, &error, out)?,
            // Under another name than a message's it need not be one; and nothing in braces says
            // nothing: servers keep such events in what they replay.
            Err(Unreadable::Json(_)) if !plain => out.extend_from_slice(frame.raw),
            Err(Unreadable::Shape) if is_empty_object(data) => out.extend_from_slice(frame.raw),
            Err(why) => return Err(unreadable(why)),
        }
        Ok(())
    }

    /// Of the transport of 2024-11-05: where the caller is to send messages is the gateway's.
    fn endpoint(
        &mut self,
        frame: &Frame<'_>,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let path = endpoint::path(&self.connection.upstream, data);
        self.path = path.map(Box::from);
        let sealed = self.mcp().zip(path).and_then(|(mcp, path)| {
            mcp.sealer
                .seal_endpoint(path, &self.connection.name, &self.dialogue.principal)
                .ok()
        });
        let sealed = sealed.ok_or(Refusal::UpstreamMalformed("an endpoint elsewhere"))?;
        replace(frame, data, &endpoint::address(&self.base, &sealed), out)
    }

    fn mcp(&self) -> Option<&Mcp> {
        self.connection.mcp.as_deref()
    }

    fn judged(&mut self, message: &[u8], ear: &mut Ear<'_>) -> Result<Verdict, Unreadable> {
        let mut answers = std::mem::take(&mut ear.core.answers);
        let verdict = self.judge(message, &mut answers, ear);
        ear.core.answers = answers;
        verdict
    }

    fn judge(
        &mut self,
        message: &[u8],
        answers: &mut Answers,
        ear: &mut Ear<'_>,
    ) -> Result<Verdict, Unreadable> {
        self.edits.clear();
        let said = answers.read(message)?;
        let alone = said.answers().len() == 1;
        let mut verdict = Verdict::Passes;
        for answer in said.answers() {
            match self.judge_one(answer, message.len(), ear)? {
                Verdict::Passes => {}
                other if alone => verdict = other,
                Verdict::Changed => verdict = Verdict::Changed,
                // Of a batch, one part cannot be taken out: nothing of it is heard.
                Verdict::Unheard | Verdict::Replaced(_) => return Err(Unreadable::Asked),
            }
        }
        Ok(verdict)
    }

    fn judge_one(
        &mut self,
        answer: &Answer<'_>,
        size: usize,
        ear: &mut Ear<'_>,
    ) -> Result<Verdict, Unreadable> {
        for task in answer.tasks() {
            self.bind(task, ear.now)?;
        }
        if let Some(refusal) = answer
            .embedded()
            .find_map(|asked| self.refuse(asked, ear).err())
        {
            return Ok(Verdict::Replaced(refused(answer, &refusal)));
        }
        match answer.what {
            What::Request(asked) => match self.refuse(asked, ear) {
                Ok(()) => Ok(Verdict::Passes),
                Err(refusal) => {
                    self.owed.push(refused(answer, &refusal));
                    Ok(Verdict::Unheard)
                }
            },
            What::Result(result) => {
                if self
                    .dialogue
                    .result_bytes
                    .is_some_and(|most| size as u64 > most)
                {
                    let refusal = McpRefusal::ResultTooLarge.into();
                    return Ok(Verdict::Replaced(refused(answer, &refusal)));
                }
                if ListKind::ALL
                    .iter()
                    .any(|kind| result.get(kind.member()).is_some())
                {
                    self.filter(result, ear)?;
                } else if let Some(state) = answer.request_state() {
                    self.wrap(state, ear.now)?;
                }
                Ok(if self.edits.is_empty() {
                    Verdict::Passes
                } else {
                    Verdict::Changed
                })
            }
            What::Error(_) | What::Notification(_) => Ok(Verdict::Passes),
        }
    }

    /// Whether the server may ask the caller that.
    fn refuse(&self, asked: Asked<'_>, ear: &Ear<'_>) -> Result<(), Refusal> {
        if asked.method == "ping" {
            return Ok(());
        }
        let call = McpCall {
            arguments: Arguments::Known(asked.params),
            ..McpCall::bare(asked.method, None)
        };
        let identity = self.dialogue.identity.clone();
        let calls = [call];
        let facts = facts(ear.account.whence(), ear.now);
        match Call::mcp(identity, &calls, facts).decide(&self.connection.policies) {
            Decision::Allowed(_) => Ok(()),
            Decision::NeedsApproval(held) => Err(Refusal::ApprovalNeeded(held.rule)),
            Decision::Denied(refused) => Err(Refusal::Denied(refused.denial)),
        }
    }

    /// A task that begins here is this principal's.
    fn bind(&self, task: &str, now: Now) -> Result<(), Unreadable> {
        let Some(mcp) = self.mcp() else {
            return Err(Unreadable::Asked);
        };
        let owner = self.dialogue.principal;
        mcp.tasks
            .bind(&self.connection.name, task, &owner, None, now.wall)
            .map_err(|_| Unreadable::Asked)
    }

    /// Takes out of lists what the caller could not use.
    fn filter(&mut self, result: Value<'_>, ear: &mut Ear<'_>) -> Result<(), Unreadable> {
        let Hearing {
            connection,
            dialogue,
            edits,
            ..
        } = self;
        let whence = ear.account.whence().clone();
        let facts = facts(&whence, ear.now);
        let keep = |item: Item<'_>| may_see(item, connection, &dialogue.identity, &facts);
        let count = filter(result, dialogue.revision, edits, keep)?;
        ear.account.hid(count.hidden);
        Ok(())
    }

    /// A state that the client brings back is bound to it.
    fn wrap(&mut self, state: Value<'_>, now: Now) -> Result<(), Unreadable> {
        let text = state.as_str().ok_or(Unreadable::Shape)?;
        let mcp = self.mcp().ok_or(Unreadable::Shape)?;
        let sealed = mcp
            .sealer
            .seal_state(
                text,
                now.wall.unix_seconds(),
                &self.connection.name,
                &self.dialogue.principal,
            )
            .map_err(|_| Unreadable::Shape)?;
        let mut written = Vec::new();
        write_string(&sealed, &mut written);
        self.edits.push(state.span(), &written)?;
        Ok(())
    }

    /// What the server is still to be told in the caller's place.
    pub(super) fn take_owed(&mut self) -> Option<Vec<u8>> {
        self.owed.pop()
    }

    /// What the exchange is.
    pub(super) fn dialogue(&self) -> &Dialogue {
        &self.dialogue
    }

    /// Of the transport of 2024-11-05: the upstream's path for messages.
    pub(super) fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }
}

/// The event with other data, whatever else it says.
fn replace(frame: &Frame<'_>, data: &[u8], with: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
    let mut edits = Edits::new();
    let pushed = edits.push(0..data.len(), with);
    pushed.map_err(|_| UNEDITABLE)?;
    edit(frame, &edits, out)
}

fn edit(frame: &Frame<'_>, edits: &Edits, out: &mut Vec<u8>) -> Result<(), Refusal> {
    frame.edit(edits, out).map_err(|_| UNEDITABLE)
}

const UNEDITABLE: Refusal = Refusal::UpstreamMalformed("an event that cannot be edited");

/// The gateway's error in the place of what would have been said.
fn refused(answer: &Answer<'_>, refusal: &Refusal) -> Vec<u8> {
    refusal.rpc(answer.id.unwrap_or("null"))
}

/// The same judgement that a call meets, its arguments unknown; and a tool is as it was when
/// somebody trusted it.
fn may_see(
    item: Item<'_>,
    connection: &Connection,
    identity: &Identity,
    facts: &Facts<'_>,
) -> bool {
    let Some(mcp) = &connection.mcp else {
        return false;
    };
    if item.kind == ListKind::Tools {
        let print = Fingerprint::of(item.definition);
        let sight = mcp
            .pins
            .see(&connection.name, item.name, &print, item.definition.raw());
        if sight != Sight::Shown {
            return false;
        }
    }
    let call = McpCall {
        annotations: item.definition.get("annotations"),
        ..McpCall::bare(item.kind.used_by(), Some(item.name))
    };
    connection.policies.could(identity, &call, facts)
}

/// `{}`, with whatever white space.
fn is_empty_object(data: &[u8]) -> bool {
    let inner = data.trim_ascii().strip_prefix(b"{");
    let inner = inner.and_then(|inner| inner.strip_suffix(b"}"));
    inner.is_some_and(|inner| inner.trim_ascii().is_empty())
}

fn facts(whence: &Whence, now: Now) -> Facts<'_> {
    Facts {
        source: whence.source(),
        ..Facts::at(now.wall.unix_seconds())
    }
}

fn rewrite(
    edits: &Edits,
    message: &[u8],
    out: &mut Vec<u8>,
    core: &mut Core,
) -> Result<(), Refusal> {
    core.rewriter
        .rewrite(message, edits, out)
        .map_err(unreadable)
}

/// For the log, which reading failed is told by constants only.
fn unreadable(why: Unreadable) -> Refusal {
    Refusal::UpstreamMalformed(match why {
        Unreadable::Json(_) => "a message that is not JSON",
        Unreadable::Shape => "a message that is not JSON-RPC",
        Unreadable::Key => "a message that reads in two ways",
        Unreadable::Asked => "a message that asks for what cannot be judged",
        Unreadable::List => "a list that cannot be read",
    })
}
