//! Who asked a process what, and so to whom each of its messages goes.
//!
//! Over its pipes a process speaks with one client. Where it serves one session, ids and tokens are
//! passed on as they are; only where one would be ambiguous is it replaced by a number of ours, and
//! put back in what comes. A message that names no request goes to a session of the one principal
//! that there is. Where there are several, only "the list has changed" goes to all: anything else
//! may speak of what another principal asked, so it goes to nobody.

mod route;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Weak};

use bytes::Bytes;

use super::message::{Key, Message};
use super::session::Session;
use super::stream::{End, Stream};
use super::{Slot, codes};
use crate::base::limits::STDIO_CALLS;
use crate::servers::Principal;
use crate::servers::reply::error_text;

/// What is open between a process and its callers.
pub(super) struct Table {
    slot: Slot,
    calls: HashMap<Key, Call>,
    /// Tokens of open calls, as the process knows them.
    tokens: HashMap<Key, Key>,
    buried: Buried,
    /// Requests of the process, and who is to answer them.
    asked: HashMap<Key, Weak<Session>>,
    sessions: Vec<Weak<Session>>,
    /// The last number that was made up.
    numbers: u64,
    order: u64,
}

/// Whose a call is.
#[derive(Clone)]
pub(super) struct Owner {
    /// None for a call of our own.
    pub principal: Option<Principal>,
    /// None in revisions without sessions.
    pub session: Weak<Session>,
}

/// A request that has no answer yet.
struct Call {
    owner: Owner,
    order: u64,
    stream: Arc<Stream>,
    /// Its id as the caller wrote it, and what that is.
    id: Box<str>,
    id_key: Key,
    is_renamed: bool,
    token: Option<Token>,
    /// Its caller reads more than the response.
    takes_events: bool,
}

struct Token {
    sent: Key,
    /// As the caller wrote it, where it was replaced.
    written: Option<Box<str>>,
}

/// What a message of the process leads to.
pub(super) enum Step {
    /// A message for a caller.
    Push(Arc<Stream>, Bytes),
    /// The answer to a request.
    Respond(Arc<Stream>, Bytes),
    /// A stream is over.
    End(Arc<Stream>),
    /// A line for the process.
    Answer(String),
}

/// Ids that the process may still answer although nobody waits; the oldest are forgotten.
#[derive(Default)]
struct Buried {
    set: HashSet<Key>,
    order: VecDeque<Key>,
}

impl Table {
    /// An empty table.
    pub fn new(slot: Slot) -> Table {
        Table {
            slot,
            calls: HashMap::new(),
            tokens: HashMap::new(),
            buried: Buried::default(),
            asked: HashMap::new(),
            sessions: Vec::new(),
            numbers: 0,
            order: 0,
        }
    }

    /// Adds a session.
    pub fn join(&mut self, session: &Arc<Session>) {
        self.sessions
            .retain(|known| known.upgrade().is_some_and(|known| !known.is_over()));
        self.sessions.push(Arc::downgrade(session));
    }

    /// The sessions that are open.
    pub fn sessions(&self) -> Vec<Arc<Session>> {
        let open = self.sessions.iter().filter_map(Weak::upgrade);
        open.filter(|session| !session.is_over()).collect()
    }

    /// How many calls are open.
    pub fn open_calls(&self) -> usize {
        self.calls.len()
    }

    /// Enters a request, and answers with its key and the line for the process; none if too many
    /// are open.
    pub fn call(
        &mut self,
        message: &Message,
        owner: Owner,
        stream: &Arc<Stream>,
        takes_events: bool,
    ) -> Option<(Key, Bytes)> {
        let id = message.id.as_ref()?;
        if self.calls.len() >= STDIO_CALLS {
            return None;
        }
        let mut edits = Vec::new();
        let (sent, sent_text) = self.name_for(&id.key, |table, key| {
            table.calls.contains_key(key) || table.buried.set.contains(key)
        });
        edits.extend(sent_text.as_deref().map(|text| (id, text)));
        let token = message.token.as_ref().map(|token| {
            let (sent, text) =
                self.name_for(&token.key, |table, key| table.tokens.contains_key(key));
            let written = message.name_text(token).map(Box::from);
            (token, text, Token { sent, written })
        });
        if let Some((token, Some(text), _)) = &token {
            edits.push((token, text));
        }
        let line = message.with(&edits);
        let is_renamed = sent_text.is_some();
        let token = token.map(|(_, text, token)| Token {
            written: token.written.filter(|_| text.is_some()),
            ..token
        });
        if let Some(token) = &token {
            self.tokens.insert(token.sent.clone(), sent.clone());
        }
        self.order += 1;
        let call = Call {
            owner,
            order: self.order,
            stream: stream.clone(),
            id: message.id_text()?.into(),
            id_key: id.key.clone(),
            is_renamed,
            token,
            takes_events,
        };
        self.calls.insert(sent.clone(), call);
        Some((sent, line))
    }

    /// The name that the process is to know something by: its own, or a number and its text.
    fn name_for(
        &mut self,
        own: &Key,
        is_taken: impl Fn(&Table, &Key) -> bool,
    ) -> (Key, Option<String>) {
        if self.slot.principal.is_some() && !is_taken(self, own) {
            return (own.clone(), None);
        }
        loop {
            self.numbers += 1;
            let key = Key::number(self.numbers);
            if !is_taken(self, &key) {
                return (key, Some(self.numbers.to_string()));
            }
        }
    }

    /// Takes a call out.
    fn close(&mut self, key: &Key) -> Option<Call> {
        let call = self.calls.remove(key)?;
        if let Some(token) = &call.token {
            self.tokens.remove(&token.sent);
        }
        Some(call)
    }

    /// Gives a call up that nobody waits for, and answers with the line that tells the process. The
    /// stream says which call is meant: once a call is answered, another may have its name.
    pub fn abandon(&mut self, key: &Key, stream: &Arc<Stream>) -> Option<String> {
        let is_it = |call: &Call| Arc::ptr_eq(&call.stream, stream);
        if !self.calls.get(key).is_some_and(is_it) {
            return None;
        }
        let call = self.close(key)?;
        self.buried.add(key.clone());
        call.stream.end(End::Done);
        Some(cancellation(key))
    }

    /// Gives up what a session that has ended still waits for.
    pub fn leave(&mut self, session: &Arc<Session>) -> Vec<String> {
        let theirs = self.of_session(session);
        let theirs: Vec<_> = theirs
            .map(|(key, call)| (key.clone(), call.stream.clone()))
            .collect();
        let lines = theirs
            .iter()
            .filter_map(|(key, stream)| self.abandon(key, stream));
        lines.collect()
    }

    /// A cancellation from a session: the line for the process, if there is something to cancel. The
    /// caller gets an error at once, since a process need not answer any more.
    pub fn cancel(&mut self, message: &Message, session: &Arc<Session>) -> Option<Bytes> {
        let cancels = message.cancels.as_ref()?;
        let mut theirs = self.of_session(session);
        let (key, _) = theirs.find(|(_, call)| call.id_key == cancels.key)?;
        let key = key.clone();
        drop(theirs);
        let call = self.close(&key)?;
        self.buried.add(key.clone());
        let error = error_text(Some(&call.id), codes::CANCELLED, "cancelled by the caller");
        call.stream.respond(error.into());
        let sent = key.text();
        let edit = call.is_renamed.then_some((cancels, sent.as_str()));
        Some(message.with(edit.as_slice()))
    }

    /// Whether this answers a request that the process put to this session. It does so once.
    pub fn takes_answer(&mut self, message: &Message, session: &Arc<Session>) -> bool {
        let Some(id) = &message.id else {
            return false;
        };
        let is_theirs = (self.asked.get(&id.key))
            .is_some_and(|asked| std::ptr::eq(asked.as_ptr(), Arc::as_ptr(session)));
        is_theirs && self.asked.remove(&id.key).is_some()
    }

    /// Takes every open call out with an error that says why.
    pub fn fail(&mut self, code: i32, why: &str) {
        self.tokens.clear();
        for (_, call) in self.calls.drain() {
            let error = error_text(Some(&call.id), code, why);
            call.stream.respond(error.into());
        }
    }

    fn of_session(&self, session: &Arc<Session>) -> impl Iterator<Item = (&Key, &Call)> {
        self.calls.iter().filter(|(_, call)| call.owner.is(session))
    }
}

impl Owner {
    fn is(&self, session: &Arc<Session>) -> bool {
        std::ptr::eq(self.session.as_ptr(), Arc::as_ptr(session))
    }
}

impl Buried {
    fn add(&mut self, key: Key) {
        if self.set.insert(key.clone()) {
            self.order.push_back(key);
        }
        if self.order.len() > STDIO_CALLS
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
    }

    fn remove(&mut self, key: &Key) {
        if self.set.remove(key) {
            self.order.retain(|known| known != key);
        }
    }
}

/// Tells a process that nobody waits for an answer any more.
fn cancellation(key: &Key) -> String {
    let id = key.text();
    format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"the caller is gone"}}}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::super::Era;
    use super::super::message::Reader;
    use super::*;

    #[test]
    fn giving_up_an_answered_call_leaves_the_next_of_that_name_alone() {
        let principal = Principal::read(&[b'a'; 64]);
        let era = Era::Requests;
        let mut table = Table::new(Slot { principal, era });
        let read = |text: &str| Reader::default().read(text.as_bytes()).unwrap().0.remove(0);
        let call = |table: &mut Table| {
            let stream = Stream::new(0, Some(1));
            let owner = Owner {
                principal,
                session: Weak::new(),
            };
            let called = table.call(&read(r#"{"id":1,"method":"a"}"#), owner, &stream, true);
            (called.unwrap().0, stream)
        };
        let (first, answered) = call(&mut table);
        assert_eq!(table.arrived(&read(r#"{"id":1,"result":{}}"#)).len(), 1);
        let (second, open) = call(&mut table);
        assert_eq!(first, second);
        assert!(table.abandon(&first, &answered).is_none());
        assert_eq!(table.open_calls(), 1);
        assert!(table.abandon(&second, &open).is_some());
        let (third, _) = call(&mut table);
        assert_ne!(third, second, "the process may still answer the second");
    }
}
