//! An upstream that asks who connects.

use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sluice::worker::io::IoChoice;

use super::certified::{Authority, Leaf};
use super::origin::{Origin, reply};
use super::scene::Plan;

on_every_driver!(
    only_the_configured_certificate_opens_the_upstream,
    the_upstream_is_asked_for_by_another_name,
    another_certificate_is_shown_after_a_reload,
);

/// The name that the upstream's certificate is for; it is reached by another.
const NAME: &str = "ledger.internal.example";

/// An upstream that shows a certificate of `own` for `name`, and takes those of `trusted`.
fn asking(own: &Authority, name: &str, trusted: &Authority) -> Origin {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(trusted.pem.as_bytes()).unwrap();
    roots.add(root).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let leaf = own.leaf(&[name]);
    let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![leaf.der], key)
        .unwrap();
    Origin::secure(Arc::new(config), |_| reply("200 OK", "in"))
}

fn plan<'a>(
    io: IoChoice,
    origin: &Origin,
    own: &Authority,
    shown: Option<&Leaf>,
    connection: &'a str,
) -> Plan<'a> {
    let mut plan = Plan {
        connection,
        ..Plan::new(io, origin)
    };
    plan.files.push(("ca.pem", own.pem.clone()));
    if let Some(leaf) = shown {
        plan.files.push(("up.crt", leaf.certificate.clone()));
        plan.files.push(("up.key", leaf.key.clone()));
    }
    plan
}

const SHOWN: &str = ", client_certificate: { cert: file:up.crt, key: file:up.key }";

fn only_the_configured_certificate_opens_the_upstream(io: IoChoice) {
    let (own, trusted) = (Authority::new(), Authority::new());
    let origin = asking(&own, "localhost", &trusted);
    let good = trusted.caller(1, &[]);
    let scene = plan(io, &origin, &own, Some(&good), SHOWN).ready();
    for _ in 0..2 {
        assert_eq!(scene.caller().ask(scene.get("/")).text(), "in");
    }
    assert_eq!(origin.connections(), 1, "it is kept");
    let stranger = own.caller(1, &[]);
    for (leaf, connection) in [(Some(&stranger), SHOWN), (None, "")] {
        let scene = plan(io, &origin, &own, leaf, connection).ready();
        assert_eq!(scene.caller().ask(scene.get("/")).status, 502);
    }
    assert_eq!(origin.requests().len(), 2);
}

fn the_upstream_is_asked_for_by_another_name(io: IoChoice) {
    let (own, trusted) = (Authority::new(), Authority::new());
    let origin = asking(&own, NAME, &trusted);
    let good = trusted.caller(1, &[]);
    let connection = format!("{SHOWN}, server_name: {NAME}");
    let scene = plan(io, &origin, &own, Some(&good), &connection).ready();
    assert_eq!(scene.caller().ask(scene.get("/")).text(), "in");
    let host = format!("localhost:{}", origin.address.port());
    assert_eq!(origin.requests()[0].field("host"), Some(&*host));
    let scene = plan(io, &origin, &own, Some(&good), SHOWN).ready();
    let refused = scene.caller().ask(scene.get("/"));
    assert_eq!(
        (refused.status, &*refused.code()),
        (502, "upstream_unreachable")
    );
}

fn another_certificate_is_shown_after_a_reload(io: IoChoice) {
    let (own, trusted) = (Authority::new(), Authority::new());
    let origin = asking(&own, "localhost", &trusted);
    let (bad, good) = (own.caller(1, &[]), trusted.caller(1, &[]));
    let mut scene = plan(io, &origin, &own, Some(&bad), SHOWN).ready();
    assert_eq!(scene.caller().ask(scene.get("/")).status, 502);
    scene.rewrite("up.crt", &good.certificate);
    scene.rewrite("up.key", &good.key);
    scene.reload().unwrap();
    assert_eq!(scene.caller().ask(scene.get("/")).text(), "in");
}
