//! Notices that the configuration file is another, or a file that it names: a certificate, a key, a
//! list of authorities, a secret.
//!
//! Directories are watched and not files: editors and deployments replace files, and what was opened
//! once would be watched for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, timeout_at};

use crate::base::digest::sha256;
use crate::cli::Failure;
use crate::cli::failure::Doing;

/// How long nothing must change before the files are read.
const QUIET: Duration = Duration::from_millis(150);
/// How long changes may go on before they are read anyway.
const PATIENCE: Duration = Duration::from_secs(1);

/// Watches a configuration and what it names. Ends with its drop.
pub(super) struct Watch {
    path: PathBuf,
    changes: Receiver<()>,
    /// What each file held when it was looked at last. Secrets are among them: digests suffice.
    held: BTreeMap<PathBuf, Option<Digest>>,
    /// The names of the files.
    names: Arc<ArcSwap<BTreeSet<OsString>>>,
    directories: BTreeSet<PathBuf>,
    watcher: RecommendedWatcher,
}

type Digest = [u8; 32];

impl Watch {
    /// Watches the configuration at `path` from now on, and the files that it names.
    ///
    /// # Errors
    /// When the directory of the configuration cannot be watched.
    pub(super) fn start(path: &Path, named: &[PathBuf]) -> Result<Watch, Failure> {
        let (tell, changes) = channel(1);
        let names = Arc::<ArcSwap<BTreeSet<OsString>>>::default();
        let known = Arc::clone(&names);
        let doing = || format!("watch {}", directory(path).display());
        let watcher = notify::recommended_watcher(move |event| told(&tell, &known.load(), event))
            .doing(doing())?;
        let mut watch = Watch {
            path: path.to_owned(),
            changes,
            held: BTreeMap::new(),
            names,
            directories: BTreeSet::new(),
            watcher,
        };
        watch.watch(directory(path)).doing(doing())?;
        watch.follow(named);
        Ok(watch)
    }

    /// Watches these files beside the configuration's own, as they are now. One whose directory cannot
    /// be watched is read again at SIGHUP.
    pub(super) fn follow(&mut self, named: &[PathBuf]) {
        let files = || named.iter().chain([&self.path]);
        let names = files().filter_map(|file| file.file_name());
        self.names
            .store(Arc::new(names.map(OsStr::to_owned).collect()));
        let mut known = std::mem::take(&mut self.held);
        let mut holds = |file: &PathBuf| known.remove(file).unwrap_or_else(|| held(file));
        self.held = files().map(|file| (file.clone(), holds(file))).collect();
        let wanted: BTreeSet<_> = files().map(|file| directory(file).to_owned()).collect();
        for gone in self.directories.clone().difference(&wanted) {
            let _ = self.watcher.unwatch(gone);
            self.directories.remove(gone);
        }
        for directory in &wanted {
            let _ = self.watch(directory);
        }
    }

    fn watch(&mut self, directory: &Path) -> notify::Result<()> {
        if !self.directories.contains(directory) {
            self.watcher.watch(directory, RecursiveMode::NonRecursive)?;
            self.directories.insert(directory.to_owned());
        }
        Ok(())
    }

    /// Waits until a file holds something else, and all have been left alone for a moment. A file
    /// that is gone is not another: it is about to be replaced.
    pub(super) async fn changed(&mut self) {
        loop {
            if self.changes.recv().await.is_none() {
                // The watcher has ended; SIGHUP remains.
                return std::future::pending().await;
            }
            let latest = Instant::now() + PATIENCE;
            loop {
                let quiet = (Instant::now() + QUIET).min(latest);
                match timeout_at(quiet, self.changes.recv()).await {
                    Ok(Some(())) if Instant::now() < latest => {}
                    _ => break,
                }
            }
            if self.look() {
                return;
            }
        }
    }

    /// Whatever the files hold now is known. True when one of them held something else before.
    pub(super) fn look(&mut self) -> bool {
        let mut is_other = false;
        for (file, known) in &mut self.held {
            let holds = held(file);
            if holds.is_some() && holds != *known {
                (*known, is_other) = (holds, true);
            }
        }
        is_other
    }
}

fn held(file: &Path) -> Option<Digest> {
    let bytes = std::fs::read(file).ok()?;
    Some(sha256(&[&bytes]))
}

fn directory(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Passes on what may be a change of a file: of itself, or of the link through which a mounted
/// directory is swapped. That there is something to look at is all that is told.
fn told(tell: &Sender<()>, names: &BTreeSet<OsString>, event: notify::Result<Event>) {
    let is_near = |path: &PathBuf| {
        let changed = path.file_name().unwrap_or_default();
        names.contains(changed) || changed.as_encoded_bytes().starts_with(b"..")
    };
    let matters = match &event {
        Ok(event) => !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(is_near),
        // What was missed may have been it.
        Err(_) => true,
    };
    if matters {
        let _ = tell.try_send(());
    }
}
