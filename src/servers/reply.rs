//! What our servers say for themselves: statuses with a JSON-RPC error, or with nothing.
//!
//! JSON-RPC keeps the codes from -32768 to -32000; ours are positive, and their first three digits
//! are the nearest HTTP status.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;

/// A body of one JSON text, as it is.
pub(super) fn json(status: StatusCode, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// A JSON-RPC error. `id` is the request's own, as JSON text; `null` when it is not known.
pub(super) fn error_text(id: Option<&str>, code: i32, message: &str) -> String {
    // A string's JSON text cannot fail; were it to, the quotes alone are valid.
    let message = serde_json::to_string(message).unwrap_or_else(|_| "\"\"".to_owned());
    let id = id.unwrap_or("null");
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message}}}}}"#)
}

/// A status with a JSON-RPC error as its body.
pub(super) fn refusal(status: StatusCode, id: Option<&str>, code: i32, message: &str) -> Response {
    json(status, error_text(id, code, message))
}

/// [`refusal`] with 503, and when it is worth asking again.
pub(super) fn later(id: Option<&str>, code: i32, message: &str, seconds: u64) -> Response {
    let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, id, code, message);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_the_id_and_escapes_the_message() {
        assert_eq!(
            error_text(Some("12345678901234567890"), 50200, "a \"b\"\n"),
            r#"{"jsonrpc":"2.0","id":12345678901234567890,"error":{"code":50200,"message":"a \"b\"\n"}}"#
        );
        assert!(error_text(None, 1, "").contains(r#""id":null"#));
    }
}
