//! The proxies that are measured, each behind the same few words: who it is, what it can do and
//! where, and which processes its work is done in.
//!
//! A peer that cannot be had on this machine is an [`Absent`] with the reason, which the results
//! show; the others are measured all the same.

mod nginx;
mod relay;
mod sluice;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use super::issuer::Issued;
use super::process::{self, Child, Cpu};
use crate::Outcome;

/// Who stands between load and origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The floor.
    Relay,
    Nginx,
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
    /// Hides texts wherever they stand: the first so many of [`crate::bodies::LITERALS`], and so
    /// many JSON fields.
    Mask { literals: usize, fields: usize },
    /// Sluice's everyday: token, policy, credential, both sides recorded.
    Guard,
    /// The same for MCP, judged call by call.
    Mcp,
    /// As [`Duty::Guard`], with the request on disk before it goes upstream.
    Durable,
}

/// Where a peer does one duty.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    pub duty: Duty,
    pub address: SocketAddr,
    /// What stands before the origin's own target.
    pub prefix: &'static str,
}

/// What every peer is started with: the same for all.
pub struct Ground<'a> {
    /// Each makes a directory of its own in here.
    pub directory: &'a Path,
    pub origin: SocketAddr,
    /// The only core to run on.
    pub core: usize,
    /// How many files each may open at once.
    pub files: u64,
    /// Whose tokens are good.
    pub issued: &'a Issued,
    pub sluice: &'a Path,
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
    pub const ALL: [Kind; 3] = [Kind::Relay, Kind::Nginx, Kind::Sluice];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Relay => "relay",
            Kind::Nginx => "nginx",
            Kind::Sluice => "sluice",
        }
    }

    /// Installs it where it is missing and can be had, and starts it.
    fn start(self, ground: &Ground) -> Outcome<Peer> {
        match self {
            Kind::Relay => relay::start(ground),
            Kind::Nginx => nginx::start(ground),
            Kind::Sluice => sluice::start(ground),
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
                Err(error) if kind == Kind::Sluice => return Err(error),
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
    pub fn door(&self, duty: Duty) -> Option<Door> {
        self.doors.iter().find(|door| door.duty == duty).copied()
    }

    /// False when it has ended by itself.
    pub fn is_running(&self) -> bool {
        self.children.iter().all(Child::is_running)
    }

    /// CPU time it has used.
    pub fn cpu(&self) -> Outcome<Cpu> {
        self.sum(process::cpu)
    }

    /// The same once it has caught up with its work, so that work that was put off counts.
    pub fn cpu_when_quiet(&self) -> Outcome<Cpu> {
        self.sum(process::cpu_when_quiet)
    }

    /// Memory that is resident.
    pub fn resident_kib(&self) -> Outcome<u64> {
        let each = self.processes.iter().map(|&pid| process::resident_kib(pid));
        each.sum()
    }

    fn sum(&self, of: fn(u32) -> Outcome<Cpu>) -> Outcome<Cpu> {
        let mut all = Cpu::default();
        for &pid in &self.processes {
            let one = of(pid)?;
            // Only Sluice has threads of different kinds.
            all = all.and(&match self.kind {
                Kind::Sluice => one,
                _ => one.all_worker(),
            });
        }
        Ok(all)
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
