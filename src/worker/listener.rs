//! Where a request's route begins: a connection is accepted and served until it ends.

use std::rc::Rc;

use super::Offers;
use super::core::{Listening, Worker};
use super::downstream;
use super::io::{Driver, accept_backlog, accept_patiently};
use super::turn::Turn;
use super::wait::either;

/// Accepts until the process drains; then takes what is queued, and closes the socket.
pub(super) async fn accept<D: Driver>(
    worker: Rc<Worker<D>>,
    listener: D::Listener,
    offers: Offers,
    present: Listening<D>,
) {
    let _present = present;
    let mut turn = Turn::default();
    loop {
        // Being short of descriptors or memory shows in what callers see, and passes.
        let accepted = async { Some(accept_patiently::<D>(&listener, |_| {}).await) };
        let drained = async {
            worker.drain.raised().await;
            None
        };
        match either(accepted, drained).await {
            Some(Ok((stream, _))) => {
                admit(&worker, stream, &offers);
                // A flood of connections would never let those that are there have their turn.
                turn.spend_exchange();
                turn.breathe::<D>().await;
            }
            Some(Err(error)) => return worker.fail(error),
            None => break,
        }
    }
    // Closing a listener resets what its queue holds.
    let _ = accept_backlog::<D>(&listener, |stream, _| admit(&worker, stream, &offers));
}

fn admit<D: Driver>(worker: &Rc<Worker<D>>, stream: D::Stream, offers: &Offers) {
    if worker.connections() >= worker.limit(|limits| limits.connections_per_worker) {
        if !matches!(offers, Offers::Tls(_)) {
            downstream::turn_away(&stream);
        }
        return;
    }
    let (present, offers) = (worker.enter(), offers.clone());
    worker.spawn(downstream::serve(present, stream, offers));
}
