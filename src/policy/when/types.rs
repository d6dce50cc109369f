//! What kinds of values an operation can give: enough to tell at load what can never hold.

use std::fmt;

use super::code::Constant;

/// A set of kinds of values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub(super) const NULL: Kinds = Kinds(1);
    pub(super) const BOOL: Kinds = Kinds(1 << 1);
    pub(super) const INT: Kinds = Kinds(1 << 2);
    pub(super) const DOUBLE: Kinds = Kinds(1 << 3);
    pub(super) const TEXT: Kinds = Kinds(1 << 4);
    pub(super) const LIST: Kinds = Kinds(1 << 5);
    pub(super) const MAP: Kinds = Kinds(1 << 6);
    pub(super) const NUMBER: Kinds = Kinds(Kinds::INT.0 | Kinds::DOUBLE.0);
    pub(super) const ANY: Kinds = Kinds((1 << 7) - 1);

    pub(super) const fn or(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    pub(super) const fn and(self, other: Kinds) -> Kinds {
        Kinds(self.0 & other.0)
    }

    pub(super) const fn is_none(self) -> bool {
        self.0 == 0
    }

    pub(super) fn of(constant: &Constant) -> Kinds {
        match constant {
            Constant::Null => Kinds::NULL,
            Constant::Bool(_) => Kinds::BOOL,
            Constant::Int(_) => Kinds::INT,
            Constant::Double(_) => Kinds::DOUBLE,
            Constant::Text(_) => Kinds::TEXT,
            Constant::List(_) => Kinds::LIST,
        }
    }

    /// Whether some value of these kinds can equal one of those: numbers are equal across their
    /// kinds, nothing else is.
    pub(super) fn can_equal(self, other: Kinds) -> bool {
        !self.widened().and(other.widened()).is_none()
    }

    /// Whether some value of these kinds can be ordered with one of those.
    pub(super) fn can_order(self, other: Kinds) -> bool {
        let ordered = Kinds::NUMBER.or(Kinds::TEXT).or(Kinds::BOOL);
        self.and(ordered).can_equal(other.and(ordered))
    }

    fn widened(self) -> Kinds {
        match self.and(Kinds::NUMBER).is_none() {
            true => self,
            false => self.or(Kinds::NUMBER),
        }
    }
}

/// For people: `a number`, `a text or null`.
impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [(Kinds, &str); 6] = [
            (Kinds::NUMBER, "a number"),
            (Kinds::TEXT, "a text"),
            (Kinds::BOOL, "true or false"),
            (Kinds::LIST, "a list"),
            (Kinds::MAP, "a map"),
            (Kinds::NULL, "null"),
        ];
        let mut held = NAMES
            .iter()
            .filter(|(kinds, _)| !self.and(*kinds).is_none());
        f.write_str(held.next().map_or("nothing", |(_, name)| name))?;
        held.try_for_each(|(_, name)| write!(f, " or {name}"))
    }
}
