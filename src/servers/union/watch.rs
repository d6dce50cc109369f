//! Listening to members between calls: a legacy member's standing stream, a modern member's
//! `subscriptions/listen`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::HeaderValue;
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use super::circle::Circle;
use super::link::{Letter, Link, Opened};
use super::message::parts;
use super::meta;
use super::wire::{Away, Body, Events};
use crate::base::limits::{UNION_OPEN_TIME, UNION_RETRY_TIME};
use crate::base::secret::Secret;

/// What a caller wants to hear of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) tools: bool,
    pub(super) prompts: bool,
    pub(super) resources: bool,
    /// Resources, by the members' own addresses.
    pub(super) addresses: BTreeMap<Arc<str>, BTreeSet<String>>,
    /// Subscribe at legacy members, too; a caller with a session has done so itself.
    pub(super) subscribe: bool,
}

/// A message of a member that belongs to no call.
pub(super) struct Heard {
    pub(super) link: Arc<Link>,
    pub(super) opened: Arc<Opened>,
    pub(super) text: Bytes,
}

/// Messages that wait to be passed on; a member is not read further meanwhile.
const WAITING: usize = 16;

/// Listens to all members of a circle, also to those that join it.
pub(super) struct Watch {
    circle: Arc<Circle>,
    wanted: watch::Receiver<Wanted>,
    to: mpsc::Sender<Heard>,
    tasks: JoinSet<()>,
    links: Vec<(Arc<Link>, AbortHandle)>,
    settling: Vec<oneshot::Receiver<()>>,
}

impl Watch {
    /// Begins. Dropping it ends it.
    pub(super) fn begin(
        circle: Arc<Circle>,
        wanted: watch::Receiver<Wanted>,
    ) -> (Watch, mpsc::Receiver<Heard>) {
        let (to, heard) = mpsc::channel(WAITING);
        let mut watch = Watch {
            circle,
            wanted,
            to,
            tasks: JoinSet::new(),
            links: Vec::new(),
            settling: Vec::new(),
        };
        watch.renew();
        (watch, heard)
    }

    /// Waits until every member is listened to, or cannot be; not for long.
    pub(super) async fn settled(&mut self) {
        let settling = join_all(std::mem::take(&mut self.settling));
        // A member that is slow is listened to later, and what it says until then is lost.
        let _ = timeout(UNION_OPEN_TIME, settling).await;
    }

    /// Listens to those who are members now.
    pub(super) fn renew(&mut self) {
        let links = self.circle.links();
        let old = std::mem::take(&mut self.links);
        for (link, task) in old {
            if links.iter().any(|each| Arc::ptr_eq(each, &link)) {
                self.links.push((link, task));
            } else {
                task.abort();
            }
        }
        for link in links {
            if self.links.iter().any(|(each, _)| Arc::ptr_eq(each, &link)) {
                continue;
            }
            let (settled, settling) = oneshot::channel();
            self.settling.push(settling);
            let one = One {
                settled: Some(settled),
                circle: self.circle.clone(),
                link: link.clone(),
                wanted: self.wanted.clone(),
                to: self.to.clone(),
                after: None,
                pause: UNION_RETRY_TIME.0,
            };
            let task = self.tasks.spawn(one.run());
            self.links.push((link, task));
        }
    }
}

/// Listens to one member.
struct One {
    circle: Arc<Circle>,
    link: Arc<Link>,
    wanted: watch::Receiver<Wanted>,
    to: mpsc::Sender<Heard>,
    after: Option<HeaderValue>,
    pause: Duration,
    /// Told once it is known whether there is anything to listen to.
    settled: Option<oneshot::Sender<()>>,
}

/// Why a member is not heard any more.
enum Ended {
    /// It broke off, or is asked for something else: once more.
    Again,
    /// It did not work: once more after a pause.
    Later,
    /// It has nothing to say, or nobody listens.
    ForGood,
}

impl One {
    async fn run(mut self) {
        loop {
            let bearer = self.circle.bearer();
            let ended = match self.link.open(&bearer).await {
                Ok(opened) if opened.revision.is_modern() => self.modern(&bearer, opened).await,
                Ok(opened) => self.legacy(&bearer, opened).await,
                Err(_) => Ended::Later,
            };
            self.settle();
            match ended {
                Ended::ForGood => return,
                Ended::Again => {
                    tokio::time::sleep(self.pause).await;
                    self.pause = UNION_RETRY_TIME.0;
                }
                Ended::Later => {
                    tokio::time::sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(UNION_RETRY_TIME.1);
                }
            }
        }
    }

    fn settle(&mut self) {
        if let Some(settled) = self.settled.take() {
            // Not everybody waits for it.
            let _ = settled.send(());
        }
    }

    async fn legacy(&mut self, bearer: &Secret, opened: Arc<Opened>) -> Ended {
        let wanted = self.wanted.borrow().clone();
        if wanted.subscribe {
            for address in wanted
                .addresses
                .get(&self.link.member)
                .into_iter()
                .flatten()
            {
                let params = json!({ "uri": address }).to_string();
                let params = params.trim_start_matches('{').trim_end_matches('}');
                // A member that will not tell of one resource may still tell of others.
                let _ = self.link.ask(bearer, "resources/subscribe", params).await;
            }
        }
        match self.link.stream(bearer, &opened, self.after.as_ref()).await {
            Ok(Some(events)) => {
                self.settle();
                self.listen(events, opened).await
            }
            Ok(None) => Ended::ForGood,
            Err(Away::Refused(404)) => {
                self.after = None;
                self.link.forget(&opened).await;
                Ended::Later
            }
            Err(_) => Ended::Later,
        }
    }

    async fn modern(&mut self, bearer: &Secret, opened: Arc<Opened>) -> Ended {
        let wanted = self.wanted.borrow_and_update().clone();
        let addresses = wanted.addresses.get(&self.link.member);
        let filter = json!({
            "toolsListChanged": wanted.tools,
            "promptsListChanged": wanted.prompts,
            "resourcesListChanged": wanted.resources,
            "resourceSubscriptions": addresses.cloned().unwrap_or_default(),
        });
        let (id, method) = (self.link.next_id(), "subscriptions/listen");
        let meta = meta::object(self.link.profile());
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{"notifications":{filter},{meta}}}}}"#
        );
        let letter = Letter {
            body: body.into(),
            headers: meta::headers(true, method, None),
        };
        match self.link.post(bearer, &opened, letter).await {
            Ok(reply) => match reply.body {
                Body::Events(events) => {
                    let mut changes = self.wanted.clone();
                    tokio::select! {
                        ended = self.listen(events, opened) => ended,
                        changed = changes.changed() => match changed {
                            Ok(()) => Ended::Again,
                            Err(_) => Ended::ForGood,
                        },
                    }
                }
                Body::Whole(_) if reply.status.is_client_error() => Ended::ForGood,
                Body::Whole(_) => Ended::Later,
            },
            Err(_) => Ended::Later,
        }
    }

    async fn listen(&mut self, mut events: Box<Events>, opened: Arc<Opened>) -> Ended {
        loop {
            let event = match events.next().await {
                Ok(Some(event)) => event,
                Ok(None) => return Ended::Again,
                Err(_) => return Ended::Later,
            };
            if let Some(id) = event.id.and_then(|id| HeaderValue::try_from(id).ok()) {
                self.after = Some(id);
            }
            if let Some(pause) = event.retry {
                self.pause = Duration::from_millis(pause).min(UNION_RETRY_TIME.1);
            }
            if event.data.is_empty() {
                continue;
            }
            // A modern member's first is its acknowledgement.
            self.settle();
            for text in parts(event.data.into()) {
                let (link, opened) = (self.link.clone(), opened.clone());
                if self.to.send(Heard { link, opened, text }).await.is_err() {
                    return Ended::ForGood;
                }
            }
        }
    }
}
