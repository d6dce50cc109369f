//! A disk in memory that fails where it is told to, and forgets what was not synced.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use sluice::recorder::Disk;

const SECTOR: usize = 512;

/// What happens at the chosen operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The process is killed before the operation; what it wrote before stays.
    Kill,
    /// The process is killed in the middle of it.
    KillHalfway,
    /// The power goes before it: of what was not synced, any part may be there.
    PowerCut,
    /// It fails with this error.
    Error(i32),
    /// A write takes one byte only.
    Short,
}

#[derive(Default, Clone)]
struct Inode {
    data: Vec<u8>,
    on_disk: Vec<u8>,
    dirty: BTreeSet<usize>,
}

#[derive(Default)]
struct Inner {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    names_on_disk: BTreeMap<String, usize>,
    operations: usize,
    fault: Option<(usize, Fault)>,
    dead: bool,
}

/// A handle; clones see the same disk.
#[derive(Clone, Default)]
pub struct Sim(Arc<Mutex<Inner>>);

impl Sim {
    pub fn with_fault(at: usize, fault: Fault) -> Sim {
        let sim = Sim::default();
        sim.lock().fault = Some((at, fault));
        sim
    }

    pub fn operations(&self) -> usize {
        self.lock().operations
    }

    /// What a new process finds: everything after a kill, and after a power cut what was synced
    /// plus whatever of the rest `random` chooses.
    pub fn after(&self, power_cut: bool, mut random: impl FnMut() -> bool) -> Sim {
        let old = self.lock();
        let mut new = Inner {
            inodes: old.inodes.clone(),
            names: old.names.clone(),
            ..Inner::default()
        };
        if power_cut {
            if random() {
                new.names = old.names_on_disk.clone();
            }
            for inode in &mut new.inodes {
                let mut left = inode.on_disk.clone();
                if left.len() < inode.data.len() && random() {
                    left.resize(inode.data.len(), 0);
                }
                for (index, sector) in left.chunks_mut(SECTOR).enumerate() {
                    let written = inode.data.get(index * SECTOR..).unwrap_or_default();
                    let same = written.len().min(sector.len());
                    if inode.dirty.contains(&index) && random() {
                        sector[..same].copy_from_slice(&written[..same]);
                    }
                }
                inode.data = left;
            }
        }
        for inode in &mut new.inodes {
            inode.on_disk = inode.data.clone();
            inode.dirty.clear();
        }
        new.names_on_disk = new.names.clone();
        Sim(Arc::new(Mutex::new(new)))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0
            .lock()
            .expect("no test panics while it holds the disk")
    }
}

impl Inner {
    /// Counts the operation; answers the fault that strikes it now.
    fn strike(&mut self) -> io::Result<Option<Fault>> {
        if self.dead {
            panic!("the disk was touched after the process had failed");
        }
        let at = self.operations;
        self.operations += 1;
        match self.fault {
            Some((when, fault)) if when == at => match fault {
                Fault::Kill | Fault::PowerCut => {
                    self.dead = true;
                    Err(io::Error::other("killed"))
                }
                Fault::Error(code) => {
                    self.dead = true;
                    Err(io::Error::from_raw_os_error(code))
                }
                Fault::KillHalfway | Fault::Short => Ok(Some(fault)),
            },
            _ => Ok(None),
        }
    }

    fn inode(&mut self, name: &str) -> &mut Inode {
        let next = self.inodes.len();
        let index = *self.names.entry(name.to_owned()).or_insert(next);
        if index == next {
            self.inodes.push(Inode::default());
        }
        &mut self.inodes[index]
    }
}

impl Disk for Sim {
    fn names(&mut self) -> io::Result<Vec<String>> {
        Ok(self.lock().names.keys().cloned().collect())
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        let inner = self.lock();
        let index = inner.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(inner.inodes[*index].data.clone())
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let mut inner = self.lock();
        let fault = inner.strike()?;
        let count = match fault {
            Some(Fault::Short) => 1,
            Some(_) => bytes.len() / 2,
            None => bytes.len(),
        };
        let inode = inner.inode(name);
        let (start, end) = (offset as usize, offset as usize + count);
        if inode.data.len() < end {
            inode.data.resize(end, 0);
        }
        inode.data[start..end].copy_from_slice(&bytes[..count]);
        inode.dirty.extend(start / SECTOR..=end / SECTOR);
        if fault == Some(Fault::KillHalfway) {
            inner.dead = true;
            return Err(io::Error::other("killed"));
        }
        Ok(count)
    }

    fn set_length(&mut self, name: &str, length: u64) -> io::Result<()> {
        let mut inner = self.lock();
        inner.strike()?;
        inner.inode(name).data.resize(length as usize, 0);
        Ok(())
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let mut inner = self.lock();
        let verdict = inner.strike();
        let inode = inner.inode(name);
        // As on a real disk: after a failed sync the pages count as clean, so a second sync would
        // succeed without having written them.
        let dirty = std::mem::take(&mut inode.dirty);
        verdict?;
        inode.on_disk.resize(inode.data.len(), 0);
        for sector in dirty {
            let start = (sector * SECTOR).min(inode.data.len());
            let end = (start + SECTOR).min(inode.data.len());
            inode.on_disk[start..end].copy_from_slice(&inode.data[start..end]);
        }
        Ok(())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        let mut inner = self.lock();
        inner.strike()?;
        inner.names_on_disk = inner.names.clone();
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.lock();
        inner.strike()?;
        let index = inner.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        inner.names.insert(to.to_owned(), index);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let mut inner = self.lock();
        inner.strike()?;
        inner.names.remove(name);
        Ok(())
    }

    fn free(&mut self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}
