//! Which member an address belongs to, as far as one caller has been told.
//!
//! Addresses of resources stay as they are: a client shows them, a tool's result names them, and a
//! prefix would break both. So the union remembers whose list, template or result an address came
//! from. Only where a second member names the same address does its own get a prefix of ours.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::names::{address_prefix, expands};
use crate::base::limits::{UNION_ADDRESS_BYTES, UNION_ADDRESSES, UNION_TEMPLATES};

/// What one caller has been told; the oldest is forgotten first.
#[derive(Default)]
pub(super) struct Places {
    addresses: HashMap<Arc<str>, Arc<str>>,
    order: VecDeque<Arc<str>>,
    templates: VecDeque<(Arc<str>, Arc<str>)>,
}

impl Places {
    /// Remembers that `member` names `address`. Answers with a prefix when another member has it.
    pub(super) fn learn(&mut self, member: &Arc<str>, address: &str) -> Option<String> {
        match self.addresses.get(address) {
            Some(owner) if owner == member => return None,
            Some(_) => return Some(address_prefix(member)),
            None if address.len() > UNION_ADDRESS_BYTES => return Some(address_prefix(member)),
            None => {}
        }
        if self.order.len() >= UNION_ADDRESSES
            && let Some(oldest) = self.order.pop_front()
        {
            self.addresses.remove(&oldest);
        }
        let address: Arc<str> = Arc::from(address);
        self.order.push_back(address.clone());
        self.addresses.insert(address, member.clone());
        None
    }

    /// The prefix under which the caller knows a member's address: some when another member has it.
    pub(super) fn prefix(&self, member: &Arc<str>, address: &str) -> Option<String> {
        let owner = self.addresses.get(address)?;
        (owner != member).then(|| address_prefix(member))
    }

    /// Remembers a template; a prefix when another member has the same.
    pub(super) fn learn_template(&mut self, member: &Arc<str>, template: &str) -> Option<String> {
        let known = self
            .templates
            .iter()
            .find(|(known, _)| &**known == template);
        match known {
            Some((_, owner)) if owner == member => return None,
            Some(_) => return Some(address_prefix(member)),
            None if template.len() > UNION_ADDRESS_BYTES => return Some(address_prefix(member)),
            None => {}
        }
        if self.templates.len() >= UNION_TEMPLATES {
            self.templates.pop_front();
        }
        self.templates
            .push_back((Arc::from(template), member.clone()));
        None
    }

    /// Whose an address is: by name, else by the template that says most of it.
    pub(super) fn owner(&self, address: &str) -> Option<Arc<str>> {
        if let Some(owner) = self.addresses.get(address) {
            return Some(owner.clone());
        }
        if address.len() > UNION_ADDRESS_BYTES {
            return None;
        }
        let fits = self.templates.iter().filter(|(template, _)| {
            // Completion names the template itself.
            &**template == address || expands(template, address)
        });
        let said = |template: &str| template.split('{').next().map_or(0, str::len);
        fits.max_by_key(|(template, _)| said(template))
            .map(|(_, owner)| owner.clone())
    }

    /// Forgets a member that has left.
    pub(super) fn forget(&mut self, member: &str) {
        self.addresses.retain(|_, owner| &**owner != member);
        let addresses = &self.addresses;
        self.order.retain(|address| addresses.contains_key(address));
        self.templates.retain(|(_, owner)| &**owner != member);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_to_name_an_address_has_it() {
        let (a, b): (Arc<str>, Arc<str>) = (Arc::from("a"), Arc::from("b"));
        let mut places = Places::default();
        assert_eq!(places.learn(&a, "x:1"), None);
        assert_eq!(places.learn(&a, "x:1"), None);
        assert_eq!(places.learn(&b, "x:1"), Some("sluice-member:b/".into()));
        assert_eq!(places.owner("x:1"), Some(a.clone()));
        assert_eq!(places.prefix(&b, "x:1"), Some("sluice-member:b/".into()));
        places.forget("a");
        assert_eq!(places.learn(&b, "x:1"), None);
        assert_eq!(places.owner("x:2"), None);
    }

    #[test]
    fn the_template_that_says_most_decides() {
        let (a, b): (Arc<str>, Arc<str>) = (Arc::from("a"), Arc::from("b"));
        let mut places = Places::default();
        places.learn_template(&a, "file:///{+path}");
        places.learn_template(&b, "file:///logs/{name}");
        assert_eq!(places.owner("file:///x/y"), Some(a));
        assert_eq!(places.owner("file:///logs/y"), Some(b.clone()));
        assert_eq!(places.owner("file:///logs/{name}"), Some(b));
    }

    #[test]
    fn memory_is_bounded() {
        let a: Arc<str> = Arc::from("a");
        let mut places = Places::default();
        for n in 0..UNION_ADDRESSES + 10 {
            places.learn(&a, &format!("x:{n}"));
        }
        assert_eq!(places.addresses.len(), UNION_ADDRESSES);
        assert_eq!(places.order.len(), UNION_ADDRESSES);
        assert_eq!(places.owner("x:0"), None);
        let long = "x".repeat(UNION_ADDRESS_BYTES + 1);
        assert!(places.learn(&a, &long).is_some());
    }
}
