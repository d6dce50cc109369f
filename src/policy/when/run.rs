//! Running a condition: three-valued, bounded, and without memory of its own.

use super::code::{Node, Op};
use super::look::Scene;
use super::value::{Fuel, Val};
use super::{Fault, Trouble, Truth};
use crate::base::limits::WHEN_COST;
use crate::policy::facts::Subject;
use crate::policy::judge::Question;

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It depends on what is not known.
    Unknown,
    /// It is an error, whatever is not known.
    Wrong(Trouble),
}

/// What the condition says of a call.
pub(super) fn holds(root: &Node, question: &Question<'_>, subject: &Subject<'_>) -> Truth {
    let mut run = Run {
        scene: Scene { question, subject },
        fuel: Fuel(WHEN_COST),
    };
    match run.truth(root) {
        Ok(true) => Truth::Yes,
        Ok(false) => Truth::No,
        Err(Stop::Unknown) => Truth::Unknown,
        Err(Stop::Wrong(trouble)) => Truth::Wrong(trouble),
    }
}

struct Run<'v> {
    scene: Scene<'v>,
    fuel: Fuel,
}

impl Node {
    fn wrong(&self, fault: Fault) -> Stop {
        Stop::Wrong(Trouble { fault, at: self.at })
    }
}

impl<'v> Run<'v> {
    fn truth(&mut self, node: &'v Node) -> Result<bool, Stop> {
        match self.value(node)? {
            Val::Bool(value) => Ok(value),
            _ => Err(node.wrong(Fault::Kind)),
        }
    }

    /// Recursion is as deep as the tree, which is bounded when it is made.
    fn value(&mut self, node: &'v Node) -> Result<Val<'v>, Stop> {
        self.fuel.burn(1).map_err(|fault| node.wrong(fault))?;
        Ok(match &node.op {
            Op::Constant(constant) => Val::constant(constant),
            Op::Read(variable) => {
                let found = self.scene.read(variable, &mut self.fuel);
                let found = found.map_err(|none| none.at(node))?;
                found.ok_or_else(|| node.wrong(Fault::Missing))?
            }
            Op::Has(variable) => {
                let found = self.scene.read(variable, &mut self.fuel);
                Val::Bool(found.map_err(|none| none.at(node))?.is_some())
            }
            Op::Member(of, name) => {
                let found = self.member(of, name, node)?;
                found.ok_or_else(|| node.wrong(Fault::Missing))?
            }
            Op::HasMember(of, name) => Val::Bool(self.member(of, name, node)?.is_some()),
            Op::Not(inner) => Val::Bool(!self.truth(inner)?),
            Op::And(both) => Val::Bool(self.connected(both, false)?),
            Op::Or(both) => Val::Bool(self.connected(both, true)?),
            Op::If(parts) => {
                let [condition, then, otherwise] = &**parts;
                let chosen = if self.truth(condition)? {
                    then
                } else {
                    otherwise
                };
                self.value(chosen)?
            }
            Op::Negate(inner) => match self.value(inner)? {
                Val::Int(value) => {
                    let negated = value.checked_neg();
                    Val::Int(negated.ok_or_else(|| node.wrong(Fault::Overflow))?)
                }
                Val::Double(value) => Val::Double(-value),
                _ => return Err(node.wrong(Fault::Kind)),
            },
            Op::Size(inner) => {
                let size = self.value(inner)?.size(&mut self.fuel);
                Val::Int(size.map_err(|fault| node.wrong(fault))?)
            }
            _ => return self.of_two(node),
        })
    }

    /// The operations that need both of their operands.
    fn of_two(&mut self, node: &'v Node) -> Result<Val<'v>, Stop> {
        let (Op::Index(both)
        | Op::Arithmetic(_, both)
        | Op::Order(_, both)
        | Op::Equal(_, both)
        | Op::In(both)
        | Op::Text(_, both)) = &node.op
        else {
            return Err(node.wrong(Fault::Kind));
        };
        let (a, b) = self.both(both)?;
        let fuel = &mut self.fuel;
        let value = match &node.op {
            Op::Index(_) => a.index(&b, fuel),
            Op::Arithmetic(operation, _) => match (a, b) {
                (Val::Int(a), Val::Int(b)) => {
                    let result = operation.of_ints(a, b).map(Val::Int);
                    result.ok_or(Fault::Overflow)
                }
                (Val::Double(a), Val::Double(b)) => {
                    let result = operation.of_doubles(a, b).map(Val::Double);
                    result.ok_or(Fault::Kind)
                }
                _ => Err(Fault::Kind),
            },
            Op::Order(order, _) => a.order(&b, fuel).map(|found| Val::Bool(order.holds(found))),
            Op::Equal(is_equal, _) => a
                .equals(&b, fuel)
                .map(|equal| Val::Bool(equal == *is_equal)),
            Op::In(_) => b.contains(&a, fuel).map(Val::Bool),
            Op::Text(test, _) => match (&a, &b) {
                (Val::Text(text), Val::Text(part)) => {
                    fuel.read(text).map(|()| Val::Bool(test.holds(text, part)))
                }
                _ => Err(Fault::Kind),
            },
            _ => Err(Fault::Kind),
        };
        value.map_err(|fault| node.wrong(fault))
    }

    /// Both operands. An error is certain when either fails, also where the other is not known.
    fn both(&mut self, nodes: &'v [Node; 2]) -> Result<(Val<'v>, Val<'v>), Stop> {
        let [a, b] = nodes;
        match (self.value(a), self.value(b)) {
            (Ok(a), Ok(b)) => Ok((a, b)),
            (Err(Stop::Wrong(trouble)), _) | (_, Err(Stop::Wrong(trouble))) => {
                Err(Stop::Wrong(trouble))
            }
            (Err(Stop::Unknown), _) | (_, Err(Stop::Unknown)) => Err(Stop::Unknown),
        }
    }

    /// `&&`, which one `false` decides, or `||`, which one `true` does: also where the other side is
    /// an error or not known.
    fn connected(&mut self, nodes: &'v [Node; 2], decisive: bool) -> Result<bool, Stop> {
        let [a, b] = nodes;
        let first = self.truth(a);
        if first == Ok(decisive) {
            return Ok(decisive);
        }
        match (first, self.truth(b)) {
            (_, Ok(second)) if second == decisive => Ok(decisive),
            (Ok(_), Ok(_)) => Ok(!decisive),
            (Err(Stop::Unknown), _) | (_, Err(Stop::Unknown)) => Err(Stop::Unknown),
            (Err(wrong), _) | (_, Err(wrong)) => Err(wrong),
        }
    }

    fn member(&mut self, of: &'v Node, name: &str, node: &Node) -> Result<Option<Val<'v>>, Stop> {
        let value = self.value(of)?;
        let found = value.member(name, &mut self.fuel);
        found.map_err(|fault| node.wrong(fault))
    }
}
