//! What an exchange needs of the control plane: asked by mailbox, and waited for no longer than it may.

use super::Stop;
use crate::auth::{AuthError, GroupsWanted, KeyWanted};
use crate::base::clock::Mono;
use crate::base::credential::CredentialWanted;
use crate::exchange::Refusal;
use crate::worker::core::Worker;
use crate::worker::io::Driver;

/// Whatever the answer, or none: the exchange looks at the key sets again. Where nobody could be
/// asked, nothing is known of the key: a flood of junk names must not make a real one unknown.
pub(super) async fn ask_key<D: Driver>(
    worker: &Worker<D>,
    wanted: KeyWanted,
    until: Mono,
) -> Result<(), Stop> {
    let busy = |_| Stop::Refused(Refusal::KeysUnavailable(AuthError::UnknownKey));
    let answer = worker.ask_key.ask(wanted).map_err(busy)?;
    let _ = worker.within(until, answer).await;
    Ok(())
}

/// Whatever the answer, or none: the exchange looks whether the groups are said.
pub(super) async fn ask_groups<D: Driver>(worker: &Worker<D>, wanted: GroupsWanted, until: Mono) {
    if let Ok(answer) = worker.ask_groups.ask(wanted) {
        let _ = worker.within(until, answer).await;
    }
}

/// Waits for an upstream token; when nobody can bring it, until `until`, so that the exchange sees
/// that it is too late.
pub(super) async fn ask_credential<D: Driver>(
    worker: &Worker<D>,
    wanted: CredentialWanted,
    until: Mono,
) {
    let brought = match worker.ask_credential.ask(wanted) {
        Ok(answer) => worker.within(until, answer).await.is_some(),
        Err(_) => false,
    };
    if !brought {
        let _ = worker.within(until, std::future::pending::<()>()).await;
    }
}
