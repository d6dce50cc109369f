//! What a call asked for, kept as long as it runs: when other rules come, it is judged by them.

use std::net::{IpAddr, SocketAddr};

use super::Core;
use super::rules::{Connection, Rules};
use crate::auth::Identity;
use crate::base::access::Short;
use crate::base::clock::Now;
use crate::policy::{Arguments, AskedBefore, Facts, Fields, Policies};

/// What was allowed.
pub(super) enum Asked {
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
    pub(super) fn stands<const N: usize>(
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
    pub(super) fn give_back(self, core: &mut Core) {
        if let Asked::Http { target, .. } = self {
            core.pool.give_back_text(target);
        }
    }
}
