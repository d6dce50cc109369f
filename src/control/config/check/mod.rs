//! Judges a file: every section, every mistake, no stopping at the first.
//!
//! A function here answers `None` exactly when it has noted a mistake, so the whole is good when
//! no mistake was noted.

mod connections;
mod cors;
mod credentials;
mod edge;
mod holders;
mod identities;
mod identity;
mod limits;
mod masks;
mod mcp;
mod policies;
mod proxies;
mod servers;
mod surface;
mod traces;
mod upgrades;
mod upstreams;

use std::net::IpAddr;
use std::sync::Arc;

pub(super) use limits::limits;

use self::identity::is_field_name;
use super::errors::Mistake;
use super::model::{AccessLog, Config, Io, Proxy, Roots, TlsIdentity};
use super::schema::{self, At, Named, Scalar, Text};
use super::secrets::Lookup;
use super::source::{Place, Source};
use crate::policy::Protocol;

/// Turns the file as written into a configuration, or into all that is wrong with it.
pub(super) fn check(
    file: schema::File,
    source: &Source,
    lookup: &Lookup<'_>,
) -> Result<Config, Vec<Mistake>> {
    let mut checker = Checker {
        source,
        lookup,
        mistakes: Vec::new(),
        names: Names::of(&file),
        asks_callers: asks_callers(&file),
        proxies: Vec::new(),
        outward: None,
    };
    match checker.file(file) {
        Some(config) if checker.mistakes.is_empty() => Ok(config),
        _ => Err(checker.mistakes),
    }
}

/// What is being judged, and what has been found wrong.
struct Checker<'c> {
    source: &'c Source,
    lookup: &'c Lookup<'c>,
    mistakes: Vec<Mistake>,
    names: Names,
    /// Some listener asks callers for certificates.
    asks_callers: bool,
    /// Those that were found good.
    proxies: Vec<Arc<Proxy>>,
    /// What the control plane goes through.
    outward: Option<Arc<Proxy>>,
}

/// All names that sections refer to each other by, in the order of the file.
struct Names {
    issuers: Vec<String>,
    credentials: Vec<String>,
    connections: Vec<String>,
    proxies: Vec<String>,
    /// What each of `connections` says it is.
    kinds: Vec<Kind>,
    masks: Vec<String>,
}

/// What a connection says it is, for those that refer to it.
#[derive(Clone, Copy)]
struct Kind {
    protocol: Protocol,
    is_virtual: bool,
}

impl Kind {
    fn of(connection: &schema::Connection) -> Kind {
        let protocol = connection.protocol.as_ref();
        Kind {
            protocol: match protocol.map(|protocol| &*protocol.value) {
                Some("mcp") => Protocol::Mcp,
                Some("graph") => Protocol::Graph,
                _ => Protocol::Http,
            },
            is_virtual: connection.r#virtual.is_some(),
        }
    }
}

impl Names {
    fn of(file: &schema::File) -> Names {
        fn keys<T>(section: Option<&Named<T>>) -> Vec<String> {
            let entries = section.map(|section| section.0.iter());
            entries
                .into_iter()
                .flatten()
                .map(|(name, _)| name.value.clone())
                .collect()
        }
        Names {
            issuers: keys(file.issuers.as_ref()),
            credentials: keys(file.credentials.as_ref()),
            connections: keys(file.connections.as_ref()),
            proxies: keys(file.proxies.as_ref()),
            kinds: (file.connections.iter().flat_map(|section| &section.0))
                .map(|(_, connection)| Kind::of(connection))
                .collect(),
            masks: keys(file.masks.as_ref()),
        }
    }
}

fn asks_callers(file: &schema::File) -> bool {
    let listeners = file.listeners.iter().flat_map(|list| &list.value);
    let mut secure = listeners.filter_map(|listener| listener.value.tls.as_ref());
    secure.any(|tls| tls.value.client_ca.is_some())
}

impl Checker<'_> {
    fn file(&mut self, file: schema::File) -> Option<Config> {
        let listeners = self.listeners(file.listeners);
        let public_url = self.perhaps(file.public_url, |checker, url| checker.public_url(&url));
        let session_keys = self.session_keys(file.session_keys);
        let admin = self.admin(file.admin);
        let data = self.need_in_file(file.data, "data");
        let proxies = self
            .section(file.proxies, Checker::proxy)
            .unwrap_or_default();
        self.proxies = proxies.into_iter().map(Arc::new).collect();
        self.outward = self.through(file.proxy).flatten();
        let issuers = self.section(file.issuers, Checker::issuer);
        let credentials = self.section(file.credentials, Checker::credential);
        let connections = self.section(file.connections, Checker::connection);
        let identity_endpoint = self.perhaps(file.identity_endpoint, Checker::identity_endpoint);
        let routes = self.routes(file.routes);
        let policies = self.policies(file.policies.unwrap_or_default());
        let masks = self.section(file.masks, Checker::mask);
        let limits = self.limits(file.limits);
        let via = self.perhaps(file.via, |checker, name| checker.pseudonym(name));
        let workers = self.workers(file.workers);
        let io = self.io(file.io);
        let access_log = self.access_log(file.access_log);
        let traces = self.perhaps(file.traces, Checker::traces);
        let (listeners, admin, issuers) = (listeners?, admin?, issuers?);
        let mut taken: Vec<_> = listeners.iter().map(|listener| listener.bind).collect();
        taken.push(admin.bind);
        let identity_endpoint = identity_endpoint?;
        taken.extend(identity_endpoint.iter().map(|endpoint| endpoint.bind));
        self.facades_apart(&issuers, &taken);
        let credentials = credentials?;
        self.for_the_gateway(identity_endpoint.as_ref(), &credentials, &issuers);
        let (connections, routes) = (connections?, routes?);
        self.reached(&connections, &routes);
        Some(Config {
            listeners,
            public_url: public_url?,
            session_keys: session_keys?,
            admin,
            data: self.lookup.path(&data?.value),
            issuers,
            credentials,
            identity_endpoint,
            connections,
            routes,
            policies: policies?,
            masks: masks?,
            limits: limits?,
            via: via?,
            workers: workers?,
            io: io?,
            access_log: access_log?,
            files: self.lookup.files(),
            traces: traces?,
            source: self.source.clone(),
        })
    }

    /// Judges every entry of a section of names.
    fn section<T, U>(
        &mut self,
        section: Option<Named<T>>,
        judge: fn(&mut Self, Arc<str>, Place, T) -> Option<U>,
    ) -> Option<Vec<U>> {
        let mut good = Vec::new();
        let mut all_good = Some(());
        for (name, entry) in section.map(|section| section.0).unwrap_or_default() {
            let is_name = !name.value.is_empty()
                && name
                    .value
                    .chars()
                    .all(|each| each.is_ascii_alphanumeric() || "-_.".contains(each));
            if !is_name {
                let want = "a name is made of letters, digits, `-`, `_` and `.`";
                all_good = self.refuse(name.at, want);
            }
            match judge(self, Arc::from(name.value.as_str()), name.at, entry) {
                Some(entry) => good.push(entry),
                None => all_good = None,
            }
        }
        all_good.map(|()| good)
    }

    /// A token (RFC 9110, section 5.6.2), short enough to be repeated with every request.
    fn pseudonym(&mut self, name: Text) -> Option<String> {
        const MOST: usize = 64;
        if name.value.len() > MOST || !is_field_name(&name.value) {
            let want = format!("expected up to {MOST} letters, digits and marks such as `-`");
            return self.refuse(name.at, want);
        }
        Some(name.value)
    }

    fn workers(&mut self, workers: Option<At<Scalar>>) -> Option<usize> {
        const MOST: usize = 1024;
        let Some(workers) = workers else {
            return Some(std::thread::available_parallelism().map_or(1, usize::from));
        };
        match workers.value.0.parse() {
            Ok(count) if (1..=MOST).contains(&count) => Some(count),
            _ => self.refuse(workers.at, format!("expected a number from 1 to {MOST}")),
        }
    }

    fn io(&mut self, io: Option<Text>) -> Option<Option<Io>> {
        let Some(io) = io else {
            return Some(None);
        };
        let known = [
            ("uring", Io::Uring),
            ("epoll", Io::Epoll),
            ("tokio", Io::Tokio),
        ];
        self.one_of(&io, "driver", &known).map(Some)
    }

    fn access_log(&mut self, log: Option<Text>) -> Option<AccessLog> {
        match log.as_ref().map(|log| log.value.as_str()) {
            None | Some("stdout") => Some(AccessLog::Stdout),
            Some("off") => Some(AccessLog::Off),
            Some(path) if path.starts_with("file:") => {
                Some(AccessLog::File(self.lookup.path(path)))
            }
            Some(_) => self.refuse(
                log.map(|log| log.at).unwrap_or_default(),
                "expected `stdout`, `off` or `file:PATH`",
            ),
        }
    }

    // What follows serves all sections.

    fn refuse<T>(&mut self, place: Place, message: impl Into<String>) -> Option<T> {
        self.mistakes.push(Mistake::new(place, message));
        None
    }

    /// A key that must be there; `owner` is whom it is missing from.
    fn need<T>(&mut self, value: Option<T>, owner: Place, key: &str) -> Option<T> {
        if value.is_none() {
            self.refuse::<()>(owner, format!("the key `{key}` is missing here"));
        }
        value
    }

    fn need_in_file<T>(&mut self, value: Option<T>, key: &str) -> Option<T> {
        if value.is_none() {
            let message = format!("the key `{key}` is missing");
            self.mistakes.push(Mistake::of_file(message));
        }
        value
    }

    /// The index of a name that another section must have.
    fn index(
        &mut self,
        reference: &Text,
        what: &str,
        names: fn(&Names) -> &[String],
    ) -> Option<usize> {
        let names = names(&self.names);
        let index = names.iter().position(|name| *name == reference.value);
        if index.is_none() {
            let message = format!("unknown {what} `{}`", reference.value);
            let mistake = Mistake::new(reference.at, message)
                .near(&reference.value, names.iter().map(String::as_str));
            self.mistakes.push(mistake);
        }
        index
    }

    /// One of a few words.
    fn one_of<T: Copy>(&mut self, text: &Text, what: &str, known: &[(&str, T)]) -> Option<T> {
        let found = known.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let mistake = Mistake::new(text.at, format!("unknown {what} `{}`", text.value))
                .near(&text.value, known.iter().map(|(word, _)| *word));
            self.mistakes.push(mistake);
        }
        found.map(|(_, value)| *value)
    }

    /// Refuses keys that do not belong to `owner`, such as "the kind `entra`".
    fn foreign(&mut self, owner: &str, keys: &[(&str, Option<Place>)]) -> Option<()> {
        let mut good = Some(());
        for (key, place) in keys {
            if let Some(place) = place {
                good = self.refuse(*place, format!("`{key}` does not belong to {owner}"));
            }
        }
        good
    }

    /// Turns a lookup's answer into a value or a mistake.
    fn found<T>(&mut self, place: Place, answer: Result<T, String>) -> Option<T> {
        match answer {
            Ok(value) => Some(value),
            Err(why) => self.refuse(place, why),
        }
    }

    /// Roots to trust: a PEM file with at least one certificate, each of which can be a root.
    fn roots(&mut self, path: Option<Text>) -> Option<Option<Roots>> {
        let Some(text) = path else {
            return Some(None);
        };
        let path = self.lookup.path(&text.value);
        let pem = self.found(text.at, self.lookup.read(&path))?;
        let judged = edge::certificates(&pem).and_then(|certificates| {
            let mut store = rustls::RootCertStore::empty();
            certificates.into_iter().try_for_each(|certificate| {
                let bad = |error| format!("a certificate cannot be a root: {error}");
                store.add(certificate).map_err(bad)
            })
        });
        self.found(
            text.at,
            judged.map_err(|why| format!("{}: {why}", path.display())),
        )?;
        Some(Some(Roots { path, pem }))
    }

    /// A certificate chain and a key that belong together.
    fn tls(&mut self, tls: Option<At<schema::Tls>>) -> Option<Option<TlsIdentity>> {
        self.perhaps(tls, |checker, tls| checker.identity(tls))
    }

    pub(super) fn identity(&mut self, tls: At<schema::Tls>) -> Option<TlsIdentity> {
        let At { value: tls, at } = tls;
        let cert = self.need(tls.cert, at, "cert");
        let key = self.need(tls.key, at, "key");
        let cert = cert.and_then(|cert| {
            let bytes = self.found(cert.at, self.lookup.bytes(&cert.value))?;
            let chain = self.found(cert.at, edge::certificates(&bytes))?;
            Some((cert.at, bytes, chain))
        });
        let key = key.and_then(|key| {
            let secret = self.found(key.at, self.lookup.secret(&key.value))?;
            Some((key.at, secret))
        });
        let ((cert_at, cert, chain), (key_at, key)) = (cert?, key?);
        let der = self.found(key_at, edge::private_key(&key))?;
        self.found(cert_at, edge::belong_together(chain, der))?;
        Some(TlsIdentity { cert, key })
    }
}

/// The values of texts.
fn values(texts: Option<Vec<Text>>) -> Vec<String> {
    texts.into_iter().flatten().map(|text| text.value).collect()
}

/// Where an optional value stands.
fn place<T>(value: &Option<At<T>>) -> Option<Place> {
    value.as_ref().map(|value| value.at)
}

/// Whether a host, brackets of an address or not, is this machine's own.
fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}
