//! The lists of all members as one.
//!
//! All members are asked at once, and each page after page, until all is there, the answer is large
//! or time is up: many clients never ask for a second page. What is left has a cursor of ours. A
//! member that does not answer is left out and named in `_meta`; the order is that of the members,
//! whoever answered first.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::Instant;

use super::answers;
use super::circle::Circle;
use super::cursor;
use super::link::{Link, Opened};
use super::pull::Pull;
use crate::base::limits::{UNION_LIST_BYTES, UNION_LIST_TIME};
use crate::base::secret::Secret;

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

    /// The method that asks for it.
    pub(super) fn method(self) -> &'static str {
        match self {
            Kind::Tools => "tools/list",
            Kind::Prompts => "prompts/list",
            Kind::Resources => "resources/list",
            Kind::Templates => "resources/templates/list",
            Kind::Tasks => "tasks/list",
        }
    }

    /// The member of the result that holds it.
    pub(super) fn field(self) -> &'static str {
        match self {
            Kind::Tools => "tools",
            Kind::Prompts => "prompts",
            Kind::Resources => "resources",
            Kind::Templates => "resourceTemplates",
            Kind::Tasks => "tasks",
        }
    }

    /// True when a member says that it has such a list.
    pub(super) fn is_had_by(self, opened: &Opened) -> bool {
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
    for mut one in pulled {
        merged.items.extend(one.items(circle, kind));
        merged.left_out.extend(one.left_out);
        merged.ttl = merged.ttl.min(one.ttl);
        places.extend(one.next.map(|next| (one.link.member.to_string(), next)));
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

/// Reads one member's tools, for what they want in headers.
pub(super) async fn read_tools(circle: &Circle, link: &Arc<Link>, bearer: &Secret) {
    let room = AtomicUsize::new(UNION_LIST_BYTES);
    let pull = Pull {
        link: link.clone(),
        kind: Kind::Tools,
        bearer,
        room: &room,
        deadline: Instant::now() + UNION_LIST_TIME,
    };
    // What a tool wants in headers is learnt where it gets its name.
    pull.run(None).await.items(circle, Kind::Tools);
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
