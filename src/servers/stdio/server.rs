//! One server: its processes, its sessions, and what holds for all of them.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout};

use super::groups::Groups;
use super::log::Log;
use super::pause::Pauses;
use super::process::{Ending, Process, Refused};
use super::session::Session;
use super::{Era, Share, Slot, StdioServer};
use crate::base::limits::STDIO_ERA_TIME;
use crate::servers::host::random_hex;
use crate::servers::{Health, Principal};

/// How often it is looked for what nobody uses, at most and at least.
const SWEEP: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// A server that is reachable.
pub(in crate::servers) struct Server {
    groups: Arc<Groups>,
    state: Mutex<State>,
}

struct State {
    plan: Arc<StdioServer>,
    log: Arc<Log>,
    /// Processes of this plan.
    live: HashMap<Slot, Arc<Process>>,
    /// Processes of former plans, which go on for the sessions they have.
    retired: Vec<Arc<Process>>,
    /// Processes on their way out.
    leaving: Vec<Arc<Process>>,
    sessions: HashMap<String, Arc<Session>>,
    pauses: Pauses,
    /// Why no process could be started the last time.
    failed: Option<String>,
    /// Until when it is taken for granted that it speaks no revision without sessions.
    needs_sessions: Option<Instant>,
    is_ended: bool,
}

/// Why there is no process for a caller.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unavailable {
    /// It failed a moment ago.
    #[error("the server is not started again yet")]
    Paused(Duration),
    /// As many run as may.
    #[error("too many processes of this server run")]
    Full,
    /// The system does not start it.
    #[error("the server cannot be started")]
    Unstartable,
    /// The server is not configured any more.
    #[error("there is no such server any more")]
    Ended,
    /// The process does not take it.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl Server {
    pub(super) fn new(plan: StdioServer, groups: Arc<Groups>) -> Arc<Server> {
        let server = Arc::new(Server {
            groups,
            state: Mutex::new(State {
                log: log_of(&plan),
                plan: Arc::new(plan),
                live: HashMap::new(),
                retired: Vec::new(),
                leaving: Vec::new(),
                sessions: HashMap::new(),
                pauses: Pauses::default(),
                failed: None,
                needs_sessions: None,
                is_ended: false,
            }),
        });
        tokio::spawn(sweep(Arc::downgrade(&server)));
        server
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plan in force.
    pub(super) fn plan(&self) -> Arc<StdioServer> {
        self.state().plan.clone()
    }

    /// Takes a plan. If it is another one, what runs goes on for the sessions it has.
    pub(super) fn set_plan(&self, plan: StdioServer) {
        let mut state = self.state();
        if *state.plan == plan {
            return;
        }
        state.log = log_of(&plan);
        state.plan = Arc::new(plan);
        let retired: Vec<_> = state.live.drain().map(|(_, process)| process).collect();
        state.retired.extend(retired);
        state.pauses = Pauses::default();
        state.failed = None;
        state.needs_sessions = None;
    }

    /// The process for a principal, started if there is none.
    pub(super) fn process(
        self: &Arc<Self>,
        principal: Principal,
        era: Era,
    ) -> Result<Arc<Process>, Unavailable> {
        let mut state = self.state();
        if state.is_ended {
            return Err(Unavailable::Ended);
        }
        let slot = Slot {
            principal: (state.plan.share == Share::Principal).then_some(principal),
            era,
        };
        if let Some(process) = state.live.get(&slot).filter(|process| !process.is_ending()) {
            process.touch();
            return Ok(process.clone());
        }
        if let Some(left) = state.pauses.left(&slot) {
            return Err(Unavailable::Paused(left));
        }
        let bound = state.plan.processes.max(1);
        if state.live.len() + state.retired.len() >= bound || state.leaving.len() > bound {
            return Err(Unavailable::Full);
        }
        match self.start(&state, slot) {
            Ok(process) => {
                state.failed = None;
                state.live.insert(slot, process.clone());
                Ok(process)
            }
            Err(error) => {
                let why = format!("{} cannot be started: {error}", state.plan.command);
                state.log.note(&why);
                state.pauses.add(slot, &why, Duration::ZERO);
                state.failed = Some(why);
                Err(Unavailable::Unstartable)
            }
        }
    }

    fn start(self: &Arc<Self>, state: &State, slot: Slot) -> io::Result<Arc<Process>> {
        let server = Arc::downgrade(self);
        let gone = move |process: &Arc<Process>, why: &Ending| {
            if let Some(server) = server.upgrade() {
                server.gone(process, why);
            }
        };
        let (plan, log) = (state.plan.clone(), state.log.clone());
        Process::start(plan, slot, log, &self.groups, gone)
    }

    /// A process takes nothing more: neither it nor its sessions are known any longer.
    fn gone(&self, process: &Arc<Process>, why: &Ending) {
        let mut state = self.state();
        let is_it = |other: &Arc<Process>| Arc::ptr_eq(other, process);
        let was_live = state.live.get(&process.slot).is_some_and(is_it);
        if was_live {
            state.live.remove(&process.slot);
        }
        state.retired.retain(|other| !is_it(other));
        state.sessions.retain(|_, session| !is_it(&session.process));
        state.leaving.retain(|process| !process.has_gone());
        state.leaving.push(process.clone());
        if let Ending::Fault(why) = why
            && was_live
        {
            state
                .pauses
                .add(process.slot, why, process.started.elapsed());
        }
    }

    /// A session with a process, not reachable before [`Server::welcome`].
    pub(super) fn new_session(
        &self,
        principal: Principal,
        process: Arc<Process>,
    ) -> Result<Arc<Session>, Unavailable> {
        let id = random_hex::<16>().map_err(|_| Unavailable::Unstartable)?;
        let session = Session::new(id, principal, process);
        session.process.join(&session)?;
        Ok(session)
    }

    /// Makes a session reachable.
    pub(super) fn welcome(&self, session: &Arc<Session>) {
        self.state()
            .sessions
            .insert(session.id.clone(), session.clone());
    }

    /// The session of that id, if it is this principal's.
    pub(super) fn session(&self, id: &str, principal: Principal) -> Option<Arc<Session>> {
        let session = self.state().sessions.get(id).cloned()?;
        let is_theirs = session.principal == principal && !session.is_over();
        is_theirs.then(|| {
            session.touch();
            session
        })
    }

    /// Ends a session. A process that was there for nobody else ends with it.
    pub(super) fn end_session(&self, session: &Arc<Session>) {
        self.state().sessions.remove(&session.id);
        let process = &session.process;
        process.leave(session);
        if process.slot.principal.is_some() && process.unused_since().is_some() {
            process.end(Ending::Asked);
        }
    }

    /// Whether it is known that only revisions with sessions are spoken here.
    pub(super) fn needs_sessions(&self) -> bool {
        let until = self.state().needs_sessions;
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Remembers that only revisions with sessions are spoken here; the process that said so has
    /// nothing else to do.
    pub(super) fn learn_that_it_needs_sessions(&self, process: &Process) {
        self.state().needs_sessions = Some(Instant::now() + STDIO_ERA_TIME);
        process.end(Ending::Asked);
    }

    pub(super) fn current_health(&self) -> Health {
        let state = self.state();
        let processes = || state.live.values().chain(&state.retired);
        let running = processes().filter(|process| process.has_spoken()).count();
        if running > 0 {
            return Health::Running { parts: running };
        }
        if processes().next().is_some() {
            return Health::Starting;
        }
        if let Some(why) = &state.failed {
            return Health::Failed(why.clone());
        }
        match state.pauses.longest() {
            Some((why, left)) => Health::BackingOff { why, left },
            None => Health::Idle,
        }
    }

    /// Takes no new callers, lets open calls end for so long, and ends all processes.
    pub(super) async fn finish(&self, drain: Duration) {
        self.state().is_ended = true;
        let all = || {
            let state = self.state();
            let all = state
                .live
                .values()
                .chain(&state.retired)
                .chain(&state.leaving);
            all.cloned().collect::<Vec<_>>()
        };
        let is_busy = || all().iter().any(|process| process.open_calls() > 0);
        let drained = async {
            while is_busy() {
                sleep(SWEEP.0).await;
            }
        };
        let _ = timeout(drain, drained).await;
        let processes = all();
        processes
            .iter()
            .for_each(|process| process.end(Ending::Asked));
        join_all(processes.iter().map(|process| process.is_gone())).await;
    }

    /// Ends what nobody uses.
    fn sweep(&self) {
        let now = Instant::now();
        let (sessions, processes, retired) = {
            let mut state = self.state();
            state.leaving.retain(|process| !process.has_gone());
            state.pauses.forget(now);
            let sessions: Vec<_> = state.sessions.values().cloned().collect();
            let live: Vec<_> = state.live.values().cloned().collect();
            (sessions, live, state.retired.clone())
        };
        for session in sessions {
            if now.duration_since(session.used()) >= session.process.plan.idle {
                self.end_session(&session);
            }
        }
        let idle = |process: &Arc<Process>, after: Duration| {
            let since = process.unused_since();
            since.is_some_and(|since| now.duration_since(since) >= after)
        };
        let live = processes
            .iter()
            .filter(|process| idle(process, process.plan.idle));
        let old = retired
            .iter()
            .filter(|process| idle(process, Duration::ZERO));
        live.chain(old)
            .for_each(|process| process.end(Ending::Asked));
    }
}

fn log_of(plan: &StdioServer) -> Arc<Log> {
    let secrets = plan.env.iter().map(|(_, value)| value);
    Arc::new(Log::new(&plan.name, secrets))
}

async fn sweep(server: Weak<Server>) {
    while let Some(strong) = server.upgrade() {
        let every = (strong.plan().idle / 4).clamp(SWEEP.0, SWEEP.1);
        strong.sweep();
        drop(strong);
        sleep(every).await;
    }
}
