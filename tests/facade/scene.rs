//! A control plane with a façade before one local issuer, and clients that speak to it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use sluice::base::clock::Clock;
use sluice::base::counters::{Counters, Labels};
use sluice::control::config;
use sluice::control::{Control, Parts};
use sluice::mcp::pins::Pins;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::issuer::{LocalIssuer, TENANT};

/// Where clients are told that the façade is.
pub const URL: &str = "https://auth.gateway.example";
/// The application that clients are given.
pub const CLIENT: &str = "7e2f0000-0000-0000-0000-00000000000a";

pub struct Scene {
    pub address: SocketAddr,
    control: Option<Control>,
    ca: Option<String>,
    text: String,
    directory: tempfile::TempDir,
}

impl Scene {
    pub async fn start(issuer: &LocalIssuer) -> Scene {
        Scene::start_with(issuer, "", Some(CLIENT)).await
    }

    /// One that has learnt from its issuer.
    pub async fn ready(issuer: &LocalIssuer) -> Scene {
        let scene = Scene::start(issuer).await;
        scene.wait_until_ready().await;
        scene
    }

    pub async fn start_with(issuer: &LocalIssuer, tls: &str, client: Option<&str>) -> Scene {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        std::fs::write(path.join("ca.pem"), &issuer.ca).unwrap();
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(path.join("tls.crt"), own.cert.pem()).unwrap();
        std::fs::write(path.join("tls.key"), own.signing_key.serialize_pem()).unwrap();
        let tls = match tls {
            "" => "",
            _ => "tls: { cert: file:tls.crt, key: file:tls.key },",
        };
        let client = client.map_or(String::new(), |id| format!(", client_id: {id}"));
        let authority = issuer.url();
        let text = format!(
            "listeners: [{{ bind: 127.0.0.1:0 }}]
admin: {{ bind: 127.0.0.1:0 }}
data: data
issuers:
  entra:
    kind: entra
    tenant: {TENANT}
    authority: {authority}
    ca_file: ca.pem
    audiences: [us]
    facade: {{ bind: 127.0.0.1:0, {tls} public_url: \"{URL}\"{client} }}
connections:
  up: {{ protocol: http, upstream: http://localhost:8080/, record: buffered }}
routes: [{{ path: /**, connection: up }}]
access_log: file:access.log
"
        );
        let config = parsed(path, &text);
        let labels = Labels {
            connections: vec!["up".into()],
            outcomes: &["done"],
            refusals: &["no token"],
        };
        let parts = Parts {
            inherited: Default::default(),
            counters: Arc::new(Counters::new(labels, 1)),
            probes: Vec::new(),
            pins: Pins::new().0,
            keys: Default::default(),
            servers: Arc::new(|_| None),
        };
        let control = Control::start(&config, Clock::start(), parts).unwrap();
        Scene {
            address: control.facade_address("entra").unwrap(),
            control: Some(control),
            ca: Some(own.cert.pem()),
            text,
            directory,
        }
    }

    /// Takes over the same configuration with more sections.
    pub async fn reload_with(&mut self, more: &str) {
        let config = parsed(self.directory.path(), &format!("{}{more}", self.text));
        let mut control = self.control.take().unwrap();
        // It waits, and the issuer is served on this thread.
        let reloaded = tokio::task::spawn_blocking(move || {
            control.reload(&config).unwrap();
            control
        });
        self.control = Some(reloaded.await.unwrap());
    }

    pub async fn wait_until_ready(&self) {
        for _ in 0..200 {
            if self.get("/.well-known/openid-configuration").await.status == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it learns nothing");
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", "").await
    }

    pub async fn ask(&self, method: &str, path: &str, kind: &str, body: impl AsRef<str>) -> Answer {
        let stream = connect("127.0.0.1:0".parse().unwrap(), self.address).await;
        ask(stream.unwrap(), method, path, kind, body.as_ref()).await
    }

    pub async fn get_by_tls(&self, path: &str) -> Answer {
        use rustls::pki_types::CertificateDer;
        use rustls::pki_types::pem::PemObject as _;
        let ca = self.ca.as_deref().unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let name = "localhost".try_into().unwrap();
        let stream = connector.connect(name, stream).await.unwrap();
        ask(stream, "GET", path, "", "").await
    }
}

fn parsed(directory: &Path, text: &str) -> config::Config {
    let path = directory.join("sluice.yaml");
    config::parse(&path, text.to_owned(), &|_: &str| None).unwrap()
}

/// A proxy of tunnels, which counts them.
pub struct Proxy {
    pub address: SocketAddr,
    tunnels: Arc<AtomicUsize>,
}

impl Proxy {
    pub async fn start() -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tunnels = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&tunnels);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, SeqCst);
                tokio::spawn(tunnel(stream));
            }
        });
        Proxy { address, tunnels }
    }

    pub fn tunnels(&self) -> usize {
        self.tunnels.load(SeqCst)
    }
}

/// What goes wrong here is seen by who asked.
async fn tunnel(mut near: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(near.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap_or_default();
    let mut far = TcpStream::connect(target).await?;
    near.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    tokio::io::copy_bidirectional(&mut near, &mut far).await?;
    Ok(())
}

impl Drop for Scene {
    fn drop(&mut self) {
        // Its runtime may not be waited for on a runtime's own thread.
        let control = self.control.take();
        std::thread::spawn(move || control.map(Control::stop));
    }
}

pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }
}

/// A connection from an address of one's choice.
pub async fn connect(from: SocketAddr, to: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(from).unwrap();
    socket.connect(to).await.ok()
}

pub async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    path: &str,
    kind: &str,
    body: &str,
) -> Answer {
    let answer = try_ask(stream, method, path, kind, body).await;
    answer.expect("an answer")
}

/// `None` when it was hung up on.
pub async fn try_ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    path: &str,
    kind: &str,
    body: &str,
) -> Option<Answer> {
    let kind = match kind {
        "" => String::new(),
        kind => format!("Content-Type: {kind}\r\n"),
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: auth.gateway.example\r\n{kind}\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // Who refuses a long body may close before it has read it.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text).await;
    let text = String::from_utf8(text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some(Answer {
        status: head.split(' ').nth(1)?.parse().ok()?,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}
