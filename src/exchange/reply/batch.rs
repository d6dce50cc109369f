//! What a batch is answered with, held until it is whole: each response as if it came alone, and the
//! gateway's own for what it kept back.

use std::sync::Arc;

use super::body::{Framing, ReplyBody};
use super::hearing::Ear;
use super::links::led;
use super::speech::{Listener, Speech};
use crate::exchange::errand::Errand;
use crate::exchange::rules::Connection;
use crate::exchange::{Core, Refusal, fields};
use crate::graph::{ENVELOPE_DEPTH, Response, responses, write_response};
use crate::http::FieldRef;
use crate::json::Document;
use crate::mask::{ContentKind, Unreadable};

/// Hears the responses of a batch.
pub(super) struct Responses {
    errand: Box<Errand>,
    connection: Arc<Connection>,
    link_base: String,
}

const MALFORMED: Refusal = Refusal::UpstreamMalformed("no answer to the batch");

impl ReplyBody {
    /// The body answers a batch.
    pub(super) fn of_batch(
        &mut self,
        errand: Box<Errand>,
        connection: &Arc<Connection>,
        link_base: &str,
        core: &mut Core,
    ) -> Result<(), Refusal> {
        if self.kind != Some(ContentKind::Json) {
            return Err(MALFORMED);
        }
        if let Some(stream) = &mut self.stream {
            stream.within(ENVELOPE_DEPTH);
        }
        let listener = Listener::Batch(Responses {
            errand,
            connection: Arc::clone(connection),
            link_base: link_base.to_owned(),
        });
        self.speech = Some(Box::new(Speech::new(listener, false, core)));
        self.framing = Framing::Chunked;
        Ok(())
    }
}

impl Responses {
    /// Bytes of an answer at most.
    pub(super) fn message_bytes(&self) -> usize {
        usize::try_from(self.connection.judged_bytes).unwrap_or(usize::MAX)
    }

    /// A whole answer: what of it the caller may have goes to `out`.
    pub(super) fn whole(
        &self,
        body: &[u8],
        out: &mut Vec<u8>,
        ear: &mut Ear<'_>,
    ) -> Result<(), Refusal> {
        let document = Document::parse(body).map_err(|_| MALFORMED)?;
        let answered = responses(document.root()).map_err(|_| MALFORMED)?;
        let mut told: Vec<(Box<str>, u16)> = Vec::new();
        out.extend_from_slice(b"{\"responses\":[");
        for response in &answered {
            if !self.errand.awaits(response.id) {
                return Err(MALFORMED);
            }
            separate(&told, out);
            let status = self.write(response, out);
            told.push((response.id.into(), status));
        }
        for part in &self.errand.parts {
            if let Some(refusal) = &part.refused {
                separate(&told, out);
                told.push((part.id.clone(), own(&part.id, refusal, out)));
            }
        }
        out.extend_from_slice(b"]}");
        ear.account.answers(told);
        Ok(())
    }

    /// One response; answers with the status that the caller sees.
    fn write(&self, response: &Response<'_>, out: &mut Vec<u8>) -> u16 {
        let Connection {
            hides,
            upstream,
            reply_fields,
            ..
        } = &*self.connection;
        // As of any reply: a 401 would tell the caller that its own token is bad.
        if matches!(response.status, 401 | 407) {
            return own(response.id, &Refusal::UpstreamUnauthorized(None), out);
        }
        if *hides && !response.is_readable() {
            return own(response.id, &Refusal::Unreadable(Unreadable::Type), out);
        }
        let passes = |(name, value): &&(&str, &str)| {
            let cached = *hides && name.eq_ignore_ascii_case("cache-control");
            !cached && fields::reply_passes(&FieldRef::new(name, value.as_bytes()), reply_fields)
        };
        let base = self.link_base.as_bytes();
        let mut fields: Vec<(&str, String)> = Vec::new();
        for (name, value) in response.fields.iter().filter(passes) {
            let parts = led(&FieldRef::new(name, value.as_bytes()), upstream, base);
            let value = match parts.map(|parts| String::from_utf8(parts.concat())) {
                Some(Ok(value)) => value,
                _ => (*value).to_owned(),
            };
            fields.push((name, value));
        }
        let listed = fields.iter().map(|(name, value)| (*name, value.as_str()));
        let body = response.body.map(|body| body.raw());
        write_response(response.id, response.status, listed, body, out);
        response.status
    }
}

/// The gateway's own response; answers with its status.
fn own(id: &str, refusal: &Refusal, out: &mut Vec<u8>) -> u16 {
    let fields = [("Content-Type", "application/json")].into_iter();
    let body = refusal.body().to_string();
    write_response(id, refusal.status(), fields, Some(&body), out);
    refusal.status()
}

fn separate(told: &[(Box<str>, u16)], out: &mut Vec<u8>) {
    if !told.is_empty() {
        out.push(b',');
    }
}
