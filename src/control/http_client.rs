//! The control plane's own requests: HTTPS only (but to what is on this machine or its link), no
//! redirects, no proxy but the configured one, bounded in time and size.

pub(super) mod places;

use std::sync::Arc;

use reqwest::header::HeaderValue;
use reqwest::{Client, Request, StatusCode, redirect};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use self::places::{Resolver, leads_astray};
use super::config::{Proxy, Roots, bracketed};
use crate::base::limits::{CONNECT_TIME, FETCH_TIME};

/// A client that trusts one set of roots.
#[derive(Clone, Debug)]
pub struct HttpClient(Client);

/// A client that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// There is nobody to trust.
    #[error("the system has no trusted roots: name a `ca_file`")]
    NoRoots,
    /// What the file holds is not roots.
    #[error("the roots cannot be used: {0}")]
    Roots(String),
    /// TLS or the client itself cannot be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
}

/// Why there is no answer. Never holds a body: it might hold a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Not `https://`, or not a URL at all.
    #[error("not an https:// URL")]
    Url,
    /// Link-local, or a metadata service: nobody's issuer is there.
    #[error("its address is one of this machine's platform")]
    Place,
    /// The peer could not be reached, or its certificate is not trusted.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// No whole answer in time.
    #[error("no whole answer within {FETCH_TIME:?}")]
    Slow,
    /// The answer broke off.
    #[error("the answer broke off")]
    BrokenOff,
    /// The answer is larger than anything sensible.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
}

/// An answer, whatever its status.
pub struct Fetched {
    /// Its status.
    pub status: StatusCode,
    /// Its body, wiped when dropped.
    pub body: Zeroizing<Vec<u8>>,
}

impl HttpClient {
    /// A client that trusts these roots alone, or the system's.
    ///
    /// # Errors
    /// When there is nobody to trust.
    pub fn new(roots: Option<&Roots>) -> Result<HttpClient, ClientError> {
        HttpClient::through(None, roots)
    }

    /// The same, through a proxy where one is given and leads there.
    ///
    /// # Errors
    /// When there is nobody to trust.
    pub fn through(
        proxy: Option<&Proxy>,
        roots: Option<&Roots>,
    ) -> Result<HttpClient, ClientError> {
        let proxy = proxy.map(tunnel).transpose()?;
        HttpClient::with(trusted(roots)?, proxy, true)
    }

    /// A client for what is on this machine or its link, where plain HTTP is all that is spoken. It
    /// trusts nobody's certificate.
    ///
    /// # Errors
    /// When it cannot be set up.
    pub(super) fn near() -> Result<HttpClient, ClientError> {
        HttpClient::with(RootCertStore::empty(), None, false)
    }

    fn with(
        roots: RootCertStore,
        proxy: Option<reqwest::Proxy>,
        https_only: bool,
    ) -> Result<HttpClient, ClientError> {
        let setup = |error: &dyn std::fmt::Display| ClientError::Setup(error.to_string());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| setup(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Whatever the environment names as a proxy is not one.
        let client = Client::builder().no_proxy();
        let client = match proxy {
            Some(proxy) => client.proxy(proxy),
            None => client,
        };
        let client = client
            .tls_backend_preconfigured(tls)
            .https_only(https_only)
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIME)
            .timeout(FETCH_TIME);
        let client = match https_only {
            true => client.dns_resolver(Resolver),
            false => client,
        };
        let client = client.build().map_err(|error| setup(&chain(&error)))?;
        Ok(HttpClient(client))
    }

    /// Gets a document of at most `bound` bytes.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn get(&self, url: &str, bound: usize) -> Result<Fetched, FetchError> {
        let request = self.0.get(url).header("accept", "application/json").build();
        self.fetch(request, bound).await
    }

    /// Gets a document of at most `bound` bytes, with a header field that may be a secret.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub(super) async fn get_with(
        &self,
        url: &str,
        (name, value): (&'static str, &[u8]),
        bound: usize,
    ) -> Result<Fetched, FetchError> {
        let mut value = HeaderValue::from_bytes(value).map_err(|_| FetchError::Url)?;
        value.set_sensitive(true);
        let request = self.0.get(url).header("accept", "application/json");
        self.fetch(request.header(name, value).build(), bound).await
    }

    /// Posts a form; the answer has at most `bound` bytes.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn post_form(
        &self,
        url: &str,
        form: String,
        bound: usize,
    ) -> Result<Fetched, FetchError> {
        let request = self
            .0
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(form)
            .build();
        self.fetch(request, bound).await
    }

    /// Sends a request as it is; the answer has at most `bound` bytes.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn send(
        &self,
        request: http::Request<axum::body::Bytes>,
        bound: usize,
    ) -> Result<Fetched, FetchError> {
        self.fetch(Request::try_from(request), bound).await
    }

    /// Posts JSON with an `Authorization` value; the answer has at most `bound` bytes.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub(super) async fn post_json(
        &self,
        url: &str,
        authorization: &[u8],
        body: &'static str,
        bound: usize,
    ) -> Result<Fetched, FetchError> {
        let mut value = HeaderValue::from_bytes(authorization).map_err(|_| FetchError::Url)?;
        value.set_sensitive(true);
        let request = self
            .0
            .post(url)
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .header("authorization", value)
            .body(body);
        self.fetch(request.build(), bound).await
    }

    async fn fetch(
        &self,
        request: reqwest::Result<Request>,
        bound: usize,
    ) -> Result<Fetched, FetchError> {
        let request = request.map_err(|_| FetchError::Url)?;
        // What is near is asked in plain text, by a client of its own.
        if request.url().scheme() == "https" && leads_astray(request.url()) {
            return Err(FetchError::Place);
        }
        let mut response = self.0.execute(request).await.map_err(failed)?;
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if chunk.len() > bound - body.len() {
                return Err(FetchError::TooLarge(bound));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Fetched {
            status: response.status(),
            body,
        })
    }
}

/// How requests go through `proxy`: by `CONNECT`, as they are all HTTPS.
fn tunnel(proxy: &Proxy) -> Result<reqwest::Proxy, ClientError> {
    let url = format!("http://{}:{}", bracketed(&proxy.host), proxy.port);
    let leads = proxy.clone();
    let tunnel = reqwest::Proxy::custom(move |target| {
        let leads = leads.leads_to(target.host_str().unwrap_or_default());
        leads.then(|| url.clone())
    });
    let Some(authorization) = &proxy.authorization else {
        return Ok(tunnel);
    };
    let mut shown = HeaderValue::from_bytes(authorization.expose())
        .map_err(|error| ClientError::Setup(error.to_string()))?;
    shown.set_sensitive(true);
    Ok(tunnel.custom_http_auth(shown))
}

fn trusted(roots: Option<&Roots>) -> Result<RootCertStore, ClientError> {
    let mut store = RootCertStore::empty();
    match roots {
        Some(roots) => {
            for certificate in CertificateDer::pem_slice_iter(&roots.pem) {
                let certificate =
                    certificate.map_err(|error| ClientError::Roots(error.to_string()))?;
                store
                    .add(certificate)
                    .map_err(|error| ClientError::Roots(error.to_string()))?;
            }
        }
        // One bad certificate among the system's is no reason to trust none of them.
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if store.is_empty() {
        return Err(ClientError::NoRoots);
    }
    Ok(store)
}

fn failed(error: reqwest::Error) -> FetchError {
    if error.is_timeout() {
        FetchError::Slow
    } else if error.is_builder() {
        FetchError::Url
    } else if error.is_connect() || error.is_request() {
        FetchError::Unreachable(chain(&error.without_url()))
    } else {
        FetchError::BrokenOff
    }
}

/// An error with its causes, the innermost of which is what says why.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
