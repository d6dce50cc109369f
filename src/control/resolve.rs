//! Where upstreams are: names resolved at start and again every half minute, so that no request
//! waits for the resolver.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::time::{sleep, timeout};

use super::config::Upstream;
use super::health::Health;
use crate::base::addresses::Place;
use crate::base::limits::{CONNECT_TIME, RESOLVE_EVERY, RESOLVED_ADDRESSES};

/// Why a name has no address. The last good ones stay in force.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The resolver does not answer.
    #[error("the resolver does not answer within {CONNECT_TIME:?}")]
    Slow,
    /// It says no.
    #[error("{0}")]
    Failed(#[from] std::io::Error),
    /// It says nothing.
    #[error("the name has no address")]
    Nothing,
}

/// The address of an upstream that is configured by its address.
pub(super) fn literal(upstream: &Upstream) -> Option<SocketAddr> {
    let address = upstream.host.parse::<IpAddr>().ok()?;
    Some(SocketAddr::new(address, upstream.port))
}

/// Keeps one upstream's addresses fresh, for ever.
pub(super) async fn keep(upstream: Upstream, place: Arc<Place>, health: Health) {
    loop {
        let found = resolve(&upstream).await;
        health.note(&found);
        if let Ok(found) = found {
            place.publish(found);
        }
        sleep(RESOLVE_EVERY).await;
    }
}

async fn resolve(upstream: &Upstream) -> Result<Vec<SocketAddr>, ResolveError> {
    let lookup = tokio::net::lookup_host((upstream.host.as_str(), upstream.port));
    let found = timeout(CONNECT_TIME, lookup)
        .await
        .map_err(|_| ResolveError::Slow)??;
    let found: Vec<SocketAddr> = found.take(RESOLVED_ADDRESSES).collect();
    if found.is_empty() {
        return Err(ResolveError::Nothing);
    }
    Ok(found)
}
