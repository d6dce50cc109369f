//! Keeps one token fresh ahead of its end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{AUTHORIZATION, Token, TokenError, Wish};
use crate::base::clock::Clock;
use crate::base::credential::{CredentialWanted, Slot};
use crate::base::digest::sha256;
use crate::base::hex;
use crate::base::limits::{CHALLENGED_EVERY, QUESTIONS, REJECTED_EVERY, TOKEN_AHEAD};
use crate::base::mailbox::{Inbox, Question};
use crate::base::secret::Secret;
use crate::control::health::Health;
use crate::control::pace::BackOff;

/// Keeps one token fresh. One task per credential, so there is one flight at a time.
pub(in crate::control) struct TokenKeeper<F> {
    pub slot: Arc<Slot>,
    pub clock: Clock,
    pub inbox: Inbox<CredentialWanted>,
    pub health: Health,
    /// Asks for the token once.
    pub ask: F,
}

impl<F, R> TokenKeeper<F>
where
    F: Fn(Wish) -> R,
    R: Future<Output = Result<Token, TokenError>>,
{
    /// Runs until nobody can ask any more. A question is answered at once while there is a token, and
    /// else after the flight that is next by itself: callers cannot hurry the endpoint. What an
    /// upstream did not take is replaced first, if that was not done a moment ago.
    pub async fn run(mut self) {
        let mut pace = Pace::default();
        let mut waiting: Vec<Question<CredentialWanted>> = Vec::new();
        // The first flight comes before the first question.
        let mut next = self.refresh(&mut pace).await;
        loop {
            tokio::select! {
                biased;
                () = sleep_until(next) => {
                    next = self.refresh(&mut pace).await;
                    waiting.drain(..).for_each(|question| question.answer(()));
                }
                question = self.inbox.next() => {
                    let Some(question) = question else { return };
                    if self.replaces(&question, &mut pace) {
                        next = self.refresh(&mut pace).await;
                        question.answer(());
                    } else if question.about.rejected.is_some() || self.has_token() {
                        question.answer(());
                    } else if waiting.len() < QUESTIONS {
                        waiting.push(question);
                    }
                    // Who is one too many is told that nobody answers, and waits out its time.
                }
            }
        }
    }

    /// Whether a flight is due because an upstream did not take the token in force. One that has to
    /// satisfy claims is out of force at once.
    fn replaces(&self, question: &Question<CredentialWanted>, pace: &mut Pace) -> bool {
        let Some(rejected) = &question.about.rejected else {
            return false;
        };
        let current = self.slot.current(self.clock.now().mono);
        let current = current.filter(|it| it.generation == rejected.generation);
        let Some(current) = current else {
            return false;
        };
        if !pace.replaces(rejected.claims.is_some(), Instant::now()) {
            return false;
        }
        if let Some(claims) = &rejected.claims {
            pace.claims = Some(claims.to_string().into());
            pace.challenged = Some(bare_digest(&current.value));
            self.slot.withdraw(rejected.generation);
        }
        true
    }

    fn has_token(&self) -> bool {
        self.slot.current(self.clock.now().mono).is_some()
    }

    /// One flight. Answers when the next is due.
    async fn refresh(&mut self, pace: &mut Pace) -> Instant {
        let back_off = &mut pace.back_off;
        let wish = Wish {
            claims: pace.claims.clone(),
            instead_of: pace.challenged.clone(),
            ..Wish::default()
        };
        let pause = match self.attempt(wish).await {
            Some((life, false)) => {
                back_off.worked();
                pace.challenged = None;
                ahead(life)
            }
            // What is configured now may be taken soon.
            Some((life, true)) => back_off.failed().min(ahead(life)),
            None => {
                // Perhaps it is the claims that are refused. An upstream that wants them asks again.
                pace.claims = None;
                back_off.failed()
            }
        };
        Instant::now() + pause
    }

    /// The life of a new token, and whether it was got with what was configured before.
    async fn attempt(&mut self, wish: Wish) -> Option<(Duration, bool)> {
        let asked_at = self.clock.now().mono;
        let answer = (self.ask)(wish).await;
        match &answer {
            Ok(Token {
                outdated: Some(why),
                ..
            }) => self.health.note::<(), _>(&Err(why)),
            _ => self.health.note(&answer),
        }
        let token = answer.ok()?;
        let expires = Some(asked_at.after(token.life));
        self.slot.publish(AUTHORIZATION, token.value, expires);
        Some((token.life, token.outdated.is_some()))
    }
}

/// When to ask, and for what.
#[derive(Default)]
struct Pace {
    back_off: BackOff,
    /// What an upstream wanted satisfied last: later tokens have to satisfy it, too.
    claims: Option<Box<str>>,
    /// The digest of the token that it said so of, until there is another.
    challenged: Option<Box<str>>,
    /// When a token was replaced last because an upstream did not take it.
    replaced: Option<Instant>,
}

impl Pace {
    /// Whether a token may be replaced now that an upstream did not take.
    fn replaces(&mut self, is_challenged: bool, now: Instant) -> bool {
        let pause = match is_challenged {
            true => CHALLENGED_EVERY,
            false => REJECTED_EVERY,
        };
        let is_due = (self.replaced).is_none_or(|last| now.duration_since(last) >= pause);
        if is_due {
            self.replaced = Some(now);
        }
        is_due
    }
}

/// The SHA-256 of a token without its scheme.
fn bare_digest(value: &Secret) -> Box<str> {
    let value = value.expose();
    let token = value.strip_prefix(b"Bearer ").unwrap_or(value);
    hex::text(&sha256(&[token])).into()
}

/// When a token is replaced: some minutes before its end, or at four fifths of a short life.
pub(super) fn ahead(life: Duration) -> Duration {
    let pause = life.saturating_sub(TOKEN_AHEAD).max(life.mul_f64(0.8));
    pause.max(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaced_ahead_of_the_end() {
        let seconds = |life| ahead(Duration::from_secs(life)).as_secs();
        assert_eq!((seconds(3600), seconds(600), seconds(1)), (3300, 480, 1));
    }
}
