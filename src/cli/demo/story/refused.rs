//! What the gateway does not let through.

use super::super::super::failure::Failure;
use super::super::caller::Reply;
use super::super::cast;
use super::super::issuer::Flaw;
use super::super::tenant::Tenant;
use super::super::world::app;
use super::{Story, text};
use http::Method;
use std::io::Write;

/// Tokens that will not do, and what is wrong with them.
const BAD_TOKENS: [(Flaw, &str); 4] = [
    (Flaw::Forged, "forged: signed with another key"),
    (Flaw::Expired, "expired yesterday"),
    (Flaw::OtherAudience, "meant for api://payroll"),
    (Flaw::GraphAudience, "meant for Graph itself"),
];

impl<W: Write> Story<'_, W> {
    /// Calls that policy does not allow.
    pub(super) async fn denied_calls(&mut self) -> Result<(), Failure> {
        self.stage
            .step("Calls that policy does not allow: 403, and the directory hears nothing")?;
        let before = self.directory_received();
        let tenant = Tenant::generate();
        let user = format!("/graph/v1.0/users/{}", text(tenant.users[0].get("id")));
        let rules = Some("directory-readers/");

        let reply = self.as_agent(Method::DELETE, &user).await?;
        self.denied(
            &reply,
            rules,
            "denied by a rule, which beats whatever allows it",
        )?;
        let revoke = format!("{user}/revokeSignInSessions");
        let reply = self.as_agent(Method::POST, &revoke).await?;
        let why = "a rule asks for a person's approval, which this version cannot get: refused";
        self.denied(&reply, rules, why)?;
        let reply = self
            .as_agent(Method::GET, "/graph/v1.0/applications")
            .await?;
        self.denied(
            &reply,
            None,
            "no rule covers it, and what is not allowed is denied",
        )?;

        let stranger = app(&self.world.backdrop.issuer, cast::STRANGER)?;
        let token = self.world.backdrop.issuer.mint(stranger, Flaw::None)?;
        let what = "a stranger's valid token, without a role";
        self.remember(what, &token);
        let reply = self.call(Method::GET, &user, what, Some(&token)).await?;
        self.denied(&reply, None, "a valid token alone is not a right")?;
        self.nothing_reached_the_directory(before)
    }

    fn denied(&mut self, reply: &Reply, rule: Option<&str>, why: &str) -> Result<(), Failure> {
        // A body that is no JSON names no rule.
        let body = reply.json().unwrap_or_default();
        let named = text(body.pointer("/error/rule"));
        if !named.is_empty() {
            self.stage.detail(&format!("rule: {named}"))?;
        }
        let right = reply.status == 403 && rule.is_none_or(|rule| named.starts_with(rule));
        self.stage.check(right, why)
    }

    /// Tokens that prove nothing.
    pub(super) async fn bad_tokens(&mut self) -> Result<(), Failure> {
        self.stage
            .step("Tokens that will not do: 401, and the caller is not told which check failed")?;
        let before = self.directory_received();
        let target = "/graph/v1.0/users";
        let reply = self
            .call(Method::GET, target, "no token at all", None)
            .await?;
        self.challenged(&reply)?;
        for (flaw, what) in BAD_TOKENS {
            let agent = app(&self.world.backdrop.issuer, cast::READER)?;
            let token = self.world.backdrop.issuer.mint(agent, flaw)?;
            self.remember(what, &token);
            let reply = self.call(Method::GET, target, what, Some(&token)).await?;
            self.challenged(&reply)?;
        }
        self.nothing_reached_the_directory(before)
    }

    fn challenged(&mut self, reply: &Reply) -> Result<(), Failure> {
        let challenged = reply.field("www-authenticate").starts_with("Bearer");
        let right = reply.status == 401 && challenged;
        self.stage.check(right, "refused, with a challenge")
    }

    fn nothing_reached_the_directory(&mut self, before: usize) -> Result<(), Failure> {
        let new = self.directory_received() - before;
        self.stage.line("")?;
        let claim = format!("bytes that the directory's sockets received meanwhile: {new}");
        self.stage.check(new == 0, claim)
    }
}
