//! A legacy member asks something of a modern caller: the call rests here, with the member's stream
//! open, while the caller gets an `input_required` result and comes back with the answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::super::host::random_hex;
use super::answers;
use super::call::{Call, state_prefix};
use super::circle::lock;
use super::message::{Message, string};
use super::relay::Relay;
use crate::base::limits::{UNION_ANSWER_TIME, UNION_ASKED};
use crate::base::secret::Secret;
use crate::json::Document;

/// How tickets begin.
const MARK: &str = "sluice-";
/// How the one question of a parked call is called in `inputRequests`.
const KEY: &str = "sluice";

/// Calls that rest, the oldest first.
#[derive(Default)]
pub(super) struct Parking(Mutex<VecDeque<Parked>>);

struct Parked {
    ticket: String,
    since: Instant,
    relay: Box<Relay>,
}

/// What a modern caller gets for a member's request; `None` for a request that this era has not.
pub(super) fn question(call: &Call, message: Message<'_>) -> Option<Vec<u8>> {
    let method = message.method()?;
    let known = ["sampling/createMessage", "elicitation/create", "roots/list"];
    let may_ask = ["tools/call", "prompts/get", "resources/read"];
    if !known.contains(&method) || !may_ask.contains(&&*call.method) {
        return None;
    }
    let params = message.params().map_or("{}", |params| params.raw());
    let state = format!("{}{}", state_prefix(&call.link.member), call.ticket);
    let result = format!(
        r#"{{"resultType":"input_required","inputRequests":{{"{KEY}":{{"method":"{method}","params":{params}}}}},"requestState":"{state}"}}"#
    );
    Some(answers::result(&call.id, &result).into_bytes())
}

/// A ticket for a call that may have to rest.
pub(super) fn ticket() -> String {
    // Without randomness there is no ticket, and what has none is never found again.
    random_hex::<16>().map_or_else(|_| String::new(), |random| format!("{MARK}{random}"))
}

impl Parking {
    /// Lets a call rest. One that rests too long, or too many, is cancelled.
    pub(super) fn park(&self, relay: Box<Relay>) {
        let ticket = relay.call.ticket.clone();
        let mut parked = lock(&self.0);
        parked.push_back(Parked {
            ticket,
            since: Instant::now(),
            relay,
        });
        let spare = parked.len().saturating_sub(UNION_ASKED);
        let gone: Vec<Parked> = parked.drain(..spare).collect();
        drop(parked);
        drop(gone);
        self.sweep();
    }

    /// Cancels what has rested for too long.
    pub(super) fn sweep(&self) {
        let mut parked = lock(&self.0);
        let old = parked
            .iter()
            .take_while(|each| each.since.elapsed() > UNION_ANSWER_TIME);
        let count = old.count();
        let gone: Vec<Parked> = parked.drain(..count).collect();
        drop(parked);
        drop(gone);
    }

    /// The resting call that a new one is the continuation of, ready to go on as that one; the
    /// member has its answer.
    pub(super) async fn take_up(&self, call: &Call, bearer: Secret) -> Option<Box<Relay>> {
        let (answer, mut relay) = {
            let document = Document::parse(&call.text).ok()?;
            let params = Message::of(document.root())?.params()?;
            let state = params.get("requestState").and_then(string)?.as_str()?;
            let ticket = state.strip_prefix(&state_prefix(&call.link.member))?;
            let mut relay = self.find(ticket, call)?;
            let id = relay.paused.take()?;
            let answer = params.get("inputResponses").and_then(|all| all.get(KEY));
            let answer = match answer {
                Some(answer) => answers::result(&id, answer.raw()),
                None => answers::error(&id, answers::BAD_PARAMS, "the client gave no answer"),
            };
            (answer, relay)
        };
        relay.call = Arc::new(relay.call.as_asked_by(call));
        relay.bearer = bearer;
        relay.tell_member(answer).await;
        Some(relay)
    }

    fn find(&self, ticket: &str, call: &Call) -> Option<Box<Relay>> {
        let mut parked = lock(&self.0);
        let found = parked.iter().position(|each| {
            !ticket.is_empty() && each.ticket == ticket && each.relay.call.method == call.method
        })?;
        parked.remove(found).map(|parked| parked.relay)
    }
}

/// Whether a call says that it goes on with one that rested.
pub(super) fn is_continuation(call: &Call) -> bool {
    let document = Document::parse(&call.text).ok();
    let state = document.as_ref().and_then(|text| {
        let params = text.root().get("params")?;
        params.get("requestState")?.as_str()
    });
    let state = state.and_then(|state| state.strip_prefix(&state_prefix(&call.link.member)));
    state.is_some_and(|state| state.starts_with(MARK))
}
