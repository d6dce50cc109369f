//! The story: what the demo does as a caller, and what it makes of what comes back.

mod allowed;
mod refused;

use super::super::failure::Failure;
use super::caller::Reply;
use super::cast;
use super::issuer::GATEWAY_URI;
use super::stage::Stage;
use super::tap::Direction;
use super::tenant::TENANT;
use super::world::{World, app};
use http::Method;
use serde_json::Value;
use std::io::Write;

/// The demo as it is being told.
pub struct Story<'w, W> {
    world: &'w mut World,
    stage: &'w mut Stage<W>,
    used: Vec<(String, String)>,
    token: String,
}

/// What the story leaves behind.
pub struct Told {
    /// Every token that the caller used, each with what it is: none may have reached the directory.
    pub used: Vec<(String, String)>,
    /// The agent's token.
    pub token: String,
}

impl<W: Write> Story<'_, W> {
    /// Tells it: what the gateway lets through, and what it does not.
    pub async fn tell(world: &mut World, stage: &mut Stage<W>) -> Result<Told, Failure> {
        let mut story = Story {
            world,
            stage,
            used: Vec::new(),
            token: String::new(),
        };
        story.fetch_token().await?;
        story.masked_call().await?;
        story.paging().await?;
        story.upstream_errors().await?;
        story.denied_calls().await?;
        story.bad_tokens().await?;
        Ok(Told {
            used: story.used,
            token: story.token,
        })
    }

    /// The agent's token, got as any client would: from the issuer, with its secret.
    async fn fetch_token(&mut self) -> Result<(), Failure> {
        self.stage
            .step("The agent gets a token, for the gateway and for nothing else")?;
        let agent = app(&self.world.backdrop.issuer, cast::READER)?;
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &agent.client_id)
            .append_pair("client_secret", &agent.secret)
            .append_pair("scope", &format!("{GATEWAY_URI}/.default"))
            .finish();
        let path = format!("/{TENANT}/oauth2/v2.0/token");
        let what = format!("grant_type=client_credentials&scope={GATEWAY_URI}/.default&…");
        self.stage.request("POST", &path, &what)?;
        let url = format!("{}{path}", self.world.backdrop.issuer_url);
        let body = Some(("application/x-www-form-urlencoded", form.as_bytes()));
        let caller = &mut self.world.caller;
        let reply = caller.send(Method::POST, &url, None, body).await?;
        self.stage.reply(&reply, &[])?;
        self.token = text(reply.json()?.get("access_token"));
        self.remember("the agent's token", &self.token.clone());
        let is_token = self.token.split('.').count() == 3;
        self.stage
            .check(is_token, "a JWT whose audience is the gateway")
    }

    fn remember(&mut self, what: &str, token: &str) {
        self.used.push((what.to_owned(), token.to_owned()));
    }

    /// One call through the gateway, shown; `what` tells the token.
    async fn call(
        &mut self,
        method: Method,
        target: &str,
        what: &str,
        token: Option<&str>,
    ) -> Result<Reply, Failure> {
        let with = match token {
            Some(token) => format!("{}, {what}", bearer(token)),
            None => what.to_owned(),
        };
        self.stage.request(method.as_str(), target, &with)?;
        let url = format!("{}{target}", self.world.gateway_url);
        let reply = self.world.caller.send(method, &url, token, None).await?;
        let fields = ["www-authenticate", "retry-after", "location"];
        self.stage.reply(&reply, &fields)?;
        Ok(reply)
    }

    /// One call with the agent's token.
    async fn as_agent(&mut self, method: Method, target: &str) -> Result<Reply, Failure> {
        let token = self.token.clone();
        self.call(method, target, "the agent's token", Some(&token))
            .await
    }

    /// How many bytes the directory's sockets have received so far.
    fn directory_received(&self) -> usize {
        let tape = &self.world.backdrop.directory_tape;
        tape.bytes(Direction::Received).iter().map(Vec::len).sum()
    }
}

/// An `Authorization` field with enough of the token to tell it from others.
fn bearer(token: &str) -> String {
    let (start, end) = (token.get(..6), token.get(token.len().saturating_sub(4)..));
    let (start, end) = (start.unwrap_or_default(), end.unwrap_or_default());
    format!(
        "Authorization: Bearer {start}…{end} ({} bytes)",
        token.len()
    )
}

/// A JSON value as a person reads it; nothing when it is not there.
fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
