//! The servers of the gateway's own, as the configuration has them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::pseudonyms::fresh;
use crate::base::addresses::Addresses;
use crate::base::hex;
use crate::base::secret::Secret;
use crate::cli::Failure;
use crate::cli::failure::Doing;
use crate::control::OwnServers;
use crate::control::config::{Config, Reach, Share};
use crate::servers::stdio;
use crate::servers::{Host, Inner, Plan, StdioServer, Union};

/// The host of the gateway's own servers, which runs once there is something to host.
pub(super) struct Servers {
    host: Host,
    inner: Inner,
}

impl Servers {
    /// Starts what `config` asks for. `inner` is where the workers take requests from within.
    pub(super) fn start(config: &Config, inner: SocketAddr) -> Result<Servers, Failure> {
        let inner = Inner {
            address: inner,
            secret: hex_secret()?,
        };
        let host = Host::start(plan(config, &inner)).doing("the servers of the gateway's own")?;
        Ok(Servers { host, inner })
    }

    /// Where they are.
    pub(super) fn address(&self) -> SocketAddr {
        self.host.address()
    }

    /// What they know the gateway by.
    pub(super) fn secret(&self) -> &Secret {
        self.host.secret()
    }

    /// What the gateway knows them by.
    pub(super) fn inner_secret(&self) -> &Secret {
        &self.inner.secret
    }

    /// Tells how they are, for the operator.
    pub(super) fn states(&self) -> OwnServers {
        let healths = self.host.healths();
        Arc::new(move |name| {
            let health = healths(name)?;
            let told = health.to_string();
            Some(match health.is_good() {
                true => Ok(told),
                false => Err(told),
            })
        })
    }

    /// Says where the connections of `config` are that lead to them.
    pub(super) fn publish(&self, config: &Config, addresses: &Addresses) {
        for (index, connection) in config.connections.iter().enumerate() {
            if let (None, Some(place)) = (connection.upstream(), addresses.place(index)) {
                place.publish(vec![self.address()]);
            }
        }
    }

    /// Takes over another configuration: what is unchanged runs on, what is gone ends once its open
    /// calls have.
    pub(super) fn set(&self, config: &Config) {
        self.host.set(plan(config, &self.inner));
    }

    /// Ends them all.
    pub(super) fn stop(self) {
        self.host.stop();
    }
}

/// Where the workers take requests from within.
pub(super) const INNER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn hex_secret() -> Result<Secret, Failure> {
    Ok(Secret::new(hex::text(&fresh()?).into_bytes()))
}

fn plan(config: &Config, inner: &Inner) -> Plan {
    let mut plan = Plan {
        inner: Some(inner.clone()),
        ..Plan::default()
    };
    for connection in &config.connections {
        let name = connection.name.to_string();
        let bytes = connection.mcp.as_ref().map_or(0, |mcp| mcp.message_bytes);
        match &connection.reach {
            Reach::Upstream(_) => {}
            Reach::Stdio(server) => plan.stdio.push(StdioServer {
                name,
                command: server.command.clone(),
                args: server.args.clone(),
                env: server.env.clone(),
                cwd: server.cwd.clone(),
                share: match server.share {
                    Share::Principal => stdio::Share::Principal,
                    Share::All => stdio::Share::All,
                },
                processes: usize::try_from(server.processes).unwrap_or(usize::MAX),
                idle: server.idle,
                memory: server.memory,
                message_bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            }),
            Reach::Virtual(members) => plan.unions.push(Union {
                name,
                members: members
                    .iter()
                    .map(|member| config.connections[*member].name.to_string())
                    .collect(),
            }),
        }
    }
    plan
}
