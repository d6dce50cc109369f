//! What a union says in its own name.

use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};

use super::super::reply;
use super::call::Lost;
use super::wire::Away;

/// A stream's type.
const STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const NO_BUFFER: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Our own codes; see [`reply`].
pub(super) const MEMBER_AWAY: i32 = 50_200;
/// A member's stream ended before its answer.
pub(super) const MEMBER_BROKE: i32 = 50_201;
/// Too much goes on at once.
pub(super) const TOO_MANY: i32 = 42_901;
/// The caller did not want the answer any more.
pub(super) const CANCELLED: i32 = 49_900;
/// The protocol has no translation for this.
pub(super) const NOT_TRANSLATED: i32 = 50_101;
/// JSON-RPC's own.
pub(super) const NO_METHOD: i32 = -32_601;
/// JSON-RPC's own.
pub(super) const BAD_PARAMS: i32 = -32_602;
/// JSON-RPC's own.
pub(super) const BAD_REQUEST: i32 = -32_600;
/// The session era's code for a resource that is not there.
const NO_RESOURCE: i32 = -32_002;

/// A result, as a message. `result` is its JSON.
pub(super) fn result(id: &str, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

/// An error, as a message.
pub(super) fn error(id: &str, code: i32, why: &str) -> String {
    reply::error_text(Some(id), code, why)
}

/// An error because a member did not answer.
pub(super) fn away(id: &str, member: &str, why: &Away) -> String {
    error(id, MEMBER_AWAY, &format!("the server `{member}` {why}"))
}

/// The status and the error for a request that goes nowhere.
pub(super) fn lost(id: &str, why: Lost, modern: bool) -> (StatusCode, String) {
    let (status, code, why) = match why {
        Lost::Method if modern => (StatusCode::NOT_FOUND, NO_METHOD, "no such method"),
        Lost::Method => (StatusCode::OK, NO_METHOD, "no such method"),
        Lost::Shape => (StatusCode::OK, BAD_PARAMS, "the parameters name nothing"),
        Lost::Name => (
            StatusCode::OK,
            BAD_PARAMS,
            "no such name: names here are `server__name`",
        ),
        Lost::Address => {
            let code = if modern { BAD_PARAMS } else { NO_RESOURCE };
            let why = "no server has named this resource: list them, or ask for \
                       `sluice-member:SERVER/ADDRESS`";
            (StatusCode::OK, code, why)
        }
    };
    (status, error(id, code, why))
}

/// A response with one JSON text.
pub(super) fn json(status: StatusCode, text: impl Into<axum::body::Body>) -> Response {
    reply::json(status, text)
}

/// A response that is a stream of events.
pub(super) fn stream(body: axum::body::Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, STREAM);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(NO_BUFFER, HeaderValue::from_static("no"));
    response
}

/// A status and nothing else.
pub(super) fn status(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// A refusal of what is no message for us.
pub(super) fn refusal(status: StatusCode, why: &str) -> Response {
    reply::refusal(status, None, BAD_REQUEST, why)
}
