//! Who holds a token that is bound to its holder, and what is said to those without one.

use super::{Judge, unproven};
use crate::auth::{Asked, AuthError, Bound, Confirmation, Flaw, Identity};
use crate::exchange::metadata::{Seen, origin};
use crate::exchange::offer::Errors;
use crate::exchange::phase::Judged;
use crate::exchange::refusal::Refusal;
use crate::exchange::step::Way;
use crate::http::{RequestHead, uri};
use crate::policy::Denial;
use crate::tls::Shown;

/// The field that a proof stands in (RFC 9449, section 4.1).
const PROOF: &str = "dpop";

impl Judge<'_> {
    /// Whoever shows a token that is bound to its holder shows as well that it is that: by the
    /// connection's certificate, or by a proof of this request.
    pub(super) fn claim(
        &mut self,
        bound: Bound,
        head: &RequestHead,
        judged: &Judged,
    ) -> Result<Identity, Refusal> {
        if self.way == Way::Inner {
            // A server of ours has the token of a caller who proved it on the way in.
            return Ok(bound.vouched());
        }
        let claimed = match bound.confirmation() {
            Confirmation::Certificate(_) => {
                let shown = self.account.whence().shown.as_ref();
                let certificate = shown.and_then(Shown::certificate);
                bound.by_certificate(certificate.map(|it| it.thumbprint()))
            }
            Confirmation::Key(_) => match self.account.possession() {
                // It waited since, and is judged again.
                Some(possession) => bound.by_possession(possession),
                None => self.prove(bound, head, judged),
            },
        };
        claimed.map_err(unproven)
    }

    /// By the one proof that came with the request.
    fn prove(
        &mut self,
        bound: Bound,
        head: &RequestHead,
        judged: &Judged,
    ) -> Result<Identity, AuthError> {
        let mut proofs = (head.entries(self.bytes)).filter(|field| field.is(PROOF));
        let proof = proofs.next().ok_or(AuthError::ProofMissing)?.value;
        if proofs.next().is_some() {
            return Err(AuthError::Proof(Flaw::Repeated));
        }
        let public_url = judged.rules.public_url.as_deref();
        let origin = origin(public_url, self.seen_by(head, judged));
        let mut scratch = Vec::new();
        // It was canonical when it was routed.
        let target = uri::canonical(head.target(self.bytes), &mut scratch)
            .map_err(|_| AuthError::Proof(Flaw::Url))?;
        let asked = Asked {
            method: head.method(self.bytes),
            origin: &origin,
            path: target.path(),
        };
        let authenticator = &self.core.authenticator;
        let (identity, possession) = authenticator.judge_proof(bound, proof, &asked, self.now)?;
        self.account.possesses(possession);
        Ok(identity)
    }

    /// A refusal for want of a token, of a proof, or of more in either, says how to get in.
    pub(super) fn challenged(
        &self,
        refusal: Refusal,
        head: &RequestHead,
        judged: &Judged,
    ) -> Refusal {
        let (errors, scopes) = match &refusal {
            Refusal::NoToken => (Errors::default(), None),
            Refusal::Token(AuthError::Proof(Flaw::Nonce)) => {
                (Errors::of_proof("use_dpop_nonce"), None)
            }
            Refusal::Token(AuthError::Proof(_) | AuthError::ProofMissing) => {
                (Errors::of_proof("invalid_dpop_proof"), None)
            }
            Refusal::Token(_) => (Errors::both("invalid_token"), None),
            // Elsewhere its own challenge may have the caller sign in again.
            Refusal::Revoked(_) if judged.connection.mcp.is_some() => {
                (Errors::both("invalid_token"), None)
            }
            Refusal::Denied(Denial::ScopeMissing(scopes)) => {
                (Errors::both("insufficient_scope"), Some(scopes))
            }
            _ => return refusal,
        };
        let wants_nonce = matches!(refusal, Refusal::Token(AuthError::Proof(Flaw::Nonce)));
        let connection = &judged.connection;
        let offer = &connection.offer;
        let rest = match (&connection.mcp, scopes) {
            (Some(mcp), scopes) => {
                let scopes = scopes.map(|scopes| scopes.as_slice());
                mcp.metadata.challenge(scopes, self.seen_by(head, judged))
            }
            // What there is to say is constant.
            (None, None) if !offer.has_dpop() && !wants_nonce => return refusal,
            (None, None) => "realm=\"sluice\"".to_owned(),
            (None, Some(_)) => return refusal,
        };
        let mut lines = offer.challenges(errors, &rest);
        let nonce = match offer.nonce || wants_nonce {
            true => self.core.authenticator.nonce(self.now),
            false => None,
        };
        if let Some(nonce) = nonce {
            lines += &format!("DPoP-Nonce: {nonce}\r\n");
        }
        refusal.challenging(lines)
    }

    /// How the caller reached the connection.
    fn seen_by<'s>(&self, head: &RequestHead, judged: &'s Judged) -> Seen<'s> {
        let secure = self.way == Way::Secure;
        let scheme = if secure { "https://" } else { "http://" }.len();
        let (host, prefix) = (judged.link_base.get(scheme..).unwrap_or_default())
            .split_at_checked(head.host(self.bytes).len())
            .unwrap_or_default();
        Seen {
            secure,
            host,
            by_host: judged.by_host,
            prefix,
        }
    }
}
