//! Whose a task is: a task's id proves nothing, so each is bound to the principal that began it.
//!
//! Ids are kept as digests, so that neither memory nor the store holds anything to try.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};
use hashbrown::HashMap;

use super::seal::Digest;
use crate::base::clock::Wall;
use crate::base::digest::sha256;
use crate::base::limits::{TASK_ID_BYTES, TASK_LIFE, TASKS, TASKS_TOLD};

/// Names a task: SHA-256 over its connection and its id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TaskName(pub [u8; 32]);

/// Who began which task, for all connections. One per gateway; clones share it.
#[derive(Clone)]
pub struct Tasks(Arc<Inner>);

struct Inner {
    shards: Box<[Mutex<Shard>]>,
    post: Sender<TaskBound>,
}

type Shard = HashMap<TaskName, Binding>;

/// Enough that cores seldom meet at one.
const SHARDS: usize = 64;
const SHARD_TASKS: usize = TASKS / SHARDS;

#[derive(Clone, Copy)]
struct Binding {
    owner: Digest,
    until: Wall,
}

/// News for the keeper: a task is bound, or bound for longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TaskBound {
    /// Which.
    pub task: TaskName,
    /// To whom.
    pub owner: Digest,
    /// Until when.
    pub until: Wall,
}

/// Why a task is not bound: nothing of it may reach the caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotBound {
    /// The server gave somebody else's task.
    #[error("the task belongs to another principal")]
    Others,
    /// The id is longer than [`TASK_ID_BYTES`].
    #[error("the task's id is too long")]
    TooLong,
    /// The binding cannot be told to the store, which must outlive the process.
    #[error("the task's owner cannot be kept at the moment")]
    NotKept,
}

impl TaskName {
    /// The name of a connection's task.
    #[must_use]
    pub fn new(connection: &str, id: &str) -> TaskName {
        let length = (connection.len() as u64).to_le_bytes();
        TaskName(sha256(&[&length, connection.as_bytes(), id.as_bytes()]))
    }
}

impl Tasks {
    /// No task yet, and the end at which the keeper hears of new ones.
    #[must_use]
    pub fn new() -> (Tasks, Receiver<TaskBound>) {
        let (post, bound) = bounded(TASKS_TOLD);
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        (Tasks(Arc::new(Inner { shards, post })), bound)
    }

    /// Binds a task to the principal in whose call the server named it; for `life` when the server
    /// says how long it lives, at most [`TASK_LIFE`]. Bound again by its owner, it lives longer.
    ///
    /// # Errors
    /// [`NotBound`]: the server's answer must not reach the caller.
    pub fn bind(
        &self,
        connection: &str,
        id: &str,
        owner: &Digest,
        life: Option<Duration>,
        now: Wall,
    ) -> Result<(), NotBound> {
        if id.len() > TASK_ID_BYTES {
            return Err(NotBound::TooLong);
        }
        let task = TaskName::new(connection, id);
        let life = life.unwrap_or(TASK_LIFE).min(TASK_LIFE);
        let until = Wall(now.0.saturating_add(life.as_nanos() as u64));
        let mut shard = self.shard(task);
        if let Some(binding) = shard.get(&task).filter(|binding| now < binding.until) {
            if binding.owner != *owner {
                return Err(NotBound::Others);
            }
            if until <= binding.until {
                return Ok(());
            }
        }
        let owner = *owner;
        let told = self.0.post.try_send(TaskBound { task, owner, until });
        told.map_err(|_| NotBound::NotKept)?;
        insert(&mut shard, task, Binding { owner, until }, now);
        Ok(())
    }

    /// Whose a task is; none when nobody's that is known.
    #[must_use]
    pub fn owner(&self, connection: &str, id: &str, now: Wall) -> Option<Digest> {
        let task = TaskName::new(connection, id);
        let binding = *self.shard(task).get(&task)?;
        (now < binding.until).then_some(binding.owner)
    }

    /// Whether a task is this principal's: to everybody else it does not exist.
    #[must_use]
    pub fn is_of(&self, connection: &str, id: &str, owner: &Digest, now: Wall) -> bool {
        self.owner(connection, id, now).as_ref() == Some(owner)
    }

    /// The keeper says what the store has.
    pub fn restore(&self, bound: &TaskBound, now: Wall) {
        let TaskBound { task, owner, until } = *bound;
        if now < until {
            insert(&mut self.shard(task), task, Binding { owner, until }, now);
        }
    }

    fn shard(&self, task: TaskName) -> MutexGuard<'_, Shard> {
        let shard = &self.0.shards[usize::from(task.0[0]) % SHARDS];
        // A map is whole at any moment: a panic elsewhere has spoilt nothing.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts a binding in, and something else out where there is no room: what is over, else the binding
/// that ends first of the principal that has the most, so that nobody crowds others out.
fn insert(shard: &mut Shard, task: TaskName, binding: Binding, now: Wall) {
    if shard.len() >= SHARD_TASKS && !shard.contains_key(&task) {
        shard.retain(|_, binding| now < binding.until);
    }
    if shard.len() >= SHARD_TASKS && !shard.contains_key(&task) {
        let mut counts = HashMap::<Digest, usize>::new();
        for each in shard.values() {
            *counts.entry(each.owner).or_default() += 1;
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        let of_most = shard
            .iter()
            .filter(|(_, each)| Some(each.owner) == most.map(|(owner, _)| owner));
        let first = of_most
            .min_by_key(|(_, each)| each.until)
            .map(|(task, _)| *task);
        first.and_then(|task| shard.remove(&task));
    }
    shard.insert(task, binding);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: Digest = [1; 32];
    const BOB: Digest = [2; 32];

    #[test]
    fn a_task_is_its_owners_alone_and_only_for_its_life() {
        let (tasks, told) = Tasks::new();
        let (now, minute) = (Wall(1_000), Duration::from_secs(60));
        assert_eq!(tasks.owner("a", "7", now), None);
        assert_eq!(tasks.bind("a", "7", &ALICE, Some(minute), now), Ok(()));
        assert_eq!(tasks.owner("a", "7", now), Some(ALICE));
        assert!(tasks.is_of("a", "7", &ALICE, now) && !tasks.is_of("a", "7", &BOB, now));
        assert_eq!(tasks.owner("b", "7", now), None, "of another connection");
        assert_eq!(tasks.owner("", "a7", now), None, "names are not joined");
        let again = tasks.bind("a", "7", &BOB, None, now);
        assert_eq!(again, Err(NotBound::Others));
        let later = Wall(now.0 + 60_000_000_000);
        assert_eq!(tasks.owner("a", "7", later), None);
        assert_eq!(tasks.bind("a", "7", &BOB, None, later), Ok(()));
        assert_eq!(tasks.owner("a", "7", later), Some(BOB));
        let told: Vec<_> = told.try_iter().map(|bound| bound.owner).collect();
        assert_eq!(told, [ALICE, BOB]);
        let long = "7".repeat(TASK_ID_BYTES + 1);
        let refused = tasks.bind("a", &long, &ALICE, None, now);
        assert_eq!(refused, Err(NotBound::TooLong));
    }

    #[test]
    fn what_cannot_be_told_is_not_bound_and_what_is_restored_is() {
        let (tasks, told) = Tasks::new();
        drop(told);
        let now = Wall(5);
        let refused = tasks.bind("a", "7", &ALICE, None, now);
        assert_eq!(refused, Err(NotBound::NotKept));
        assert_eq!(tasks.owner("a", "7", now), None);
        let task = TaskName::new("a", "7");
        let bound = |until| TaskBound {
            task,
            owner: ALICE,
            until: Wall(until),
        };
        tasks.restore(&bound(5), now);
        assert_eq!(tasks.owner("a", "7", now), None, "it is over");
        tasks.restore(&bound(6), now);
        assert_eq!(tasks.owner("a", "7", now), Some(ALICE));
    }

    #[test]
    fn a_principal_that_floods_crowds_out_itself() {
        let (tasks, told) = Tasks::new();
        let now = Wall(1);
        let bind = |id: usize, owner| tasks.bind("a", &id.to_string(), owner, None, now);
        for id in 0..1000 {
            assert_eq!(bind(id, &BOB), Ok(()));
        }
        for id in 1000..TASKS + 5000 {
            assert_eq!(bind(id, &ALICE), Ok(()));
            let _ = told.try_recv();
        }
        let kept = |id: usize| tasks.owner("a", &id.to_string(), now).is_some();
        assert!((0..1000).all(kept), "others keep theirs");
        assert!((1000..TASKS + 5000).filter(|id| kept(*id)).count() <= TASKS - 1000);
    }
}
