//! What operators revoke and lift, told to the cores and to whoever reads standard error.

use std::io::{self, Write as _};

use super::{LINES, Turns};
use crate::auth::Revocation;
use crate::base::visible::Visible;
use crate::store::{KeptRevocation, Store, StoreError};

impl<S: Store> Turns<S> {
    /// Puts in force what the store says is revoked, where that is not what is in force.
    pub(super) fn follow_revocations(&mut self) -> Result<(), StoreError> {
        let revoked = self.store.revocations(self.clock.now().wall)?;
        if revoked != self.revoked {
            let all = revoked.iter().map(|kept| kept.revocation.clone());
            self.keys.revoke(all.collect());
            tell(&self.revoked, &revoked);
            self.revoked = revoked;
        }
        Ok(())
    }
}

/// One line for each that is new, or gone.
fn tell(before: &[KeptRevocation], after: &[KeptRevocation]) {
    let missing_in = |others: &[KeptRevocation], one: &KeptRevocation| {
        // Both are in the order of their numbers, of which none is used twice.
        let number = |kept: &KeptRevocation| kept.revocation.id;
        others.binary_search_by_key(&number(one), number).is_err()
    };
    let new = after.iter().filter(|one| missing_in(before, one));
    let new = new.map(|one| format!("{} stands: {}", shown(one), what(&one.revocation)));
    let gone = before.iter().filter(|one| missing_in(after, one));
    let gone = gone.map(|one| format!("{} is over: {}", shown(one), what(&one.revocation)));
    let mut lines = new.chain(gone);
    let mut stderr = io::stderr().lock();
    for line in lines.by_ref().take(LINES) {
        // If nobody reads standard error, nothing can be done about it.
        let _ = writeln!(stderr, "sluice: {line}");
    }
    let more = lines.count();
    if more > 0 {
        let _ = writeln!(stderr, "sluice: and {more} more revocations");
    }
}

fn shown(kept: &KeptRevocation) -> String {
    format!("revocation {} by {}", kept.revocation.id, Visible(&kept.by))
}

fn what(revocation: &Revocation) -> String {
    let (kind, name) = (revocation.kind.name(), Visible(&revocation.name));
    let before = Revocation::only_before(revocation.before);
    format!("{kind} {name}{before}")
}
