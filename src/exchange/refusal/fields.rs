//! What stands in the head of a refusal beside what every refusal has.

use std::borrow::Cow;

use super::{How, McpRefusal, Refusal};
use crate::auth::{AuthError, Revoked};
use crate::http::challenge::insufficient_claims;

impl Refusal {
    /// A challenge with each 401 (RFC 6750, section 3), a hint when to come back with each 503.
    pub(super) fn extra_fields(&self) -> Cow<'_, str> {
        if let Refusal::Told {
            how: How::Challenging(lines),
            ..
        } = self
        {
            return Cow::Borrowed(lines);
        }
        if let Refusal::CircuitOpen(wait) = self.why() {
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            return format!("Retry-After: {seconds}\r\n").into();
        }
        if let Refusal::Revoked(Revoked {
            before: Some(before),
            ..
        }) = self.why()
        {
            let challenge = insufficient_claims(&newer_than(*before));
            return format!("WWW-Authenticate: {challenge}\r\n").into();
        }
        Cow::Borrowed(match self.why() {
            Refusal::NoToken => "WWW-Authenticate: Bearer realm=\"sluice\"\r\n",
            Refusal::Token(AuthError::Proof(_) | AuthError::ProofMissing) => {
                "WWW-Authenticate: DPoP realm=\"sluice\", error=\"invalid_dpop_proof\"\r\n"
            }
            Refusal::Token(_) | Refusal::Revoked(_) => {
                "WWW-Authenticate: Bearer realm=\"sluice\", error=\"invalid_token\"\r\n"
            }
            Refusal::Mcp(McpRefusal::MethodNotAllowed) => "Allow: POST, GET, DELETE\r\n",
            Refusal::Superseded | Refusal::UpstreamBusy => "Retry-After: 1\r\n",
            Refusal::KeysUnavailable(_)
            | Refusal::RecorderUnable
            | Refusal::CredentialUnavailable
            | Refusal::Overloaded => "Retry-After: 5\r\n",
            _ => "",
        })
    }
}

/// What a token has to satisfy that was issued at this second or later, as Entra's own services ask for
/// it: clients that take such a challenge sign in again by themselves.
fn newer_than(second: u64) -> String {
    format!(r#"{{"access_token":{{"nbf":{{"essential":true,"value":"{second}"}}}}}}"#)
}
