//! Where traces go.

use axum::http::{HeaderName, HeaderValue};

use super::super::model::Traces;
use super::super::schema::{self, At, Named, Text};
use super::{Checker, is_loopback};
use crate::base::limits::TRACE_HEADERS;
use crate::base::secret::Secret;
use crate::base::trace::Sampling;
use crate::control::config::Place;

impl Checker<'_> {
    pub(super) fn traces(&mut self, traces: At<schema::Traces>) -> Option<Traces> {
        let At { value, at } = traces;
        let endpoint = self
            .need(value.endpoint, at, "endpoint")
            .and_then(|endpoint| self.collector(&endpoint));
        let headers = self.headers(value.headers, at);
        let sample = self.perhaps(value.sample, |checker, share| {
            let want = "expected a share from 0 to 1, such as 0.01".to_owned();
            checker.number(&share, 0.0..=1.0, want)
        });
        let roots = self.roots(value.ca_file);
        let service_name = value.service_name.map(|name| name.value);
        Some(Traces {
            endpoint: endpoint?,
            headers: headers?,
            sampling: Sampling::share(sample?.unwrap_or(0.0)),
            service_name: service_name.unwrap_or_else(|| "sluice".to_owned()),
            roots: roots?,
        })
    }

    fn collector(&mut self, text: &Text) -> Option<String> {
        let Ok(url) = url::Url::parse(&text.value) else {
            return self.refuse(
                text.at,
                "expected a URL, such as `https://HOST:4318/v1/traces`",
            );
        };
        if !url.username().is_empty() || url.password().is_some() {
            return self.refuse(
                text.at,
                "a secret does not stand in the file: use `headers`",
            );
        }
        match (url.scheme(), url.host_str()) {
            ("https", Some(_)) => Some(text.value.clone()),
            ("http", Some(host)) if is_loopback(host) => Some(text.value.clone()),
            ("http", Some(_)) => self.refuse(text.at, "off loopback this is an `https://` URL"),
            _ => self.refuse(
                text.at,
                "expected a URL, such as `https://HOST:4318/v1/traces`",
            ),
        }
    }

    fn headers(
        &mut self,
        headers: Option<Named<Text>>,
        owner: Place,
    ) -> Option<Vec<(String, Secret)>> {
        let headers = headers.map(|headers| headers.0).unwrap_or_default();
        if headers.len() > TRACE_HEADERS {
            let want = format!("there can be at most {TRACE_HEADERS} header fields");
            return self.refuse(owner, want);
        }
        let judged: Vec<_> = headers
            .iter()
            .map(|(name, value)| {
                let secret = self.found(value.at, self.lookup.secret(&value.value));
                if HeaderName::try_from(&name.value).is_err() {
                    return self.refuse(name.at, "expected the name of a header field");
                }
                let secret = secret?;
                match HeaderValue::from_bytes(secret.expose()) {
                    Ok(value) if value.to_str().is_ok() => Some((name.value.clone(), secret)),
                    _ => self.refuse(
                        value.at,
                        "what this leads to cannot stand in a header field",
                    ),
                }
            })
            .collect();
        judged.into_iter().collect()
    }
}
