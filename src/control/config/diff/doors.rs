//! What listens, and what it shows.

use std::net::SocketAddr;
use std::sync::Arc;

use super::super::model::{Config, Facade, Issuer, ListenerTls, TlsIdentity};

/// Where identities are given tokens.
pub(super) fn desk(config: &Config) -> Option<SocketAddr> {
    Some(config.identity_endpoint.as_ref()?.bind)
}

/// The issuers' façades without their certificates.
pub(super) fn faces(config: &Config) -> Vec<(&Arc<str>, (Facade, bool))> {
    let of = |issuer: &Issuer| {
        let facade = issuer.facade.clone()?;
        let is_secure = facade.tls.is_some();
        Some((
            Facade {
                tls: None,
                ..facade
            },
            is_secure,
        ))
    };
    let issuers = config.issuers.iter();
    issuers
        .filter_map(|issuer| Some((&issuer.name, of(issuer)?)))
        .collect()
}

/// What a listener of any kind shows.
#[derive(PartialEq)]
enum Shows<'c> {
    Callers(&'c ListenerTls),
    Others(&'c TlsIdentity),
}

/// Where other certificates are shown, among doors that are in both.
pub(super) fn certificates(old: &Config, new: &Config) -> Vec<SocketAddr> {
    fn doors(config: &Config) -> Vec<(SocketAddr, Option<Shows<'_>>)> {
        let listeners = config.listeners.iter();
        let listeners = listeners.map(|it| (it.bind, it.tls.as_ref().map(Shows::Callers)));
        let facades = config.issuers.iter().filter_map(|it| it.facade.as_ref());
        let facades = facades.map(|it| (it.bind, it.tls.as_ref().map(Shows::Others)));
        let admin = (
            config.admin.bind,
            config.admin.tls.as_ref().map(Shows::Others),
        );
        listeners.chain(facades).chain([admin]).collect()
    }
    let before = doors(old);
    let is_there = |bind: &SocketAddr| before.iter().any(|(was, _)| was == bind);
    (doors(new).into_iter())
        .filter(|door| is_there(&door.0) && !before.contains(door))
        .map(|(bind, _)| bind)
        .collect()
}
