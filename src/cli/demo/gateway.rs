//! The gateway of the demo: the one that `sluice serve` starts, from a file, and waited for.

use super::super::failure::{Doing, Failure};
use crate::cli::serve;
use crate::control::config;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;

/// Issuer and directory are on loopback: whoever is not ready by then never will be.
const PATIENCE: Duration = Duration::from_secs(10);

/// The running gateway.
pub struct Gateway {
    running: serve::Gateway,
    address: SocketAddr,
}

impl Gateway {
    /// Starts it from the file at `path` and waits until it says that it is ready.
    pub async fn start(path: &Path) -> Result<Gateway, Failure> {
        let path = path.to_owned();
        // It starts runtimes of its own, which this one's threads may not do.
        let starting = spawn_blocking(move || {
            let config = config::load(&path).doing("read the demo's configuration")?;
            serve::Gateway::start(&config)
        });
        let running = starting.await.doing("start the gateway")??;
        let address = running.addresses().first().copied();
        let address = address.ok_or_else(|| Failure::new("the gateway listens nowhere"))?;
        let gateway = Gateway { running, address };
        gateway.ready().await?;
        Ok(gateway)
    }

    /// Where callers connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Base URL of its admin listener.
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.running.admin_address())
    }

    /// Lets it end what it has begun, and ends it.
    pub async fn stop(self) -> Result<(), Failure> {
        let stopping = spawn_blocking(move || self.running.stop());
        stopping.await.doing("stop the gateway")?
    }

    async fn ready(&self) -> Result<(), Failure> {
        let started = Instant::now();
        loop {
            let answer = readyz(self.running.admin_address()).await;
            let answer = answer.doing("ask the gateway whether it is ready")?;
            if answer.starts_with("HTTP/1.1 200") {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                return Err(Failure::new(format!("the gateway is not ready:\n{answer}")));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The whole answer to `GET /readyz`.
async fn readyz(admin: SocketAddr) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(admin).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
}
