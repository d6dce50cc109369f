//! A plain relay on Pingora: one thread, connections kept on both sides, no log, no filter.

#![deny(unsafe_code)]

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use clap::Parser;
use pingora_core::server::Server;
use pingora_core::server::configuration::ServerConf;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_proxy::{ProxyHttp, Session};

/// Passes requests on to one origin.
#[derive(Parser)]
struct Arguments {
    /// Where to listen.
    #[arg(long)]
    bind: SocketAddr,
    /// Where requests go.
    #[arg(long)]
    to: SocketAddr,
    /// How many idle connections to the origin are kept.
    #[arg(long, default_value_t = 512)]
    keep: usize,
}

struct Relay {
    to: SocketAddr,
}

#[async_trait]
impl ProxyHttp for Relay {
    type CTX = ();

    fn new_ctx(&self) {}

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        _context: &mut (),
    ) -> pingora_core::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.to, false, String::new())))
    }
}

fn main() {
    let arguments = Arguments::parse();
    let configuration = ServerConf {
        threads: 1,
        work_stealing: false,
        upstream_keepalive_pool_size: arguments.keep,
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, configuration);
    server.bootstrap();
    let relay = Relay { to: arguments.to };
    let mut proxy = pingora_proxy::http_proxy_service(&Arc::clone(&server.configuration), relay);
    proxy.add_tcp(&arguments.bind.to_string());
    server.add_service(proxy);
    server.run_forever();
}
