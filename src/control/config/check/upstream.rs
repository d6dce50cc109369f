//! Connections and masks.

use std::net::IpAddr;
use std::sync::Arc;

use super::super::model::{Connection, ForwardHeaders, Mask, RecordClass, Upstream};
use super::super::schema::{self, At, Text};
use super::identity::is_field_name;
use super::{Checker, values};
use crate::control::config::Place;
use crate::exchange::fields;
use crate::mask::{Recogniser, Replace};

impl Checker<'_> {
    pub(super) fn connection(
        &mut self,
        name: Arc<str>,
        at: Place,
        connection: schema::Connection,
    ) -> Option<Connection> {
        let protocol = self
            .need(connection.protocol, at, "protocol")
            .and_then(|it| self.protocol(&it));
        let upstream = self.need(connection.upstream, at, "upstream");
        let upstream = upstream.and_then(|text| Some((text.at, self.upstream(&text)?)));
        let has_credential = connection.credential.is_some();
        let credential = match connection.credential {
            Some(name) => self
                .index(&name, "credential", |names| &names.credentials)
                .map(Some),
            None => Some(None),
        };
        let masks = self.mask_names(connection.masks);
        let classes = [
            ("buffered", RecordClass::Buffered),
            ("durable", RecordClass::Durable),
        ];
        let record = self
            .need(connection.record, at, "record")
            .and_then(|record| self.one_of(&record, "recording class", &classes));
        let roots = self.roots(connection.ca_file);
        let forward_headers = self.forward_headers(connection.forward_headers);
        let reply_headers = self.reply_headers(connection.reply_headers);
        let (upstream_at, upstream) = upstream?;
        if has_credential && !upstream.tls && !is_loopback(&upstream.host) {
            return self.refuse(
                upstream_at,
                "a credential is not sent in plain HTTP off loopback",
            );
        }
        protocol?;
        Some(Connection {
            name,
            upstream,
            credential: credential?,
            masks: masks?,
            record: record?,
            roots: roots?,
            forward_headers: forward_headers?,
            reply_headers: reply_headers?,
            links: connection.links.unwrap_or(true),
            place: at,
        })
    }

    fn protocol(&mut self, protocol: &Text) -> Option<()> {
        let known = [("http", true), ("graph", false), ("mcp", false)];
        if self.one_of(protocol, "protocol", &known)? {
            return Some(());
        }
        let name = &protocol.value;
        self.refuse(
            protocol.at,
            format!("the protocol `{name}` is not in this version"),
        )
    }

    fn upstream(&mut self, text: &Text) -> Option<Upstream> {
        let parsed = match url::Url::parse(&text.value) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => url,
            _ => return self.refuse(text.at, "expected an `https://` or `http://` URL"),
        };
        let is_bare = parsed.username().is_empty()
            && parsed.password().is_none()
            && parsed.query().is_none()
            && parsed.fragment().is_none();
        let (Some(host), Some(port), true) =
            (parsed.host_str(), parsed.port_or_known_default(), is_bare)
        else {
            return self.refuse(text.at, "an upstream has no user, query or fragment");
        };
        Some(Upstream {
            tls: parsed.scheme() == "https",
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            path: parsed.path().trim_end_matches('/').to_owned(),
        })
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

    pub(super) fn mask(&mut self, name: Arc<str>, at: Place, mask: schema::Mask) -> Option<Mask> {
        let recognise: Vec<_> = mask
            .recognise
            .into_iter()
            .flatten()
            .map(|kind| self.recogniser(&kind))
            .collect();
        let literals = match mask.literals {
            Some(reference) => self.literals(&reference),
            None => Some(Vec::new()),
        };
        let fields = values(mask.fields);
        let recognised: Vec<&str> = (recognise.iter().flatten())
            .map(|kind| kind.name())
            .collect();
        let has_literals = literals
            .as_ref()
            .is_some_and(|literals| !literals.is_empty());
        let mut default = Some(Replace::Text("[{kind}]".to_owned()));
        let mut replace = Vec::new();
        for (key, value) in mask.replace.map(|replace| replace.0).unwrap_or_default() {
            let replacement = self.replacement(&value);
            if key.value == "default" {
                default = replacement;
            } else if fields.contains(&key.value)
                || recognised.contains(&key.value.as_str())
                || (key.value == "literal" && has_literals)
            {
                replace.push(replacement.map(|it| (key.value, it)));
            } else {
                let message = format!("`{}` is no field or pattern of this mask", key.value);
                replace.push(self.refuse(key.at, message));
            }
        }
        let recognise: Vec<Recogniser> = recognise.into_iter().collect::<Option<_>>()?;
        let literals = literals?;
        if fields.is_empty() && recognise.is_empty() && literals.is_empty() {
            return self.refuse(at, "a mask needs `fields`, `recognise` or `literals`");
        }
        Some(Mask {
            name,
            fields,
            recognise,
            literals,
            replace: replace.into_iter().collect::<Option<_>>()?,
            default: default?,
            place: at,
        })
    }

    fn recogniser(&mut self, kind: &Text) -> Option<Recogniser> {
        let known = Recogniser::ALL.map(|recogniser| (recogniser.name(), recogniser));
        self.one_of(kind, "pattern", &known)
    }

    fn literals(&mut self, reference: &Text) -> Option<Vec<String>> {
        let bytes = self.found(reference.at, self.lookup.bytes(&reference.value))?;
        let Ok(text) = String::from_utf8(bytes) else {
            return self.refuse(reference.at, "the literals are not UTF-8");
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let literals: Vec<String> = lines.map(str::to_owned).collect();
        if literals.is_empty() {
            return self.refuse(reference.at, "there are no literals in it");
        }
        Some(literals)
    }

    fn replacement(&mut self, text: &At<String>) -> Option<Replace> {
        match text.value.as_str() {
            "pseudonym" => Some(Replace::Pseudonym),
            "keep_last_4" => Some(Replace::KeepLast4),
            other if other.replace("{kind}", "").contains(['{', '}']) => {
                self.refuse(text.at, "the only placeholder is `{kind}`")
            }
            other => Some(Replace::Text(other.to_owned())),
        }
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}
