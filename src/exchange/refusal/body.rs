//! Refusals in JSON, as callers of HTTP and of Graph read errors.

use serde_json::{Value, json};

use super::{GraphRefusal, Refusal};

impl Refusal {
    /// The body of the answer: also what stands in a batch in the place of one response.
    #[must_use]
    pub(in crate::exchange) fn body(&self) -> Value {
        let told = self.told();
        let mut error = json!({"code": told.code, "message": told.sentence});
        if let Some(rule) = self.rule() {
            error["rule"] = (*rule.name).into();
        }
        if let Refusal::Graph(GraphRefusal::Denied(parts)) = self.why() {
            let one = |(id, why): &(Box<str>, Refusal)| {
                let mut part = json!({"id": &**id, "code": why.code()});
                if let Some(rule) = why.rule() {
                    part["rule"] = (*rule.name).into();
                }
                part
            };
            error["requests"] = parts.iter().map(one).collect();
        }
        json!({ "error": error })
    }
}
