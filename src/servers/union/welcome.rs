//! What a union says of itself: the answers to `initialize` and `server/discover`.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::circle::Circle;
use super::link::{Link, NEWEST_LEGACY, Opened};
use super::lists;
use super::wire::Away;
use crate::base::limits::UNION_INSTRUCTION_BYTES;
use crate::base::secret::Secret;
use crate::mcp::Revision;

/// What members said of themselves, put together.
pub(super) struct Welcome {
    name: String,
    modern: bool,
    capabilities: Json,
    instructions: String,
    missing: Vec<(String, String)>,
    newest: Option<Revision>,
}

impl Welcome {
    /// Asks all members.
    pub(super) async fn of(name: &str, circle: &Circle, bearer: &Secret) -> Welcome {
        let modern = circle.profile().revision.is_modern();
        let mut welcome = Welcome {
            name: name.to_owned(),
            modern,
            capabilities: Json::Object(Map::new()),
            instructions: String::new(),
            missing: Vec::new(),
            newest: None,
        };
        for (link, opened) in circle.open(bearer).await {
            welcome.add(&link, opened, circle.profile().revision);
        }
        welcome.round_off();
        welcome
    }

    /// The newest legacy revision that the caller and a member share.
    pub(super) fn revision(&self, asked: Revision) -> Revision {
        self.newest.unwrap_or(asked).min(NEWEST_LEGACY)
    }

    /// The result of `initialize`.
    pub(super) fn initialized(&self, revision: Revision) -> String {
        let mut result = json!({
            "protocolVersion": revision.as_str(),
            "capabilities": self.capabilities,
            "serverInfo": self.server(),
        });
        self.finish(&mut result, Map::new())
    }

    /// The result of `server/discover`.
    pub(super) fn discovered(&self) -> String {
        let versions = Revision::ALL
            .into_iter()
            .filter(|each| *each >= Revision::UNSAID);
        let versions: Vec<_> = versions.map(Revision::as_str).collect();
        let mut result = json!({
            "resultType": "complete",
            "supportedVersions": versions,
            "capabilities": self.capabilities,
            "ttlMs": 0,
            "cacheScope": "private",
        });
        let mut meta = Map::new();
        meta.insert(
            "io.modelcontextprotocol/serverInfo".to_owned(),
            self.server(),
        );
        self.finish(&mut result, meta)
    }

    fn server(&self) -> Json {
        json!({ "name": self.name, "version": env!("CARGO_PKG_VERSION") })
    }

    fn finish(&self, result: &mut Json, mut meta: Map<String, Json>) -> String {
        let Some(object) = result.as_object_mut() else {
            return result.to_string();
        };
        if !self.instructions.is_empty() {
            object.insert("instructions".to_owned(), self.instructions.clone().into());
        }
        if !self.missing.is_empty() {
            let missing = format!("{{{}}}", lists::left_out(&self.missing));
            if let Ok(Json::Object(missing)) = serde_json::from_str(&missing) {
                meta.extend(missing);
            }
        }
        if !meta.is_empty() {
            object.insert("_meta".to_owned(), meta.into());
        }
        result.to_string()
    }

    fn add(&mut self, link: &Arc<Link>, opened: Result<Arc<Opened>, Away>, asked: Revision) {
        let opened = match opened {
            Ok(opened) => opened,
            Err(why) => {
                self.missing
                    .push((link.member.to_string(), why.to_string()));
                return;
            }
        };
        if !opened.revision.is_modern() && opened.revision <= asked {
            self.newest = self.newest.max(Some(opened.revision));
        }
        let same_era = opened.revision.is_modern() == self.modern;
        let mut offered = Json::Object(Map::new());
        for name in [
            "tools",
            "prompts",
            "resources",
            "completions",
            "logging",
            "tasks",
        ] {
            let translated = matches!(name, "tools" | "prompts" | "resources" | "completions");
            if (translated || same_era)
                && let Some(capability) = opened.capabilities.get(name)
            {
                offered[name] = capability.clone();
            }
        }
        // Of extensions only those whose requests say whom they are for.
        if same_era && let Some(extensions) = opened.capabilities.get("extensions") {
            for name in [
                "io.modelcontextprotocol/tasks",
                "io.modelcontextprotocol/ui",
            ] {
                if let Some(extension) = extensions.get(name) {
                    offered["extensions"][name] = extension.clone();
                }
            }
        }
        merge(&mut self.capabilities, &offered);
        if let Some(text) = &opened.instructions {
            let text = format!("# {}\n\n{text}\n\n", link.member);
            if self.instructions.len() + text.len() <= UNION_INSTRUCTION_BYTES {
                self.instructions.push_str(&text);
            }
        }
    }

    /// Lists change when the union's members do; and a member that is away may offer anything.
    fn round_off(&mut self) {
        for name in ["tools", "prompts", "resources"] {
            if self.capabilities.get(name).is_some() || !self.missing.is_empty() {
                merge(
                    &mut self.capabilities,
                    &json!({ name: { "listChanged": true } }),
                );
            }
        }
        self.instructions
            .truncate(self.instructions.trim_end().len());
    }
}

/// Adds what `more` has to `all`: a capability is there when some member has it.
fn merge(all: &mut Json, more: &Json) {
    match (all, more) {
        (Json::Object(all), Json::Object(more)) => {
            for (name, value) in more {
                match all.get_mut(name) {
                    Some(known) => merge(known, value),
                    None => {
                        all.insert(name.clone(), value.clone());
                    }
                }
            }
        }
        (all @ (Json::Bool(false) | Json::Null), more) => *all = more.clone(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_is_there_when_some_member_has_it() {
        let mut all = json!({ "tools": { "listChanged": false }, "logging": {} });
        merge(
            &mut all,
            &json!({ "tools": { "listChanged": true }, "resources": { "subscribe": true } }),
        );
        merge(&mut all, &json!({ "tools": { "listChanged": false } }));
        assert_eq!(
            all,
            json!({ "tools": { "listChanged": true }, "logging": {}, "resources": { "subscribe": true } })
        );
    }
}
