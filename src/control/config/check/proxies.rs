//! Proxies, and who goes through them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::model::{Direct, Proxy, Reach};
use super::super::schema::{self, Text};
use super::{Checker, Place, place};
use crate::base::secret::Secret;

impl Checker<'_> {
    pub(super) fn proxy(
        &mut self,
        name: Arc<str>,
        at: Place,
        proxy: schema::Proxy,
    ) -> Option<Proxy> {
        let url = self.need(proxy.url, at, "url");
        let user_at = place(&proxy.user);
        let password_at = place(&proxy.password);
        let password = self.perhaps(proxy.password, |checker, text| {
            let secret = checker.lookup.secret(&text.value);
            checker.found(text.at, secret)
        });
        let direct: Vec<_> = (proxy.no_proxy.into_iter().flatten())
            .map(|text| self.direct(&text))
            .collect();
        let (host, port) = url.and_then(|url| self.proxy_url(&url))?;
        let authorization = match (proxy.user, password?) {
            (None, None) => None,
            (Some(user), Some(password)) if !user.value.contains(':') => {
                Some(basic(&user.value, &password))
            }
            (Some(_), Some(_)) => {
                return self.refuse(user_at.unwrap_or(at), "a user has no colon");
            }
            _ => {
                let one = user_at.or(password_at).unwrap_or(at);
                return self.refuse(one, "`user` and `password` go together");
            }
        };
        Some(Proxy {
            name,
            host,
            port,
            authorization,
            direct: direct.into_iter().collect::<Option<_>>()?,
        })
    }

    fn proxy_url(&mut self, text: &Text) -> Option<(String, u16)> {
        const WANT: &str = "expected an `http://` URL of host and port";
        let Ok(url) = url::Url::parse(&text.value) else {
            return self.refuse(text.at, WANT);
        };
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.path() == "/";
        match (url.scheme(), url.host_str(), url.port_or_known_default()) {
            ("http", Some(host), Some(port)) if is_bare => {
                Some((host.trim_matches(['[', ']']).to_owned(), port))
            }
            _ => self.refuse(text.at, WANT),
        }
    }

    fn direct(&mut self, text: &Text) -> Option<Direct> {
        let direct = Direct::parse(&text.value);
        if direct.is_none() {
            let want = "expected a name, an address or a network such as `10.0.0.0/8`";
            self.refuse::<()>(text.at, want);
        }
        direct
    }

    /// The proxy of that name, if one is named.
    pub(super) fn through(&mut self, name: Option<Text>) -> Option<Option<Arc<Proxy>>> {
        self.perhaps(name, |checker, name| {
            checker.index(&name, "proxy", |names| &names.proxies)?;
            // One that is not there was found wrong already.
            let mut proxies = checker.proxies.iter();
            proxies.find(|proxy| *proxy.name == *name.value).cloned()
        })
    }

    /// The proxy that a connection goes through, where it does.
    pub(super) fn tunnelled(
        &mut self,
        name: Option<Text>,
        reach: &Reach,
        is_checked: bool,
    ) -> Option<Option<Arc<Proxy>>> {
        let at = place(&name).unwrap_or_default();
        let proxy = self.through(name)?;
        let (Some(proxy), Reach::Upstream(upstream)) = (proxy, reach) else {
            return Some(None);
        };
        if !proxy.leads_to(&upstream.host) {
            return Some(None);
        }
        if !upstream.also.is_empty() {
            return self.refuse(at, "behind a proxy an upstream has one URL");
        }
        if is_checked {
            return self.refuse(at, "what is behind a proxy has no `health`");
        }
        Some(Some(proxy))
    }
}

/// Credentials as RFC 7617 writes them.
fn basic(user: &str, password: &Secret) -> Secret {
    let pair = zeroize::Zeroizing::new([user.as_bytes(), b":", password.expose()].concat());
    Secret::new(format!("Basic {}", STANDARD.encode(&*pair)).into_bytes())
}
