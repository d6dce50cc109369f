//! What the variables of a condition stand for in a call.

use std::borrow::Cow;

use super::Fault;
use super::Trouble;
use super::code::{Claim, Node, Now, Variable};
use super::run::Stop;
use super::value::{Fuel, Val, same_but_for_case};
use crate::json::Value;
use crate::policy::facts::{Arguments, Asked, Fields, Subject};
use crate::policy::judge::Question;

/// What a condition looks at.
#[derive(Clone, Copy)]
pub(super) struct Scene<'v> {
    pub question: &'v Question<'v>,
    pub subject: &'v Subject<'v>,
}

/// Why a variable has no value.
pub(super) enum NoValue {
    Unknown,
    Wrong(Fault),
}

impl From<Fault> for NoValue {
    fn from(fault: Fault) -> NoValue {
        NoValue::Wrong(fault)
    }
}

impl NoValue {
    pub(super) fn at(self, node: &Node) -> Stop {
        match self {
            NoValue::Unknown => Stop::Unknown,
            NoValue::Wrong(fault) => Stop::Wrong(Trouble { fault, at: node.at }),
        }
    }
}

impl<'v> Scene<'v> {
    /// The variable's value; `None` where the call has none.
    pub(super) fn read(
        &self,
        variable: &Variable,
        fuel: &mut Fuel,
    ) -> Result<Option<Val<'v>>, NoValue> {
        let facts = &self.question.facts;
        Ok(match variable {
            Variable::Method => Some(Val::text(match self.question.asked {
                Asked::Http { method, .. } => method,
                Asked::Mcp(call) => call.method,
                Asked::Graph(call) => call.method,
            })),
            Variable::Path => match self.question.asked {
                Asked::Http { path, .. } => Some(Val::text(path)),
                Asked::Graph(call) => Some(Val::text(call.path)),
                Asked::Mcp(_) => None,
            },
            Variable::Name => match self.question.asked {
                Asked::Mcp(call) => Some(call.name.map_or(Val::Null, Val::text)),
                Asked::Http { .. } | Asked::Graph(_) => None,
            },
            Variable::Arguments => match self.question.asked {
                Asked::Mcp(call) => Some(known(call.arguments)?.map_or(Ok(Val::Empty), Val::json)?),
                Asked::Http { .. } | Asked::Graph(_) => None,
            },
            Variable::Annotations => match self.question.asked {
                Asked::Mcp(call) => Some(call.annotations.map_or(Ok(Val::Empty), Val::json)?),
                Asked::Http { .. } | Asked::Graph(_) => None,
            },
            Variable::Body => known(facts.body)?.map(Val::json).transpose()?,
            Variable::Query(name) => query(facts.query, name, fuel)?.map(Val::Text),
            Variable::Header(name) => header(facts.fields, name, fuel)?.map(Val::text),
            Variable::Claim(claim) => self.claim(*claim)?,
            Variable::Now(now) => Some(Val::Int(now.of(facts.wall))),
            Variable::SourceSpiffe => facts.source.spiffe.map(Val::text),
            Variable::SourceCertificate => facts.source.certificate.map(Val::text),
            Variable::SourceIp => facts
                .source
                .ip
                .map(|ip| Val::Text(Cow::Owned(ip.to_canonical().to_string()))),
        })
    }

    fn claim(&self, claim: Claim) -> Result<Option<Val<'v>>, Fault> {
        let subject = self.subject;
        Ok(match claim {
            Claim::Roles => Some(Val::Names(subject.roles)),
            Claim::Groups => Some(Val::Names(subject.groups.ok_or(Fault::GroupsUnknown)?)),
            Claim::Scopes => Some(Val::Names(subject.scopes)),
            Claim::Client => subject.shown_by.map(Val::text),
            Claim::Tenant => subject.tenant.map(Val::text),
            Claim::Object => Some(Val::text(subject.object)),
            Claim::Issuer => Some(Val::text(subject.issuer)),
            Claim::Kind => Some(Val::text(subject.kind.name())),
            Claim::Agent => subject.agent.map(|agent| Val::text(agent.name())),
            Claim::Blueprint => subject.blueprint.map(Val::text),
        })
    }
}

impl Now {
    fn of(self, wall: u64) -> i64 {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        // The first of January 1970 was a Thursday.
        let number = match self {
            Now::Hour => wall % DAY / HOUR,
            Now::Minute => wall % HOUR / MINUTE,
            Now::Weekday => (wall / DAY + 4) % 7,
            Now::Unix => wall,
        };
        i64::try_from(number).unwrap_or(i64::MAX)
    }
}

fn known(arguments: Arguments<'_>) -> Result<Option<Value<'_>>, NoValue> {
    match arguments {
        Arguments::Known(value) => Ok(value),
        Arguments::Unknown => Err(NoValue::Unknown),
    }
}

/// The value of the one header field of that name.
fn header<'v>(fields: Fields<'v>, name: &str, fuel: &mut Fuel) -> Result<Option<&'v str>, NoValue> {
    let (head, listed) = match fields {
        Fields::Head(head, bytes) => (Some(head.fields(bytes)), &[][..]),
        Fields::Listed(listed) => (None, listed),
        Fields::Unknown => return Err(NoValue::Unknown),
    };
    let mut found = None;
    for (one, value) in head.into_iter().flatten().chain(listed.iter().copied()) {
        fuel.burn(1)?;
        if one.eq_ignore_ascii_case(name) && found.replace(value).is_some() {
            return Err(Fault::Repeated.into());
        }
    }
    let text = found.map(|value| std::str::from_utf8(value).map_err(|_| Fault::NotText));
    Ok(text.transpose()?)
}

/// The value of the one parameter of that name, decoded as forms are.
fn query<'v>(query: &'v str, name: &str, fuel: &mut Fuel) -> Result<Option<Cow<'v, str>>, Fault> {
    let (mut found, mut has_variant) = (None, false);
    for parameter in query.split('&').filter(|one| !one.is_empty()) {
        fuel.burn(1)?;
        fuel.read(parameter)?;
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let key = decoded(key)?;
        if *key == *name {
            if found.replace(value).is_some() {
                return Err(Fault::Repeated);
            }
        } else {
            has_variant |= same_but_for_case(&key, name);
        }
    }
    match has_variant {
        true => Err(Fault::CaseVariant),
        false => found.map(decoded).transpose(),
    }
}

fn decoded(text: &str) -> Result<Cow<'_, str>, Fault> {
    if !text.contains(['%', '+']) {
        return Ok(Cow::Borrowed(text));
    }
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let (mut bytes, mut out) = (text.as_bytes().iter(), Vec::new());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => match (digit(bytes.next()), digit(bytes.next())) {
                (Some(high), Some(low)) => (high * 16 + low) as u8,
                _ => return Err(Fault::NotText),
            },
            other => *other,
        });
    }
    String::from_utf8(out)
        .map(Cow::Owned)
        .map_err(|_| Fault::NotText)
}
