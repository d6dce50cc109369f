//! Policies and their rules.

use std::sync::Arc;

use super::super::model::{Effect, Grant, Policy, Rule, Who};
use super::super::schema::{self, At, Text};
use super::super::units;
use super::{Checker, values};
use crate::control::config::Place;
use crate::policy::pattern::CallPattern;

impl Checker<'_> {
    pub(super) fn policies(&mut self, policies: Vec<At<schema::Policy>>) -> Option<Vec<Policy>> {
        let mut seen: Vec<String> = Vec::new();
        let mut judged = Vec::new();
        for policy in policies {
            if let Some(name) = &policy.value.name {
                if seen.contains(&name.value) {
                    let message = format!("another policy is named `{}` already", name.value);
                    judged.push(self.refuse(name.at, message));
                }
                seen.push(name.value.clone());
            }
            judged.push(self.policy(policy));
        }
        judged.into_iter().collect()
    }

    fn policy(&mut self, policy: At<schema::Policy>) -> Option<Policy> {
        let At { value, at } = policy;
        let name = self.need(value.name, at, "name").and_then(|name| {
            // It is shown in refusals and stands in a header-safe text there.
            let is_plain = !name.value.is_empty()
                && name
                    .value
                    .chars()
                    .all(|each| each.is_ascii_graphic() && each != '"');
            if is_plain {
                Some(name.value)
            } else {
                self.refuse(
                    name.at,
                    "a policy's name is plain ASCII without spaces and quotes",
                )
            }
        });
        let connection = self
            .need(value.connection, at, "connection")
            .and_then(|name| self.index(&name, "connection", |names| &names.connections));
        let who = self
            .need(value.who, at, "who")
            .and_then(|who| self.who(who));
        let rules = self.need(value.rules, at, "rules").and_then(|rules| {
            if rules.is_empty() {
                return self.refuse(at, "a policy needs at least one rule");
            }
            let judged: Vec<_> = rules.into_iter().map(|rule| self.rule(rule)).collect();
            judged.into_iter().collect::<Option<Vec<Rule>>>()
        });
        Some(Policy {
            name: Arc::from(name?),
            connection: connection?,
            who: who?,
            rules: rules?,
            place: at,
        })
    }

    fn who(&mut self, who: At<schema::Who>) -> Option<Who> {
        let At { value, at } = who;
        let issuer = self
            .need(value.issuer, at, "issuer")
            .and_then(|name| self.index(&name, "issuer", |names| &names.issuers));
        let roles = self.subjects(value.roles);
        let groups = self.subjects(value.groups);
        let clients = self.subjects(value.clients);
        let (roles, groups, clients) = (roles?, groups?, clients?);
        // Any application of a tenant can get a token without roles for any API: a valid token
        // alone authorises nobody.
        if roles.is_empty() && groups.is_empty() && clients.is_empty() {
            return self.refuse(at, "name at least one of `roles`, `groups`, `clients`");
        }
        Some(Who {
            issuer: issuer?,
            roles,
            groups,
            clients,
        })
    }

    fn subjects(&mut self, texts: Option<Vec<Text>>) -> Option<Vec<String>> {
        let texts = texts.unwrap_or_default();
        let mut good = Some(());
        for text in &texts {
            if text.value.is_empty() || text.value.contains('*') {
                good = self.refuse(
                    text.at,
                    "names are compared whole; there are no patterns here",
                );
            }
        }
        good.map(|()| values(Some(texts)))
    }

    fn rule(&mut self, rule: At<schema::Rule>) -> Option<Rule> {
        let At { value, at } = rule;
        if let Some(when) = &value.when {
            self.refuse::<()>(when.at, "conditions (`when`) are not in this version");
        }
        let is_approve = value.approve.is_some();
        let (word, pattern) = match (value.allow, value.deny, value.approve) {
            (Some(pattern), None, None) => ("allow", pattern),
            (None, Some(pattern), None) => ("deny", pattern),
            (None, None, Some(pattern)) => ("approve", pattern),
            _ => return self.refuse(at, "a rule has exactly one of `allow`, `deny`, `approve`"),
        };
        let effect = if is_approve {
            self.approve(at, value.by, value.grant)
        } else {
            let by = value.by.map(|by| by.at);
            let grant = value.grant.map(|grant| grant.at);
            match by.or(grant) {
                Some(place) => self.refuse(place, "only `approve` takes `by` and `grant`"),
                None if word == "allow" => Some(Effect::Allow),
                None => Some(Effect::Deny),
            }
        };
        let (method, path) = self.pattern(&pattern)?;
        let is_conditional = value.when.is_some();
        Some(Rule {
            effect: effect.filter(|_| !is_conditional)?,
            method,
            path,
            text: Arc::from(format!("{word}: {}", pattern.value)),
            place: pattern.at,
        })
    }

    fn approve(
        &mut self,
        at: Place,
        by: Option<At<schema::Approvers>>,
        grant: Option<Text>,
    ) -> Option<Effect> {
        let approvers = self.need(by, at, "by").and_then(|by| {
            let groups = self.subjects(by.value.groups);
            let roles = self.subjects(by.value.roles);
            let (groups, roles) = (groups?, roles?);
            if groups.is_empty() && roles.is_empty() {
                return self.refuse(by.at, "name at least one of `groups`, `roles`");
            }
            Some((groups, roles))
        });
        let grant = match grant {
            None => Some(Grant::Once),
            Some(grant) if grant.value == "once" => Some(Grant::Once),
            Some(grant) => match units::duration(&grant.value) {
                Ok(window) => Some(Grant::Window(window)),
                Err(why) => self.refuse(grant.at, format!("{why}, or `once`")),
            },
        };
        let (groups, roles) = approvers?;
        Some(Effect::Approve {
            groups,
            roles,
            grant: grant?,
        })
    }

    /// `METHODS /path/pattern`, or `/path/pattern` for every method; judged by who will match it.
    fn pattern(&mut self, text: &Text) -> Option<(Option<String>, String)> {
        let (methods, path) = match text.value.split_once(' ') {
            Some((methods, path)) => (methods, path.trim_start()),
            None => ("*", text.value.as_str()),
        };
        if let Err(why) = CallPattern::parse(&format!("{methods} {path}")) {
            return self.refuse(text.at, why.to_string());
        }
        let methods = (methods != "*").then(|| methods.to_owned());
        Some((methods, path.to_owned()))
    }
}
