//! A caller's request on its way to the one member it is for.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;

use super::circle::Circle;
use super::edit::Edits;
use super::link::{Letter, Link, Opened};
use super::message::{Message, string};
use super::names::{MARK, address_prefix};
use super::{lists, meta, parked};
use crate::base::secret::Secret;
use crate::json::{Document, Kind, Value};

/// A request of the caller, and where it goes.
pub(super) struct Call {
    /// The caller's message, as it came.
    pub(super) text: Bytes,
    /// The caller's id for it, as it is written.
    pub(super) id: String,
    /// What is asked.
    pub(super) method: String,
    /// Where it goes.
    pub(super) link: Arc<Link>,
    /// Our id for it.
    pub(super) own: u64,
    /// What in it says the member.
    place: Place,
    /// The caller speaks the revision without sessions.
    pub(super) modern: bool,
    /// The caller wants progress under this token, as it is written.
    pub(super) token: Option<String>,
    /// A modern caller wants log messages.
    pub(super) log: bool,
    /// By which it is found again when its caller must come back with an answer.
    pub(super) ticket: String,
    /// `Mcp-Param-*`, as the caller sent them.
    headers: HeaderMap,
}

/// Where a request says whom it is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// `params.name`
    Name,
    /// `params.uri`
    Address,
    /// `params.taskId`
    Task,
    /// `params.ref.name`
    Prompt,
    /// `params.ref.uri`
    Template,
}

/// Why a request goes nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lost {
    /// No member knows the method as far as a union can tell.
    Method,
    /// What must say the member is not there.
    Shape,
    /// It says no member.
    Name,
    /// Nobody has named this address.
    Address,
}

impl Call {
    /// Reads a request and finds its member. An address that nobody has named yet is looked for in
    /// the members' lists once.
    pub(super) async fn read(
        circle: &Circle,
        bearer: &Secret,
        text: Bytes,
        headers: HeaderMap,
        modern: bool,
    ) -> Result<Call, Lost> {
        let (place, says, method) = {
            let document = Document::parse(&text).map_err(|_| Lost::Shape)?;
            let message = Message::of(document.root()).ok_or(Lost::Shape)?;
            let method = message.method().ok_or(Lost::Shape)?;
            let place = place_of(method, message)?;
            let says = place.value(message).and_then(Value::as_str);
            (
                place,
                says.ok_or(Lost::Shape)?.to_owned(),
                method.to_owned(),
            )
        };
        let link = find(circle, bearer, place, &says).await?;
        if !modern && method == "tools/call" {
            know_tools(circle, bearer, &link).await;
        }
        let document = Document::parse(&text).map_err(|_| Lost::Shape)?;
        let message = Message::of(document.root()).ok_or(Lost::Shape)?;
        let id = message.id().ok_or(Lost::Shape)?.raw().to_owned();
        let token = message.progress_token().map(|token| token.raw().to_owned());
        let meta = message.params().and_then(|params| params.get("_meta"));
        let log = meta.is_some_and(|meta| meta.get(meta::LOG_LEVEL).is_some());
        drop(document);
        Ok(Call {
            own: link.next_id(),
            text,
            id,
            method,
            link,
            place,
            modern,
            token,
            log,
            ticket: if modern {
                parked::ticket()
            } else {
                String::new()
            },
            headers,
        })
    }

    /// The same once more, under another id.
    pub(super) fn again(&self) -> Call {
        Call {
            own: self.link.next_id(),
            text: self.text.clone(),
            id: self.id.clone(),
            method: self.method.clone(),
            link: self.link.clone(),
            headers: self.headers.clone(),
            token: self.token.clone(),
            ticket: self.ticket.clone(),
            ..*self
        }
    }

    /// The same, for a caller that came back for it with `other`.
    pub(super) fn as_asked_by(&self, other: &Call) -> Call {
        Call {
            own: self.own,
            id: other.id.clone(),
            token: other.token.clone(),
            log: other.log,
            ..self.again()
        }
    }

    /// The request as the member gets it. `more` are members that its parameters get besides.
    pub(super) fn letter(&self, opened: &Opened, more: Option<&str>) -> Option<Letter> {
        let document = Document::parse(&self.text).ok()?;
        let message = Message::of(document.root())?;
        let mut edits = Edits::default();
        edits.replace(message.id()?.span(), self.own.to_string());
        let value = self.place.value(message)?;
        let says = value.as_str()?;
        let count = self.place.prefix_length(&self.link.member, says);
        if count > 0 {
            edits.strip(value, count);
        }
        let params = message.params()?;
        if let Some(state) = params.get("requestState").and_then(string) {
            // A state of one member is not for another, whatever the name beside it says.
            let prefix = state_prefix(&self.link.member);
            state.as_str()?.strip_prefix(&prefix)?;
            edits.strip(state, prefix.len());
        }
        let modern = opened.revision.is_modern();
        self.translate(&mut edits, message, params, modern, more)?;
        let name = matches!(self.place, Place::Name | Place::Address | Place::Task);
        let name = name.then(|| says.get(count..)).flatten();
        let mut headers = meta::headers(modern, &self.method, name);
        if modern && self.modern {
            headers.extend(self.headers.clone());
        } else if modern && let Some(tool) = name.filter(|_| self.method == "tools/call") {
            headers.extend(self.link.repeated.headers(tool, message));
        }
        Some(Letter {
            body: edits.apply(&self.text).into(),
            headers,
        })
    }

    /// What the member's era wants and the caller's does not, and the reverse.
    fn translate(
        &self,
        edits: &mut Edits,
        message: Message<'_>,
        params: Value<'_>,
        modern: bool,
        more: Option<&str>,
    ) -> Option<()> {
        let meta = params
            .get("_meta")
            .filter(|meta| meta.kind() == Kind::Object);
        let mut added: Vec<String> = more.map(str::to_owned).into_iter().collect();
        match (self.modern, modern, meta) {
            (true, false, Some(meta)) => {
                edits.drop_members(&self.text, meta, &meta::MODERN_ONLY);
                // The session is shared by all that this caller asks, and tokens are only distinct
                // within one of its programs.
                if let Some(token) = message.progress_token() {
                    edits.replace(token.span(), self.own.to_string());
                }
            }
            (false, true, Some(meta)) => {
                let twice = |name: &&str| meta.get(name).is_some();
                if meta::MODERN_ONLY.iter().any(twice) {
                    return None;
                }
                edits.add_members(meta, &meta::members(self.link.profile()));
            }
            (false, true, None) => added.push(meta::object(self.link.profile())),
            _ => {}
        }
        if !added.is_empty() {
            edits.add_members(params, &added.join(","));
        }
        Some(())
    }

    /// The address that it is about, as its member knows it.
    pub(super) fn address(&self) -> Option<String> {
        let document = Document::parse(&self.text).ok()?;
        let message = Message::of(document.root())?;
        let says = Place::Address.value(message)?.as_str()?;
        let count = Place::Address.prefix_length(&self.link.member, says);
        says.get(count..).map(str::to_owned)
    }

    /// True when the token that a member reports progress under is this call's.
    pub(super) fn is_own_token(&self, token: Value<'_>) -> bool {
        token.raw() == self.own.to_string()
    }
}

impl Place {
    fn value<'a>(self, message: Message<'a>) -> Option<Value<'a>> {
        let reference = |name| string(message.params()?.get("ref")?.get(name)?);
        match self {
            Place::Name => message.text_param("name"),
            Place::Address => message.text_param("uri"),
            Place::Task => message.text_param("taskId"),
            Place::Prompt => reference("name"),
            Place::Template => reference("uri"),
        }
    }

    /// How much of what the caller says is ours.
    fn prefix_length(self, member: &str, says: &str) -> usize {
        match self {
            Place::Name | Place::Task | Place::Prompt => member.len() + MARK.len(),
            Place::Address | Place::Template => {
                let prefix = address_prefix(member);
                if says.starts_with(&prefix) {
                    prefix.len()
                } else {
                    0
                }
            }
        }
    }
}

fn place_of(method: &str, message: Message<'_>) -> Result<Place, Lost> {
    Ok(match method {
        "tools/call" | "prompts/get" => Place::Name,
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => Place::Address,
        "tasks/get" | "tasks/result" | "tasks/cancel" | "tasks/update" => Place::Task,
        "completion/complete" => {
            let reference = message.params().and_then(|params| params.get("ref"));
            match reference.and_then(|each| each.get("type")?.as_str()) {
                Some("ref/prompt") => Place::Prompt,
                Some("ref/resource") => Place::Template,
                _ => return Err(Lost::Shape),
            }
        }
        _ => return Err(Lost::Method),
    })
}

/// A modern member's tools have to be known before they are called for a legacy caller.
async fn know_tools(circle: &Circle, bearer: &Secret, link: &Arc<Link>) {
    let opened = link.open(bearer).await;
    if opened.is_ok_and(|opened| opened.revision.is_modern()) {
        let list = lists::read_tools(circle, link, bearer);
        link.repeated.known(list).await;
    }
}

async fn find(
    circle: &Circle,
    bearer: &Secret,
    place: Place,
    says: &str,
) -> Result<Arc<Link>, Lost> {
    let roster = circle.roster();
    if matches!(place, Place::Name | Place::Task | Place::Prompt) {
        let (member, _) = roster.split(says).ok_or(Lost::Name)?;
        return circle.link(member).ok_or(Lost::Name);
    }
    if let Some((member, _)) = roster.split_address(says) {
        return circle.link(member).ok_or(Lost::Address);
    }
    let mut owner = circle.places(|places| places.owner(says));
    if owner.is_none() {
        lists::look_around(circle, bearer).await;
        owner = circle.places(|places| places.owner(says));
    }
    let owner = owner.ok_or(Lost::Address)?;
    circle.link(&owner).ok_or(Lost::Address)
}

/// What is put before a member's `requestState`.
pub(super) fn state_prefix(member: &str) -> String {
    format!("{member}:")
}
