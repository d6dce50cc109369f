//! What the command line says of a call, read as a request's would be.

use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use super::super::failure::{Doing, Failure};
use super::CallArgs;
use crate::base::calendar::Utc;
use crate::base::clock::Wall;
use crate::json::Document;
use crate::policy::{Arguments, Facts, Fields, McpCall, Source};

/// Texts, read strictly.
pub(super) struct Given<'a> {
    arguments: Option<Document<'a>>,
    annotations: Option<Document<'a>>,
    body: Option<Document<'a>>,
    fields: Vec<(String, &'a str)>,
    from: Option<IpAddr>,
    spiffe: Option<&'a str>,
    certificate: Option<&'a str>,
    wall: u64,
}

impl<'a> Given<'a> {
    pub(super) fn read(args: &'a CallArgs) -> Result<Given<'a>, Failure> {
        Ok(Given {
            arguments: json("--arguments", args.arguments.as_deref())?,
            annotations: json("--annotations", args.annotations.as_deref())?,
            body: json("--body", args.body.as_deref())?,
            fields: args
                .headers
                .iter()
                .map(|field| header(field))
                .collect::<Result<_, _>>()?,
            from: args.from,
            spiffe: args.spiffe.as_deref(),
            certificate: args.certificate.as_deref(),
            wall: match &args.at {
                Some(text) => {
                    let utc = Utc::parse(text).ok_or("not a time like 2026-11-22T09:30Z");
                    Wall::from(utc.doing(format!("--at {text}"))?).unix_seconds()
                }
                None => {
                    let since = SystemTime::now().duration_since(UNIX_EPOCH);
                    since.doing("read the clock")?.as_secs()
                }
            },
        })
    }

    /// The same as values that can be lent.
    pub(super) fn values(&self) -> Values<'_> {
        Values {
            given: self,
            fields: self
                .fields
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_bytes()))
                .collect(),
        }
    }
}

/// What a [`Question`](crate::policy::Question) is made of.
pub(super) struct Values<'g> {
    given: &'g Given<'g>,
    fields: Vec<(&'g str, &'g [u8])>,
}

impl<'g> Values<'g> {
    pub(super) fn call<'v>(&'v self, method: &'v str, name: Option<&'v str>) -> McpCall<'v> {
        McpCall {
            arguments: Arguments::Known(self.given.arguments.as_ref().map(Document::root)),
            annotations: self.given.annotations.as_ref().map(Document::root),
            ..McpCall::bare(method, name)
        }
    }

    pub(super) fn facts<'v>(&'v self, query: &'v str) -> Facts<'v> {
        Facts {
            wall: self.given.wall,
            source: Source {
                ip: self.given.from,
                spiffe: self.given.spiffe,
                certificate: self.given.certificate,
            },
            query,
            fields: Fields::Listed(&self.fields),
            body: Arguments::Known(self.given.body.as_ref().map(Document::root)),
        }
    }
}

fn json<'a>(option: &str, text: Option<&'a str>) -> Result<Option<Document<'a>>, Failure> {
    text.map(|text| Document::parse(text.as_bytes()).doing(option))
        .transpose()
}

fn header(field: &str) -> Result<(String, &str), Failure> {
    let (name, value) = field
        .split_once(':')
        .ok_or_else(|| Failure::new(format!("--header {field}: expected `NAME: VALUE`")))?;
    Ok((name.trim().to_ascii_lowercase(), value.trim()))
}
