//! To whom a message of a process goes.

use std::sync::Arc;

use super::super::codes;
use super::super::message::{Kind, Message};
use super::super::session::Session;
use super::super::stream::Stream;
use super::{Call, Step, Table};
use crate::base::limits::STDIO_ASKED;
use crate::servers::reply::error_text;

impl Table {
    /// What a message of the process leads to; nothing where nobody may have it.
    pub fn arrived(&mut self, message: &Message) -> Vec<Step> {
        match message.kind {
            Kind::Response { .. } => self.response(message).into_iter().collect(),
            Kind::Request => vec![self.request(message)],
            Kind::Notification => self.notification(message),
        }
    }

    fn response(&mut self, message: &Message) -> Option<Step> {
        let id = message.id.as_ref()?;
        let Some(call) = self.close(&id.key) else {
            self.buried.remove(&id.key);
            return None;
        };
        let edit = call.is_renamed.then_some((id, &*call.id));
        Some(Step::Respond(call.stream, message.with(edit.as_slice())))
    }

    /// A request of the process goes to a session, or gets an answer of ours.
    fn request(&mut self, message: &Message) -> Step {
        let id = message.id_text();
        let session = self.sole_session();
        let is_ping = &*message.method == "ping";
        let chosen = session.filter(|session| {
            !is_ping || session.is_listening() || self.newest_call(Some(session)).is_some()
        });
        match (chosen, &message.id) {
            (Some(session), Some(id)) if self.asked.len() < STDIO_ASKED => {
                if let Some(stream) = self.place_in(&session) {
                    self.asked.insert(id.key.clone(), Arc::downgrade(&session));
                    return Step::Push(stream, message.text.clone());
                }
            }
            _ if is_ping => {
                let id = id.unwrap_or("null");
                return Step::Answer(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
            }
            _ => {}
        }
        Step::Answer(error_text(id, codes::NOBODY, "there is nobody to ask"))
    }

    fn notification(&mut self, message: &Message) -> Vec<Step> {
        if let Some(subscription) = &message.subscription {
            let Some(call) = self.calls.get(&subscription.key) else {
                return Vec::new();
            };
            let edit = call.is_renamed.then_some((subscription, &*call.id));
            return vec![Step::Push(
                call.stream.clone(),
                message.with(edit.as_slice()),
            )];
        }
        let text = || message.text.clone();
        match &*message.method {
            "notifications/progress" => self.progress(message).into_iter().collect(),
            "notifications/cancelled" => self.cancelled(message).into_iter().collect(),
            "notifications/tools/list_changed"
            | "notifications/prompts/list_changed"
            | "notifications/resources/list_changed" => {
                let streams = self.sessions();
                let streams = streams.iter().filter_map(|session| session.listener());
                streams.map(|stream| Step::Push(stream, text())).collect()
            }
            "notifications/resources/updated" => {
                let uri = message.uri.as_deref().unwrap_or_default();
                let all = self.sessions();
                let wanting = all.iter().filter(|one| all.len() == 1 || one.wants(uri));
                let streams = wanting.filter_map(|session| session.listener());
                streams.map(|stream| Step::Push(stream, text())).collect()
            }
            "notifications/tasks/status" | "notifications/elicitation/complete" => {
                let listener = self.sole_session().and_then(|session| session.listener());
                listener
                    .map(|stream| Step::Push(stream, text()))
                    .into_iter()
                    .collect()
            }
            _ => {
                let place = match self.sole_session() {
                    Some(session) => self.place_in(&session),
                    None => self.sole_call(),
                };
                place
                    .map(|stream| Step::Push(stream, text()))
                    .into_iter()
                    .collect()
            }
        }
    }

    /// Progress goes to the call that gave the token. A token outlives its call where a task goes
    /// on: then it goes to whoever listens, if that can be only one.
    fn progress(&mut self, message: &Message) -> Option<Step> {
        let token = message.token.as_ref()?;
        let call = self
            .tokens
            .get(&token.key)
            .and_then(|key| self.calls.get(key));
        let Some(call) = call else {
            let late = self
                .slot
                .principal
                .is_some()
                .then(|| self.sole_session())
                .flatten();
            let stream = late?.listener()?;
            return Some(Step::Push(stream, message.text.clone()));
        };
        if !call.takes_events {
            return None;
        }
        let written = call
            .token
            .as_ref()
            .and_then(|token| token.written.as_deref());
        let edit = written.map(|written| (token, written));
        Some(Step::Push(
            call.stream.clone(),
            message.with(edit.as_slice()),
        ))
    }

    /// The process takes back a request of its own, or ends a subscription.
    fn cancelled(&mut self, message: &Message) -> Option<Step> {
        let key = &message.cancels.as_ref()?.key;
        if let Some(call) = self.close(key) {
            return Some(Step::End(call.stream));
        }
        let session = self.asked.remove(key)?.upgrade()?;
        let stream = self.place_in(&session)?;
        Some(Step::Push(stream, message.text.clone()))
    }

    /// The session used last, if all that is open is one principal's.
    fn sole_session(&self) -> Option<Arc<Session>> {
        let sessions = self.sessions();
        if !self.is_one_principal(&sessions) {
            return None;
        }
        let newest = |session: &Arc<Session>| {
            let call = self.newest_call(Some(session)).map(|call| call.order);
            (call, session.used())
        };
        sessions.into_iter().max_by_key(newest)
    }

    /// The stream of the newest call, if all that is open is one principal's.
    fn sole_call(&self) -> Option<Arc<Stream>> {
        let is_one = self.is_one_principal(&self.sessions());
        let call = is_one.then(|| self.newest_call(None)).flatten()?;
        Some(call.stream.clone())
    }

    fn is_one_principal(&self, sessions: &[Arc<Session>]) -> bool {
        let of_sessions = sessions.iter().map(|session| session.principal);
        let of_calls = self.calls.values().filter_map(|call| call.owner.principal);
        let mut all = of_sessions.chain(of_calls);
        let first = all.next();
        all.all(|other| Some(other) == first)
    }

    /// Where a session's message goes that names no request: with the answer to its newest call,
    /// else to where it listens.
    fn place_in(&self, session: &Arc<Session>) -> Option<Arc<Stream>> {
        let call = self.newest_call(Some(session));
        call.map(|call| call.stream.clone())
            .or_else(|| session.listener())
    }

    /// The newest open call, of anybody or of one session, that takes more than its response.
    fn newest_call(&self, session: Option<&Arc<Session>>) -> Option<&Call> {
        let calls = self.calls.values().filter(|call| {
            let is_theirs = session.is_none_or(|session| call.owner.is(session));
            is_theirs && call.takes_events && call.owner.principal.is_some()
        });
        calls.max_by_key(|call| call.order)
    }
}
