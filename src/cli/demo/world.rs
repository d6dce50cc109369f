//! Everything the demo needs around it: authority, issuer, directory, the gateway, and the tapes.

use super::super::failure::{Doing, Failure};
use super::bearer::{Bearers, Keys};
use super::caller::Caller;
use super::cast;
use super::config;
use super::directory::Directory;
use super::host::Host;
use super::issuer::{App, GRAPH_URI, Issuer};
use super::pki::Authority;
use super::place::Place;
use super::tap::Tape;
use super::tenant::{TENANT, Tenant};
use crate::worker::io::IoChoice;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// The demo before the gateway runs: everything that the gateway talks to, and its files.
pub struct Backdrop {
    /// The files.
    pub place: Place,
    /// Whom everybody trusts.
    pub authority: Authority,
    /// The issuer, for minting what it would never hand out.
    pub issuer: Arc<Issuer>,
    /// The issuer's base URL.
    pub issuer_url: String,
    /// The directory's base URL.
    pub directory_url: String,
    /// Every plaintext byte of the directory's sockets.
    pub directory_tape: Tape,
}

/// The running demo.
pub struct World {
    /// Everything but the gateway.
    pub backdrop: Backdrop,
    /// The gateway's base URL.
    pub gateway_url: String,
    /// The caller.
    pub caller: Caller,
    /// Every plaintext byte of the caller's sockets.
    pub caller_tape: Tape,
}

impl Backdrop {
    /// Starts issuer and directory, and writes the gateway's files.
    pub async fn raise(place: Place, io: Option<IoChoice>) -> Result<Backdrop, Failure> {
        let authority = Authority::generate()?;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let host = Host::bind(any, authority.leaf("demo issuer")?.server()?).await?;
        let issuer_url = host.url();
        let issuer = Issuer::new(issuer_url.clone(), TENANT.to_owned(), cast::apps()?)?;
        let issuer = Arc::new(issuer);
        host.serve(issuer.clone(), Tape::default());

        let gateway = app(&issuer, cast::GATEWAY)?;
        let host = Host::bind(any, authority.leaf("demo directory")?.server()?).await?;
        let directory_url = host.url();
        let bearers = Bearers::Signed {
            keys: Keys::read(&issuer.key_set())?,
            audience: GRAPH_URI.to_owned(),
            client: Some(gateway.client_id.clone()),
        };
        let directory_tape = Tape::default();
        let directory = Directory::new(directory_url.clone(), bearers);
        host.serve(Arc::new(directory), directory_tape.clone());
        let yaml = config::yaml(&issuer_url, &directory_url, gateway, io);
        write_files(&place, &authority, gateway, &yaml)?;
        Ok(Backdrop {
            place,
            authority,
            issuer,
            issuer_url,
            directory_url,
            directory_tape,
        })
    }
}

impl World {
    /// The caller enters, in front of a gateway that listens on `gateway`.
    pub fn new(backdrop: Backdrop, gateway: SocketAddr) -> Result<World, Failure> {
        let caller_tape = Tape::default();
        Ok(World {
            caller: Caller::new(backdrop.authority.client()?, caller_tape.clone()),
            gateway_url: format!("https://{gateway}"),
            backdrop,
            caller_tape,
        })
    }
}

/// The application called `name`, which the cast has.
pub fn app<'i>(issuer: &'i Issuer, name: &str) -> Result<&'i App, Failure> {
    let missing = || Failure::new(format!("the demo's cast has no {name}"));
    issuer.app(name).ok_or_else(missing)
}

/// What the configuration file refers to, and the file.
fn write_files(
    place: &Place,
    authority: &Authority,
    gateway: &App,
    yaml: &str,
) -> Result<(), Failure> {
    let leaf = authority.leaf("demo gateway")?;
    place.write("ca.pem", authority.pem())?;
    place.write("tls.crt", &leaf.certificate_pem)?;
    place.write("tls.key", &leaf.key_pem)?;
    place.write("graph.secret", &gateway.secret)?;
    place.write("protected-names.txt", &protected_name(&Tenant::generate())?)?;
    place.write("sluice.yaml", yaml)?;
    Ok(())
}

/// The person whose very name is hidden wherever it stands.
pub fn protected_name(tenant: &Tenant) -> Result<String, Failure> {
    let user = tenant.users.get(3);
    let name = user.and_then(|user| user["displayName"].as_str());
    name.map(str::to_owned)
        .ok_or("no such person")
        .doing("choose whose name is protected")
}
