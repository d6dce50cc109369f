//! What a call asked for, kept as long as it runs: when other rules come, it is judged by them.

use std::net::{IpAddr, SocketAddr};

use super::Account;
use crate::auth::Identity;
use crate::base::access::Short;
use crate::base::clock::Now;
use crate::exchange::rules::{Connection, Rules};
use crate::exchange::{Core, Refusal};
use crate::policy::{Arguments, AskedBefore, Facts, Fields, Policies};

/// What was allowed.
pub(in crate::exchange) enum Asked {
    /// Nothing yet: it may not go on under other rules.
    Nothing,
    /// A call of HTTP, whose method the account has. Kept in a lent text, so that a call that meets
    /// no other rules allocates nothing.
    Http {
        /// Path and query, as policy saw them.
        target: Vec<u8>,
        /// Bytes of the path.
        path_len: usize,
    },
    /// One of MCP.
    Mcp(Box<AskedBefore>),
}

impl Asked {
    /// Whether `rules` allow it, too, on a connection of the same name to the same upstream.
    pub(in crate::exchange) fn stands<const N: usize>(
        &self,
        rules: &Rules,
        to: &Connection,
        identity: &Identity,
        (method, peer): (&Short<N>, Option<SocketAddr>),
        now: Now,
    ) -> bool {
        let Some(new) = rules.connection(&to.name) else {
            return false;
        };
        let policies = &new.policies;
        let source = peer.map(|peer| peer.ip());
        let is_same = new.upstream.origin == to.upstream.origin;
        is_same && self.passes(policies, identity, (method, source), now)
    }

    fn passes<const N: usize>(
        &self,
        policies: &Policies,
        identity: &Identity,
        (method, source): (&Short<N>, Option<IpAddr>),
        now: Now,
    ) -> bool {
        let wall = now.wall.unix_seconds();
        match self {
            Asked::Nothing => false,
            Asked::Mcp(asked) => policies.still_allows(identity, asked, wall),
            Asked::Http { target, path_len } => {
                let (path, query) = target.split_at((*path_len).min(target.len()));
                let (Ok(path), Ok(query)) = (str::from_utf8(path), str::from_utf8(query)) else {
                    return false;
                };
                let facts = Facts {
                    wall,
                    source,
                    query: query.strip_prefix('?').unwrap_or_default(),
                    fields: Fields::Unknown,
                    body: Arguments::Unknown,
                };
                let asked = AskedBefore::http(method.as_str(), path, &facts);
                !method.is_cut() && policies.still_allows(identity, &asked, wall)
            }
        }
    }

    /// Returns what was lent.
    pub(in crate::exchange) fn give_back(self, core: &mut Core) {
        if let Asked::Http { target, .. } = self {
            core.pool.give_back_text(target);
        }
    }
}

impl Account {
    /// What was allowed, kept for when other rules come.
    pub(in crate::exchange) fn keep(&mut self, asked: Asked, core: &mut Core) {
        std::mem::replace(&mut self.asked, asked).give_back(core);
    }

    /// Whether the call may go on: always under the rules it was judged by, and under others when
    /// they allow it, too, on a connection of the same name to the same upstream.
    pub(in crate::exchange) fn may_go_on(
        &mut self,
        core: &mut Core,
        now: Now,
    ) -> Result<(), Refusal> {
        let rules = core.rules.load();
        if rules.generation == self.looked {
            return Ok(());
        }
        let call = (&self.entry.method, self.entry.peer);
        match (&self.connection, &self.identity) {
            (Some(to), Some(identity)) if self.asked.stands(rules, to, identity, call, now) => {
                self.looked = rules.generation;
                Ok(())
            }
            _ => Err(Refusal::Superseded),
        }
    }

    /// The second in which the caller's token expires.
    pub(in crate::exchange) fn expires(&self) -> Option<u64> {
        self.identity.as_ref().map(Identity::usable_until)
    }
}
