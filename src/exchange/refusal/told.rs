//! What the caller is told of each refusal: one row each.

/// Status, reason phrase, code, sentence.
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) phrase: &'static str,
    pub(super) code: &'static str,
    pub(super) sentence: &'static str,
}

macro_rules! told {
    ($($name:ident: $status:literal $phrase:literal, $code:literal, $sentence:literal;)*) => {
        $(pub(super) static $name: Told = Told {
            status: $status,
            phrase: $phrase,
            code: $code,
            sentence: $sentence,
        };)*

        /// The code of every row.
        pub(super) const CODES: &[&str] = &[$($code),*];
    };
}

told! {
    BAD_REQUEST: 400 "Bad Request", "bad_request",
        "The request head is malformed.";
    TARGET_TOO_LONG: 414 "URI Too Long", "target_too_long",
        "The request target is too long.";
    EXPECTATION_FAILED: 417 "Expectation Failed", "expectation_failed",
        "Only 100-continue can be expected.";
    HEAD_TOO_LARGE: 431 "Request Header Fields Too Large", "head_too_large",
        "The request head is too large.";
    NOT_IMPLEMENTED: 501 "Not Implemented", "not_implemented",
        "This form of request is not offered.";
    VERSION: 505 "HTTP Version Not Supported", "version",
        "Only HTTP/1.1 is offered.";
    PLAIN_TEXT: 400 "Bad Request", "plain_text",
        "This port speaks HTTPS.";
    BAD_TARGET: 400 "Bad Request", "bad_target",
        "The request target is malformed or ambiguous.";
    HEAD_TIMEOUT: 408 "Request Timeout", "head_timeout",
        "The request head took too long.";
    BAD_BODY: 400 "Bad Request", "bad_body",
        "The request body is malformed.";
    BODY_TIMEOUT: 408 "Request Timeout", "body_timeout",
        "The request body took too long.";
    BODY_TOO_LARGE: 413 "Content Too Large", "body_too_large",
        "The request body is too large.";
    UPGRADE_REFUSED: 501 "Not Implemented", "upgrade_refused",
        "This connection does not offer that upgrade.";
    UPGRADE_IDLE: 408 "Request Timeout", "upgrade_idle",
        "Nothing passed for too long.";
    LOOP: 508 "Loop Detected", "loop",
        "The request has come through this gateway before.";
    NO_ROUTE: 404 "Not Found", "no_route",
        "Nothing is served at this host and path.";
    SESSION_UNKNOWN: 404 "Not Found", "session_unknown",
        "There is no such session; begin a new one.";
    BAD_MESSAGE: 400 "Bad Request", "bad_message",
        "The message is malformed or ambiguous.";
    BAD_MESSAGE_TYPE: 415 "Unsupported Media Type", "bad_message_type",
        "Messages are JSON.";
    SESSION_REVOKED: 404 "Not Found", "session_revoked",
        "The session is revoked; begin a new one.";
    STATE_UNKNOWN: 404 "Not Found", "state_unknown",
        "There is no such state to go on from.";
    TASK_UNKNOWN: 404 "Not Found", "task_unknown",
        "There is no such task.";
    TOOL_QUARANTINED: 403 "Forbidden", "tool_quarantined",
        "The tool's definition has changed and waits for an approval.";
    BUDGET_SPENT: 429 "Too Many Requests", "budget_spent",
        "The budget for such calls is spent.";
    RESULT_TOO_LARGE: 429 "Too Many Requests", "result_too_large",
        "The result is larger than the budget for results.";
    MISDIRECTED: 421 "Misdirected Request", "misdirected",
        "Nothing is offered under this host here.";
    ORIGIN_REFUSED: 403 "Forbidden", "origin_refused",
        "Requests from this origin are not allowed.";
    METHOD_NOT_ALLOWED: 405 "Method Not Allowed", "method_not_allowed",
        "This connection takes POST, GET and DELETE.";
    BAD_HOPS: 400 "Bad Request", "bad_hops",
        "A proxy's field of where the request comes from is malformed.";
    CERTIFICATE_REFUSED: 403 "Forbidden", "certificate_refused",
        "The certificate of this connection is no longer accepted.";
    NO_TOKEN: 401 "Unauthorized", "no_token",
        "A bearer token is required.";
    INVALID_TOKEN: 401 "Unauthorized", "invalid_token",
        "The bearer token was not accepted.";
    REVOKED: 401 "Unauthorized", "revoked",
        "The bearer token is revoked.";
    INVALID_PROOF: 401 "Unauthorized", "invalid_dpop_proof",
        "The DPoP proof of this request was not accepted.";
    NONCE_NEEDED: 401 "Unauthorized", "use_dpop_nonce",
        "The DPoP proof must name the nonce that comes with this answer.";
    KEYS_UNAVAILABLE: 503 "Service Unavailable", "keys_unavailable",
        "Tokens cannot be verified at the moment.";
    DENIED: 403 "Forbidden", "denied",
        "Policy does not allow this call.";
    APPROVAL_NEEDED: 403 "Forbidden", "approval_needed",
        "Policy asks for an approval, which this version cannot obtain.";
    HIDDEN_MEMBER: 403 "Forbidden", "hidden_member",
        "Path or query would tell what is in a member that is hidden.";
    BAD_BATCH: 400 "Bad Request", "bad_batch",
        "The batch is malformed or ambiguous.";
    BAD_BATCH_TYPE: 415 "Unsupported Media Type", "bad_batch_type",
        "Batches are JSON.";
    BATCH_DENIED: 403 "Forbidden", "batch_denied",
        "Policy does not allow every request of the batch.";
    FAILED_DEPENDENCY: 424 "Failed Dependency", "failed_dependency",
        "A request that this one depends on was not allowed.";
    RECORDER_UNABLE: 503 "Service Unavailable", "recorder_unable",
        "The call cannot be recorded at the moment.";
    CREDENTIAL_UNAVAILABLE: 503 "Service Unavailable", "credential_unavailable",
        "The upstream credential is not available at the moment.";
    USER_NEEDED: 403 "Forbidden", "user_needed",
        "This connection acts for users: a token of a user is required.";
    BOUND_TOKEN: 403 "Forbidden", "bound_token",
        "This connection acts for users: a token is required that is not bound to its holder.";
    NOT_EXCHANGED: 403 "Forbidden", "not_exchanged",
        "The token was not accepted in exchange for one for the upstream.";
    SUPERSEDED: 503 "Service Unavailable", "superseded",
        "The rules changed while the call was waiting; try again.";
    OVERLOADED: 503 "Service Unavailable", "overloaded",
        "The gateway takes no further calls at the moment.";
    UPSTREAM_BUSY: 503 "Service Unavailable", "upstream_busy",
        "The upstream has as many calls as it may have at once; try again.";
    UPSTREAM_DOWN: 503 "Service Unavailable", "upstream_down",
        "The upstream has failed too often of late; try again later.";
    UPSTREAM_UNREACHABLE: 502 "Bad Gateway", "upstream_unreachable",
        "The upstream cannot be reached.";
    UPSTREAM_TRUNCATED: 502 "Bad Gateway", "upstream_truncated",
        "The upstream's reply was cut off.";
    UPSTREAM_TIMEOUT: 504 "Gateway Timeout", "upstream_timeout",
        "The upstream did not answer in time.";
    UPSTREAM_MALFORMED: 502 "Bad Gateway", "upstream_malformed",
        "The upstream's reply is malformed.";
    UPSTREAM_UNAUTHORIZED: 502 "Bad Gateway", "upstream_unauthorized",
        "The upstream refused the gateway's own credential.";
    REPLY_WITHHELD: 502 "Bad Gateway", "reply_withheld",
        "The upstream's reply cannot be read, so it is withheld.";
}

/// What is told of a head that is refused with `status`.
pub(super) fn of_head(status: u16) -> &'static Told {
    match status {
        414 => &TARGET_TOO_LONG,
        417 => &EXPECTATION_FAILED,
        431 => &HEAD_TOO_LARGE,
        501 => &NOT_IMPLEMENTED,
        505 => &VERSION,
        _ => &BAD_REQUEST,
    }
}
