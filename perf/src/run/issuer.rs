//! A throw-away issuer: the demo's, which speaks Entra's paths over TLS.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::mpsc;

use sluice::cli::demo::host::Host;
use sluice::cli::demo::issuer::{App, Flaw, Issuer};
use sluice::cli::demo::pki::Authority;
use sluice::cli::demo::tap::Tape;
use sluice::cli::demo::tenant::TENANT;

use crate::Outcome;

/// What a gateway must know to trust it, and a token it issued.
pub struct Issued {
    pub authority: String,
    pub tenant: &'static str,
    pub ca_pem: String,
    pub token: String,
}

/// The role of the only caller there is.
pub const ROLE: &str = "Perf.Load";

/// Serves the key set for as long as the process lives.
pub fn serve() -> Outcome<Issued> {
    let (say, answer) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = match tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
        {
            Ok(runtime) => runtime,
            Err(error) => return drop(say.send(Err(error.to_string()))),
        };
        runtime.block_on(async {
            let issued = issue().await.map_err(|error| error.to_string());
            let _ = say.send(issued);
            std::future::pending::<()>().await;
        });
    });
    Ok(answer.recv()??)
}

async fn issue() -> Outcome<Issued> {
    let text = |failure: sluice::cli::Failure| failure.to_string();
    let ca = Authority::generate().map_err(text)?;
    let leaf = ca.leaf("issuer").map_err(text)?;
    let host = Host::bind(
        (Ipv4Addr::LOCALHOST, 0).into(),
        leaf.server().map_err(text)?,
    );
    let host = host.await.map_err(text)?;
    let caller = App {
        name: "load",
        client_id: "3c770e8a-41d9-4b52-9e06-8f7a6b5c4d3e".to_owned(),
        object_id: "5b2e9d14-6a7f-4c30-b8e1-0f9e8d7c6b5a".to_owned(),
        secret: String::new(),
        roles: vec![ROLE],
        groups: Vec::new(),
    };
    let authority = host.url();
    let issuer = Issuer::new(authority.clone(), TENANT.to_owned(), vec![caller]).map_err(text)?;
    let app = issuer.app("load").ok_or("no caller")?;
    let token = issuer.mint(app, Flaw::None).map_err(text)?;
    host.serve(Arc::new(issuer), Tape::default());
    Ok(Issued {
        authority,
        tenant: TENANT,
        ca_pem: ca.pem().to_owned(),
        token,
    })
}
