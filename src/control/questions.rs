//! What cores ask, on its way to whoever can answer it.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::standing::Standing;
use crate::auth::{GroupsWanted, KeyWanted};
use crate::base::credential::CredentialWanted;
use crate::base::mailbox::Inbox;

/// Everything that cores ask.
pub(super) type Questions = (
    Inbox<KeyWanted>,
    Inbox<GroupsWanted>,
    Inbox<CredentialWanted>,
);

/// Hands questions out for ever.
pub(super) fn hand_out(standing: &Arc<ArcSwap<Standing>>, (keys, groups, credentials): Questions) {
    tokio::spawn(hand_out_keys(standing.clone(), keys));
    tokio::spawn(hand_out_groups(standing.clone(), groups));
    tokio::spawn(hand_out_credentials(standing.clone(), credentials));
}

/// Hands every question to the keeper of its issuer.
async fn hand_out_keys(standing: Arc<ArcSwap<Standing>>, mut questions: Inbox<KeyWanted>) {
    while let Some(question) = questions.next().await {
        let standing = standing.load_full();
        let mut issuers = standing.issuers.iter();
        let issuer = issuers.find(|one| *one.health.name() == **question.about.issuer());
        // A question that cannot be passed on is dropped, which tells its asker.
        let _ = issuer.map(|one| one.ask.pass_on(question));
    }
}

/// Hands every question to whoever asks the directory of its issuer.
async fn hand_out_groups(standing: Arc<ArcSwap<Standing>>, mut questions: Inbox<GroupsWanted>) {
    while let Some(question) = questions.next().await {
        let standing = standing.load_full();
        let mut groups = standing.groups.iter();
        let asked = groups.find(|one| *one.health.name() == *question.about.principal().issuer());
        // A question that cannot be passed on is dropped, which tells its asker.
        let _ = asked.map(|one| one.ask.pass_on(question));
    }
}

/// Hands every question to the keeper of its credential. An answer says only that looking again
/// makes sense: nobody gets the credential of another configuration by it.
async fn hand_out_credentials(
    standing: Arc<ArcSwap<Standing>>,
    mut questions: Inbox<CredentialWanted>,
) {
    while let Some(question) = questions.next().await {
        let standing = standing.load_full();
        let Some(credential) = standing.credentials.get(question.about.slot) else {
            continue;
        };
        match &credential.ask {
            Some(ask) => drop(ask.pass_on(question)),
            // A fixed credential is there already.
            None => question.answer(()),
        }
    }
}
