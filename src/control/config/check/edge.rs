//! Listeners, the admin door, routes, and the certificates they use.

use std::net::SocketAddr;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::super::errors::Mistake;
use super::super::model::{Admin, Clients, Connection, Listener, ListenerTls, Route};
use super::super::schema::{self, At, Text};
use super::{Checker, values};
use crate::base::limits::{LISTENER_CERTIFICATES, TRUSTED_NETWORKS};
use crate::base::network::Network;
use crate::base::secret::Secret;
use crate::control::config::Place;
use crate::exchange::Hops;
use crate::http::forwarded::HopField;
use crate::tls;

/// The admin listener's address where the file has no `admin`.
const ADMIN_BIND: ([u8; 4], u16) = ([127, 0, 0, 1], 15000);

impl Checker<'_> {
    pub(super) fn listeners(
        &mut self,
        listeners: Option<At<Vec<At<schema::Listener>>>>,
    ) -> Option<Vec<Listener>> {
        let At { value, at } = self.need_in_file(listeners, "listeners")?;
        if value.is_empty() {
            return self.refuse(at, "at least one listener is needed");
        }
        let judged: Vec<_> = value.into_iter().map(|each| self.listener(each)).collect();
        let listeners: Vec<Listener> = judged.into_iter().collect::<Option<_>>()?;
        for (index, listener) in listeners.iter().enumerate() {
            if listeners[..index]
                .iter()
                .any(|other| other.bind == listener.bind)
            {
                self.refuse::<()>(
                    listener.place.into(),
                    "another listener has this address already",
                );
            }
        }
        Some(listeners)
    }

    fn listener(&mut self, listener: At<schema::Listener>) -> Option<Listener> {
        let At { value, at } = listener;
        let bind = self
            .need(value.bind, at, "bind")
            .and_then(|bind| self.address(&bind));
        let tls = self.perhaps(value.tls, |checker, tls| checker.listener_tls(tls));
        let proxy_protocol = self.perhaps(value.proxy_protocol, |checker, proxies| {
            checker.networks(proxies.value.from, proxies.at)
        });
        let forwarded = self.perhaps(value.forwarded, Checker::hops);
        let (bind, place) = bind?;
        Some(Listener {
            bind,
            tls: tls?,
            proxy_protocol: proxy_protocol?.unwrap_or_default(),
            forwarded: forwarded?,
            place: place.into(),
        })
    }

    /// Who is believed about where requests come from.
    fn hops(&mut self, forwarded: At<schema::Forwarded>) -> Option<Hops> {
        let At { value, at } = forwarded;
        let from = self.networks(value.from, at);
        let known = [
            ("x-forwarded-for", HopField::XForwardedFor),
            ("forwarded", HopField::Forwarded),
        ];
        let field = match &value.field {
            Some(field) => self.one_of(field, "field", &known),
            None => Some(HopField::XForwardedFor),
        };
        Some(Hops {
            from: from?,
            field: field?,
        })
    }

    fn networks(&mut self, list: Option<At<Vec<Text>>>, owner: Place) -> Option<Vec<Network>> {
        let At { value, at } = self.need(list, owner, "from")?;
        if value.is_empty() || value.len() > TRUSTED_NETWORKS {
            return self.refuse(at, format!("expected 1 to {TRUSTED_NETWORKS} networks"));
        }
        let read = |text: &Text| {
            let network = text.value.parse::<Network>();
            self.found(text.at, network.map_err(|why| why.to_string()))
        };
        value
            .iter()
            .map(read)
            .collect::<Vec<_>>()
            .into_iter()
            .collect()
    }

    fn listener_tls(&mut self, tls: At<schema::ListenerTls>) -> Option<ListenerTls> {
        let At { value, at } = tls;
        let schema::ListenerTls {
            cert,
            key,
            certificates,
            client_ca,
            client_certificates,
            client_crls,
        } = value;
        let has_list = certificates.is_some();
        let first = match (&cert, &key) {
            (None, None) if has_list => None,
            _ => Some(At {
                value: schema::Tls { cert, key },
                at,
            }),
        };
        let further = certificates.map_or(Vec::new(), |list| list.value);
        if has_list && first.is_none() && further.is_empty() {
            return self.refuse(at, "at least one certificate is needed");
        }
        if further.len() >= LISTENER_CERTIFICATES {
            return self.refuse(at, format!("at most {LISTENER_CERTIFICATES} certificates"));
        }
        let all = first.into_iter().chain(further);
        let judged: Vec<_> = all.map(|each| self.identity(each)).collect();
        let clients = self.clients(client_ca, client_certificates, client_crls);
        Some(ListenerTls {
            certificates: judged.into_iter().collect::<Option<_>>()?,
            clients: clients?,
        })
    }

    /// Whose certificates callers are asked for.
    fn clients(
        &mut self,
        authorities: Option<Text>,
        need: Option<Text>,
        lists: Option<Vec<Text>>,
    ) -> Option<Option<Clients>> {
        let lists = lists.unwrap_or_default();
        if authorities.is_none() {
            let places = need.iter().chain(&lists).map(|text| text.at);
            return match places.collect::<Vec<_>>().first() {
                Some(at) => self.refuse(*at, "this needs `client_ca`"),
                None => Some(None),
            };
        }
        let known = [("required", true), ("optional", false)];
        let required = match &need {
            Some(need) => self.one_of(need, "word", &known),
            None => Some(true),
        };
        let at = authorities.as_ref().map(|text| text.at);
        let roots = self.roots(authorities)??;
        let revoked: Vec<_> = lists.iter().map(|list| self.revoked(list)).collect();
        let clients = Clients {
            roots,
            revoked: revoked.into_iter().collect::<Option<_>>()?,
            required: required?,
        };
        let judged = tls::ClientSpec {
            roots: &clients.roots.pem,
            revoked: &clients.revoked,
            required: clients.required,
        }
        .judge();
        self.found(at?, judged.map_err(|why| why.to_string()))?;
        Some(Some(clients))
    }

    fn revoked(&mut self, list: &Text) -> Option<Vec<u8>> {
        let bytes = self.found(list.at, self.lookup.bytes(&list.value))?;
        let judged = tls::revoked(&bytes).map(drop);
        self.found(list.at, judged.map_err(|why| why.to_string()))?;
        Some(bytes)
    }

    pub(super) fn admin(&mut self, admin: Option<At<schema::Admin>>) -> Option<Admin> {
        let Some(At { value, at }) = admin else {
            return Some(Admin {
                bind: ADMIN_BIND.into(),
                tls: None,
                token: None,
                hosts: Vec::new(),
            });
        };
        let bind = self
            .need(value.bind, at, "bind")
            .and_then(|bind| self.address(&bind));
        let tls = self.tls(value.tls);
        let token = match value.token {
            Some(token) => self
                .found(token.at, self.lookup.secret(&token.value))
                .map(Some),
            None => Some(None),
        };
        let ((bind, bind_at), tls, token) = (bind?, tls?, token?);
        if !bind.ip().is_loopback() && (tls.is_none() || token.is_none()) {
            return self.refuse(
                bind_at,
                "off loopback the admin listener needs `tls` and `token`",
            );
        }
        Some(Admin {
            bind,
            tls,
            token,
            hosts: values(value.hosts)
                .iter()
                .map(|host| host.to_ascii_lowercase())
                .collect(),
        })
    }

    pub(super) fn address(&mut self, text: &Text) -> Option<(SocketAddr, Place)> {
        match text.value.parse() {
            Ok(address) => Some((address, text.at)),
            Err(_) => self.refuse(
                text.at,
                "expected an address and a port, such as `127.0.0.1:8443` or `[::]:8443`",
            ),
        }
    }

    pub(super) fn routes(
        &mut self,
        routes: Option<At<Vec<At<schema::Route>>>>,
    ) -> Option<Vec<Route>> {
        let At { value, .. } = self.need_in_file(routes, "routes")?;
        let judged: Vec<_> = value.into_iter().map(|each| self.route(each)).collect();
        let routes: Vec<Route> = judged.into_iter().collect::<Option<_>>()?;
        for (index, route) in routes.iter().enumerate() {
            let is_same = |other: &Route| other.host == route.host && other.prefix == route.prefix;
            if routes[..index].iter().any(is_same) {
                self.refuse::<()>(
                    route.place.into(),
                    "another route has this host and path already",
                );
            }
        }
        Some(routes)
    }

    /// Every connection is reached: by a route, or as a member of a virtual connection.
    pub(super) fn reached(&mut self, connections: &[Connection], routes: &[Route]) {
        for (index, connection) in connections.iter().enumerate() {
            let is_member = |other: &Connection| other.members().contains(&index);
            let by_route = routes.iter().any(|route| route.connection == index);
            if !by_route && !connections.iter().any(is_member) {
                let name = &connection.name;
                let mistake = Mistake::new(connection.place, "no route leads to this connection");
                let help = format!("add `{{ path: /{name}/**, connection: {name} }}` to `routes`");
                self.mistakes.push(mistake.help(help));
            }
        }
    }

    fn route(&mut self, route: At<schema::Route>) -> Option<Route> {
        let At { value, at } = route;
        if value.host.is_none() && value.path.is_none() {
            return self.refuse(at, "a route needs `host` or `path`");
        }
        let connection = self
            .need(value.connection, at, "connection")
            .and_then(|name| self.index(&name, "connection", |names| &names.connections));
        let host = match value.host {
            Some(host) => self.host(&host).map(Some),
            None => Some(None),
        };
        let prefix = match value.path {
            Some(path) => self.prefix(&path),
            None => Some(String::new()),
        };
        let cors = self.perhaps(value.cors, Checker::cors);
        Some(Route {
            host: host?,
            prefix: prefix?,
            connection: connection?,
            cors: cors?,
            place: at.into(),
        })
    }

    pub(super) fn host(&mut self, host: &Text) -> Option<String> {
        let is_host = !host.value.is_empty()
            && host
                .value
                .chars()
                .all(|each| each.is_ascii_alphanumeric() || "-.".contains(each));
        if !is_host {
            return self.refuse(host.at, "expected a host name without port");
        }
        Some(host.value.to_ascii_lowercase())
    }

    /// `/graph/**` means the prefix `/graph`, `/**` the empty one.
    fn prefix(&mut self, path: &Text) -> Option<String> {
        let prefix = path.value.strip_suffix("/**");
        let is_plain = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment
                    .chars()
                    .all(|each| each.is_ascii_alphanumeric() || "-._~".contains(each))
        };
        match prefix {
            Some("") => Some(String::new()),
            Some(prefix) if prefix.starts_with('/') && prefix[1..].split('/').all(is_plain) => {
                Some(prefix.to_owned())
            }
            _ => self.refuse(path.at, "expected a path prefix such as `/graph/**`"),
        }
    }
}

/// The certificates of a PEM text; at least one.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("not a PEM certificate: {error}"))?;
    if certificates.is_empty() {
        return Err("there is no PEM certificate in it".into());
    }
    Ok(certificates)
}

/// The private key of a PEM text.
pub(super) fn private_key(pem: &Secret) -> Result<PrivateKeyDer<'static>, String> {
    // The error of the PEM reader may quote what it read, so it is not shown.
    PrivateKeyDer::from_pem_slice(pem.expose())
        .map_err(|_| "there is no PEM private key in it".to_owned())
}

/// Whether the leaf certificate is of this key.
pub(super) fn belong_together(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<(), String> {
    let provider = rustls::crypto::ring::default_provider();
    rustls::sign::CertifiedKey::from_der(chain, key, &provider)
        .map(drop)
        .map_err(|error| format!("certificate and key do not work together: {error}"))
}
