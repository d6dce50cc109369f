//! Batches: each call in one is judged as if it came alone.

use super::graph::readable;
use super::{Judge, Stop};
use crate::auth::Identity;
use crate::exchange::account::{Asked, PartAsked, show};
use crate::exchange::errand::{self, Errand};
use crate::exchange::fields;
use crate::exchange::phase::Judged;
use crate::exchange::refusal::{GraphRefusal, Refusal};
use crate::exchange::rules::{Batching, Connection};
use crate::graph::{Batch, BatchError, Part, Query};
use crate::http::{BodyLength, FieldRef, RequestHead};
use crate::json::Document;
use crate::policy::{self, Arguments, Call, Denial, Facts, Fields, GraphCall, Permit, Verdict};
use crate::record::{Decision, Pending};

/// What is said to one call.
type Said = Result<Box<str>, Refusal>;

/// A call as rules see it.
type Seen<'p> = (GraphCall<'p>, Facts<'p>);

impl<'a> Judge<'a> {
    /// Judges a batch: who may come at all by its head, what is asked for by its body.
    pub(super) fn consult_on_all(
        &mut self,
        head: &RequestHead,
        judged: &mut Judged,
        batching: Batching,
        identity: Identity,
    ) -> Result<Pending<Permit>, Stop> {
        if head.method(self.bytes) != "POST" || !judged.query().is_empty() {
            return Err(GraphRefusal::NoBatch.into());
        }
        let body = self.batch_body(head, judged, &identity)?;
        let malformed = |why: BatchError| Refusal::from(GraphRefusal::Batch(why));
        let document = Document::parse(body).map_err(|why| malformed(why.into()))?;
        let batch = Batch::read(document.root(), judged.path()).map_err(malformed)?;

        let connection = &judged.connection;
        let mut queries: Vec<(Query, bool)> = Vec::new();
        for part in batch.parts() {
            queries.push(match readable(connection, &part.path, &part.query) {
                Err(Refusal::Graph(GraphRefusal::Hidden)) => (Query::default(), true),
                read => (read?, false),
            });
        }
        let lists: Vec<Vec<(&str, &[u8])>> = batch.parts().iter().map(listed).collect();
        let whence = self.account.whence().clone();
        let before = self.facts(head, judged, &whence);
        let seen = batch.parts().iter().zip(&queries).zip(&lists);
        let seen: Vec<Seen<'_>> = seen
            .map(|((part, (query, _)), list)| see(part, query, list, before))
            .collect();
        let said = (seen.iter().zip(&queries))
            .map(|(seen, (_, hidden))| say(seen, *hidden, &identity, connection));
        let said = decided(said.collect(), &batch, batching);

        let asked = |(part, said): (&Part<'_>, &Said)| tell(part, said, connection);
        let asked: Vec<PartAsked> = batch.parts().iter().zip(&said.all).map(asked).collect();
        self.account.of_parts(asked);
        if let Some(refusal) = said.refusal {
            return Err(refusal.into());
        }
        let goes = |at: usize| said.all.get(at).is_some_and(Result::is_ok);
        let going: Vec<Seen<'_>> = (seen.iter().enumerate())
            .filter_map(|(at, seen)| goes(at).then_some(*seen))
            .collect();
        let permit = self.decided(Call::graph(identity, &going), judged)?;
        self.account.keep(Asked::graph(&going), self.core);
        let mut body = Vec::new();
        let own = connection.credential;
        let own = own.and_then(|slot| judged.rules.credentials.current(slot, self.now.mono));
        let passes = |name: &str, value: &str| {
            let field = FieldRef::new(name, value.as_bytes());
            let replaced = (own.as_ref()).is_some_and(|own| own.field.eq_ignore_ascii_case(name));
            let masked = connection.masks.is_some();
            !replaced && fields::request_passes(&field, &connection.forward, masked)
        };
        batch.write(goes, passes, &mut body);
        let parts = batch.parts().iter().zip(said.all);
        let parts = parts.map(|(part, said)| errand::Part {
            id: part.id.into(),
            refused: said.err(),
        });
        let parts = parts.collect();
        judged.errand = Some(Box::new(Errand { body, parts }));
        self.admit(head, judged, permit)
    }

    /// The body, which is asked for of those only who have any right here.
    fn batch_body(
        &self,
        head: &RequestHead,
        judged: &Judged,
        identity: &Identity,
    ) -> Result<&'a [u8], Stop> {
        if !super::body::is_json(head, self.bytes) {
            return Err(GraphRefusal::BatchType.into());
        }
        if let Some(body) = self.body {
            return Ok(body);
        }
        if !judged.connection.policies.includes(identity) {
            return Err(Refusal::Denied(Denial::NoRule).into());
        }
        let bound = judged.rules.limits.request_body_bytes;
        let bound = bound.min(judged.connection.judged_bytes);
        match head.body() {
            BodyLength::Length(length) if length > bound => {
                Err(Refusal::BodyTooLarge(bound).into())
            }
            _ => Err(Stop::NeedBody(bound)),
        }
    }
}

fn listed<'p>(part: &'p Part<'_>) -> Vec<(&'p str, &'p [u8])> {
    let fields = part.fields.iter();
    fields
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect()
}

/// A call as if it came alone: with its own query, fields and body.
fn see<'p>(
    part: &'p Part<'_>,
    query: &'p Query,
    list: &'p [(&'p str, &'p [u8])],
    before: Facts<'p>,
) -> Seen<'p> {
    let call = GraphCall {
        method: part.method,
        path: &part.path,
        expand: query.expand(),
    };
    let body = match part.body {
        Some(_) if !part.is_json() => Arguments::Unknown,
        body => Arguments::Known(body),
    };
    let facts = Facts {
        query: &part.query,
        fields: Fields::Listed(list),
        body,
        ..before
    };
    (call, facts)
}

/// What policy says to one call.
fn say(seen: &Seen<'_>, hidden: bool, identity: &Identity, connection: &Connection) -> Said {
    if hidden {
        return Err(GraphRefusal::Hidden.into());
    }
    let (call, facts) = *seen;
    let asked = policy::Asked::Graph(call);
    match connection.policies.says(identity, asked, facts) {
        Verdict::Allow(rule) => Ok((*rule.name).into()),
        Verdict::Approve(rule) => Err(Refusal::ApprovalNeeded(rule)),
        Verdict::Deny(denial) => Err(Refusal::Denied(denial)),
    }
}

/// What becomes of a batch.
struct Decided {
    /// What is said to each call.
    all: Vec<Said>,
    /// Why none of it goes.
    refusal: Option<Refusal>,
}

fn decided(mut all: Vec<Said>, batch: &Batch<'_>, batching: Batching) -> Decided {
    let refused = |all: &[Said]| {
        let parts = batch.parts().iter().zip(all);
        let refused = parts.filter_map(|(part, said)| {
            let why = said.as_ref().err()?;
            Some((part.id.into(), why.clone()))
        });
        Some(GraphRefusal::Denied(refused.collect()).into())
    };
    let waits = |said: &Said| matches!(said, Err(Refusal::ApprovalNeeded(_)));
    // Nobody can approve a part: what else the batch does is not known to have been wanted without.
    let whole = batching == Batching::Whole || all.iter().any(waits);
    if whole && all.iter().any(Result::is_err) {
        let refusal = refused(&all);
        return Decided { all, refusal };
    }
    // Each depends on earlier ones only, so one look is enough.
    for (at, part) in batch.parts().iter().enumerate() {
        let fails = |at: &usize| all.get(*at).is_some_and(Result::is_err);
        if part.after.iter().any(fails)
            && let Some(said) = all.get_mut(at).filter(|said| said.is_ok())
        {
            *said = Err(GraphRefusal::Dependency.into());
        }
    }
    let refusal = match all.iter().any(Result::is_ok) {
        true => None,
        false => refused(&all),
    };
    Decided { all, refusal }
}

/// What is told of one call, through the connection's masks.
fn tell(part: &Part<'_>, said: &Said, connection: &Connection) -> PartAsked {
    let mut target = Vec::new();
    show(connection, part.path.as_bytes(), &mut target);
    if !part.query.is_empty() {
        target.push(b'?');
        show(connection, part.query.as_bytes(), &mut target);
    }
    let (decision, rule) = match said {
        Ok(rule) => (Decision::Allowed, rule.clone()),
        Err(why) => {
            let rule = why.rule().map_or(why.code(), |rule| &rule.name);
            (Decision::Denied, rule.into())
        }
    };
    PartAsked {
        id: part.id.into(),
        method: part.method.into(),
        target: String::from_utf8(target).unwrap_or_default(),
        rule,
        decision,
    }
}
