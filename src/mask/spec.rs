//! A profile of masks: as configured, and compiled.

use std::collections::HashMap;

use ring::hmac;

use super::find::{Finder, Verdict};
use super::link::{ImpliedPort, implied_port};
use super::literals::Literals;
use super::names::{Member, Names};
use super::recognise::Recogniser;
use super::replace::{Disguise, Replace, Style};
use crate::base::limits::{MASK_LITERALS, MASK_NAME_BYTES};
use crate::base::secret::Secret;

/// What an operator asks to have masked.
#[derive(Clone, Default, Debug)]
pub struct MaskSpec {
    /// Member names whose values are masked whole, whatever they are (`null` stays: there is
    /// nothing to hide; an array becomes an array of the one placeholder, so that clients that
    /// expect a list get one). Compared decoded and, for ASCII, without case, because what must not be
    /// seen must not depend on spelling. `a.b` is a member `b` of a member `a`, arrays in between
    /// do not count.
    pub fields: Vec<String>,
    /// Kinds of values known by their form.
    pub recognise: Vec<Recogniser>,
    /// Texts that are masked wherever they stand.
    pub literals: Vec<String>,
    /// Literals match in any ASCII case.
    pub literals_ignore_case: bool,
    /// What stands in place of a masked value, unless `replace` says otherwise: a text in which
    /// `{kind}` is the field's name, the recogniser's, or `literal`. Empty: `[{kind}]`.
    pub default: String,
    /// By field name, recogniser name, or `literal`.
    pub replace: HashMap<String, Replace>,
    /// The key of pseudonyms. Without one, asking for pseudonyms is refused.
    pub pseudonym_key: Option<Secret>,
    /// Links that are rewritten so that paging does not walk around the gateway.
    pub links: Option<Links>,
}

/// Members whose values are links to the upstream.
#[derive(Clone, Debug)]
pub struct Links {
    /// Member names, for instance `@odata.nextLink`.
    pub members: Vec<String>,
    /// The upstream's origin and base path, for instance `https://graph.microsoft.com`.
    pub upstream: String,
}

/// Why a profile is refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MaskError {
    /// A field name that is empty, too long, or has an empty part.
    #[error("field name {0:?} is empty, has an empty part, or is too long")]
    Field(String),
    /// An empty literal would match everywhere.
    #[error("a literal is empty")]
    EmptyLiteral,
    /// More literals than the search is built for.
    #[error("more than {MASK_LITERALS} literals, or too long for one search")]
    Literals,
    /// A replacement that does not fit into a JSON string as it is.
    #[error("the replacement for {0:?} has a quote, a backslash or a control character")]
    Replacement(String),
    /// A replacement for something that is not masked: most likely a typing error.
    #[error("{0:?} has a replacement, but is not masked")]
    Unused(String),
    /// Pseudonyms without a key could be undone by trying all values.
    #[error("pseudonyms need a key")]
    NoKey,
    /// An upstream that is not an absolute URL without quotes.
    #[error("{0:?} is not a base for links")]
    Link(String),
}

/// A compiled profile, shared by all streams that use it.
pub struct Masks {
    pub(super) finder: Finder,
    pub(super) key: hmac::Key,
    rules: Vec<Rule>,
    pub(super) names: Names,
    pub(super) upstream: Vec<u8>,
    pub(super) port: Option<ImpliedPort>,
    /// Members are hidden by their names.
    pub(super) hides_fields: bool,
    /// Something could be found in a JSON number.
    pub(super) numbers: bool,
}

struct Rule {
    kind: Box<str>,
    style: Style,
    placeholder: Box<[u8]>,
}

impl Masks {
    /// Judges and compiles a profile.
    pub fn compile(spec: &MaskSpec) -> Result<Masks, MaskError> {
        let mut rules = Rules {
            spec,
            rules: Vec::new(),
        };
        let mut names = Names::default();
        for field in &spec.fields {
            let path = path_of(field).ok_or_else(|| MaskError::Field(field.clone()))?;
            names.add(&path, Member::Hide(rules.add(field)?));
        }
        let mut recognisers = Vec::new();
        for &recogniser in &spec.recognise {
            recognisers.push((recogniser, rules.add(recogniser.name())?));
        }
        if spec.literals.iter().any(String::is_empty) {
            return Err(MaskError::EmptyLiteral);
        }
        let (mut literals, mut literal_rule) = (None, 0);
        if !spec.literals.is_empty() {
            literal_rule = rules.add("literal")?;
            let few = spec.literals.len() <= MASK_LITERALS;
            let compiled =
                few.then(|| Literals::compile(&spec.literals, spec.literals_ignore_case));
            literals = Some(compiled.flatten().ok_or(MaskError::Literals)?);
        }
        rules.all_used()?;
        let (mut upstream, mut port) = (Vec::new(), None);
        if let Some(links) = &spec.links {
            upstream = link_base(&links.upstream)?;
            port = implied_port(&links.upstream);
            for member in &links.members {
                if member.is_empty() || member.len() > MASK_NAME_BYTES {
                    return Err(MaskError::Field(member.clone()));
                }
                names.add(&[member.as_str()], Member::Link);
            }
        }
        let finder = Finder::new(literals, literal_rule, recognisers);
        let secret = spec.pseudonym_key.as_ref().map(Secret::expose);
        Ok(Masks {
            hides_fields: !spec.fields.is_empty(),
            numbers: finder.in_numbers(),
            finder,
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.unwrap_or_default()),
            rules: rules.rules,
            names,
            upstream,
            port,
        })
    }

    /// The name of rule `rule`: a field's, a recogniser's, or `literal`.
    #[must_use]
    pub fn kind(&self, rule: u16) -> &str {
        self.rules
            .get(usize::from(rule))
            .map_or("", |rule| &rule.kind)
    }

    /// The names of members that are hidden by their names, those too that are only hidden within
    /// others.
    pub fn hidden_members(&self) -> impl Iterator<Item = &[u8]> {
        self.names.hidden()
    }

    pub(super) fn style(&self, rule: u16) -> Style {
        self.rules
            .get(usize::from(rule))
            .map_or(Style::Plain, |rule| rule.style)
    }

    pub(super) fn placeholder(&self, rule: u16) -> &[u8] {
        self.rules
            .get(usize::from(rule))
            .map_or(b"[masked]", |rule| &rule.placeholder)
    }

    /// Appends `value` masked by recognisers and literals, for what is not a body: header values,
    /// paths, queries. Answers how many things were masked.
    pub fn scrub(&self, value: &[u8], out: &mut Vec<u8>) -> usize {
        if value.len() < self.finder.shortest() {
            out.extend_from_slice(value);
            return 0;
        }
        let (mut hits, mut covered) = (0, 0);
        let mut hots = Vec::new();
        self.finder.scan(value, 0, &mut hots);
        let mut matches: Vec<_> = hots
            .into_iter()
            .filter_map(|hot| match self.finder.judge(value, hot, true) {
                (Verdict::Match(range), rule) => Some((range, rule)),
                _ => None,
            })
            .collect();
        matches.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        for (at, (range, rule)) in matches.iter().enumerate() {
            hits += 1;
            if range.start >= covered {
                out.extend_from_slice(&value[covered..range.start]);
                let overlapped = matches
                    .get(at + 1)
                    .is_some_and(|(next, other)| next.start < range.end && other != rule);
                let mut disguise = Disguise::new(self.style(*rule), &self.key);
                disguise.add(&value[range.clone()]);
                if (overlapped && disguise.shows()) || !disguise.write(self.kind(*rule), out) {
                    out.extend_from_slice(self.placeholder(*rule));
                }
            }
            covered = covered.max(range.end);
        }
        out.extend_from_slice(&value[covered..]);
        hits
    }
}

/// Rules as they are added, each with its replacement.
struct Rules<'s> {
    spec: &'s MaskSpec,
    rules: Vec<Rule>,
}

impl Rules<'_> {
    fn add(&mut self, kind: &str) -> Result<u16, MaskError> {
        let refused = || MaskError::Replacement(kind.to_owned());
        let index = u16::try_from(self.rules.len()).map_err(|_| refused())?;
        let template = match self.spec.default.as_str() {
            "" => "[{kind}]",
            template => template,
        };
        let (style, template) = match self.spec.replace.get(kind) {
            Some(Replace::Text(text)) => (Style::Plain, text.as_str()),
            Some(Replace::Pseudonym) if self.spec.pseudonym_key.is_none() => {
                return Err(MaskError::NoKey);
            }
            Some(Replace::Pseudonym) => (Style::Pseudonym, template),
            Some(Replace::KeepLast4) => (Style::KeepLast4, template),
            None => (Style::Plain, template),
        };
        let placeholder = template.replace("{kind}", kind);
        if !stands_as_it_is(&placeholder) || !stands_as_it_is(kind) {
            return Err(refused());
        }
        self.rules.push(Rule {
            kind: kind.into(),
            style,
            placeholder: placeholder.into_bytes().into(),
        });
        Ok(index)
    }

    fn all_used(&self) -> Result<(), MaskError> {
        let used = |kind: &str| self.rules.iter().any(|rule| &*rule.kind == kind);
        match self.spec.replace.keys().find(|kind| !used(kind)) {
            Some(kind) => Err(MaskError::Unused(kind.clone())),
            None => Ok(()),
        }
    }
}

/// True for what needs no escape in a JSON string, however deep it stands.
pub(super) fn stands_as_it_is(text: &str) -> bool {
    text.chars()
        .all(|c| c != '"' && c != '\\' && !c.is_control())
}

fn path_of(field: &str) -> Option<Vec<&str>> {
    // Annotations like `manager@odata.bind` have a dot of their own; they are one name.
    let parts: Vec<&str> = if field.contains('@') {
        vec![field]
    } else {
        field.split('.').collect()
    };
    let fits = |part: &&str| !part.is_empty() && part.len() <= MASK_NAME_BYTES;
    parts.iter().all(fits).then_some(parts)
}

fn link_base(upstream: &str) -> Result<Vec<u8>, MaskError> {
    let base = upstream.trim_end_matches('/');
    if base.contains("://") && stands_as_it_is(base) {
        Ok(base.as_bytes().to_vec())
    } else {
        Err(MaskError::Link(upstream.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::spec;
    use super::*;

    #[test]
    fn profiles_that_cannot_work_are_refused() {
        let refused = |change: fn(&mut MaskSpec)| {
            let mut spec = spec();
            change(&mut spec);
            Masks::compile(&spec).err()
        };
        assert_eq!(
            refused(|spec| spec.literals.push(String::new())),
            Some(MaskError::EmptyLiteral)
        );
        assert_eq!(
            refused(|spec| spec.pseudonym_key = None),
            Some(MaskError::NoKey)
        );
        assert_eq!(
            refused(|spec| spec.fields.push("a..b".into())),
            Some(MaskError::Field("a..b".into()))
        );
        assert_eq!(
            refused(|spec| spec.default = "\"".into()),
            Some(MaskError::Replacement("mail".into()))
        );
        let typo = |spec: &mut MaskSpec| {
            spec.replace.insert("mial".into(), Replace::Pseudonym);
        };
        assert_eq!(refused(typo), Some(MaskError::Unused("mial".into())));
    }
}
