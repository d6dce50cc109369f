//! nginx as one would run it as a plain reverse proxy, with one worker.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::{Door, Duty, Ground, Kind, Peer, free_address, wait_until_open};
use crate::run::process::{Child, child_of};
use crate::{Outcome, bodies, pinned};

pub fn start(ground: &Ground) -> Outcome<Peer> {
    let version = version()?;
    let directory = ground.directory.join("nginx");
    fs::create_dir_all(&directory)?;
    let address = free_address()?;
    let file = directory.join("nginx.conf");
    let text = configuration(&directory, address, ground.origin, ground.files);
    fs::write(&file, text)?;
    let master = Child::start(
        pinned::on_core(ground.core, "nginx")?
            .arg("-p")
            .arg(&directory)
            .arg("-c")
            .arg(&file),
    )?;
    wait_until_open(&master, address)?;
    let door = |duty, prefix| Door {
        duty,
        address,
        prefix,
    };
    Ok(Peer {
        kind: Kind::Nginx,
        version,
        processes: vec![child_of(master.id())?],
        doors: vec![
            door(Duty::Relay, "/plain"),
            door(Duty::Stream, "/mcp"),
            door(MASK, "/masked"),
        ],
        children: vec![master],
    })
}

/// `sub_filter` knows no fields.
const MASK: Duty = Duty::Mask {
    literals: 20,
    fields: 0,
};

/// What nginx calls itself; installs it where that takes no question.
fn version() -> Outcome<String> {
    let ask = || Command::new("nginx").arg("-v").output();
    let output = match ask() {
        Ok(output) => output,
        Err(_) if rustix::process::geteuid().is_root() => {
            eprintln!("sluice-perf: installing nginx-light");
            let _ = Command::new("apt-get")
                .args([
                    "install",
                    "-qq",
                    "-y",
                    "--no-install-recommends",
                    "nginx-light",
                ])
                .env("DEBIAN_FRONTEND", "noninteractive")
                .output();
            ask().map_err(|_| "nginx is missing and apt-get could not install it")?
        }
        Err(_) => return Err("nginx is missing; on Debian: apt-get install nginx-light".into()),
    };
    let text = String::from_utf8_lossy(&output.stderr);
    let version = text.trim().rsplit('/').next().unwrap_or_default();
    Ok(version.to_owned())
}

fn configuration(directory: &Path, address: SocketAddr, origin: SocketAddr, files: u64) -> String {
    let directory = directory.display();
    let mut filters = String::new();
    for literal in bodies::LITERALS {
        let _ = writeln!(filters, "      sub_filter '{literal}' '[literal]';");
    }
    format!(
        r"daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {directory}/pid;
error_log {directory}/error.log warn;
events {{ worker_connections {files}; }}
http {{
  access_log off;
  client_body_temp_path {directory}/client;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  keepalive_requests 100000000;
  keepalive_timeout 600s;
  tcp_nodelay on;
  upstream origin {{
    server {origin};
    keepalive 512;
    keepalive_requests 100000000;
  }}
  server {{
    listen {address} backlog=4096;
    proxy_http_version 1.1;
    proxy_set_header Connection '';
    proxy_buffer_size 16k;
    proxy_buffers 16 16k;
    proxy_max_temp_file_size 0;
    location / {{ proxy_pass http://origin; }}
    location /mcp/ {{
      proxy_pass http://origin;
      proxy_buffering off;
      proxy_buffer_size 4k;
      proxy_read_timeout 600s;
    }}
    location /masked/ {{
      proxy_pass http://origin;
      sub_filter_types *;
      sub_filter_once off;
{filters}    }}
  }}
}}
"
    )
}
