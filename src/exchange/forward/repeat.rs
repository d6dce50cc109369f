//! Whether a request may go upstream once more: when a kept connection turns out to have ended, or when
//! the upstream does not take what it was shown.

use super::head::show_instead;
use super::shown::Shown;
use super::{Lead, RequestHalf, Stage};
use crate::base::clock::Now;
use crate::base::credential::Credential;
use crate::exchange::Core;
use crate::exchange::phase::Judged;
use crate::exchange::received::Received;
use crate::http::BodyLength;
use crate::policy::Permit;

/// What a request needs to go upstream once more.
#[derive(Default)]
pub(super) struct Repeat {
    /// The connection's configuration allows it.
    allowed: bool,
    /// The method is safe (RFC 9110, section 9.2.1) and no body follows: to send it twice is as good
    /// as once.
    pub is_safe: bool,
    /// It goes by a connection that was kept: only that can be stale.
    by_kept: bool,
    /// All of it is here, and it shows what another can stand in for: an upstream that does not take
    /// that (401) has not done what the request asks.
    renewable: bool,
    /// Kept as long as it may be needed.
    pub permit: Option<Permit>,
}

impl Repeat {
    pub(super) fn new(received: &Received, bytes: &[u8], judged: &Judged) -> Repeat {
        let method = received.head.method(received.bytes(bytes));
        let has_body = !matches!(received.framing(), BodyLength::None | BodyLength::Length(0));
        Repeat {
            allowed: judged.connection.retry,
            is_safe: matches!(method, "GET" | "HEAD" | "OPTIONS") && !has_body,
            by_kept: false,
            renewable: judged.connection.credential.is_some()
                && (received.body().is_some() || !has_body),
            permit: None,
        }
    }

    pub(super) fn by_kept(&mut self) {
        self.by_kept = self.allowed;
    }

    /// The head is about to leave.
    pub(super) fn keep(&mut self, permit: Permit) {
        self.permit = (self.by_kept || self.renewable).then_some(permit);
    }

    /// All of the head has left.
    pub(super) fn sent(&mut self) {
        self.by_kept &= self.is_safe;
        self.permit = self
            .permit
            .take()
            .filter(|_| self.by_kept || self.renewable);
    }

    /// The permit, where the connection that it went by may be stale.
    pub(super) fn of_stale(&mut self) -> Option<Permit> {
        self.permit.take().filter(|_| self.by_kept)
    }

    /// The permit, where the request may go with another credential.
    pub(super) fn of_rejected(&mut self) -> Option<Permit> {
        self.permit.take().filter(|_| self.renewable)
    }

    /// See [`Repeat::of_rejected`].
    pub(super) fn is_renewable(&self) -> bool {
        self.renewable && self.permit.is_some()
    }
}

impl RequestHalf {
    /// It goes upstream by a connection that was kept, which may turn out to have ended.
    pub fn by_kept(&mut self) {
        self.repeat.by_kept();
    }

    /// The kept connection had ended: not one byte of a reply came. True when the request goes
    /// upstream once more, by a fresh connection, as [`RequestHalf::next`] then says: when the old one
    /// took nothing of it, or when it is safe and has no body. Whether the call may still go on is
    /// looked at again.
    pub fn again(&mut self, took_nothing: bool, core: &mut Core, now: Now) -> bool {
        let is_whole = match self.lead {
            Lead::Leaving => took_nothing || self.repeat.is_safe,
            _ => self.is_over() && self.repeat.is_safe,
        };
        let Some(permit) = self.repeat.of_stale().filter(|_| is_whole) else {
            return false;
        };
        self.stage = match std::mem::replace(&mut self.stage, Stage::Broken) {
            // The first piece, as the head had not left before it: it is recorded once more, too.
            Stage::Sending(piece) | Stage::Settling { piece, .. } => {
                self.show_from_start(core);
                Stage::Gathered(piece)
            }
            stage => stage,
        };
        self.leave_again(permit, now);
        true
    }

    /// The recording shows the body once more, too.
    fn show_from_start(&mut self, core: &mut Core) {
        let shown = Shown::by(&self.reading, core);
        self.shown.turn_into(shown, core);
    }

    fn leave_again(&mut self, permit: Permit, now: Now) {
        self.lead = Lead::Again(permit);
        self.patience.since = now.mono;
        self.repeat = Repeat::default();
    }

    /// Whether it can go upstream once more with another credential, as all of it is here.
    fn is_renewable(&self) -> bool {
        self.is_over() && self.repeat.is_renewable()
    }

    /// The upstream does not take what it was shown. True when the request goes there once more with
    /// `other` in its place, as [`RequestHalf::next`] then says. Whether the call may still go on is
    /// looked at again.
    pub fn renew(
        &mut self,
        shown: &Credential,
        other: &Credential,
        core: &mut Core,
        now: Now,
    ) -> bool {
        if !self.is_renewable() || !show_instead(&mut self.head, shown, other) {
            return false;
        }
        let Some(permit) = self.repeat.of_rejected() else {
            return false;
        };
        self.source.rewind();
        self.stage = Stage::before(&self.source);
        self.show_from_start(core);
        self.left = self.bound;
        self.leave_again(permit, now);
        true
    }
}
