//! Where a request's route begins: a connection is accepted and served until it ends.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;

use super::core::Worker;
use super::downstream;
use super::io::{AcceptFault, Driver, accept_backlog, accept_fault};
use super::transport::either;
use crate::base::counters::Event;

/// How long to wait when the process is out of descriptors or memory: nothing else helps.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Accepts until the process drains; then takes what is queued, and closes the socket.
pub(super) async fn accept<D: Driver>(
    worker: Rc<Worker<D>>,
    listener: D::Listener,
    tls: Option<Arc<ServerConfig>>,
) {
    loop {
        let accepted = async { Some(D::accept(&listener).await) };
        let drained = async {
            worker.drained().await;
            None
        };
        match either(accepted, drained).await {
            Some(Ok((stream, _))) => admit(&worker, stream, &tls),
            Some(Err(error)) => {
                if accept_fault(&error) == AcceptFault::Listener {
                    return;
                }
                let later = worker.now().mono.after(BACK_OFF);
                D::sleep_until(worker.clock.instant(later)).await;
            }
            None => break,
        }
    }
    // Closing a listener resets what its queue holds.
    let _ = accept_backlog::<D>(&listener, |stream, _| admit(&worker, stream, &tls));
}

fn admit<D: Driver>(worker: &Rc<Worker<D>>, stream: D::Stream, tls: &Option<Arc<ServerConfig>>) {
    if worker.connections() >= worker.limits().connections_per_worker {
        if tls.is_none() {
            downstream::turn_away(&stream);
        }
        return;
    }
    let (worker, tls) = (Rc::clone(worker), tls.clone());
    let present = worker.enter();
    D::spawn(async move {
        let present = present;
        worker.core.borrow().journal.count(Event::CallerOpened, 1);
        downstream::serve(&worker, stream, tls).await;
        worker.core.borrow().journal.count(Event::CallerClosed, 1);
        drop(present);
    });
}
