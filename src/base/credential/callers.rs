//! What the gateway shows upstream on behalf of each of its callers, published by the control plane
//! and read by every core.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;
use ring::digest::{Context, SHA256};

use super::super::clock::Mono;
use super::super::limits::{CALLER_REFUSED_TIME, CALLER_TOKEN_BYTES};
use super::super::secret::Secret;
use super::Credential;

/// Names what is got for one caller's token: a digest, by which nobody finds the token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallerKey([u8; 32]);

impl fmt::Debug for CallerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallerKey(..)")
    }
}

/// Why nothing is got for a caller's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuff {
    /// For the log: the error's name and numbers, never what the issuer wrote.
    pub why: Box<str>,
    /// Whether it is the caller's token that is not taken; else nobody's would be, at the moment.
    pub is_callers: bool,
    /// What the caller must satisfy first, as the issuer asks for it: JSON.
    pub claims: Option<Box<str>>,
}

/// What was got for one caller's token.
#[derive(Clone)]
enum Got {
    Token(Arc<Credential>),
    Nothing(Arc<Rebuff>, Mono),
}

/// What is known of one caller's token.
#[derive(Clone, Debug)]
pub enum Known {
    /// This is shown for it.
    Token(Arc<Credential>),
    /// Nothing is got for it.
    Refused(Arc<Rebuff>),
}

/// The tokens got on behalf of callers by one account of the gateway's. Bounded: what was not used for
/// longest gives way.
pub struct CallerTokens {
    /// The account: endpoint, client and scope.
    account: [u8; 32],
    got: Cache<CallerKey, (Got, Duration)>,
    generations: AtomicU64,
}

impl CallerTokens {
    /// Nothing yet, for the account that `parts` name.
    #[must_use]
    pub fn new(parts: [&str; 3]) -> CallerTokens {
        let weigh = |_: &CallerKey, (got, _): &(Got, Duration)| match got {
            Got::Token(credential) => {
                u32::try_from(credential.value.expose().len()).unwrap_or(u32::MAX)
            }
            Got::Nothing(rebuff, _) => {
                let claims = rebuff.claims.as_ref().map_or(0, |claims| claims.len());
                u32::try_from(128 + claims).unwrap_or(u32::MAX)
            }
        };
        CallerTokens {
            account: hashed(parts.map(str::as_bytes)),
            got: Cache::builder()
                .weigher(weigh)
                .max_capacity(CALLER_TOKEN_BYTES)
                .expire_after(AtItsEnd)
                .build(),
            generations: AtomicU64::new(0),
        }
    }

    /// The key to what is got for a caller's token.
    #[must_use]
    pub fn key(&self, token: &[u8]) -> CallerKey {
        CallerKey(hashed([&self.account, token]))
    }

    /// What is known for a key. Waits for nobody.
    #[must_use]
    pub fn find(&self, key: &CallerKey, now: Mono) -> Option<Known> {
        match self.got.get(key)?.0 {
            Got::Token(credential) => {
                let is_good = credential.expires.is_none_or(|expires| now < expires);
                is_good.then_some(Known::Token(credential))
            }
            Got::Nothing(rebuff, until) => (now < until).then_some(Known::Refused(rebuff)),
        }
    }

    /// Puts in force what was got, for `life` from `now` on.
    pub fn publish(&self, key: CallerKey, field: &str, value: Secret, life: Duration, now: Mono) {
        let credential = Credential {
            field: field.into(),
            value,
            expires: Some(now.after(life)),
            generation: 1 + self.generations.fetch_add(1, Relaxed),
            owner: Some(key),
        };
        self.got
            .insert(key, (Got::Token(Arc::new(credential)), life));
    }

    /// Remembers for a moment that nothing is got: a caller that tries again bothers nobody.
    pub fn refuse(&self, key: CallerKey, rebuff: Rebuff, now: Mono) {
        let until = now.after(CALLER_REFUSED_TIME);
        let nothing = Got::Nothing(Arc::new(rebuff), until);
        self.got.insert(key, (nothing, CALLER_REFUSED_TIME));
    }

    /// Forgets what was got, unless it was replaced since.
    pub fn evict(&self, key: &CallerKey, generation: u64) {
        let got = self.got.get(key);
        let is_it = |(got, _): (Got, Duration)| match got {
            Got::Token(credential) => credential.generation == generation,
            Got::Nothing(..) => false,
        };
        if got.is_some_and(is_it) {
            self.got.invalidate(key);
        }
    }
}

impl fmt::Debug for CallerTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallerTokens(..)")
    }
}

/// The digest of parts that cannot run into each other.
fn hashed<const N: usize>(parts: [&[u8]; N]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// Frees an entry when its time is over. Whether it may be used is judged by our own clock.
struct AtItsEnd;

impl Expiry<CallerKey, (Got, Duration)> for AtItsEnd {
    fn expire_after_create(
        &self,
        _: &CallerKey,
        (_, life): &(Got, Duration),
        _: Instant,
    ) -> Option<Duration> {
        Some(*life)
    }

    fn expire_after_update(
        &self,
        _: &CallerKey,
        (_, life): &(Got, Duration),
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(*life)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> CallerTokens {
        CallerTokens::new(["https://id.example/token", "gateway", "all"])
    }

    fn value(known: Option<Known>) -> Option<Vec<u8>> {
        match known? {
            Known::Token(credential) => Some(credential.value.expose().to_vec()),
            Known::Refused(_) => None,
        }
    }

    #[test]
    fn each_caller_has_its_own_until_its_end() {
        let tokens = tokens();
        let (one, other) = (tokens.key(b"one"), tokens.key(b"other"));
        let second = Duration::from_secs(1);
        let publish = |key, value: &[u8]| {
            tokens.publish(
                key,
                "authorization",
                Secret::new(value.to_vec()),
                second,
                Mono(0),
            );
        };
        publish(one, b"for one");
        assert!(tokens.find(&other, Mono(0)).is_none());
        publish(other, b"for other");
        assert_eq!(
            value(tokens.find(&one, Mono(0))).as_deref(),
            Some(&b"for one"[..])
        );
        assert_eq!(
            value(tokens.find(&other, Mono(0))).as_deref(),
            Some(&b"for other"[..])
        );
        assert!(tokens.find(&one, Mono(0).after(second)).is_none());
        assert!(!format!("{tokens:?} {one:?}").contains("one\""));
    }

    #[test]
    fn no_two_tokens_share_a_generation() {
        let tokens = tokens();
        let generation = |token: &[u8]| {
            let key = tokens.key(token);
            let (value, life) = (Secret::new(token.to_vec()), Duration::from_secs(9));
            tokens.publish(key, "authorization", value, life, Mono(0));
            match tokens.find(&key, Mono(0)) {
                Some(Known::Token(credential)) => credential.generation,
                _ => panic!("it was published"),
            }
        };
        assert_ne!(generation(b"one"), generation(b"other"));
    }

    #[test]
    fn keys_differ_by_token_and_by_account() {
        let other = CallerTokens::new(["https://id.example/token", "gateway", "less"]);
        let shifted = CallerTokens::new(["https://id.example/toke", "ngateway", "all"]);
        let keys = [
            tokens().key(b"token"),
            tokens().key(b"tokem"),
            other.key(b"token"),
            shifted.key(b"token"),
        ];
        let different: std::collections::HashSet<_> = keys.into_iter().collect();
        assert_eq!(different.len(), keys.len());
        assert_eq!(tokens().key(b"token"), keys[0]);
    }

    #[test]
    fn a_refusal_is_remembered_for_a_moment_and_an_old_token_is_not_evicted_twice() {
        let tokens = tokens();
        let key = tokens.key(b"token");
        let rebuff = Rebuff {
            why: "invalid_grant".into(),
            is_callers: true,
            claims: None,
        };
        tokens.refuse(key, rebuff.clone(), Mono(0));
        let found = tokens.find(&key, Mono(0));
        assert!(matches!(found, Some(Known::Refused(it)) if *it == rebuff));
        assert!(
            tokens
                .find(&key, Mono(0).after(CALLER_REFUSED_TIME))
                .is_none()
        );
        let publish = |value: &[u8]| {
            let life = Duration::from_secs(9);
            tokens.publish(
                key,
                "authorization",
                Secret::new(value.to_vec()),
                life,
                Mono(0),
            );
        };
        publish(b"first");
        publish(b"second");
        tokens.evict(&key, 1);
        assert_eq!(
            value(tokens.find(&key, Mono(0))).as_deref(),
            Some(&b"second"[..])
        );
        tokens.evict(&key, 2);
        assert!(tokens.find(&key, Mono(0)).is_none());
    }
}
