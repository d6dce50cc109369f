//! Documents: serde_json agrees, duplicate names aside, and any split gives the same verdict.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice::json::{Container, Document, Lexer, Problem, Scalar, Sink};

/// Hears nothing; only the verdict counts.
struct Deaf;

impl Sink for Deaf {
    fn open(&mut self, _: Container, _: usize) {}
    fn close(&mut self, _: Container, _: usize) {}
    fn string_start(&mut self, _: bool, _: usize) {}
    fn run(&mut self, from: usize, to: usize) {
        assert!(from < to);
    }
    fn escape(&mut self, _: char, _: usize, _: usize) {}
    fn string_end(&mut self, _: bool, _: usize) {}
    fn scalar_start(&mut self, _: Scalar, _: usize) {}
    fn scalar_end(&mut self, _: Scalar, _: usize) {}
}

fn verdict(pieces: &[&[u8]]) -> Option<(Problem, u64)> {
    let mut lexer = Lexer::new();
    let pushed = pieces
        .iter()
        .try_for_each(|piece| lexer.push(piece, &mut Deaf));
    let verdict = pushed.and_then(|()| lexer.finish(&mut Deaf));
    verdict.err().map(|error| (error.problem, error.at))
}

fuzz_target!(|input: (u16, &[u8])| {
    let (cut, bytes) = input;
    let (left, right) = bytes.split_at(usize::from(cut) % (bytes.len() + 1));
    assert_eq!(verdict(&[bytes]), verdict(&[left, right]));
    match (
        Document::parse(bytes),
        serde_json::from_slice::<serde_json::Value>(bytes),
    ) {
        (Ok(_), Ok(_)) | (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) => assert!(error.to_string().contains("out of range"), "{error}"),
        (Err(error), Ok(_)) => {
            assert!(
                matches!(error.problem, Problem::Duplicate | Problem::Depth),
                "{error}"
            );
        }
    }
});
