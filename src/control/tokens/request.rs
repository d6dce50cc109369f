//! Client credentials (RFC 6749, section 4.4): what is asked, and how the client authenticates.

use std::borrow::Cow;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use url::form_urlencoded::Serializer;

use super::assertion::AssertionSigner;
use super::{Token, TokenError, answer, claims};
use crate::base::clock::Wall;
use crate::base::limits::TOKEN_ANSWER_BYTES;
use crate::base::secret::Secret;
use crate::control::config::{
    AssertionAlgorithm, Blueprint, ClientProof, EntraClient, SecretRef, read_secret,
};
use crate::control::http_client::HttpClient;

/// What an assertion is, to the token endpoint (RFC 7523, section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The grant by which an application acts for who sent it a token (RFC 7523, section 2.1).
const ON_BEHALF_OF: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What a blueprint asks for: leave to speak for one of its agent identities.
const EXCHANGE_SCOPE: &str = "api://AzureADTokenExchange/.default";

/// What is asked for beside what is configured.
#[derive(Default)]
pub(in crate::control) struct Wish {
    /// The token of the user for whom another is got.
    pub on_behalf_of: Option<Secret>,
    /// What the token must satisfy beside: JSON, as an API that is challenged with it told.
    pub claims: Option<Box<str>>,
    /// The SHA-256 of the token that was challenged, in hexadecimal digits: no other of the same may come
    /// out of a cache.
    pub instead_of: Option<Box<str>>,
}

/// How a token is asked for.
pub struct TokenRequest {
    url: String,
    client_id: String,
    proof: ClientProof,
    blueprint: Option<Blueprint>,
    scope: String,
    /// The endpoint is told that claims challenges are answered.
    answers_challenges: bool,
    /// What the endpoint took last.
    good: ArcSwapOption<Held>,
}

/// What a client authenticates with, as it was at some moment.
#[derive(PartialEq, Eq)]
enum Held {
    Secret(Secret),
    Certificate {
        cert: Secret,
        key: Secret,
    },
    /// Of the platform's: it ends soon, so an older one is no use.
    Token(Secret),
}

impl TokenRequest {
    /// Asks `url` for a token of this client. Without a scope the issuer chooses one.
    #[must_use]
    pub fn new(url: String, client_id: String, secret: Secret, scope: String) -> TokenRequest {
        TokenRequest {
            url,
            client_id,
            proof: ClientProof::Secret(SecretRef {
                value: secret,
                path: None,
            }),
            blueprint: None,
            scope,
            answers_challenges: false,
            good: ArcSwapOption::empty(),
        }
    }

    pub(super) fn of(client: &EntraClient) -> TokenRequest {
        TokenRequest {
            url: client.token_endpoint(),
            client_id: client.client_id.clone(),
            proof: client.proof.clone(),
            blueprint: client.blueprint.clone(),
            scope: client.scope.clone(),
            answers_challenges: client.answers_challenges,
            good: ArcSwapOption::empty(),
        }
    }

    /// Takes the place of `before`: what that authenticated with is good until what is configured now
    /// is.
    pub(super) fn follow(&self, before: &TokenRequest) {
        self.good.store(before.good.load_full());
    }

    /// Asks once with what the client authenticates with now, which is read again; where that is not
    /// taken, once more with what was taken last.
    ///
    /// # Errors
    /// When the endpoint gives no token, or none that can be understood.
    pub async fn ask(&self, client: &HttpClient, wall: Wall) -> Result<Token, TokenError> {
        self.ask_for(&Wish::default(), client, wall).await
    }

    /// The same for what is wished beside.
    pub(super) async fn ask_for(
        &self,
        wish: &Wish,
        client: &HttpClient,
        wall: Wall,
    ) -> Result<Token, TokenError> {
        let held = match self.held() {
            Ok(held) => Arc::new(held),
            Err(why) => return self.ask_as_before(wish, client, wall, why).await,
        };
        match self.ask_with(&held, wish, client, wall).await {
            Ok(token) => {
                let stays = !matches!(*held, Held::Token(_));
                self.good.store(stays.then_some(held));
                Ok(token)
            }
            Err(why) if self.good.load().as_deref() == Some(&*held) => Err(why),
            Err(why) => self.ask_as_before(wish, client, wall, why).await,
        }
    }

    /// Once more with what was taken last, if what is configured now is at fault.
    async fn ask_as_before(
        &self,
        wish: &Wish,
        client: &HttpClient,
        wall: Wall,
        why: TokenError,
    ) -> Result<Token, TokenError> {
        let Some(before) = self.good.load_full().filter(|_| why.is_of_proof()) else {
            return Err(why);
        };
        match self.ask_with(&before, wish, client, wall).await {
            Ok(token) => Ok(Token {
                outdated: Some(why),
                ..token
            }),
            Err(_) => Err(why),
        }
    }

    async fn ask_with(
        &self,
        held: &Held,
        wish: &Wish,
        client: &HttpClient,
        wall: Wall,
    ) -> Result<Token, TokenError> {
        let shown = match &self.blueprint {
            None => self.shown(&self.client_id, held, wall),
            Some(blueprint) => {
                let shown = self.shown(&blueprint.client_id, held, wall)?;
                let form = blueprint_form(blueprint, &shown);
                let answer = client.post_form(&self.url, form, TOKEN_ANSWER_BYTES);
                Ok(Shown::Assertion(bare(&answer::token(&answer.await?)?)))
            }
        };
        let form = self.form(wish, &shown?);
        let answer = client.post_form(&self.url, form, TOKEN_ANSWER_BYTES);
        answer::token(&answer.await?)
    }

    fn form(&self, wish: &Wish, shown: &Shown) -> String {
        // The HTTP client wants a String of its own, which it does not wipe.
        let mut form = Serializer::new(String::new());
        match &wish.on_behalf_of {
            None => form.append_pair("grant_type", "client_credentials"),
            Some(token) => form
                .append_pair("grant_type", ON_BEHALF_OF)
                .append_pair("requested_token_use", "on_behalf_of")
                .append_pair("assertion", text(token)),
        };
        form.append_pair("client_id", &self.client_id);
        shown.write(&mut form);
        if let Some(claims) = self.claims(wish) {
            form.append_pair("claims", &claims);
        }
        if !self.scope.is_empty() {
            form.append_pair("scope", &self.scope);
        }
        form.finish()
    }

    /// What the token must satisfy, with what the client can do beside it where it tells of that.
    fn claims<'w>(&self, wish: &'w Wish) -> Option<Cow<'w, str>> {
        match (self.answers_challenges, wish.claims.as_deref()) {
            (false, claims) => claims.map(Cow::Borrowed),
            (true, claims) => Some(claims::with_capability(claims)),
        }
    }

    fn held(&self) -> Result<Held, TokenError> {
        let read = || -> Result<Held, String> {
            Ok(match &self.proof {
                ClientProof::Secret(secret) => Held::Secret(secret.read_again()?),
                ClientProof::Certificate(pair) => Held::Certificate {
                    cert: pair.cert.read_again()?,
                    key: pair.key.read_again()?,
                },
                ClientProof::FederatedToken(path) => Held::Token(read_secret(path)?),
            })
        };
        read().map_err(TokenError::Proof)
    }

    /// What shows the endpoint that `client` asks.
    fn shown(&self, client: &str, held: &Held, wall: Wall) -> Result<Shown, TokenError> {
        let signed = |cert, key| {
            let algorithm = match &self.proof {
                ClientProof::Certificate(pair) => pair.algorithm,
                _ => AssertionAlgorithm::default(),
            };
            AssertionSigner::new(cert, key, algorithm)?.assertion(client, &self.url, wall)
        };
        Ok(match held {
            Held::Secret(secret) => Shown::Secret(secret.clone()),
            Held::Certificate { cert, key } => {
                Shown::Assertion(signed(cert, key).map_err(TokenError::Proof)?)
            }
            Held::Token(token) => Shown::Assertion(token.clone()),
        })
    }
}

/// What a blueprint asks for, in the name of one of its agent identities: a token that shows the endpoint
/// who that is.
fn blueprint_form(blueprint: &Blueprint, shown: &Shown) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials")
        .append_pair("client_id", &blueprint.client_id)
        .append_pair("scope", EXCHANGE_SCOPE)
        .append_pair("fmi_path", &blueprint.fmi_path);
    shown.write(&mut form);
    form.finish()
}

/// A token without its scheme.
fn bare(token: &Token) -> Secret {
    let value = token.value.expose();
    Secret::new(value.strip_prefix(b"Bearer ").unwrap_or(value).to_vec())
}

/// What is sent to show who asks.
enum Shown {
    Secret(Secret),
    Assertion(Secret),
}

impl Shown {
    fn write(&self, form: &mut Serializer<'_, String>) {
        match self {
            Shown::Secret(secret) => {
                form.append_pair("client_secret", text(secret));
            }
            Shown::Assertion(token) => {
                form.append_pair("client_assertion_type", ASSERTION_TYPE)
                    .append_pair("client_assertion", text(token));
            }
        }
    }
}

/// A secret that is no text is none, and the endpoint refuses.
fn text(secret: &Secret) -> &str {
    std::str::from_utf8(secret.expose()).unwrap_or_default()
}
