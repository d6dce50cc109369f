//! An exchange that is over, held against the recording and against what its upstream said.

use sluice::base::ids::ExchangeId;
use sluice::exchange::Refusal;
use sluice::record::{Decision, Outcome};

use crate::check::{self, Message};
use crate::chunks;
use crate::drive::{After, End};
use crate::rig::{Told, What};

/// An admitted exchange that is over.
pub(super) struct Ended {
    pub exchange: ExchangeId,
    pub end: End,
    /// What the upstream had to say.
    pub reply: Vec<u8>,
    pub head_only: bool,
    /// The recorder worked until its end.
    pub sound: bool,
}

/// The frames of one exchange, put together.
#[derive(Default)]
struct Recorded {
    /// Of the configuration that it was judged under, from 1.
    generation: u64,
    sent: u64,
    head: Vec<u8>,
    body: Vec<u8>,
    end: Option<sluice::record::payload::EndPayload>,
}

impl Ended {
    /// The recording tells what happened: all of it, once, and nothing that did not. `plain` says
    /// under which configurations bodies pass as they are.
    pub(super) fn agrees(&self, told: &[Told], plain: &[bool]) {
        let recorded = self.recorded(told);
        let sent = check::released(&self.end.to_upstream).body.len();
        assert!(sent as u64 <= recorded.sent, "went upstream unrecorded");
        let complete =
            self.end.connected && self.end.refusal.is_none() && self.end.after != After::Abort;
        match recorded.end {
            Some(end) => {
                assert_eq!(end.request_bytes, recorded.sent);
                assert_eq!(end.reply_bytes, recorded.body.len() as u64);
                assert_eq!(end.end.outcome == Outcome::Complete, complete);
            }
            None => assert!(!self.sound, "an end that is missing"),
        }
        let begun = recorded.generation.checked_sub(1);
        let is_plain = begun.is_some_and(|at| plain[at as usize]);
        self.released(&recorded, complete, is_plain);
    }

    fn recorded(&self, told: &[Told]) -> Recorded {
        let mut recorded = Recorded::default();
        let frames = told.iter().filter(|told| told.belongs_to(self.exchange));
        for (at, told) in frames.enumerate() {
            assert_eq!(
                told.sequence, at as u64,
                "frames of an exchange are counted"
            );
            assert!(recorded.end.is_none(), "nothing follows an end");
            recorded.sent += told.covers;
            match &told.what {
                What::Request {
                    decision,
                    generation,
                    ..
                } => {
                    assert_eq!((at, *decision), (0, Decision::Allowed));
                    recorded.generation = *generation;
                }
                _ if at == 0 => panic!("an exchange begins with its request"),
                What::ReplyHead(bytes) => recorded.head.extend_from_slice(bytes),
                What::Reply(bytes) => recorded.body.extend_from_slice(bytes),
                What::End(end) => recorded.end = Some(*end),
                _ => {}
            }
        }
        recorded
    }

    /// What the caller got of the upstream is in the recording; and it looks whole only if the
    /// upstream's reply was.
    fn released(&self, recorded: &Recorded, complete: bool, is_plain: bool) {
        let got = check::released(&self.end.to_caller);
        // A head that is recorded waits for the first of its body, which may be refused.
        if recorded.head.is_empty() || !recorded.head.starts_with(&got.head) {
            assert!(!complete, "complete without a reply");
            return self.own_words();
        }
        assert!(recorded.body.starts_with(&got.body), "bytes unrecorded");
        let theirs = whole(
            &self.reply[..self.end.read],
            self.end.read_end,
            self.head_only,
        );
        if complete {
            let theirs = theirs
                .as_ref()
                .expect("a truncated reply that ends cleanly");
            assert_eq!(recorded.body, got.body, "released to the last byte");
            if is_plain {
                assert_eq!(got.body, *theirs);
            }
        } else if theirs.is_none()
            && let Some(message) = self.message()
        {
            let framed = message.chunked || message.field("content-length").is_some();
            assert!(
                !framed || !message.whole,
                "a truncated reply that looks whole"
            );
        }
    }

    /// Without a reply, what the caller gets is an answer of the gateway's own, or nothing.
    fn own_words(&self) {
        let status = self.message().map(|message| message.status());
        let refusal = self.end.refusal.as_ref();
        assert_eq!(status, refusal.map(Refusal::status), "a head unrecorded");
    }

    /// The last message that the caller got, unless it was cut within its head.
    fn message(&self) -> Option<Message> {
        let got = check::released(&self.end.to_caller);
        // What follows a switch to another protocol is no message.
        let switched = got.head.starts_with(b"HTTP/1.1 101 ");
        if switched || !got.head.ends_with(b"\r\n\r\n") {
            return None;
        }
        check::replies(&self.end.to_caller, self.head_only).pop()
    }
}

/// The content of a reply, read by other code than the gateway's; none when it is not whole.
fn whole(bytes: &[u8], ended: bool, head_only: bool) -> Option<Vec<u8>> {
    let mut rest = bytes;
    loop {
        let mut fields = [httparse::EMPTY_HEADER; 100];
        let mut head = httparse::Response::new(&mut fields);
        let Ok(httparse::Status::Complete(length)) = head.parse(rest) else {
            return None;
        };
        let code = head.code?;
        rest = &rest[length..];
        if code == 101 {
            return ended.then(|| rest.to_vec());
        }
        if (100..200).contains(&code) {
            continue;
        }
        let field = |name: &str| {
            let mut all = head.headers.iter();
            let field = all.find(|field| field.name.eq_ignore_ascii_case(name));
            field.map(|field| field.value)
        };
        if head_only || matches!(code, 204 | 304) {
            return Some(Vec::new());
        }
        if field("transfer-encoding").is_some() {
            return chunks::whole(rest).map(|(content, _)| content);
        }
        return match field("content-length") {
            Some(value) => {
                let length: usize = std::str::from_utf8(value).ok()?.trim().parse().ok()?;
                rest.get(..length).map(<[u8]>::to_vec)
            }
            None => ended.then(|| rest.to_vec()),
        };
    }
}
