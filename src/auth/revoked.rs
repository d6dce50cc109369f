//! Who and what an operator has revoked: looked for in whatever a token proved, once for each change
//! of it.

use std::hash::{BuildHasher as _, Hasher as _};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Identity, PrincipalKind};
use crate::base::calendar::Utc;
use crate::base::clock::Wall;

/// What a revocation names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RevokedKind {
    /// A caller, by the name of its principal; a user without the client that acts for it is meant
    /// with every client.
    Principal,
    /// An application, by its client id: what it does for itself, and for users.
    Client,
    /// One token, by its `uti` or `jti`.
    Token,
    /// What was issued in one session of a user at the issuer, by `sid`.
    Session,
    /// One session of MCP, by the digest that the access log shows.
    McpSession,
}

impl RevokedKind {
    /// All of them.
    pub const ALL: [RevokedKind; 5] = [
        RevokedKind::Principal,
        RevokedKind::Client,
        RevokedKind::Token,
        RevokedKind::Session,
        RevokedKind::McpSession,
    ];

    /// A short constant name, as it is stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RevokedKind::Principal => "principal",
            RevokedKind::Client => "client",
            RevokedKind::Token => "token",
            RevokedKind::Session => "session",
            RevokedKind::McpSession => "mcp-session",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<RevokedKind> {
        RevokedKind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// One revocation, as far as callers are judged by it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Revocation {
    /// Its number, by which it is told of and lifted.
    pub id: u64,
    /// What it names.
    pub kind: RevokedKind,
    /// The name; names that differ in the case of letters are the same.
    pub name: Box<str>,
    /// The configured name of the only issuer whose tokens it is about; `None` for all.
    pub issuer: Option<Box<str>>,
    /// Only tokens issued before this second since 1970.
    pub before: Option<u64>,
    /// It holds up to this second since 1970, else until it is lifted.
    pub until: Option<u64>,
}

impl Revocation {
    /// Which tokens it is about, as words that follow what it names; none where it is about all.
    #[must_use]
    pub fn only_before(before: Option<u64>) -> String {
        match before {
            Some(before) => format!(", tokens issued before {}", Utc::from_unix(before)),
            None => String::new(),
        }
    }
}

/// Why somebody is refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Revoked {
    /// The revocation's number.
    pub id: u64,
    /// Tokens issued from this second since 1970 on are good.
    pub before: Option<u64>,
}

/// All that is revoked, found by what it names. A name that somebody typed in other letters must not
/// miss, and ids that differ in case alone are not given to two: so case is nothing here.
#[derive(Debug, Default)]
pub struct Revocations {
    hasher: DefaultHashBuilder,
    all: HashTable<Revocation>,
}

impl Revocations {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether a caller is revoked: itself, its client, its token, or the session that was issued in.
    /// Of several revocations the answer is one that no other token helps against.
    #[must_use]
    pub fn of(&self, identity: &Identity, now: Wall) -> Option<Revoked> {
        if self.is_empty() {
            return None;
        }
        let principal = identity.principal();
        let names = [
            (RevokedKind::Principal, Some(principal.name())),
            (RevokedKind::Principal, user_alone(identity)),
            (RevokedKind::Client, principal.client()),
            (RevokedKind::Token, identity.token_id()),
            (RevokedKind::Session, identity.session()),
        ];
        let named = names
            .into_iter()
            .filter_map(|(kind, name)| Some((kind, name?)));
        let about = |one: &&Revocation| {
            let issuer = one.issuer.as_deref();
            issuer.is_none_or(|issuer| issuer == principal.issuer())
                && one.before.is_none_or(|before| is_older(identity, before))
        };
        named
            .flat_map(|(kind, name)| self.named(kind, name, now))
            .filter(about)
            .map(Revocation::told)
            .max_by_key(|revoked| revoked.before.unwrap_or(u64::MAX))
    }

    /// Whether a session of MCP is revoked, by its digest.
    #[must_use]
    pub fn of_mcp_session(&self, digest: &str, now: Wall) -> Option<Revoked> {
        if self.is_empty() {
            return None;
        }
        let mut found = self.named(RevokedKind::McpSession, digest, now);
        found.next().map(Revocation::told)
    }

    /// Those that name this, and hold.
    fn named(&self, kind: RevokedKind, name: &str, now: Wall) -> impl Iterator<Item = &Revocation> {
        let hash = name_hash(&self.hasher, kind, name);
        let holds = move |one: &&Revocation| {
            let is_over = |until| now.unix_seconds() >= until;
            one.kind == kind
                && one.name.eq_ignore_ascii_case(name)
                && !one.until.is_some_and(is_over)
        };
        self.all.iter_hash(hash).filter(holds)
    }
}

impl FromIterator<Revocation> for Revocations {
    fn from_iter<T: IntoIterator<Item = Revocation>>(revocations: T) -> Revocations {
        let Revocations { hasher, mut all } = Revocations::default();
        let hash = |one: &Revocation| name_hash(&hasher, one.kind, &one.name);
        for one in revocations {
            all.insert_unique(hash(&one), one, hash);
        }
        Revocations { hasher, all }
    }
}

impl Revocation {
    fn told(&self) -> Revoked {
        Revoked {
            id: self.id,
            before: self.before,
        }
    }
}

/// A hash of a name without its case.
fn name_hash(hasher: &DefaultHashBuilder, kind: RevokedKind, name: &str) -> u64 {
    let mut state = hasher.build_hasher();
    state.write_u8(kind as u8);
    for piece in name.as_bytes().chunks(64) {
        let mut room = [0; 64];
        let (lower, _) = room.split_at_mut(piece.len());
        lower.copy_from_slice(piece);
        lower.make_ascii_lowercase();
        state.write(lower);
    }
    state.finish()
}

/// A token that does not say when it was issued may be as old as any.
fn is_older(identity: &Identity, before: u64) -> bool {
    identity.issued().is_none_or(|issued| issued < before)
}

/// The name of a user's principal without the client that acts for it.
fn user_alone(identity: &Identity) -> Option<&str> {
    let principal = identity.principal();
    let client = match principal.kind() {
        PrincipalKind::User => principal.client()?,
        PrincipalKind::Application => return None,
    };
    principal.name().strip_suffix(client)?.strip_suffix('+')
}
