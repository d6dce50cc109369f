//! The servers of one kind by name, and how a reload changes which there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{Around, Served};

/// Servers of one kind. Reading takes no lock.
pub(super) struct Mounts<S>(ArcSwap<BTreeMap<String, Arc<S>>>);

impl<S> Default for Mounts<S> {
    fn default() -> Mounts<S> {
        Mounts(ArcSwap::default())
    }
}

impl<S: Served> Mounts<S> {
    /// The server of that name.
    pub fn find(&self, name: &str) -> Option<Arc<S>> {
        self.0.load().get(name).cloned()
    }

    /// Makes these the servers there are; those that stay are renewed in place. Answers with the
    /// ones that nobody can reach any more, for the host to end. Calls must not overlap.
    pub fn set(&self, plans: Vec<S::Plan>, around: &Around) -> Vec<Arc<S>> {
        let old = self.0.load_full();
        let mut new = BTreeMap::new();
        for plan in plans {
            let name = S::name(&plan).to_owned();
            let server = match old.get(&name) {
                Some(server) => {
                    server.renew(plan);
                    server.clone()
                }
                None => S::start(plan, around),
            };
            new.insert(name, server);
        }
        let gone = old.iter().filter(|(name, _)| !new.contains_key(*name));
        let gone = gone.map(|(_, server)| server.clone()).collect();
        self.0.store(Arc::new(new));
        gone
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use axum::response::{IntoResponse, Response};
    use futures_util::future::BoxFuture;

    use super::super::{Asked, Health};
    use super::*;

    /// Remembers the plan it has.
    struct Fake(Mutex<(&'static str, u32)>);

    impl Served for Fake {
        type Plan = (&'static str, u32);

        fn name(plan: &Self::Plan) -> &str {
            plan.0
        }

        fn start(plan: Self::Plan, _: &Around) -> Arc<Fake> {
            Arc::new(Fake(Mutex::new(plan)))
        }

        fn renew(&self, plan: Self::Plan) {
            *self.0.lock().unwrap() = plan;
        }

        fn answer(self: Arc<Self>, _: Asked) -> BoxFuture<'static, Response> {
            Box::pin(async { ().into_response() })
        }

        fn health(&self) -> Health {
            Health::Idle
        }

        fn end(self: Arc<Self>, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(async {})
        }
    }

    #[test]
    fn a_reload_adds_removes_and_keeps_in_place() {
        let mounts = Mounts::<Fake>::default();
        let around = Around::default();
        assert!(mounts.set(vec![("a", 1), ("b", 1)], &around).is_empty());
        let (a, b) = (mounts.find("a").unwrap(), mounts.find("b").unwrap());
        let gone = mounts.set(vec![("b", 2), ("c", 1)], &around);
        assert!(gone.len() == 1 && Arc::ptr_eq(&gone[0], &a));
        assert!(mounts.find("a").is_none());
        assert!(Arc::ptr_eq(&mounts.find("b").unwrap(), &b));
        assert_eq!(b.0.lock().unwrap().1, 2, "renewed where it stands");
    }
}
