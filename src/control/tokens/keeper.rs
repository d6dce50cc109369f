//! Keeps one token fresh ahead of its end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{AUTHORIZATION, Token, TokenError, Wish};
use crate::base::clock::Clock;
use crate::base::credential::{CredentialWanted, Slot};
use crate::base::limits::{QUESTIONS, TOKEN_AHEAD};
use crate::base::mailbox::{Inbox, Question};
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
    /// else after the flight that is next by itself: callers cannot hurry the endpoint.
    pub async fn run(mut self) {
        let mut back_off = BackOff::default();
        let mut waiting: Vec<Question<CredentialWanted>> = Vec::new();
        // The first flight comes before the first question.
        let mut next = self.refresh(&mut back_off).await;
        loop {
            tokio::select! {
                biased;
                () = sleep_until(next) => {
                    next = self.refresh(&mut back_off).await;
                    waiting.drain(..).for_each(|question| question.answer(()));
                }
                question = self.inbox.next() => match question {
                    None => return,
                    Some(question) if self.has_token() => question.answer(()),
                    // Who is one too many is told that nobody answers, and waits out its time.
                    Some(question) if waiting.len() < QUESTIONS => waiting.push(question),
                    Some(_) => {}
                },
            }
        }
    }

    fn has_token(&self) -> bool {
        self.slot.current(self.clock.now().mono).is_some()
    }

    /// One flight. Answers when the next is due.
    async fn refresh(&mut self, back_off: &mut BackOff) -> Instant {
        let pause = match self.attempt().await {
            Some((life, false)) => {
                back_off.worked();
                ahead(life)
            }
            // What is configured now may be taken soon.
            Some((life, true)) => back_off.failed().min(ahead(life)),
            None => back_off.failed(),
        };
        Instant::now() + pause
    }

    /// The life of a new token, and whether it was got with what was configured before.
    async fn attempt(&mut self) -> Option<(Duration, bool)> {
        let asked_at = self.clock.now().mono;
        let answer = (self.ask)(Wish::default()).await;
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
