//! How upstreams are reached and treated.

use std::fmt;

use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::json;

use super::shape::{DURATION, REFERENCE, Shape, like, section};
use super::{At, Scalar, Text};

/// One URL, or a list of them.
pub struct Urls {
    /// Those of a list, each where it stands; a single one stands where the key's value does.
    pub several: Vec<Text>,
    /// The single one.
    pub one: Option<String>,
}

impl<'de> Deserialize<'de> for Urls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Urls, D::Error> {
        struct OneOrSeveral;

        impl<'de> Visitor<'de> for OneOrSeveral {
            type Value = Urls;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL or a list of URLs")
            }

            fn visit_str<E>(self, url: &str) -> Result<Urls, E> {
                Ok(Urls {
                    several: Vec::new(),
                    one: Some(url.to_owned()),
                })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, urls: A) -> Result<Urls, A::Error> {
                Ok(Urls {
                    several: Vec::deserialize(SeqAccessDeserializer::new(urls))?,
                    one: None,
                })
            }
        }

        deserializer.deserialize_any(OneOrSeveral)
    }
}

impl Shape for Urls {
    fn shape() -> serde_json::Value {
        let url =
            json!({ "type": "string", "pattern": "^https?://|\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}" });
        json!({ "anyOf": [url, { "type": "array", "items": url, "minItems": 1 }] })
    }
}

section! {
    /// Bounds of one connection. Times and rates that are not given are those of the whole file's `limits`.
    pub struct ConnectionLimits {
        /// Bytes of a request's body in a second; 0 sets no bound.
        pub body_rate: Option<At<Scalar>>,
        /// Opening a connection upstream, TLS included.
        pub connect_time: Option<At<Scalar>> => like(DURATION),
        /// From the request's end to the first byte of the reply.
        pub first_byte_time: Option<At<Scalar>> => like(DURATION),
        /// Between two reads of a reply that is not an event stream.
        pub reply_idle_time: Option<At<Scalar>> => like(DURATION),
        /// Between two pieces, either way, after a switch to another protocol.
        pub upgraded_idle_time: Option<At<Scalar>> => like(DURATION),
        /// How long a connection upstream is kept for the next call.
        pub upstream_idle_time: Option<At<Scalar>> => like(DURATION),
        /// Calls under way at once, over all workers; by default no bound.
        pub calls: Option<At<Scalar>>,
        /// Calls that wait for one of those to end; by default 128.
        pub waiting: Option<At<Scalar>>,
        /// How long each waits; by default `1s`.
        pub waiting_time: Option<At<Scalar>> => like(DURATION),
    }
}

section! {
    /// What follows failures in a row. A failure is a connection that cannot be made, or one by which
    /// not a byte of a reply came.
    pub struct Tolerance {
        /// How many in a row.
        pub failures: Option<At<Scalar>>,
        /// The pause that follows; each that follows in a row is twice as long.
        pub pause: Option<At<Scalar>> => like(DURATION),
        /// The longest pause.
        pub longest: Option<At<Scalar>> => like(DURATION),
    }
}

section! {
    /// An HTTP proxy that makes tunnels (`CONNECT`).
    pub struct Proxy {
        /// Where it is, such as `http://proxy.example:3128`.
        pub url: Option<Text> => like("^http://").needed(),
        /// Who the gateway is there.
        pub user: Option<Text>,
        /// The password that goes with it: `env:` or `file:`.
        pub password: Option<Text> => like(REFERENCE),
        /// What is reached without it: names with all below them, addresses, networks such as
        /// `10.0.0.0/8`.
        pub no_proxy: Option<Vec<Text>>,
    }
}

section! {
    /// A request of the gateway's own, without credential, that each address must answer with a status
    /// from 200 to 299.
    pub struct HealthCheck {
        /// Its path, such as `/healthz`.
        pub path: Option<Text> => like("^/").needed(),
        /// How often; by default `10s`.
        pub every: Option<At<Scalar>> => like(DURATION),
        /// How long the answer may take; by default `2s`.
        pub time: Option<At<Scalar>> => like(DURATION),
    }
}
