//! Refusals as they are sent.

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
