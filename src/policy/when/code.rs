//! What a condition is compiled to: a tree whose leaves are constants and variables.

use std::cmp::Ordering;

/// One operation, and where it stands in the text.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub op: Op,
    /// In characters from 0.
    pub at: u32,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Constant(Constant),
    Read(Variable),
    /// `has(claims.client)`: whether the call has such a variable.
    Has(Variable),
    Member(Box<Node>, Box<str>),
    /// `has(arguments.count)`
    HasMember(Box<Node>, Box<str>),
    Index(Box<[Node; 2]>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
    If(Box<[Node; 3]>),
    Arithmetic(Arithmetic, Box<[Node; 2]>),
    Order(Order, Box<[Node; 2]>),
    /// `==`, or with `false` `!=`.
    Equal(bool, Box<[Node; 2]>),
    In(Box<[Node; 2]>),
    Text(TextTest, Box<[Node; 2]>),
    Size(Box<Node>),
}

/// What a literal stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Box<str>),
    List(Box<[Constant]>),
}

/// What can be known of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    Arguments,
    Annotations,
    Method,
    Name,
    Path,
    Body,
    Query(Box<str>),
    Header(Box<str>),
    Claim(Claim),
    Now(Now),
    SourceIp,
    SourceSpiffe,
    SourceCertificate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    Roles,
    Groups,
    Scopes,
    Client,
    Tenant,
    Object,
    Issuer,
    Kind,
    Agent,
    Blueprint,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Now {
    Hour,
    Minute,
    Weekday,
    Unix,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Arithmetic {
    /// On whole numbers; none where the result is no number of 64 bits.
    pub(super) fn of_ints(self, a: i64, b: i64) -> Option<i64> {
        match self {
            Arithmetic::Add => a.checked_add(b),
            Arithmetic::Subtract => a.checked_sub(b),
            Arithmetic::Multiply => a.checked_mul(b),
            Arithmetic::Divide => a.checked_div(b),
            Arithmetic::Remainder => a.checked_rem(b),
        }
    }

    /// On fractions, as IEEE 754 has it; there is no remainder.
    pub(super) fn of_doubles(self, a: f64, b: f64) -> Option<f64> {
        match self {
            Arithmetic::Add => Some(a + b),
            Arithmetic::Subtract => Some(a - b),
            Arithmetic::Multiply => Some(a * b),
            Arithmetic::Divide => Some(a / b),
            Arithmetic::Remainder => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Order::Less => ordering.is_lt(),
            Order::LessOrEqual => ordering.is_le(),
            Order::Greater => ordering.is_gt(),
            Order::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextTest {
    StartsWith,
    EndsWith,
    Contains,
}

impl TextTest {
    pub(super) fn holds(self, text: &str, part: &str) -> bool {
        match self {
            TextTest::StartsWith => text.starts_with(part),
            TextTest::EndsWith => text.ends_with(part),
            TextTest::Contains => text.contains(part),
        }
    }
}
