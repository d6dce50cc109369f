//! What becomes of a reply whose head is whole.

use std::sync::Arc;

use super::body::ReplyBody;
use super::challenge::claims_asked;
use super::step::Pause;
use super::{ReplyHalf, Stage};
use crate::base::buffers::Buffer;
use crate::base::clock::Now;
use crate::base::credential::Shelf;
use crate::base::limits::INTERIM_REPLIES;
use crate::exchange::{Core, Refusal};
use crate::http::ResponseHead;
use crate::mask::ContentKind;

impl ReplyHalf {
    /// Interim replies are dropped; a reply that would confuse the caller is refused.
    pub(super) fn judge_head(
        &mut self,
        head: ResponseHead,
        upstream: &mut Buffer,
        core: &mut Core,
        now: Now,
    ) -> Result<Stage, Pause> {
        let refusal = match head.status() {
            101 if self.is_asked_for(&head, upstream.filled()) => return Ok(self.opens(head, now)),
            101 => Refusal::UpstreamMalformed("switched to what was not asked for"),
            100..=199 if self.interim < INTERIM_REPLIES => {
                self.interim += 1;
                upstream.consume(head.len());
                core.recycle(head.into_spare());
                return Ok(Stage::Head(core.response_scanner()));
            }
            100..=199 => Refusal::UpstreamMalformed("too many interim replies"),
            // To the caller a 401 would say that its own token is bad; which is so where what was got
            // for it has to satisfy more.
            401 if !self.is_rejected(&head, upstream.filled(), core) => {
                Refusal::UpstreamUnauthorized(claims_asked(&head, upstream.filled()).map(Arc::from))
            }
            407 => Refusal::UpstreamUnauthorized(None),
            _ => return Ok(self.opens(head, now)),
        };
        core.recycle(head.into_spare());
        Err(Pause::Refuse(refusal))
    }

    fn opens(&mut self, head: ResponseHead, now: Now) -> Stage {
        // What the head waits for from here on is not the upstream's.
        self.waits.since = now.mono;
        // The rest of a request that is answered early may never be read.
        self.close |= !self.waits.owed;
        Stage::Opening(head)
    }

    /// Whether a 101 answers what was asked for, all of which is upstream.
    fn is_asked_for(&self, head: &ResponseHead, bytes: &[u8]) -> bool {
        let upgrade = self.upgrade.as_ref().filter(|_| self.waits.owed);
        upgrade.is_some_and(|upgrade| upgrade.is_answered_by(head, bytes))
    }

    /// An upstream does not take what was got for the caller's own token, which is forgotten. True
    /// when it says what the caller has to satisfy first.
    fn is_rejected(&mut self, head: &ResponseHead, bytes: &[u8], core: &mut Core) -> bool {
        let slot = self.connection.credential;
        let Some((slot, shown)) = slot.zip(self.credential.as_deref()) else {
            return false;
        };
        let Some(key) = &shown.owner else {
            return false;
        };
        // Of other rules, the shelf knows no such key.
        if let Some(Shelf::PerCaller(tokens)) = core.rules.load().credentials.shelf(slot) {
            tokens.evict(key, shown.generation);
        }
        self.challenge = claims_asked(head, bytes);
        self.challenge.is_some()
    }

    /// Decides what becomes of the body and of the upstream connection.
    pub(super) fn plan(
        &mut self,
        head: &ResponseHead,
        bytes: &[u8],
        core: &mut Core,
    ) -> Result<(), Refusal> {
        if self.challenge.is_some() {
            // The upstream's body is not read.
            self.body = ReplyBody::none();
            return Ok(());
        }
        if head.status() == 101 {
            // What follows is not HTTP; see [`ReplyHalf::switch`].
            if let Some(upgrade) = &mut self.upgrade {
                upgrade.switched = true;
            }
            self.close = true;
            self.body = ReplyBody::none();
            return Ok(());
        }
        let method = if self.head_only { "HEAD" } else { "GET" };
        self.reusable = head.reusable(method, bytes);
        self.body = ReplyBody::plan(
            head,
            bytes,
            method,
            &self.connection,
            &self.link_base,
            &mut self.dialogue,
            core,
        )?;
        if let Some(errand) = self.errand.take_if(|_| head.status() == 200) {
            self.body
                .of_batch(errand, &self.connection, &self.link_base, core)?;
        }
        self.waits.endless = self.body.kind == Some(ContentKind::EventStream);
        Ok(())
    }
}
