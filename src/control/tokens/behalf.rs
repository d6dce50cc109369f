//! Tokens on behalf of callers: one for each caller's own token, asked for when it is needed.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::keeper::ahead;
use super::{AUTHORIZATION, Token, TokenError, Wish};
use crate::base::clock::{Clock, Mono};
use crate::base::credential::{CallerKey, CallerTokens, CredentialWanted, Rebuff};
use crate::base::limits::CALLER_FLIGHTS;
use crate::base::mailbox::{Inbox, Question};
use crate::control::health::Health;

/// Gets the tokens of one credential: for each caller's token one flight at a time, which all who ask
/// for it meanwhile wait for.
pub(in crate::control) struct BehalfKeeper<F> {
    pub tokens: Arc<CallerTokens>,
    pub clock: Clock,
    pub inbox: Inbox<CredentialWanted>,
    pub health: Health,
    /// Asks for a token once.
    pub ask: F,
}

/// Who waits for which flight.
type Waiting = HashMap<CallerKey, Vec<Question<CredentialWanted>>>;

impl<F, R> BehalfKeeper<F>
where
    F: Fn(Wish) -> R,
    R: Future<Output = Result<Token, TokenError>>,
{
    /// Runs until nobody can ask any more. While as many flights as may be are under way, questions
    /// wait in the mailbox.
    pub async fn run(mut self) {
        let mut waiting = Waiting::new();
        let mut flights = FuturesUnordered::new();
        loop {
            tokio::select! {
                biased;
                Some((key, asked_at, answer)) = flights.next() => {
                    self.landed(key, asked_at, answer);
                    let heard = waiting.remove(&key).into_iter().flatten();
                    heard.for_each(|question| question.answer(()));
                }
                question = self.inbox.next(), if flights.len() < CALLER_FLIGHTS => {
                    let Some(question) = question else { return };
                    if let Some((key, wish)) = self.wanted(question, &mut waiting) {
                        let asked_at = self.clock.now().mono;
                        let flight = (self.ask)(wish);
                        flights.push(async move { (key, asked_at, flight.await) });
                    }
                }
            }
        }
    }

    /// Judges one question: what it asks for is there, on its way, or worth a flight.
    fn wanted(
        &self,
        question: Question<CredentialWanted>,
        waiting: &mut Waiting,
    ) -> Option<(CallerKey, Wish)> {
        // Whoever asks for no caller is told that nobody answers.
        let (key, token) = question.about.caller.clone()?;
        if self.tokens.find(&key, self.clock.now().mono).is_some() {
            question.answer(());
            return None;
        }
        let others = waiting.entry(key).or_default();
        let is_first = others.is_empty();
        others.push(question);
        is_first.then(|| {
            let wish = Wish {
                on_behalf_of: Some(token),
                ..Wish::default()
            };
            (key, wish)
        })
    }

    /// Puts in force what a flight brought.
    fn landed(&self, key: CallerKey, asked_at: Mono, answer: Result<Token, TokenError>) {
        match answer {
            Ok(token) => {
                self.health
                    .note::<(), TokenError>(&token.outdated.map_or(Ok(()), Err));
                // Not to its very end: the call it is shown for takes time, too.
                let life = ahead(token.life);
                self.tokens
                    .publish(key, AUTHORIZATION, token.value, life, asked_at);
            }
            Err(why) => {
                let is_callers = is_callers(&why);
                self.health.note(&match is_callers {
                    true => Ok(()),
                    false => Err(&why),
                });
                let claims = match &why {
                    TokenError::Refused { claims, .. } => claims.clone(),
                    _ => None,
                };
                let rebuff = Rebuff {
                    why: why.to_string().into(),
                    is_callers,
                    claims,
                };
                self.tokens.refuse(key, rebuff, self.clock.now().mono);
            }
        }
    }
}

/// Whether the endpoint does not take the caller's token, rather than the gateway.
fn is_callers(why: &TokenError) -> bool {
    const OF_CALLERS: [&str; 3] = ["invalid_grant", "interaction_required", "consent_required"];
    match why {
        TokenError::Refused {
            status: 400, why, ..
        } => OF_CALLERS
            .iter()
            .any(|name| why.trim_start_matches(": ").starts_with(name)),
        _ => false,
    }
}
