//! Callers' own certificates.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use sluice::worker::io::IoChoice;

use super::caller::Reply;
use super::certified::{Asking, Authority, Leaf, request, showing};
use super::origin::Origin;
use super::scene::{Plan, Scene, now};

on_every_driver!(
    a_certificate_is_required_and_judged,
    an_optional_certificate_is_judged_where_there_is_one,
    a_list_of_revoked_certificates_must_speak_of_each_and_be_of_today,
    who_is_trusted_no_more_is_cut_and_others_go_on,
    silent_streams_end_with_the_right_of_their_certificates,
    conditions_and_the_log_know_the_certificate,
);

const NAME: &str = "gateway.example";

struct Parties {
    ours: Authority,
    theirs: Authority,
    leaf: Leaf,
}

impl Parties {
    fn new() -> Parties {
        let ours = Authority::new();
        Parties {
            leaf: ours.leaf(&[NAME]),
            theirs: Authority::new(),
            ours,
        }
    }

    /// A gateway that asks callers for certificates of `theirs`.
    fn plan<'a>(&self, io: IoChoice, origin: &Origin, tls: &'a str) -> Plan<'a> {
        let mut plan = showing(io, origin, &self.leaf);
        plan.tls = tls;
        plan.files.push(("clients.pem", self.theirs.pem.clone()));
        plan
    }

    /// A gateway that takes no certificate of these.
    fn plan_without(&self, io: IoChoice, origin: &Origin, revoked: &[&Leaf]) -> Plan<'static> {
        let tls = ", client_ca: clients.pem, client_crls: [file:clients.crl]";
        let mut plan = self.plan(io, origin, tls);
        let list = self.theirs.revoking(revoked, 2100);
        plan.files.push(("clients.crl", list));
        plan
    }

    fn client(&self, leaf: Option<&Leaf>) -> Arc<ClientConfig> {
        self.ours.client(leaf)
    }
}

/// What a caller gets that shows `leaf`. TLS 1.3 tells a refusal only after the handshake.
fn asks(scene: &Scene, client: &Arc<ClientConfig>) -> io::Result<Reply> {
    let mut caller = Asking::try_connect(scene.secure, client, NAME)?;
    caller.send(&request(scene, NAME));
    caller.try_reply()
}

fn a_certificate_is_required_and_judged(io: IoChoice) {
    let (parties, origin) = (Parties::new(), Origin::echoing());
    let scene = parties
        .plan(io, &origin, ", client_ca: clients.pem")
        .ready();
    let good = parties.theirs.caller(1, &["spiffe://td/a"]);
    let stranger = parties.ours.caller(1, &["spiffe://td/a"]);
    for _ in 0..2 {
        let client = parties.client(Some(&good));
        assert_eq!(asks(&scene, &client).unwrap().status, 200);
    }
    for leaf in [None, Some(&stranger)] {
        let refused = asks(&scene, &parties.client(leaf));
        assert!(refused.is_err(), "{refused:?}");
    }
    assert_eq!(origin.requests().len(), 2);
}

fn an_optional_certificate_is_judged_where_there_is_one(io: IoChoice) {
    let (parties, origin) = (Parties::new(), Origin::echoing());
    let tls = ", client_ca: clients.pem, client_certificates: optional";
    let scene = parties.plan(io, &origin, tls).ready();
    let good = parties.theirs.caller(1, &[]);
    let stranger = parties.ours.caller(1, &[]);
    for leaf in [None, Some(&good)] {
        assert_eq!(asks(&scene, &parties.client(leaf)).unwrap().status, 200);
    }
    assert!(asks(&scene, &parties.client(Some(&stranger))).is_err());
}

fn a_list_of_revoked_certificates_must_speak_of_each_and_be_of_today(io: IoChoice) {
    let (parties, origin) = (Parties::new(), Origin::echoing());
    let (good, bad) = (parties.theirs.caller(1, &[]), parties.theirs.caller(2, &[]));
    let mut scene = parties.plan_without(io, &origin, &[&bad]).ready();
    let gets_in = |scene: &Scene, leaf| asks(scene, &parties.client(Some(leaf))).is_ok();
    assert!(gets_in(&scene, &good) && !gets_in(&scene, &bad));
    // A list of somebody else's says nothing of these, and one that is over nothing of today.
    for list in [
        parties.ours.revoking(&[&bad], 2100),
        parties.theirs.revoking(&[&bad], 2025),
    ] {
        scene.rewrite("clients.crl", &list);
        scene.reload().unwrap();
        assert!(!gets_in(&scene, &good));
    }
    scene.rewrite("clients.crl", "nonsense");
    let refused = scene.reload().unwrap_err().to_string();
    assert!(refused.contains("X509 CRL"), "{refused}");
    scene.rewrite("clients.crl", &parties.theirs.revoking(&[], 2100));
    scene.reload().unwrap();
    assert!(gets_in(&scene, &good) && gets_in(&scene, &bad));
}

fn who_is_trusted_no_more_is_cut_and_others_go_on(io: IoChoice) {
    let parties = Parties::new();
    // Whatever is asked for never ends.
    let origin = Origin::talking(None, |mut conn| {
        while let Some(head) = conn.head()? {
            if head.starts_with("GET /stream") {
                conn.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                loop {
                    conn.send("4\r\ntick\r\n")?;
                    std::thread::sleep(std::time::Duration::from_millis(50));
                }
            }
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
        }
        Ok(())
    });
    let mut scene = parties.plan_without(io, &origin, &[]).ready();
    let (good, bad) = (parties.theirs.caller(1, &[]), parties.theirs.caller(2, &[]));
    let connect = |leaf| Asking::connect(scene.secure, &parties.client(Some(leaf)), NAME);
    let (mut stays, mut idle, mut busy) = (connect(&good), connect(&bad), connect(&bad));
    for caller in [&mut stays, &mut idle] {
        assert_eq!(caller.ask(&request(&scene, NAME)).status, 200);
    }
    let stream = request(&scene, NAME).replacen("/up/", "/up/stream", 1);
    busy.send(&stream);
    let head = busy.head().unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    scene.rewrite("clients.crl", &parties.theirs.revoking(&[&bad], 2100));
    scene.reload().unwrap();
    let cut = busy.body(&head);
    assert!(cut.is_err(), "a clean end: {cut:?}");
    let refused = idle.ask(&request(&scene, NAME));
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "certificate_refused")
    );
    assert_eq!(refused.field("connection"), Some("close"));
    assert_eq!(stays.ask(&request(&scene, NAME)).status, 200);
    let log = scene.access_log(5);
    let cut = log
        .iter()
        .filter(|line| line["outcome"] == "certificate_refused");
    assert_eq!(cut.count(), 2, "{log:?}");
}

fn silent_streams_end_with_the_right_of_their_certificates(io: IoChoice) {
    let parties = Parties::new();
    let origin = Origin::talking(None, |mut conn| {
        conn.head()?;
        conn.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n: a\n\n\r\n")?;
        std::io::Read::read_to_end(&mut conn.wire, &mut Vec::new())?;
        Ok(())
    });
    let mut scene = parties.plan_without(io, &origin, &[]).ready();
    let ends = now() + 5;
    let (good, revoked, ending) = (
        parties.theirs.caller(1, &[]),
        parties.theirs.caller(2, &[]),
        parties.theirs.caller_until(3, ends),
    );
    let streams = |leaf| {
        let mut caller = Asking::connect(scene.secure, &parties.client(Some(leaf)), NAME);
        caller.send(&request(&scene, NAME));
        let head = caller.head().unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        (caller, head)
    };
    let (mut stays, mut loses, mut expires) = (streams(&good), streams(&revoked), streams(&ending));
    let cut = expires.0.body(&expires.1);
    assert!(cut.is_err(), "a clean end: {cut:?}");
    assert!((ends..ends + 8).contains(&now()), "{} {ends}", now());
    scene.rewrite("clients.crl", &parties.theirs.revoking(&[&revoked], 2100));
    scene.reload().unwrap();
    let cut = loses.0.body(&loses.1);
    assert!(cut.is_err(), "a clean end: {cut:?}");
    let log = scene.access_log(2);
    let certificates = |line: &serde_json::Value| line["outcome"] == "certificate_refused";
    assert!(log.iter().all(certificates), "{log:?}");
    assert!(stays.0.is_silent_for(&stays.1, Duration::from_millis(300)));
}

fn conditions_and_the_log_know_the_certificate(io: IoChoice) {
    let (parties, origin) = (Parties::new(), Origin::echoing());
    let agent = parties.theirs.caller(1, &["spiffe://td/agent"]);
    let nameless = parties.theirs.caller(2, &[]);
    let both = parties
        .theirs
        .caller(3, &["spiffe://td/a", "spiffe://td/b"]);
    let mut plan = parties.plan(
        io,
        &origin,
        ", client_ca: clients.pem, client_certificates: optional",
    );
    plan.rules = "      - deny: GET /agents/**
        when: \"!has(source.spiffe) || !source.spiffe.startsWith('spiffe://td/')\"
";
    let scene = plan.ready();
    for (leaf, status) in [
        (Some(&agent), 200),
        (Some(&nameless), 403),
        (Some(&both), 403),
        (None, 403),
    ] {
        let client = parties.client(leaf);
        let mut caller = Asking::connect(scene.secure, &client, NAME);
        let asked = request(&scene, NAME).replacen("/up/", "/up/agents/", 1);
        assert_eq!(caller.ask(&asked).status, status);
    }
    let log = scene.access_log(4);
    assert_eq!(log[0]["certificate"], "spiffe://td/agent");
    use base64::Engine as _;
    let digest = ring::digest::digest(&ring::digest::SHA256, &nameless.der);
    let thumbprint = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
    assert_eq!(log[1]["certificate"], thumbprint);
    assert!(log[3]["certificate"].is_null(), "{log:?}");
}
