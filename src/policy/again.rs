//! Judgements beside those on requests: what a list may show, who may converse at all, and whether
//! what was allowed once still is.

use std::net::IpAddr;

use super::facts::{Arguments, Asked, Facts, Fields, McpCall, Source, Subject};
use super::graph::GraphCall;
use super::judge::{Question, Verdict, judge, shows};
use super::rule::Policies;
use super::who::Included;
use crate::auth::Identity;
use crate::base::limits::ASKED_BYTES;
use crate::graph::Query;
use crate::json::Document;

impl Policies {
    /// Whether a list shows this; see [`shows`]. The call's arguments are not looked at.
    #[must_use]
    pub fn could(&self, identity: &Identity, call: &McpCall<'_>, facts: &Facts<'_>) -> bool {
        let question = Question {
            asked: Asked::Mcp(*call),
            facts: *facts,
        };
        shows(self, &Subject::of(identity.grounds()), &question)
    }

    /// Whether at least one policy is for this caller.
    #[must_use]
    pub fn includes(&self, identity: &Identity) -> bool {
        let subject = Subject::of(identity.grounds());
        let mut policies = self.policies.iter();
        policies.any(|policy| policy.who.includes(&subject) == Included::Yes)
    }

    /// Whether what was allowed before is allowed by these policies, at second `wall` since 1970: for
    /// streams that outlive the configuration they were opened under. An approval that is needed now
    /// is a no, and so is a rule that goes by what was not kept.
    #[must_use]
    pub fn still_allows(&self, identity: &Identity, before: &AskedBefore, wall: u64) -> bool {
        before.passes(self, &Subject::of(identity.grounds()), wall)
    }

    /// What they say to one call of a batch, by itself.
    #[must_use]
    pub fn says(&self, identity: &Identity, asked: Asked<'_>, facts: Facts<'_>) -> Verdict {
        let question = Question { asked, facts };
        judge(self, &Subject::of(identity.grounds()), &question).verdict
    }

    /// The same for one call that its exchange has kept: what is not known any more is unknown in
    /// `facts`.
    #[must_use]
    pub fn allows(&self, identity: &Identity, asked: Asked<'_>, facts: Facts<'_>) -> bool {
        let question = Question { asked, facts };
        allows(self, &Subject::of(identity.grounds()), &question)
    }
}

fn allows(policies: &Policies, subject: &Subject<'_>, question: &Question<'_>) -> bool {
    let judgement = judge(policies, subject, question);
    matches!(judgement.verdict, Verdict::Allow(_))
}

/// What a request asked for, to be judged again while its reply still flows.
///
/// Header fields are not kept, a body of an HTTP call neither, nor are arguments beyond
/// [`ASKED_BYTES`]: they are unknown later.
pub struct AskedBefore {
    calls: Vec<Kept>,
    ip: Option<IpAddr>,
    spiffe: Option<Box<str>>,
    certificate: Option<Box<str>>,
    query: Box<str>,
}

enum Kept {
    Http {
        method: Box<str>,
        path: Box<str>,
    },
    /// Each has a query of its own.
    Graph {
        method: Box<str>,
        path: Box<str>,
        query: Box<str>,
    },
    Mcp {
        method: Box<str>,
        name: Option<Box<str>>,
        arguments: Text,
        annotations: Text,
    },
}

/// A JSON text.
enum Text {
    Kept(Box<str>),
    /// There was none.
    None,
    /// It was not known, or too long.
    Unknown,
}

impl AskedBefore {
    /// Keeps an HTTP call.
    #[must_use]
    pub fn http(method: &str, path: &str, facts: &Facts<'_>) -> AskedBefore {
        let call = Kept::Http {
            method: method.into(),
            path: path.into(),
        };
        AskedBefore::of(vec![call], facts)
    }

    /// Keeps the calls of one request of the Model Context Protocol.
    #[must_use]
    pub fn mcp(calls: &[McpCall<'_>], facts: &Facts<'_>) -> AskedBefore {
        let mut room = ASKED_BYTES;
        let mut keep = |value: Arguments<'_>| match value {
            Arguments::Unknown => Text::Unknown,
            Arguments::Known(None) => Text::None,
            Arguments::Known(Some(value)) => match room.checked_sub(value.raw().len()) {
                None => Text::Unknown,
                Some(left) => {
                    room = left;
                    Text::Kept(value.raw().into())
                }
            },
        };
        let kept = |call: &McpCall<'_>| Kept::Mcp {
            method: call.method.into(),
            name: call.name.map(Box::from),
            annotations: keep(Arguments::Known(call.annotations)),
            arguments: keep(call.arguments),
        };
        AskedBefore::of(calls.iter().map(kept).collect(), facts)
    }

    /// Keeps the calls of one request to Microsoft Graph.
    #[must_use]
    pub fn graph(calls: &[(GraphCall<'_>, Facts<'_>)]) -> AskedBefore {
        let kept = |(call, facts): &(GraphCall<'_>, Facts<'_>)| Kept::Graph {
            method: call.method.into(),
            path: call.path.into(),
            query: facts.query.into(),
        };
        // They came together: where from is the same for all.
        let together = calls.first().map_or(Facts::at(0), |(_, facts)| *facts);
        AskedBefore::of(calls.iter().map(kept).collect(), &together)
    }

    fn of(calls: Vec<Kept>, facts: &Facts<'_>) -> AskedBefore {
        AskedBefore {
            calls,
            ip: facts.source.ip,
            spiffe: facts.source.spiffe.map(Box::from),
            certificate: facts.source.certificate.map(Box::from),
            query: facts.query.into(),
        }
    }

    fn passes(&self, policies: &Policies, subject: &Subject<'_>, wall: u64) -> bool {
        let allows = |question: &Question<'_>| allows(policies, subject, question);
        let facts = self.facts(wall);
        !self.calls.is_empty() && self.calls.iter().all(|kept| kept.passes(facts, allows))
    }

    fn facts(&self, wall: u64) -> Facts<'_> {
        Facts {
            wall,
            source: Source {
                ip: self.ip,
                spiffe: self.spiffe.as_deref(),
                certificate: self.certificate.as_deref(),
            },
            query: &self.query,
            fields: Fields::Unknown,
            body: Arguments::Unknown,
        }
    }
}

impl Kept {
    /// Whether `judge` says yes to the call. A call of which more than the arguments was lost cannot
    /// be judged.
    fn passes(&self, facts: Facts<'_>, judge: impl FnOnce(&Question<'_>) -> bool) -> bool {
        match self {
            Kept::Http { method, path } => judge(&Question {
                asked: Asked::Http { method, path },
                facts,
            }),
            Kept::Graph {
                method,
                path,
                query,
            } => Query::read(query).is_ok_and(|read| {
                judge(&Question {
                    asked: Asked::Graph(GraphCall {
                        method,
                        path,
                        expand: read.expand(),
                    }),
                    facts: Facts { query, ..facts },
                })
            }),
            Kept::Mcp {
                method,
                name,
                arguments,
                annotations,
            } => {
                let (Some(arguments), Some(annotations)) = (arguments.read(), annotations.read())
                else {
                    return false;
                };
                let Arguments::Known(annotations) = annotations.value() else {
                    return false;
                };
                let call = McpCall {
                    method,
                    name: name.as_deref(),
                    arguments: arguments.value(),
                    annotations,
                };
                judge(&Question {
                    asked: Asked::Mcp(call),
                    facts,
                })
            }
        }
    }
}

/// [`Text`], read again.
enum Read<'a> {
    Document(Document<'a>),
    None,
    Unknown,
}

impl Text {
    fn read(&self) -> Option<Read<'_>> {
        Some(match self {
            Text::Kept(text) => Read::Document(Document::parse(text.as_bytes()).ok()?),
            Text::None => Read::None,
            Text::Unknown => Read::Unknown,
        })
    }
}

impl Read<'_> {
    fn value(&self) -> Arguments<'_> {
        match self {
            Read::Document(document) => Arguments::Known(Some(document.root())),
            Read::None => Arguments::Known(None),
            Read::Unknown => Arguments::Unknown,
        }
    }
}

#[cfg(test)]
mod tests;
