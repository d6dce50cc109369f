//! Masks.

use std::sync::Arc;

use super::super::model::Mask;
use super::super::schema::{self, At, Text};
use super::{Checker, values};
use crate::control::config::Place;
use crate::mask::{Recogniser, Replace};

impl Checker<'_> {
    pub(super) fn mask(&mut self, name: Arc<str>, at: Place, mask: schema::Mask) -> Option<Mask> {
        let recognise: Vec<_> = mask
            .recognise
            .into_iter()
            .flatten()
            .map(|kind| self.recogniser(&kind))
            .collect();
        let literals = match mask.literals {
            Some(reference) => self.literals(&reference),
            None => Some(Vec::new()),
        };
        let fields = values(mask.fields);
        let recognised: Vec<&str> = (recognise.iter().flatten())
            .map(|kind| kind.name())
            .collect();
        let has_literals = literals
            .as_ref()
            .is_some_and(|literals| !literals.is_empty());
        let mut default = Some(Replace::Text("[{kind}]".to_owned()));
        let mut replace = Vec::new();
        for (key, value) in mask.replace.map(|replace| replace.0).unwrap_or_default() {
            let replacement = self.replacement(&value);
            if key.value == "default" {
                default = replacement;
            } else if fields.contains(&key.value)
                || recognised.contains(&key.value.as_str())
                || (key.value == "literal" && has_literals)
            {
                replace.push(replacement.map(|it| (key.value, it)));
            } else {
                let message = format!("`{}` is no field or pattern of this mask", key.value);
                replace.push(self.refuse(key.at, message));
            }
        }
        let recognise: Vec<Recogniser> = recognise.into_iter().collect::<Option<_>>()?;
        let literals = literals?;
        if fields.is_empty() && recognise.is_empty() && literals.is_empty() {
            return self.refuse(at, "a mask needs `fields`, `recognise` or `literals`");
        }
        Some(Mask {
            name,
            fields,
            recognise,
            literals,
            replace: replace.into_iter().collect::<Option<_>>()?,
            default: default?,
            place: at.into(),
        })
    }

    fn recogniser(&mut self, kind: &Text) -> Option<Recogniser> {
        let known = Recogniser::ALL.map(|recogniser| (recogniser.name(), recogniser));
        self.one_of(kind, "pattern", &known)
    }

    fn literals(&mut self, reference: &Text) -> Option<Vec<String>> {
        let bytes = self.found(reference.at, self.lookup.bytes(&reference.value))?;
        let Ok(text) = String::from_utf8(bytes) else {
            return self.refuse(reference.at, "the literals are not UTF-8");
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let literals: Vec<String> = lines.map(str::to_owned).collect();
        if literals.is_empty() {
            return self.refuse(reference.at, "there are no literals in it");
        }
        Some(literals)
    }

    fn replacement(&mut self, text: &At<String>) -> Option<Replace> {
        match text.value.as_str() {
            "pseudonym" => Some(Replace::Pseudonym),
            "keep_last_4" => Some(Replace::KeepLast4),
            other if other.replace("{kind}", "").contains(['{', '}']) => {
                self.refuse(text.at, "the only placeholder is `{kind}`")
            }
            other => Some(Replace::Text(other.to_owned())),
        }
    }
}
