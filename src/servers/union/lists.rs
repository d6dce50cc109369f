//! The lists of all members as one.
//!
//! All members are asked at once, and each page after page, until all is there, the answer is large
//! or time is up: many clients never ask for a second page. What is left has a cursor of ours. A
//! member that does not answer is left out and named in `_meta`; the order is that of the members,
//! whoever answered first.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::answers;
use super::circle::Circle;
use super::cursor;
use super::edit::{Edits, quoted};
use super::link::{Link, Opened};
use super::message::string;
use super::names;
use super::wire::Away;
use crate::base::limits::{
    UNION_ADDRESSES, UNION_LIST_BYTES, UNION_LIST_PAGES, UNION_LIST_TIME, UNION_NAME_BYTES,
};
use crate::base::secret::Secret;
use crate::json::{Document, Value};

/// Under this name `_meta` says what is not in a list, and why.
const LEFT_OUT: &str = "sluice/left_out";

/// A list that members have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Tools,
    Prompts,
    Resources,
    Templates,
    Tasks,
}

/// A part of a merged list.
pub(super) struct Merged {
    kind: Kind,
    items: Vec<Vec<u8>>,
    next: Option<String>,
    left_out: Vec<(String, String)>,
    ttl: u64,
}

impl Kind {
    /// The list that a method asks for.
    pub(super) fn of(method: &str) -> Option<Kind> {
        use Kind::{Prompts, Resources, Tasks, Templates, Tools};
        let all = [Tools, Prompts, Resources, Templates, Tasks];
        all.into_iter().find(|kind| kind.method() == method)
    }

    fn method(self) -> &'static str {
        match self {
            Kind::Tools => "tools/list",
            Kind::Prompts => "prompts/list",
            Kind::Resources => "resources/list",
            Kind::Templates => "resources/templates/list",
            Kind::Tasks => "tasks/list",
        }
    }

    fn field(self) -> &'static str {
        match self {
            Kind::Tools => "tools",
            Kind::Prompts => "prompts",
            Kind::Resources => "resources",
            Kind::Templates => "resourceTemplates",
            Kind::Tasks => "tasks",
        }
    }

    fn is_had_by(self, opened: &Opened) -> bool {
        match self {
            Kind::Tools => opened.can("tools"),
            Kind::Prompts => opened.can("prompts"),
            Kind::Resources | Kind::Templates => opened.can("resources"),
            Kind::Tasks => opened.can("tasks") && !opened.revision.is_modern(),
        }
    }
}

/// The list of this kind, from its start or from a cursor. `None` for a cursor that is not ours.
pub(super) async fn merged(
    circle: &Circle,
    kind: Kind,
    from: Option<&str>,
    bearer: &Secret,
) -> Option<Merged> {
    let starts: Vec<(Arc<Link>, Option<String>)> = match from {
        None => circle
            .links()
            .into_iter()
            .map(|link| (link, None))
            .collect(),
        Some(from) => {
            let places = cursor::read(from)?.into_iter();
            let known =
                |(member, place): (String, String)| Some((circle.link(&member)?, Some(place)));
            places.filter_map(known).collect()
        }
    };
    let room = AtomicUsize::new(UNION_LIST_BYTES);
    let deadline = Instant::now() + UNION_LIST_TIME;
    let pulls = starts.into_iter().map(|(link, start)| {
        let pull = Pull {
            circle,
            link,
            kind,
            bearer,
            room: &room,
            deadline,
        };
        pull.run(start)
    });
    let pulled = join_all(pulls).await;
    let mut merged = Merged {
        kind,
        items: Vec::new(),
        next: None,
        left_out: Vec::new(),
        ttl: u64::MAX,
    };
    let mut places = cursor::Places::new();
    for one in pulled {
        merged.items.extend(one.items);
        merged.left_out.extend(one.left_out);
        merged.ttl = merged.ttl.min(one.ttl);
        places.extend(one.next.map(|next| (one.member.to_string(), next)));
    }
    if !places.is_empty() {
        merged.next = cursor::written(&places);
        if merged.next.is_none() {
            let why = "has a cursor too long to be given out".to_owned();
            let cut = places.into_iter().map(|(member, _)| (member, why.clone()));
            merged.left_out.extend(cut);
        }
    }
    Some(merged)
}

/// The answer to a caller that asked for a list.
pub(super) fn answer(id: &str, merged: Option<Merged>, modern: bool) -> Vec<u8> {
    let Some(merged) = merged else {
        let why = "this cursor is not one of ours";
        return answers::error(id, answers::BAD_PARAMS, why).into_bytes();
    };
    let mut out = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":"#).into_bytes();
    out.extend_from_slice(&merged.result(modern));
    out.push(b'}');
    out
}

/// Looks through the members' resources, for their addresses. Not twice in a moment.
pub(super) async fn look_around(circle: &Circle, bearer: &Secret) {
    if !circle.may_look_around() {
        return;
    }
    // What is listed is learnt on the way.
    let kinds = [Kind::Resources, Kind::Templates];
    join_all(kinds.map(|kind| merged(circle, kind, None, bearer))).await;
}

impl Merged {
    /// The list as a result.
    pub(super) fn result(&self, modern: bool) -> Vec<u8> {
        let mut out = format!(r#"{{"{}":["#, self.kind.field()).into_bytes();
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(item);
        }
        out.push(b']');
        if let Some(next) = &self.next {
            out.extend_from_slice(format!(r#","nextCursor":"{next}""#).as_bytes());
        }
        if !self.left_out.is_empty() {
            let meta = left_out(&self.left_out);
            out.extend_from_slice(format!(r#","_meta":{{{meta}}}"#).as_bytes());
        }
        if modern {
            // What one caller sees is not what another one does.
            let ttl = if self.left_out.is_empty() && self.ttl != u64::MAX {
                self.ttl
            } else {
                0
            };
            let more = format!(r#","resultType":"complete","ttlMs":{ttl},"cacheScope":"private""#);
            out.extend_from_slice(more.as_bytes());
        }
        out.push(b'}');
        out
    }
}

/// The member of `_meta` that says what is missing.
pub(super) fn left_out(missing: &[(String, String)]) -> String {
    let list: Vec<_> = missing
        .iter()
        .map(|(what, why)| json!({ "server": what, "why": why }))
        .collect();
    format!(r#""{LEFT_OUT}":{}"#, serde_json::Value::from(list))
}

/// One member's part of a list, while it is being asked for.
struct Pull<'a> {
    circle: &'a Circle,
    link: Arc<Link>,
    kind: Kind,
    bearer: &'a Secret,
    room: &'a AtomicUsize,
    deadline: Instant,
}

struct Pulled {
    member: Arc<str>,
    items: Vec<Vec<u8>>,
    next: Option<String>,
    left_out: Vec<(String, String)>,
    ttl: u64,
}

impl Pull<'_> {
    async fn run(self, start: Option<String>) -> Pulled {
        let mut pulled = Pulled {
            member: self.link.member.clone(),
            items: Vec::new(),
            next: start,
            left_out: Vec::new(),
            ttl: u64::MAX,
        };
        let opened = timeout_at(self.deadline, self.link.open(self.bearer)).await;
        match opened.unwrap_or(Err(Away::Slow)) {
            Ok(opened) if self.kind.is_had_by(&opened) => {}
            Ok(_) => return pulled,
            Err(why) => {
                pulled.leave_out(&why.to_string());
                return pulled;
            }
        }
        let mut seen = Vec::new();
        for _ in 0..UNION_LIST_PAGES {
            let from = pulled.next.take();
            let text = match self.page(from.as_deref()).await {
                Ok(text) => text,
                Err(Away::Error(code)) if code == i64::from(answers::NO_METHOD) => break,
                Err(why) => {
                    pulled.leave_out(&why.to_string());
                    // What was slow may be asked for again.
                    pulled.next = from.filter(|_| why == Away::Slow);
                    break;
                }
            };
            let size = self.take(&text, &mut pulled);
            let Some(next) = pulled.next.as_ref() else {
                break;
            };
            if seen.contains(next) {
                pulled.next = None;
                pulled.leave_out("its pages lead in a circle");
                break;
            }
            seen.push(next.clone());
            let room = self
                .room
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| {
                    Some(room.saturating_sub(size))
                });
            if room.unwrap_or(0) <= size {
                break;
            }
        }
        pulled
    }

    async fn page(&self, from: Option<&str>) -> Result<Bytes, Away> {
        let params = from.map(|from| format!(r#""cursor":{}"#, quoted(from)));
        let params = params.unwrap_or_default();
        let ask = self.link.ask(self.bearer, self.kind.method(), &params);
        timeout_at(self.deadline, ask)
            .await
            .unwrap_or(Err(Away::Slow))
    }

    /// Takes a page's items over, under their names here; how large they were.
    fn take(&self, text: &[u8], pulled: &mut Pulled) -> usize {
        let Ok(document) = Document::parse(text) else {
            return 0;
        };
        let Some(result) = document.root().get("result") else {
            return 0;
        };
        pulled.next = result
            .get("nextCursor")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let ttl = result.get("ttlMs").and_then(Value::as_u64).unwrap_or(0);
        pulled.ttl = pulled.ttl.min(ttl);
        let mut size = 0;
        for item in result
            .get(self.kind.field())
            .into_iter()
            .flat_map(Value::items)
        {
            let mut edits = Edits::default();
            match self.rename(item, &mut edits) {
                Ok(()) => {
                    let item = edits.within(text, item.span());
                    size += item.len();
                    pulled.items.push(item);
                }
                Err(why) => pulled.leave_out(&why),
            }
        }
        size
    }

    /// Gives an item its name here; or says why it can have none.
    fn rename(&self, item: Value<'_>, edits: &mut Edits) -> Result<(), String> {
        let member = &self.link.member;
        let named = |field| item.get(field).and_then(string);
        let nameless = || "lists something that has no name".to_owned();
        match self.kind {
            Kind::Tools | Kind::Prompts => {
                let name = named("name").ok_or_else(nameless)?;
                let own = name.as_str().unwrap_or_default();
                let public = format!("{}{own}", names::prefix(member));
                if public.len() > UNION_NAME_BYTES {
                    let most = UNION_NAME_BYTES - names::prefix(member).len().min(UNION_NAME_BYTES);
                    return Err(format!("a name is longer than {most} characters: {own}"));
                }
                // What is listed can be called, and the other way about.
                let roster = self.circle.roster();
                if roster.split(&public) != Some((member, own)) {
                    return Err(format!("another server's names begin like this one: {own}"));
                }
                edits.prefix(name, &names::prefix(member));
                let shown = item.get("_meta").and_then(|meta| meta.get("ui"));
                let shown = shown.and_then(|ui| ui.get("resourceUri")).and_then(string);
                if let Some(address) = shown {
                    self.learn(address, edits);
                }
            }
            Kind::Tasks => {
                edits.prefix(
                    named("taskId").ok_or_else(nameless)?,
                    &names::prefix(member),
                );
            }
            Kind::Resources => self.learn(named("uri").ok_or_else(nameless)?, edits),
            Kind::Templates => {
                let template = named("uriTemplate").ok_or_else(nameless)?;
                let says = template.as_str().unwrap_or_default();
                let learnt = self
                    .circle
                    .places(|places| places.learn_template(member, says));
                if let Some(prefix) = learnt {
                    edits.prefix(template, &prefix);
                }
            }
        }
        Ok(())
    }

    fn learn(&self, address: Value<'_>, edits: &mut Edits) {
        let says = address.as_str().unwrap_or_default();
        let learnt = self
            .circle
            .places(|places| places.learn(&self.link.member, says));
        if let Some(prefix) = learnt {
            edits.prefix(address, &prefix);
        }
    }
}

impl Pulled {
    fn leave_out(&mut self, why: &str) {
        // A list of what is missing is no place for a list without end.
        if self.left_out.len() < UNION_ADDRESSES / 64 {
            self.left_out
                .push((self.member.to_string(), why.to_owned()));
        }
    }
}
