//! Keeps what is known of the issuer fresh: at start, hourly, and soon again after a failure.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::time::{Instant, sleep};

use super::document::{DocumentError, Entra};
use crate::auth::Issuer;
use crate::base::limits::{DISCOVERY_BYTES, KEYS_EVERY};
use crate::control::health::Health;
use crate::control::http_client::HttpClient;
use crate::control::pace::BackOff;

pub(super) struct Keeper {
    pub public_url: String,
    pub client_id: Option<String>,
    pub issuer: Arc<Issuer>,
    pub client: HttpClient,
    pub published: Arc<ArcSwapOption<Entra>>,
    pub health: Health,
}

impl Keeper {
    /// Runs for ever. What was learnt last serves while the issuer's keys would
    /// ([`Issuer::key_age`]): nobody could use a token for longer.
    pub async fn run(self) {
        let mut pace = BackOff::default();
        let mut learnt: Option<Instant> = None;
        loop {
            let fetched = self.fetch().await;
            self.health.note(&fetched);
            let pause = match fetched {
                Ok(entra) => {
                    self.published.store(Some(Arc::new(entra)));
                    learnt = Some(Instant::now());
                    pace.worked();
                    KEYS_EVERY.min(self.issuer.key_age() / 2)
                }
                Err(_) => {
                    if learnt.is_some_and(|at| at.elapsed() >= self.issuer.key_age()) {
                        self.published.store(None);
                    }
                    pace.failed()
                }
            };
            sleep(pause).await;
        }
    }

    async fn fetch(&self) -> Result<Entra, DocumentError> {
        let url = self.issuer.discovery_url();
        let answer = self.client.get(&url, DISCOVERY_BYTES).await?;
        if answer.status.as_u16() != 200 {
            return Err(DocumentError::Status(answer.status.as_u16()));
        }
        let issuer = self.issuer.metadata_issuer();
        let client_id = self.client_id.as_deref();
        Entra::read(&answer.body, &issuer, &self.public_url, client_id)
    }
}
