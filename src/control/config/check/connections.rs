//! Connections: where they go, and what is done on the way.

use std::sync::Arc;

use super::super::model::{Connection, ForwardHeaders, Reach, RecordClass, TlsIdentity};
use super::super::schema::{self, Text};
use super::identity::is_field_name;
use super::mcp::only_mcp;
use super::{Checker, is_loopback, place};
use crate::control::config::Place;
use crate::exchange::fields;
use crate::exchange::rules::Batching;
use crate::policy::Protocol;

impl Checker<'_> {
    pub(super) fn connection(
        &mut self,
        name: Arc<str>,
        at: Place,
        mut connection: schema::Connection,
    ) -> Option<Connection> {
        let protocol = self
            .need(connection.protocol.take(), at, "protocol")
            .and_then(|it| self.protocol(&it));
        let belongs = protocol.and_then(|it| self.belongs(it, &connection));
        let reach = self.reach(protocol, &name, at, &mut connection);
        let has_credential = connection.credential.is_some();
        let credential = self.perhaps(connection.credential.take(), |checker, name| {
            checker.index(&name, "credential", |names| &names.credentials)
        });
        let upgrades = self.upgrades(&mut connection);
        let masks = self.mask_names(connection.masks.take());
        let record = self.record(protocol, at, connection.record.take());
        let roots = self.roots(connection.ca_file.take());
        let is_plain = matches!(&reach, Some((_, Reach::Upstream(to))) if !to.tls);
        let under_tls = self.shown_under_tls(is_plain, &mut connection);
        let forward_headers = self.forward_headers(connection.forward_headers.take());
        let reply_headers = self.reply_headers(connection.reply_headers.take());
        let links = connection.links.take().is_none_or(|links| links.value);
        let care = self.care(&mut connection);
        let batching = self.batching(connection.batch.take());
        let mcp = self.mcp(&mut connection);
        let (reach_at, reach) = reach?;
        if let Reach::Upstream(upstream) = &reach
            && has_credential
            && !upstream.tls
            && !upstream.hosts().all(|host| is_loopback(&host.name))
        {
            let why = "a credential is not sent in plain HTTP off loopback";
            return self.refuse(reach_at, why);
        }
        belongs?;
        let (client_certificate, server_name) = under_tls?;
        let care = care?;
        let proxy = self.tunnelled(connection.proxy.take(), &reach, care.health.is_some());
        let (protocol, mcp) = (protocol?, mcp?);
        let is_mcp = protocol == Protocol::Mcp;
        if let (Protocol::Graph, Reach::Upstream(upstream)) = (protocol, &reach)
            && has_version(&upstream.path)
        {
            let why = "leave the version out: callers and rules name `/v1.0` or `/beta`";
            return self.refuse(reach_at, why);
        }
        Some(Connection {
            name,
            reach,
            judged_bytes: mcp.message_bytes,
            mcp: Some(mcp).filter(|_| is_mcp),
            graph: batching?.filter(|_| protocol == Protocol::Graph),
            credential: credential?,
            masks: masks?,
            record: record?,
            roots: roots?,
            client_certificate,
            server_name,
            forward_headers: forward_headers?,
            reply_headers: reply_headers?,
            links: links && !is_mcp,
            upgrades: upgrades?,
            retry: connection.retry.is_none_or(|retry| retry.value),
            care,
            proxy: proxy?,
            place: at.into(),
        })
    }

    fn protocol(&mut self, protocol: &Text) -> Option<Protocol> {
        let known = [
            ("http", Protocol::Http),
            ("graph", Protocol::Graph),
            ("mcp", Protocol::Mcp),
        ];
        self.one_of(protocol, "protocol", &known)
    }

    /// Refuses keys that a connection of this protocol, or one that goes there, does not have.
    fn belongs(&mut self, protocol: Protocol, connection: &schema::Connection) -> Option<()> {
        match protocol {
            Protocol::Http => {
                let batch = self.foreign("the protocol `http`", &only_graph(connection));
                return self
                    .foreign("the protocol `http`", &only_mcp(connection))
                    .and(batch);
            }
            Protocol::Graph => {
                let upgrades = self.foreign("the protocol `graph`", &only_http(connection));
                return self
                    .foreign("the protocol `graph`", &only_mcp(connection))
                    .and(upgrades);
            }
            Protocol::Mcp => {}
        }
        let links = place(&connection.links);
        let batch = self.foreign("the protocol `mcp`", &only_graph(connection));
        let upgrades = self.foreign("the protocol `mcp`", &only_http(connection));
        let good = self
            .foreign("the protocol `mcp`", &[("links", links)])
            .and(batch)
            .and(upgrades);
        let own = match (&connection.stdio, &connection.r#virtual) {
            (Some(_), _) => "a server that the gateway starts",
            (_, Some(_)) => "a virtual connection",
            _ => return good,
        };
        let first = |list: &Option<Vec<Text>>| list.as_ref()?.first().map(|text| text.at);
        let wire = [
            ("credential", place(&connection.credential)),
            ("ca_file", place(&connection.ca_file)),
            ("client_certificate", place(&connection.client_certificate)),
            ("server_name", place(&connection.server_name)),
            ("forward_headers", first(&connection.forward_headers)),
            ("reply_headers", first(&connection.reply_headers)),
            ("retry", place(&connection.retry)),
            ("proxy", place(&connection.proxy)),
            ("limits", place(&connection.limits)),
            ("ejection", place(&connection.ejection)),
            ("circuit", place(&connection.circuit)),
            ("health", place(&connection.health)),
        ];
        self.foreign(own, &wire).and(good)
    }

    /// What an upstream sees of the gateway under TLS: a certificate, and the name that it is asked for.
    fn shown_under_tls(
        &mut self,
        is_plain: bool,
        connection: &mut schema::Connection,
    ) -> Option<(Option<TlsIdentity>, Option<String>)> {
        let keys = [
            ("client_certificate", place(&connection.client_certificate)),
            ("server_name", place(&connection.server_name)),
        ];
        let belongs = match is_plain {
            true => self.foreign("an upstream in plain HTTP", &keys),
            false => Some(()),
        };
        let certificate = self.perhaps(connection.client_certificate.take(), Checker::identity);
        let name = self.perhaps(connection.server_name.take(), |checker, name| {
            checker.host(&name)
        });
        belongs?;
        Some((certificate?, name?))
    }

    /// Where the connection goes, and where the file says so.
    fn reach(
        &mut self,
        protocol: Option<Protocol>,
        name: &Arc<str>,
        at: Place,
        connection: &mut schema::Connection,
    ) -> Option<(Place, Reach)> {
        let stdio = connection.stdio.take();
        let union = connection.r#virtual.take();
        let upstream = connection.upstream.take();
        let given = [place(&upstream), place(&stdio), place(&union)];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(_), Some(second)) if protocol == Some(Protocol::Mcp) => {
                let why = "a connection has one of `upstream`, `stdio`, `virtual`";
                self.refuse::<()>(second, why);
            }
            (None, _) if protocol == Some(Protocol::Mcp) => {
                let why = "a connection of protocol `mcp` needs `upstream`, `stdio` or `virtual`";
                return self.refuse(at, why);
            }
            _ => {}
        }
        if let Some(stdio) = stdio {
            return Some((stdio.at, Reach::Stdio(self.stdio(stdio)?)));
        }
        if let Some(union) = union {
            return Some((union.at, Reach::Virtual(self.members(name, union)?)));
        }
        let urls = self.need(upstream, at, "upstream")?;
        let urls_at = urls.at;
        let upstream = self.upstreams(urls, protocol == Some(Protocol::Mcp))?;
        Some((urls_at, Reach::Upstream(upstream)))
    }

    fn batching(&mut self, batch: Option<Text>) -> Option<Option<Batching>> {
        let ways = [("whole", Batching::Whole), ("each", Batching::Each)];
        match batch {
            Some(word) => self.one_of(&word, "way with batches", &ways).map(Some),
            None => Some(Some(Batching::default())),
        }
    }

    fn record(
        &mut self,
        protocol: Option<Protocol>,
        at: Place,
        record: Option<Text>,
    ) -> Option<RecordClass> {
        if record.is_none() && protocol == Some(Protocol::Mcp) {
            return Some(RecordClass::Buffered);
        }
        let classes = [
            ("buffered", RecordClass::Buffered),
            ("durable", RecordClass::Durable),
        ];
        let record = self.need(record, at, "record")?;
        self.one_of(&record, "recording class", &classes)
    }

    fn mask_names(&mut self, masks: Option<Vec<Text>>) -> Option<Vec<usize>> {
        let judged: Vec<_> = masks
            .into_iter()
            .flatten()
            .map(|name| self.index(&name, "mask", |names| &names.masks))
            .collect();
        judged.into_iter().collect()
    }

    fn forward_headers(&mut self, names: Option<Vec<Text>>) -> Option<ForwardHeaders> {
        let names = names.unwrap_or_default();
        if let [only] = names.as_slice()
            && only.value == "*"
        {
            return Some(ForwardHeaders::All);
        }
        let mut good = Some(());
        for name in &names {
            let lower = name.value.to_ascii_lowercase();
            if name.value == "*" {
                good = self.refuse(name.at, "`*` stands alone");
            } else if !is_field_name(&name.value) {
                good = self.refuse(name.at, "expected the name of a header field");
            } else if fields::never_forwarded(&lower) {
                good = self.refuse(name.at, "this field is never taken over from a caller");
            }
        }
        good?;
        let lower = names.iter().map(|name| name.value.to_ascii_lowercase());
        Some(ForwardHeaders::Listed(lower.collect()))
    }

    fn reply_headers(&mut self, names: Option<Vec<Text>>) -> Option<Vec<String>> {
        let mut good = Some(());
        let mut lower = Vec::new();
        for name in names.into_iter().flatten() {
            lower.push(name.value.to_ascii_lowercase());
            if !is_field_name(&name.value) {
                good = self.refuse(name.at, "expected the name of a header field");
            } else if fields::never_replied(&name.value) {
                good = self.refuse(name.at, "this field is never passed on to a caller");
            }
        }
        good.map(|()| lower)
    }
}

fn only_http(connection: &schema::Connection) -> [(&'static str, Option<Place>); 1] {
    [("upgrades", place(&connection.upgrades))]
}

fn only_graph(connection: &schema::Connection) -> [(&'static str, Option<Place>); 1] {
    [("batch", place(&connection.batch))]
}

/// Whether a base path ends in a version of Graph's.
fn has_version(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    ["v1.0", "beta"]
        .iter()
        .any(|one| last.eq_ignore_ascii_case(one))
}
