//! Callers that an operator revokes while they are served.

use std::io::{BufRead as _, Read as _};
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sluice::record::Outcome;
use sluice::recorder::read::{Filter, sessions};
use sluice::worker::io::IoChoice;

use super::caller::Caller;
use super::issuer::{CLIENT, LocalIssuer, TENANT};
use super::origin::{Origin, reply};
use super::scene::{Plan, Scene, eventually, issuer, now};

on_every_driver!(
    whoever_is_revoked_is_cut_off_and_others_go_on,
    a_silent_stream_of_whoever_is_revoked_is_cut,
    who_signs_in_again_is_served_again,
    a_request_that_waits_for_its_upstream_is_refused,
);

const ALICE: &str = "a11c0000-0000-0000-0000-000000000001";
const BOB: &str = "b0b00000-0000-0000-0000-000000000002";

/// Runs `sluice revoke` on that data.
pub fn revoke(data: &Path, arguments: &[&str]) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sluice"));
    command
        .arg("revoke")
        .args(arguments)
        .arg("--data")
        .arg(data);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn principal(object: &str) -> String {
    format!("local/{TENANT}/{object}")
}

/// A token of the application `object`.
fn token(issuer: &LocalIssuer, object: &str, at: u64) -> String {
    issuer.token_of("first", at, object, CLIENT)
}

fn asking(path: &str, token: &str) -> String {
    format!("GET /up{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n")
}

/// Answers at once, except for `/ticks`, which is a reply without an end, `/silence`, a stream that
/// says one thing, and `/never`, which is not answered.
fn origin() -> Origin {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
    Origin::talking(None, |mut conn| {
        while let Some(head) = conn.head()? {
            match head.split(' ').nth(1).unwrap() {
                "/ticks" => {
                    conn.send(format!("{HEAD}Content-Type: text/plain\r\n\r\n"))?;
                    loop {
                        conn.send("4\r\ntick\r\n")?;
                        std::thread::sleep(Duration::from_millis(50));
                    }
                }
                "/silence" => {
                    conn.send(format!("{HEAD}Content-Type: text/event-stream\r\n\r\n"))?;
                    conn.send("5\r\n: a\n\n\r\n")?;
                    conn.wire.read_to_end(&mut Vec::new())?;
                }
                "/never" => drop(conn.wire.read_to_end(&mut Vec::new())?),
                target => conn.send(reply("200 OK", target))?,
            }
        }
        Ok(())
    })
}

fn scene<'a>(io: IoChoice, origin: &Origin, issuer: &'a LocalIssuer) -> Plan<'a> {
    Plan {
        issuer,
        ..Plan::new(io, origin)
    }
}

/// The line of the access log of which something is so.
fn logged(scene: &Scene, is_it: impl Fn(&Value) -> bool) -> Value {
    let mut found = None;
    eventually("it is in the access log", || {
        found = scene.access_log(1).into_iter().find(&is_it);
        found.is_some()
    });
    found.unwrap()
}

/// A reply that goes on.
struct Stream(Caller);

impl Stream {
    fn open(scene: &Scene, path: &str, token: &str) -> Stream {
        let mut caller = scene.caller();
        caller.send(asking(path, token));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(caller.wire.read_line(&mut head).unwrap() > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let mut stream = Stream(caller);
        assert!(stream.hears());
        stream
    }

    /// Whether another chunk comes that is not the last.
    fn hears(&mut self) -> bool {
        let mut line = String::new();
        if self.0.wire.read_line(&mut line).unwrap_or(0) == 0 {
            return false;
        }
        let size = usize::from_str_radix(line.trim(), 16).unwrap();
        assert!(size > 0, "it must not seem to have ended well");
        self.0.wire.read_exact(&mut vec![0; size + 2]).is_ok()
    }

    /// How long it takes until it is cut.
    fn is_cut_after(&mut self) -> Duration {
        let begun = Instant::now();
        while self.hears() {
            assert!(begun.elapsed() < Duration::from_secs(15), "it is never cut");
        }
        begun.elapsed()
    }
}

fn whoever_is_revoked_is_cut_off_and_others_go_on(io: IoChoice) {
    let (origin, issuer) = (origin(), issuer());
    let scene = scene(io, &origin, &issuer).ready();
    let [alice, bob] = [ALICE, BOB].map(|object| token(&issuer, object, now()));
    let (mut hers, mut his) = (scene.caller(), scene.caller());
    let mut cut = Stream::open(&scene, "/ticks", &alice);
    let mut goes_on = Stream::open(&scene, "/ticks", &bob);
    // Known tokens, on connections that know them.
    assert_eq!(hers.ask(asking("/a", &alice)).status, 200);
    assert_eq!(his.ask(asking("/a", &bob)).status, 200);

    let told = revoke(
        scene.data(),
        &["principal", &principal(ALICE), "--reason", "gone"],
    );
    assert!(told.starts_with("revocation 1: "), "{told}");
    assert!(cut.is_cut_after() < Duration::from_secs(8));
    let refused = hers.ask(asking("/b", &alice));
    assert_eq!((refused.status, refused.code().as_str()), (401, "revoked"));
    let challenge = refused.field("www-authenticate").unwrap();
    assert_eq!(
        challenge,
        "Bearer realm=\"sluice\", error=\"invalid_token\""
    );
    assert_eq!(his.ask(asking("/b", &bob)).status, 200);
    assert!((0..40).all(|_| goes_on.hears()), "others go on");
    assert!(scene.metric("sluice_refusals_total{reason=\"revoked\"}") >= 2);
    assert_eq!(scene.metric("sluice_revocations"), 1);

    revoke(scene.data(), &["lift", "1"]);
    eventually("she is served again", || {
        hers.ask(asking("/c", &alice)).status == 200
    });
    drop(goes_on);
    let revoked = logged(&scene, |line| line["path"] == "/b" && line["status"] == 401);
    assert_eq!(revoked["outcome"], "revoked");
    assert_eq!(revoked["detail"], "revocation 1");
    assert_eq!(revoked["principal"], principal(ALICE).as_str());
    let ticks = logged(&scene, |line| {
        line["path"] == "/ticks" && line["outcome"] == "revoked"
    });
    assert_eq!(ticks["status"], 200, "the reply had begun");
    recorded_as_revoked(scene);
}

/// Both the call that was cut and the one that was refused say why in the recording.
fn recorded_as_revoked(scene: Scene) {
    let recorded = scene.stop();
    let filter = Filter {
        outcome: Some(Outcome::Revoked),
        ..Filter::default()
    };
    let (found, _) = sessions(&recorded.recordings, &filter).unwrap();
    let [session] = &found[..] else {
        panic!("one caller was revoked: {found:?}");
    };
    let ends = session.exchanges.iter().filter_map(|one| {
        let outcome = one.end.as_ref()?.end.outcome;
        (outcome == Outcome::Revoked).then_some((&*one.path, &*one.rule))
    });
    let mut ends: Vec<_> = ends.collect();
    ends.sort_unstable();
    ends.dedup();
    // Until the revocation was seen to be lifted, that was refused, too.
    ends.retain(|end| *end != ("/c", "revoked"));
    assert_eq!(ends, [("/b", "revoked"), ("/ticks", "callers/1")]);
}

fn a_silent_stream_of_whoever_is_revoked_is_cut(io: IoChoice) {
    let (origin, issuer) = (origin(), issuer());
    let scene = scene(io, &origin, &issuer).ready();
    let [alice, bob] = [ALICE, BOB].map(|object| token(&issuer, object, now()));
    let mut cut = Stream::open(&scene, "/silence", &alice);
    let goes_on = Stream::open(&scene, "/silence", &bob);
    revoke(scene.data(), &["principal", &principal(ALICE)]);
    assert!(cut.is_cut_after() < Duration::from_secs(8));
    let socket = goes_on.0.wire.get_ref().socket();
    socket
        .set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let mut goes_on = goes_on;
    let waited = goes_on.0.wire.read(&mut [0]);
    assert_eq!(waited.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

fn who_signs_in_again_is_served_again(io: IoChoice) {
    let (origin, issuer) = (origin(), issuer());
    let scene = scene(io, &origin, &issuer).ready();
    let old = token(&issuer, ALICE, now() - 30);
    let mut caller = scene.caller();
    assert_eq!(caller.ask(asking("/a", &old)).status, 200);
    revoke(
        scene.data(),
        &["principal", &principal(ALICE), "--issued-before", "now"],
    );
    let moment = now() + 1;
    // A call that is under way then is answered, and its connection ends.
    eventually("it is revoked", || {
        scene.caller().ask(asking("/b", &old)).status == 401
    });
    let refused = caller.ask(asking("/b", &old));
    let challenge = refused.field("www-authenticate").unwrap();
    let claims = challenge
        .strip_prefix("Bearer realm=\"sluice\", error=\"insufficient_claims\", claims=\"")
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or_else(|| panic!("{challenge}"));
    let claims: Value = serde_json::from_slice(&STANDARD.decode(claims).unwrap()).unwrap();
    let nbf = &claims["access_token"]["nbf"];
    assert_eq!(nbf["essential"], true);
    let since: u64 = nbf["value"].as_str().unwrap().parse().unwrap();
    assert!((moment - 2..=moment).contains(&since), "{since} {moment}");
    // The token that such a challenge brings.
    let new = token(&issuer, ALICE, since);
    assert_eq!(caller.ask(asking("/c", &new)).status, 200);
    assert_eq!(caller.ask(asking("/d", &old)).status, 401);
    let refused = logged(&scene, |line| line["path"] == "/d");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.starts_with("revocation 1: the token was issued before 20"));
}

fn a_request_that_waits_for_its_upstream_is_refused(io: IoChoice) {
    let (origin, issuer) = (origin(), issuer());
    let scene = scene(io, &origin, &issuer).ready();
    let mut caller = scene.caller();
    caller.send(asking("/never", &token(&issuer, ALICE, now())));
    eventually("it is upstream", || origin.connections() == 1);
    revoke(scene.data(), &["principal", &principal(ALICE)]);
    let refused = caller.reply();
    assert_eq!((refused.status, refused.code().as_str()), (401, "revoked"));
}

#[test]
fn a_revocation_outlives_the_gateway_and_is_read_before_it_serves() {
    let (origin, issuer) = (origin(), issuer());
    let place = super::scene::directory();
    let data = place.path().join("data");
    let plan = || Plan {
        data: Some(data.clone()),
        ..scene(IoChoice::default(), &origin, &issuer)
    };
    let token = token(&issuer, ALICE, now());
    let scene = plan().ready();
    assert_eq!(scene.caller().ask(asking("/a", &token)).status, 200);
    drop(scene.stop());
    // While nobody serves.
    revoke(&data, &["client", &CLIENT.to_uppercase()]);
    let scene = plan().ready();
    assert_eq!(scene.caller().ask(asking("/a", &token)).status, 401);
    drop(scene.stop());
    let scene = plan().ready();
    assert_eq!(scene.caller().ask(asking("/a", &token)).status, 401);
}
