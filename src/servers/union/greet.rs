//! How a link learns which era its member is of.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value as Json;

use super::edit::Edits;
use super::link::{Link, MODERN, NEWEST_LEGACY, Opened, Profile, answer_to, header_of};
use super::meta;
use super::wire::{Away, Envelope, SESSION};
use crate::base::secret::Secret;
use crate::json::Document;
use crate::mcp::Revision;

impl Link {
    /// Asks the member what it is, in the caller's own era first.
    pub(super) async fn greet(&self, bearer: &Secret) -> Result<Opened, Away> {
        if self.profile().revision.is_modern() {
            return match self.discover(bearer).await {
                Err(why) if may_be_of_another_era(&why) => self.initialize(bearer).await,
                greeted => greeted,
            };
        }
        match self.initialize(bearer).await {
            Err(why) if may_be_of_another_era(&why) => self.discover(bearer).await.map_err(|_| why),
            greeted => greeted,
        }
    }

    async fn discover(&self, bearer: &Secret) -> Result<Opened, Away> {
        let (id, method) = (self.next_id(), "server/discover");
        let meta = meta::object(self.profile());
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{meta}}}}}"#);
        let headers = meta::headers(true, method, None);
        let to = Envelope {
            member: &self.member,
            bearer,
            session: None,
            version: header_of(MODERN),
            more: &headers,
        };
        let reply = self.wire.post(&to, body.into()).await?;
        let result = result_of(&answer_to(reply, id).await?)?;
        let versions = result.get("supportedVersions").and_then(Json::as_array);
        let speaks = versions.is_some_and(|all| all.iter().any(|each| each == MODERN.as_str()));
        if !speaks {
            return Err(Away::Stranger);
        }
        Ok(Opened::new(MODERN, None, &result))
    }

    async fn initialize(&self, bearer: &Secret) -> Result<Opened, Away> {
        let id = self.next_id();
        let asked = self.profile().revision.min(NEWEST_LEGACY);
        let capabilities = capabilities(self.profile());
        let client = meta::client(self.profile());
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"initialize","params":{{"protocolVersion":"{asked}","capabilities":{capabilities},"clientInfo":{client}}}}}"#
        );
        let none = HeaderMap::new();
        let mut to = Envelope {
            member: &self.member,
            bearer,
            session: None,
            version: None,
            more: &none,
        };
        let reply = self.wire.post(&to, body.into()).await?;
        let session = reply.headers.get(SESSION).cloned();
        let result = result_of(&answer_to(reply, id).await?)?;
        let named = result.get("protocolVersion").and_then(Json::as_str);
        let revision = named
            .and_then(|name| Revision::parse(name.as_bytes()))
            .filter(|revision| !revision.is_modern())
            .ok_or(Away::Stranger)?;
        to.session = session.as_ref();
        to.version = header_of(revision);
        let ready = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let reply = self
            .wire
            .post(&to, Bytes::from_static(ready.as_bytes()))
            .await?;
        if !reply.status.is_success() {
            return Err(Away::Refused(reply.status.as_u16()));
        }
        Ok(Opened::new(revision, session, &result))
    }
}

/// What the caller can do, as a legacy member may count on it. A modern caller has no stream on
/// which it could be asked for its roots between calls, nor a way to say that they changed.
fn capabilities(profile: &Profile) -> String {
    let mut edits = Edits::default();
    let said = profile.capabilities.as_bytes();
    if profile.revision.is_modern()
        && let Ok(document) = Document::parse(said)
    {
        edits.drop_members(said, document.root(), &["roots"]);
    }
    String::from_utf8(edits.apply(said)).unwrap_or_else(|_| "{}".to_owned())
}

/// Whether a refusal can come from a member that speaks only the other era.
fn may_be_of_another_era(why: &Away) -> bool {
    match why {
        Away::Refused(status) => matches!(status, 400 | 404 | 405 | 406 | 415 | 422),
        // The specification's and the implementations' own; not those of a gateway that denies.
        Away::Error(code) => *code < 0,
        Away::Stranger => true,
        Away::Unreachable | Away::Slow | Away::Unreadable | Away::Unasked => false,
    }
}

fn result_of(text: &Bytes) -> Result<Json, Away> {
    let mut message: Json = serde_json::from_slice(text).map_err(|_| Away::Unreadable)?;
    Ok(message.get_mut("result").map_or(Json::Null, Json::take))
}
