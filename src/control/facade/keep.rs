//! Keeps what is known of the issuer fresh: at start, hourly, soon again after a failure, and when
//! another configuration says another way to it.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::time::{Instant, sleep};

use super::document::{DocumentError, Entra};
use super::outward::{Asked, Outward};
use crate::base::limits::{DISCOVERY_BYTES, KEYS_EVERY};
use crate::control::health::Health;
use crate::control::pace::BackOff;

pub(super) struct Keeper {
    pub public_url: String,
    pub client_id: Option<String>,
    pub outward: Outward,
    pub published: Arc<ArcSwapOption<Entra>>,
    pub health: Health,
}

impl Keeper {
    /// Runs for ever. What was learnt last serves while the issuer's keys would
    /// ([`key_age`](crate::auth::Issuer::key_age)): nobody could use a token for longer. Of another
    /// issuer nothing was learnt.
    pub async fn run(self) {
        let mut pace = BackOff::default();
        let mut learnt: Option<Instant> = None;
        let mut asked = self.outward.get();
        loop {
            let fetched = self.fetch(&asked).await;
            self.health.note(&fetched);
            let pause = match fetched {
                Ok(entra) => {
                    self.published.store(Some(Arc::new(entra)));
                    learnt = Some(Instant::now());
                    pace.worked();
                    KEYS_EVERY.min(asked.issuer.key_age() / 2)
                }
                Err(_) => {
                    if learnt.is_some_and(|at| at.elapsed() >= asked.issuer.key_age()) {
                        self.published.store(None);
                    }
                    pace.failed()
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = self.outward.changed() => {}
            }
            let before = std::mem::replace(&mut asked, self.outward.get());
            if before.issuer.discovery_url() != asked.issuer.discovery_url() {
                self.published.store(None);
                learnt = None;
            }
        }
    }

    async fn fetch(&self, asked: &Asked) -> Result<Entra, DocumentError> {
        let url = asked.issuer.discovery_url();
        let answer = asked.client.get(&url, DISCOVERY_BYTES).await?;
        if answer.status.as_u16() != 200 {
            return Err(DocumentError::Status(answer.status.as_u16()));
        }
        let issuer = asked.issuer.metadata_issuer();
        let client_id = self.client_id.as_deref();
        Entra::read(&answer.body, &issuer, &self.public_url, client_id)
    }
}
