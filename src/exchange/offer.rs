//! What a connection says of tokens that are bound to their holders, and the challenges that say it.

use std::fmt::Write as _;

/// What a connection says of tokens that are bound to their holders. By default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// The algorithms that DPoP proofs may be signed with; none where DPoP is not offered.
    pub algorithms: Vec<&'static str>,
    /// No token is taken without a proof.
    pub only_dpop: bool,
    /// Proofs must name a nonce.
    pub nonce: bool,
    /// Tokens may be bound to the certificate that a caller shows.
    pub certificates: bool,
}

/// Why a caller is challenged, as the parameter `error` has it; none where it made no mistake.
#[derive(Clone, Copy, Default)]
pub(super) struct Errors {
    /// Of a token by itself (RFC 6750, section 3.1).
    pub bearer: Option<&'static str>,
    /// Of one with a proof (RFC 9449, section 7.1).
    pub dpop: Option<&'static str>,
}

impl Errors {
    /// The same for either.
    pub(super) fn both(error: &'static str) -> Errors {
        Errors {
            bearer: Some(error),
            dpop: Some(error),
        }
    }

    /// Of the proof alone.
    pub(super) fn of_proof(error: &'static str) -> Errors {
        Errors {
            dpop: Some(error),
            ..Errors::default()
        }
    }
}

impl Offer {
    /// Whether tokens with proofs are offered.
    #[must_use]
    pub fn has_dpop(&self) -> bool {
        !self.algorithms.is_empty()
    }

    /// The challenges of an answer, whole lines: one for each scheme that is offered, and for the one
    /// that a mistake was made under. `rest` are the parameters of both, which need no quoting any more.
    pub(super) fn challenges(&self, errors: Errors, rest: &str) -> String {
        let mut lines = String::new();
        let mut line = |scheme: &str, error: Option<&str>, more: &str| {
            let error = error.map(|error| format!("error=\"{error}\", "));
            let error = error.unwrap_or_default();
            // Writing to a text does not fail.
            let _ = write!(lines, "WWW-Authenticate: {scheme} {error}{rest}{more}\r\n");
        };
        if !self.only_dpop {
            line("Bearer", errors.bearer, "");
        }
        if self.has_dpop() {
            let algorithms = format!(", algs=\"{}\"", self.algorithms.join(" "));
            line("DPoP", errors.dpop, &algorithms);
        } else if errors.dpop.is_some() && errors.bearer.is_none() {
            line("DPoP", errors.dpop, "");
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dpop(only_dpop: bool) -> Offer {
        Offer {
            algorithms: vec!["ES256", "EdDSA"],
            only_dpop,
            ..Offer::default()
        }
    }

    #[test]
    fn each_scheme_that_is_offered_is_named() {
        let none = Errors::default();
        let rest = "realm=\"sluice\"";
        let bearer = "WWW-Authenticate: Bearer realm=\"sluice\"\r\n";
        let proof = "WWW-Authenticate: DPoP realm=\"sluice\", algs=\"ES256 EdDSA\"\r\n";
        assert_eq!(Offer::default().challenges(none, rest), bearer);
        assert_eq!(
            dpop(false).challenges(none, rest),
            format!("{bearer}{proof}")
        );
        assert_eq!(dpop(true).challenges(none, rest), proof);
    }

    #[test]
    fn a_mistake_stands_under_the_scheme_it_was_made_under() {
        let rest = "realm=\"sluice\"";
        let told = |offer: &Offer, errors| offer.challenges(errors, rest);
        let wrong = Errors::both("invalid_token");
        let lines = told(&dpop(false), wrong);
        assert_eq!(lines.matches("error=\"invalid_token\"").count(), 2);
        assert_eq!(told(&Offer::default(), wrong).matches("DPoP").count(), 0);
        let unproven = Errors::of_proof("invalid_dpop_proof");
        for offer in [Offer::default(), dpop(false), dpop(true)] {
            let lines = told(&offer, unproven);
            let error = "DPoP error=\"invalid_dpop_proof\", realm=\"sluice\"";
            assert!(lines.contains(error), "{lines}");
            assert!(!lines.contains("Bearer error"), "{lines}");
        }
    }
}
