//! Groups that a token leaves out, asked for elsewhere.

use super::guid::Guid;
use super::subject::{Groups, PrincipalKind};
use super::{Identity, Principal};
use crate::base::limits::GROUPS;

/// The groups of a proven caller, which its token leaves out and its issuer's directory has.
///
/// What asks is built of what was verified; no address in a token is looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupsWanted(Identity);

impl GroupsWanted {
    /// What is to be asked about `identity`, where its groups are not known and its issuer has somebody
    /// to ask.
    #[must_use]
    pub fn of(identity: &Identity) -> Option<GroupsWanted> {
        let unknown = identity.groups() == Groups::Overage;
        (unknown && identity.0.issuer.resolves_groups()).then(|| GroupsWanted(identity.clone()))
    }

    /// Whose they are.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        self.0.principal()
    }

    /// Whether it is a user, or an application.
    #[must_use]
    pub fn kind(&self) -> PrincipalKind {
        self.principal().kind()
    }

    /// Says them, by their ids: every one, or nobody is told anything. Who waits for them sees them from
    /// then on.
    pub fn say<'g>(&self, groups: impl IntoIterator<Item = &'g str>) {
        let ids: Option<Vec<Box<str>>> = groups
            .into_iter()
            .take(GROUPS + 1)
            .map(|group| Guid::parse(group).map(|id| id.to_string().into()))
            .collect();
        if let Some(ids) = ids.filter(|ids| ids.len() <= GROUPS) {
            self.0.0.grounds.say_groups(ids.into());
        }
    }

    /// Whether somebody has said them.
    #[must_use]
    pub fn is_said(&self) -> bool {
        self.0.groups() != Groups::Overage
    }
}
