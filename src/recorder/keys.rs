//! The writer's signing keys: one seed per epoch, erased once the next epoch's key is announced.
//!
//! Changing keys survives a crash at any point: the next seed is on disk before the checkpoint that
//! announces it, and the old one is erased after that checkpoint is on disk. Whichever the log's
//! last checkpoint calls for is there.

use std::io;

use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::Ed25519KeyPair;

use crate::base::secret::Secret;
use crate::record::note::{PublicKey, public_key};

use super::disk::{Disk, write_all};

const CURRENT: &str = "key";
const NEXT: &str = "key.next";
const SEED_BYTES: usize = 32;

/// The key of the current epoch.
pub(super) struct Keys {
    pub(super) pair: Ed25519KeyPair,
    pub(super) epoch: u64,
}

/// The key of the next epoch: its seed is on disk, but nothing announces it yet.
pub(super) struct NextKey {
    pair: Ed25519KeyPair,
}

impl NextKey {
    pub(super) fn public(&self) -> PublicKey {
        public_key(&self.pair)
    }
}

/// `N` bytes from the system's generator.
pub(super) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| io::Error::other("the system gives no random bytes"))?;
    Ok(bytes)
}

impl Keys {
    /// The first key of a new writer.
    pub(super) fn create(disk: &mut impl Disk) -> io::Result<Keys> {
        let pair = store_new(disk, CURRENT)?;
        Ok(Keys { pair, epoch: 0 })
    }

    /// The key whose public half the log calls for; `None` when its seed is not here.
    pub(super) fn load(
        disk: &mut impl Disk,
        public: &PublicKey,
        epoch: u64,
    ) -> io::Result<Option<Keys>> {
        for name in [CURRENT, NEXT] {
            let seed = match disk.read(name) {
                Ok(seed) => Secret::new(seed),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let Ok(pair) = Ed25519KeyPair::from_seed_unchecked(seed.expose()) else {
                continue;
            };
            if public_key(&pair) == *public {
                if name == NEXT {
                    replace(disk)?;
                }
                return Ok(Some(Keys { pair, epoch }));
            }
        }
        Ok(None)
    }

    /// Makes the next epoch's key and puts its seed on disk.
    pub(super) fn prepare(&self, disk: &mut impl Disk) -> io::Result<NextKey> {
        let pair = store_new(disk, NEXT)?;
        Ok(NextKey { pair })
    }

    /// The checkpoint that announces `next` is on disk: the old seed is erased.
    pub(super) fn evolve(&mut self, disk: &mut impl Disk, next: NextKey) -> io::Result<()> {
        replace(disk)?;
        self.pair = next.pair;
        self.epoch += 1;
        Ok(())
    }
}

fn store_new(disk: &mut impl Disk, name: &str) -> io::Result<Ed25519KeyPair> {
    let seed = Secret::new(random::<SEED_BYTES>()?.to_vec());
    write_all(disk, name, 0, seed.expose())?;
    disk.sync(name)?;
    disk.sync_names()?;
    Ed25519KeyPair::from_seed_unchecked(seed.expose())
        .map_err(|_| io::Error::other("a signing key cannot be made"))
}

/// Wipes the current seed and puts the next in its place.
fn replace(disk: &mut impl Disk) -> io::Result<()> {
    write_all(disk, CURRENT, 0, &[0; SEED_BYTES])?;
    disk.sync(CURRENT)?;
    disk.rename(NEXT, CURRENT)?;
    disk.sync_names()
}
