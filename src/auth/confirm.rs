//! How a token says that it is its holder's alone: `cnf` (RFC 7800, section 3.1).

use super::claims::Claims;
use super::error::{AuthError, Claim};
use super::jwt::decode;
use crate::json::Kind;

/// A SHA-256: of a certificate (RFC 8705, section 3.1), or of a key (RFC 7638, section 3).
pub(super) type Thumbprint = [u8; 32];

/// What the holder of a token proves it by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Confirmation {
    /// The certificate that the connection has shown, whose SHA-256 this is.
    Certificate([u8; 32]),
    /// The key that signs a proof of each request, whose thumbprint this is (RFC 9449, section 6.1).
    Key([u8; 32]),
}

/// How the tokens of an issuer must be bound to their holders.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Binding {
    /// Not at all, or in either way.
    #[default]
    Optional,
    /// In either way.
    Required,
    /// To a certificate.
    Certificate,
    /// To a key.
    Dpop,
}

impl Confirmation {
    /// What a token says of its holder; none where it is anybody's who has it.
    ///
    /// One way, and one that is known: of others nobody here could say what they want proven.
    pub(super) fn of(claims: Claims<'_>) -> Result<Option<Confirmation>, AuthError> {
        let Some(cnf) = claims.get("cnf") else {
            return Ok(None);
        };
        let malformed = AuthError::ClaimMalformed(Claim::Confirmation);
        if cnf.kind() != Kind::Object {
            return Err(malformed);
        }
        let mut members = cnf.members();
        let (Some((name, value)), None) = (members.next(), members.next()) else {
            return Err(AuthError::ConfirmationUnknown);
        };
        let way: fn(Thumbprint) -> Confirmation = match name {
            "x5t#S256" => Confirmation::Certificate,
            "jkt" => Confirmation::Key,
            _ => return Err(AuthError::ConfirmationUnknown),
        };
        let print = value.as_str().and_then(|text| decode(text.as_bytes()));
        let print = print.and_then(|bytes| Thumbprint::try_from(bytes).ok());
        print.map(way).map(Some).ok_or(malformed)
    }
}

impl Binding {
    /// Whether a token that says this of its holder is one that the issuer may give.
    pub(super) fn check(self, said: Option<Confirmation>) -> Result<(), AuthError> {
        match (self, said) {
            (Binding::Optional, _)
            | (Binding::Required, Some(_))
            | (Binding::Certificate, Some(Confirmation::Certificate(_)))
            | (Binding::Dpop, Some(Confirmation::Key(_))) => Ok(()),
            (Binding::Required | Binding::Certificate | Binding::Dpop, None) => {
                Err(AuthError::NotBound)
            }
            (Binding::Certificate | Binding::Dpop, Some(_)) => Err(AuthError::BoundOtherwise),
        }
    }
}
