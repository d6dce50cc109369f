//! An accept loop outlives a shortage of descriptors. Alone in its process, whose limit it changes.

use std::net::TcpStream;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sluice::worker::io::{self as drivers, Driver, Epoll, Tokio, Uring};

/// Takes every descriptor away until the loop has complained three times.
fn outlives_a_shortage<D: Driver>() {
    let complaints = D::run(async {
        let listener = drivers::listen_reuseport(([127, 0, 0, 1], 0).into(), 16).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = D::listen(listener).unwrap();
        let peer = TcpStream::connect(address).unwrap();
        let plenty = getrlimit(Resource::Nofile);
        let none = Rlimit {
            current: Some(0),
            ..plenty
        };
        setrlimit(Resource::Nofile, none).unwrap();
        let mut complaints = 0;
        let accepted = drivers::accept_patiently::<D>(&listener, |_| {
            complaints += 1;
            if complaints == 3 {
                setrlimit(Resource::Nofile, plenty).unwrap();
            }
        });
        let (_, from) = accepted.await.unwrap();
        assert_eq!(from, peer.local_addr().unwrap());
        complaints
    });
    assert_eq!(complaints.unwrap(), 3);
}

#[test]
fn an_accept_loop_outlives_a_shortage() {
    outlives_a_shortage::<Uring>();
    outlives_a_shortage::<Epoll>();
    outlives_a_shortage::<Tokio>();
}
