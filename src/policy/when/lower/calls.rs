//! Operators and functions.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

use super::super::WhenError;
use super::super::code::{Arithmetic, Constant, Node, Op, Order, TextTest};
use super::super::types::Kinds;
use super::{Lowered, Lowering};

/// What an operation of two operands is.
enum Binary {
    And,
    Or,
    Equal(bool),
    Order(Order),
    Arithmetic(Arithmetic),
    In,
    Index,
}

fn binary(name: &str) -> Option<(Binary, &'static str)> {
    Some(match name {
        operators::LOGICAL_AND => (Binary::And, "&&"),
        operators::LOGICAL_OR => (Binary::Or, "||"),
        operators::EQUALS => (Binary::Equal(true), "=="),
        operators::NOT_EQUALS => (Binary::Equal(false), "!="),
        operators::LESS => (Binary::Order(Order::Less), "<"),
        operators::LESS_EQUALS => (Binary::Order(Order::LessOrEqual), "<="),
        operators::GREATER => (Binary::Order(Order::Greater), ">"),
        operators::GREATER_EQUALS => (Binary::Order(Order::GreaterOrEqual), ">="),
        operators::ADD => (Binary::Arithmetic(Arithmetic::Add), "+"),
        operators::SUBSTRACT => (Binary::Arithmetic(Arithmetic::Subtract), "-"),
        operators::MULTIPLY => (Binary::Arithmetic(Arithmetic::Multiply), "*"),
        operators::DIVIDE => (Binary::Arithmetic(Arithmetic::Divide), "/"),
        operators::MODULO => (Binary::Arithmetic(Arithmetic::Remainder), "%"),
        operators::IN => (Binary::In, "in"),
        operators::INDEX => (Binary::Index, "[]"),
        _ => return None,
    })
}

impl Lowering {
    pub(super) fn call(&mut self, expression: &IdedExpr, call: &CallExpr) -> Lowered {
        match (&call.target, &call.args[..]) {
            (None, [a, b]) => match binary(&call.func_name) {
                Some((operation, sign)) => self.binary(expression, operation, sign, [a, b]),
                None => self.no_function(expression, &call.func_name),
            },
            (None, [condition, then, otherwise]) if call.func_name == operators::CONDITIONAL => {
                let condition = self.truth(condition, "?:")?;
                let (then, a) = self.lower(then)?;
                let (otherwise, b) = self.lower(otherwise)?;
                let parts = Box::new([condition, then, otherwise]);
                Ok((self.node(expression, Op::If(parts)), a.or(b)))
            }
            (None, [inner]) => match call.func_name.as_str() {
                operators::LOGICAL_NOT => {
                    let inner = Box::new(self.truth(inner, "!")?);
                    Ok((self.node(expression, Op::Not(inner)), Kinds::BOOL))
                }
                operators::NEGATE => self.negated(expression, inner),
                "size" => self.size(expression, inner),
                name => self.no_function(expression, name),
            },
            (Some(target), []) if call.func_name == "size" => self.size(expression, target),
            (Some(target), [part]) => {
                let test = match call.func_name.as_str() {
                    "startsWith" => TextTest::StartsWith,
                    "endsWith" => TextTest::EndsWith,
                    "contains" => TextTest::Contains,
                    name => return self.no_function(expression, name),
                };
                let text = self.text(target, &call.func_name)?;
                let part = self.text(part, &call.func_name)?;
                let op = Op::Text(test, Box::new([text, part]));
                Ok((self.node(expression, op), Kinds::BOOL))
            }
            _ => self.no_function(expression, &call.func_name),
        }
    }

    fn no_function<T>(&self, at: &IdedExpr, name: &str) -> Result<T, WhenError> {
        let why = format!(
            "there is no function `{name}` of that form: there are has, size, startsWith, endsWith and contains"
        );
        self.refuse(at, why)
    }

    fn truth(&mut self, expression: &IdedExpr, sign: &str) -> Result<Node, WhenError> {
        let (node, kinds) = self.lower(expression)?;
        match kinds.and(Kinds::BOOL).is_none() {
            true => self.refuse(
                expression,
                format!("`{sign}` asks for true or false, and this is {kinds}"),
            ),
            false => Ok(node),
        }
    }

    fn text(&mut self, expression: &IdedExpr, function: &str) -> Result<Node, WhenError> {
        let (node, kinds) = self.lower(expression)?;
        match kinds.and(Kinds::TEXT).is_none() {
            true => self.refuse(
                expression,
                format!("`{function}` is about texts, and this is {kinds}"),
            ),
            false => Ok(node),
        }
    }

    fn negated(&mut self, expression: &IdedExpr, inner: &IdedExpr) -> Lowered {
        let (node, kinds) = self.lower(inner)?;
        let kinds = kinds.and(Kinds::NUMBER);
        let constant = match node.op {
            Op::Constant(Constant::Int(value)) => value.checked_neg().map(Constant::Int),
            Op::Constant(Constant::Double(value)) => Some(Constant::Double(-value)),
            _ if !kinds.is_none() => {
                return Ok((self.node(expression, Op::Negate(Box::new(node))), kinds));
            }
            _ => None,
        };
        match constant {
            Some(constant) => Ok((self.node(expression, Op::Constant(constant)), kinds)),
            None => self.refuse(expression, "only numbers of 64 bits have a sign"),
        }
    }

    fn size(&mut self, expression: &IdedExpr, inner: &IdedExpr) -> Lowered {
        let (node, kinds) = self.lower(inner)?;
        let sized = Kinds::TEXT.or(Kinds::LIST).or(Kinds::MAP);
        if kinds.and(sized).is_none() {
            return self.refuse(inner, format!("{kinds} has no size"));
        }
        Ok((self.node(expression, Op::Size(Box::new(node))), Kinds::INT))
    }

    fn binary(
        &mut self,
        expression: &IdedExpr,
        operation: Binary,
        sign: &str,
        [a, b]: [&IdedExpr; 2],
    ) -> Lowered {
        let (op, kinds) = match operation {
            Binary::And | Binary::Or => {
                let both = Box::new([self.truth(a, sign)?, self.truth(b, sign)?]);
                let op = match operation {
                    Binary::And => Op::And(both),
                    _ => Op::Or(both),
                };
                (op, Kinds::BOOL)
            }
            Binary::Index => return self.index(expression, a, b),
            Binary::In => return self.within(expression, a, b),
            Binary::Arithmetic(arithmetic) => {
                return self.arithmetic(expression, arithmetic, sign, [a, b]);
            }
            Binary::Equal(is_equal) => {
                let ((left, x), (right, y)) = (self.lower(a)?, self.lower(b)?);
                if !x.can_equal(y) {
                    let why = format!("`{sign}` compares {x} with {y}, which are never equal");
                    return self.refuse(expression, why);
                }
                (Op::Equal(is_equal, Box::new([left, right])), Kinds::BOOL)
            }
            Binary::Order(order) => {
                let ((left, x), (right, y)) = (self.lower(a)?, self.lower(b)?);
                if !x.can_order(y) {
                    let why = format!(
                        "`{sign}` compares numbers with numbers and texts with texts, not {x} with {y}"
                    );
                    return self.refuse(expression, why);
                }
                (Op::Order(order, Box::new([left, right])), Kinds::BOOL)
            }
        };
        Ok((self.node(expression, op), kinds))
    }

    fn arithmetic(
        &mut self,
        expression: &IdedExpr,
        arithmetic: Arithmetic,
        sign: &str,
        [a, b]: [&IdedExpr; 2],
    ) -> Lowered {
        let ((left, x), (right, y)) = (self.lower(a)?, self.lower(b)?);
        let able = match arithmetic {
            Arithmetic::Remainder => Kinds::INT,
            _ => Kinds::NUMBER,
        };
        let kinds = x.and(y).and(able);
        if kinds.is_none() {
            let why = format!(
                "`{sign}` is about two whole numbers, or two fractions such as 1.0, not {x} and {y}"
            );
            return self.refuse(expression, why);
        }
        let constant = match (&left.op, &right.op) {
            (Op::Constant(Constant::Int(a)), Op::Constant(Constant::Int(b))) => {
                match arithmetic.of_ints(*a, *b) {
                    Some(result) => Constant::Int(result),
                    None => return self.refuse(expression, "the result is no number of 64 bits"),
                }
            }
            _ => {
                let op = Op::Arithmetic(arithmetic, Box::new([left, right]));
                return Ok((self.node(expression, op), kinds));
            }
        };
        Ok((self.node(expression, Op::Constant(constant)), kinds))
    }

    /// `a[b]`; with a name that is written out, a member of a namespace.
    fn index(&mut self, expression: &IdedExpr, of: &IdedExpr, index: &IdedExpr) -> Lowered {
        if let Some(space) = self.space(of) {
            let Some(name) = written(index) else {
                let why = format!(
                    "`{}` is asked by a name that is written out",
                    space.as_str()
                );
                return self.refuse(index, why);
            };
            let variable = self.variable(expression, space, name)?;
            return Ok(self.read(expression, variable));
        }
        let ((node, x), (place, y)) = (self.lower(of)?, self.lower(index)?);
        let fits = (
            x.and(Kinds::LIST),
            y.and(Kinds::NUMBER),
            x.and(Kinds::MAP),
            y.and(Kinds::TEXT),
        );
        let (list, number, map, name) = fits;
        if (list.is_none() || number.is_none()) && (map.is_none() || name.is_none()) {
            let why = format!("{x} has nothing to find by {y}");
            return self.refuse(expression, why);
        }
        let op = Op::Index(Box::new([node, place]));
        Ok((self.node(expression, op), Kinds::ANY))
    }

    /// `a in b`
    fn within(&mut self, expression: &IdedExpr, a: &IdedExpr, b: &IdedExpr) -> Lowered {
        if let (Some(space), Some(name)) = (self.space(b), written(a)) {
            let variable = self.variable(expression, space, name)?;
            return Ok((self.node(expression, Op::Has(variable)), Kinds::BOOL));
        }
        let ((needle, x), (container, y)) = (self.lower(a)?, self.lower(b)?);
        let is_possible = match &container.op {
            Op::Constant(Constant::List(items)) => {
                items.is_empty() || items.iter().any(|item| Kinds::of(item).can_equal(x))
            }
            _ => !y.and(Kinds::LIST.or(Kinds::MAP)).is_none(),
        };
        if !is_possible {
            let why = match y.and(Kinds::LIST).is_none() {
                true => format!("`in` looks into lists and maps, not into {y}"),
                false => format!("this list can never hold {x}"),
            };
            return self.refuse(expression, why);
        }
        let op = Op::In(Box::new([needle, container]));
        Ok((self.node(expression, op), Kinds::BOOL))
    }
}

/// A text that is written out.
fn written(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}
