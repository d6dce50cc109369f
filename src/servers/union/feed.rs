//! A stream of events to a modern caller: it lives as long as its connection, and so does what
//! makes it. Dropping the body is the caller's cancellation.

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::outlet::PULSE;
use super::sse;
use crate::base::limits::UNION_PULSE_TIME;

/// Events that wait for the caller; their source waits for room.
const WAITING: usize = 16;

/// Where events are put.
#[derive(Clone)]
pub(super) struct Feed(mpsc::Sender<Bytes>);

impl Feed {
    /// Puts an event in; false when nobody reads any more.
    pub(super) async fn put(&self, name: Option<&str>, data: &[u8]) -> bool {
        self.0
            .send(sse::written(None, name, data).into())
            .await
            .is_ok()
    }
}

/// A body with the events that `source` puts in.
pub(super) fn body<F>(source: impl FnOnce(Feed) -> F) -> Body
where
    F: Future<Output = ()> + Send + 'static,
{
    let (sender, events) = mpsc::channel(WAITING);
    let source = tokio::spawn(source(Feed(sender))).abort_handle();
    let fed = Fed { events, source };
    Body::from_stream(futures_util::stream::unfold(fed, |mut fed| async {
        let text = match timeout(UNION_PULSE_TIME, fed.events.recv()).await {
            Ok(text) => text?,
            Err(_) => PULSE,
        };
        Some((Ok::<_, Infallible>(text), fed))
    }))
}

struct Fed {
    events: mpsc::Receiver<Bytes>,
    source: AbortHandle,
}

impl Drop for Fed {
    fn drop(&mut self) {
        self.source.abort();
    }
}
