//! Bodies that rules look into: asked for only where a decision needs them, and then held whole, so
//! that what was judged is what goes on.

use super::{Judge, Stop};
use crate::exchange::fields;
use crate::exchange::phase::Judged;
use crate::exchange::refusal::Refusal;
use crate::http::{BodyLength, Known, RequestHead};
use crate::json::Document;
use crate::mask::ContentKind;
use crate::policy::when::Fault;
use crate::policy::{Arguments, Denial};

impl<'a> Judge<'a> {
    /// The body, where it is held and can be read in one way.
    pub(super) fn document(&self, head: &RequestHead) -> Option<Document<'a>> {
        let body = self.body.filter(|_| is_json(head, self.bytes))?;
        Document::parse(body).ok()
    }

    /// What rules see of it: one that is no JSON is not known.
    pub(super) fn seen<'d>(
        &self,
        head: &RequestHead,
        document: Option<&'d Document<'_>>,
    ) -> Arguments<'d> {
        match (document, head.body()) {
            (Some(document), _) => Arguments::Known(Some(document.root())),
            (None, BodyLength::None | BodyLength::Length(0)) => Arguments::Known(None),
            (None, _) => Arguments::Unknown,
        }
    }

    /// What becomes of a refusal: where only the body was missing, it is asked for.
    pub(super) fn unless_for_body(
        &self,
        refusal: Refusal,
        head: &RequestHead,
        judged: &Judged,
    ) -> Stop {
        let unknown = matches!(
            &refusal,
            Refusal::Denied(Denial::Condition(_, trouble)) if trouble.fault == Fault::Unknown
        );
        let helps = unknown
            && self.body.is_none()
            && judged.connection.policies.reads_body()
            && is_json(head, self.bytes);
        let bound = judged.rules.limits.request_body_bytes;
        let bound = bound.min(judged.connection.judged_bytes);
        match head.body() {
            BodyLength::None | BodyLength::Length(0) => refusal.into(),
            _ if !helps => refusal.into(),
            BodyLength::Length(length) if length > bound => Refusal::BodyTooLarge(bound).into(),
            _ => Stop::NeedBody(bound),
        }
    }
}

/// Whether the body says of itself that it is JSON, and nothing hides it.
pub(super) fn is_json(head: &RequestHead, bytes: &[u8]) -> bool {
    let mut types = head.values(bytes, Known::ContentType);
    let (named, twice) = (types.next(), types.next());
    let coding = fields::coding(head.values(bytes, Known::ContentEncoding));
    twice.is_none() && ContentKind::of(named, coding) == Ok(ContentKind::Json)
}
