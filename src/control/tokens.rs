//! Upstream tokens: acquired with the gateway's own secret, kept fresh ahead of their end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use zeroize::Zeroizing;

use super::config::CredentialKind;
use super::health::Health;
use super::http_client::{FetchError, Fetched, HttpClient};
use super::pace::BackOff;
use crate::base::clock::Clock;
use crate::base::credential::Slot;
use crate::base::limits::{TOKEN_AHEAD, TOKEN_ANSWER_BYTES, TOKEN_LIFE_MAX};
use crate::base::mailbox::Inbox;
use crate::base::secret::Secret;
use crate::json::{Document, Value};

/// The field that bearer credentials go in.
const AUTHORIZATION: &str = "authorization";

/// A token and how long it lives from the moment it was asked for.
pub struct Token {
    /// `Bearer …`.
    pub value: Secret,
    /// Its life.
    pub life: Duration,
}

/// Why there is no token. Never holds what the endpoint sent, save its error's name and numbers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No answer.
    #[error("token endpoint: {0}")]
    Fetch(#[from] FetchError),
    /// It refused.
    #[error("token endpoint: status {status}{why}")]
    Refused {
        /// With which status.
        status: u16,
        /// The error's name and Entra's numbers for it, when there are any.
        why: String,
    },
    /// It accepted, and its answer cannot be understood.
    #[error("token endpoint: the answer has no usable `{0}`")]
    Answer(&'static str),
}

/// How a token is asked for.
pub struct TokenRequest {
    url: String,
    client_id: String,
    secret: Secret,
    scope: String,
}

impl TokenRequest {
    /// Asks `url` for a token of this client. Without a scope the issuer chooses one.
    #[must_use]
    pub fn new(url: String, client_id: String, secret: Secret, scope: String) -> TokenRequest {
        TokenRequest {
            url,
            client_id,
            secret,
            scope,
        }
    }

    /// The request of a credential, when it is of a kind that fetches tokens.
    #[must_use]
    pub fn of(kind: &CredentialKind) -> Option<TokenRequest> {
        let CredentialKind::EntraClient {
            tenant,
            client_id,
            secret,
            scope,
            authority,
            ..
        } = kind
        else {
            return None;
        };
        Some(TokenRequest {
            url: format!("{authority}/{tenant}/oauth2/v2.0/token"),
            client_id: client_id.clone(),
            secret: secret.clone(),
            scope: scope.clone(),
        })
    }

    /// Asks once.
    ///
    /// # Errors
    /// When the endpoint gives no token, or none that can be understood.
    pub async fn ask(&self, client: &HttpClient) -> Result<Token, TokenError> {
        let answer = client
            .post_form(&self.url, self.form(), TOKEN_ANSWER_BYTES)
            .await?;
        token(&answer)
    }

    fn form(&self) -> String {
        // The client wants a String of its own, which it does not wipe.
        let secret = std::str::from_utf8(self.secret.expose());
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.client_id)
            .append_pair("client_secret", secret.unwrap_or_default());
        if !self.scope.is_empty() {
            form.append_pair("scope", &self.scope);
        }
        form.finish()
    }
}

fn token(answer: &Fetched) -> Result<Token, TokenError> {
    let document = Document::parse(&answer.body);
    let root = document.as_ref().map(Document::root);
    let status = answer.status.as_u16();
    if status != 200 {
        let why = root.map(why).unwrap_or_default();
        return Err(TokenError::Refused { status, why });
    }
    let member = |name: &'static str| {
        let root = root.as_ref().map_err(|_| TokenError::Answer("JSON"))?;
        root.get(name).ok_or(TokenError::Answer(name))
    };
    let kind = member("token_type")?.as_str();
    if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err(TokenError::Answer("token_type"));
    }
    let token = member("access_token")?.as_str();
    let is_token =
        |token: &&str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let token = token
        .filter(is_token)
        .ok_or(TokenError::Answer("access_token"))?;
    let life = member("expires_in")?.as_u64().filter(|life| *life > 0);
    let life = Duration::from_secs(life.ok_or(TokenError::Answer("expires_in"))?);
    let mut value = Vec::with_capacity("Bearer ".len() + token.len());
    value.extend_from_slice(b"Bearer ");
    value.extend_from_slice(token.as_bytes());
    Ok(Token {
        value: Secret::new(value),
        life: life.min(TOKEN_LIFE_MAX),
    })
}

/// `: invalid_client (7000215)`: the parts of a refusal that cannot hold a secret.
fn why(root: Value<'_>) -> String {
    let is_name = |name: &&str| {
        name.len() <= 64
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let Some(name) = root
        .get("error")
        .and_then(|name| name.as_str())
        .filter(is_name)
    else {
        return String::new();
    };
    let codes = root.get("error_codes").map(|codes| {
        let codes = codes.items().take(4).filter_map(|code| code.as_u64());
        codes.map(|code| code.to_string()).collect::<Vec<_>>()
    });
    match codes {
        Some(codes) if !codes.is_empty() => format!(": {name} ({})", codes.join(", ")),
        _ => format!(": {name}"),
    }
}

/// Puts a credential in force that needs no fetching.
pub(super) fn publish_fixed(kind: &CredentialKind, slot: &Slot) {
    match kind {
        CredentialKind::EntraClient { .. } => {}
        CredentialKind::Bearer { token } => {
            let mut value = Zeroizing::new(b"Bearer ".to_vec());
            value.extend_from_slice(token.expose());
            slot.publish(AUTHORIZATION, Secret::new(value.to_vec()), None);
        }
        CredentialKind::Header { name, value } => {
            slot.publish(name, value.clone(), None);
        }
    }
}

/// Keeps one token fresh. One task per credential, so there is one flight at a time.
pub(super) struct TokenKeeper<F> {
    pub slot: Arc<Slot>,
    pub clock: Clock,
    pub inbox: Inbox<usize>,
    pub health: Health,
    /// Asks for the token once.
    pub ask: F,
}

impl<F, R> TokenKeeper<F>
where
    F: FnMut() -> R,
    R: Future<Output = Result<Token, TokenError>>,
{
    /// Runs until nobody can ask any more. A question waits for the flight it arrives in, if any;
    /// between flights it is answered at once, so that callers cannot hurry the endpoint.
    pub async fn run(mut self) {
        let mut back_off = BackOff::default();
        // The first flight comes before the first question.
        let mut next = self.refresh(&mut back_off).await;
        loop {
            tokio::select! {
                biased;
                () = sleep_until(next) => next = self.refresh(&mut back_off).await,
                question = self.inbox.next() => match question {
                    None => return,
                    Some(question) => question.answer(()),
                },
            }
        }
    }

    /// One flight. Answers when the next is due.
    async fn refresh(&mut self, back_off: &mut BackOff) -> Instant {
        let pause = match self.attempt().await {
            Some(life) => {
                back_off.worked();
                ahead(life)
            }
            None => back_off.failed(),
        };
        Instant::now() + pause
    }

    async fn attempt(&mut self) -> Option<Duration> {
        let asked_at = self.clock.now().mono;
        let answer = (self.ask)().await;
        self.health.note(&answer);
        let Token { value, life } = answer.ok()?;
        let expires = Some(asked_at.after(life));
        self.slot.publish(AUTHORIZATION, value, expires);
        Some(life)
    }
}

/// When a token is replaced: some minutes before its end, or at four fifths of a short life.
fn ahead(life: Duration) -> Duration {
    let pause = life.saturating_sub(TOKEN_AHEAD).max(life.mul_f64(0.8));
    pause.max(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(status: u16, body: &str) -> Result<(String, u64), TokenError> {
        let answer = Fetched {
            status: reqwest::StatusCode::from_u16(status).unwrap(),
            body: Zeroizing::new(body.as_bytes().to_vec()),
        };
        let token = token(&answer)?;
        let value = String::from_utf8(token.value.expose().to_vec()).unwrap();
        Ok((value, token.life.as_secs()))
    }

    #[test]
    fn answers_are_judged() {
        let good = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"a.b.c"}"#;
        assert_eq!(judge(200, good), Ok(("Bearer a.b.c".into(), 3599)));
        for (from, to, want) in [
            ("Bearer", "mac", "token_type"),
            ("3599", "0", "expires_in"),
            ("3599", "\"3599\"", "expires_in"),
            ("a.b.c", "", "access_token"),
            ("a.b.c", "a b", "access_token"),
            ("a.b.c", r"a\r\nx: y", "access_token"),
            ("access_token", "id_token", "access_token"),
            ("}", "", "JSON"),
        ] {
            let answer = judge(200, &good.replace(from, to));
            assert_eq!(answer, Err(TokenError::Answer(want)), "{to}");
        }
        let long = judge(200, &good.replace("3599", "999999999"));
        assert_eq!(long.unwrap().1, TOKEN_LIFE_MAX.as_secs());
    }

    #[test]
    fn a_refusal_shows_its_name_and_nothing_else() {
        let body =
            r#"{"error":"invalid_client","error_codes":[7000215],"error_description":"hunter2"}"#;
        let error = judge(401, body).unwrap_err();
        assert_eq!(
            error.to_string(),
            "token endpoint: status 401: invalid_client (7000215)"
        );
        let odd = judge(400, r#"{"error":"Hunter 2"}"#).unwrap_err();
        assert_eq!(odd.to_string(), "token endpoint: status 400");
        assert_eq!(
            judge(302, "<html>").unwrap_err().to_string(),
            "token endpoint: status 302"
        );
    }

    #[test]
    fn replaced_ahead_of_the_end() {
        let seconds = |life| ahead(Duration::from_secs(life)).as_secs();
        assert_eq!((seconds(3600), seconds(600), seconds(1)), (3300, 480, 1));
    }
}
