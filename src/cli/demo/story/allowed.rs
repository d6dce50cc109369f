//! What the gateway lets through, and what it does on the way.

use super::super::super::failure::Failure;
use super::super::config::MASKED_FIELDS;
use super::super::directory::RETRY_AFTER;
use super::super::stage::Pair;
use super::super::tap::Direction;
use super::super::tenant::{PEOPLE, Tenant};
use super::super::world::protected_name;
use super::{Story, bearer, text};
use http::Method;
use serde_json::Value;
use std::io::Write;

/// Members shown side by side.
const SHOWN: [&str; 5] = [
    "displayName",
    "jobTitle",
    "mail",
    "userPrincipalName",
    "mobilePhone",
];

impl<W: Write> Story<'_, W> {
    /// One person, read through the masks.
    pub(super) async fn masked_call(&mut self) -> Result<(), Failure> {
        self.stage
            .step("An allowed call; personal values are masked on the way back")?;
        self.stage.paragraph(
            "Rule `allow GET /v1.0/users/*`. The gateway checks the token, has the request on disk \
             before it goes on, adds its own credential, and masks while the reply streams through.",
        )?;
        let tenant = Tenant::generate();
        let id = text(tenant.users[0].get("id"));
        let reply = self
            .as_agent(Method::GET, &format!("/graph/v1.0/users/{id}"))
            .await?;
        let received = reply.json()?;
        let sent = self.sent_by_directory(&id)?;
        self.show_upstream_request(&id)?;
        let pairs = SHOWN.map(|member| Pair {
            member: member.to_owned(),
            sent: text(sent.get(member)),
            received: text(received.get(member)),
        });
        self.stage.table(&pairs)?;
        self.stage.line("")?;
        let same = |name: &str| sent[name] == received[name];
        let kept = reply.status == 200
            && ["displayName", "jobTitle", "id"]
                .iter()
                .all(|name| same(name));
        self.stage
            .check(kept, "allowed, and what is not personal arrived unchanged")?;
        let hidden = MASKED_FIELDS
            .iter()
            .filter(|name| !sent[**name].is_null())
            .all(|name| !received[*name].is_null() && !same(name));
        self.stage.check(
            hidden,
            "every masked field holds a placeholder instead of its value",
        )
    }

    /// The request as it arrived at the directory, read off the directory's own socket.
    fn show_upstream_request(&mut self, id: &str) -> Result<(), Failure> {
        let sockets = self
            .world
            .backdrop
            .directory_tape
            .bytes(Direction::Received);
        let lines = sockets
            .iter()
            .flat_map(|socket| socket.split(|byte| *byte == b'\n'));
        let lines = lines.map(|line| String::from_utf8_lossy(line).trim().to_owned());
        let from = lines.skip_while(|line| !line.contains(id));
        self.stage.line("")?;
        self.stage.detail("the directory's socket received:")?;
        for line in from.take_while(|line| !line.is_empty()) {
            let line = match line.split_once("Bearer ") {
                Some((_, token)) => format!("{}, the gateway's own", bearer(token)),
                None => line,
            };
            self.stage.detail(&format!("  {line}"))?;
        }
        Ok(())
    }

    /// The object with this id as the directory sent it, read off the directory's own socket.
    fn sent_by_directory(&self, id: &str) -> Result<Value, Failure> {
        let sockets = self.world.backdrop.directory_tape.bytes(Direction::Sent);
        let bodies = sockets.iter().filter_map(|socket| {
            let end_of_head = memchr::memmem::rfind(socket, b"\r\n\r\n")?;
            serde_json::from_slice::<Value>(socket.get(end_of_head + 4..)?).ok()
        });
        let mut with_id = bodies.filter(|body| body["id"] == *id);
        let missing = || Failure::new("the directory's sockets show no such answer");
        with_id.next().ok_or_else(missing)
    }

    /// Everybody, page by page, following the links that come back.
    pub(super) async fn paging(&mut self) -> Result<(), Failure> {
        self.stage
            .step("Paging: links that would leave the gateway are rewritten to it")?;
        let mut target = "/graph/v1.0/users?$top=50&$select=displayName,mail".to_owned();
        let gateway = format!("{}/graph/", self.world.gateway_url);
        let (mut people, mut pages) = (Vec::new(), 0);
        let (mut inside, mut chunked) = (true, true);
        loop {
            let reply = self.as_agent(Method::GET, &target).await?;
            chunked &= reply.field("transfer-encoding") == "chunked";
            let page = reply.json()?;
            pages += 1;
            people.extend(page["value"].as_array().into_iter().flatten().cloned());
            let Some(link) = page["@odata.nextLink"].as_str() else {
                break;
            };
            self.stage.detail(&format!("@odata.nextLink: {link}"))?;
            inside &= link.starts_with(&gateway);
            match link.strip_prefix(&self.world.gateway_url) {
                Some(next) if pages < 10 => target = next.to_owned(),
                _ => break,
            }
        }
        self.stage.line("")?;
        let claim = "every link leads back through the gateway";
        self.stage.check(inside && pages == 3, claim)?;
        let count = people.len();
        let all = format!("people seen: {count} on {pages} pages, streamed chunk by chunk");
        self.stage.check(count == PEOPLE && chunked, all)?;
        self.protected(&people)
    }

    /// One person's very name is on a list of texts to hide.
    fn protected(&mut self, people: &[Value]) -> Result<(), Failure> {
        let tenant = Tenant::generate();
        let name = protected_name(&tenant)?;
        let id = tenant
            .users
            .iter()
            .find(|user| user["displayName"] == *name);
        let id = text(id.and_then(|user| user.get("id")));
        let seen = people.iter().find(|person| person["id"] == *id);
        let seen = text(seen.and_then(|person| person.get("displayName")));
        let claim = format!("protected-names.txt lists {name}, who is seen as {seen}");
        self.stage
            .check(!seen.is_empty() && !seen.contains(&name), claim)
    }

    /// What is wrong upstream is told as it is.
    pub(super) async fn upstream_errors(&mut self) -> Result<(), Failure> {
        self.stage
            .step("What the directory says is what the caller hears: 404 and 429")?;
        let nobody = "/graph/v1.0/users/00000000-0000-0000-0000-000000000000";
        let missing = self.as_agent(Method::GET, nobody).await?;
        let code = text(missing.json()?.pointer("/error/code"));
        let found = missing.status == 404 && code == "Request_ResourceNotFound";
        self.stage
            .check(found, format!("404 with Graph's own error code, {code}"))?;
        let throttled = self
            .as_agent(Method::GET, "/graph/v1.0/auditLogs/signIns")
            .await?;
        let told = throttled.status == 429 && throttled.field("retry-after") == RETRY_AFTER;
        self.stage.check(
            told,
            "429 with the directory's own Retry-After, which SDKs obey",
        )
    }
}
