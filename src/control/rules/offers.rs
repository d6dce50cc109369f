//! What a connection says of tokens that are bound to their holders: what the issuers say that its
//! policies name.

use crate::auth::Binding;
use crate::control::config::{Algorithm, Config, Connection, Issuer};
use crate::exchange::Offer;

/// The issuers whose tokens come to a connection, each once.
pub(super) fn issuers(config: &Config, connection: usize) -> Vec<&Issuer> {
    // Through a virtual connection its members' callers come.
    let members = config.connections.get(connection);
    let members = members.map_or(&[][..], Connection::members);
    let speaks = |of: usize| of == connection || members.contains(&of);
    let mut named: Vec<usize> = (config.policies.iter())
        .filter(|policy| speaks(policy.connection))
        .map(|policy| policy.who.issuer)
        .collect();
    named.sort_unstable();
    named.dedup();
    let issuers = named.iter().filter_map(|index| config.issuers.get(*index));
    issuers.collect()
}

/// What is said of it.
pub(super) fn offer(config: &Config, connection: usize) -> Offer {
    let issuers = issuers(config, connection);
    let offering: Vec<&Issuer> = (issuers.iter().copied())
        .filter(|issuer| issuer.says_dpop)
        .collect();
    let takes = |algorithm: &Algorithm| {
        let mut offering = offering.iter();
        offering.any(|issuer| issuer.proofs.algorithms.contains(algorithm))
    };
    let asks = config.listeners.iter().any(|listener| {
        let tls = listener.tls.as_ref();
        tls.is_some_and(|tls| tls.clients.is_some())
    });
    let says_certificates = |issuer: &&Issuer| issuer.says_certificates;
    Offer {
        algorithms: (Algorithm::ALL.into_iter().filter(takes))
            .map(Algorithm::name)
            .collect(),
        only_dpop: !issuers.is_empty()
            && issuers.iter().all(|issuer| issuer.binding == Binding::Dpop),
        nonce: offering.iter().any(|issuer| issuer.proofs.nonce),
        certificates: asks && issuers.iter().any(says_certificates),
    }
}
