//! What a call asked for, kept as long as it runs: when other rules come, it is judged by them.

use std::ops::Range;

use super::Account;
use crate::auth::{AuthError, Identity};
use crate::base::access::Short;
use crate::base::clock::Now;
use crate::base::limits::ASKED_BYTES;
use crate::exchange::refusal::EdgeRefusal;
use crate::exchange::rules::{Connection, Rules};
use crate::exchange::{Core, Refusal};
use crate::json::{Document, Value};
use crate::policy::{
    self, Arguments, AskedBefore, Facts, Fields, GraphCall, McpCall, Policies, Source,
};

/// What was allowed.
#[derive(Default)]
pub(in crate::exchange) enum Asked {
    /// Nothing yet: it may not go on under other rules.
    #[default]
    Nothing,
    /// A call of HTTP, whose method the account has.
    Http {
        /// Path and query, as policy saw them.
        text: Text,
        /// Bytes of the path.
        path_len: usize,
    },
    /// One call of MCP.
    Mcp {
        /// All of its parts.
        text: Text,
        /// Where they stand.
        parts: Parts,
    },
    /// The calls of a batch, or of Microsoft Graph.
    Batch(Box<AskedBefore>),
}

/// A text that is lent as long as the exchange may be over soon, so that one that meets no other
/// rules allocates nothing; whoever has to wait gets one of its own size.
pub(in crate::exchange) enum Text {
    /// To be given back.
    Lent(Vec<u8>),
    /// No larger than what it holds.
    Own(Box<[u8]>),
}

/// Where the parts of a call stand in its text; none for those that it had not.
#[derive(Default)]
pub(in crate::exchange) struct Parts {
    method: Option<Range<usize>>,
    name: Option<Range<usize>>,
    query: Option<Range<usize>>,
    annotations: Option<Range<usize>>,
    arguments: Option<Range<usize>>,
    /// They were not known, or too long to be kept.
    arguments_lost: bool,
}

impl Text {
    fn get(&self) -> &[u8] {
        match self {
            Text::Lent(text) => text,
            Text::Own(text) => text,
        }
    }

    fn part(&self, at: &Option<Range<usize>>) -> Option<&str> {
        str::from_utf8(self.get().get(at.clone()?)?).ok()
    }

    fn give_back(self, core: &mut Core) {
        if let Text::Lent(text) = self {
            core.pool.give_back_text(text);
        }
    }
}

impl Asked {
    /// A call of HTTP: `target` is its path and query.
    pub(in crate::exchange) fn http(target: &str, path_len: usize, core: &mut Core) -> Asked {
        let mut text = core.pool.lend_text();
        text.extend_from_slice(target.as_bytes());
        let text = Text::Lent(text);
        Asked::Http { text, path_len }
    }

    /// Calls of Microsoft Graph.
    pub(in crate::exchange) fn graph(calls: &[(GraphCall<'_>, Facts<'_>)]) -> Asked {
        Asked::Batch(Box::new(AskedBefore::graph(calls)))
    }

    /// Calls of MCP.
    pub(in crate::exchange) fn mcp(
        calls: &[McpCall<'_>],
        facts: &Facts<'_>,
        core: &mut Core,
    ) -> Asked {
        let [call] = calls else {
            return Asked::Batch(Box::new(AskedBefore::mcp(calls, facts)));
        };
        let raw = |value: Option<Value<'_>>| value.map_or(0, |value| value.raw().len());
        let (arguments, is_known) = match call.arguments {
            Arguments::Known(arguments) => (arguments, true),
            Arguments::Unknown => (None, false),
        };
        if raw(call.annotations) > ASKED_BYTES {
            // Nobody could judge it again.
            return Asked::Nothing;
        }
        let fits = raw(arguments) + raw(call.annotations) <= ASKED_BYTES;
        let mut text = core.pool.lend_text();
        let mut put = |part: &str| {
            let from = text.len();
            text.extend_from_slice(part.as_bytes());
            from..text.len()
        };
        let parts = Parts {
            method: Some(put(call.method)),
            name: call.name.map(&mut put),
            query: Some(put(facts.query)),
            annotations: call.annotations.map(|value| put(value.raw())),
            arguments: arguments.filter(|_| fits).map(|value| put(value.raw())),
            arguments_lost: !(is_known && fits),
        };
        let text = Text::Lent(text);
        Asked::Mcp { text, parts }
    }
}

/// Whether `policies` allow a call of MCP of which this was kept.
fn passes(
    (text, parts): (&Text, &Parts),
    policies: &Policies,
    identity: &Identity,
    source: Source<'_>,
    wall: u64,
) -> bool {
    let Some(method) = text.part(&parts.method) else {
        return false;
    };
    let read = |part| text.part(part).map(|text| Document::parse(text.as_bytes()));
    let (Ok(annotations), Ok(arguments)) = (
        read(&parts.annotations).transpose(),
        read(&parts.arguments).transpose(),
    ) else {
        return false;
    };
    let call = McpCall {
        method,
        name: text.part(&parts.name),
        arguments: match parts.arguments_lost {
            true => Arguments::Unknown,
            false => Arguments::Known(arguments.as_ref().map(Document::root)),
        },
        annotations: annotations.as_ref().map(Document::root),
    };
    let query = text.part(&parts.query).unwrap_or_default();
    policies.allows(
        identity,
        policy::Asked::Mcp(call),
        facts(wall, source, query),
    )
}

/// What is known later beside a call.
fn facts<'f>(wall: u64, source: Source<'f>, query: &'f str) -> Facts<'f> {
    Facts {
        wall,
        source,
        query,
        fields: Fields::Unknown,
        body: Arguments::Unknown,
    }
}

impl Asked {
    /// Whether `rules` allow it, too, on a connection of the same name to the same upstream.
    pub(in crate::exchange) fn stands<const N: usize>(
        &self,
        rules: &Rules,
        to: &Connection,
        identity: &Identity,
        (method, source): (&Short<N>, Source<'_>),
        now: Now,
    ) -> bool {
        let Some(new) = rules.connection(&to.name) else {
            return false;
        };
        let policies = &new.policies;
        let is_same = new.upstream.origin == to.upstream.origin;
        is_same && self.passes(policies, identity, (method, source), now)
    }

    fn passes<const N: usize>(
        &self,
        policies: &Policies,
        identity: &Identity,
        (method, source): (&Short<N>, Source<'_>),
        now: Now,
    ) -> bool {
        let wall = now.wall.unix_seconds();
        match self {
            Asked::Nothing => false,
            Asked::Batch(asked) => policies.still_allows(identity, asked, wall),
            Asked::Mcp { text, parts } => passes((text, parts), policies, identity, source, wall),
            Asked::Http { text, path_len } => {
                let Ok(target) = str::from_utf8(text.get()) else {
                    return false;
                };
                let Some((path, query)) = target.split_at_checked(*path_len) else {
                    return false;
                };
                let facts = facts(wall, source, query.strip_prefix('?').unwrap_or_default());
                let asked = policy::Asked::Http {
                    method: method.as_str(),
                    path,
                };
                !method.is_cut() && policies.allows(identity, asked, facts)
            }
        }
    }

    /// Returns what was lent.
    pub(in crate::exchange) fn give_back(self, core: &mut Core) {
        match self {
            Asked::Http { text, .. } | Asked::Mcp { text, .. } => text.give_back(core),
            Asked::Nothing | Asked::Batch(_) => {}
        }
    }

    /// Makes what is kept no larger than it is, and returns what was lent.
    fn shrink(&mut self, core: &mut Core) {
        let (Asked::Http { text, .. } | Asked::Mcp { text, .. }) = self else {
            return;
        };
        if let Text::Lent(lent) = text {
            let own = Text::Own(lent.as_slice().into());
            std::mem::replace(text, own).give_back(core);
        }
    }
}

impl Account {
    /// What was allowed, kept for when other rules come.
    pub(in crate::exchange) fn keep(&mut self, asked: Asked, core: &mut Core) {
        std::mem::replace(&mut self.asked, asked).give_back(core);
    }

    /// The exchange has to wait, for who knows how long: it keeps no more than it needs.
    pub(in crate::exchange) fn wait(&mut self, core: &mut Core) {
        self.asked.shrink(core);
    }

    /// Whether the call may go on: nobody has revoked the caller; always under the rules it was judged
    /// by, and under others when they allow it, too, on a connection of the same name to the same
    /// upstream.
    pub(in crate::exchange) fn may_go_on(
        &mut self,
        core: &mut Core,
        now: Now,
    ) -> Result<(), Refusal> {
        self.is_not_revoked(core, now)?;
        let rules = core.rules.load();
        if rules.generation == self.looked {
            return Ok(());
        }
        let shown = self.whence.shown.as_ref();
        if shown.is_some_and(|shown| !shown.is_welcome(now.wall)) {
            return Err(EdgeRefusal::Certificate.into());
        }
        let call = (&self.entry.method, self.whence.source());
        match (&self.connection, &self.identity) {
            (Some(to), Some(identity)) if self.asked.stands(rules, to, identity, call, now) => {
                self.looked = rules.generation;
                Ok(())
            }
            _ => Err(Refusal::Superseded),
        }
    }

    /// The second in which what the caller has shown is over: its token, or the certificate of its
    /// connection.
    pub(in crate::exchange) fn expires(&self) -> Option<u64> {
        let token = self.identity.as_ref().map(Identity::usable_until);
        token.into_iter().chain(self.certificate_ends()).min()
    }

    /// Whether neither of them is over.
    pub(in crate::exchange) fn is_in_time(&self, now: Now) -> Result<(), Refusal> {
        let is_over = |ends: u64| now.wall.unix_seconds() >= ends;
        if self.certificate_ends().is_some_and(is_over) {
            return Err(EdgeRefusal::Certificate.into());
        }
        match self.expires().is_some_and(is_over) {
            true => Err(Refusal::Token(AuthError::Expired)),
            false => Ok(()),
        }
    }

    fn certificate_ends(&self) -> Option<u64> {
        let shown = self.whence.shown.as_ref()?;
        Some(shown.certificate()?.ends())
    }
}
