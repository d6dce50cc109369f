//! The doors of this room: an [`Identity`] and a request make a [`Call`], a call that policy allows
//! makes a [`Permit`].

use std::sync::Arc;

use super::facts::{Asked, Facts, McpCall, Subject};
use super::graph::GraphCall;
use super::judge::{Denial, Judgement, Question, Verdict, judge};
use super::rule::{Policies, Rule};
use crate::auth::Identity;

/// What one request asks for, in the terms policy speaks, and who asks.
///
/// The one enum over the protocols' calls.
#[must_use]
pub struct Call<'a> {
    identity: Identity,
    asked: All<'a>,
}

/// All that one request asks for.
#[derive(Clone, Copy)]
enum All<'a> {
    Http {
        method: &'a str,
        path: &'a str,
        facts: Facts<'a>,
    },
    Mcp(&'a [McpCall<'a>], Facts<'a>),
    /// What is known beside a call is not the same for each.
    Graph(&'a [(GraphCall<'a>, Facts<'a>)]),
}

/// Leave for one call to go on, minted by [`Call::decide`] only.
///
/// It carries the generations it was decided under, to be checked again after every wait.
#[must_use]
#[derive(Debug)]
pub struct Permit {
    identity: Identity,
    rule: Arc<Rule>,
    more: Option<Box<More>>,
    generation: u64,
}

/// What few permits have: they are kept as long as their exchange, and should be small.
#[derive(Debug)]
struct More {
    others: Vec<Arc<Rule>>,
    shadowed: Option<Verdict>,
}

/// What policy says to a call.
pub enum Decision {
    /// It may go on.
    Allowed(Permit),
    /// A rule asks for a person's yes.
    NeedsApproval(Held),
    /// It is refused.
    Denied(Refused),
}

/// A call that a rule wants approved.
pub struct Held {
    /// Whose call it is.
    pub identity: Identity,
    /// The rule.
    pub rule: Arc<Rule>,
    /// Which of the calls of one request, counted from 0.
    pub at: usize,
    /// What would hold if rules in shadow counted, where that is something else.
    pub shadowed: Option<Verdict>,
}

/// A call that is refused.
pub struct Refused {
    /// Whose call it is.
    pub identity: Identity,
    /// Why.
    pub denial: Denial,
    /// Which of the calls of one request, counted from 0.
    pub at: usize,
    /// What would hold if rules in shadow counted, where that is something else.
    pub shadowed: Option<Verdict>,
}

impl<'a> Call<'a> {
    /// An HTTP call: `path` is canonical and without the route's prefix.
    pub fn http(identity: Identity, method: &'a str, path: &'a str, facts: Facts<'a>) -> Call<'a> {
        Call {
            identity,
            asked: All::Http {
                method,
                path,
                facts,
            },
        }
    }

    /// What one request of the Model Context Protocol asks for: one message, or all of a batch. It is
    /// allowed when each of them is; nothing at all is not.
    pub fn mcp(identity: Identity, calls: &'a [McpCall<'a>], facts: Facts<'a>) -> Call<'a> {
        Call {
            identity,
            asked: All::Mcp(calls, facts),
        }
    }

    /// What one request to Microsoft Graph asks for: one call, or all of a batch. It is allowed when
    /// each of them is; nothing at all is not.
    pub fn graph(identity: Identity, calls: &'a [(GraphCall<'a>, Facts<'a>)]) -> Call<'a> {
        Call {
            identity,
            asked: All::Graph(calls),
        }
    }

    /// Judges the call under `policies`.
    #[must_use]
    pub fn decide(self, policies: &Policies) -> Decision {
        let subject = Subject::of(self.identity.grounds());
        match decide_all(self.asked, &subject, policies) {
            Ok((rule, more)) => Decision::Allowed(Permit {
                identity: self.identity,
                rule,
                more,
                generation: policies.generation,
            }),
            Err(Stop {
                why: Why::Approval(rule),
                at,
                shadowed,
            }) => Decision::NeedsApproval(Held {
                identity: self.identity,
                rule,
                at,
                shadowed,
            }),
            Err(Stop {
                why: Why::Denial(denial),
                at,
                shadowed,
            }) => Decision::Denied(Refused {
                identity: self.identity,
                denial,
                at,
                shadowed,
            }),
        }
    }
}

/// What keeps a request from going on.
struct Stop {
    why: Why,
    at: usize,
    shadowed: Option<Verdict>,
}

enum Why {
    Approval(Arc<Rule>),
    Denial(Denial),
}

/// The rules that allow the calls, in their order, or the first refusal, or the first approval that
/// is needed.
fn decide_all(
    asked: All<'_>,
    subject: &Subject<'_>,
    policies: &Policies,
) -> Result<(Arc<Rule>, Option<Box<More>>), Stop> {
    let (mut first, mut others) = (None, Vec::new());
    let (mut held, mut aside) = (None, None);
    for (at, question) in asked.each().enumerate() {
        let Judgement { verdict, shadowed } = judge(policies, subject, &question);
        match verdict {
            Verdict::Allow(rule) => match first {
                None => first = Some(rule),
                Some(_) => others.push(rule),
            },
            Verdict::Approve(rule) => {
                held.get_or_insert(Stop {
                    why: Why::Approval(rule),
                    at,
                    shadowed: shadowed.clone(),
                });
            }
            Verdict::Deny(denial) => {
                return Err(Stop {
                    why: Why::Denial(denial),
                    at,
                    shadowed,
                });
            }
        }
        aside = aside.or(shadowed);
    }
    match (held, first) {
        (Some(stop), _) => Err(stop),
        (None, Some(rule)) => {
            let has_more = !others.is_empty() || aside.is_some();
            let more = has_more.then(|| {
                Box::new(More {
                    others,
                    shadowed: aside,
                })
            });
            Ok((rule, more))
        }
        (None, None) => Err(Stop {
            why: Why::Denial(Denial::NoRule),
            at: 0,
            shadowed: None,
        }),
    }
}

impl<'a> All<'a> {
    fn each(self) -> impl Iterator<Item = Question<'a>> {
        let (http, mcp, graph) = match self {
            All::Http {
                method,
                path,
                facts,
            } => {
                let asked = Asked::Http { method, path };
                (Some(Question { asked, facts }), None, &[][..])
            }
            All::Mcp(calls, facts) => (None, Some((calls, facts)), &[][..]),
            All::Graph(calls) => (None, None, calls),
        };
        let mcp = mcp.into_iter().flat_map(|(calls, facts)| {
            let question = move |call: &McpCall<'a>| Question {
                asked: Asked::Mcp(*call),
                facts,
            };
            calls.iter().map(question)
        });
        let graph = graph.iter().map(|(call, facts)| Question {
            asked: Asked::Graph(*call),
            facts: *facts,
        });
        http.into_iter().chain(mcp).chain(graph)
    }
}

impl Permit {
    /// Whose call it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The rule that allows it; of a batch, its first call.
    #[must_use]
    pub fn rule(&self) -> &Arc<Rule> {
        &self.rule
    }

    /// The rules that allow the calls of a batch, in its order.
    pub fn rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        let others = self.more.iter().flat_map(|more| &more.others);
        std::iter::once(&self.rule).chain(others)
    }

    /// What would hold if rules in shadow counted, where that is something else.
    #[must_use]
    pub fn shadowed(&self) -> Option<&Verdict> {
        self.more.as_ref()?.shadowed.as_ref()
    }

    /// The generation of the configuration it was decided under.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

#[cfg(test)]
mod tests;
