//! A connection that was switched, moved as `worker::pump::switched` moves it.

use sluice::exchange::{ReplyStep, RequestStep, Switched};

use super::{Caller, Drive, Going, Moved, Read, Stop, Wait, check};
use crate::rig::Rig;

/// Where it is.
pub(super) struct Talk {
    switched: Switched,
    caller_eof: bool,
    up_over: bool,
    down_over: bool,
}

impl Talk {
    pub(super) fn new(switched: Switched) -> Box<Talk> {
        Box::new(Talk {
            switched,
            caller_eof: false,
            up_over: false,
            down_over: false,
        })
    }

    fn is_over(&self) -> Moved {
        match self.up_over && self.down_over {
            true => Moved::Ended(Ok(false)),
            false => Moved::Yes,
        }
    }
}

impl Drive {
    /// `pump::switched::go_up`.
    pub(super) fn go_up(
        &mut self,
        talk: &mut Talk,
        going: &mut Going,
        rig: &mut Rig,
        caller: &mut Caller,
    ) -> Moved {
        if talk.up_over {
            return Moved::Waits(None);
        }
        let Switched { up, life, .. } = &mut talk.switched;
        let (account, eof) = (&mut going.account, talk.caller_eof);
        match up.next(&caller.buffer, eof, life, account, &mut rig.core, rig.now) {
            RequestStep::Send(bytes) => {
                self.end.to_upstream.extend(bytes.slices().concat());
                self.compare_sent(rig);
                up.sent(&mut caller.buffer, life, account, rig.now);
                Moved::Yes
            }
            RequestStep::NeedBytes(until) => match caller.read() {
                Read::Some => Moved::Yes,
                Read::Nothing => Moved::Waits(Some(Wait::Caller(until))),
                Read::End => {
                    talk.caller_eof = true;
                    Moved::Yes
                }
            },
            RequestStep::NeedRoom(until) => Moved::Waits(Some(Wait::Room(until))),
            RequestStep::NeedSync(until) => Moved::Waits(Some(Wait::Sync(until))),
            RequestStep::Done => {
                talk.up_over = true;
                talk.is_over()
            }
            RequestStep::Refuse(refusal) => {
                let again = up.next(&caller.buffer, eof, life, account, &mut rig.core, rig.now);
                assert!(matches!(again, RequestStep::Refuse(_)), "refuses for ever");
                Moved::Ended(Err(Stop::Refused(refusal)))
            }
        }
    }

    /// `pump::switched::go_down`.
    pub(super) fn go_down(&mut self, talk: &mut Talk, going: &mut Going, rig: &mut Rig) -> Moved {
        if talk.down_over {
            return Moved::Waits(None);
        }
        let Switched { down, life, .. } = &mut talk.switched;
        let (account, eof) = (&mut going.account, going.eof);
        match down.next(&going.upstream, eof, life, account, &mut rig.core, rig.now) {
            ReplyStep::Send(bytes) => {
                for slice in bytes.slices() {
                    self.end.to_caller.extend_from_slice(slice);
                }
                down.sent(&mut going.upstream, life, rig.now);
                self.compare(rig);
                Moved::Yes
            }
            ReplyStep::NeedBytes(until) => {
                let rest = self.origin.reply.len() - going.at;
                if rest > 0 {
                    self.read_upstream(going, rest);
                    Moved::Yes
                } else if self.origin.ends && !going.eof {
                    going.eof = true;
                    Moved::Yes
                } else {
                    Moved::Waits(Some(Wait::Upstream(until)))
                }
            }
            ReplyStep::NeedRoom(until) => Moved::Waits(Some(Wait::Room(until))),
            ReplyStep::Done(end) => {
                assert!(!end.upstream_reusable, "it speaks HTTP no more");
                talk.down_over = true;
                talk.is_over()
            }
            ReplyStep::Refuse(refusal) => {
                let again = down.next(&going.upstream, eof, life, account, &mut rig.core, rig.now);
                assert!(matches!(again, ReplyStep::Refuse(_)), "refuses for ever");
                Moved::Ended(Err(Stop::Refused(refusal)))
            }
        }
    }

    /// The upstream has more to say.
    pub fn says(&mut self, bytes: &[u8]) {
        self.origin.reply.extend_from_slice(bytes);
    }

    /// What went upstream behind the request's head.
    pub fn sent_behind_the_head(&self) -> Vec<u8> {
        check::released(&self.end.to_upstream).body
    }
}
