//! Where upstreams are: names resolved at start and again every half minute, so that no request
//! waits for the resolver.

use std::net::{IpAddr, SocketAddr};

use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use super::config::{Host, Upstream};
use super::health::Health;
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

/// The addresses of an upstream all of whose hosts are configured by their addresses.
pub(super) fn literals(upstream: &Upstream) -> Option<Vec<SocketAddr>> {
    let addresses: Option<Vec<_>> = upstream.hosts().map(|host| literal(&host)).collect();
    addresses.map(in_order)
}

fn literal(host: &Host) -> Option<SocketAddr> {
    let address = host.name.parse::<IpAddr>().ok()?;
    Some(SocketAddr::new(address, host.port))
}

/// Keeps one upstream's addresses fresh, for ever. A host that cannot be resolved any more keeps
/// those that it had.
pub(super) async fn keep(upstream: Upstream, publish: impl Fn(Vec<SocketAddr>), health: Health) {
    let hosts: Vec<Host> = upstream.hosts().collect();
    let mut known = vec![Vec::new(); hosts.len()];
    loop {
        let mut failed = None;
        let resolved = join_all(hosts.iter().map(resolve)).await;
        for ((host, known), resolved) in hosts.iter().zip(&mut known).zip(resolved) {
            match resolved {
                Ok(addresses) => *known = addresses,
                Err(error) if hosts.len() == 1 => failed = Some(error.to_string()),
                Err(error) => failed = Some(format!("{}: {error}", host.name)),
            }
        }
        health.note(&failed.map_or(Ok(()), Err));
        let all = in_order(known.concat());
        if !all.is_empty() {
            publish(all);
        }
        sleep(RESOLVE_EVERY).await;
    }
}

/// Resolvers turn their answers around each time, which would look like news.
fn in_order(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

async fn resolve(host: &Host) -> Result<Vec<SocketAddr>, ResolveError> {
    if let Some(address) = literal(host) {
        return Ok(vec![address]);
    }
    let lookup = tokio::net::lookup_host((host.name.as_str(), host.port));
    let found = timeout(CONNECT_TIME, lookup)
        .await
        .map_err(|_| ResolveError::Slow)??;
    let found: Vec<SocketAddr> = found.take(RESOLVED_ADDRESSES).collect();
    if found.is_empty() {
        return Err(ResolveError::Nothing);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::super::health::State;
    use super::*;

    fn upstream(hosts: &[&str]) -> Upstream {
        let host = |name: &&str| Host {
            name: (*name).to_owned(),
            port: 80,
        };
        Upstream {
            tls: false,
            host: hosts[0].to_owned(),
            port: 80,
            also: hosts[1..].iter().map(host).collect(),
            path: String::new(),
        }
    }

    #[test]
    fn addresses_are_taken_as_they_stand_and_each_once() {
        let found = literals(&upstream(&["10.0.0.2", "::1", "10.0.0.1", "10.0.0.2"]));
        let want = ["10.0.0.1:80", "10.0.0.2:80", "[::1]:80"];
        let want = want.map(|text| text.parse().expect("an address"));
        assert_eq!(found, Some(want.to_vec()));
        assert_eq!(literals(&upstream(&["10.0.0.2", "localhost"])), None);
    }

    #[tokio::test]
    async fn one_host_that_cannot_be_resolved_takes_no_other_with_it() {
        let health = Health::new("address", &Arc::from("up"));
        let (told, heard) = mpsc::channel();
        let publish = move |addresses| drop(told.send(addresses));
        let keep = keep(
            upstream(&["10.0.0.2", "nobody.invalid"]),
            publish,
            health.clone(),
        );
        let kept = timeout(CONNECT_TIME + Duration::from_secs(2), keep).await;
        assert!(kept.is_err(), "it goes on for ever");
        let found: Vec<SocketAddr> = heard.recv().expect("told");
        assert_eq!(found, ["10.0.0.2:80".parse().expect("an address")]);
        let state = health.state();
        let is_named =
            matches!(&*state, State::Failing(why) if why.starts_with("nobody.invalid: "));
        assert!(is_named, "{state:?}");
    }
}
