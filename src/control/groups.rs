//! Asks an issuer's directory for the groups that tokens leave out.
//!
//! One task per issuer. Questions about one caller share a flight, and what it brings answers for a
//! while; flights and callers that wait are few. Who cannot be told stays without groups, and policy
//! refuses where it goes by them. The address is built of configuration and of what was proven of the
//! caller: the one that tokens carry in `_claim_sources` is looked at by nobody.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::{Instant, timeout};

use super::health::Health;
use super::http_client::{FetchError, Fetched, HttpClient};
use crate::auth::{GroupsWanted, PrincipalKind};
use crate::base::clock::Clock;
use crate::base::credential::{Credential, CredentialWanted, Slot};
use crate::base::limits::{
    FETCH_TIME, GROUPS, GROUPS_BYTES, GROUPS_CALLERS, GROUPS_FLIGHTS, GROUPS_PAUSE, GROUPS_TIME,
    GROUPS_WAITING,
};
use crate::base::mailbox::{Ask, Inbox, Question};
use crate::json::{Document, Kind};

/// Whose groups.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Member {
    kind: PrincipalKind,
    object: Box<str>,
}

impl Member {
    fn of(wanted: &GroupsWanted) -> Member {
        Member {
            kind: wanted.kind(),
            object: wanted.principal().object().into(),
        }
    }
}

/// Why nobody is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum GroupsError {
    #[error("directory: {0}")]
    Fetch(#[from] FetchError),
    #[error("directory: status {0}")]
    Status(u16),
    #[error("directory: there is no token for it")]
    NoToken,
    #[error("directory: the answer is no list of ids")]
    Answer,
    #[error("directory: more than {GROUPS} groups, or not all of them in one answer")]
    TooMany,
}

impl GroupsError {
    /// Whether it says something of that one caller alone.
    fn is_of_member(&self) -> bool {
        matches!(
            self,
            GroupsError::Status(400 | 404) | GroupsError::Answer | GroupsError::TooMany
        )
    }
}

/// Microsoft Graph, and what is shown to it.
pub(super) struct Directory {
    pub client: HttpClient,
    /// Without a trailing slash.
    pub graph: String,
    pub slot: Arc<Slot>,
    /// Asks for a token where there is none.
    pub ask: Option<Ask<CredentialWanted>>,
    pub clock: Clock,
}

impl Directory {
    /// Asks once: every group that the member is in, through others too.
    pub async fn groups(&self, member: Member) -> Result<Vec<String>, GroupsError> {
        let credential = self.credential().await?;
        let collection = match member.kind {
            PrincipalKind::User => "users",
            PrincipalKind::Application => "servicePrincipals",
        };
        let Member { object, .. } = member;
        let url = format!("{}/v1.0/{collection}/{object}/getMemberObjects", self.graph);
        let answer = self
            .client
            .post_json(
                &url,
                credential.value.expose(),
                r#"{"securityEnabledOnly":true}"#,
                GROUPS_BYTES,
            )
            .await?;
        listed(&answer)
    }

    async fn credential(&self) -> Result<Arc<Credential>, GroupsError> {
        let current = || self.slot.current(self.clock.now().mono);
        let found = match (current(), &self.ask) {
            (None, Some(ask)) => {
                if let Ok(answer) = ask.ask(CredentialWanted::shared(0)) {
                    let _ = timeout(FETCH_TIME, answer).await;
                }
                current()
            }
            (found, _) => found,
        };
        let is_authority = |found: &Arc<Credential>| &*found.field == "authorization";
        found.filter(is_authority).ok_or(GroupsError::NoToken)
    }
}

fn listed(answer: &Fetched) -> Result<Vec<String>, GroupsError> {
    match answer.status.as_u16() {
        200 => {}
        status => return Err(GroupsError::Status(status)),
    }
    let document = Document::parse(&answer.body).map_err(|_| GroupsError::Answer)?;
    let root = document.root();
    if root.get("@odata.nextLink").is_some() {
        return Err(GroupsError::TooMany);
    }
    let list = root.get("value").ok_or(GroupsError::Answer)?;
    if list.kind() != Kind::Array {
        return Err(GroupsError::Answer);
    }
    let mut groups = Vec::new();
    for item in list.items() {
        let id = item.as_str().filter(|id| crate::auth::is_guid(id));
        groups.push(id.ok_or(GroupsError::Answer)?.to_owned());
        if groups.len() > GROUPS {
            return Err(GroupsError::TooMany);
        }
    }
    Ok(groups)
}

/// What asks for one issuer is given.
pub(super) struct GroupKeeper<F> {
    pub inbox: Inbox<GroupsWanted>,
    pub health: Health,
    /// Asks the directory once.
    pub fetch: F,
}

impl<F, R> GroupKeeper<F>
where
    F: FnMut(Member) -> R,
    R: Future<Output = Result<Vec<String>, GroupsError>>,
{
    /// Runs until nobody can ask any more.
    pub async fn run(mut self) {
        let mut desk = Desk::default();
        let mut flights = FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                Some((member, outcome)) = flights.next(), if !flights.is_empty() => {
                    self.health.note(&outcome);
                    desk.landed(&member, outcome, Instant::now());
                }
                question = self.inbox.next() => match question {
                    None => return,
                    Some(question) => desk.take(question, Instant::now()),
                },
            }
            while flights.len() < GROUPS_FLIGHTS
                && let Some(member) = desk.queue.pop_front()
            {
                let fetched = (self.fetch)(member.clone());
                flights.push(async move { (member, fetched.await) });
            }
        }
    }
}

/// Who waits for whose groups, and whose are known.
#[derive(Default)]
struct Desk {
    known: HashMap<Member, (Arc<[String]>, Instant)>,
    waiting: HashMap<Member, Vec<Question<GroupsWanted>>>,
    /// Of those that wait, whom no flight is about yet.
    queue: VecDeque<Member>,
    paused: Option<Instant>,
}

impl Desk {
    fn take(&mut self, question: Question<GroupsWanted>, now: Instant) {
        let member = Member::of(&question.about);
        let known = self.known.get(&member);
        if let Some((groups, _)) = known.filter(|(_, at)| now < *at + GROUPS_TIME) {
            question.about.say(groups.iter().map(String::as_str));
            return question.answer(());
        }
        if let Some(others) = self.waiting.get_mut(&member) {
            if others.len() < GROUPS_WAITING {
                return others.push(question);
            }
        } else if self.paused.is_none_or(|until| now >= until)
            && self.waiting.len() < GROUPS_WAITING
        {
            self.queue.push_back(member.clone());
            self.waiting.insert(member, vec![question]);
            return;
        }
        question.answer(());
    }

    fn landed(&mut self, member: &Member, outcome: Result<Vec<String>, GroupsError>, now: Instant) {
        let questions = self.waiting.remove(member).unwrap_or_default();
        match outcome {
            Ok(groups) => {
                for question in &questions {
                    question.about.say(groups.iter().map(String::as_str));
                }
                self.remember(member, groups.into(), now);
            }
            Err(error) if error.is_of_member() => {}
            Err(_) => {
                self.paused = Some(now + GROUPS_PAUSE);
                for other in std::mem::take(&mut self.queue) {
                    answer_all(self.waiting.remove(&other).unwrap_or_default());
                }
            }
        }
        answer_all(questions);
    }

    fn remember(&mut self, member: &Member, groups: Arc<[String]>, now: Instant) {
        if self.known.len() >= GROUPS_CALLERS {
            self.known.retain(|_, (_, at)| now < *at + GROUPS_TIME);
        }
        // Full of fresh ones: forgetting costs one more question each.
        if self.known.len() >= GROUPS_CALLERS {
            self.known.clear();
        }
        self.known.insert(member.clone(), (groups, now));
    }
}

fn answer_all(questions: Vec<Question<GroupsWanted>>) {
    for question in questions {
        question.answer(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Result<usize, GroupsError> {
        let answer = Fetched {
            status: reqwest::StatusCode::from_u16(status).unwrap(),
            body: body.as_bytes().to_vec().into(),
        };
        listed(&answer).map(|groups| groups.len())
    }

    #[test]
    fn an_answer_is_a_whole_list_of_ids_or_none() {
        let id = "7e2f1a00-0000-4000-8000-0000000000ab";
        let list = |ids: &str| format!(r#"{{"@odata.context":"x","value":[{ids}]}}"#);
        assert_eq!(of(200, &list("")), Ok(0));
        assert_eq!(of(200, &list(&format!(r#""{id}""#))), Ok(1));
        let not = Err(GroupsError::Answer);
        for body in [
            "",
            "[]",
            "{}",
            r#"{"value":{}}"#,
            r#"{"value":[1]}"#,
            r#"{"value":["admins"]}"#,
            r#"{"value":[],"value":[]}"#,
        ] {
            assert_eq!(of(200, body), not, "{body}");
        }
        let more = r#"{"value":[],"@odata.nextLink":"https://evil.example/"}"#;
        assert_eq!(of(200, more), Err(GroupsError::TooMany));
        let many = vec![format!(r#""{id}""#); GROUPS + 1].join(",");
        assert_eq!(of(200, &list(&many)), Err(GroupsError::TooMany));
        for status in [204, 302, 400, 401, 403, 404, 429, 500, 503] {
            let told = of(status, &list(""));
            assert_eq!(told, Err(GroupsError::Status(status)));
        }
    }
}
