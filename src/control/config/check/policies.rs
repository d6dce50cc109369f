//! Policies and their rules.

use std::sync::Arc;

use super::super::errors::Mistake;
use super::super::model::{Condition, Effect, Grant, Policy, Rule, Who};
use super::super::schema::{self, At, Text};
use super::super::units;
use super::{Checker, values};
use crate::base::limits::WHEN_BYTES;
use crate::control::config::Place;
use crate::graph;
use crate::policy::Protocol;
use crate::policy::graph::GraphPattern;
use crate::policy::mcp::{LIFECYCLE, METHODS, McpPattern};
use crate::policy::pattern::CallPattern;
use crate::policy::when::When;

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
            let protocol = self.protocol_of(connection);
            let judged: Vec<_> = rules
                .into_iter()
                .map(|rule| self.rule(rule, protocol))
                .collect();
            judged.into_iter().collect::<Option<Vec<Rule>>>()
        });
        Some(Policy {
            name: Arc::from(name?),
            connection: connection?,
            who: who?,
            rules: rules?,
            place: at.into(),
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
        let scopes = self.subjects(value.scopes);
        let tenants = self.subjects(value.tenants);
        let (roles, groups, clients, scopes) = (roles?, groups?, clients?, scopes?);
        // Any application of a tenant can get a token without roles for any API: a valid token
        // alone authorises nobody.
        if roles.is_empty() && groups.is_empty() && clients.is_empty() && scopes.is_empty() {
            let what = "name at least one of `roles`, `groups`, `clients`, `scopes`";
            return self.refuse(at, what);
        }
        Some(Who {
            issuer: issuer?,
            roles,
            groups,
            clients,
            scopes,
            tenants: tenants?,
            agents: value.agents,
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

    fn rule(&mut self, rule: At<schema::Rule>, protocol: Protocol) -> Option<Rule> {
        let At { value, at } = rule;
        let when = self.perhaps(value.when, |checker, when| {
            checker.condition(&when, protocol)
        });
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
        let expand = self.expand(value.expand, word, protocol);
        let expand = expand?;
        let calls = match protocol {
            Protocol::Mcp => self.mcp_pattern(&pattern),
            Protocol::Http => self.http_pattern(&pattern, |text| {
                CallPattern::parse(text)
                    .map(drop)
                    .map_err(|why| why.to_string())
            }),
            Protocol::Graph => self.http_pattern(&pattern, |text| {
                let parsed = GraphPattern::parse(text, &expand);
                parsed.map(drop).map_err(|why| why.to_string())
            }),
        };
        Some(Rule {
            effect: effect?,
            pattern: calls?,
            when: when?,
            shadow: value.shadow.unwrap_or(false),
            expand,
            text: Arc::from(format!("{word}: {}", pattern.value)),
            place: pattern.at.into(),
        })
    }

    /// A condition, judged by who will ask it. What is wrong in it is shown where it is in it.
    fn condition(&mut self, when: &Text, protocol: Protocol) -> Option<Condition> {
        let text = when.value.trim();
        if text.is_empty() {
            return self.refuse(when.at, "a condition cannot be empty");
        }
        if text.len() > WHEN_BYTES {
            return self.refuse(
                when.at,
                format!("a condition has at most {WHEN_BYTES} bytes"),
            );
        }
        if let Err(error) = When::parse(text, protocol) {
            return match self.source.within(when.at, text, error.at) {
                Some(place) => self.refuse(place, error.why),
                None => self.refuse(when.at, error.to_string()),
            };
        }
        Some(Condition {
            text: Arc::from(text),
            place: when.at.into(),
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
    fn http_pattern(
        &mut self,
        text: &Text,
        judge: impl FnOnce(&str) -> Result<(), String>,
    ) -> Option<String> {
        let (methods, path) = match text.value.split_once(' ') {
            Some((methods, path)) => (methods, path.trim_start()),
            None => ("*", text.value.as_str()),
        };
        let pattern = format!("{methods} {path}");
        match judge(&pattern) {
            Ok(()) => Some(pattern),
            Err(why) => self.refuse(text.at, why),
        }
    }

    /// What `$expand` may name; each is judged where it stands.
    fn expand(
        &mut self,
        expand: Option<At<Vec<Text>>>,
        word: &str,
        protocol: Protocol,
    ) -> Option<Vec<String>> {
        let Some(At { value, at }) = expand else {
            return Some(Vec::new());
        };
        if protocol != Protocol::Graph || word != "allow" {
            return self.refuse(
                at,
                "only `allow` of a connection of protocol `graph` takes `expand`",
            );
        }
        let mut good = Some(());
        for name in &value {
            if graph::expanded(&name.value).is_err() {
                let why = "expected what `$expand` names: `manager`, `members/owners`, or `*`";
                good = self.refuse(name.at, why);
            }
        }
        good.map(|()| values(Some(value)))
    }

    /// `METHODS` or `METHODS NAME`; judged by who will match it. What looks like a slip is one, though
    /// rules may name methods that nobody here knows: a `deny` with it would deny nothing.
    fn mcp_pattern(&mut self, text: &Text) -> Option<String> {
        if let Err(why) = McpPattern::parse(&text.value) {
            return self.refuse(text.at, why.to_string());
        }
        let methods = text.value.split_whitespace().next().unwrap_or_default();
        let known = || METHODS.iter().chain(LIFECYCLE).copied();
        let mut good = Some(());
        for method in methods.split(',') {
            if known().any(|known| known == method) {
                continue;
            }
            if let Some(meant) = known().find(|known| is_slip(method, known)) {
                let mistake = Mistake::new(text.at, format!("`{method}` is no method of MCP"));
                (self.mistakes).push(mistake.help(format!("did you mean `{meant}`?")));
                good = None;
            }
        }
        good.map(|()| text.value.trim().to_owned())
    }

    /// What the connection says that it speaks; HTTP where that is not known.
    fn protocol_of(&self, connection: Option<usize>) -> Protocol {
        let kind = connection.and_then(|index| self.names.kinds.get(index));
        kind.map_or(Protocol::Http, |kind| kind.protocol)
    }
}

/// Whether `method` is `known` but for letter case, or one letter too many, too few or swapped. One
/// letter that is another may well be another method: `prompts/get`, `prompts/set`.
fn is_slip(method: &str, known: &str) -> bool {
    let letters = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        letters
    };
    method.eq_ignore_ascii_case(known)
        || strsim::damerau_levenshtein(method, known) == 1
            && (method.len() != known.len() || letters(method) == letters(known))
}
