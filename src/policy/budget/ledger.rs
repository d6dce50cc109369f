//! What principals have spent. Each stands in one of several maps, by a keyed hash of its name, so
//! that cores seldom wait for each other; a map is locked for as long as one principal is charged.

use std::cell::Cell;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::base::clock::{Mono, Now};
use crate::base::limits::{BUDGET_MAPS, BUDGET_PRINCIPALS, BUDGET_RETRY_TIME, BUDGET_SWEEP_TIME};

/// There is no room for one more principal.
pub(super) struct Full;

pub(super) struct Ledger {
    maps: [Mutex<Principals>; BUDGET_MAPS],
    hasher: RandomState,
    ids: AtomicU64,
}

#[derive(Default)]
struct Principals {
    known: HashTable<Account>,
    /// When those with nothing to remember were last looked for.
    swept: Option<Mono>,
}

struct Account {
    principal: Box<str>,
    meters: Meters,
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger {
            maps: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            ids: AtomicU64::new(0),
        }
    }
}

/// Who called is nobody's business who debugs.
impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

impl Ledger {
    pub(super) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// Does `work` on the principal's meters, which nobody else sees meanwhile.
    ///
    /// # Errors
    /// When the principal is not known and there is no room for it, or when the map broke: a thread
    /// that panicked in it may have left it half changed.
    pub(super) fn with<T>(
        &self,
        principal: &str,
        now: Now,
        work: impl FnOnce(&mut Meters) -> T,
    ) -> Result<T, Full> {
        let hash = self.hasher.hash_one(principal);
        // The high bits choose the map, the low ones the place in it.
        let at = usize::try_from(hash >> 48).unwrap_or_default() % BUDGET_MAPS;
        let map = self.maps.get(at).ok_or(Full)?;
        let mut map = map.lock().map_err(|_| Full)?;
        let meters = map.find(&self.hasher, hash, principal, now.mono)?;
        Ok(work(meters))
    }

    pub(super) fn principals(&self) -> usize {
        let known = |map: &Mutex<Principals>| map.lock().map_or(0, |map| map.known.len());
        self.maps.iter().map(known).sum()
    }
}

impl Principals {
    fn find(
        &mut self,
        hasher: &RandomState,
        hash: u64,
        principal: &str,
        now: Mono,
    ) -> Result<&mut Meters, Full> {
        let same = |account: &Account| *account.principal == *principal;
        if self.known.find(hash, same).is_none() && !self.has_room(now) {
            return Err(Full);
        }
        let place = |account: &Account| hasher.hash_one(&*account.principal);
        let account = match self.known.entry(hash, same, place) {
            Entry::Occupied(account) => account.into_mut(),
            Entry::Vacant(place) => place
                .insert(Account {
                    principal: principal.into(),
                    meters: Meters::default(),
                })
                .into_mut(),
        };
        Ok(&mut account.meters)
    }

    /// Makes room where it can. Newcomers in a full map do not each search all of it.
    fn has_room(&mut self, now: Mono) -> bool {
        const EACH: usize = BUDGET_PRINCIPALS / BUDGET_MAPS;
        let tired = |swept: Mono| now.since(swept) < BUDGET_SWEEP_TIME;
        if self.known.len() >= EACH && !self.swept.is_some_and(tired) {
            self.swept = Some(now);
            self.known.retain(|account| !account.meters.are_idle(now));
        }
        self.known.len() < EACH
    }
}

/// What one principal has spent, budget by budget.
#[derive(Default)]
pub(super) struct Meters(Vec<Meter>);

struct Meter {
    /// The budget's.
    id: u64,
    spent: Spent,
    asked: Option<Asked>,
}

enum Spent {
    /// When the bucket will be full again; `None` while nothing was taken.
    Calls(Option<Nanos>),
    /// Calls under way. It grows under the map's lock only, so that it never passes its bound, and
    /// shrinks whenever a slot goes.
    Concurrent(Arc<AtomicU32>),
}

/// What becomes of a meter when the call is charged.
#[derive(Clone, Copy)]
enum Asked {
    FullAgain(Nanos),
    Begin(NonZeroU32),
}

impl Meters {
    /// Whether the bucket has `calls` left; else how long until then.
    pub(super) fn ask_calls(
        &mut self,
        id: u64,
        quota: Quota,
        calls: NonZeroU32,
        now: Now,
    ) -> Result<(), Duration> {
        let meter = self.of(id, now.mono, || Spent::Calls(None));
        let Spent::Calls(full_again) = &meter.spent else {
            return Err(BUDGET_RETRY_TIME);
        };
        meter.asked = Some(Asked::FullAgain(drip(quota, *full_again, calls, now.mono)?));
        Ok(())
    }

    /// Whether `calls` more may be under way; else when to ask again, which is a guess.
    pub(super) fn ask_concurrent(
        &mut self,
        id: u64,
        most: u32,
        calls: NonZeroU32,
        now: Now,
    ) -> Result<(), Duration> {
        let meter = self.of(id, now.mono, || Spent::Concurrent(Arc::default()));
        let Spent::Concurrent(under_way) = &meter.spent else {
            return Err(BUDGET_RETRY_TIME);
        };
        let sum = under_way.load(Ordering::Acquire).checked_add(calls.get());
        if sum.is_none_or(|sum| sum > most) {
            return Err(BUDGET_RETRY_TIME);
        }
        meter.asked = Some(Asked::Begin(calls));
        Ok(())
    }

    /// Charges what was asked.
    pub(super) fn charge(&mut self) -> Slot {
        let mut slot = Slot::default();
        for meter in &mut self.0 {
            match (meter.asked.take(), &mut meter.spent) {
                (Some(Asked::FullAgain(at)), Spent::Calls(full_again)) => *full_again = Some(at),
                (Some(Asked::Begin(calls)), Spent::Concurrent(under_way)) => {
                    under_way.fetch_add(calls.get(), Ordering::AcqRel);
                    slot.hold(UnderWay {
                        all: Arc::clone(under_way),
                        calls: calls.get(),
                    });
                }
                _ => {}
            }
        }
        slot
    }

    pub(super) fn forget_what_was_asked(&mut self) {
        for meter in &mut self.0 {
            meter.asked = None;
        }
    }

    fn of(&mut self, id: u64, now: Mono, new: impl FnOnce() -> Spent) -> &mut Meter {
        let known = self.0.iter().position(|meter| meter.id == id);
        let at = known.unwrap_or_else(|| {
            // Budgets that no configuration has any more leave their meters behind.
            self.0.retain(|meter| !meter.is_idle(now));
            self.0.push(Meter {
                id,
                spent: new(),
                asked: None,
            });
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    fn are_idle(&self, now: Mono) -> bool {
        self.0.iter().all(|meter| meter.is_idle(now))
    }
}

impl Meter {
    /// Whether a new meter would answer as this one does.
    fn is_idle(&self, now: Mono) -> bool {
        let rests = match &self.spent {
            Spent::Calls(full_again) => full_again.is_none_or(|at| at.as_u64() <= now.0),
            Spent::Concurrent(under_way) => Arc::strong_count(under_way) == 1,
        };
        rests && self.asked.is_none()
    }
}

/// A call's place among those under way; nothing where no such budget covers it.
#[must_use = "the call is under way for as long as this is kept"]
#[derive(Debug, Default)]
pub struct Slot {
    // One such budget is common, and needs no allocation.
    first: Option<UnderWay>,
    more: Vec<UnderWay>,
}

impl Slot {
    fn hold(&mut self, under_way: UnderWay) {
        match &mut self.first {
            first @ None => *first = Some(under_way),
            Some(_) => self.more.push(under_way),
        }
    }
}

#[derive(Debug)]
struct UnderWay {
    all: Arc<AtomicU32>,
    calls: u32,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.all.fetch_sub(self.calls, Ordering::AcqRel);
    }
}

/// The generic cell rate algorithm on one bucket: when it will be full again after `calls` more, or
/// how long until it has them. Time is what it is told, counted from the clock's zero.
fn drip(
    quota: Quota,
    full_again: Option<Nanos>,
    calls: NonZeroU32,
    now: Mono,
) -> Result<Nanos, Duration> {
    let bucket = Bucket {
        before: full_again,
        after: Cell::new(full_again),
    };
    let zero = Hands(Cell::new(Nanos::new(0)));
    let limiter = RateLimiter::<_, _, _, NoOpMiddleware<Nanos>>::new(quota, bucket, zero);
    let now = Nanos::new(now.0);
    limiter.clock().0.set(now);
    match limiter.check_n(calls) {
        Ok(Ok(())) => {
            let after = limiter.into_state_store().after.get();
            after.ok_or(BUDGET_RETRY_TIME)
        }
        Ok(Err(not_until)) => Err(not_until.wait_time_from(now)),
        Err(_more_than_it_holds) => Err(quota.burst_size_replenished_in()),
    }
}

/// A bucket that says what would become of it, and stays as it is.
struct Bucket {
    before: Option<Nanos>,
    after: Cell<Option<Nanos>>,
}

impl StateStore for Bucket {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (answer, after) = measure(self.before)?;
        self.after.set(Some(after));
        Ok(answer)
    }
}

/// A clock that is set by hand.
struct Hands(Cell<Nanos>);

impl Clock for Hands {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.get()
    }
}
