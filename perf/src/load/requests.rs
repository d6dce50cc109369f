//! What is sent: all of it made before the first of it goes out.

use std::net::SocketAddr;
use std::path::Path;

use crate::Outcome;
use crate::bodies::TOOL_CALL;

/// Requests that differ in their tokens alone, sent in turns.
pub struct Requests {
    all: Vec<Vec<u8>>,
    next: usize,
}

impl Requests {
    pub fn new(to: SocketAddr, target: &str, call: bool, tokens: &[String]) -> Requests {
        let one = |authorization: &str| match call {
            true => format!(
                "POST {target} HTTP/1.1\r\nHost: {to}\r\nMCP-Protocol-Version: 2025-06-18\r\n\
                 Accept: application/json, text/event-stream\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n{authorization}\r\n\
                 {TOOL_CALL}",
                TOOL_CALL.len()
            ),
            false => format!(
                "GET {target} HTTP/1.1\r\nHost: {to}\r\nAccept: application/json\r\n\
                 {authorization}\r\n"
            ),
        };
        let all = match tokens {
            [] => vec![one("")],
            tokens => tokens
                .iter()
                .map(|token| one(&format!("Authorization: Bearer {token}\r\n")))
                .collect(),
        };
        let all = all.into_iter().map(String::into_bytes).collect();
        Requests { all, next: 0 }
    }

    /// The next one's turn.
    pub fn next(&mut self) -> &[u8] {
        let at = self.next;
        self.next = (at + 1) % self.all.len();
        &self.all[at]
    }
}

/// The tokens in a file, one a line.
pub fn tokens(file: Option<&Path>) -> Outcome<Vec<String>> {
    let Some(file) = file else {
        return Ok(Vec::new());
    };
    let text = std::fs::read_to_string(file)?;
    let tokens: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
    match tokens.is_empty() {
        true => Err(format!("no token in {}", file.display()).into()),
        false => Ok(tokens),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_take_turns() {
        let tokens = ["a".to_owned(), "b".to_owned()];
        let to = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut requests = Requests::new(to, "/1k", false, &tokens);
        let mut turn = || String::from_utf8(requests.next().to_vec()).unwrap();
        let turns = [turn(), turn(), turn()];
        assert!(turns[0].contains("Bearer a\r\n") && turns[1].contains("Bearer b\r\n"));
        assert_eq!(turns[0], turns[2]);
        assert!(turns[0].ends_with("\r\n\r\n"));
    }

    #[test]
    fn a_call_says_how_long_it_is() {
        let to = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut requests = Requests::new(to, "/call", true, &[]);
        let text = String::from_utf8(requests.next().to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        assert!(!head.contains("Authorization"));
    }
}
