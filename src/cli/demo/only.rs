//! One of the demo's counterparts alone, for tests with other people's clients and servers.

use super::super::failure::{Doing, Failure};
use super::super::terminal;
use super::Interrupts;
use super::bearer::{Bearers, fetch_keys};
use super::cast;
use super::directory::Directory;
use super::host::{Answer, Host};
use super::issuer::{Flaw, GRAPH_URI, Issuer};
use super::pki::{Authority, client_trusting};
use super::tap::Tape;
use super::tenant::TENANT;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which part runs alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// The issuer that speaks Entra's paths. Writes apps.json (ids and secrets) and
    /// tokens/APP.FLAW.jwt to --out.
    Issuer,
    /// The directory that speaks Graph's paths.
    Directory,
    /// Writes server.crt and server.key for 127.0.0.1 and localhost to --out, and ends.
    Certificate,
}

/// Options of `--only`.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "One part alone, for tests")]
pub struct OnlyArgs {
    /// Run one part of the demo alone, until Ctrl-C. Prints one line of JSON once it listens.
    #[arg(long, value_name = "PART", hide_short_help = true, requires = "out")]
    pub only: Option<Part>,
    /// Where the part puts ca.pem and what else it writes. A second part with the same directory
    /// shares its certificate authority (ca.key).
    #[arg(long, value_name = "DIR", hide_short_help = true, requires = "only")]
    out: Option<PathBuf>,
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", hide_short_help = true, requires = "only",
          default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))]
    listen: SocketAddr,
    /// Write the plaintext bytes of socket N = 0, 1, … to DIR/N-received.bin and DIR/N-sent.bin.
    #[arg(long, value_name = "DIR", hide_short_help = true, requires = "only")]
    capture: Option<PathBuf>,
    /// Directory: take only bearer tokens signed by a key of this set (fetched once, at start).
    /// Without it any bearer token is taken, unread.
    #[arg(long, value_name = "URL", hide_short_help = true, requires = "only")]
    trust_jwks: Option<String>,
    /// Directory: PEM of the authorities trusted when the key set is fetched; by default --out's.
    #[arg(
        long,
        value_name = "FILE",
        hide_short_help = true,
        requires = "trust_jwks"
    )]
    trust_ca: Option<PathBuf>,
    /// Directory: the audience a token must have.
    #[arg(long, value_name = "AUDIENCE", hide_short_help = true, requires = "trust_jwks",
          default_value = GRAPH_URI)]
    trust_audience: String,
    /// Directory: the client (azp or appid) a token must be of.
    #[arg(
        long,
        value_name = "ID",
        hide_short_help = true,
        requires = "trust_jwks"
    )]
    trust_client: Option<String>,
}

impl OnlyArgs {
    /// Runs `part` until Ctrl-C.
    pub(super) async fn run(&self, part: Part, interrupts: &mut Interrupts) -> Result<(), Failure> {
        let out = self.out.as_deref();
        let out = out.ok_or_else(|| Failure::new("--only needs --out"))?;
        std::fs::create_dir_all(out).doing(format!("make {}", out.display()))?;
        let authority = shared_authority(out)?;
        let leaf = authority.leaf("sluice demo")?;
        if part == Part::Certificate {
            write(out, "server.crt", &leaf.certificate_pem)?;
            return write(out, "server.key", &leaf.key_pem);
        }
        let host = Host::bind(self.listen, leaf.server()?).await?;
        let url = host.url();
        let answer: Arc<dyn Answer> = match part {
            Part::Issuer => Arc::new(issuer(out, url.clone())?),
            _ => Arc::new(Directory::new(url.clone(), self.bearers(&authority).await?)),
        };
        let tape = match &self.capture {
            Some(directory) => Tape::in_directory(directory).doing("open the capture")?,
            None => Tape::default(),
        };
        host.serve(answer, tape);
        let ca = out.join("ca.pem");
        let about = json!({ "url": url, "ca": ca, "tenant": TENANT });
        terminal::print(format!("{about}\n").as_bytes())?;
        interrupts.wanted().await;
        Ok(())
    }

    async fn bearers(&self, authority: &Authority) -> Result<Bearers, Failure> {
        let Some(url) = &self.trust_jwks else {
            return Ok(Bearers::Any);
        };
        let tls = match &self.trust_ca {
            None => authority.client()?,
            Some(path) => client_trusting(certificates(path)?)?,
        };
        Ok(Bearers::Signed {
            keys: fetch_keys(url, &tls).await?,
            audience: self.trust_audience.clone(),
            client: self.trust_client.clone(),
        })
    }
}

fn shared_authority(out: &Path) -> Result<Authority, Failure> {
    let key = out.join("ca.key");
    if key.exists() {
        let pem = std::fs::read_to_string(&key).doing(format!("read {}", key.display()))?;
        return Authority::from_key(&pem);
    }
    let authority = Authority::generate()?;
    write(out, "ca.key", authority.key_pem())?;
    write(out, "ca.pem", authority.pem())?;
    Ok(authority)
}

fn issuer(out: &Path, url: String) -> Result<Issuer, Failure> {
    let issuer = Issuer::new(url.clone(), TENANT.to_owned(), cast::apps()?)?;
    let tokens = out.join("tokens");
    std::fs::create_dir_all(&tokens).doing(format!("make {}", tokens.display()))?;
    let mut apps = serde_json::Map::new();
    for name in [cast::GATEWAY, cast::READER, cast::STRANGER] {
        let Some(app) = issuer.app(name) else {
            continue;
        };
        let about = json!({ "client_id": app.client_id, "secret": app.secret });
        apps.insert(name.to_owned(), about);
        for (flaw, of) in [
            ("good", Flaw::None),
            ("forged", Flaw::Forged),
            ("expired", Flaw::Expired),
            ("other-audience", Flaw::OtherAudience),
            ("graph-audience", Flaw::GraphAudience),
        ] {
            write(
                &tokens,
                &format!("{name}.{flaw}.jwt"),
                &issuer.mint(app, of)?,
            )?;
        }
    }
    let about = json!({ "authority": url, "tenant": TENANT, "apps": Value::Object(apps) });
    write(out, "apps.json", &about.to_string())?;
    Ok(issuer)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let doing = format!("read {}", path.display());
    let found = CertificateDer::pem_file_iter(path).doing(&doing)?;
    found.collect::<Result<_, _>>().doing(&doing)
}

fn write(directory: &Path, name: &str, text: &str) -> Result<(), Failure> {
    let path = directory.join(name);
    std::fs::write(&path, text).doing(format!("write {}", path.display()))
}
