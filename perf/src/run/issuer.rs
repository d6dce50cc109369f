//! A throw-away issuer: it publishes its keys over TLS where Entra does, and mints what Entra would
//! for an application.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use sluice::cli::demo::host::{Answer, Host, Reply};
use sluice::cli::demo::issuer::{GATEWAY_AUDIENCE, random_text};
use sluice::cli::demo::pki::Authority;
use sluice::cli::demo::tap::Tape;
use sluice::cli::demo::tenant::TENANT;

use super::keys::{Algorithm, Keys};
use crate::Outcome;

/// What a proxy must know to trust the issuer, and tokens to show to it.
pub struct Issued {
    /// The base URL.
    pub authority: String,
    pub tenant: &'static str,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// Their `aud`.
    pub audience: &'static str,
    /// Whom to trust when fetching the key set.
    pub ca_pem: String,
    keys: Arc<Keys>,
    /// A good token (ES256).
    pub token: String,
    /// The same in a file.
    pub token_file: PathBuf,
    directory: PathBuf,
}

/// The role of the only caller there is.
pub const ROLE: &str = "Perf.Load";
/// The only caller.
const CALLER: &str = "5b2e9d14-6a7f-4c30-b8e1-0f9e8d7c6b5a";
const CLIENT: &str = "3c770e8a-41d9-4b52-9e06-8f7a6b5c4d3e";
/// How long tokens are good, and how far they are dated back.
const LIFE: u64 = 24 * 3600;
const BACKDATE: u64 = 300;

/// Serves the key set for as long as the process lives. In `directory` are kept the tokens, the key
/// set (`keys.json`), and each public key (`RS256.pem`, `ES256.pem`).
pub fn serve(directory: &Path) -> Outcome<Issued> {
    let text = |failure: sluice::cli::Failure| failure.to_string();
    let keys = Arc::new(Keys::new()?);
    let ca = Authority::generate().map_err(text)?;
    let tls = ca.leaf("issuer").and_then(|leaf| leaf.server());
    let tls = tls.map_err(text)?;
    let (say, answer) = mpsc::channel();
    let served = keys.clone();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return drop(say.send(Err(error.to_string()))),
        };
        runtime.block_on(async {
            match Host::bind((Ipv4Addr::LOCALHOST, 0).into(), tls).await {
                Err(failure) => drop(say.send(Err(failure.to_string()))),
                Ok(host) => {
                    let authority = host.url();
                    let _ = say.send(Ok(authority.clone()));
                    let document = Documents::new(&authority, &served);
                    host.serve(Arc::new(document), Tape::default());
                    std::future::pending::<()>().await;
                }
            }
        });
    });
    let authority = answer.recv()??;
    let issuer = format!("{authority}/{TENANT}/v2.0");
    let token = keys.sign(Algorithm::Es256, &claims(&issuer)?)?;
    let token_file = directory.join("caller.token");
    fs::write(&token_file, &token)?;
    // For those who are given keys and do not fetch them.
    fs::write(directory.join("keys.json"), keys.set().to_string())?;
    for algorithm in Algorithm::ALL {
        let file = format!("{}.pem", algorithm.name());
        fs::write(directory.join(file), keys.public_pem(algorithm))?;
    }
    Ok(Issued {
        issuer,
        audience: GATEWAY_AUDIENCE,
        authority,
        tenant: TENANT,
        ca_pem: ca.pem().to_owned(),
        keys,
        token,
        token_file,
        directory: directory.to_owned(),
    })
}

impl Issued {
    /// So many tokens, each of them different, in a file, one a line.
    pub fn many(&self, algorithm: Algorithm, count: usize) -> Outcome<PathBuf> {
        let file = self.directory.join(format!("{}.tokens", algorithm.name()));
        let mut lines = String::new();
        for _ in 0..count {
            lines.push_str(&self.keys.sign(algorithm, &claims(&self.issuer)?)?);
            lines.push('\n');
        }
        fs::write(&file, lines)?;
        Ok(file)
    }
}

impl Issued {
    /// A public key, as a PEM file.
    pub fn public_key(&self, algorithm: Algorithm) -> PathBuf {
        self.directory.join(format!("{}.pem", algorithm.name()))
    }

    /// Tokens that are not good, and what is wrong with each.
    pub fn bad(&self, algorithm: Algorithm) -> Outcome<Vec<(&'static str, String)>> {
        let with = |name: &str, value: Value| -> Outcome<String> {
            let mut claims = claims(&self.issuer)?;
            claims[name] = value;
            self.keys.sign(algorithm, &claims)
        };
        let good = self.keys.sign(algorithm, &claims(&self.issuer)?)?;
        let (signed, _) = good.rsplit_once('.').ok_or("a token has no signature")?;
        let other = self.keys.sign(algorithm, &claims(&self.issuer)?)?;
        let (_, signature) = other.rsplit_once('.').ok_or("a token has no signature")?;
        // Longer ago than anyone's clock may be wrong.
        let past = now()? - 3600;
        Ok(vec![
            ("another token's signature", format!("{signed}.{signature}")),
            ("no signature", format!("{signed}.")),
            ("expired", with("exp", past.into())?),
            (
                "another issuer",
                with("iss", "https://127.0.0.1:1/".into())?,
            ),
            ("another audience", with("aud", "another".into())?),
        ])
    }

    /// All public keys, as a JSON Web Key Set.
    pub fn key_set(&self) -> PathBuf {
        self.directory.join("keys.json")
    }
}

fn now() -> Outcome<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

/// The claims of Entra's tokens for applications, version 2; each time a little different.
fn claims(issuer: &str) -> Outcome<Value> {
    let now = now()?;
    Ok(serde_json::json!({
        "aud": GATEWAY_AUDIENCE,
        "iss": issuer,
        "iat": now - BACKDATE,
        "nbf": now - BACKDATE,
        "exp": now + LIFE,
        "aio": random_text(),
        "azp": CLIENT,
        "azpacr": "1",
        "idtyp": "app",
        "oid": CALLER,
        "rh": random_text(),
        "roles": [ROLE],
        "sub": CALLER,
        "tid": TENANT,
        "uti": random_text(),
        "ver": "2.0",
    }))
}

/// The two documents of an issuer, by their paths.
struct Documents([(String, Value); 2]);

impl Documents {
    fn new(authority: &str, keys: &Keys) -> Documents {
        let base = format!("{authority}/{TENANT}");
        let discovery = serde_json::json!({
            "issuer": format!("{base}/v2.0"),
            "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
            "token_endpoint": format!("{base}/oauth2/v2.0/token"),
            "jwks_uri": format!("{base}/discovery/v2.0/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": Algorithm::ALL.map(Algorithm::name),
        });
        Documents([
            (
                format!("/{TENANT}/v2.0/.well-known/openid-configuration"),
                discovery,
            ),
            (format!("/{TENANT}/discovery/v2.0/keys"), keys.set()),
        ])
    }
}

impl Answer for Documents {
    fn answer(&self, head: &http::request::Parts, _: &[u8]) -> Reply {
        let found = self.0.iter().find(|(path, _)| head.uri.path() == path);
        match found {
            Some((_, document)) => Reply::json(http::StatusCode::OK, "application/json", document),
            None => Reply::empty(http::StatusCode::NOT_FOUND),
        }
    }
}
