//! A modern member wants input from a legacy caller: its `inputRequests` become requests on the
//! caller's stream, and the caller's answers go into the call once more (2026-07-28, "Multi
//! Round-Trip Requests").

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::answers;
use super::edit::quoted;
use super::message::{Message, Shape, string};
use super::relay::{Outgoing, Relay};
use super::session::{Question, written};
use super::wire::{Away, Reply};
use crate::base::limits::{UNION_ANSWER_TIME, UNION_ASKED, UNION_ROUNDS};
use crate::json::{Document, Value};

/// The requests of one result, and where their answers will come.
pub(super) struct Round {
    waiting: Vec<(String, oneshot::Receiver<Bytes>)>,
    state: Option<String>,
}

impl Round {
    /// True for an answer that wants input.
    pub(super) fn is_due(message: Message<'_>) -> bool {
        matches!(message.shape, Shape::Result { result, .. }
            if result.get("resultType").and_then(Value::as_str) == Some("input_required"))
    }

    /// Waits for the caller's answers: what the call gets besides.
    pub(super) async fn answers(&mut self) -> Result<String, Away> {
        let waiting = std::mem::take(&mut self.waiting);
        let all = join_all(waiting.into_iter().map(|(key, answer)| async move {
            let text = timeout(UNION_ANSWER_TIME, answer).await;
            let text = text
                .map_err(|_| Away::Unasked)?
                .map_err(|_| Away::Unasked)?;
            let document = Document::parse(&text).map_err(|_| Away::Unasked)?;
            match Message::of(document.root()).map(|message| message.shape) {
                Some(Shape::Result { result, .. }) => {
                    Ok(format!("{}:{}", quoted(&key), result.raw()))
                }
                // There is no way to hand an error on to the member.
                _ => Err(Away::Unasked),
            }
        }));
        let answers: Vec<String> = all.await.into_iter().collect::<Result<_, Away>>()?;
        let mut more = Vec::new();
        if !answers.is_empty() {
            more.push(format!(r#""inputResponses":{{{}}}"#, answers.join(",")));
        }
        if let Some(state) = &self.state {
            more.push(format!(r#""requestState":{state}"#));
        }
        Ok(more.join(","))
    }
}

impl Relay {
    /// Asks the caller what the member wants to know.
    pub(super) fn begin_round(&mut self, text: &[u8]) {
        self.rounds += 1;
        let member = &self.call.link.member;
        let Some((round, asked)) = self.round(text).filter(|_| self.rounds <= UNION_ROUNDS) else {
            let why = format!("the server `{member}` wants input that cannot be asked for");
            return self.give_up(&answers::error(
                &self.call.id,
                answers::NOT_TRANSLATED,
                &why,
            ));
        };
        self.queue.extend(asked);
        self.wait(round);
    }

    fn round(&self, text: &[u8]) -> Option<(Round, Vec<Outgoing>)> {
        let session = self.session.as_ref()?;
        let document = Document::parse(text).ok()?;
        let result = document.root().get("result")?;
        let (mut waiting, mut asked) = (Vec::new(), Vec::new());
        let requests = result
            .get("inputRequests")
            .into_iter()
            .flat_map(Value::members);
        for (key, request) in requests.take(UNION_ASKED) {
            let (sender, answer) = oneshot::channel();
            let id = written(session.wait_for(Question::Ours(sender))?);
            let method = string(request.get("method")?)?.raw();
            let params = request.get("params").map_or("{}", |params| params.raw());
            let data =
                format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method},"params":{params}}}"#);
            waiting.push((key.to_owned(), answer));
            asked.push(Outgoing {
                name: Some("message".to_owned()),
                data: data.into_bytes(),
            });
        }
        let state = result.get("requestState").and_then(string);
        let state = state.map(|state| state.raw().to_owned());
        if waiting.is_empty() && state.is_none() {
            return None;
        }
        Some((Round { waiting, state }, asked))
    }

    /// The same call with the caller's answers in it.
    pub(super) async fn send_again(&mut self, more: &str) -> Result<Reply, Away> {
        let again = self.call.again();
        if let Some(session) = &self.session {
            session.renumber(&self.call.id, self.call.own, again.own);
        }
        self.call = Arc::new(again);
        let letter = self
            .call
            .letter(&self.opened, Some(more))
            .ok_or(Away::Unreadable)?;
        self.call
            .link
            .post(&self.bearer, &self.opened, letter)
            .await
    }
}
