//! One line of the table, once.

use std::process::Command;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cases::{Case, Connects, Requests, Row, Tokens, Way};
use super::cpu::{self, Each};
use super::peers::{Door, Peer};
use super::placement;
use super::stage::Stage;
use crate::{Outcome, load, pinned, streams};

/// What came of one line in one round.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    pub case: &'static str,
    pub proxy: &'static str,
    pub does: String,
    pub round: usize,
    /// What a cache line's round trip between the two cores took just before, nanoseconds.
    pub placement: f64,
    /// Requests or events a second; MiB a second where there is a flood.
    pub rate: f64,
    /// CPU time of each of them, microseconds; nothing where connections are only held.
    pub cpu: Option<Each>,
    /// From the closed loop, where there was one.
    pub closed: Option<Delays>,
    /// At fixed rates, or of events.
    pub open: Vec<Delays>,
    /// Resident memory, KiB, and what each connection that is held adds to it.
    pub resident_kib: u64,
    pub kib_each: Option<f64>,
    /// Reads that brought more than one event.
    pub coalesced: Option<f64>,
    pub failed: u64,
}

/// Delays, microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Delays {
    /// Requests a second of an open loop.
    pub at: Option<f64>,
    /// It could not be followed, and the delays mean nothing.
    pub saturated: bool,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Delays {
    fn of(report: &load::Report, at: Option<f64>) -> Delays {
        Delays {
            at,
            saturated: report.saturated,
            p50: report.p50,
            p99: report.p99,
            p999: report.p999,
            max: report.max,
        }
    }
}

/// How much is done, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    pub rounds: usize,
    /// Seconds of each load.
    pub seconds: f64,
    /// At how many of its rates a case is loaded, at most.
    pub rates: usize,
    /// Tokens of each kind.
    pub tokens: usize,
    /// Connections that are held.
    pub held: usize,
}

/// Seconds in which what comes before a measurement is done with by any proxy.
const WARM: f64 = 20.0;

/// Who is measured, through which door, and how hard.
struct Subject<'a> {
    peer: &'a Peer,
    door: Door,
    effort: Effort,
}

impl Stage<'_> {
    /// Nothing when whoever would do it is absent, or cannot.
    pub fn sample(
        &self,
        case: &Case,
        row: Row,
        round: usize,
        effort: Effort,
    ) -> Outcome<Option<Sample>> {
        let Some(resident) = self.peers.get(row.kind) else {
            return Ok(None);
        };
        if resident.door(row.duty, case.tls).is_none() {
            return Ok(None);
        }
        // Memory given back is still resident, and a token once seen is remembered.
        let fresh = match case.needs_fresh() {
            true => Some(self.another(row.kind)?),
            false => None,
        };
        let peer = fresh.as_ref().unwrap_or(resident);
        let door = peer.door(row.duty, case.tls).ok_or("no such door")?;
        let subject = Subject { peer, door, effort };
        let mut sample = Sample {
            case: case.name,
            proxy: row.kind.name(),
            does: row.duty.says(row.kind),
            round,
            placement: placement::probe(self.cores.proxy, self.cores.load)?,
            rate: 0.0,
            cpu: None,
            closed: None,
            open: Vec::new(),
            resident_kib: 0,
            kib_each: None,
            coalesced: None,
            failed: 0,
        };
        match case.way {
            Way::Requests(requests) => self.requests(&subject, requests, &mut sample)?,
            Way::Ticks {
                target,
                streams,
                beside,
            } => self.ticks(&subject, target, streams, beside, &mut sample)?,
            Way::Held { target, body } => self.hold(&subject, target, body, &mut sample)?,
        }
        sample.resident_kib = peer.resident_kib()?;
        if !peer.is_running() || !self.base.origin.is_running() {
            return Err(format!("{} or the origin has ended by itself", row.kind.name()).into());
        }
        Ok(Some(sample))
    }

    fn requests(&self, of: &Subject, what: Requests, sample: &mut Sample) -> Outcome<()> {
        let seconds = of.effort.seconds;
        let all_tokens = format!("--requests={}", of.effort.tokens);
        let mut bound = Vec::new();
        match what.tokens {
            Tokens::One => {}
            Tokens::New(_) => {
                // The process is fresh: what it makes once is made here.
                let tokens = Tokens::One;
                self.load(of, Requests { tokens, ..what }, WARM, &["--requests=2000"])?;
                bound.push(all_tokens.as_str());
            }
            Tokens::Turns(_) => {
                self.load(of, what, WARM, &[&all_tokens])?;
            }
        }
        let before = of.peer.cpu()?;
        let closed = self.load(of, what, seconds, &bound)?;
        let after = cpu::when_quiet(|| of.peer.cpu())?;
        sample.cpu = Some(after.since(&before).per(closed.requests));
        sample.rate = closed.requests as f64 / closed.seconds;
        sample.closed = Some(Delays::of(&closed, None));
        sample.failed = closed.failed;
        for &rate in what.rates.iter().take(of.effort.rates) {
            let open = self.load(of, what, seconds, &[&format!("--rate={rate}")])?;
            sample.open.push(Delays::of(&open, Some(rate)));
            sample.failed += open.failed;
            cpu::when_quiet(|| of.peer.cpu())?;
        }
        Ok(())
    }

    fn load(
        &self,
        of: &Subject,
        what: Requests,
        seconds: f64,
        more: &[&str],
    ) -> Outcome<load::Report> {
        let tokens = match what.tokens {
            Tokens::One => &self.base.issued.token_file,
            Tokens::New(algorithm) | Tokens::Turns(algorithm) => self.base.tokens(algorithm),
        };
        let mut command = self.child(of, "load", what.target)?;
        command
            .args(["--connections", &what.connections.to_string()])
            .args(["--seconds", &seconds.to_string()])
            .arg("--token-file")
            .arg(tokens)
            .args(more);
        if what.call {
            command.arg("--call");
        }
        if what.connects != Connects::Once {
            command.arg("--fresh");
        }
        if what.connects == Connects::Resuming {
            command.arg("--resume");
        }
        report(&mut command)
    }

    fn ticks(
        &self,
        of: &Subject,
        target: &str,
        streams: usize,
        beside: Option<&str>,
        sample: &mut Sample,
    ) -> Outcome<()> {
        let mut command = self.held(of, target, streams)?;
        command.args(["--seconds", &of.effort.seconds.to_string()]);
        if let Some(beside) = beside {
            command.arg(format!("--beside={}{beside}", of.door.prefix));
        }
        let before = of.peer.cpu()?;
        let report: streams::Report = self::report(&mut command)?;
        let after = cpu::when_quiet(|| of.peer.cpu())?;
        let used = after.since(&before);
        sample.rate = report.events as f64 / report.seconds;
        sample.cpu = Some(used.per(report.all_events));
        if beside.is_some() {
            // Most of it went into the flood.
            sample.rate = report.beside;
            sample.cpu = None;
        }
        sample.coalesced = Some(report.coalesced);
        sample.open.push(Delays {
            at: None,
            saturated: false,
            p50: report.p50,
            p99: report.p99,
            p999: report.p999,
            max: report.max,
        });
        Ok(())
    }

    fn hold(&self, of: &Subject, target: &str, body: usize, sample: &mut Sample) -> Outcome<()> {
        let mut command = self.held(of, target, of.effort.held)?;
        command.args(["--body", &body.to_string()]).args(
            of.peer
                .processes
                .iter()
                .map(|process| format!("--watch={process}")),
        );
        let report: streams::Report = self::report(&mut command)?;
        sample.kib_each = Some(report.kib_each);
        Ok(())
    }

    fn held(&self, of: &Subject, target: &str, count: usize) -> Outcome<Command> {
        let mut command = self.child(of, "streams", target)?;
        command
            .args(["--count", &count.to_string()])
            .arg("--token-file")
            .arg(&self.base.issued.token_file);
        Ok(command)
    }

    /// One of the rig's own commands, on the other core, against the door.
    fn child(&self, of: &Subject, command: &str, target: &str) -> Outcome<Command> {
        let mut child = pinned::on_core(self.cores.load, std::env::current_exe()?)?;
        child
            .arg(command)
            .args(["--to", &of.door.address.to_string()])
            .args(["--target", &format!("{}{target}", of.door.prefix)]);
        if of.door.tls.down {
            child.arg("--ca").arg(&self.base.pki.ca);
        }
        Ok(child)
    }
}

/// Runs a command, and reads the line of JSON it prints.
fn report<T: DeserializeOwned>(command: &mut Command) -> Outcome<T> {
    let output = command.output()?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?}: {why}").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
