//! Every refusal becomes a reply here and nowhere else, with an exhaustive match.
//!
//! What the caller is told is constant text, save the name of a rule that the operator wrote; which
//! check failed goes to the log. The replies need no recorder, so they can be sent with it down.

use std::sync::Arc;

use thiserror::Error;

use crate::auth::AuthError;
use crate::base::access::Short;
use crate::http::{BodyError, HeadError, TargetError};
use crate::mask::Unreadable;
use crate::policy::{Denial, Rule};
use crate::record::Outcome;

/// Why a request was not, or not wholly, served. `Display` is for the log.
#[derive(Clone, Debug, Error)]
pub enum Refusal {
    /// The request head breaks RFC 9112, or a rule of ours that is stricter.
    #[error("malformed head: {0}")]
    Head(HeadError),
    /// HTTP in plain text came where TLS is spoken.
    #[error("plain HTTP on a port for TLS")]
    PlainText,
    /// The request target is ambiguous or malformed (RFC 9112, section 3.2).
    #[error("malformed target: {0}")]
    Target(TargetError),
    /// The head did not arrive in time.
    #[error("the head took too long")]
    HeadTimeout,
    /// The request body's framing is broken.
    #[error("malformed body: {0}")]
    Body(BodyError),
    /// The request body did not arrive in time.
    #[error("the body took too long")]
    BodyTimeout,
    /// The request body is larger than the bound.
    #[error("the body is larger than {0} bytes")]
    BodyTooLarge(u64),
    /// The connection that the route names cannot be upgraded.
    #[error("an upgrade was asked for")]
    Upgrade,
    /// TRACE: the upstream would answer with the request as it came, credential included (RFC 9110,
    /// section 9.3.8).
    #[error("TRACE would show the upstream credential")]
    Trace,
    /// No route covers this host and path.
    #[error("no route")]
    NoRoute,
    /// There is no bearer token.
    #[error("no bearer token")]
    NoToken,
    /// The token is not acceptable.
    #[error("token refused: {0}")]
    Token(AuthError),
    /// The issuer's keys are not to be had, so no token can be judged.
    #[error("tokens cannot be judged: {0}")]
    KeysUnavailable(AuthError),
    /// Policy says no.
    #[error("denied: {}", denial_text(.0))]
    Denied(Denial),
    /// Policy asks for a person's approval, which this version cannot get.
    #[error("rule {} asks for an approval", .0.name)]
    ApprovalNeeded(Arc<Rule>),
    /// The recording cannot take this exchange.
    #[error("the recorder is unable")]
    RecorderUnable,
    /// The upstream credential is not to be had.
    #[error("the upstream credential is not available")]
    CredentialUnavailable,
    /// Configuration or keys changed while the call was waiting.
    #[error("the rules changed while the call was waiting")]
    Superseded,
    /// The gateway is at a limit of its own, or draining.
    #[error("overloaded or draining")]
    Overloaded,
    /// No connection to the upstream could be made, or it was cut before the reply.
    #[error("upstream unreachable")]
    UpstreamUnreachable,
    /// The upstream did not answer in time.
    #[error("upstream too slow")]
    UpstreamTimeout,
    /// The upstream's reply ended before its end.
    #[error("upstream reply cut off")]
    UpstreamTruncated,
    /// The upstream's reply is malformed.
    #[error("upstream reply malformed: {0}")]
    UpstreamMalformed(&'static str),
    /// The upstream refused the gateway's own credential (401 or 407).
    #[error("upstream refused the gateway's credential")]
    UpstreamUnauthorized,
    /// The reply cannot be read, so it cannot be masked.
    #[error("upstream reply withheld: {0}")]
    Unreadable(Unreadable),
}

fn denial_text(denial: &Denial) -> &str {
    match denial {
        Denial::Rule(rule) => &rule.name,
        Denial::NoRule => "no rule allows it",
        Denial::GroupsUnknown => "the token leaves the caller's groups out",
    }
}

/// What the caller is told: status, reason phrase, code, sentence.
struct Told {
    status: u16,
    phrase: &'static str,
    code: &'static str,
    sentence: &'static str,
}

const fn told(
    status: u16,
    phrase: &'static str,
    code: &'static str,
    sentence: &'static str,
) -> Told {
    Told {
        status,
        phrase,
        code,
        sentence,
    }
}

impl Refusal {
    /// The HTTP status that the caller sees.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.told().status
    }

    /// A stable word for logs, metrics and clients.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.told().code
    }

    fn told(&self) -> Told {
        match self {
            Refusal::Head(why) => head_told(why.status()),
            Refusal::PlainText => told(400, "Bad Request", "plain_text", "This port speaks HTTPS."),
            Refusal::Target(_) => told(
                400,
                "Bad Request",
                "bad_target",
                "The request target is malformed or ambiguous.",
            ),
            Refusal::HeadTimeout => told(
                408,
                "Request Timeout",
                "head_timeout",
                "The request head took too long.",
            ),
            Refusal::Body(_) => told(
                400,
                "Bad Request",
                "bad_body",
                "The request body is malformed.",
            ),
            Refusal::BodyTimeout => told(
                408,
                "Request Timeout",
                "body_timeout",
                "The request body took too long.",
            ),
            Refusal::BodyTooLarge(_) => told(
                413,
                "Content Too Large",
                "body_too_large",
                "The request body is too large.",
            ),
            Refusal::Upgrade => told(
                501,
                "Not Implemented",
                "upgrade_refused",
                "This connection does not offer upgrades.",
            ),
            Refusal::Trace => head_told(501),
            Refusal::NoRoute => told(
                404,
                "Not Found",
                "no_route",
                "Nothing is served at this host and path.",
            ),
            Refusal::NoToken => told(
                401,
                "Unauthorized",
                "no_token",
                "A bearer token is required.",
            ),
            Refusal::Token(_) => told(
                401,
                "Unauthorized",
                "invalid_token",
                "The bearer token was not accepted.",
            ),
            Refusal::KeysUnavailable(_) => told(
                503,
                "Service Unavailable",
                "keys_unavailable",
                "Tokens cannot be verified at the moment.",
            ),
            Refusal::Denied(_) => told(
                403,
                "Forbidden",
                "denied",
                "Policy does not allow this call.",
            ),
            Refusal::ApprovalNeeded(_) => told(
                403,
                "Forbidden",
                "approval_needed",
                "Policy asks for an approval, which this version cannot obtain.",
            ),
            Refusal::RecorderUnable => told(
                503,
                "Service Unavailable",
                "recorder_unable",
                "The call cannot be recorded at the moment.",
            ),
            Refusal::CredentialUnavailable => told(
                503,
                "Service Unavailable",
                "credential_unavailable",
                "The upstream credential is not available at the moment.",
            ),
            Refusal::Superseded => told(
                503,
                "Service Unavailable",
                "superseded",
                "The rules changed while the call was waiting; try again.",
            ),
            Refusal::Overloaded => told(
                503,
                "Service Unavailable",
                "overloaded",
                "The gateway takes no further calls at the moment.",
            ),
            Refusal::UpstreamUnreachable => told(
                502,
                "Bad Gateway",
                "upstream_unreachable",
                "The upstream cannot be reached.",
            ),
            Refusal::UpstreamTruncated => told(
                502,
                "Bad Gateway",
                "upstream_truncated",
                "The upstream's reply was cut off.",
            ),
            Refusal::UpstreamTimeout => told(
                504,
                "Gateway Timeout",
                "upstream_timeout",
                "The upstream did not answer in time.",
            ),
            Refusal::UpstreamMalformed(_) => told(
                502,
                "Bad Gateway",
                "upstream_malformed",
                "The upstream's reply is malformed.",
            ),
            Refusal::UpstreamUnauthorized => told(
                502,
                "Bad Gateway",
                "upstream_unauthorized",
                "The upstream refused the gateway's own credential.",
            ),
            Refusal::Unreadable(_) => told(
                502,
                "Bad Gateway",
                "reply_withheld",
                "The upstream's reply cannot be read, so it is withheld.",
            ),
        }
    }

    /// The answer to send. `close` says that the connection ends with it.
    pub fn answer(&self, close: bool) -> Fixed {
        let told = self.told();
        let body = match self.rule() {
            Some(rule) => serde_json::json!({"error": {"code": told.code, "message": told.sentence, "rule": &*rule.name}}),
            None => serde_json::json!({"error": {"code": told.code, "message": told.sentence}}),
        }
        .to_string();
        let head = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nCache-Control: no-store\r\n{}{}\r\n",
            told.status,
            told.phrase,
            body.len(),
            self.extra_fields(),
            if close { "Connection: close\r\n" } else { "" },
        );
        Fixed {
            head: head.len(),
            text: Text::Owned(format!("{head}{body}").into()),
        }
    }

    /// A challenge with each 401 (RFC 6750, section 3), a hint when to come back with each 503.
    fn extra_fields(&self) -> &'static str {
        match self {
            Refusal::NoToken => "WWW-Authenticate: Bearer realm=\"sluice\"\r\n",
            Refusal::Token(_) => {
                "WWW-Authenticate: Bearer realm=\"sluice\", error=\"invalid_token\"\r\n"
            }
            Refusal::Superseded => "Retry-After: 1\r\n",
            Refusal::KeysUnavailable(_)
            | Refusal::RecorderUnable
            | Refusal::CredentialUnavailable
            | Refusal::Overloaded => "Retry-After: 5\r\n",
            _ => "",
        }
    }

    /// Every [`Refusal::code`], as metrics label them.
    pub const CODES: &[&str] = &[
        "bad_request",
        "target_too_long",
        "expectation_failed",
        "head_too_large",
        "not_implemented",
        "version",
        "plain_text",
        "bad_target",
        "head_timeout",
        "bad_body",
        "body_timeout",
        "body_too_large",
        "upgrade_refused",
        "no_route",
        "no_token",
        "invalid_token",
        "keys_unavailable",
        "denied",
        "approval_needed",
        "recorder_unable",
        "credential_unavailable",
        "superseded",
        "overloaded",
        "upstream_unreachable",
        "upstream_truncated",
        "upstream_timeout",
        "upstream_malformed",
        "upstream_unauthorized",
        "reply_withheld",
    ];

    /// Index of [`Refusal::code`] in [`Refusal::CODES`].
    #[must_use]
    pub fn index(&self) -> usize {
        let code = self.code();
        Refusal::CODES
            .iter()
            .position(|one| *one == code)
            .unwrap_or(Refusal::CODES.len())
    }

    /// What only the log is told, such as which check of a token failed.
    #[must_use]
    pub fn detail(&self) -> Short<128> {
        use std::io::Write;
        let mut text = [0; 128];
        let mut rest = &mut text[..];
        // What does not fit is cut off.
        let _ = write!(rest, "{self}");
        let left = rest.len();
        Short::new(String::from_utf8_lossy(&text[..text.len() - left]).trim_end_matches('\u{fffd}'))
    }

    /// The rule that refused, where one did.
    #[must_use]
    pub fn rule(&self) -> Option<&Arc<Rule>> {
        match self {
            Refusal::Denied(Denial::Rule(rule)) | Refusal::ApprovalNeeded(rule) => Some(rule),
            _ => None,
        }
    }

    /// How the recording names the end of an exchange that was refused so.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Refusal::Body(_) | Refusal::BodyTimeout | Refusal::BodyTooLarge(_) => {
                Outcome::CallerMalformed
            }
            Refusal::RecorderUnable => Outcome::RecorderLost,
            Refusal::UpstreamUnreachable | Refusal::UpstreamUnauthorized => {
                Outcome::UpstreamRefused
            }
            Refusal::UpstreamTimeout => Outcome::UpstreamTimeout,
            Refusal::UpstreamTruncated => Outcome::UpstreamTruncated,
            Refusal::UpstreamMalformed(_) => Outcome::UpstreamMalformed,
            Refusal::Unreadable(_) => Outcome::Unreadable,
            Refusal::Head(_)
            | Refusal::PlainText
            | Refusal::Target(_)
            | Refusal::HeadTimeout
            | Refusal::Upgrade
            | Refusal::Trace
            | Refusal::NoRoute
            | Refusal::NoToken
            | Refusal::Token(_)
            | Refusal::KeysUnavailable(_)
            | Refusal::Denied(_)
            | Refusal::ApprovalNeeded(_)
            | Refusal::CredentialUnavailable
            | Refusal::Superseded
            | Refusal::Overloaded => Outcome::Refused,
        }
    }

    /// True when the bytes that follow on the connection can no longer be told apart.
    #[must_use]
    pub fn loses_framing(&self) -> bool {
        matches!(
            self,
            Refusal::Head(_)
                | Refusal::PlainText
                | Refusal::Target(_)
                | Refusal::HeadTimeout
                | Refusal::Body(_)
                | Refusal::BodyTimeout
                | Refusal::BodyTooLarge(_)
                | Refusal::Upgrade
                | Refusal::Overloaded
        )
    }
}

fn head_told(status: u16) -> Told {
    match status {
        414 => told(
            414,
            "URI Too Long",
            "target_too_long",
            "The request target is too long.",
        ),
        417 => told(
            417,
            "Expectation Failed",
            "expectation_failed",
            "Only 100-continue can be expected.",
        ),
        431 => told(
            431,
            "Request Header Fields Too Large",
            "head_too_large",
            "The request head is too large.",
        ),
        501 => told(
            501,
            "Not Implemented",
            "not_implemented",
            "This form of request is not offered.",
        ),
        505 => told(
            505,
            "HTTP Version Not Supported",
            "version",
            "Only HTTP/1.1 is offered.",
        ),
        _ => told(
            400,
            "Bad Request",
            "bad_request",
            "The request head is malformed.",
        ),
    }
}

/// An answer that is the gateway's own: nothing in it comes from an upstream or depends on more of
/// the call than which rule refused it.
#[must_use]
#[derive(Clone, Debug)]
pub struct Fixed {
    text: Text,
    head: usize,
}

#[derive(Clone, Debug)]
enum Text {
    Static(&'static [u8]),
    Owned(Arc<str>),
}

impl Fixed {
    /// The interim answer to `Expect: 100-continue` (RFC 9110, section 10.1.1).
    pub fn proceed() -> Fixed {
        const PROCEED: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
        Fixed {
            text: Text::Static(PROCEED),
            head: PROCEED.len(),
        }
    }

    /// The bytes to send; without the body when the request was HEAD (RFC 9110, section 9.3.2).
    #[must_use]
    pub fn bytes(&self, head_only: bool) -> &[u8] {
        let all = match &self.text {
            Text::Static(text) => text,
            Text::Owned(text) => text.as_bytes(),
        };
        if head_only { &all[..self.head] } else { all }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_whole_reply_and_head_gets_no_body() {
        let answer = Refusal::NoRoute.answer(true);
        let text = std::str::from_utf8(answer.bytes(false)).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        assert!(head.contains("Connection: close"));
        assert!(answer.bytes(true).ends_with(b"\r\n\r\n"));
    }

    #[test]
    fn every_401_carries_a_challenge() {
        let answer = Refusal::NoToken.answer(false);
        let text = std::str::from_utf8(answer.bytes(false)).expect("text");
        assert!(text.contains("WWW-Authenticate: Bearer"));
        assert!(!text.contains("Connection: close"));
    }
}
