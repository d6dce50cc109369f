//! A control plane over one local issuer, and requests to its admin listener.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use sluice::base::clock::{Clock, Mono};
use sluice::base::counters::{Counters, Labels};
use sluice::control::config::{self, Config, Mistakes};
use sluice::control::{Control, Parts, Probe};
use sluice::mcp::pins::Pins;

use super::issuer::{LocalIssuer, TENANT};

/// What must never be shown.
pub const SECRET: &str = "hunter2-the-client-secret";

/// A control plane that is told to use `issuer` for everything.
pub struct Scene {
    pub control: Control,
    pub clock: Clock,
    pub is_recorder_well: Arc<AtomicBool>,
    pub counters: Arc<Counters>,
    pub pins: Pins,
    pub directory: tempfile::TempDir,
}

pub fn configuration(issuer: &LocalIssuer, directory: &Path) -> Config {
    let url = issuer.url();
    let credentials = format!(
        "  reader:
    kind: entra_client
    tenant: {TENANT}
    client_id: reader
    secret: env:SECRET
    scope: all
    authority: {url}
    ca_file: ca.pem
  fixed: {{ kind: header, name: X-Key, value: env:SECRET }}
"
    );
    let environment = |name: &str| (name == "SECRET").then(|| SECRET.to_owned());
    with_credentials(issuer, directory, &credentials, &environment).unwrap()
}

/// A configuration with these credentials, one of which is called `reader`.
pub fn with_credentials(
    issuer: &LocalIssuer,
    directory: &Path,
    credentials: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Mistakes> {
    std::fs::write(directory.join("ca.pem"), &issuer.ca).unwrap();
    let url = issuer.url();
    let groups = match credentials.contains("  reader:\n    kind: entra_client\n") {
        true => format!(", groups: {{ credential: reader, graph: {url}, ca_file: ca.pem }}"),
        false => String::new(),
    };
    let text = format!(
        "listeners: [{{ bind: 127.0.0.1:0 }}]
admin: {{ bind: 127.0.0.1:0 }}
data: data
issuers:
  local: {{ kind: entra, tenant: {TENANT}, authority: {url}, ca_file: ca.pem, audiences: [us]{groups} }}
credentials:
{credentials}connections:
  up: {{ protocol: http, upstream: http://localhost:8080/, credential: reader, record: buffered }}
routes: [{{ path: /**, connection: up }}]
access_log: file:access.log
"
    );
    config::parse(&directory.join("sluice.yaml"), text, environment)
}

impl Scene {
    pub fn start(issuer: &LocalIssuer) -> Scene {
        let directory = tempfile::tempdir().unwrap();
        let config = configuration(issuer, directory.path());
        Scene::of(&config, directory)
    }

    /// A control plane by this configuration, whose files are in `directory`.
    pub fn of(config: &Config, directory: tempfile::TempDir) -> Scene {
        assert!(!format!("{config:?}").contains(SECRET));
        let clock = Clock::start();
        let is_recorder_well = Arc::new(AtomicBool::new(true));
        let well = is_recorder_well.clone();
        let labels = Labels {
            connections: vec!["up".into()],
            outcomes: &["done"],
            refusals: &["no token"],
        };
        let counters = Arc::new(Counters::new(labels, 2));
        let (pins, _) = Pins::new();
        let parts = Parts {
            inherited: Default::default(),
            counters: counters.clone(),
            probes: vec![Probe {
                name: "recorder",
                check: Box::new(move || {
                    let is_well = well.load(Relaxed);
                    is_well.then_some(()).ok_or_else(|| "disk full".to_owned())
                }),
            }],
            pins: pins.clone(),
            keys: Default::default(),
            servers: Arc::new(|_| None),
        };
        Scene {
            pins,
            control: Control::start(config, clock, parts).unwrap(),
            clock,
            is_recorder_well,
            counters,
            directory,
        }
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        request(self.control.admin_address(), path, "localhost")
    }

    pub fn wait_for_ready(&self, want: u16) -> String {
        let begun = Instant::now();
        loop {
            let (status, body) = self.get("/readyz");
            if status == want {
                return body;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "{body}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What is shown upstream of the credential at `index`, and in which field; waits for it.
    pub fn shown(&self, index: usize) -> (String, String) {
        let begun = Instant::now();
        loop {
            let credentials = &self.control.handles().credentials;
            if let Some(credential) = credentials.current(index, self.now()) {
                let value = String::from_utf8(credential.value.expose().to_vec()).unwrap();
                return (credential.field.to_string(), value);
            }
            let state = self.get("/readyz").1;
            assert!(begun.elapsed() < Duration::from_secs(10), "{state}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn now(&self) -> Mono {
        self.clock.now().mono
    }
}

pub fn request(address: SocketAddr, path: &str, host: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    (status, body)
}
