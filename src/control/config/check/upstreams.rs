//! Upstreams: where they are, and how they are treated.

use std::time::Duration;

use super::super::model::{Care, HealthCheck, Host, Times, Upstream};
use super::super::schema::{self, At, Scalar, Text, Urls};
use super::super::units;
use super::{Checker, place};
use crate::base::gate::GateSpec;
use crate::base::limits::{
    CALLS_MAX, CALLS_WAITING, CALLS_WAITING_MAX, CALLS_WAITING_TIME, CALLS_WAITING_TIME_MAX,
    CHECK_EVERY, CHECK_EVERY_RANGE, CHECK_TIME, PAUSE_MAX, UPSTREAM_HOSTS,
};
use crate::base::strikes::Tolerance;

impl Checker<'_> {
    /// Where calls go: the first URL, and whichever hosts serve the same.
    pub(super) fn upstreams(&mut self, urls: At<Urls>, is_mcp: bool) -> Option<Upstream> {
        let At { value, at } = urls;
        let texts = match value.one {
            Some(value) => vec![Text { value, at }],
            None => value.several,
        };
        if texts.is_empty() || texts.len() > UPSTREAM_HOSTS {
            let message = format!("an upstream has 1 to {UPSTREAM_HOSTS} URLs");
            return self.refuse(at, message);
        }
        let mut parsed = Vec::new();
        for text in &texts {
            parsed.push((text.at, self.upstream(text, is_mcp)));
        }
        let mut parsed = parsed.into_iter();
        let mut first = parsed.next()?.1?;
        for (at, one) in parsed {
            let one = one?;
            if (one.tls, &one.path) != (first.tls, &first.path) {
                let why = "all URLs of an upstream have one scheme and one path";
                return self.refuse(at, why);
            }
            let host = Host {
                name: one.host,
                port: one.port,
            };
            if first.hosts().any(|known| known == host) {
                return self.refuse(at, "this host is there already");
            }
            first.also.push(host);
        }
        Some(first)
    }

    fn upstream(&mut self, text: &Text, is_mcp: bool) -> Option<Upstream> {
        let parsed = match url::Url::parse(&text.value) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => url,
            _ => return self.refuse(text.at, "expected an `https://` or `http://` URL"),
        };
        let is_bare = parsed.username().is_empty()
            && parsed.password().is_none()
            && parsed.query().is_none()
            && parsed.fragment().is_none();
        let (Some(host), Some(port), true) =
            (parsed.host_str(), parsed.port_or_known_default(), is_bare)
        else {
            return self.refuse(text.at, "an upstream has no user, query or fragment");
        };
        Some(Upstream {
            tls: parsed.scheme() == "https",
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            also: Vec::new(),
            path: match is_mcp {
                // An endpoint, not a base: some servers answer `/mcp` and `/mcp/` differently.
                true => parsed.path().to_owned(),
                false => parsed.path().trim_end_matches('/').to_owned(),
            },
        })
    }

    /// How an upstream is treated.
    pub(super) fn care(&mut self, connection: &mut schema::Connection) -> Option<Care> {
        let standard = Care::default();
        let limits = connection.limits.take();
        let limits = limits.map_or(Some((Times::default(), None)), |limits| self.own(limits));
        let ejection = self.tolerance(connection.ejection.take(), standard.ejection);
        let circuit = self.tolerance(connection.circuit.take(), standard.circuit);
        let health = self.perhaps(connection.health.take(), Checker::health);
        let (times, gate) = limits?;
        Some(Care {
            times,
            gate,
            ejection: ejection?,
            circuit: circuit?,
            health: health?,
        })
    }

    fn own(&mut self, limits: At<schema::ConnectionLimits>) -> Option<(Times, Option<GateSpec>)> {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let limits = limits.value;
        let body_rate = self.perhaps(limits.body_rate, |checker, text| {
            let read = units::bytes_per_second(&text.value.0);
            checker.found(text.at, read)
        });
        let mut time =
            |text: Option<At<Scalar>>| self.perhaps(text, |checker, text| checker.time(&text, DAY));
        let connect = time(limits.connect_time);
        let first_byte = time(limits.first_byte_time);
        let reply_idle = time(limits.reply_idle_time);
        let upgraded_idle = time(limits.upgraded_idle_time);
        let upstream_idle = time(limits.upstream_idle_time);
        let waits = place(&limits.waiting).or(place(&limits.waiting_time));
        let calls = self.perhaps(limits.calls, |checker, text| {
            checker.count(&text, 1..=CALLS_MAX)
        });
        let waiting = self.perhaps(limits.waiting, |checker, text| {
            checker.count(&text, 0..=CALLS_WAITING_MAX)
        });
        let patience = self.perhaps(limits.waiting_time, |checker, text| {
            checker.time(&text, CALLS_WAITING_TIME_MAX)
        });
        let calls = calls?;
        if let (None, Some(waits)) = (calls, waits) {
            return self.refuse(waits, "nobody waits where `calls` sets no bound");
        }
        let gate = GateSpec {
            most: usize::try_from(calls.unwrap_or(1)).unwrap_or(usize::MAX),
            waiting: usize::try_from(waiting?.unwrap_or(CALLS_WAITING)).unwrap_or(usize::MAX),
            patience: patience?.unwrap_or(CALLS_WAITING_TIME),
        };
        let times = Times {
            body_rate: body_rate?,
            connect: connect?,
            first_byte: first_byte?,
            reply_idle: reply_idle?,
            upgraded_idle: upgraded_idle?,
            upstream_idle: upstream_idle?,
        };
        Some((times, calls.map(|_| gate)))
    }

    fn tolerance(
        &mut self,
        section: Option<At<schema::Tolerance>>,
        standard: Tolerance,
    ) -> Option<Tolerance> {
        let Some(At { value: section, at }) = section else {
            return Some(standard);
        };
        let failures = self.perhaps(section.failures, |checker, text| {
            checker.count(&text, 1..=1_000_000)
        });
        let mut time = |text: Option<At<Scalar>>| {
            self.perhaps(text, |checker, text| checker.time(&text, PAUSE_MAX))
        };
        let (pause, longest) = (time(section.pause), time(section.longest));
        let failures = failures?.and_then(|failures| u32::try_from(failures).ok());
        let pause = pause?.unwrap_or(standard.pause);
        let longest = longest?.unwrap_or(standard.longest.max(pause));
        if longest < pause {
            return self.refuse(at, "`longest` is shorter than `pause`");
        }
        Some(Tolerance {
            failures: failures.unwrap_or(standard.failures),
            pause,
            longest,
        })
    }

    fn health(&mut self, section: At<schema::HealthCheck>) -> Option<HealthCheck> {
        let At { value: check, at } = section;
        let path = self.need(check.path, at, "path");
        let every = self.perhaps(check.every, |checker, text| {
            let (least, most) = CHECK_EVERY_RANGE;
            let every = checker.time(&text, most)?;
            match every < least {
                true => checker.refuse(text.at, "this must be at least 100ms"),
                false => Some(every),
            }
        });
        let time = self.perhaps(check.time, |checker, text| {
            checker.time(&text, CALLS_WAITING_TIME_MAX)
        });
        let path = path?;
        let is_target = path.value.starts_with('/')
            && (path.value.bytes()).all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if !is_target {
            return self.refuse(path.at, "expected a path such as `/healthz`");
        }
        Some(HealthCheck {
            path: path.value,
            every: every?.unwrap_or(CHECK_EVERY),
            time: time?.unwrap_or(CHECK_TIME),
        })
    }

    /// A duration of at most `most`.
    fn time(&mut self, text: &At<Scalar>, most: Duration) -> Option<Duration> {
        let time = self.found(text.at, units::duration(&text.value.0))?;
        match time > most {
            true => self.refuse(text.at, format!("this can be at most {most:?}")),
            false => Some(time),
        }
    }

    /// A number in that range.
    fn count(&mut self, text: &At<Scalar>, range: std::ops::RangeInclusive<u64>) -> Option<u64> {
        let want = format!(
            "expected a number from {} to {}",
            range.start(),
            range.end()
        );
        self.number(text, range, want)
    }
}
