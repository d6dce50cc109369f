//! Keeps one issuer's keys fresh: at start, hourly, and when a token names a key nobody knows.
//!
//! One task per issuer, so there is one flight at a time; questions that arrive meanwhile wait in
//! the mailbox and are judged by what that flight brought.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::health::Health;
use super::jwks::KeysError;
use super::pace::{BackOff, Bucket, Refused};
use crate::auth::{Issuer, KeyWanted, Keys, PublishedKeys};
use crate::base::clock::Clock;
use crate::base::limits::KEYS_EVERY;
use crate::base::mailbox::{Inbox, Question};

/// What one issuer's keeper is given.
pub(super) struct Keeper<F> {
    pub issuer: Arc<Issuer>,
    pub published: PublishedKeys,
    pub clock: Clock,
    pub inbox: Inbox<KeyWanted>,
    pub health: Health,
    /// Fetches the keys once.
    pub fetch: F,
}

impl<F, R> Keeper<F>
where
    F: FnMut() -> R,
    R: Future<Output = Result<Keys, KeysError>>,
{
    /// Runs until nobody can ask any more.
    pub async fn run(mut self) {
        let mut pace = Pace {
            every: every(self.issuer.key_age()),
            back_off: BackOff::default(),
            bucket: Bucket::full(Instant::now()),
            refused: Refused::default(),
        };
        // The first flight comes before the first question.
        let mut next = self.refresh(&mut pace).await;
        loop {
            tokio::select! {
                biased;
                () = sleep_until(next) => next = self.refresh(&mut pace).await,
                question = self.inbox.next() => match question {
                    None => return,
                    Some(question) => next = self.wanted(question, &mut pace, next).await,
                },
            }
        }
    }

    /// Judges one question: known by now, known to be unknown, or worth a fetch. Answers when the
    /// next fetch is due.
    async fn wanted(
        &mut self,
        question: Question<KeyWanted>,
        pace: &mut Pace,
        mut next: Instant,
    ) -> Instant {
        let kid = question.about.kid();
        if !self.has(kid)
            && !pace.refused.has(kid, Instant::now())
            && pace.bucket.take(Instant::now())
        {
            let fetched = self.attempt().await;
            if fetched.is_ok() && !self.has(kid) {
                pace.refused.remember(kid, Instant::now());
            }
            next = pace.next(fetched.is_ok());
        }
        question.answer(());
        next
    }

    async fn refresh(&mut self, pace: &mut Pace) -> Instant {
        let fetched = self.attempt().await;
        pace.next(fetched.is_ok())
    }

    /// One fetch. Its keys are as old as its beginning.
    async fn attempt(&mut self) -> Result<(), KeysError> {
        let asked_at = self.clock.now().mono;
        let fetched = (self.fetch)().await;
        self.health.note(&fetched);
        // Superseded by another configuration: its own keeper fetches.
        let _ = self.published.publish(&self.issuer, fetched?, asked_at);
        Ok(())
    }

    fn has(&self, kid: &str) -> bool {
        let sets = self.published.load();
        let ours = sets
            .issuers()
            .iter()
            .find(|trust| *trust.issuer() == self.issuer);
        ours.and_then(|trust| trust.keys(self.clock.now().mono).ok())
            .is_some_and(|keys| keys.find(kid).is_some())
    }
}

/// Hourly, and more often where keys may not serve that long: they are replaced before they age.
fn every(key_age: Duration) -> Duration {
    KEYS_EVERY.min(key_age / 2).max(Duration::from_secs(1))
}

/// When to fetch, and when not.
struct Pace {
    every: Duration,
    back_off: BackOff,
    bucket: Bucket,
    refused: Refused,
}

impl Pace {
    fn next(&mut self, worked: bool) -> Instant {
        let pause: Duration = if worked {
            self.back_off.worked();
            self.every
        } else {
            self.back_off.failed()
        };
        Instant::now() + pause
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;
    use crate::auth::{
        Authenticator, IssuerKind, IssuerSpec, LastBearer, SharedTokens, Verdict, parse_jwks,
    };
    use crate::base::limits::{KEY_FETCH_REFILL, KEY_FETCHES};
    use crate::base::mailbox::{Ask, mailbox};

    /// An issuer whose answers a test decides, and one who judges its tokens.
    struct Scene {
        ask: Ask<KeyWanted>,
        published: PublishedKeys,
        clock: Clock,
        fetches: Arc<AtomicUsize>,
        answer: Arc<Mutex<Result<&'static str, KeysError>>>,
    }

    impl Scene {
        fn start(answer: Result<&'static str, KeysError>) -> Scene {
            let kind = IssuerKind::Oidc {
                issuer: "https://id.example".to_owned(),
                roles: "roles".to_owned(),
                groups: "groups".to_owned(),
            };
            let spec = IssuerSpec::new("id", kind, vec!["us".to_owned()]);
            let issuer = Arc::new(Issuer::new(spec).unwrap());
            let (ask, inbox) = mailbox(64);
            let scene = Scene {
                ask,
                published: PublishedKeys::new(vec![issuer.clone()]),
                clock: Clock::start(),
                fetches: Arc::default(),
                answer: Arc::new(Mutex::new(answer)),
            };
            let (fetches, answer) = (scene.fetches.clone(), scene.answer.clone());
            let keeper = Keeper {
                issuer,
                published: scene.published.clone(),
                clock: scene.clock,
                inbox,
                health: Health::new("keys", &"id".into()),
                fetch: move || {
                    fetches.fetch_add(1, SeqCst);
                    let answer = answer.lock().unwrap().clone();
                    async move {
                        // Long enough for questions to pile up behind it.
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        let document = keys(answer?);
                        Ok(parse_jwks(document.as_bytes())?)
                    }
                },
            };
            tokio::spawn(keeper.run());
            scene
        }

        /// What a token that names `kid` makes an exchange ask for.
        fn wanted(&self, kid: &str) -> KeyWanted {
            let mut judge = Authenticator::new(&self.published, SharedTokens::new());
            let token = unsigned(kid, self.clock.now().wall.unix_seconds());
            let mut last = LastBearer::default();
            match judge.authenticate(&mut last, token.as_bytes(), self.clock.now()) {
                Verdict::NeedKey(wanted) => wanted,
                other => panic!("{other:?}"),
            }
        }

        async fn settle(&self) {
            while self.published.load().issuers()[0].fetched_at().is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }

        fn knows(&self, kid: &str) -> bool {
            let sets = self.published.load();
            let keys = sets.issuers()[0].keys(self.clock.now().mono);
            keys.is_ok_and(|keys| keys.find(kid).is_some())
        }

        fn fetches(&self) -> usize {
            self.fetches.load(SeqCst)
        }
    }

    fn keys(kid: &str) -> String {
        let point = "A".repeat(43);
        format!(
            r#"{{"keys":[{{"kid":"{kid}","kty":"EC","crv":"P-256","x":"{point}","y":"{point}"}}]}}"#
        )
    }

    fn unsigned(kid: &str, now: u64) -> String {
        use base64::Engine as _;
        let encode = |text: String| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let header = encode(format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{kid}"}}"#));
        let claims = encode(format!(
            r#"{{"iss":"https://id.example","aud":"us","sub":"s","client_id":"c","iat":{now},"nbf":{now},"exp":{},"jti":"j"}}"#,
            now + 600
        ));
        format!("{header}.{claims}.{}", "A".repeat(86))
    }

    #[tokio::test]
    async fn many_questions_are_one_flight() {
        let scene = Scene::start(Ok("old"));
        scene.settle().await;
        *scene.answer.lock().unwrap() = Ok("new");
        let wanted = scene.wanted("new");
        let answers: Vec<_> = (0..50)
            .map(|_| scene.ask.ask(wanted.clone()).unwrap())
            .collect();
        for answer in answers {
            assert_eq!(answer.await, Some(()));
        }
        assert!(scene.knows("new") && !scene.knows("old"));
        assert_eq!(scene.fetches(), 2);
    }

    #[tokio::test]
    async fn junk_names_cost_four_fetches_and_no_more() {
        let scene = Scene::start(Ok("old"));
        scene.settle().await;
        let first = scene.wanted("junk");
        for _ in 0..3 {
            scene.ask.ask(first.clone()).unwrap().await;
        }
        assert_eq!(scene.fetches(), 2, "the same junk is asked about once");
        for name in 0..20 {
            let wanted = scene.wanted(&format!("junk{name}"));
            assert_eq!(scene.ask.ask(wanted).unwrap().await, Some(()));
        }
        assert_eq!(scene.fetches(), 1 + KEY_FETCHES as usize);
    }

    #[tokio::test]
    async fn the_last_good_set_outlives_a_failure() {
        let scene = Scene::start(Ok("old"));
        scene.settle().await;
        let generation = scene.published.load().generation();
        *scene.answer.lock().unwrap() = Err(KeysError::OtherIssuer);
        scene.ask.ask(scene.wanted("new")).unwrap().await;
        assert!(scene.knows("old"));
        assert_eq!(scene.published.load().generation(), generation);
    }

    #[tokio::test]
    async fn an_issuer_that_is_down_at_start_is_tried_again() {
        let scene = Scene::start(Err(KeysError::Status("key set", 503)));
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(scene.fetches(), 1);
        *scene.answer.lock().unwrap() = Ok("old");
        tokio::time::timeout(Duration::from_secs(5), scene.settle())
            .await
            .unwrap();
        assert_eq!(scene.fetches(), 2);
    }

    #[tokio::test]
    async fn hourly_after_success_soon_after_failure() {
        let now = Instant::now();
        let minute = Duration::from_secs(60);
        assert_eq!(every(10 * minute), 5 * minute, "before they are too old");
        let mut pace = Pace {
            every: every(24 * 60 * minute),
            back_off: BackOff::default(),
            bucket: Bucket::full(now),
            refused: Refused::default(),
        };
        assert!(pace.next(true) >= now + KEYS_EVERY);
        assert!(pace.next(false) < now + KEY_FETCH_REFILL);
    }
}
