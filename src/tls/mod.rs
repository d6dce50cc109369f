//! Floor 2: TLS 1.2 and 1.3, fed with bytes.
//!
//! [`Session`] turns records into plain bytes and plain bytes into records; it knows no socket and
//! drives itself from what it is given, so that any split of the input gives the same result. The
//! protocol is rustls's, through its unbuffered API, with ring; the process's default provider is
//! never asked nor set.
//!
//! Handshake and alert bytes are made here alone; application bytes are sealed only as
//! [`Session::seal`] is handed them.

mod clients;
mod config;
mod door;
mod drive;
mod error;
mod seal;
mod server;
mod session;
mod validity;

pub use clients::{ClientCertificate, ClientSpec, revoked};
pub use config::{Roots, client_config, client_config_showing, server_name};
pub use door::{Door, Shown};
pub use error::{TlsConfigError, TlsError};
pub use server::{Certificate, Server};
pub use session::{Progress, Session};
pub use validity::Validity;
