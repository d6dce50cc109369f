//! From what the parser gives to code: names resolved, kinds checked, and everything refused that
//! the language does not have.

mod calls;

use cel::common::ast::{Expr, IdedExpr, LiteralValue, SelectExpr, SourceInfo, operators};
use cel::parser::Parser;

use super::WhenError;
use super::code::{Claim, Constant, Node, Op, Variable};
use super::names::{self, Front, Space};
use super::types::Kinds;
use crate::base::limits::{WHEN_BYTES, WHEN_DEPTH, WHEN_NODES};
use crate::policy::compile::Protocol;

/// What of a call is not there from the start, and a condition reads.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(super) struct Reads {
    pub body: bool,
    pub groups: bool,
}

impl Reads {
    fn note(&mut self, variable: &Variable) {
        self.body |= *variable == Variable::Body;
        self.groups |= *variable == Variable::Claim(Claim::Groups);
    }
}

/// Compiles a condition; also answers what it reads.
pub(super) fn lower(text: &str, protocol: Protocol) -> Result<(Node, Reads), WhenError> {
    let refuse = |why: String| Err(WhenError { why, at: 0 });
    if text.trim().is_empty() {
        return refuse("a condition cannot be empty".into());
    }
    if text.len() > WHEN_BYTES {
        return refuse(format!("a condition has at most {WHEN_BYTES} bytes"));
    }
    let parser = Parser::new().max_recursion_depth(WHEN_DEPTH as u16);
    let (expression, source) = parser
        .parse_with_source_info(text)
        .map_err(|errors| unparsed(text, &errors))?;
    let mut lowering = Lowering {
        source,
        protocol,
        nodes: 0,
        depth: 0,
        reads: Reads::default(),
    };
    let (root, kinds) = lowering.lower(&expression)?;
    if kinds.and(Kinds::BOOL).is_none() {
        let why = format!("a condition is true or false, and this is {kinds}");
        return lowering.refuse(&expression, why);
    }
    Ok((root, lowering.reads))
}

/// The first objection, which is on the line and column that it gives. Some are about the parser's
/// own inside, which says nothing to who wrote the text.
fn unparsed(text: &str, errors: &cel::ParseErrors) -> WhenError {
    let Some(first) = errors.errors.first() else {
        return WhenError {
            why: "it cannot be read".into(),
            at: 0,
        };
    };
    let (line, column) = (
        usize::try_from(first.pos.0).unwrap_or(0),
        usize::try_from(first.pos.1).unwrap_or(0),
    );
    let before = text.split_inclusive('\n').take(line.saturating_sub(1));
    let told = first.msg.trim();
    let told = told.strip_prefix("Syntax error: ").unwrap_or(told);
    let why = match told {
        told if told.contains("Recursion limit") => "the condition is nested too deep".to_owned(),
        told if told.contains("Context") => "it cannot be read".to_owned(),
        told => format!("it cannot be read: {told}"),
    };
    WhenError {
        why,
        at: before.map(|line| line.chars().count()).sum::<usize>() + column.saturating_sub(1),
    }
}

struct Lowering {
    source: SourceInfo,
    protocol: Protocol,
    nodes: usize,
    depth: usize,
    reads: Reads,
}

type Lowered = Result<(Node, Kinds), WhenError>;

impl Lowering {
    fn at(&self, expression: &IdedExpr) -> u32 {
        let place = self.source.offset_for(expression.id);
        place.map_or(0, |(start, _)| start)
    }

    fn refuse<T>(&self, expression: &IdedExpr, why: impl Into<String>) -> Result<T, WhenError> {
        Err(WhenError {
            why: why.into(),
            at: self.at(expression) as usize,
        })
    }

    fn lower(&mut self, expression: &IdedExpr) -> Lowered {
        self.nodes += 1;
        self.depth += 1;
        if self.nodes > WHEN_NODES || self.depth > WHEN_DEPTH {
            return self.refuse(expression, "the condition is too large");
        }
        let lowered = match &expression.expr {
            Expr::Literal(_) | Expr::List(_) => {
                let constant = self.constant(expression)?;
                let kinds = Kinds::of(&constant);
                Ok((self.node(expression, Op::Constant(constant)), kinds))
            }
            Expr::Ident(name) => match names::front(name, self.protocol) {
                Ok(Front::Variable(variable)) => Ok(self.read(expression, variable)),
                Ok(Front::Space(space)) => {
                    let name = space.as_str();
                    self.refuse(expression, format!("`{name}` is no value: only its members are"))
                }
                Err(why) => self.refuse(expression, why),
            },
            Expr::Select(select) => self.select(expression, select),
            Expr::Call(call) => self.call(expression, call),
            Expr::Comprehension(_) => self.refuse(
                expression,
                "there are no loops here: `all`, `exists`, `map` and `filter` are not in the language",
            ),
            Expr::Map(_) | Expr::Struct(_) => {
                self.refuse(expression, "maps and messages cannot be written here")
            }
            Expr::Unspecified => self.refuse(expression, "it cannot be read"),
        };
        self.depth -= 1;
        lowered
    }

    fn node(&self, expression: &IdedExpr, op: Op) -> Node {
        Node {
            op,
            at: self.at(expression),
        }
    }

    fn read(&mut self, expression: &IdedExpr, variable: Variable) -> (Node, Kinds) {
        self.reads.note(&variable);
        let kinds = variable.kinds();
        (self.node(expression, Op::Read(variable)), kinds)
    }

    fn constant(&mut self, expression: &IdedExpr) -> Result<Constant, WhenError> {
        Ok(match &expression.expr {
            Expr::Literal(LiteralValue::Null) => Constant::Null,
            Expr::Literal(LiteralValue::Boolean(value)) => Constant::Bool(*value.inner()),
            Expr::Literal(LiteralValue::Int(value)) => Constant::Int(*value.inner()),
            Expr::Literal(LiteralValue::Double(value)) => Constant::Double(*value.inner()),
            Expr::Literal(LiteralValue::String(text)) => Constant::Text(text.inner().into()),
            Expr::Literal(LiteralValue::UInt(_)) => {
                return self.refuse(expression, "write whole numbers without `u`");
            }
            Expr::Literal(LiteralValue::Bytes(_)) => {
                return self.refuse(expression, "there are no bytes here, only texts");
            }
            Expr::List(list) => {
                self.nodes += list.elements.len();
                self.depth += 1;
                if self.nodes > WHEN_NODES || self.depth > WHEN_DEPTH {
                    return self.refuse(expression, "the condition is too large");
                }
                let items = list.elements.iter().map(|one| self.constant(one));
                let items = items.collect::<Result<_, _>>()?;
                self.depth -= 1;
                Constant::List(items)
            }
            Expr::Call(call) if call.func_name == operators::NEGATE && call.args.len() == 1 => {
                match self.constant(&call.args[0])? {
                    Constant::Double(value) => Constant::Double(-value),
                    Constant::Int(value) if value != i64::MIN => Constant::Int(-value),
                    _ => return self.refuse(expression, "only numbers have a sign"),
                }
            }
            _ => {
                return self.refuse(
                    expression,
                    "a list that is written here holds constants only",
                );
            }
        })
    }

    /// The namespace that an expression names.
    fn space(&self, expression: &IdedExpr) -> Option<Space> {
        match &expression.expr {
            Expr::Ident(name) => match names::front(name, self.protocol) {
                Ok(Front::Space(space)) => Some(space),
                _ => None,
            },
            _ => None,
        }
    }

    fn variable(&self, at: &IdedExpr, space: Space, name: &str) -> Result<Variable, WhenError> {
        let variable = space.member(name, self.protocol);
        variable.or_else(|why| self.refuse(at, why))
    }

    /// `a.b` and `has(a.b)`.
    fn select(&mut self, expression: &IdedExpr, select: &SelectExpr) -> Lowered {
        if let Some(space) = self.space(&select.operand) {
            let variable = self.variable(expression, space, &select.field)?;
            return Ok(match select.test {
                true => {
                    self.reads.note(&variable);
                    (self.node(expression, Op::Has(variable)), Kinds::BOOL)
                }
                false => self.read(expression, variable),
            });
        }
        let (of, kinds) = self.lower(&select.operand)?;
        if kinds.and(Kinds::MAP).is_none() {
            let why = format!("{kinds} has no member `{}`", select.field);
            return self.refuse(expression, why);
        }
        let name = select.field.as_str().into();
        Ok(match select.test {
            true => (
                self.node(expression, Op::HasMember(Box::new(of), name)),
                Kinds::BOOL,
            ),
            false => (
                self.node(expression, Op::Member(Box::new(of), name)),
                Kinds::ANY,
            ),
        })
    }
}
