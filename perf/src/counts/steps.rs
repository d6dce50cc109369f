//! The steps of the ladder: each does a little more of what a request can ask for.
//!
//! Under callgrind, instructions are collected in [`counted`] only, a dump is written after every
//! step, and every step says its name and how often it was taken. Nothing here looks at a clock.

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;

use sluice::auth::{LastBearer, Verdict, bearer};
use sluice::base::clock::Mono;
use sluice::http::{HeadLimits, RequestScanner, ResponseScanner};
use sluice::mask::Masks;
use sluice::record::Class;

use super::rig::{Rig, Shape};
use super::scenes::{
    self, EVENT, EVENT_STREAM, SIZES, Scene, both, fields, head, lines, literals, post, reply,
};
use super::signer;
use super::tokens::Rs256;
use super::wires::Wires;
use crate::{Outcome, bodies};

/// Patterns of the functions by which callgrind is told what to collect.
pub const COUNTED: &str = "*counts::steps::counted*";
pub const UNCOUNTED: &str = "*counts::wires::uncounted_*";
pub const STEP_ENDS: &str = "*counts::steps::step_ends*";

/// Requests that go before, so that whatever is made once is there.
const BEFORE: usize = 16;
/// Requests that are counted.
const REQUESTS: usize = 32;
/// Room for the largest exchange.
const RING: usize = 1 << 20;

/// Takes all steps, or those whose name contains `only`.
pub fn climb(only: Option<&str>) -> Outcome<()> {
    println!("{}", features());
    let ladder = Ladder { only };
    ladder.heads();
    ladder.identities()?;
    ladder.exchanges();
    ladder.masks()?;
    ladder.all_on()?;
    ladder.bursts();
    ladder.conversations();
    ladder.streams();
    Ok(())
}

#[inline(never)]
fn counted(work: &mut dyn FnMut()) {
    work();
    black_box(());
}

#[inline(never)]
fn step_ends(name: &str) {
    println!("{name}\t{REQUESTS}");
}

/// What the processor can do that code here asks for. Valgrind shows one of its own.
fn features() -> String {
    let all = [
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("bmi2", is_x86_feature_detected!("bmi2")),
        ("adx", is_x86_feature_detected!("adx")),
        ("aes", is_x86_feature_detected!("aes")),
        ("pclmulqdq", is_x86_feature_detected!("pclmulqdq")),
        ("sha", is_x86_feature_detected!("sha")),
    ];
    all.map(|(name, there)| format!("{}{name}", if there { "" } else { "no-" }))
        .join(" ")
}

struct Ladder<'o> {
    only: Option<&'o str>,
}

impl Ladder<'_> {
    fn wants(&self, name: &str) -> bool {
        self.only.is_none_or(|only| name.contains(only))
    }

    /// Takes a step: `work` is what is counted, `after` what has to happen in between.
    fn step(&self, name: &str, mut work: impl FnMut(), mut after: impl FnMut()) {
        if !self.wants(name) {
            return;
        }
        for _ in 0..BEFORE {
            work();
            after();
        }
        for _ in 0..REQUESTS {
            counted(&mut work);
            after();
        }
        step_ends(name);
    }

    /// Reading heads, and the same by a parser that refuses less.
    fn heads(&self) {
        for length in [386, 890] {
            let head = head(length);
            let mut scanner = RequestScanner::new(HeadLimits::default());
            let scan = || {
                let head = scanner.scan(black_box(&head)).ok().flatten();
                scanner.recycle(black_box(head).expect("a whole head").into_spare());
            };
            self.step(&format!("head request {length}"), scan, || ());
            let parse = || {
                let mut fields = [httparse::EMPTY_HEADER; 32];
                let mut request = httparse::Request::new(&mut fields);
                assert!(black_box(request.parse(black_box(&head))).is_ok());
            };
            self.step(&format!("head request {length} by httparse"), parse, || ());
        }
        let reply = reply(1024, false);
        let mut scanner = ResponseScanner::new(HeadLimits::default());
        let scan = || {
            let head = scanner.scan(black_box(&reply)).ok().flatten();
            scanner.recycle(black_box(head).expect("a whole head").into_spare());
        };
        self.step("head reply", scan, || ());
        let parse = || {
            let mut fields = [httparse::EMPTY_HEADER; 32];
            let mut response = httparse::Response::new(&mut fields);
            assert!(black_box(response.parse(black_box(&reply))).is_ok());
        };
        self.step("head reply by httparse", parse, || ());
    }

    /// Who calls, by what is remembered of a token, and by the token itself.
    fn identities(&self) -> Outcome<()> {
        let rs256 = Rs256::new()?;
        let keys = rs256.keys()?;
        let mut rig = Rig::new(Shape::default());
        let (published, issuer) = (rig.keys.clone(), Arc::clone(&rig.issuer));
        let publish = || {
            let done = published.publish(&issuer, keys.clone(), Mono(0));
            assert!(done.is_ok(), "nobody else publishes");
        };
        publish();
        let now = rig.now;
        let mut identify = |last: &mut LastBearer, field: &str| {
            let token = bearer(black_box(field.as_bytes())).expect("a bearer");
            match rig.core.authenticator.authenticate(last, token, now) {
                Verdict::Proven(identity) => drop(black_box(identity)),
                other => panic!("{other:?}"),
            }
        };
        // What proving one of ES256 takes depends on its digits a little, so there are many.
        let sign = |number: u64| signer::FIRST.token("reader", signer::START + 3600 + number);
        let signed: Vec<String> = (0..REQUESTS as u64)
            .map(|number| format!("Bearer {}", sign(number)))
            .collect();
        let mut last = LastBearer::default();
        let known = || identify(&mut last, &signed[0]);
        self.step("identity known to connection", known, || ());
        let known = || identify(&mut LastBearer::default(), &signed[0]);
        self.step("identity known to core", known, || ());
        // Other keys could undo every proof: with each publication all is forgotten.
        let mut next = signed.iter().cycle();
        let new = || identify(&mut LastBearer::default(), next.next().expect("endless"));
        self.step("identity new ES256", new, publish);
        let signed = format!("Bearer {}", rs256.token()?);
        let new = || identify(&mut LastBearer::default(), &signed);
        self.step("identity new RS256", new, publish);
        Ok(())
    }

    /// Whole exchanges without masks.
    fn exchanges(&self) {
        for (name, size) in SIZES {
            self.take(&format!("get {name}"), Scene::get(reply(size, false)));
        }
        for (name, size) in SIZES {
            self.take(
                &format!("get {name} chunked"),
                Scene::get(reply(size, true)),
            );
        }
        let small = || Scene::get(reply(1024, false));
        self.take(
            "get 1k +policy",
            small().with(|shape| shape.lines = lines()),
        );
        self.take(
            "get 1k +credential",
            small().with(|shape| shape.credential = true),
        );
        self.take(
            "get 1k +durable",
            small().with(|shape| shape.class = Class::Durable),
        );
        let post = || small().asking(post(1024));
        self.take("post 1k", post());
        self.take(
            "post 1k +durable",
            post().with(|shape| shape.class = Class::Durable),
        );
    }

    fn masks(&self) -> Outcome<()> {
        for (size_name, size) in SIZES {
            for (name, spec) in [
                ("20 literals", literals(20)),
                ("400 literals", literals(400)),
                ("8 fields", fields()),
                ("20 literals, 8 fields", both()),
            ] {
                let scene = Scene::get(reply(size, false)).masked(spec);
                self.take(&format!("get {size_name} +{name}"), scene);
            }
        }
        Ok(())
    }

    /// Events that come as fast as they can be taken, in chunks of their own.
    fn bursts(&self) {
        let reply = [EVENT_STREAM, &bodies::events(64 * 1024, EVENT)].concat();
        let burst = || Scene::get(reply.clone());
        self.take("burst 64k", burst());
        self.take("burst 64k +20 literals", burst().masked(literals(20)));
        self.take("burst 64k +20 literals, 8 fields", burst().masked(both()));
    }

    /// Every control at once.
    fn all_on(&self) -> Outcome<()> {
        for (name, size) in SIZES {
            let scene = Scene::get(reply(size, false)).masked(both()).with(|shape| {
                shape.lines = lines();
                shape.credential = true;
            });
            self.take(&format!("everything {name}"), scene);
        }
        Ok(())
    }

    /// Calls of a tool, judged by its name and recorded.
    fn conversations(&self) {
        for (name, reply) in scenes::results() {
            let scene = Scene::get(reply).asking(scenes::call());
            self.take(&format!("call {name}"), scene.with(scenes::talks_mcp));
        }
    }

    /// An event through a stream that is open.
    fn streams(&self) {
        let event = bodies::notifications(EVENT, EVENT);
        let mut mcp = Shape::default();
        scenes::talks_mcp(&mut mcp);
        for (name, shape) in [("event", Shape::default()), ("event of MCP", mcp)] {
            let (mut rig, mut wires) = (Rig::with_ring(shape, RING), Wires::new());
            let mut open = wires.open(&mut rig, scenes::listen().as_bytes());
            assert!(wires.relay(&mut rig, &mut open, EVENT_STREAM).is_none());
            let rig = RefCell::new(rig);
            let relay = || {
                let end = wires.relay(&mut rig.borrow_mut(), &mut open, &event);
                assert!(end.is_none(), "the stream goes on");
            };
            self.step(name, relay, || settle(&mut rig.borrow_mut()));
        }
    }

    fn take(&self, name: &str, scene: Scene) {
        if !self.wants(name) {
            return;
        }
        let mut rig = Rig::with_ring(scene.shape, RING);
        if let Some(spec) = scene.masks {
            let masks = Masks::compile(&spec).expect("a profile");
            rig.reconnect(|connection| {
                connection.masks = Some(Arc::new(masks));
                connection.hides = true;
            });
        }
        let mut wires = Wires::new();
        let rig = RefCell::new(rig);
        let exchange = || {
            wires.exchange(
                &mut rig.borrow_mut(),
                scene.request.as_bytes(),
                &scene.reply,
            );
        };
        self.step(name, exchange, || settle(&mut rig.borrow_mut()));
        assert!(wires.moved > (BEFORE + REQUESTS) * scene.reply.len() / 2);
        assert_eq!(rig.borrow().core.lent(), 0);
    }
}

/// Everybody else does their part: the recorder empties the ring, the log is read.
fn settle(rig: &mut Rig) {
    rig.sync();
    rig.told.clear();
    rig.access.try_iter().for_each(drop);
}
