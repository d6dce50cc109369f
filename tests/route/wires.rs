//! Exchanges moved as the pump moves them, with everything there when it is asked for and nothing
//! kept of what is sent: for measuring.

use sluice::auth::LastBearer;
use sluice::base::buffers::Buffer;
use sluice::base::clock::Mono;
use sluice::base::limits::BUFFER_BYTES;
use sluice::exchange::{
    Account, Forwarding, Inbound, ReplyEnd, ReplyHalf, ReplyStep, RequestHalf, RequestStep, Step,
    Way,
};
use sluice::record::Outcome;

use super::rig::Rig;

/// A caller's connection and an upstream's, both kept.
pub struct Wires {
    caller: Buffer,
    upstream: Buffer,
    last: LastBearer,
    /// Bytes both ways, so that nothing is optimised away.
    pub moved: usize,
}

/// An exchange whose request is upstream.
pub struct Open {
    request: RequestHalf,
    reply: ReplyHalf,
    account: Box<Account>,
}

/// What a socket would bring, as far as there is room. Not the exchange's work, so whoever counts
/// leaves it out by its name.
#[inline(never)]
fn uncounted_read(wire: &mut Buffer, bytes: &[u8]) -> usize {
    let count = wire.append(bytes);
    assert!(count > 0, "everything has come, and more is wanted");
    std::hint::black_box(count)
}

/// The recorder's work, left out likewise.
#[inline(never)]
fn uncounted_sync(rig: &mut Rig) {
    rig.sync();
    rig.told.clear();
    std::hint::black_box(());
}

impl Wires {
    pub fn new() -> Wires {
        Wires {
            caller: Buffer::with_capacity(BUFFER_BYTES),
            upstream: Buffer::with_capacity(BUFFER_BYTES),
            last: LastBearer::default(),
            moved: 0,
        }
    }

    /// One whole exchange after which both connections can be used again.
    pub fn exchange(&mut self, rig: &mut Rig, request: &[u8], reply: &[u8]) {
        let mut open = self.open(rig, request);
        let end = self.relay(rig, &mut open, reply);
        assert!(end.is_some_and(|end| end.upstream_reusable));
        let Open {
            mut request,
            mut reply,
            account,
        } = open;
        request.close(&mut rig.core);
        reply.close(&mut rig.core);
        account.close(Outcome::Complete, &mut rig.core, rig.now);
    }

    /// Brings a request upstream.
    pub fn open(&mut self, rig: &mut Rig, mut bytes: &[u8]) -> Open {
        bytes = &bytes[uncounted_read(&mut self.caller, bytes)..];
        let mut inbound = Inbound::new(&mut rig.core, rig.now, Mono(u64::MAX));
        let forwarding = loop {
            let (caller, last) = (&mut self.caller, &mut self.last);
            match inbound.advance(caller, last, Way::Secure, &mut rig.core, rig.now) {
                Ok(forwarding) => break forwarding,
                Err(Step::NeedBytes(_)) => bytes = &bytes[uncounted_read(caller, bytes)..],
                Err(Step::NeedSync(_)) => uncounted_sync(rig),
                Err(Step::Refuse(refusal)) => panic!("{refusal}"),
                Err(_) => panic!("nothing to wait for"),
            }
        };
        let Forwarding {
            mut request,
            reply: mut back,
            connection: _connection,
            credential: _credential,
            address: _address,
        } = forwarding;
        let head = inbound.envelope().map_or(0, |envelope| envelope.head_bytes);
        self.caller.consume(head);
        let mut account = inbound.into_account(&mut rig.core);
        loop {
            match request.next(&mut self.caller, &mut account, &mut rig.core, rig.now) {
                RequestStep::Send(bytes) => {
                    self.moved += bytes.slices().iter().map(|it| it.len()).sum::<usize>();
                    request.sent(&mut self.caller, &mut account, &mut rig.core, rig.now);
                }
                RequestStep::NeedBytes(_) => {
                    bytes = &bytes[uncounted_read(&mut self.caller, bytes)..];
                }
                RequestStep::NeedSync(_) => uncounted_sync(rig),
                RequestStep::Done => break,
                RequestStep::NeedRoom(_) => panic!("the ring is too small"),
                RequestStep::Refuse(refusal) => panic!("{refusal}"),
            }
        }
        back.request_over(true, rig.now);
        Open {
            request,
            reply: back,
            account,
        }
    }

    /// Brings bytes of a reply to the caller; answers with its end, when that is among them.
    pub fn relay(&mut self, rig: &mut Rig, open: &mut Open, mut bytes: &[u8]) -> Option<ReplyEnd> {
        let Open { reply, account, .. } = open;
        loop {
            match reply.next(&mut self.upstream, false, account, &mut rig.core, rig.now) {
                ReplyStep::Send(bytes) => {
                    self.moved += bytes.slices().map(<[u8]>::len).sum::<usize>();
                    reply.sent(&mut self.upstream, rig.now);
                }
                ReplyStep::NeedBytes(_) if bytes.is_empty() => return None,
                ReplyStep::NeedBytes(_) => {
                    bytes = &bytes[uncounted_read(&mut self.upstream, bytes)..];
                }
                ReplyStep::Done(end) => return Some(end),
                ReplyStep::NeedRoom(_) => panic!("the ring is too small"),
                ReplyStep::Refuse(refusal) => panic!("{refusal}"),
            }
        }
    }
}
