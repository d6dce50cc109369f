//! Values while a condition runs: borrowed from the call, the rule and the caller.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::Fault;
use super::code::Constant;
use crate::json::{self, Kind};

/// A value.
#[derive(Clone)]
pub(super) enum Val<'v> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    /// Owned only where it had to be decoded.
    Text(Cow<'v, str>),
    /// A list that is written in the condition.
    List(&'v [Constant]),
    /// A list of names.
    Names(&'v [Box<str>]),
    /// A list or map within the call.
    Json(json::Value<'v>),
    /// A map with nothing in it.
    Empty,
}

/// How much work may still be done: one for each operation, member and item, and for each
/// [`TEXT_UNIT`] bytes of text.
pub(super) struct Fuel(pub u32);

/// Bytes of text that are read for one unit of work.
const TEXT_UNIT: usize = 256;

impl Fuel {
    pub(super) fn burn(&mut self, units: usize) -> Result<(), Fault> {
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        self.0 = self.0.checked_sub(units).ok_or(Fault::Costly)?;
        Ok(())
    }

    pub(super) fn read(&mut self, text: &str) -> Result<(), Fault> {
        self.burn(text.len() / TEXT_UNIT)
    }
}

impl<'v> Val<'v> {
    pub(super) fn text(text: &'v str) -> Val<'v> {
        Val::Text(Cow::Borrowed(text))
    }

    pub(super) fn constant(constant: &'v Constant) -> Val<'v> {
        match constant {
            Constant::Null => Val::Null,
            Constant::Bool(value) => Val::Bool(*value),
            Constant::Int(value) => Val::Int(*value),
            Constant::Double(value) => Val::Double(*value),
            Constant::Text(text) => Val::text(text),
            Constant::List(items) => Val::List(items),
        }
    }

    pub(super) fn json(value: json::Value<'v>) -> Result<Val<'v>, Fault> {
        Ok(match value.kind() {
            Kind::Null => Val::Null,
            Kind::Bool => Val::Bool(value.as_bool().unwrap_or_default()),
            Kind::Number => number(value.number().unwrap_or_default())?,
            Kind::String => Val::text(value.as_str().unwrap_or_default()),
            Kind::Array | Kind::Object => Val::Json(value),
        })
    }

    /// The items, when it is a list.
    pub(super) fn items(&self) -> Option<impl Iterator<Item = Result<Val<'v>, Fault>> + use<'v>> {
        let (constants, names, json) = match self {
            Val::List(items) => (*items, &[][..], None),
            Val::Names(names) => (&[][..], *names, None),
            Val::Json(value) if value.kind() == Kind::Array => (&[][..], &[][..], Some(*value)),
            _ => return None,
        };
        let constants = constants.iter().map(|one| Ok(Val::constant(one)));
        let names = names.iter().map(|name| Ok(Val::text(name)));
        let json = json.into_iter().flat_map(json::Value::items);
        Some(constants.chain(names).chain(json.map(Val::json)))
    }

    /// The members, when it is a map.
    fn members(&self) -> Option<impl Iterator<Item = (&'v str, json::Value<'v>)> + use<'v>> {
        let json = match self {
            Val::Empty => None,
            Val::Json(value) if value.kind() == Kind::Object => Some(*value),
            _ => return None,
        };
        Some(json.into_iter().flat_map(json::Value::members))
    }

    /// The member of a map; none where it is missing.
    pub(super) fn member(&self, name: &str, fuel: &mut Fuel) -> Result<Option<Val<'v>>, Fault> {
        let mut has_variant = false;
        for (key, value) in self.members().ok_or(Fault::Kind)? {
            fuel.burn(1)?;
            if key == name {
                return Val::json(value).map(Some);
            }
            has_variant |= same_but_for_case(key, name);
        }
        match has_variant {
            true => Err(Fault::CaseVariant),
            false => Ok(None),
        }
    }

    /// `self[index]`
    pub(super) fn index(&self, index: &Val<'_>, fuel: &mut Fuel) -> Result<Val<'v>, Fault> {
        if let Some(mut items) = self.items() {
            let place = usize::try_from(index.whole().ok_or(Fault::Kind)?);
            let place = place.map_err(|_| Fault::Index)?;
            fuel.burn(place)?;
            return items.nth(place).ok_or(Fault::Index)?;
        }
        match index {
            Val::Text(name) => self.member(name, fuel)?.ok_or(Fault::Missing),
            // Members have texts for names.
            Val::Bool(_) | Val::Int(_) | Val::Double(_) if self.is_map() => Err(Fault::Missing),
            _ => Err(Fault::Kind),
        }
    }

    /// `needle in self`
    pub(super) fn contains(&self, needle: &Val<'v>, fuel: &mut Fuel) -> Result<bool, Fault> {
        if let Some(items) = self.items() {
            for item in items {
                if item?.equals(needle, fuel)? {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        match needle {
            Val::Text(name) => Ok(self.member(name, fuel)?.is_some()),
            Val::Bool(_) | Val::Int(_) | Val::Double(_) if self.is_map() => Ok(false),
            _ => Err(Fault::Kind),
        }
    }

    /// Characters of a text, items of a list, members of a map.
    pub(super) fn size(&self, fuel: &mut Fuel) -> Result<i64, Fault> {
        let counted = if let Val::Text(text) = self {
            fuel.read(text)?;
            text.chars().count()
        } else if let Some(items) = self.items() {
            items.count()
        } else {
            self.members().ok_or(Fault::Kind)?.count()
        };
        if !matches!(self, Val::Text(_)) {
            fuel.burn(counted)?;
        }
        i64::try_from(counted).map_err(|_| Fault::Overflow)
    }

    /// `self == other`: values of different kinds are not equal, but for numbers.
    pub(super) fn equals(&self, other: &Val<'v>, fuel: &mut Fuel) -> Result<bool, Fault> {
        fuel.burn(1)?;
        match (self, other) {
            (Val::Null, Val::Null) => return Ok(true),
            (Val::Bool(a), Val::Bool(b)) => return Ok(a == b),
            (Val::Text(a), Val::Text(b)) => {
                fuel.read(if a.len() == b.len() { a } else { "" })?;
                return Ok(a == b);
            }
            (Val::Int(_) | Val::Double(_), Val::Int(_) | Val::Double(_)) => {
                return Ok(self.number_order(other) == Some(Ordering::Equal));
            }
            _ => {}
        }
        if let (Some(mut a), Some(mut b)) = (self.items(), other.items()) {
            loop {
                match (a.next(), b.next()) {
                    (Some(a), Some(b)) => {
                        if !a?.equals(&b?, fuel)? {
                            return Ok(false);
                        }
                    }
                    (None, None) => return Ok(true),
                    _ => return Ok(false),
                }
            }
        }
        match (self.members(), other.members()) {
            (Some(a), Some(_)) => {
                let mut members = 0;
                for (name, value) in a {
                    members += 1;
                    match other.exact_member(name, fuel)? {
                        Some(same) if Val::json(value)?.equals(&same, fuel)? => {}
                        _ => return Ok(false),
                    }
                }
                Ok(other.size(fuel)? == members)
            }
            _ => Ok(false),
        }
    }

    /// Which of two comes first; numbers with numbers, texts with texts by code point.
    pub(super) fn order(&self, other: &Val<'_>, fuel: &mut Fuel) -> Result<Ordering, Fault> {
        match (self, other) {
            (Val::Bool(a), Val::Bool(b)) => Ok(a.cmp(b)),
            (Val::Text(a), Val::Text(b)) => {
                fuel.read(if a.len() < b.len() { a } else { b })?;
                Ok(a.cmp(b))
            }
            _ => self.number_order(other).ok_or(Fault::Kind),
        }
    }

    fn number_order(&self, other: &Val<'_>) -> Option<Ordering> {
        match (self, other) {
            (Val::Int(a), Val::Int(b)) => Some(a.cmp(b)),
            (Val::Int(a), Val::Double(b)) => (*a as f64).partial_cmp(b),
            (Val::Double(a), Val::Int(b)) => a.partial_cmp(&(*b as f64)),
            (Val::Double(a), Val::Double(b)) => a.partial_cmp(b),
            _ => None,
        }
    }

    fn exact_member(&self, name: &str, fuel: &mut Fuel) -> Result<Option<Val<'v>>, Fault> {
        for (key, value) in self.members().into_iter().flatten() {
            fuel.burn(1)?;
            if key == name {
                return Val::json(value).map(Some);
            }
        }
        Ok(None)
    }

    fn is_map(&self) -> bool {
        self.members().is_some()
    }

    /// The whole number that it is.
    fn whole(&self) -> Option<i64> {
        match self {
            Val::Int(value) => Some(*value),
            Val::Double(value) => {
                let whole = *value as i64;
                // Beyond these, `as` saturates.
                let is_within = *value > i64::MIN as f64 && *value < i64::MAX as f64;
                (is_within && whole as f64 == *value).then_some(whole)
            }
            _ => None,
        }
    }
}

/// A JSON number: whole if it is written so.
fn number(text: &str) -> Result<Val<'static>, Fault> {
    if !text.contains(['.', 'e', 'E']) {
        return text.parse().map(Val::Int).map_err(|_| Fault::Number);
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Val::Double(value)),
        _ => Err(Fault::Number),
    }
}

/// Whether a parser that folds case takes two names for one, `ſ` for `s` included.
pub(super) fn same_but_for_case(a: &str, b: &str) -> bool {
    fn folded(text: &str) -> impl Iterator<Item = char> {
        text.chars()
            .flat_map(char::to_uppercase)
            .flat_map(char::to_lowercase)
    }
    if a.is_ascii() && b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    folded(a).eq(folded(b))
}
