//! What connections of protocol `mcp` have beside all others.

use std::sync::Arc;

use crate::base::secret::Secret;
use crate::control::config::{
    Budget, Config, Connection, Issuer, IssuerKind, Mistake, Reach, Tenants,
};
use crate::exchange::metadata::{Metadata, MetadataSpec};
use crate::exchange::rules::{Inner, InnerWay, Mcp, Route};
use crate::mcp::Sealer;
use crate::mcp::pins::Pins;
use crate::mcp::tasks::Tasks;
use crate::policy::budget::{BudgetSpec, Budgets, Limit};
use crate::policy::pattern::PathPattern;

/// What all connections of protocol `mcp` share, and every generation of the configuration.
#[derive(Clone)]
pub struct Shared {
    /// Seals what callers keep.
    pub sealer: Arc<Sealer>,
    /// What every tool looked like.
    pub pins: Pins,
    /// Whose every task is.
    pub tasks: Tasks,
    /// Names this process.
    pub replica: u64,
    /// What they know the gateway by.
    pub servers_secret: Secret,
    /// What the gateway knows them by.
    pub inner_secret: Secret,
}

/// The MCP side of a connection, before it is shared.
pub(super) struct Parts {
    budgets: Budgets,
    metadata: Metadata,
    origins: Vec<Box<str>>,
    hosts: Vec<Box<str>>,
    message_bytes: u64,
}

impl Parts {
    /// Judges it; `None` for another protocol. `before` are the budgets in force.
    pub(super) fn judge(
        config: &Config,
        connection: &Connection,
        index: usize,
        before: Option<&Budgets>,
    ) -> Result<Option<Parts>, Mistake> {
        let Some(mcp) = &connection.mcp else {
            return Ok(None);
        };
        Ok(Some(Parts {
            budgets: budgets(&mcp.budgets, before)?,
            metadata: metadata(config, connection, index)
                .map_err(|why| Mistake::new(connection.place, why))?,
            origins: super::boxed(&mcp.origins),
            hosts: super::boxed(mcp.hosts.as_deref().unwrap_or_default()),
            message_bytes: mcp.message_bytes,
        }))
    }

    /// With what all such connections share.
    pub(super) fn with(self, connection: &Connection, shared: &Shared) -> Mcp {
        let speaks_for_caller = matches!(connection.reach, Reach::Virtual(_));
        let own = !matches!(connection.reach, Reach::Upstream(_));
        Mcp {
            sealer: Arc::clone(&shared.sealer),
            pins: shared.pins.clone(),
            tasks: shared.tasks.clone(),
            budgets: Arc::new(self.budgets),
            metadata: self.metadata,
            origins: self.origins,
            hosts: self.hosts,
            message_bytes: self.message_bytes,
            replica: shared.replica,
            inner: own.then(|| Inner {
                secret: shared.servers_secret.clone(),
                speaks_for_caller,
            }),
        }
    }
}

/// Every connection by its name, for the gateway's own servers.
pub(super) fn inner_way(config: &Config, shared: &Shared) -> InnerWay {
    let route = |(index, connection): (usize, &Connection)| {
        let prefix = format!("/{}", connection.name);
        Some(Route {
            host: None,
            path: PathPattern::parse(&prefix).ok()?,
            prefix: prefix.into(),
            connection: index,
            cors: None,
        })
    };
    InnerWay {
        secret: Some(shared.inner_secret.clone()),
        routes: config
            .connections
            .iter()
            .enumerate()
            .filter_map(route)
            .collect(),
    }
}

fn budgets(budgets: &[Budget], before: Option<&Budgets>) -> Result<Budgets, Mistake> {
    let mut specs = Vec::new();
    let mut places = Vec::new();
    for budget in budgets {
        let limits = [
            budget.calls.map(|rate| Limit::Calls {
                calls: rate.count.get(),
                per: rate.per,
            }),
            budget.concurrent.map(|most| Limit::Concurrent(most.get())),
            budget.result_bytes.map(Limit::ResultBytes),
        ];
        for limit in limits.into_iter().flatten() {
            specs.push(BudgetSpec {
                tools: budget.tools.clone(),
                limit,
            });
            places.push(budget.place);
        }
    }
    let compiled = match before {
        Some(before) => Budgets::compile_after(before, &specs),
        None => Budgets::compile(&specs),
    };
    compiled.map_err(|(index, why)| Mistake::new(places[index], why.to_string()))
}

/// What is told of how to get a token: from the issuers that the connection's policies name.
fn metadata(config: &Config, connection: &Connection, index: usize) -> Result<Metadata, String> {
    let issuers = super::offers::issuers(config, index);
    let mut scopes = connection
        .mcp
        .as_ref()
        .map_or(Vec::new(), |mcp| mcp.scopes.clone());
    for member in connection
        .members()
        .iter()
        .filter_map(|at| config.connections[*at].mcp.as_ref())
    {
        scopes.extend(member.scopes.iter().cloned());
    }
    scopes.sort_unstable();
    scopes.dedup();
    let mut servers: Vec<String> = issuers.iter().map(|issuer| server(issuer)).collect();
    servers.sort_unstable();
    servers.dedup();
    let spec = MetadataSpec {
        name: connection.name.to_string(),
        public_url: config.public_url.clone(),
        servers,
        scopes,
        qualifier: common_qualifier(&issuers),
        offer: super::offers::offer(config, index),
    };
    Metadata::new(spec).map_err(|why| why.to_string())
}

/// Where an issuer's own metadata is found by: its façade's URL, where it has one.
fn server(issuer: &Issuer) -> String {
    if let Some(facade) = &issuer.facade {
        return facade.public_url.clone();
    }
    match &issuer.kind {
        IssuerKind::Entra {
            authority, tenants, ..
        } => match tenants {
            Tenants::One(tenant) => format!("{authority}/{tenant}/v2.0"),
            Tenants::Listed(_) | Tenants::Any => format!("{authority}/organizations/v2.0"),
        },
        IssuerKind::Oidc { issuer, .. } => issuer.clone(),
    }
}

/// What stands before a scope's name, where all issuers want the same there: a client asks one of
/// them, and is told of all in one list.
fn common_qualifier(issuers: &[&Issuer]) -> Option<String> {
    let mut all = issuers.iter().map(|issuer| qualifier(issuer));
    let first = all.next().flatten()?;
    all.all(|other| other == Some(first))
        .then(|| first.to_owned())
}

/// Entra's scopes are asked for under the application's URI, or its id: a bare name would be taken
/// for one of Microsoft Graph's.
fn qualifier(issuer: &Issuer) -> Option<&str> {
    let IssuerKind::Entra { .. } = issuer.kind else {
        return None;
    };
    let uri = issuer.audiences.iter().find(|one| one.contains("://"));
    uri.or(issuer.audiences.first()).map(String::as_str)
}

#[cfg(test)]
mod tests;
