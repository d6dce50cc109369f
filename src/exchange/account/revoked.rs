//! Whether an operator has revoked whoever calls.

use super::Account;
use crate::base::clock::Now;
use crate::exchange::Core;
use crate::exchange::refusal::{McpRefusal, Refusal};

impl Account {
    /// Whether the caller, its token and its session are good as far as operators say. What was found
    /// good is looked for again only after a change of what is revoked.
    pub(in crate::exchange) fn is_not_revoked(
        &mut self,
        core: &mut Core,
        now: Now,
    ) -> Result<(), Refusal> {
        let trust = core.authenticator.trust();
        if trust.revision() == self.cleared {
            return Ok(());
        }
        let revocations = trust.revocations();
        let revoked = (self.identity.as_ref()).and_then(|it| revocations.of(it, now.wall));
        if let Some(revoked) = revoked {
            return Err(Refusal::Revoked(revoked));
        }
        let session = self.entry.session.as_str();
        if let Some(revoked) = revocations.of_mcp_session(session, now.wall) {
            return Err(McpRefusal::SessionRevoked(revoked).into());
        }
        self.cleared = trust.revision();
        Ok(())
    }
}
