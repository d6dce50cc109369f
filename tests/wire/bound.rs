//! Tokens that are bound to their holders: to a certificate, and to a key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::digest::{SHA256, digest};
use sluice::worker::io::IoChoice;

use super::caller::Reply;
use super::certified::{Asking, Authority, Leaf, request, showing};
use super::holder::Holder;
use super::origin::Origin;
use super::scene::{Plan, bound_token, issuer, now};

on_every_driver!(
    a_proof_lets_its_holder_in_once,
    no_proof_is_good_twice_on_any_core,
    a_proof_is_of_one_request,
    a_nonce_goes_round,
    a_certificate_lets_its_holder_in,
    tokens_must_be_bound_where_the_issuer_says_so,
    proofs_are_about_the_public_url,
    nobody_is_acted_for_by_a_bound_token,
);

const URL: &str = "http://localhost/up/x";

/// GET of [`URL`] with what is shown.
fn get(token: &str, proof: &str) -> String {
    format!(
        "GET /up/x?a=b HTTP/1.1\r\nHost: localhost\r\nAuthorization: DPoP {token}\r\nDPoP: {proof}\r\n\r\n"
    )
}

fn outcome(reply: &Reply) -> (u16, String) {
    let code = match reply.status {
        200 => String::new(),
        _ => reply.code(),
    };
    (reply.status, code)
}

fn refused(code: &str) -> (u16, String) {
    (401, code.to_owned())
}

fn a_proof_lets_its_holder_in_once(io: IoChoice) {
    let (origin, holder) = (Origin::echoing(), Holder::new());
    let scene = Plan::new(io, &origin).ready();
    let token = bound_token(&holder.cnf());
    let proof = holder.proof(&token, ("GET", URL), None);
    let mut caller = scene.caller();
    let served = caller.ask(get(&token, &proof));
    assert_eq!(served.status, 200);
    assert_eq!(served.field("dpop-nonce"), None);
    // Neither on its own connection nor on another.
    for mut caller in [caller, scene.caller(), scene.secure_caller()] {
        let again = caller.ask(get(&token, &proof));
        assert_eq!(outcome(&again), refused("invalid_dpop_proof"));
        assert_eq!(
            again.field("www-authenticate"),
            Some(r#"DPoP realm="sluice", error="invalid_dpop_proof""#)
        );
    }
    let mut caller = scene.caller();
    for _ in 0..3 {
        let proof = holder.proof(&token, ("GET", URL), None);
        assert_eq!(caller.ask(get(&token, &proof)).status, 200);
    }
    // By itself the token is nobody's, though the gateway knows it well by now.
    let alone =
        format!("GET /up/x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
    assert_eq!(outcome(&caller.ask(alone)), refused("invalid_token"));
    let alone = get(&token, "x").replace("DPoP: x\r\n", "");
    assert_eq!(outcome(&caller.ask(alone)), refused("invalid_dpop_proof"));
    let seen = origin.requests();
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|request| {
        let bearer = request.field("authorization");
        request.field("dpop").is_none() && bearer.is_some_and(|it| it.starts_with("Bearer up"))
    }));
    let log = scene.access_log(9);
    assert!(
        log[1]["detail"]
            .as_str()
            .unwrap()
            .contains("was shown before"),
        "{}",
        log[1]
    );
    let log = format!("{log:?}");
    assert!(!log.contains(&proof[proof.len() - 40..]) && !log.contains(&token[..40]));
}

fn no_proof_is_good_twice_on_any_core(io: IoChoice) {
    let (origin, holder) = (Origin::echoing(), Holder::new());
    let plan = Plan {
        workers: 2,
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    let token = bound_token(&holder.cnf());
    // The kernel spreads connections over cores: so many are on both.
    let mut callers: Vec<_> = (0..24).map(|_| scene.caller()).collect();
    for _ in 0..3 {
        let proof = holder.proof(&token, ("GET", URL), None);
        for caller in &mut callers {
            caller.send(get(&token, &proof));
        }
        let outcomes: Vec<_> = callers.iter_mut().map(|it| it.reply().status).collect();
        let taken = outcomes.iter().filter(|status| **status == 200).count();
        let others = outcomes.iter().filter(|status| **status == 401).count();
        assert_eq!((taken, others), (1, 23), "{outcomes:?}");
    }
    assert_eq!(origin.requests().len(), 3);
}

fn a_proof_is_of_one_request(io: IoChoice) {
    let (origin, holder) = (Origin::echoing(), Holder::new());
    let scene = Plan::new(io, &origin).ready();
    let token = bound_token(&holder.cnf());
    let other = bound_token(&Holder::new().cnf());
    let mut caller = scene.caller();
    for asked in [
        ("POST", URL),
        ("get", URL),
        ("GET", "https://localhost/up/x"),
        ("GET", "http://localhost:8080/up/x"),
        ("GET", "http://localhost/up/x?a=b"),
        ("GET", "http://localhost/x"),
        ("GET", "http://other.example/up/x"),
    ] {
        let proof = holder.proof(&token, asked, None);
        let told = caller.ask(get(&token, &proof));
        assert_eq!(outcome(&told), refused("invalid_dpop_proof"), "{asked:?}");
    }
    for proof in [
        Holder::new().proof(&token, ("GET", URL), None),
        holder.proof(&other, ("GET", URL), None),
    ] {
        let told = caller.ask(get(&token, &proof));
        assert_eq!(outcome(&told), refused("invalid_dpop_proof"));
    }
    let two = format!(
        "{}\r\nDPoP: {}",
        holder.proof(&token, ("GET", URL), None),
        holder.proof(&token, ("GET", URL), None)
    );
    assert_eq!(
        outcome(&caller.ask(get(&token, &two))),
        refused("invalid_dpop_proof")
    );
    assert!(origin.requests().is_empty());
    // In either spelling, and under TLS.
    let proof = holder.proof(&token, ("GET", "HTTP://LOCALHOST:80/up/%78"), None);
    assert_eq!(caller.ask(get(&token, &proof)).status, 200);
    let proof = holder.proof(&token, ("GET", "https://localhost/up/x"), None);
    assert_eq!(scene.secure_caller().ask(get(&token, &proof)).status, 200);
}

fn a_nonce_goes_round(io: IoChoice) {
    let (origin, holder) = (Origin::echoing(), Holder::new());
    let plan = Plan {
        holders: ", dpop: { nonce: true, algorithms: [ES256, EdDSA] }",
        route: ", cors: { origins: [\"https://app.example\"], expose: [x-a] }",
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    let token = bound_token(&holder.cnf());
    let mut caller = scene.caller();
    let page =
        |request: String| request.replacen("Host:", "Origin: https://app.example\r\nHost:", 1);
    let told = caller.ask(page(get(&token, &holder.proof(&token, ("GET", URL), None))));
    assert_eq!(outcome(&told), refused("use_dpop_nonce"));
    let challenges: Vec<_> = (told.head.lines())
        .filter_map(|line| line.strip_prefix("WWW-Authenticate: "))
        .collect();
    assert_eq!(
        challenges,
        [
            r#"Bearer realm="sluice""#,
            r#"DPoP error="use_dpop_nonce", realm="sluice", algs="ES256 EdDSA""#
        ]
    );
    let exposed = told.field("access-control-expose-headers");
    assert_eq!(exposed, Some("x-a, dpop-nonce"));
    let nonce = told.field("dpop-nonce").unwrap().to_owned();
    for wrong in ["", "x", &nonce[1..]] {
        let proof = holder.proof(&token, ("GET", URL), Some(wrong));
        let told = caller.ask(get(&token, &proof));
        assert_eq!(outcome(&told), refused("use_dpop_nonce"));
        assert!(told.field("dpop-nonce").is_some());
    }
    for _ in 0..2 {
        let proof = holder.proof(&token, ("GET", URL), Some(&nonce));
        assert_eq!(caller.ask(get(&token, &proof)).status, 200);
        let again = caller.ask(get(&token, &proof));
        assert_eq!(outcome(&again), refused("invalid_dpop_proof"));
    }
    // Who shows nothing is told of it at once, and a plain token is as good as ever.
    let bare = caller.ask("GET /up/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(bare.field("dpop-nonce"), Some(&*nonce));
    let plain = caller.ask(scene.get("/x"));
    assert_eq!((plain.status, plain.field("dpop-nonce")), (200, None));
    assert_eq!(origin.requests().len(), 3);
}

const NAME: &str = "gateway.example";

/// What a token says of the holder of a certificate.
fn cnf_of(leaf: &Leaf) -> String {
    let print = BASE64.encode(digest(&SHA256, &leaf.der));
    format!(r#"{{"x5t#S256":"{print}"}}"#)
}

fn a_certificate_lets_its_holder_in(io: IoChoice) {
    let (origin, ours, theirs) = (Origin::echoing(), Authority::new(), Authority::new());
    let mut plan = showing(io, &origin, &ours.leaf(&[NAME]));
    plan.tls = ", client_ca: clients.pem, client_certificates: optional";
    plan.files.push(("clients.pem", theirs.pem.clone()));
    plan.holders = ", bound: certificate";
    let mut scene = plan.ready();
    let (good, other) = (theirs.caller(1, &[]), theirs.caller(2, &[]));
    scene.token = bound_token(&cnf_of(&good));
    let asked = request(&scene, NAME);
    // Twice over each connection, so that the token is known.
    for (leaf, want) in [
        (Some(&good), (200, String::new())),
        (Some(&other), refused("invalid_token")),
        (None, refused("invalid_token")),
        (Some(&good), (200, String::new())),
    ] {
        let mut caller = Asking::connect(scene.secure, &ours.client(leaf), NAME);
        for _ in 0..2 {
            assert_eq!(outcome(&caller.ask(&asked)), want);
        }
    }
    // Nor is it good where nobody is asked for one.
    let plain = scene.caller().ask(scene.get("/"));
    assert_eq!(outcome(&plain), refused("invalid_token"));
    let log = scene.access_log(9);
    for (line, why) in [
        (2, "another certificate"),
        (4, "has shown none"),
        (8, "has shown none"),
    ] {
        let detail = log[line]["detail"].as_str().unwrap();
        assert!(detail.contains(why), "{detail}");
    }
    // And a token of no holder's is nobody's here.
    let (holder, secure) = (Holder::new(), scene.secure);
    let mut caller = Asking::connect(secure, &ours.client(Some(&good)), NAME);
    for token in [super::scene::token(now()), bound_token(&holder.cnf())] {
        scene.token = token;
        let told = caller.ask(&request(&scene, NAME));
        assert_eq!(outcome(&told), refused("invalid_token"));
    }
    assert_eq!(origin.requests().len(), 4);
}

fn tokens_must_be_bound_where_the_issuer_says_so(io: IoChoice) {
    let (origin, holder) = (Origin::echoing(), Holder::new());
    let plan = Plan {
        holders: ", bound: dpop, dpop: { algorithms: [ES256] }",
        ..Plan::new(io, &origin)
    };
    let mut scene = plan.ready();
    let token = bound_token(&holder.cnf());
    let proves = || get(&token, &holder.proof(&token, ("GET", URL), None));
    let mut caller = scene.caller();
    let told = caller.ask(scene.get("/x"));
    assert_eq!(outcome(&told), refused("invalid_token"));
    assert_eq!(
        told.field("www-authenticate"),
        Some(r#"DPoP error="invalid_token", realm="sluice", algs="ES256""#)
    );
    assert_eq!(caller.ask(proves()).status, 200);
    // What is remembered of a token does not outlive what it was taken under.
    scene.edit("bound: dpop,", "bound: optional,");
    assert!(!scene.reload().unwrap().issuers.is_empty());
    scene.await_ready();
    assert_eq!(caller.ask(scene.get("/x")).status, 200);
    assert_eq!(caller.ask(proves()).status, 200);
    scene.edit("bound: optional,", "bound: required,");
    scene.reload().unwrap();
    scene.await_ready();
    assert_eq!(
        outcome(&caller.ask(scene.get("/x"))),
        refused("invalid_token")
    );
    assert_eq!(caller.ask(proves()).status, 200);
    scene.edit("ES256]", "EdDSA]");
    scene.reload().unwrap();
    scene.await_ready();
    assert_eq!(
        outcome(&caller.ask(proves())),
        refused("invalid_dpop_proof")
    );
}

fn proofs_are_about_the_public_url(io: IoChoice) {
    let (origin, holder) = (Origin::echoing(), Holder::new());
    let plan = Plan {
        further: "public_url: https://gateway.example:8443",
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    let token = bound_token(&holder.cnf());
    let mut caller = scene.caller();
    for (url, status) in [
        (URL, 401),
        ("https://gateway.example/up/x", 401),
        ("https://gateway.example:8443/up/x", 200),
    ] {
        let proof = holder.proof(&token, ("GET", url), None);
        assert_eq!(caller.ask(get(&token, &proof)).status, status, "{url}");
    }
}

fn nobody_is_acted_for_by_a_bound_token(io: IoChoice) {
    const ALICE: &str = "a11c0000-0000-0000-0000-000000000001";
    let (origin, holder, issuer) = (Origin::echoing(), Holder::new(), issuer());
    let plan = Plan {
        issuer: &issuer,
        credential: "on_behalf_of",
        who: "roles: [reader], scopes: [read]",
        ..Plan::new(io, &origin)
    };
    let scene = plan.ready();
    let token = issuer.bound_user_token("first", now(), ALICE, &holder.cnf());
    let proof = holder.proof(&token, ("GET", URL), None);
    let told = scene.caller().ask(get(&token, &proof));
    assert_eq!((told.status, &*told.code()), (403, "bound_token"));
    assert!(issuer.forms().is_empty() && origin.requests().is_empty());
}
