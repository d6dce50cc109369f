//! Every refusal becomes a reply here and nowhere else, with an exhaustive match.
//!
//! What the caller is told is constant text, save the name of a rule that the operator wrote; which
//! check failed goes to the log. The replies need no recorder, so they can be sent with it down.

mod body;
mod edge;
mod fields;
mod fixed;
mod graph;
mod mcp;
mod rpc;
mod told;

use std::time::Duration;

pub use self::edge::EdgeRefusal;
pub use self::fixed::{Fixed, Published};
pub use self::graph::GraphRefusal;
pub use self::mcp::McpRefusal;
pub use self::rpc::How;

use std::sync::Arc;

use thiserror::Error;

use self::told::Told;
use crate::auth::{AuthError, Flaw, Revoked};
use crate::base::access::Short;
use crate::base::calendar::Utc;
use crate::base::credential::Rebuff;
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
    /// The request body came slower than so many bytes in a second.
    #[error("the body came slower than {0} bytes in a second")]
    BodyTooSlow(u64),
    /// The request body is larger than the bound.
    #[error("the body is larger than {0} bytes")]
    BodyTooLarge(u64),
    /// The connection that the route names does not switch to what is asked for.
    #[error("an upgrade was asked for")]
    Upgrade,
    /// Nothing passed for too long on a connection that was switched.
    #[error("nothing passed for too long")]
    UpgradeIdle,
    /// TRACE: the upstream would answer with the request as it came, credential included (RFC 9110,
    /// section 9.3.8).
    #[error("TRACE would show the upstream credential")]
    Trace,
    /// The way that a request has come says something against it.
    #[error("{0}")]
    Edge(EdgeRefusal),
    /// The request has come through this gateway before (RFC 9110, section 7.6.3).
    #[error("the request goes in circles")]
    Loop,
    /// No route covers this host and path.
    #[error("no route")]
    NoRoute,
    /// What connections of protocol `mcp` refuse beside all others.
    #[error("{0}")]
    Mcp(McpRefusal),
    /// What connections of protocol `graph` refuse beside all others.
    #[error("{0}")]
    Graph(GraphRefusal),
    /// One of the others, answered in the way of the connection's protocol.
    #[error("{why}")]
    Told {
        /// The other.
        why: Box<Refusal>,
        /// How it is answered.
        how: How,
    },
    /// There is no bearer token.
    #[error("no bearer token")]
    NoToken,
    /// The token is not acceptable.
    #[error("token refused: {0}")]
    Token(AuthError),
    /// The token is good, and an operator has revoked it or whom it names.
    #[error("{}", revoked_text(.0))]
    Revoked(Revoked),
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
    /// The connection acts for users, and the caller acts for itself.
    #[error("the connection acts for users, and the token is an application's")]
    UserNeeded,
    /// The connection acts for users by their tokens, and the caller's is nobody else's to show.
    #[error("the connection acts for users by their tokens, and this one is bound to its holder")]
    BoundToken,
    /// The issuer gives nothing for the caller's token.
    #[error("the caller's token was not exchanged: {}", .0.why)]
    NotExchanged(Arc<Rebuff>),
    /// Configuration or keys changed while the call was waiting.
    #[error("the rules changed while the call was waiting")]
    Superseded,
    /// The gateway is at a limit of its own, or draining.
    #[error("overloaded or draining")]
    Overloaded,
    /// As many calls are under way there as may be, and as many wait, or waited for too long.
    #[error("too many calls to this upstream")]
    UpstreamBusy,
    /// The upstream failed too often of late; in so long a call may try it again.
    #[error("the upstream failed too often: nothing goes there for {0:?}")]
    CircuitOpen(Duration),
    /// No connection to the upstream could be made, for this reason of the system or of TLS.
    #[error("no connection to the upstream: {0}")]
    UpstreamConnect(Arc<str>),
    /// The connection to the upstream was cut before the reply.
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
    /// The upstream refused the gateway's own credential (401 or 407); perhaps with claims that another
    /// has to satisfy.
    #[error("upstream refused the gateway's credential")]
    UpstreamUnauthorized(Option<Arc<str>>),
    /// The reply cannot be read, so it cannot be masked.
    #[error("upstream reply withheld: {0}")]
    Unreadable(Unreadable),
}

fn denial_text(denial: &Denial) -> &str {
    match denial {
        Denial::Rule(rule) | Denial::Condition(rule, _) => &rule.name,
        Denial::NoRule => "no rule allows it",
        Denial::GroupsUnknown => "the token leaves the caller's groups out",
        Denial::ScopeMissing(_) => "a scope is missing",
    }
}

fn revoked_text(revoked: &Revoked) -> String {
    let Revoked { id, before } = revoked;
    match before {
        Some(before) => {
            let before = Utc::from_unix(*before);
            format!("revocation {id}: the token was issued before {before}")
        }
        None => format!("revocation {id}"),
    }
}

impl From<McpRefusal> for Refusal {
    fn from(why: McpRefusal) -> Refusal {
        Refusal::Mcp(why)
    }
}

impl From<GraphRefusal> for Refusal {
    fn from(why: GraphRefusal) -> Refusal {
        Refusal::Graph(why)
    }
}

impl Refusal {
    /// The HTTP status that the caller sees.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Refusal::Told {
                why,
                how: How::InCall(_),
            } => why.in_call().status,
            _ => self.told().status,
        }
    }

    /// A stable word for logs, metrics and clients.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.told().code
    }

    fn told(&self) -> &'static Told {
        match self {
            Refusal::Head(why) => told::of_head(why.status()),
            Refusal::PlainText => &told::PLAIN_TEXT,
            Refusal::Target(_) => &told::BAD_TARGET,
            Refusal::HeadTimeout => &told::HEAD_TIMEOUT,
            Refusal::Body(_) => &told::BAD_BODY,
            Refusal::BodyTimeout | Refusal::BodyTooSlow(_) => &told::BODY_TIMEOUT,
            Refusal::BodyTooLarge(_) => &told::BODY_TOO_LARGE,
            Refusal::Upgrade => &told::UPGRADE_REFUSED,
            Refusal::UpgradeIdle => &told::UPGRADE_IDLE,
            Refusal::Trace => told::of_head(501),
            Refusal::Edge(why) => why.told(),
            Refusal::Loop => &told::LOOP,
            Refusal::NoRoute => &told::NO_ROUTE,
            Refusal::Mcp(why) => why.told(),
            Refusal::Graph(why) => why.told(),
            Refusal::Told { why, .. } => why.told(),
            Refusal::NoToken => &told::NO_TOKEN,
            Refusal::Token(AuthError::Proof(Flaw::Nonce)) => &told::NONCE_NEEDED,
            Refusal::Token(AuthError::Proof(_) | AuthError::ProofMissing) => &told::INVALID_PROOF,
            Refusal::Token(_) => &told::INVALID_TOKEN,
            Refusal::Revoked(_) => &told::REVOKED,
            Refusal::KeysUnavailable(_) => &told::KEYS_UNAVAILABLE,
            Refusal::Denied(_) => &told::DENIED,
            Refusal::ApprovalNeeded(_) => &told::APPROVAL_NEEDED,
            Refusal::RecorderUnable => &told::RECORDER_UNABLE,
            Refusal::CredentialUnavailable => &told::CREDENTIAL_UNAVAILABLE,
            Refusal::UserNeeded => &told::USER_NEEDED,
            Refusal::BoundToken => &told::BOUND_TOKEN,
            Refusal::NotExchanged(_) => &told::NOT_EXCHANGED,
            Refusal::Superseded => &told::SUPERSEDED,
            Refusal::Overloaded => &told::OVERLOADED,
            Refusal::UpstreamBusy => &told::UPSTREAM_BUSY,
            Refusal::CircuitOpen(_) => &told::UPSTREAM_DOWN,
            Refusal::UpstreamConnect(_) | Refusal::UpstreamUnreachable => {
                &told::UPSTREAM_UNREACHABLE
            }
            Refusal::UpstreamTruncated => &told::UPSTREAM_TRUNCATED,
            Refusal::UpstreamTimeout => &told::UPSTREAM_TIMEOUT,
            Refusal::UpstreamMalformed(_) => &told::UPSTREAM_MALFORMED,
            Refusal::UpstreamUnauthorized(_) => &told::UPSTREAM_UNAUTHORIZED,
            Refusal::Unreadable(_) => &told::REPLY_WITHHELD,
        }
    }

    /// The answer to send. `close` says that the connection ends with it.
    pub fn answer(&self, close: bool) -> Fixed {
        if let Refusal::Told {
            why,
            how: How::InCall(ids),
        } = self
        {
            return why.in_call().answer(why, ids, close);
        }
        let told = self.told();
        let body = self.body().to_string();
        let head = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nCache-Control: no-store\r\n{}{}\r\n",
            told.status,
            told.phrase,
            body.len(),
            self.extra_fields(),
            if close { "Connection: close\r\n" } else { "" },
        );
        Fixed::whole(&head, &body)
    }

    /// What it is beneath the way it is told.
    fn why(&self) -> &Refusal {
        match self {
            Refusal::Told { why, .. } => why.why(),
            other => other,
        }
    }

    /// Every [`Refusal::code`], as metrics label them.
    pub const CODES: &[&str] = told::CODES;

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
        match self.why() {
            Refusal::Denied(Denial::Rule(rule) | Denial::Condition(rule, _))
            | Refusal::ApprovalNeeded(rule) => Some(rule),
            _ => None,
        }
    }

    /// How the recording names the end of an exchange that was refused so.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.why() {
            Refusal::Body(_)
            | Refusal::BodyTimeout
            | Refusal::BodyTooSlow(_)
            | Refusal::BodyTooLarge(_) => Outcome::CallerMalformed,
            Refusal::Revoked(_) | Refusal::Mcp(McpRefusal::SessionRevoked(_)) => Outcome::Revoked,
            Refusal::RecorderUnable => Outcome::RecorderLost,
            Refusal::UpstreamConnect(_)
            | Refusal::UpstreamUnreachable
            | Refusal::UpstreamUnauthorized(_) => Outcome::UpstreamRefused,
            Refusal::UpstreamTimeout => Outcome::UpstreamTimeout,
            Refusal::UpstreamTruncated => Outcome::UpstreamTruncated,
            Refusal::UpstreamMalformed(_) => Outcome::UpstreamMalformed,
            Refusal::Unreadable(_) => Outcome::Unreadable,
            Refusal::Head(_)
            | Refusal::PlainText
            | Refusal::Target(_)
            | Refusal::HeadTimeout
            | Refusal::Upgrade
            | Refusal::UpgradeIdle
            | Refusal::Trace
            | Refusal::Edge(_)
            | Refusal::Loop
            | Refusal::NoRoute
            | Refusal::Mcp(_)
            | Refusal::Graph(_)
            | Refusal::Told { .. }
            | Refusal::NoToken
            | Refusal::Token(_)
            | Refusal::KeysUnavailable(_)
            | Refusal::Denied(_)
            | Refusal::ApprovalNeeded(_)
            | Refusal::CredentialUnavailable
            | Refusal::UserNeeded
            | Refusal::BoundToken
            | Refusal::NotExchanged(_)
            | Refusal::Superseded
            | Refusal::UpstreamBusy
            | Refusal::CircuitOpen(_)
            | Refusal::Overloaded => Outcome::Refused,
        }
    }

    /// True when the bytes that follow on the connection can no longer be told apart, or are nobody's
    /// who may come.
    #[must_use]
    pub fn loses_framing(&self) -> bool {
        matches!(
            self.why(),
            Refusal::Head(_)
                | Refusal::PlainText
                | Refusal::Target(_)
                | Refusal::HeadTimeout
                | Refusal::Edge(EdgeRefusal::Certificate)
                | Refusal::Body(_)
                | Refusal::BodyTimeout
                | Refusal::BodyTooSlow(_)
                | Refusal::BodyTooLarge(_)
                | Refusal::Upgrade
                | Refusal::Overloaded
        )
    }
}

#[cfg(test)]
mod tests;
