//! Upstream tokens: acquired with what the gateway itself can prove, kept fresh ahead of their end.
//!
//! ```text
//!   keeper ─┬► source ─┬─ request    an application of Entra's: secret, signature or platform token
//!                      └─ managed    the platform's own endpoint
//!   behalf ─┘          │           (keeper: one token for all; behalf: one for each caller)
//!   answer ◄───────────┘
//! ```

mod answer;
mod assertion;
mod behalf;
mod claims;
mod keeper;
mod managed;
mod request;
mod source;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::config::CredentialKind;
use super::http_client::FetchError;
use crate::base::credential::Slot;
use crate::base::secret::Secret;

pub(in crate::control) use self::assertion::AssertionSigner;
pub(in crate::control) use self::behalf::BehalfKeeper;
pub(in crate::control) use self::keeper::TokenKeeper;
pub use self::request::TokenRequest;
pub(in crate::control) use self::request::Wish;
pub(in crate::control) use self::source::Source;

/// The field that bearer credentials go in.
const AUTHORIZATION: &str = "authorization";

/// A token and how long it lives from the moment it was asked for.
pub struct Token {
    /// `Bearer …`.
    pub value: Secret,
    /// Its life.
    pub life: Duration,
    /// Why what is configured now was not taken, where only what was configured before was.
    pub outdated: Option<TokenError>,
}

/// Why there is no token. Never holds what the endpoint sent, save its error's name and numbers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is nothing to authenticate with.
    #[error("{0}")]
    Proof(String),
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
        /// What has to be satisfied first, where it says so: JSON.
        claims: Option<Box<str>>,
    },
    /// It accepted, and its answer cannot be understood.
    #[error("token endpoint: the answer has no usable `{0}`")]
    Answer(&'static str),
}

impl TokenError {
    /// Whether what the client authenticates with may be at fault.
    fn is_of_proof(&self) -> bool {
        match self {
            TokenError::Proof(_) => true,
            TokenError::Refused { status, .. } => matches!(status, 400 | 401),
            TokenError::Fetch(_) | TokenError::Answer(_) => false,
        }
    }
}

/// Puts a credential in force that needs no fetching.
pub(super) fn publish_fixed(kind: &CredentialKind, slot: &Slot) {
    match kind {
        CredentialKind::EntraClient(_)
        | CredentialKind::OnBehalfOf(_)
        | CredentialKind::ManagedIdentity(_) => {}
        CredentialKind::Bearer { token } => {
            let value = [b"Bearer ", token.value.expose()].concat();
            slot.publish(AUTHORIZATION, Secret::new(value), None);
        }
        CredentialKind::Header { name, value } => {
            slot.publish(name, value.value.clone(), None);
        }
        CredentialKind::Basic { user, password } => {
            let value = basic(user, &password.value);
            slot.publish(AUTHORIZATION, value, None);
        }
    }
}

/// `Basic …` (RFC 7617, section 2).
fn basic(user: &str, password: &Secret) -> Secret {
    let pair = Zeroizing::new([user.as_bytes(), b":", password.expose()].concat());
    let coded = Zeroizing::new(STANDARD.encode(&pair));
    Secret::new([b"Basic ", coded.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_and_a_password_as_in_the_rfc() {
        let password = Secret::new(b"open sesame".to_vec());
        let value = basic("Aladdin", &password);
        assert!(value.same(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    }
}
