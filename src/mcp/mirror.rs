//! Arguments that a tool's schema asks callers to repeat in headers, for routing.
//!
//! 2026-07-28, basic/transports/streamable-http, "Custom Headers from Tool Parameters": a property
//! of a tool's `inputSchema` with `x-mcp-header: NAME` stands in `Mcp-Param-NAME`, too. Only the
//! schema says which argument a header repeats; a header that no schema asks for means nothing, and
//! passes.

use super::fields::{Param, decode};
use super::objection::{Mirrored, Objection};
use crate::base::limits::{MCP_PARAM_FIELDS, MCP_PARAM_STEPS};
use crate::json::{Kind, Value};

/// Which arguments of one tool are repeated in which headers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mirrors(Vec<Mirror>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Mirror {
    /// What comes after `Mcp-Param-`.
    header: Box<str>,
    /// From the arguments to the value, one member name after the other.
    path: Vec<Box<str>>,
}

impl Mirrors {
    /// Reads a tool's `inputSchema`. Only chains of `properties` are followed, as the specification
    /// has it, and only as many as a request could repeat.
    #[must_use]
    pub fn of(input_schema: Value<'_>) -> Mirrors {
        let mut mirrors = Mirrors::default();
        mirrors.walk(input_schema, &mut Vec::new());
        mirrors
    }

    fn walk(&mut self, schema: Value<'_>, path: &mut Vec<Box<str>>) {
        let properties = schema
            .get("properties")
            .into_iter()
            .flat_map(Value::members);
        for (name, property) in properties {
            path.push(name.into());
            let header = property.get("x-mcp-header").and_then(Value::as_str);
            if let Some(header) = header.filter(|_| self.0.len() < MCP_PARAM_FIELDS) {
                self.0.push(Mirror {
                    header: header.into(),
                    path: path.clone(),
                });
            }
            if path.len() < MCP_PARAM_STEPS {
                self.walk(property, path);
            }
            path.pop();
        }
    }

    /// Whether the tool asks for no header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the schema wants said for these arguments: what comes after `Mcp-Param-`, and the value
    /// before any encoding. An argument that is not there, or is no scalar, is not said.
    pub fn said<'a>(
        &'a self,
        arguments: Option<Value<'a>>,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |mirror| {
            let mut steps = mirror.path.iter();
            let value = steps.try_fold(arguments?, |value, name| value.get(name))?;
            let text = match value.kind() {
                Kind::String => value.as_str()?,
                Kind::Bool | Kind::Number => value.raw(),
                Kind::Null | Kind::Array | Kind::Object => return None,
            };
            Some((&*mirror.header, text))
        })
    }

    /// Holds the headers that the schema asks for against the arguments. One that is missing is the
    /// server's to miss: its schema may be newer.
    pub fn agree(
        &self,
        params: &[Param<'_>],
        arguments: Option<Value<'_>>,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Objection> {
        for (name, header) in params {
            for mirror in &self.0 {
                if !mirror.header.eq_ignore_ascii_case(name) {
                    continue;
                }
                let step = |value: Value<'_>| matches!(value.kind(), Kind::Object);
                let value = mirror.path.iter().try_fold(arguments, |value, name| {
                    let object = value.filter(|value| step(*value))?;
                    Some(object.get(name))
                });
                let agrees = match (value.flatten(), decode(header, scratch)) {
                    (Some(value), Some(text)) => repeats(text, value),
                    _ => false,
                };
                if !agrees {
                    return Err(Objection::Mismatch(Mirrored::Param));
                }
            }
        }
        Ok(())
    }
}

/// Whether a header's decoded text is how `value` is written in one.
fn repeats(text: &[u8], value: Value<'_>) -> bool {
    match value.kind() {
        Kind::String => value.as_str().map(str::as_bytes) == Some(text),
        Kind::Bool => value.raw().as_bytes() == text,
        Kind::Number => {
            let whole = std::str::from_utf8(text).ok().and_then(integer);
            value.raw().as_bytes() == text || whole.is_some() && whole == integer(value.raw())
        }
        Kind::Null | Kind::Array | Kind::Object => false,
    }
}

/// The whole number that is written there; `42.0` is 42.
fn integer(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let zeros = !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0');
    whole.parse().ok().filter(|_| zeros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    const SCHEMA: &[u8] = br#"{"type":"object","properties":{
        "region":{"type":"string","x-mcp-header":"Region"},
        "deep":{"type":"object","properties":{
            "count":{"type":"integer","x-mcp-header":"Count"},
            "dry":{"type":"boolean","x-mcp-header":"Dry"}}},
        "list":{"type":"array","items":{"properties":{
            "x":{"type":"string","x-mcp-header":"Not-Reachable"}}}}}}"#;

    fn agree(arguments: &str, params: &[(&str, &str)]) -> bool {
        let schema = Document::parse(SCHEMA).unwrap();
        let mirrors = Mirrors::of(schema.root());
        let arguments = Document::parse(arguments.as_bytes()).unwrap();
        let params: Vec<Param<'_>> = params
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()))
            .collect();
        let agreed = mirrors.agree(&params, Some(arguments.root()), &mut Vec::new());
        assert!(agreed.is_ok() || agreed == Err(Objection::Mismatch(Mirrored::Param)));
        agreed.is_ok()
    }

    #[test]
    fn headers_repeat_arguments() {
        let arguments = r#"{"region":"münster","deep":{"count":42,"dry":true}}"#;
        for good in [
            &[][..],
            &[("Region", "=?base64?bcO8bnN0ZXI=?=")],
            &[("COUNT", "42"), ("dry", "true")],
            &[("Count", "42.0")],
            &[("Not-Reachable", "anything"), ("Unknown", "=?base64?!?=")],
        ] {
            assert!(agree(arguments, good), "{good:?}");
        }
        for bad in [
            ("Region", "eu"),
            ("Region", "=?base64?!?="),
            ("Count", "43"),
            ("Count", "42.5"),
            ("Dry", "True"),
        ] {
            assert!(!agree(arguments, &[bad]), "{bad:?}");
        }
    }

    #[test]
    fn what_is_said_agrees() {
        let schema = Document::parse(SCHEMA).unwrap();
        let mirrors = Mirrors::of(schema.root());
        let arguments = br#"{"region":"eu","deep":{"count":42,"dry":null},"list":[{"x":"y"}]}"#;
        let arguments = Document::parse(arguments).unwrap();
        let said: Vec<_> = mirrors.said(Some(arguments.root())).collect();
        assert_eq!(said, [("Region", "eu"), ("Count", "42")]);
        let params: Vec<Param<'_>> = said
            .iter()
            .map(|(name, text)| (*name, text.as_bytes()))
            .collect();
        let agreed = mirrors.agree(&params, Some(arguments.root()), &mut Vec::new());
        assert_eq!(agreed, Ok(()));
        assert_eq!(mirrors.said(None).count(), 0);
    }

    #[test]
    fn a_header_for_what_is_not_there_lies() {
        for arguments in ["{}", r#"{"region":null}"#, r#"{"region":["eu"]}"#] {
            assert!(!agree(arguments, &[("Region", "eu")]), "{arguments}");
        }
        assert!(!agree(r#"{"deep":7}"#, &[("Count", "7")]));
    }
}
