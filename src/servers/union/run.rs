//! A call of a caller with a session: it goes on whether or not its connection does.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use tokio::sync::oneshot;

use super::answers;
use super::begin::{Answered, Begun, begin};
use super::call::Call;
use super::outlet::Outlet;
use super::session::{Running, Session};
use crate::base::secret::Secret;

/// Where the answer to a call goes.
pub(super) enum Target {
    /// To the connection it came on: as a text, or as a stream that begins then.
    Connection(oneshot::Sender<Response>),
    /// Into a stream that others answer into, too.
    Shared(Arc<Shared>),
}

/// A stream that several calls are answered in; it ends with the last of them.
pub(super) struct Shared(pub(super) Arc<Outlet>);

impl Drop for Shared {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Answers a call on the connection it came on.
pub(super) async fn answer(session: &Arc<Session>, call: Call, bearer: Secret) -> Response {
    let id = call.id.clone();
    let (sender, response) = oneshot::channel();
    if !start(session, call, bearer, Target::Connection(sender)) {
        return answers::json(StatusCode::OK, too_many(&id));
    }
    response.await.unwrap_or_else(|_| {
        let why = "the call was cancelled";
        answers::json(StatusCode::OK, answers::error(&id, answers::CANCELLED, why))
    })
}

/// The answer to a call that cannot be started.
pub(super) fn too_many(id: &str) -> String {
    let why = "too many calls of this session wait for an answer, or one of this id";
    answers::error(id, answers::TOO_MANY, why)
}

/// Starts a call; false when too many go on already, or one of the same id.
pub(super) fn start(session: &Arc<Session>, call: Call, bearer: Secret, target: Target) -> bool {
    let (call, (go, ready)) = (Arc::new(call), oneshot::channel::<()>());
    let task = tokio::spawn({
        let (session, call) = (session.clone(), call.clone());
        async move {
            // Not before it can be found by its id.
            if ready.await.is_ok() {
                let (id, own) = (call.id.clone(), call.own);
                let _over = Over {
                    session: session.clone(),
                    id,
                    own,
                };
                run(session, call, bearer, target).await;
            }
        }
    });
    let running = Running {
        link: call.link.clone(),
        own: call.own,
        first: call.own,
        abort: task.abort_handle(),
    };
    let began = session.began(&call.id, running);
    if began {
        // The task waits for this and nothing else.
        let _ = go.send(());
    }
    began
}

/// Takes a call off the session's list, however it ends.
struct Over {
    session: Arc<Session>,
    id: String,
    own: u64,
}

impl Drop for Over {
    fn drop(&mut self) {
        self.session.ended(&self.id, self.own);
    }
}

async fn run(session: Arc<Session>, call: Arc<Call>, bearer: Secret, target: Target) {
    let begun = begin(
        session.circle.clone(),
        call.clone(),
        Some(session.clone()),
        bearer,
    )
    .await;
    let mut relay = match begun {
        Ok(Begun::Stream(relay)) => relay,
        Ok(Begun::Answered(answered)) => return whole(answered, target).await,
        Err(why) => {
            let text = answers::away(&call.id, &call.link.member, &why).into_bytes();
            let (status, headers) = (StatusCode::OK, HeaderMap::new());
            return whole(
                Answered {
                    status,
                    headers,
                    text,
                },
                target,
            )
            .await;
        }
    };
    let shared = match target {
        Target::Shared(shared) => shared,
        Target::Connection(connection) => {
            let outlet = session.open_outlet();
            if let Some(body) = outlet.read(None) {
                // A caller that has gone comes back for the stream, or does not.
                let _ = connection.send(answers::stream(body));
            }
            Arc::new(Shared(outlet))
        }
    };
    while let Some(event) = relay.next().await {
        if !shared.0.push(event.name.as_deref(), &event.data).await {
            return;
        }
    }
}

async fn whole(answered: Answered, target: Target) {
    match target {
        Target::Connection(connection) => {
            let mut response = answers::json(answered.status, answered.text);
            response.headers_mut().extend(answered.headers);
            // Whoever has gone without a stream cannot come back for an answer.
            let _ = connection.send(response);
        }
        Target::Shared(shared) => {
            shared.0.push(Some("message"), &answered.text).await;
        }
    }
}
