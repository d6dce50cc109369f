//! What clients of MCP servers see of the gateway itself: its public URL, the faces of
//! authorization servers, and the keys that session ids are sealed with.

use std::net::SocketAddr;

use super::super::model::{Facade, Issuer, SessionKey};
use super::super::schema::{self, At, Text};
use super::super::secrets::decoded_key;
use super::{Checker, identity, is_loopback};
use crate::base::limits::{SESSION_KEY_BYTES, SESSION_KEY_ID_BYTES, SESSION_KEYS};
use crate::base::secret::Secret;
use crate::control::config::Place;

impl Checker<'_> {
    /// A URL under which the gateway, or a part of it, is reached: scheme, host and port.
    pub(super) fn public_url(&mut self, text: &Text) -> Option<String> {
        const WANT: &str = "expected `https://HOST` or `https://HOST:PORT`";
        let Ok(url) = url::Url::parse(&text.value) else {
            return self.refuse(text.at, WANT);
        };
        let is_bare = matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        match (url.scheme(), url.host_str()) {
            ("https", Some(_)) if is_bare => {}
            ("http", Some(host)) if is_bare && is_loopback(host) => {}
            ("http", Some(_)) if is_bare => {
                return self.refuse(text.at, "off loopback this is an `https://` URL");
            }
            _ => return self.refuse(text.at, WANT),
        }
        Some(url.origin().ascii_serialization())
    }

    pub(super) fn facade(&mut self, facade: Option<At<schema::Facade>>) -> Option<Option<Facade>> {
        let Some(At { value, at }) = facade else {
            return Some(None);
        };
        let bind = self
            .need(value.bind, at, "bind")
            .and_then(|bind| self.address(&bind));
        let tls = self.tls(value.tls);
        let public_url = self
            .need(value.public_url, at, "public_url")
            .and_then(|url| self.public_url(&url));
        let client_id = self.perhaps(value.client_id, |checker, id| {
            if identity::is_guid(&id.value) {
                return Some(id.value.to_ascii_lowercase());
            }
            checker.refuse(id.at, "expected the application's id, a GUID")
        });
        let ((bind, bind_at), tls) = (bind?, tls?);
        if !bind.ip().is_loopback() && tls.is_none() {
            return self.refuse(bind_at, "off loopback a façade needs `tls`");
        }
        Some(Some(Facade {
            bind,
            tls,
            public_url: public_url?,
            client_id: client_id?,
            place: at.into(),
        }))
    }

    /// Façades listen too: each on an address that nothing else has. Port 0 is a free one each time.
    pub(super) fn facades_apart(&mut self, issuers: &[Issuer], taken: &[SocketAddr]) {
        let mut taken = taken.to_vec();
        for facade in issuers.iter().filter_map(|issuer| issuer.facade.as_ref()) {
            if facade.bind.port() != 0 && taken.contains(&facade.bind) {
                let place = facade.place.into();
                self.refuse::<()>(place, "another listener has this address already");
            }
            taken.push(facade.bind);
        }
    }

    pub(super) fn session_keys(
        &mut self,
        keys: Option<At<Vec<At<schema::SessionKey>>>>,
    ) -> Option<Vec<SessionKey>> {
        let Some(At { value, at }) = keys else {
            return Some(Vec::new());
        };
        if value.is_empty() {
            return self.refuse(
                at,
                "at least one key is needed; without this key one is made",
            );
        }
        if value.len() > SESSION_KEYS {
            return self.refuse(at, format!("at most {SESSION_KEYS} keys can stand here"));
        }
        let mut good: Vec<SessionKey> = Vec::new();
        let mut all_good = Some(());
        for key in value {
            let place = key.at;
            let Some(key) = self.session_key(key) else {
                all_good = None;
                continue;
            };
            if good.iter().any(|other| other.id == key.id) {
                let why = format!("another key has the id `{}` already", key.id);
                all_good = self.refuse(place, why);
            } else if good.iter().any(|other| other.key == key.key) {
                all_good = self.refuse(place, "another id has this key already");
            }
            good.push(key);
        }
        all_good.map(|()| good)
    }

    fn session_key(&mut self, key: At<schema::SessionKey>) -> Option<SessionKey> {
        let At { value, at } = key;
        let id = self
            .need(value.id, at, "id")
            .and_then(|id| self.key_id(&id));
        let key = self
            .need(value.key, at, "key")
            .and_then(|key| self.key(key.at, &key));
        Some(SessionKey { id: id?, key: key? })
    }

    fn key_id(&mut self, id: &Text) -> Option<String> {
        let is_id = (1..=SESSION_KEY_ID_BYTES).contains(&id.value.len())
            && (id.value.chars()).all(|each| each.is_ascii_alphanumeric() || "-_".contains(each));
        match is_id {
            true => Some(id.value.clone()),
            false => self.refuse(
                id.at,
                format!("a key's id is 1 to {SESSION_KEY_ID_BYTES} letters, digits, `-` and `_`"),
            ),
        }
    }

    fn key(&mut self, at: Place, reference: &Text) -> Option<Secret> {
        let text = self.found(at, self.lookup.secret(&reference.value))?;
        match decoded_key(&text) {
            Some(key) => Some(key),
            None => self.refuse(
                at,
                format!("a key is {SESSION_KEY_BYTES} bytes, in base64 or as hexadecimal digits"),
            ),
        }
    }
}
