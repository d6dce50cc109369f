//! Pages of other origins (the CORS protocol of the Fetch standard): who may read what the gateway
//! answers, said by the gateway itself. The upstream is not asked, and what it says of it is dropped.

use std::sync::Arc;
use std::time::Duration;

use super::refusal::{EdgeRefusal, Published, Refusal};
use crate::http::{Known, RequestHead};

/// What the configuration says of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorsSpec {
    /// Origins as browsers write them; empty for every one.
    pub origins: Vec<String>,
    /// Methods beside those that need no leave.
    pub methods: Vec<String>,
    /// Request fields beside those that need no leave.
    pub headers: Vec<String>,
    /// Reply fields that pages may read beside those that need no leave.
    pub expose: Vec<String>,
    /// How long a browser may remember the answer.
    pub max_age: Duration,
    /// Cookies and client certificates may come along.
    pub credentials: bool,
}

/// The same, ready to be said.
pub struct Cors {
    /// By origin; none stands for every one.
    allowed: Vec<(Option<Box<str>>, Arc<Crossing>)>,
    /// What a preflight is told beside what every reply says.
    preflight: Box<str>,
}

/// What replies to pages of one origin say.
pub struct Crossing {
    fields: Vec<(&'static str, Box<str>)>,
}

/// What a request is to a route with pages of other origins.
pub(super) enum Cross {
    /// Not one of a page of another origin, or of one that may not read the reply.
    No,
    /// The reply may be read by that page.
    Allowed(Arc<Crossing>),
    /// The browser asks first.
    Preflight(Published),
}

impl Cors {
    /// Makes it ready.
    #[must_use]
    pub fn new(spec: &CorsSpec) -> Cors {
        let allowed = match spec.origins.is_empty() {
            true => vec![(None, Arc::new(Crossing::new("*", spec)))],
            false => (spec.origins.iter())
                .map(|origin| {
                    let crossing = Crossing::new(origin, spec);
                    (Some(origin.as_str().into()), Arc::new(crossing))
                })
                .collect(),
        };
        let mut preflight = format!("Access-Control-Max-Age: {}\r\n", spec.max_age.as_secs());
        for (name, list) in [("Methods", &spec.methods), ("Headers", &spec.headers)] {
            if !list.is_empty() {
                preflight += &format!("Access-Control-Allow-{name}: {}\r\n", list.join(", "));
            }
        }
        Cors {
            allowed,
            preflight: preflight.into(),
        }
    }

    /// What the request is.
    ///
    /// # Errors
    /// A preflight of an origin that may not ask: it never goes upstream.
    pub(super) fn judge(&self, head: &RequestHead, bytes: &[u8]) -> Result<Cross, Refusal> {
        let Some(origin) = head.field(bytes, "origin") else {
            return Ok(Cross::No);
        };
        let is_preflight =
            head.method(bytes) == "OPTIONS" && head.has(Known::AccessControlRequestMethod);
        let mut allowed = self.allowed.iter();
        let is_it = |name: Option<&str>| name.is_none_or(|name| name.as_bytes() == origin);
        match allowed.find(|(name, _)| is_it(name.as_deref())) {
            None if is_preflight => Err(EdgeRefusal::Origin.into()),
            None => Ok(Cross::No),
            Some((_, crossing)) if is_preflight => Ok(Cross::Preflight(Published {
                // Not 204, which may not say that its body has no bytes (RFC 9110, section 8.6).
                status: 200,
                phrase: "OK",
                fields: format!("{}{}", crossing.text(), self.preflight),
                body: String::new(),
            })),
            Some((_, crossing)) => Ok(Cross::Allowed(Arc::clone(crossing))),
        }
    }
}

impl Crossing {
    fn new(origin: &str, spec: &CorsSpec) -> Crossing {
        let mut fields = vec![("Access-Control-Allow-Origin", Box::from(origin))];
        if origin != "*" {
            fields.push(("Vary", "Origin".into()));
        }
        if spec.credentials {
            fields.push(("Access-Control-Allow-Credentials", "true".into()));
        }
        if !spec.expose.is_empty() {
            let names = spec.expose.join(", ");
            fields.push(("Access-Control-Expose-Headers", names.into()));
        }
        Crossing { fields }
    }

    /// The fields, names and values.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.fields.iter().map(|(name, value)| (*name, &**value))
    }

    /// The same as whole lines.
    #[must_use]
    pub fn text(&self) -> String {
        let lines = self
            .fields()
            .map(|(name, value)| format!("{name}: {value}\r\n"));
        lines.collect()
    }
}
