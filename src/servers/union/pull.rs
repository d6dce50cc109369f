//! One member's part of a list: its pages, and its items under their names here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::answers;
use super::circle::Circle;
use super::edit::{Edits, quoted};
use super::link::Link;
use super::lists::Kind;
use super::message::string;
use super::names;
use super::wire::Away;
use crate::base::limits::{UNION_ADDRESSES, UNION_LIST_PAGES, UNION_NAME_BYTES};
use crate::base::secret::Secret;
use crate::json::{Document, Value};

/// One member's part of a list, while it is being asked for.
pub(super) struct Pull<'a> {
    pub(super) link: Arc<Link>,
    pub(super) kind: Kind,
    pub(super) bearer: &'a Secret,
    /// Bytes that may still be gathered, by all together.
    pub(super) room: &'a AtomicUsize,
    pub(super) deadline: Instant,
}

/// What came of it.
pub(super) struct Pulled {
    pub(super) link: Arc<Link>,
    /// Its pages, as they came.
    pages: Vec<Bytes>,
    /// Where its list goes on.
    pub(super) next: Option<String>,
    pub(super) left_out: Vec<(String, String)>,
    /// How long it says that its list is good for, in milliseconds.
    pub(super) ttl: u64,
}

impl Pull<'_> {
    /// Asks page after page, until all is there or there is no more room or time.
    pub(super) async fn run(self, start: Option<String>) -> Pulled {
        let mut pulled = Pulled {
            link: self.link.clone(),
            pages: Vec::new(),
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
            let size = text.len();
            pulled.turn(&text);
            pulled.pages.push(text);
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
}

impl Pulled {
    /// Where a page says that the list goes on, and how long it is good for.
    fn turn(&mut self, page: &[u8]) {
        let document = Document::parse(page).ok();
        let result = document.as_ref().and_then(|page| page.root().get("result"));
        let next = result.and_then(|result| result.get("nextCursor")?.as_str());
        self.next = next.map(str::to_owned);
        let ttl = result.and_then(|result| result.get("ttlMs")?.as_u64());
        self.ttl = self.ttl.min(ttl.unwrap_or(0));
    }

    /// The items of all pages, under their names here. Members are named one after the other, in
    /// their order: who has an address first does not depend on who answered first.
    pub(super) fn items(&mut self, circle: &Circle, kind: Kind) -> Vec<Vec<u8>> {
        let mut items = Vec::new();
        for page in std::mem::take(&mut self.pages) {
            let document = Document::parse(&page).ok();
            let result = document.as_ref().and_then(|page| page.root().get("result"));
            let list = result.and_then(|result| result.get(kind.field()));
            for item in list.into_iter().flat_map(Value::items) {
                let mut edits = Edits::default();
                let naming = Naming {
                    circle,
                    link: &self.link,
                    kind,
                };
                match naming.rename(item, &mut edits) {
                    Ok(()) => items.push(edits.within(&page, item.span())),
                    Err(why) => self.leave_out(&why),
                }
            }
        }
        items
    }

    fn leave_out(&mut self, why: &str) {
        // A list of what is missing is no place for a list without end.
        if self.left_out.len() < UNION_ADDRESSES / 64 {
            self.left_out
                .push((self.link.member.to_string(), why.to_owned()));
        }
    }
}

/// Gives the items of one member their names.
struct Naming<'a> {
    circle: &'a Circle,
    link: &'a Link,
    kind: Kind,
}

impl Naming<'_> {
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
                if self.kind == Kind::Tools {
                    self.link.repeated.learn(item);
                }
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
