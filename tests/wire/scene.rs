//! A gateway, put together as `sluice serve` does it, from a configuration's text.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustls::ClientConfig;
use sluice::cli::Failure;
use sluice::cli::demo::pki::{Authority, Leaf};
use sluice::cli::serve::Gateway;
use sluice::control::config::{self, Changes};
use sluice::record::payload::Event;
use sluice::record::verify::{Trust, Verdict};
use sluice::recorder::read::{Recording, recordings};
use sluice::worker::io::IoChoice;

use super::caller::{Caller, Reply};
use super::issuer::{CLIENT, LocalIssuer, TENANT};
use super::origin::Origin;

/// What the counterparts run on.
static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Runtime::new().unwrap());

/// Certificates of gateway and upstreams come from here.
pub static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::generate().unwrap());
/// What both of them show.
pub static LEAF: LazyLock<Leaf> = LazyLock::new(|| AUTHORITY.leaf("wire tests").unwrap());

/// The secret that gets the upstream token; in no output.
pub const SECRET: &str = "hunter2-the-client-secret";
/// Most tests' issuer: it works.
static ISSUER: LazyLock<LocalIssuer> = LazyLock::new(issuer);

/// An issuer of one's own.
pub fn issuer() -> LocalIssuer {
    RUNTIME.block_on(LocalIssuer::start())
}

/// Ends an issuer; answers its port.
pub fn stop_issuer(issuer: LocalIssuer) -> u16 {
    RUNTIME.block_on(issuer.stop())
}

/// A token of most tests' issuer, issued at this second.
pub fn token(at: u64) -> String {
    ISSUER.token("first", at)
}

/// The same, its holder's alone by that `cnf`.
pub fn bound_token(cnf: &str) -> String {
    ISSUER.bound_token("first", now(), CLIENT, cnf)
}

/// Seconds since the epoch.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// What most tests' callers may do.
const HTTP_RULES: &str = "      - allow: GET /**
      - allow: HEAD /**
      - allow: POST /**
      - approve: POST /held/**
        by: { roles: [boss] }
        grant: once
      - deny: GET /secret/**
";

/// What a scene is made of. Fields that are empty take what works.
pub struct Plan<'a> {
    /// How sockets are driven.
    pub io: IoChoice,
    /// Base URL of the upstream.
    pub upstream: String,
    /// Who says who callers are, and gives upstream tokens.
    pub issuer: &'a LocalIssuer,
    /// Lines of the `limits:` section.
    pub limits: &'a str,
    /// The credential's kind: one of those that ask Entra.
    pub credential: &'a str,
    /// The connection's protocol; of `mcp` the policy has only `rules`.
    pub protocol: &'a str,
    /// Whom the policy speaks of.
    pub who: &'a str,
    /// Further lines of the connection.
    pub connection: &'a str,
    /// The recording class.
    pub class: &'a str,
    /// Where the data is; by default a directory of the scene's own.
    pub data: Option<PathBuf>,
    /// How long a drain may take.
    pub drain_time: &'a str,
    /// Free disk space below which no session begins.
    pub reserve: &'a str,
    /// Further lines of the file.
    pub further: &'a str,
    /// Port of the plain listener; 0 takes a free one.
    pub port: u16,
    /// Further keys of the route.
    pub route: &'a str,
    /// Further keys of both listeners.
    pub door: &'a str,
    /// Further keys of the TLS listener's `tls`.
    pub tls: &'a str,
    /// Further keys of the issuer.
    pub holders: &'a str,
    /// Worker threads.
    pub workers: usize,
    /// Further rules, each whole lines.
    pub rules: &'a str,
    /// Further files beside the configuration.
    pub files: Vec<(&'static str, String)>,
}

impl Plan<'_> {
    /// A gateway before `upstream`.
    pub fn new(io: IoChoice, upstream: &Origin) -> Plan<'static> {
        Plan {
            io,
            upstream: upstream.url(),
            issuer: &ISSUER,
            limits: "",
            credential: "entra_client",
            protocol: "http",
            who: "clients: [0b1c0000-0000-0000-0000-000000000003]",
            connection: "",
            class: "buffered",
            data: None,
            drain_time: "3s",
            reserve: "1",
            further: "",
            port: 0,
            route: "",
            door: "",
            tls: "",
            holders: "",
            workers: 1,
            rules: "",
            files: Vec::new(),
        }
    }

    /// Writes the configuration and what it names to `directory`; answers the file's path.
    pub fn write(&self, directory: &Path) -> PathBuf {
        let write = |name: &str, text: &str| std::fs::write(directory.join(name), text).unwrap();
        write("issuer.pem", &self.issuer.ca);
        write("ca.pem", AUTHORITY.pem());
        write("tls.crt", &LEAF.certificate_pem);
        write("tls.key", &LEAF.key_pem);
        write("secret", SECRET);
        for (name, text) in &self.files {
            write(name, text);
        }
        let path = directory.join("sluice.yaml");
        std::fs::write(&path, self.yaml()).unwrap();
        path
    }

    fn yaml(&self) -> String {
        let Plan {
            io,
            upstream,
            limits,
            credential,
            protocol,
            who,
            connection,
            class,
            port,
            drain_time,
            reserve,
            route,
            door,
            tls,
            holders,
            workers,
            rules,
            further,
            ..
        } = self;
        let authority = self.issuer.url();
        let base = match *protocol {
            "http" => HTTP_RULES,
            _ => "",
        };
        let data = match &self.data {
            Some(path) => path.display().to_string(),
            None => "data".to_owned(),
        };
        // A list stands as it is written.
        let upstream = match upstream.starts_with('[') {
            true => upstream.clone(),
            false => format!("\"{upstream}\""),
        };
        let ca_file = match upstream.contains("https:") {
            true => ", ca_file: ca.pem",
            false => "",
        };
        format!(
            "listeners:
  - {{ bind: \"127.0.0.1:{port}\" {door} }}
  - {{ bind: 127.0.0.2:0, tls: {{ cert: file:tls.crt, key: file:tls.key {tls} }} {door} }}
admin: {{ bind: 127.0.0.1:0 }}
data: {data}
io: {io}
workers: {workers}
access_log: file:access.log
{further}
limits: {{ drain_time: {drain_time}, segment_bytes: 1MiB, reserve_bytes: {reserve}, {limits} }}
issuers:
  local:
    {{ kind: entra, tenant: {TENANT}, authority: \"{authority}\", ca_file: issuer.pem, audiences: [us] {holders} }}
credentials:
  reader:
    kind: {credential}
    tenant: {TENANT}
    client_id: reader
    secret: file:secret
    scope: all
    authority: {authority}
    ca_file: issuer.pem
connections:
  up: {{ protocol: {protocol}, upstream: {upstream}, credential: reader, record: {class}{ca_file} {connection} }}
routes: [{{ path: /up/**, connection: up {route} }}]
policies:
  - name: callers
    connection: up
    who: {{ issuer: local, {who} }}
    rules:
{base}{rules}"
        )
    }

    /// Starts the gateway, and waits until it is ready.
    pub fn ready(self) -> Scene {
        let scene = self.start();
        scene.await_ready();
        scene
    }

    /// Starts the gateway.
    pub fn start(self) -> Scene {
        let directory = directory();
        let path = self.write(directory.path());
        let config = config::load(&path).unwrap();
        let data = config.data.clone();
        let gateway = Gateway::start(&config).unwrap();
        Scene {
            address: gateway.addresses()[0],
            secure: gateway.addresses()[1],
            admin: gateway.admin_address(),
            token: self.issuer.token("first", now()),
            gateway: Some(gateway),
            data,
            directory,
        }
    }
}

/// Waits until something is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(15);
    while !is_so() {
        assert!(Instant::now() < until, "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A directory for one scene: in memory where there is room, for segments are 64 MiB.
pub fn directory() -> tempfile::TempDir {
    let mut builder = tempfile::Builder::new();
    builder.prefix("sluice-wire-");
    builder
        .tempdir_in("/dev/shm")
        .or_else(|_| builder.tempdir())
        .unwrap()
}

/// A running gateway.
pub struct Scene {
    gateway: Option<Gateway>,
    /// Where it listens in plain text.
    pub address: SocketAddr,
    /// Where it listens for TLS.
    pub secure: SocketAddr,
    /// Its admin listener.
    pub admin: SocketAddr,
    /// A good token.
    pub token: String,
    data: PathBuf,
    directory: tempfile::TempDir,
}

impl Scene {
    /// A gateway before `upstream`, with everything as it works.
    pub fn start(io: IoChoice, upstream: &Origin) -> Scene {
        Plan::new(io, upstream).ready()
    }

    /// The same with other limits: lines of the `limits:` section.
    pub fn limited(io: IoChoice, upstream: &Origin, limits: &str) -> Scene {
        let plan = Plan {
            limits,
            ..Plan::new(io, upstream)
        };
        plan.ready()
    }

    /// Waits until `/readyz` says so.
    pub fn await_ready(&self) {
        let until = Instant::now() + Duration::from_secs(15);
        while self.readiness() != 200 {
            assert!(Instant::now() < until, "not ready");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The status of `/readyz`.
    pub fn readiness(&self) -> u16 {
        self.readyz().status
    }

    /// What `/readyz` answers.
    pub fn readyz(&self) -> Reply {
        let host = self.admin;
        Caller::plain(self.admin).ask(format!(
            "GET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ))
    }

    /// Puts another text into a file beside the configuration.
    pub fn rewrite(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), text).unwrap();
    }

    /// Changes the configuration's file.
    pub fn edit(&self, from: &str, to: &str) {
        let path = self.directory.path().join("sluice.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
    }

    /// Offers the configuration again, as its files are now.
    pub fn reload(&mut self) -> Result<Changes, Failure> {
        let offered = config::load(&self.directory.path().join("sluice.yaml"));
        self.gateway.as_mut().unwrap().reload(offered)
    }

    /// A figure of `/metrics`, by its name and labels.
    pub fn metric(&self, name: &str) -> u64 {
        let text = self.metrics();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim().parse().ok())
            .unwrap_or_else(|| panic!("{name} is not in {text}"))
    }

    /// What `/metrics` answers.
    pub fn metrics(&self) -> String {
        let host = self.admin;
        let ask = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        Caller::plain(self.admin).ask(ask).text().to_owned()
    }

    /// Where the gateway keeps its data.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Stops a gateway that cannot stop in order.
    pub fn abandon(mut self) {
        let stopped = self.gateway.take().map(Gateway::stop);
        assert!(
            matches!(stopped, Some(Err(_))),
            "it should say what it could not do"
        );
    }

    /// A caller in plain text.
    pub fn caller(&self) -> Caller {
        Caller::plain(self.address)
    }

    /// A caller under TLS.
    pub fn secure_caller(&self) -> Caller {
        Caller::secure(self.secure, client())
    }

    /// A request's head up to its fields: request line, host, token.
    pub fn head(&self, method: &str, path: &str) -> String {
        let token = &self.token;
        format!(
            "{method} /up{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        )
    }

    /// A request without a body.
    pub fn get(&self, path: &str) -> String {
        format!("{}\r\n", self.head("GET", path))
    }

    /// A request with a body of known length.
    pub fn post(&self, path: &str, body: &str) -> String {
        let head = self.head("POST", path);
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
    }

    /// The access log's lines once `count` are there.
    pub fn access_log(&self, count: usize) -> Vec<serde_json::Value> {
        let path = self.directory.path().join("access.log");
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            if whole.lines().count() >= count {
                let lines = whole.lines();
                return lines
                    .map(|line| serde_json::from_str(line).unwrap())
                    .collect();
            }
            assert!(
                Instant::now() < until,
                "{count} lines are not there: {text}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Drains, and gives what was recorded.
    pub fn stop(mut self) -> Recorded {
        if let Some(gateway) = self.gateway.take() {
            gateway.stop().unwrap();
        }
        Recorded {
            recordings: recordings(&self.data).unwrap(),
            _directory: self.directory_taken(),
        }
    }

    fn directory_taken(&mut self) -> tempfile::TempDir {
        std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            let stopped = gateway.stop();
            if !std::thread::panicking() {
                stopped.unwrap();
            }
        }
    }
}

/// `sluice serve` as a process of its own.
pub struct Process {
    /// The process.
    pub child: std::process::Child,
    /// How to speak to it.
    pub scene: Scene,
}

impl Plan<'_> {
    /// Starts the gateway as a process, and waits until it listens.
    pub fn spawn(self) -> Process {
        let directory = directory();
        let path = self.write(directory.path());
        let mut child = serve(&path)
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut heard = Vec::new();
        let mut next = |what: &str| -> SocketAddr {
            for line in &mut lines {
                let line = line.unwrap();
                let address = line
                    .split_once(what)
                    .map(|(_, rest)| rest.split([' ', '/']).next());
                heard.push(line.clone());
                if let Some(Some(address)) = address {
                    return address.parse().unwrap();
                }
            }
            panic!("{what} never came: {heard:?}");
        };
        let address = next("listening on ");
        let secure = next("listening on ");
        let admin = next("admin on http://");
        // It must not be stopped by a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let scene = Scene {
            gateway: None,
            address,
            secure,
            admin,
            token: self.issuer.token("first", now()),
            data: directory.path().join("data"),
            directory,
        };
        scene.await_ready();
        Process { child, scene }
    }
}

/// The command that serves this configuration.
pub fn serve(config: &Path) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sluice"));
    command.arg("serve").arg("-c").arg(config);
    command
}

impl Process {
    /// Its memory that is resident, bytes.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let mut lines = status.lines();
        let line = lines.find(|line| line.starts_with("VmRSS:")).unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib << 10
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a gateway has left behind.
pub struct Recorded {
    /// Its recordings.
    pub recordings: Vec<Recording>,
    _directory: tempfile::TempDir,
}

impl Recorded {
    /// What went upstream behind heads, and what came back, of the one recording that is there. It
    /// verifies, and all of it can be read.
    pub fn bodies(&self) -> (Vec<u8>, Vec<u8>) {
        let [recording] = self.recordings.as_slice() else {
            panic!("{:?}", self.recordings);
        };
        let report = recording.verify(Trust::FirstSeen, None).unwrap();
        assert_eq!(report.verdict, Verdict::Ok, "{report:?}");
        let (mut up, mut down) = (Vec::new(), Vec::new());
        let unread = recording.visit(None, |_, _, event| {
            match event {
                Event::RequestChunk { bytes, .. } => up.extend_from_slice(bytes),
                Event::ResponseChunk { bytes, .. } => down.extend_from_slice(bytes),
                _ => {}
            }
            ControlFlow::Continue(())
        });
        assert_eq!(unread.unwrap(), None);
        (up, down)
    }
}

/// TLS as callers speak it, any version.
pub fn client() -> Arc<ClientConfig> {
    AUTHORITY.client().unwrap()
}
