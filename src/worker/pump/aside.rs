//! What the gateway says to an upstream beside an exchange: answers that the caller does not give.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;

use super::Stop;
use crate::exchange::{Account, Aside, AsideStep, ReplyHalf};
use crate::worker::core::Worker;
use crate::worker::io::Driver;
use crate::worker::upstream;

/// Sends what the exchange owes the upstream by now, each by itself.
pub(super) fn send_all<D: Driver>(
    worker: &Rc<Worker<D>>,
    reply: &mut ReplyHalf,
    account: &RefCell<Box<Account>>,
) -> Result<(), Stop> {
    loop {
        let core = &mut *worker.core.borrow_mut();
        let aside = reply.take_aside(&mut account.borrow_mut(), core, worker.now());
        match aside.map_err(Stop::Refused)? {
            Some(aside) => worker.spawn(send(Rc::clone(worker), aside)),
            None => return Ok(()),
        }
    }
}

/// One of them. When it cannot be sent, the upstream waits for nothing, as it would for a client
/// that does not answer.
async fn send<D: Driver>(worker: Rc<Worker<D>>, mut aside: Aside) {
    let until = aside.until;
    let connection = std::sync::Arc::clone(&aside.connection);
    let credential = aside.credential.clone();
    let way = upstream::Way {
        connection: &connection,
        credential: credential.as_deref(),
        to: aside.address,
        fresh: false,
    };
    let Ok(mut upstream) = upstream::checkout(&worker, &way).await else {
        return;
    };
    let (mut ear, mut mouth) = upstream.split();
    let mut recorder = pin!(None);
    loop {
        let now = worker.now();
        let step = aside.next(&mut worker.core.borrow_mut(), now);
        match step {
            AsideStep::Send(bytes) => {
                let sent = mouth.send(&worker, bytes).await;
                if sent.is_ok() {
                    // Of the answer only that it has come matters: it ends the request's life.
                    let _ = ear.read(&worker, until).await;
                }
                break;
            }
            AsideStep::NeedSync(until) => {
                worker.recorder_changed(&mut recorder, until).await;
            }
            AsideStep::Dead => break,
        }
    }
    upstream.abort(&worker);
}
