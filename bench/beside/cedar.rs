//! The rules of `policy.rs` as Cedar says them, and its judgement of the same call.
//!
//! What Cedar lacks is left out: numbers with a fraction and null among the arguments, the length of
//! a text; a call that needs an approval is permitted here.

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request,
};

/// Effect, action, condition.
const RULES: [(&str, &str, &str); 8] = [
    (
        "permit",
        "tools/call",
        r#"context.name like "search_*" && context.arguments.limit <= 100 && context.arguments has query"#,
    ),
    (
        "permit",
        "tools/call",
        r#"context.name like "get_*" && context.arguments has id"#,
    ),
    (
        "permit",
        "resources/read",
        r#"context.name like "file:///docs/*" && !(context.name like "*.key")"#,
    ),
    (
        "permit",
        "tools/call",
        r#"context.name == "close_ticket" && context.arguments.count > 1"#,
    ),
    ("forbid", "tools/call", r#"context.name like "delete_*""#),
    (
        "forbid",
        "tools/call",
        "context.arguments has force && context.arguments.force == true",
    ),
    (
        "forbid",
        "tools/call",
        r#"context.arguments.labels.contains("secret")"#,
    ),
    ("permit", "prompts/get", "true"),
];

/// Policies, who is who, and one call.
pub struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
    context: serde_json::Value,
}

impl Cedar {
    /// The rules once for each role, and a caller of these roles who calls tool `name`.
    ///
    /// # Panics
    /// When Cedar does not take them.
    #[must_use]
    pub fn new(roles: [&str; 3], has: &[&str], name: &str, arguments: &str) -> Cedar {
        let mut text = String::new();
        for role in roles {
            for (effect, action, condition) in RULES {
                text += &format!(
                    "{effect}(principal in Role::\"{role}\", action == Action::\"{action}\", resource)\n\
                     when {{ {condition} }};\n"
                );
            }
        }
        let parents = has.iter().map(|role| uid("Role", role)).collect();
        let caller = Entity::new_no_attrs(uid("Client", "app"), parents);
        let mut arguments: serde_json::Value = serde_json::from_str(arguments).expect("JSON");
        if let Some(members) = arguments.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        Cedar {
            authorizer: Authorizer::new(),
            policies: text.parse().expect("policies"),
            entities: Entities::from_entities([caller], None).expect("entities"),
            context: serde_json::json!({ "name": name, "arguments": arguments }),
        }
    }

    /// What Cedar is asked: the call with its arguments.
    ///
    /// # Panics
    /// When Cedar does not take it.
    #[must_use]
    pub fn request(&self) -> Request {
        let context = Context::from_json_value(self.context.clone(), None).expect("a context");
        let (caller, action) = (uid("Client", "app"), uid("Action", "tools/call"));
        Request::new(caller, action, uid("Server", "tickets"), context, None).expect("a request")
    }

    /// Whether the call is allowed.
    #[must_use]
    pub fn allows(&self, request: &Request) -> bool {
        let response = (self.authorizer).is_authorized(request, &self.policies, &self.entities);
        response.decision() == Decision::Allow
    }
}

fn uid(kind: &str, name: &str) -> EntityUid {
    format!("{kind}::\"{name}\"").parse().expect("a name")
}
