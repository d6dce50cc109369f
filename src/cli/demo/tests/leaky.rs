//! The demo must fail where a gateway leaks: told in front of one that does, its proofs do not hold.

use super::super::caller::Caller;
use super::super::cast;
use super::super::host::{Answer, Host, Reply};
use super::super::issuer::Flaw;
use super::super::place::Place;
use super::super::stage::Stage;
use super::super::tap::Tape;
use super::super::world::{Backdrop, World};
use crate::cli::terminal::Paint;
use http::request::Parts;
use http::{HeaderName, header};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use tokio::runtime::Handle;
use tokio::task::block_in_place;

/// Forwards everything, checks nothing, masks nothing, and talks too much in both directions.
struct Leaky {
    directory: String,
    token: String,
    upstream: Mutex<Caller>,
}

impl Answer for Leaky {
    fn answer(&self, head: &Parts, _: &[u8]) -> Reply {
        let target = head.uri.path_and_query().unwrap().as_str();
        let target = target.strip_prefix("/graph").unwrap_or(target);
        let authorization = head.headers.get(header::AUTHORIZATION);
        let leak = authorization.map_or("", |field| field.to_str().unwrap());
        let url = format!("{}{target}", self.directory);
        let body = Some((leak, &b""[..]));
        let (method, token) = (head.method.clone(), Some(&*self.token));
        let mut upstream = self.upstream.lock().unwrap();
        let reply =
            block_in_place(|| Handle::current().block_on(upstream.send(method, &url, token, body)));
        let reply = reply.unwrap();
        Reply {
            body: reply.body,
            ..Reply::empty(reply.status)
        }
        .with(HeaderName::from_static("x-debug"), &self.token)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_proof_holds_against_a_gateway_that_leaks() {
    let backdrop = Backdrop::raise(Place::temporary().unwrap(), None)
        .await
        .unwrap();
    let gateway = backdrop.issuer.app(cast::GATEWAY).unwrap();
    let leaky = Leaky {
        directory: backdrop.directory_url.clone(),
        token: backdrop.issuer.mint(gateway, Flaw::GraphAudience).unwrap(),
        upstream: Mutex::new(Caller::new(
            backdrop.authority.client().unwrap(),
            Tape::default(),
        )),
    };
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let tls = backdrop.authority.leaf("leaky").unwrap().server().unwrap();
    let host = Host::bind(any, tls).await.unwrap();
    let address = host
        .url()
        .strip_prefix("https://")
        .unwrap()
        .parse()
        .unwrap();
    host.serve(std::sync::Arc::new(leaky), Tape::default());

    let mut world = World::new(backdrop, address).unwrap();
    let mut out = Vec::new();
    let mut stage = Stage::new(&mut out, Paint::plain());
    super::super::tell(&mut world, &mut stage).await.unwrap();
    let (checks, failed) = stage.score();
    assert!(checks > 10 && failed > 10, "{failed} of {checks}");
    let text = String::from_utf8(out).unwrap();
    println!("{text}");
    for claim in [
        "✗ No token that the caller used ever reached the directory.",
        "✗ The gateway's credential never reached the caller.",
        "✗ No masked value ever reached the caller.",
    ] {
        assert!(text.contains(claim), "{claim}\n{text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
}
