//! Whom a façade asks, and how: another configuration may change it while the façade listens.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::auth;
use crate::control::config;
use crate::control::http_client::HttpClient;

/// The issuer behind a façade, and the way to it. Clones share it.
#[derive(Clone)]
pub(in crate::control) struct Outward(Arc<Shared>);

struct Shared {
    asked: ArcSwap<Asked>,
    news: Notify,
}

/// What one configuration says of it.
pub(in crate::control) struct Asked {
    /// As it was configured.
    pub configured: config::Issuer,
    /// What follows from that.
    pub issuer: Arc<auth::Issuer>,
    /// Goes through the issuer's proxy, and trusts whoever its certificates are from.
    pub client: HttpClient,
}

impl Outward {
    pub fn new(asked: Asked) -> Outward {
        Outward(Arc::new(Shared {
            asked: ArcSwap::from_pointee(asked),
            news: Notify::new(),
        }))
    }

    /// From now on it is this.
    pub fn become_this(&self, asked: Asked) {
        self.0.asked.store(Arc::new(asked));
        self.0.news.notify_one();
    }

    /// What is in force.
    pub fn get(&self) -> Arc<Asked> {
        self.0.asked.load_full()
    }

    /// Returns once it has changed, also when it did so meanwhile. For one who waits.
    pub async fn changed(&self) {
        self.0.news.notified().await;
    }
}
