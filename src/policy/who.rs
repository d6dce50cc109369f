//! Whom a policy is for.

use super::facts::Subject;

/// The callers a policy is for: of this issuer, and in at least one of each list that is given.
#[derive(Debug, Default)]
pub struct Who {
    /// The configured issuer's name.
    pub issuer: String,
    /// Application roles, any of which satisfies.
    pub roles: Vec<String>,
    /// Group object ids, any of which satisfies.
    pub groups: Vec<String>,
    /// Client (application) ids, any of which satisfies. A client counts when it acts for itself;
    /// with `scopes` also when it acts for a user, who allowed it those.
    pub clients: Vec<String>,
    /// Delegated scopes (`scp`), any of which satisfies.
    pub scopes: Vec<String>,
    /// Tenants, any of which satisfies. Names nobody by itself: every tenant has applications.
    pub tenants: Vec<String>,
    /// Agents alone, or others alone. Names nobody by itself either.
    pub agents: Option<bool>,
}

/// Whether a policy is for a caller. What is not certain satisfies no `allow` and trips every `deny`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Included {
    Yes,
    No,
    /// It goes by groups, and the token leaves them out.
    Unknown,
    /// It names the client by which somebody else calls: only its denials count.
    ByClient,
    /// It would, had the caller one of its scopes: a user may still allow that.
    LacksScope,
}

impl Included {
    /// For people.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Included::Yes => "yes",
            Included::No => "no",
            Included::Unknown => "unknown",
            Included::ByClient => "its denials only",
            Included::LacksScope => "no, a scope is missing",
        }
    }
}

impl Who {
    /// True when nobody is named: every application of a tenant can get a token without roles.
    pub(super) fn names_nobody(&self) -> bool {
        [&self.roles, &self.groups, &self.clients, &self.scopes]
            .iter()
            .all(|list| list.is_empty())
    }

    pub(super) fn includes(&self, subject: &Subject<'_>) -> Included {
        let any_of = |wanted: &[String], held: &[Box<str>]| {
            wanted.is_empty() || held.iter().any(|one| wanted.iter().any(|w| **w == **one))
        };
        let named = |client: Option<&str>| {
            client.is_some_and(|client| self.clients.iter().any(|one| one == client))
        };
        let shown_by_one = named(subject.shown_by);
        let by_right = self.clients.is_empty()
            || named(subject.client)
            || (!self.scopes.is_empty() && shown_by_one);
        let elsewhere = !self.tenants.is_empty()
            && !(subject.tenant).is_some_and(|tenant| self.tenants.iter().any(|one| one == tenant));
        let other_kind = self
            .agents
            .is_some_and(|wanted| wanted != subject.agent.is_some());
        if self.issuer != subject.issuer
            || elsewhere
            || other_kind
            || !any_of(&self.roles, subject.roles)
            || !(by_right || shown_by_one)
            || subject
                .groups
                .is_some_and(|held| !any_of(&self.groups, held))
        {
            return Included::No;
        }
        let has_scope = any_of(&self.scopes, subject.scopes);
        match subject.groups {
            _ if !by_right => Included::ByClient,
            None if !self.groups.is_empty() && has_scope => Included::Unknown,
            None if !self.groups.is_empty() => Included::No,
            _ if has_scope => Included::Yes,
            _ => Included::LacksScope,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Agent;
    use crate::policy::testing::NOBODY;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_scope_is_what_a_user_allowed() {
        let scopes = [Box::from("read")];
        let user = Subject {
            scopes: &scopes,
            ..NOBODY
        };
        let bare = Subject {
            scopes: &[],
            ..user
        };
        let unsure = Subject {
            groups: None,
            ..bare
        };
        let who = |clients: &[&str], scopes: &[&str], groups: &[&str]| Who {
            issuer: "entra".into(),
            roles: vec![],
            groups: list(groups),
            clients: list(clients),
            scopes: list(scopes),
            ..Who::default()
        };
        for (who, caller, want) in [
            (who(&[], &["read", "write"], &[]), &user, Included::Yes),
            (who(&[], &["write"], &[]), &user, Included::LacksScope),
            (who(&["tool"], &["read"], &[]), &user, Included::Yes),
            (who(&["other"], &["read"], &[]), &user, Included::No),
            (who(&["tool"], &["read"], &[]), &bare, Included::LacksScope),
            (who(&["tool"], &[], &[]), &user, Included::ByClient),
            (who(&[], &["read"], &["g"]), &unsure, Included::No),
            (who(&[], &[], &["g"]), &unsure, Included::Unknown),
        ] {
            assert_eq!(who.includes(caller), want, "{who:?}");
        }
    }

    #[test]
    fn tenants_and_agents_narrow_and_name_nobody() {
        let roles = [Box::from("Reader")];
        let caller = Subject {
            tenant: Some("t1"),
            roles: &roles,
            ..NOBODY
        };
        let agent = Subject {
            agent: Some(Agent::OnBehalf),
            ..caller
        };
        let nowhere = Subject {
            tenant: None,
            ..caller
        };
        let who = |tenants: &[&str], agents| Who {
            issuer: "entra".into(),
            roles: list(&["Reader"]),
            tenants: list(tenants),
            agents,
            ..Who::default()
        };
        for (who, subject, want) in [
            (who(&[], None), &caller, Included::Yes),
            (who(&["t2", "t1"], None), &caller, Included::Yes),
            (who(&["t2"], None), &caller, Included::No),
            (who(&["t1"], None), &nowhere, Included::No),
            (who(&[], Some(true)), &caller, Included::No),
            (who(&[], Some(true)), &agent, Included::Yes),
            (who(&[], Some(false)), &caller, Included::Yes),
            (who(&[], Some(false)), &agent, Included::No),
            (who(&["t1"], Some(true)), &agent, Included::Yes),
        ] {
            assert_eq!(who.includes(subject), want, "{who:?}");
        }
        let bare = Who {
            roles: vec![],
            ..who(&["t1"], Some(true))
        };
        assert!(bare.names_nobody());
    }
}
