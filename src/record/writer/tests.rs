use std::ops::ControlFlow;
use std::sync::Arc;

use super::*;
use crate::base::limits::RING_BYTES;
use crate::mask::unmasked;
use crate::record::frame::{Frame, seal};
use crate::record::payload::{Decision, Event, Outcome, Timings};
use crate::record::{Health, Intake, SessionTable, Sessions, State, ring_pair};

fn pair(capacity: usize) -> (Arc<Health>, Writer, Intake, Sessions) {
    let health = Health::new();
    let (writer, intake) = ring_pair(capacity, &health, 1, 0, &[7; 32]);
    (
        health,
        writer,
        intake,
        Sessions::new(SessionTable::new(&[1; 32])),
    )
}

const REQUEST: RequestRecord<'static> = RequestRecord {
    decision: Decision::Allowed,
    rule: "readers/0",
    generation: 3,
    method: "GET",
    path: "/v1.0/users",
    query: Some("$top=5"),
    headers: b"accept: application/json\r\n",
};

const END: EndRecord = EndRecord {
    outcome: Outcome::Complete,
    status: 200,
    timings: Timings {
        receipt: 1,
        sent: 2,
        replied: 3,
        ended: 4,
    },
};

fn frames(intake: &mut Intake) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let drained = intake.drain(|frame| {
        let mut bytes = [frame.first, frame.second].concat();
        seal(&mut bytes, 0);
        out.push(bytes);
        ControlFlow::Continue(())
    });
    assert_eq!(drained, Ok(()));
    out
}

fn ready<P>(settle: Settle<P>) -> Receipt<P> {
    match settle {
        Settle::Ready(receipt) => receipt,
        _ => panic!("not ready"),
    }
}

#[test]
fn an_exchange_comes_out_as_it_went_in() {
    let (_, mut writer, mut intake, mut sessions) = pair(RING_BYTES);
    let now = Now::default();
    let session = sessions.enter("alice", "graph", now);
    let (mut log, pending) = writer
        .admit("permit", &session, &REQUEST, Class::Buffered, now)
        .expect("admitted");
    assert_eq!(ready(writer.settle(pending)).spend(), "permit");
    let body = writer.request_chunk(&mut log, &unmasked(b"{}"), 2, now);
    let body = ready(writer.settle(body.expect("room"))).spend();
    assert_eq!((body.offset(), body.len()), (0, 2));
    let head = writer.reply_head(&mut log, unmasked(b"HTTP/1.1 200 OK\r\n\r\n"), now);
    assert!(head.is_ok());
    let chunk = vec![b'x'; 150_000];
    let recorded = writer.reply_chunk(&mut log, unmasked(&chunk), now);
    assert_eq!(recorded.map(|it| it.len()).ok(), Some(150_000));
    writer.end(log, &END, now);

    let frames = frames(&mut intake);
    let mut reply = 0;
    let mut kinds = Vec::new();
    for (index, bytes) in frames.iter().enumerate() {
        let (frame, rest) = Frame::read(bytes).expect("a frame");
        assert!(rest.is_empty());
        kinds.push(frame.header.kind);
        if index > 0 {
            assert_eq!(frame.header.sequence, index as u64 - 1);
        }
        match Event::read(&frame).expect("a payload") {
            Event::RequestHead {
                request, principal, ..
            } => assert_eq!((request, principal), (REQUEST, "alice")),
            Event::ResponseChunk { offset, bytes } => {
                assert_eq!(offset, reply);
                reply += bytes.len() as u64;
            }
            Event::End(end) => {
                assert_eq!(
                    (end.end, end.request_bytes, end.reply_bytes),
                    (END, 2, 150_000)
                );
            }
            _ => {}
        }
    }
    use Kind::*;
    let want = [
        SessionOpen,
        RequestHead,
        RequestChunk,
        ResponseHead,
        ResponseChunk,
        ResponseChunk,
        ResponseChunk,
        End,
    ];
    assert_eq!(kinds, want);
}

#[test]
fn a_full_ring_gives_the_bytes_back_and_the_end_still_fits() {
    let (_, mut writer, mut intake, mut sessions) = pair(16 * 1024);
    let now = Now::default();
    let session = sessions.enter("alice", "graph", now);
    let mut logs = Vec::new();
    let need = loop {
        match writer.admit((), &session, &REQUEST, Class::Buffered, now) {
            Ok((log, _)) => logs.push(log),
            Err(Unrecorded {
                why: RecordError::Full { need },
                ..
            }) => break need,
            Err(other) => panic!("{other:?}"),
        }
    };
    assert!(!writer.room_for(need));
    let body = [0; 4000];
    let log = logs.first_mut().expect("some were admitted");
    match writer.reply_chunk(log, unmasked(&body), now) {
        Err(Unrecorded { what, why }) => {
            assert!(matches!(why, RecordError::Full { .. }));
            assert_eq!(what.len(), 4000);
        }
        Ok(_) => panic!("there was no room"),
    }
    let count = logs.len();
    for log in logs {
        writer.end(log, &END, now);
    }
    assert_eq!(frames(&mut intake).len(), 1 + 2 * count);
    assert!(writer.room_for(need));
}

#[test]
fn durable_waits_for_the_disk_and_dies_with_the_recorder() {
    let (health, mut writer, mut intake, mut sessions) = pair(RING_BYTES);
    let now = Now::default();
    let session = sessions.enter("alice", "graph", now);
    let (log, pending) = writer
        .admit((), &session, &REQUEST, Class::Durable, now)
        .expect("admitted");
    let Settle::NotYet(pending) = writer.settle(pending) else {
        panic!("nothing is on disk yet");
    };
    frames(&mut intake);
    intake.link().set_durable(intake.drained());
    assert!(matches!(writer.settle(pending), Settle::Ready(_)));
    drop(log);

    let (_log, pending) = writer
        .admit((), &session, &REQUEST, Class::Durable, now)
        .expect("admitted");
    health.publish(State::Latched);
    health.publish(State::Running);
    assert!(matches!(writer.settle(pending), Settle::Dead));
    let refused = writer.admit((), &session, &REQUEST, Class::Buffered, now);
    assert!(matches!(refused, Err(it) if it.why == RecordError::Latched));
}

#[test]
fn a_nearly_full_disk_refuses_new_sessions_only() {
    let (health, mut writer, _intake, mut sessions) = pair(RING_BYTES);
    let now = Now::default();
    let old = sessions.enter("alice", "graph", now);
    assert!(writer.refusal(&old, &REQUEST, &END, now).is_ok());
    health.publish(State::LowSpace);
    assert!(writer.refusal(&old, &REQUEST, &END, now).is_ok());
    let new = sessions.enter("bob", "graph", now);
    let refused = writer.refusal(&new, &REQUEST, &END, now);
    assert_eq!(refused, Err(RecordError::LowSpace));
}

#[test]
fn a_ring_without_recorder_is_closed() {
    let (_, mut writer, intake, mut sessions) = pair(RING_BYTES);
    let now = Now::default();
    let session = sessions.enter("alice", "graph", now);
    drop(intake);
    let refused = writer.refusal(&session, &REQUEST, &END, now);
    assert_eq!(refused, Err(RecordError::Closed));
}

#[test]
fn refusals_before_identity_are_one_frame_a_second() {
    let (_, mut writer, mut intake, _) = pair(RING_BYTES);
    let mut now = Now::default();
    for _ in 0..1000 {
        writer.refused_unproven("token expired", now);
    }
    assert!(frames(&mut intake).is_empty());
    now.mono.0 += 1_000_000_000;
    writer.tick(now);
    let frames = frames(&mut intake);
    assert_eq!(frames.len(), 1);
    let (frame, _) = Frame::read(&frames[0]).expect("a frame");
    match Event::read(&frame).expect("a payload") {
        Event::Refused { reasons, .. } => {
            assert_eq!(
                reasons.iter().collect::<Vec<_>>(),
                [("token expired", 1000)]
            );
        }
        other => panic!("{other:?}"),
    }
}
