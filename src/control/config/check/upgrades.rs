//! Which protocols a request may switch its connection to.

use std::sync::Arc;

use super::super::schema::{self, Text};
use super::identity::is_field_name;
use super::{Checker, place};
use crate::base::limits::UPGRADES;

/// Protocols that carry requests of HTTP, by name: those would pass unjudged.
const HTTP: [&str; 4] = ["h2c", "h2", "http", "tls"];

impl Checker<'_> {
    pub(super) fn upgrades(
        &mut self,
        connection: &mut schema::Connection,
    ) -> Option<Vec<Arc<str>>> {
        let Some(at) = place(&connection.upgrades) else {
            return Some(Vec::new());
        };
        let names = connection.upgrades.take().map(|list| list.value);
        let names = names.unwrap_or_default();
        let masks = connection.masks.iter().flatten();
        if masks.count() > 0 && !names.is_empty() {
            let why = "what passes after an upgrade cannot be masked: have `upgrades` or `masks`";
            return self.refuse(at, why);
        }
        if names.len() > UPGRADES {
            return self.refuse(at, format!("at most {UPGRADES} protocols can stand here"));
        }
        let mut good = Vec::new();
        let mut all_good = Some(());
        for name in &names {
            match self.upgrade(name) {
                Some(protocol) if good.contains(&protocol) => {
                    all_good = self.refuse(name.at, "this protocol is there already");
                }
                Some(protocol) => good.push(protocol),
                None => all_good = None,
            }
        }
        all_good.map(|()| good)
    }

    /// A protocol's name, perhaps with a version (RFC 9110, section 7.8).
    fn upgrade(&mut self, text: &Text) -> Option<Arc<str>> {
        const MOST: usize = 64;
        let (name, version) = match text.value.split_once('/') {
            Some((name, version)) => (name, Some(version)),
            None => (text.value.as_str(), None),
        };
        let is_token = |part: &str| is_field_name(part);
        if text.value.len() > MOST || !is_token(name) || !version.is_none_or(is_token) {
            let want = "expected the name of a protocol, such as `websocket`";
            return self.refuse(text.at, want);
        }
        if HTTP.iter().any(|one| one.eq_ignore_ascii_case(name)) {
            let why = "requests within this protocol would pass without being judged";
            return self.refuse(text.at, why);
        }
        Some(text.value.to_ascii_lowercase().into())
    }
}
