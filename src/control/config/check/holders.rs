//! How tokens are bound to their holders.

use super::super::model::{Binding, ProofRules};
use super::super::schema::{self, At, Text};
use super::{Checker, place};

/// What is said of the holders of an issuer's tokens.
pub(super) struct Holders {
    pub binding: Binding,
    pub proofs: ProofRules,
    pub says_dpop: bool,
    pub says_certificates: bool,
}

impl Checker<'_> {
    /// Callers are told of what the file speaks of.
    pub(super) fn holders(
        &mut self,
        bound: Option<Text>,
        dpop: Option<At<schema::Dpop>>,
    ) -> Option<Holders> {
        let known = [
            ("optional", Binding::Optional),
            ("required", Binding::Required),
            ("certificate", Binding::Certificate),
            ("dpop", Binding::Dpop),
        ];
        let binding = match &bound {
            Some(word) => self.one_of(word, "way to be bound", &known),
            None => Some(Binding::Optional),
        };
        let dpop_at = place(&dpop);
        let proofs = self.perhaps(dpop, |checker, At { value, .. }| {
            let algorithms = checker.algorithms(value.algorithms, &ProofRules::USUAL)?;
            Some(ProofRules {
                algorithms,
                nonce: value.nonce.unwrap_or_default(),
                ..ProofRules::default()
            })
        });
        let (binding, proofs) = (binding?, proofs?);
        if let (Binding::Certificate, Some(at)) = (binding, dpop_at) {
            let why =
                "`dpop` says how keys are proven, and these tokens must be bound to certificates";
            return self.refuse(at, why);
        }
        if let (Binding::Certificate, Some(word), false) = (binding, &bound, self.asks_callers) {
            let why = "no listener asks callers for certificates: give one `client_ca`";
            return self.refuse(word.at, why);
        }
        let is_said = bound.is_some();
        Some(Holders {
            says_dpop: dpop_at.is_some() || is_said && binding != Binding::Certificate,
            says_certificates: is_said && binding != Binding::Dpop,
            binding,
            proofs: proofs.unwrap_or_default(),
        })
    }
}
