//! Whether an upstream's addresses answer, found out beside calls: a request of the gateway's own,
//! in which there is nothing of a call and no credential.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsConnector;

use super::config::HealthCheck;
use super::health::Health;
use super::rules::Target;
use crate::base::addresses::Place;
use crate::base::limits::{CHECK_ANSWER_BYTES, CHECKS_BAD, CHECKS_GOOD};
use crate::http::{HeadLimits, ResponseScanner};

/// Why an address does not count as good.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error("no answer within {0:?}")]
    Slow(Duration),
    #[error("{0}")]
    Broken(#[from] std::io::Error),
    #[error("the answer broke off")]
    Short,
    #[error("the answer is malformed")]
    Malformed,
    #[error("it answers {0}")]
    Status(u16),
    #[error("TLS cannot be set up")]
    NoTls,
}

/// Checks the addresses of one upstream.
pub(super) struct Checkup {
    pub check: HealthCheck,
    /// For the `Host` field.
    pub authority: String,
    /// `None` in plain text, `Some(None)` where there should be TLS and cannot be.
    pub tls: Option<Option<Target>>,
    /// Where the resolver says the upstream is.
    pub found: Arc<Found>,
    /// Where calls go.
    pub place: Arc<Place>,
    pub health: Health,
}

/// What the resolver has found, before it is checked.
#[derive(Default)]
pub(super) struct Found {
    place: Place,
    news: Notify,
}

impl Found {
    pub(super) fn publish(&self, addresses: Vec<SocketAddr>) {
        self.place.publish(addresses);
        self.news.notify_one();
    }

    pub(super) fn addresses(&self) -> Arc<Vec<SocketAddr>> {
        self.place.get()
    }
}

/// What the last checks of an address came to. It is good until it failed several.
#[derive(Clone, Copy, Default)]
struct Checked {
    is_bad: bool,
    /// Checks in a row that came to the other verdict.
    against: u32,
}

impl Checked {
    fn note(&mut self, is_good: bool) {
        if is_good != self.is_bad {
            self.against = 0;
            return;
        }
        self.against += 1;
        let enough = if self.is_bad { CHECKS_GOOD } else { CHECKS_BAD };
        if self.against >= enough {
            *self = Checked {
                is_bad: !self.is_bad,
                against: 0,
            };
        }
    }
}

impl Checkup {
    /// Checks, for ever.
    pub(super) async fn run(self) {
        let mut checked = BTreeMap::new();
        let mut next = Instant::now();
        loop {
            let is_time = tokio::select! {
                () = sleep_until(next) => true,
                () = self.found.news.notified() => false,
            };
            let addresses = self.found.addresses();
            if is_time {
                next = Instant::now() + self.check.every;
                self.look(&addresses, &mut checked).await;
            }
            self.place.publish(usable(&addresses, &checked));
        }
    }

    async fn look(&self, addresses: &[SocketAddr], checked: &mut BTreeMap<SocketAddr, Checked>) {
        checked.retain(|address, _| addresses.contains(address));
        let answers = join_all(addresses.iter().map(|address| self.ask(*address))).await;
        let mut failed = None;
        for (address, answer) in addresses.iter().zip(answers) {
            checked.entry(*address).or_default().note(answer.is_ok());
            if let Err(why) = answer {
                failed = Some(format!("{address}: {why}"));
            }
        }
        self.health.note(&failed.map_or(Ok(()), Err));
    }

    async fn ask(&self, address: SocketAddr) -> Result<(), CheckError> {
        let asked = async {
            let stream = TcpStream::connect(address).await?;
            match &self.tls {
                None => self.talk(stream).await,
                Some(None) => Err(CheckError::NoTls),
                Some(Some((config, name))) => {
                    let connector = TlsConnector::from(Arc::clone(config));
                    self.talk(connector.connect(name.clone(), stream).await?)
                        .await
                }
            }
        };
        let late = |_| CheckError::Slow(self.check.time);
        timeout(self.check.time, asked).await.map_err(late)?
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
    ) -> Result<(), CheckError> {
        let Checkup {
            check, authority, ..
        } = self;
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: sluice-health\r\nConnection: close\r\n\r\n",
            check.path
        );
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let mut scanner = ResponseScanner::new(HeadLimits::default());
        let mut answer = Vec::new();
        while answer.len() < CHECK_ANSWER_BYTES {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err(CheckError::Short);
            }
            match scanner.scan(&answer) {
                Ok(None) => {}
                Ok(Some(head)) if (200..300).contains(&head.status()) => return Ok(()),
                Ok(Some(head)) => return Err(CheckError::Status(head.status())),
                Err(_) => break,
            }
        }
        Err(CheckError::Malformed)
    }
}

/// The addresses that are not bad; where all are, all: then the check says nothing about one of them.
fn usable(addresses: &[SocketAddr], checked: &BTreeMap<SocketAddr, Checked>) -> Vec<SocketAddr> {
    let is_good = |address: &&SocketAddr| !checked.get(*address).is_some_and(|one| one.is_bad);
    let good: Vec<SocketAddr> = addresses.iter().filter(is_good).copied().collect();
    match good.is_empty() {
        true => addresses.to_vec(),
        false => good,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_in_a_row_make_it_bad_and_two_successes_good() {
        let mut checked = Checked::default();
        let mut seen = Vec::new();
        for is_good in [
            false, false, true, false, false, false, true, false, true, true, false,
        ] {
            checked.note(is_good);
            seen.push(checked.is_bad);
        }
        let bad_from = seen.iter().position(|is_bad| *is_bad);
        assert_eq!(bad_from, Some(5));
        assert_eq!(seen[5..], [true, true, true, true, false, false]);
    }

    #[test]
    fn never_all_are_passed_over() {
        let addresses =
            ["10.0.0.1:80", "10.0.0.2:80"].map(|text| text.parse().expect("an address"));
        let bad = Checked {
            is_bad: true,
            against: 0,
        };
        let mut checked = BTreeMap::from([(addresses[0], bad)]);
        assert_eq!(usable(&addresses, &checked), addresses[1..]);
        checked.insert(addresses[1], bad);
        assert_eq!(usable(&addresses, &checked), addresses);
    }
}
