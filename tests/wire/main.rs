//! The gateway over real sockets: an issuer over TLS, upstreams plain and under TLS, callers, and
//! all three drivers wherever the driver has a part in it.

mod caller;
mod certified;
mod holder;
#[allow(dead_code, reason = "shared with the tests of the control plane")]
#[path = "../control/issuer.rs"]
mod issuer;
mod origin;
mod scene;

/// Makes each test of a module run on every driver.
macro_rules! on_every_driver {
    ($($name:ident),* $(,)?) => {
        mod tokio { $( #[test] fn $name() { super::$name(sluice::worker::io::IoChoice::Tokio) } )* }
        mod epoll { $( #[test] fn $name() { super::$name(sluice::worker::io::IoChoice::Epoll) } )* }
        mod uring { $( #[test] fn $name() { super::$name(sluice::worker::io::IoChoice::Uring) } )* }
    };
}

mod addresses;
mod behalf;
mod bound;
mod certificates;
mod challenge;
mod clients;
mod cors;
mod crowd;
mod exchange;
mod fair;
mod handover;
mod hostile;
mod idle;
mod introduced;
mod keys;
mod mutual;
mod process;
mod proxy;
mod recorder;
mod refuse;
mod revoke;
mod slow;
mod stale;
mod tls;
mod traces;
mod upgrades;
mod upstream;
