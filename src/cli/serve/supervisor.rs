//! Tells the service manager how the process is, where one listens (`NOTIFY_SOCKET`, sd_notify(3)).
//! A manager that cannot be told is no reason to stop serving.

use sd_notify::NotifyState;

/// It serves; after a hand-over, this process does and not the one before.
pub(super) fn ready() {
    let pid = NotifyState::MainPid(std::process::id());
    let _ = sd_notify::notify(&[NotifyState::Ready, pid]);
}

/// It takes another configuration over; [`ready`] follows, whatever becomes of it.
pub(super) fn reloading() {
    if let Ok(since) = NotifyState::monotonic_usec_now() {
        let _ = sd_notify::notify(&[NotifyState::Reloading, since]);
    }
}

/// It drains.
pub(super) fn stopping() {
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
}
