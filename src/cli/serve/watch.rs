//! Notices that the configuration file is another.
//!
//! The directory is watched and not the file: editors and deployments replace files, and what was
//! opened once would be watched for ever. What the file names, such as keys, is not watched: SIGHUP
//! reads all of it again.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, timeout_at};

use crate::cli::Failure;
use crate::cli::failure::Doing;

/// How long nothing must change before the file is read.
const QUIET: Duration = Duration::from_millis(150);
/// How long changes may go on before it is read anyway.
const PATIENCE: Duration = Duration::from_secs(1);

/// Watches one file. Ends with its drop.
pub(super) struct Watch {
    path: PathBuf,
    changes: Receiver<()>,
    /// What the file held when it was looked at last.
    held: Option<Vec<u8>>,
    _watcher: RecommendedWatcher,
}

impl Watch {
    /// Watches `path` from now on.
    ///
    /// # Errors
    /// When its directory cannot be watched.
    pub(super) fn start(path: &Path) -> Result<Watch, Failure> {
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let (tell, changes) = channel(1);
        let name = path.file_name().map(OsStr::to_owned).unwrap_or_default();
        let doing = || format!("watch {}", directory.display());
        let mut watcher =
            notify::recommended_watcher(move |event| told(&tell, &name, event)).doing(doing())?;
        watcher
            .watch(directory, RecursiveMode::NonRecursive)
            .doing(doing())?;
        Ok(Watch {
            held: std::fs::read(path).ok(),
            path: path.to_owned(),
            changes,
            _watcher: watcher,
        })
    }

    /// Waits until the file holds something else, and has been left alone for a moment. A file that
    /// is gone is not another: it is about to be replaced.
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
            let holds = std::fs::read(&self.path).ok();
            if holds.is_some() && holds != self.held {
                self.held = holds;
                return;
            }
        }
    }

    /// Whatever the file holds now is known.
    pub(super) fn look(&mut self) {
        self.held = std::fs::read(&self.path).ok().or(self.held.take());
    }
}

/// Passes on what may be a change of the file: of itself, or of the link through which a mounted
/// directory is swapped. That there is something to look at is all that is told.
fn told(tell: &Sender<()>, name: &OsStr, event: notify::Result<Event>) {
    let is_near = |path: &PathBuf| {
        let changed = path.file_name().unwrap_or_default();
        changed == name || changed.as_encoded_bytes().starts_with(b"..")
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
