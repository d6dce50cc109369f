//! The thread that all servers of our own run on.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures_util::future::join_all;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::door::Door;
use super::mounts::Mounts;
use super::{Around, Health, Plan, Served, stdio, union};
use crate::base::hex;
use crate::base::limits::DRAIN_TIME;
use crate::base::secret::Secret;

/// Runs the servers of a [`Plan`] behind one address on loopback, until it is stopped or dropped.
pub struct Host {
    address: SocketAddr,
    secret: Secret,
    servers: Arc<Servers>,
    runtime: Handle,
    /// Reloads do not overlap.
    setting: Mutex<()>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What there is to be reached.
#[derive(Default)]
pub(super) struct Servers {
    pub stdio: Mounts<stdio::Server>,
    pub unions: Mounts<union::Server>,
    /// Servers that are not reachable any more and still let calls end.
    draining: Mutex<Vec<Weak<stdio::Server>>>,
    around: Around,
}

impl Host {
    /// Binds 127.0.0.1, makes up a secret and starts the thread. No server's process is started
    /// before somebody calls it.
    ///
    /// # Errors
    /// When there is no socket, no randomness or no thread.
    pub fn start(plan: Plan) -> io::Result<Host> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let secret = Secret::new(random_hex::<32>()?.into_bytes());
        let (stop, stopped) = oneshot::channel();
        let mut host = Host {
            address,
            secret: secret.clone(),
            servers: Arc::default(),
            runtime: runtime.handle().clone(),
            setting: Mutex::default(),
            stop: Some(stop),
            thread: None,
        };
        host.set(plan);
        let servers = host.servers.clone();
        let run = async move {
            let Ok(listener) = TcpListener::from_std(listener) else {
                return;
            };
            let door = Door {
                secret,
                servers: servers.clone(),
            };
            let watching = servers.around.groups.clone().watch();
            tokio::select! {
                () = door.serve(listener) => {}
                () = watching => {}
                _ = stopped => {}
            }
            servers.end().await;
        };
        let thread = thread::Builder::new().name("servers".to_owned());
        host.thread = Some(thread.spawn(move || runtime.block_on(run))?);
        Ok(host)
    }

    /// Where the servers are: `/stdio/{name}` and `/union/{name}`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What every request must show in [`super::SECRET_HEADER`].
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Makes this the plan in force: what is unchanged runs on, what is new is reachable when this
    /// returns, what is gone ends once its open calls have.
    pub fn set(&self, plan: Plan) {
        let _one = self.setting.lock().unwrap_or_else(PoisonError::into_inner);
        let _context = self.runtime.enter();
        let servers = &self.servers;
        servers.around.inner.store(plan.inner.map(Arc::new));
        for gone in servers.stdio.set(plan.stdio, &servers.around) {
            servers.draining().push(Arc::downgrade(&gone));
            self.runtime.spawn(gone.end(DRAIN_TIME));
        }
        for gone in servers.unions.set(plan.unions, &servers.around) {
            self.runtime.spawn(gone.end(DRAIN_TIME));
        }
    }

    /// How the server of that name is; none if there is no such server.
    #[must_use]
    pub fn health(&self, name: &str) -> Option<Health> {
        self.servers.health(name)
    }

    /// The same for whoever outlives the host: of one that has ended there is none.
    pub fn healths(&self) -> impl Fn(&str) -> Option<Health> + Send + Sync + use<> {
        let servers = Arc::downgrade(&self.servers);
        move |name| servers.upgrade()?.health(name)
    }

    /// Ends every server and waits until nothing is left of them.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It did not end well if it panicked, and has said so itself.
            let _ = thread.join();
        }
    }
}

impl Servers {
    fn health(&self, name: &str) -> Option<Health> {
        let stdio = self.stdio.find(name).map(|server| server.health());
        stdio.or_else(|| Some(self.unions.find(name)?.health()))
    }

    /// Forgets those that are gone.
    fn draining(&self) -> MutexGuard<'_, Vec<Weak<stdio::Server>>> {
        let mut draining = self.draining.lock().unwrap_or_else(PoisonError::into_inner);
        draining.retain(|server| server.strong_count() > 0);
        draining
    }

    async fn end(&self) {
        let unions = self.unions.set(Vec::new(), &self.around);
        // Unions first: their members may be processes of ours.
        join_all(unions.into_iter().map(|union| union.end(Duration::ZERO))).await;
        let mut stdio = self.stdio.set(Vec::new(), &self.around);
        stdio.extend(self.draining().iter().filter_map(Weak::upgrade));
        // Whoever stops the host has let callers finish before.
        join_all(stdio.into_iter().map(|server| server.end(Duration::ZERO))).await;
    }
}

/// So many random bytes in hexadecimal digits.
pub(super) fn random_hex<const BYTES: usize>() -> io::Result<String> {
    let mut bytes = [0; BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| io::Error::other("no randomness"))?;
    Ok(hex::text(&bytes))
}
