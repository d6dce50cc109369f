//! The proxies that are measured, each behind the same few words: who it is, what it can do and
//! where, and which processes its work is done in.
//!
//! A peer that cannot be had on this machine is an [`Absent`] with the reason, which the results
//! show; the others are measured all the same.

mod envoy;
mod haproxy;
mod install;
mod nginx;
mod pingora;
mod relay;
mod sluice;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, Instant};

use super::cpu::{self, Cpu, Threads};
use super::issuer::Issued;
use super::keys::Algorithm;
use super::process::Child;
use crate::Outcome;
use crate::bodies;
use crate::pki::Pki;

/// Who stands between load and origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The floor.
    Relay,
    Nginx,
    Haproxy,
    Envoy,
    Pingora,
    /// Another build of Sluice, to compare with.
    Before,
    Sluice,
}

/// What a proxy does with a request beside passing it on. A peer has a [`Door`] for each of its
/// duties.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Duty {
    /// Nothing beside it.
    Relay,
    /// Nothing either, and what comes of an event stream goes on at once.
    Stream,
    /// Hides texts wherever they stand, the first so many of [`crate::bodies::LITERALS`], and so
    /// many JSON fields. Sluice does it beside what [`Duty::Guard`] asks of it.
    Mask { literals: usize, fields: usize },
    /// Proves the token of every request, and relays.
    Token(Algorithm),
    /// The least that Sluice does: token, policy, both sides recorded.
    Policy,
    /// Sluice's everyday: the same, and a credential is added.
    Guard,
    /// The same for MCP, judged call by call.
    Mcp,
    /// As [`Duty::Guard`], with the request on disk before it goes upstream.
    Durable,
}

/// Which sides of a proxy speak TLS: that of the callers, that of the origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tls {
    pub down: bool,
    pub up: bool,
}

/// Where a peer does one duty.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    pub duty: Duty,
    pub tls: Tls,
    pub address: SocketAddr,
    /// What stands before the origin's own target.
    pub prefix: &'static str,
}

/// What every peer is started with: the same for all.
pub struct Ground<'a> {
    /// Each makes a directory of its own in here.
    pub directory: &'a Path,
    pub origin: SocketAddr,
    /// The same in TLS.
    pub origin_tls: SocketAddr,
    /// What TLS listeners show, and whom to trust as the origin in TLS.
    pub pki: &'a Pki,
    /// The only core to run on.
    pub core: usize,
    /// How many files each may open at once.
    pub files: u64,
    /// Whose tokens are good.
    pub issued: &'a Issued,
    pub sluice: &'a Path,
    /// Another build of it.
    pub before: Option<&'a Path>,
    /// How Sluice drives its sockets.
    pub io: &'a str,
}

/// A proxy, running; it ends with this value.
pub struct Peer {
    pub kind: Kind,
    pub version: String,
    /// The processes that do its work: their CPU time and memory count.
    pub processes: Vec<u32>,
    pub doors: Vec<Door>,
    /// What must live as long as it does.
    children: Vec<Child>,
}

/// A peer that is not there.
pub struct Absent {
    pub kind: Kind,
    pub why: String,
}

/// All that stand, and why others do not.
pub struct Peers {
    pub present: Vec<Peer>,
    pub absent: Vec<Absent>,
}

impl Kind {
    pub const ALL: [Kind; 7] = [
        Kind::Relay,
        Kind::Nginx,
        Kind::Haproxy,
        Kind::Envoy,
        Kind::Pingora,
        Kind::Before,
        Kind::Sluice,
    ];
    /// All but Sluice, the floor first.
    pub const OTHERS: [Kind; 5] = [
        Kind::Relay,
        Kind::Nginx,
        Kind::Haproxy,
        Kind::Envoy,
        Kind::Pingora,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Relay => "relay",
            Kind::Nginx => "nginx",
            Kind::Haproxy => "haproxy",
            Kind::Envoy => "envoy",
            Kind::Pingora => "pingora",
            Kind::Before => "before",
            Kind::Sluice => "sluice",
        }
    }

    /// Whether it is a Sluice.
    pub fn is_ours(self) -> bool {
        matches!(self, Kind::Sluice | Kind::Before)
    }

    /// Installs it where it is missing and can be had, and starts it.
    pub fn start(self, ground: &Ground) -> Outcome<Peer> {
        match self {
            Kind::Relay => relay::start(ground),
            Kind::Nginx => nginx::start(ground),
            Kind::Haproxy => haproxy::start(ground),
            Kind::Envoy => envoy::start(ground),
            Kind::Pingora => pingora::start(ground),
            Kind::Before => sluice::start(ground, self, ground.before.ok_or("no such build")?),
            Kind::Sluice => sluice::start(ground, self, ground.sluice),
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(name: &str) -> Result<Kind, String> {
        let names = Kind::ALL.map(Kind::name).join(", ");
        let mut all = Kind::ALL.into_iter();
        all.find(|kind| kind.name() == name)
            .ok_or(format!("one of {names}"))
    }
}

impl Tls {
    pub const NONE: Tls = Tls {
        down: false,
        up: false,
    };
    pub const DOWN: Tls = Tls {
        down: true,
        up: false,
    };
    pub const UP: Tls = Tls {
        down: false,
        up: true,
    };
    pub const BOTH: Tls = Tls {
        down: true,
        up: true,
    };
}

impl Duty {
    /// What a peer can do that knows no fields, and the same with a long list.
    pub const TEXTS: Duty = Duty::mask(bodies::LITERALS.len(), 0);
    pub const LONG_TEXTS: Duty = Duty::mask(bodies::LONG_LIST, 0);
    /// What "everything on" means, and the same with a long list.
    pub const EVERYTHING: Duty = Duty::mask(bodies::LITERALS.len(), bodies::FIELDS.len());
    pub const LONG_MASK: Duty = Duty::mask(bodies::LONG_LIST, bodies::FIELDS.len());

    const fn mask(literals: usize, fields: usize) -> Duty {
        Duty::Mask { literals, fields }
    }

    /// In the words of the table.
    pub fn says(self, kind: Kind) -> String {
        match self {
            Duty::Relay | Duty::Stream => "relays".to_owned(),
            Duty::Token(algorithm) => format!("proves {}", algorithm.name()),
            Duty::Policy => "token, policy, record".to_owned(),
            Duty::Guard => "same + credential".to_owned(),
            Duty::Durable => "same + credential, durable".to_owned(),
            Duty::Mcp => "token, tool policy, record".to_owned(),
            Duty::Mask { literals, .. } if !kind.is_ours() => format!("mask {literals}"),
            Duty::Mask {
                literals,
                fields: 0,
            } => format!("same + credential, mask {literals}"),
            Duty::Mask { literals, fields } => {
                format!("everything on, mask {literals}+{fields}")
            }
        }
    }
}

impl Peers {
    /// Starts all of `kinds`. Only Sluice has to be there.
    pub fn start(ground: &Ground, kinds: &[Kind]) -> Outcome<Peers> {
        let mut peers = Peers {
            present: Vec::new(),
            absent: Vec::new(),
        };
        for &kind in kinds {
            match kind.start(ground) {
                Ok(peer) => peers.present.push(peer),
                Err(error) if kind.is_ours() => return Err(error),
                Err(error) => peers.absent.push(Absent {
                    kind,
                    why: error.to_string(),
                }),
            }
        }
        Ok(peers)
    }

    pub fn get(&self, kind: Kind) -> Option<&Peer> {
        self.present.iter().find(|peer| peer.kind == kind)
    }
}

impl Peer {
    /// Where it does `duty`, if it can.
    pub fn door(&self, duty: Duty, tls: Tls) -> Option<Door> {
        let fits = |door: &&Door| door.duty == duty && door.tls == tls;
        self.doors.iter().find(fits).copied()
    }

    /// False when it has ended by itself.
    pub fn is_running(&self) -> bool {
        self.children.iter().all(Child::is_running)
    }

    /// CPU time it has used.
    pub fn cpu(&self) -> Outcome<Cpu> {
        // Only Sluice has threads of different kinds.
        let threads = match self.kind.is_ours() {
            true => Threads::Named,
            false => Threads::Workers,
        };
        let mut all = Cpu::default();
        for &process in &self.processes {
            all = all.and(&cpu::used(process, threads)?);
        }
        Ok(all)
    }

    /// Memory that is resident.
    pub fn resident_kib(&self) -> Outcome<u64> {
        let each = self
            .processes
            .iter()
            .map(|&process| cpu::resident_kib(process));
        each.sum()
    }
}

/// An address that was free a moment ago, for those who cannot be asked which port they took.
fn free_address() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Waits until `child` listens on `address`.
fn wait_until_open(child: &Child, address: SocketAddr) -> Outcome<()> {
    let begin = Instant::now();
    while TcpStream::connect(address).is_err() {
        if !child.is_running() || begin.elapsed() > Duration::from_secs(10) {
            return Err(format!("it does not start: {}", child.said()).into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
