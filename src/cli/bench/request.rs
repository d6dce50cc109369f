//! What is asked for, and where.

use super::{mcp, usage};
use crate::base::secret::Secret;
use crate::cli::failure::{Doing, Failure};
use bytes::Bytes;
use clap::Args;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use std::net::IpAddr;
use std::path::PathBuf;
use url::{Host, Url};

/// The part of the command line that says what is asked for.
#[derive(Args)]
pub struct RequestArgs {
    /// The method; POST where there is a body, else GET.
    #[arg(short = 'X', long, value_name = "NAME", conflicts_with = "mcp_call")]
    method: Option<Method>,
    /// A header field, such as 'Accept: text/csv'; may be given several times.
    #[arg(short = 'H', long = "header", value_name = "FIELD", value_parser = field)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Send this file as the body.
    #[arg(long, value_name = "FILE", conflicts_with = "mcp_call")]
    body: Option<PathBuf>,
    /// Call this tool of an MCP server, in a session that is opened first.
    #[arg(long, value_name = "TOOL")]
    mcp_call: Option<String>,
    /// The tool's arguments, a JSON object.
    #[arg(long, value_name = "JSON", requires = "mcp_call", default_value = "{}")]
    #[arg(hide_default_value = true)]
    arguments: String,
}

fn field(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("expected `Name: value`")?;
    let name: HeaderName = name.trim().parse().map_err(|_| "no name of a field")?;
    if name == AUTHORIZATION {
        return Err("a command line is seen by everybody: use --token".to_owned());
    }
    let value = value.trim().parse();
    Ok((name, value.map_err(|_| "no value of a field")?))
}

/// Where requests go.
pub struct Target {
    /// Without brackets.
    pub host: String,
    pub port: u16,
    pub is_tls: bool,
    /// Host and port as they stand in requests.
    authority: String,
    /// Path and query.
    path: String,
    is_here: bool,
}

impl Target {
    /// What a URL says.
    pub fn parse(text: &str) -> Result<Target, String> {
        // The URL itself is not repeated: it may have a password in it.
        let url = Url::parse(text).map_err(|error| format!("the URL is not good: {error}"))?;
        let is_tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err("the URL is neither http:// nor https://".to_owned()),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the URL has a user in it: use --token".to_owned());
        }
        let (host, ip) = match url.host() {
            None => return Err("the URL names no host".to_owned()),
            Some(Host::Domain(name)) => (name.to_owned(), None),
            Some(Host::Ipv4(ip)) => (ip.to_string(), Some(IpAddr::from(ip))),
            Some(Host::Ipv6(ip)) => (ip.to_string(), Some(IpAddr::from(ip))),
        };
        Ok(Target {
            is_here: ip.map_or(host == "localhost", |ip| ip.is_loopback()),
            host,
            port: url.port_or_known_default().unwrap_or(443),
            is_tls,
            authority: url.authority().to_owned(),
            path: url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
        })
    }

    /// Whether a token may go there.
    pub fn may_carry_secrets(&self) -> Result<(), String> {
        match self.is_tls || self.is_here {
            true => Ok(()),
            false => Err("a token goes over https:// only, or to this machine".to_owned()),
        }
    }
}

/// What every request has in it.
pub struct Requests {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Body,
}

enum Body {
    Same(Bytes),
    /// Calls of a tool; no two in a session have the same id.
    Calls(mcp::Call),
}

impl Requests {
    /// As the command line has it.
    pub fn new(target: &Target, args: &RequestArgs) -> Result<Requests, Failure> {
        let mut headers = HeaderMap::new();
        let host = HeaderValue::from_str(&target.authority).doing("name the host")?;
        headers.insert(HOST, host);
        let agent = concat!("sluice-bench/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        let (method, body) = match (&args.mcp_call, &args.body) {
            (Some(tool), _) => {
                let call = mcp::Call::new(tool, &args.arguments).map_err(usage)?;
                mcp::describe(&mut headers);
                (Method::POST, Body::Calls(call))
            }
            (None, Some(path)) => {
                let body = std::fs::read(path).doing(format!("read {}", path.display()))?;
                let json = HeaderValue::from_static("application/json");
                headers.insert(CONTENT_TYPE, json);
                (Method::POST, Body::Same(body.into()))
            }
            (None, None) => (Method::GET, Body::Same(Bytes::new())),
        };
        for (name, value) in &args.headers {
            headers.insert(name, value.clone());
        }
        Ok(Requests {
            method: args.method.clone().unwrap_or(method),
            path: target.path.clone(),
            headers,
            body,
        })
    }

    /// Adds a token: `Bearer …`.
    pub fn authorize(&mut self, token: &Secret) -> Result<(), Failure> {
        let value = HeaderValue::from_bytes(token.expose());
        let mut value = value.map_err(|_| Failure::new("the token cannot stand in a header"))?;
        value.set_sensitive(true);
        self.headers.insert(AUTHORIZATION, value);
        Ok(())
    }

    /// Adds a field that the server gave.
    pub fn add(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    /// Whether an answer has to be read to know if it is a good one.
    pub fn are_calls(&self) -> bool {
        matches!(self.body, Body::Calls(_))
    }

    /// The request of this number.
    pub fn make(&self, number: u64) -> Request<Full<Bytes>> {
        let body = match &self.body {
            Body::Same(bytes) => bytes.clone(),
            Body::Calls(call) => call.write(number),
        };
        self.with(self.method.clone(), body)
    }

    /// A request with the same fields, and another method and body.
    pub fn with(&self, method: Method, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.headers_mut() = self.headers.clone();
        // A path that came out of a URL is one.
        if let Ok(path) = self.path.parse() {
            *request.uri_mut() = path;
        }
        request
    }
}
