//! `subscriptions/listen`: what all members have to tell a modern caller, as one stream.
//!
//! Each of these streams has links of its own, and with legacy members sessions of its own: such a
//! member tells one stream of a session what it has to tell, and subscriptions are the session's.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value as Json};
use tokio::sync::watch::Sender;

use super::Server;
use super::answers;
use super::circle::Circle;
use super::edit::Edits;
use super::feed::{self, Feed};
use super::legacy::Caller;
use super::link::Letter;
use super::lists;
use super::message::{Message, Shape, string};
use super::names::Roster;
use super::watch::{Heard, Wanted, Watch};
use super::{meta, standing, translate};
use crate::base::limits::{UNION_ADDRESSES, UNION_OPEN_TIME};
use crate::base::secret::Secret;
use crate::json::{Document, Kind, Value};

/// Answers a `subscriptions/listen`.
pub(super) async fn answer(
    server: &Arc<Server>,
    circle: &Arc<Circle>,
    caller: &Caller,
    id: &str,
    text: &[u8],
) -> Response {
    let Some((mut wanted, addresses)) = filter(text) else {
        let why = "`notifications` must say what to listen for";
        return answers::json(StatusCode::OK, answers::error(id, answers::BAD_PARAMS, why));
    };
    let found = place(circle, &caller.bearer, &addresses, &mut wanted).await;
    let lists = [
        ("toolsListChanged", wanted.tools),
        ("promptsListChanged", wanted.prompts),
        ("resourcesListChanged", wanted.resources),
    ];
    let lists = lists.into_iter().filter(|(_, wanted)| *wanted);
    let mut agreed: Map<_, _> = lists
        .map(|(name, _)| (name.to_owned(), true.into()))
        .collect();
    if !found.is_empty() {
        agreed.insert("resourceSubscriptions".to_owned(), found.into());
    }
    let agreed = Json::Object(agreed);
    let first = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{{"_meta":{{"{}":{id}}},"notifications":{agreed}}}}}"#,
        meta::SUBSCRIPTION
    );
    let circle = Own(Arc::new(circle.beside()));
    circle.0.shown(&caller.bearer);
    let (server, id) = (server.clone(), id.to_owned());
    answers::stream(feed::body(|feed| async move {
        pass_on(&server, &circle.0, wanted, &id, &first, &feed).await;
    }))
}

/// What a caller wants to hear of, and the addresses it names.
fn filter(text: &[u8]) -> Option<(Wanted, Vec<String>)> {
    let document = Document::parse(text).ok()?;
    let filter = document.root().get("params")?.get("notifications")?;
    if filter.kind() != Kind::Object {
        return None;
    }
    let on = |name| filter.get(name).and_then(Value::as_bool) == Some(true);
    let wanted = Wanted {
        tools: on("toolsListChanged"),
        prompts: on("promptsListChanged"),
        resources: on("resourcesListChanged"),
        subscribe: true,
        ..Wanted::default()
    };
    let named = filter
        .get("resourceSubscriptions")
        .into_iter()
        .flat_map(Value::items);
    let named = named.filter_map(Value::as_str).take(UNION_ADDRESSES);
    Some((wanted, named.map(str::to_owned).collect()))
}

/// Finds whose the addresses are; those that are somebody's.
async fn place(
    circle: &Circle,
    bearer: &Secret,
    addresses: &[String],
    wanted: &mut Wanted,
) -> Vec<String> {
    let roster = circle.roster();
    let owner = |address: &str| match roster.split_address(address) {
        Some((member, own)) => Some((member.clone(), own.to_owned())),
        None => {
            let owner = circle.places(|places| places.owner(address))?;
            Some((owner, address.to_owned()))
        }
    };
    if addresses.iter().any(|address| owner(address).is_none()) {
        lists::look_around(circle, bearer).await;
    }
    let mut found = Vec::new();
    for address in addresses {
        if let Some((member, own)) = owner(address) {
            wanted.addresses.entry(member).or_default().insert(own);
            found.push(address.clone());
        }
    }
    found
}

/// Links that end with their stream.
struct Own(Arc<Circle>);

impl Drop for Own {
    fn drop(&mut self) {
        let circle = self.0.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { circle.close(UNION_OPEN_TIME).await });
        }
    }
}

async fn pass_on(
    server: &Server,
    circle: &Arc<Circle>,
    wanted: Wanted,
    id: &str,
    first: &str,
    feed: &Feed,
) {
    let told = Sender::new(wanted.clone());
    let (mut watch, mut heard) = Watch::begin(circle.clone(), told.subscribe());
    let mut roster = server.roster();
    // What happens after this was said is heard.
    watch.settled().await;
    if !feed.put(Some("message"), first.as_bytes()).await {
        return;
    }
    loop {
        let events = tokio::select! {
            Some(heard) = heard.recv() => {
                one(circle, &wanted, id, heard).await.into_iter().collect()
            }
            Ok(()) = roster.changed() => {
                let now: Arc<Roster> = roster.borrow_and_update().clone();
                if !circle.renew(&now) {
                    continue;
                }
                watch.renew();
                changes(&wanted, id)
            }
            else => return,
        };
        for event in events {
            if !feed.put(Some("message"), &event).await {
                return;
            }
        }
    }
}

/// The notifications of a union that has other members now.
fn changes(wanted: &Wanted, id: &str) -> Vec<Vec<u8>> {
    let lists = [
        ("tools", wanted.tools),
        ("prompts", wanted.prompts),
        ("resources", wanted.resources),
    ];
    let lists = lists.into_iter().filter(|(_, wanted)| *wanted);
    lists
        .map(|(list, _)| marked(standing::changed(list).as_bytes(), id).unwrap_or_default())
        .collect()
}

/// A member's message as the caller gets it, if it does.
async fn one(circle: &Circle, wanted: &Wanted, id: &str, heard: Heard) -> Option<Vec<u8>> {
    let text = {
        let document = Document::parse(&heard.text).ok()?;
        let message = Message::of(document.root())?;
        match message.shape {
            Shape::Notification { method } => {
                let wants = match method {
                    "notifications/tools/list_changed" => wanted.tools,
                    "notifications/prompts/list_changed" => wanted.prompts,
                    "notifications/resources/list_changed" => wanted.resources,
                    "notifications/resources/updated" => {
                        wanted.addresses.contains_key(&heard.link.member)
                    }
                    _ => false,
                };
                if !wants {
                    return None;
                }
                let text = translate::notice(&heard.text, message, &heard.link, circle, None);
                return marked(&text, id);
            }
            Shape::Request { id, method: "ping" } => answers::result(id.raw(), "{}"),
            Shape::Request { id, .. } => {
                let why = "the client speaks a revision without requests from servers";
                answers::error(id.raw(), answers::NOT_TRANSLATED, why)
            }
            Shape::Result { .. } | Shape::Error { .. } => return None,
        }
    };
    if !heard.opened.revision.is_modern() {
        let letter = Letter {
            body: text.into(),
            headers: HeaderMap::new(),
        };
        // A member that is not there to hear it has stopped asking.
        let _ = heard
            .link
            .post(&circle.bearer(), &heard.opened, letter)
            .await;
    }
    None
}

/// A notification with the mark of the caller's subscription.
fn marked(text: &[u8], id: &str) -> Option<Vec<u8>> {
    let document = Document::parse(text).ok()?;
    let root = document.root();
    let mut edits = Edits::default();
    let mark = format!(r#""{}":{id}"#, meta::SUBSCRIPTION);
    match root.get("params") {
        None => edits.add_members(root, &format!(r#""params":{{"_meta":{{{mark}}}}}"#)),
        Some(params) => match params
            .get("_meta")
            .filter(|meta| meta.kind() == Kind::Object)
        {
            None => edits.add_members(params, &format!(r#""_meta":{{{mark}}}"#)),
            Some(meta) => match meta.get(meta::SUBSCRIPTION) {
                Some(theirs) => edits.replace(theirs.span(), id),
                None => edits.add_members(meta, &mark),
            },
        },
    }
    string(root.get("method")?)?;
    Some(edits.apply(text))
}
