//! Where the token comes from that requests show.

use super::usage;
use crate::base::clock::Clock;
use crate::base::secret::Secret;
use crate::cli::failure::{Doing, Failure};
use crate::control::config::{self, Roots};
use crate::control::http_client::HttpClient;
use crate::control::jwks;
use crate::control::tokens::TokenRequest;
use clap::Args;
use std::path::PathBuf;

/// The part of the command line that is about tokens.
#[derive(Args)]
#[group(id = "TokenOfBench")]
pub struct TokenArgs {
    /// Show this bearer token: env:NAME or file:PATH.
    #[arg(long, value_name = "REFERENCE", conflicts_with_all = ["token_file", "client_id"])]
    token: Option<String>,
    /// Show the bearer token in this file.
    #[arg(long, value_name = "FILE", conflicts_with = "client_id")]
    token_file: Option<PathBuf>,
    /// Get a token by client credentials (RFC 6749, 4.4) from this endpoint.
    #[arg(
        long,
        value_name = "URL",
        requires = "client_id",
        conflicts_with = "issuer"
    )]
    token_url: Option<String>,
    /// The same from the endpoint that this issuer's discovery document names.
    #[arg(long, value_name = "URL", requires = "client_id")]
    issuer: Option<String>,
    /// As whom.
    #[arg(long, value_name = "ID", requires = "secret")]
    client_id: Option<String>,
    /// The client's secret: env:NAME or file:PATH.
    #[arg(long, value_name = "REFERENCE", requires = "client_id")]
    secret: Option<String>,
    /// For what.
    #[arg(long, value_name = "SCOPE", requires = "client_id", default_value = "")]
    #[arg(hide_default_value = true)]
    scope: String,
}

impl TokenArgs {
    /// Whether there is anything to show.
    pub fn is_given(&self) -> bool {
        self.token.is_some() || self.token_file.is_some() || self.client_id.is_some()
    }
}

/// `Bearer …`, or nothing where none is asked for.
pub async fn get(args: &TokenArgs, roots: Option<&Roots>) -> Result<Option<Secret>, Failure> {
    if let Some(reference) = &args.token {
        return bearer(reference, "--token").map(Some);
    }
    if let Some(path) = &args.token_file {
        let reference = format!("file:{}", path.display());
        return bearer(&reference, "--token-file").map(Some);
    }
    let (Some(client_id), Some(secret)) = (&args.client_id, &args.secret) else {
        return Ok(None);
    };
    let secret = config::referenced(secret).doing("--secret")?;
    let client = HttpClient::new(roots).doing("get a token")?;
    let url = match (&args.token_url, &args.issuer) {
        (Some(url), _) => url.clone(),
        (None, Some(issuer)) => discover(&client, issuer).await?,
        (None, None) => return Err(usage("--client-id needs --issuer or --token-url")),
    };
    let request = TokenRequest::new(url, client_id.clone(), secret, args.scope.clone());
    let wall = Clock::start().now().wall;
    let token = request.ask(&client, wall).await.doing("get a token")?;
    Ok(Some(token.value))
}

fn bearer(reference: &str, option: &str) -> Result<Secret, Failure> {
    let secret = config::referenced(reference).doing(option)?;
    let bytes = secret.expose().trim_ascii();
    if bytes.is_empty() || !bytes.iter().all(u8::is_ascii_graphic) {
        return Err(Failure::new(format!("{option}: what it names is no token")));
    }
    Ok(Secret::new([b"Bearer ", bytes].concat()))
}

/// The token endpoint of an issuer.
async fn discover(client: &HttpClient, issuer: &str) -> Result<String, Failure> {
    let issuer = issuer.trim_end_matches('/');
    let url = format!("{issuer}/.well-known/openid-configuration");
    let doing = format!("read {url}");
    let is_issuer = |name: &str| name.trim_end_matches('/') == issuer;
    let found = jwks::discover(client, &url, is_issuer, ["token_endpoint"]).await;
    let [endpoint] = found.doing(&doing)?;
    endpoint.ok_or_else(|| Failure::new(format!("{doing}: it names no token endpoint")))
}
