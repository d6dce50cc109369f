//! One core of the data plane with everything that it stands on.

use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use crossbeam::channel::Receiver;
use sluice::auth::{
    Authenticator, Issuer, IssuerKind, IssuerSpec, ProofRules, Proofs, PublishedKeys, SharedTokens,
};
use sluice::base::access::{AccessEntry, AccessSender};
use sluice::base::clock::{Mono, Now, Wall};
use sluice::base::counters::{Counters, Labels};
use sluice::base::credential::Credentials;
use sluice::base::ids::ExchangeId;
use sluice::base::limits::Limits;
use sluice::base::secret::Secret;
use sluice::base::strikes::Tolerance;
use sluice::base::trace::Sampling;
use sluice::exchange::metadata::{Metadata, MetadataSpec};
use sluice::exchange::rules::{Connection, ForwardFields, InnerWay, Mcp, Route, Upstream};
use sluice::exchange::{Core, Journal, Offer, Refusal, Rules, Via};
use sluice::mask::{Links, MaskSpec, Masks, Recogniser};
use sluice::mcp::Sealer;
use sluice::mcp::pins::{Pins, ToolPolicy};
use sluice::mcp::tasks::Tasks;
use sluice::policy::budget::Budgets;
use sluice::policy::compile::policy;
use sluice::policy::pattern::PathPattern;
use sluice::policy::{Effect, Policies, Protocol, Who};
use sluice::record::frame::{Frame, seal};
use sluice::record::payload::{EndPayload, Event};
use sluice::record::{Class, Decision, Health, Intake, Outcome, SessionTable, Sessions, ring_pair};

use super::signer::{FIRST, START, keys};

/// What is done to bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hiding {
    /// Nothing.
    Nothing,
    /// Links are rewritten, nothing is hidden.
    Links,
    /// Addresses, a field and a literal are hidden, and links rewritten.
    All,
}

/// What of the configuration tests change.
#[derive(Clone)]
pub struct Shape {
    pub generation: u64,
    pub hiding: Hiding,
    pub class: Class,
    pub credential: bool,
    pub forward_all: bool,
    pub limits: Limits,
    pub lines: Vec<(Effect, &'static str)>,
    /// The upstream is an MCP server, and the lines are about what is said to it.
    pub mcp: bool,
    /// How many traces begin at the gateway; without it, it takes no part in any.
    pub traces: Option<Sampling>,
    /// Whom the policy is for, beside who has the role: all, or those of any of these groups.
    pub groups: Vec<String>,
    /// Proofs of holders must name a nonce; that cannot change later.
    pub nonce: bool,
    /// What a request may switch its connection to.
    pub upgrades: Vec<&'static str>,
}

impl Default for Shape {
    fn default() -> Shape {
        Shape {
            generation: 1,
            hiding: Hiding::Nothing,
            class: Class::Buffered,
            credential: true,
            forward_all: false,
            limits: Limits::default(),
            lines: vec![
                (Effect::Allow, "* /**"),
                (Effect::Deny, "* /secret/**"),
                (Effect::Approve, "* /careful/**"),
            ],
            mcp: false,
            traces: None,
            groups: Vec::new(),
            nonce: false,
            upgrades: Vec::new(),
        }
    }
}

const TOLERANCE: Tolerance = Tolerance {
    failures: 5,
    pause: Duration::from_secs(5),
    longest: Duration::from_secs(60),
};

/// What the gateway shows upstream.
pub const CREDENTIAL: &[u8] = b"Bearer the-gateways-own";
/// The placeholder of the literal that is hidden: far longer than the literal.
pub const LITERAL: &str = "%";

static ALL: LazyLock<Arc<Masks>> = LazyLock::new(|| {
    let spec = MaskSpec {
        fields: vec!["mail".into()],
        recognise: vec![Recogniser::Email],
        literals: vec![LITERAL.into()],
        ..link_spec()
    };
    Arc::new(Masks::compile(&spec).expect("a profile"))
});
static LINKS: LazyLock<Arc<Masks>> =
    LazyLock::new(|| Arc::new(Masks::compile(&link_spec()).expect("a profile")));

fn link_spec() -> MaskSpec {
    MaskSpec {
        links: Some(Links {
            members: vec!["nextLink".into()],
            upstream: "https://up.example/base".into(),
        }),
        ..MaskSpec::default()
    }
}

/// One frame that came out of the ring, taken apart.
#[derive(Clone, Debug)]
pub struct Told {
    pub exchange: ExchangeId,
    /// Counts the frames of its exchange.
    pub sequence: u64,
    /// How many bytes of a request's body it covers, as they went upstream.
    pub covers: u64,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    Request {
        decision: Decision,
        /// Of the configuration that it was judged under.
        generation: u64,
        class: Class,
        rule: String,
        path: String,
        headers: String,
    },
    Sent(Vec<u8>),
    Withheld(u64),
    Repeated,
    ReplyHead(Vec<u8>),
    Reply(Vec<u8>),
    Hits(usize),
    /// Of a call of a batch.
    Part,
    End(EndPayload),
    Refused(Vec<(String, u64)>),
    Session,
}

/// A core, the recorder's end of its ring, and the control plane's end of its snapshots.
pub struct Rig {
    pub core: Core,
    pub intake: Option<Intake>,
    pub health: Arc<Health>,
    pub rules: Arc<ArcSwap<Rules>>,
    pub keys: PublishedKeys,
    pub issuer: Arc<Issuer>,
    pub credentials: Arc<Credentials>,
    pub access: Receiver<AccessEntry>,
    pub now: Now,
    pub shape: Shape,
    /// The recorder takes what comes; durable bytes count as on disk only after [`Rig::sync`].
    pub draining: bool,
    pub told: Vec<Told>,
    /// How many of `told` are on disk.
    pub on_disk: usize,
    ring: usize,
}

/// Enough for several of the largest pieces.
pub const RING: usize = 512 * 1024;

impl Rig {
    pub fn new(shape: Shape) -> Rig {
        Rig::with_ring(shape, RING)
    }

    pub fn with_ring(shape: Shape, ring: usize) -> Rig {
        let kind = IssuerKind::Oidc {
            issuer: "https://issuer.example".into(),
            roles: "roles".into(),
            groups: "groups".into(),
        };
        let spec = IssuerSpec {
            skew: Duration::ZERO,
            resolves_groups: true,
            proofs: ProofRules {
                nonce: shape.nonce,
                ..ProofRules::default()
            },
            ..IssuerSpec::new("test", kind, vec!["api://sluice".into()])
        };
        let issuer = Arc::new(Issuer::new(spec).expect("an issuer"));
        let published = PublishedKeys::new(vec![Arc::clone(&issuer)]);
        published
            .publish(&issuer, keys(&[&FIRST]), Mono(0))
            .expect("published");
        let credentials = Arc::new(Credentials::new(1));
        credentials.publish(0, "authorization", Secret::new(CREDENTIAL.to_vec()), None);
        let rules = Arc::new(ArcSwap::from_pointee(rules(&shape, &credentials)));
        let health = Health::new();
        let (writer, intake) = ring_pair(ring, &health, 0, 0, &[7; 32]);
        let (sender, access) = AccessSender::new(4096);
        let labels = Labels {
            connections: vec!["up".into()],
            outcomes: Outcome::NAMES,
            refusals: Refusal::CODES,
        };
        let journal = Journal::new(sender, Arc::new(Counters::new(labels, 1)), 0);
        let proofs = Proofs::new(&[3; 32], Wall(START * 1_000_000_000));
        let authenticator = Authenticator::new(&published, SharedTokens::new()).with_proofs(proofs);
        let sessions = Sessions::new(SessionTable::new(&[1; 32]));
        Rig {
            core: Core::new(&rules, authenticator, writer, sessions, journal),
            intake: Some(intake),
            health,
            rules,
            keys: published,
            issuer,
            credentials,
            access,
            now: Now {
                mono: Mono(1_000_000_000),
                wall: Wall(START * 1_000_000_000),
            },
            shape,
            draining: true,
            told: Vec::new(),
            on_disk: 0,
            ring,
        }
    }

    /// Both clocks go on.
    pub fn pass(&mut self, time: Duration) {
        self.now.mono = self.now.mono.after(time);
        self.now.wall.0 += time.as_nanos() as u64;
    }

    /// Both clocks go on until `until`, if that is to come.
    pub fn pass_until(&mut self, until: Mono) {
        self.pass(until.since(self.now.mono));
    }

    /// Another generation of the configuration is put in force.
    pub fn reload(&mut self, change: impl FnOnce(&mut Shape)) {
        change(&mut self.shape);
        self.reconnect(|_| ());
    }

    /// The same, for what of a connection no [`Shape`] tells.
    pub fn reconnect(&mut self, change: impl FnOnce(&mut Connection)) {
        self.shape.generation += 1;
        let mut rules = rules(&self.shape, &self.credentials);
        change(Arc::get_mut(&mut rules.connections[0]).expect("nobody has it yet"));
        self.rules.store(Arc::new(rules));
    }

    /// The recorder takes what is in the ring.
    pub fn drain(&mut self) {
        let Some(intake) = &mut self.intake else {
            return;
        };
        let told = &mut self.told;
        let drained = intake.drain(|frame| {
            let mut bytes = [frame.first, frame.second].concat();
            seal(&mut bytes, 0);
            told.push(read(&bytes));
            ControlFlow::Continue(())
        });
        drained.expect("whole frames");
    }

    /// The recorder takes what is in the ring, and it is on disk.
    pub fn sync(&mut self) {
        self.drain();
        if let Some(intake) = &self.intake {
            intake.link().set_durable(intake.drained());
            self.on_disk = self.told.len();
        }
    }

    /// Frames of the exchange whose recorded path is `path`; the last such one.
    pub fn of(&self, path: &str) -> Vec<What> {
        let is_it =
            |told: &&Told| matches!(&told.what, What::Request { path: one, .. } if one == path);
        let Some(exchange) = self.told.iter().rev().find(is_it).map(|told| told.exchange) else {
            return Vec::new();
        };
        self.told
            .iter()
            .filter(|told| told.belongs_to(exchange))
            .map(|told| told.what.clone())
            .collect()
    }

    /// Reply head and reply body of an exchange as recorded.
    pub fn reply_of(&self, path: &str) -> (Vec<u8>, Vec<u8>) {
        let (mut head, mut body) = (Vec::new(), Vec::new());
        for what in self.of(path) {
            match what {
                What::ReplyHead(bytes) => head.extend(bytes),
                What::Reply(bytes) => body.extend(bytes),
                _ => {}
            }
        }
        (head, body)
    }

    /// The end of an exchange as recorded.
    pub fn end_of(&self, path: &str) -> Option<EndPayload> {
        self.of(path).into_iter().find_map(|what| match what {
            What::End(end) => Some(end),
            _ => None,
        })
    }

    /// Refusals that were only counted, by reason; a second passes so that they are written.
    pub fn counted(&mut self) -> Vec<(String, u64)> {
        self.pass(Duration::from_secs(2));
        self.core.writer.tick(self.now);
        self.drain();
        let refused = self.told.iter().filter_map(|told| match &told.what {
            What::Refused(reasons) => Some(reasons.clone()),
            _ => None,
        });
        refused.flatten().collect()
    }

    /// The access log's last entry.
    pub fn last_entry(&self) -> Option<AccessEntry> {
        self.access.try_iter().last()
    }

    /// Whether a request for `path` is recorded as allowed, and so many bytes of its body; on disk,
    /// where its connection is durable.
    pub fn vouches_for(&self, path: &str, bytes: usize) -> bool {
        let is_it = |told: &Told| {
            let What::Request {
                decision: Decision::Allowed,
                path: asked,
                class,
                ..
            } = &told.what
            else {
                return false;
            };
            let safe = match class {
                Class::Durable => &self.told[..self.on_disk],
                Class::Buffered => &self.told[..],
            };
            let mut frames = safe.iter().filter(|one| one.belongs_to(told.exchange));
            let is_there = frames.next().is_some();
            asked == path && is_there && bytes as u64 <= frames.map(|one| one.covers).sum()
        };
        self.told.iter().any(is_it)
    }

    /// Nothing is lent, and no room is kept for an end that never comes; the frames of each exchange
    /// are counted, and its end says how much of it there was.
    pub fn assert_clean(&mut self) {
        assert_eq!(self.core.lent(), 0, "texts, heads and streams came back");
        if self.intake.is_some() {
            self.drain();
            assert!(self.core.writer.room_for(self.ring), "no room is kept");
        }
        for told in self.told.iter().filter(|told| told.sequence == 0) {
            let mine = || self.told.iter().filter(|one| one.belongs_to(told.exchange));
            let counted = mine().map(|one| one.sequence);
            assert!(counted.eq(0..mine().count() as u64), "frames are counted");
            let covers = mine().fold(0, |sum, one| match one.what {
                // From its beginning.
                What::Repeated => 0,
                _ => sum + one.covers,
            });
            let ends = mine().filter_map(|one| match one.what {
                What::End(end) => Some(end.request_bytes),
                _ => None,
            });
            assert!(ends.take(2).all(|bytes| bytes == covers), "{covers}");
        }
    }
}

impl Told {
    /// Frames of no exchange are numbered like the first one of the first core.
    pub fn belongs_to(&self, exchange: ExchangeId) -> bool {
        self.exchange == exchange && !matches!(self.what, What::Session | What::Refused(_))
    }
}

fn read(bytes: &[u8]) -> Told {
    let (frame, rest) = Frame::read(bytes).expect("a frame");
    assert!(rest.is_empty());
    let event = Event::read(&frame).expect("a payload");
    let covers = match event {
        Event::RequestChunk { sent, .. } | Event::RequestWithheld { sent, .. } => sent,
        _ => 0,
    };
    let what = match event {
        Event::RequestHead { request, class, .. } => What::Request {
            decision: request.decision,
            generation: request.generation,
            class,
            rule: request.rule.into(),
            path: request.path.into(),
            headers: String::from_utf8_lossy(request.headers).into(),
        },
        Event::RequestChunk { bytes, .. } => What::Sent(bytes.to_vec()),
        Event::RequestWithheld { sent, .. } => What::Withheld(sent),
        Event::Repeated => What::Repeated,
        Event::ResponseHead(bytes) => What::ReplyHead(bytes.to_vec()),
        Event::ResponseChunk { bytes, .. } => What::Reply(bytes.to_vec()),
        Event::Part(_) | Event::PartEnd { .. } => What::Part,
        Event::MaskHit { hits, .. } => What::Hits(hits.iter().count()),
        Event::End(end) => What::End(end),
        Event::Refused { reasons, .. } => {
            What::Refused(reasons.iter().map(|(why, n)| (why.into(), n)).collect())
        }
        _ => What::Session,
    };
    Told {
        exchange: frame.header.exchange,
        sequence: frame.header.sequence,
        covers,
        what,
    }
}

fn mcp() -> Mcp {
    let key = Secret::new(vec![7; 32]);
    let pins = Pins::new().0;
    pins.set_connections(&[("up".into(), ToolPolicy::default())]);
    Mcp {
        sealer: Arc::new(Sealer::new([("k1", &key)]).expect("a key")),
        pins,
        tasks: Tasks::new().0,
        budgets: Arc::new(Budgets::compile(&[]).expect("no budgets")),
        metadata: Metadata::new(MetadataSpec::default()).expect("nothing to tell"),
        origins: Vec::new(),
        hosts: Vec::new(),
        message_bytes: 4 << 20,
        replica: 1,
        inner: None,
    }
}

fn rules(shape: &Shape, credentials: &Arc<Credentials>) -> Rules {
    let who = Who {
        issuer: "test".into(),
        roles: vec!["reader".into()],
        groups: shape.groups.clone(),
        ..Who::default()
    };
    let protocol = if shape.mcp {
        Protocol::Mcp
    } else {
        Protocol::Http
    };
    let lines = shape.lines.iter().copied();
    let policies = Policies {
        generation: shape.generation,
        policies: vec![policy("p", who, protocol, lines).expect("a policy")],
    };
    let connection = Connection {
        name: "up".into(),
        index: 0,
        upstream: Upstream {
            authority: "up.example".into(),
            base_path: "/base".into(),
            origin: "https://up.example/base".into(),
            tls: None,
        },
        row: 0,
        place: Arc::default(),
        credential: shape.credential.then_some(0),
        masks: match shape.hiding {
            Hiding::Nothing => None,
            Hiding::Links => Some(Arc::clone(&LINKS)),
            Hiding::All => Some(Arc::clone(&ALL)),
        },
        hides: shape.hiding == Hiding::All,
        class: shape.class,
        policies,
        forward: if shape.forward_all {
            ForwardFields::AllButAuthority
        } else {
            ForwardFields::Listed(vec!["x-listed".into()])
        },
        reply_fields: vec!["x-told".into()],
        upgrades: shape.upgrades.iter().map(|name| (*name).into()).collect(),
        retry: true,
        judged_bytes: 4 << 20,
        graph: None,
        limits: shape.limits,
        ejection: TOLERANCE,
        circuit: TOLERANCE,
        tunnel: None,
        offer: Offer::default(),
        mcp: shape.mcp.then(|| Box::new(mcp())),
    };
    Rules {
        generation: shape.generation,
        routes: vec![Route {
            host: None,
            path: PathPattern::parse("/up/**").expect("a pattern"),
            prefix: "/up".into(),
            connection: 0,
            cors: None,
        }],
        connections: vec![Arc::new(connection)],
        limits: shape.limits,
        public_url: None,
        via: Via::by("gw-1"),
        credentials: Arc::clone(credentials),
        inner: InnerWay::default(),
        traces: shape.traces,
    }
}
