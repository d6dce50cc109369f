//! A directory that speaks Graph's ways: users and groups, `$top`, `$select`, paging by
//! `@odata.nextLink`, lists chunked and objects with a length, Graph's errors, throttling, batches.

use super::batch;
use super::bearer::Bearers;
use super::generator::Generator;
use super::generator::unix_now;
use super::host::{Answer, Reply};
use super::odata::{Query, page, select};
use super::tenant::Tenant;
use crate::base::calendar::Utc;
use http::request::Parts;
use http::{HeaderName, StatusCode, header};
use serde_json::{Map, Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lists go out in chunks of this size: a prime, so that values straddle chunk borders in ever new
/// places.
const LIST_CHUNK_BYTES: usize = 701;
/// What `Retry-After` says on the throttled path, in seconds.
pub const RETRY_AFTER: &str = "1";
/// How many sign-ins the audit log holds.
const SIGN_INS: usize = 20;
/// What Graph answers of a user when nothing is selected.
const USER_DEFAULT: &[&str] = &[
    "businessPhones",
    "displayName",
    "givenName",
    "id",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
];

/// The directory.
pub struct Directory {
    base: String,
    bearers: Bearers,
    state: Mutex<State>,
}

struct State {
    tenant: Tenant,
    ids: Generator,
    /// The last call for sign-ins was throttled, so the next one is answered.
    throttled: bool,
}

impl Directory {
    /// A directory at the base URL `base`, holding the generated tenant.
    pub fn new(base: String, bearers: Bearers) -> Directory {
        Directory {
            base,
            bearers,
            state: Mutex::new(State {
                tenant: Tenant::generate(),
                ids: Generator::new(unix_now()),
                throttled: false,
            }),
        }
    }

    fn route(&self, head: &Parts, body: &[u8]) -> Result<Reply, GraphError> {
        let query = Query::parse(head.uri.query().unwrap_or(""))?;
        let path = head.uri.path().strip_prefix("/v1.0/").unwrap_or("");
        let segments: Vec<&str> = path.split('/').collect();
        // HEAD is GET without the body, which hyper sees to.
        let method = match head.method.as_str() {
            "HEAD" => "GET",
            other => other,
        };
        match (method, &segments[..]) {
            ("GET", ["users"]) => self.users(&query),
            ("GET", ["users", id]) => self.user(id, &query),
            ("GET", ["groups"]) => self.groups(&query),
            ("GET", ["groups", id]) => self.group(id, &query),
            ("GET", ["groups", id, "members"]) => self.members(id, &query),
            ("GET", ["auditLogs", "signIns"]) => self.sign_ins(&query),
            ("POST", ["users"]) => self.create(body),
            ("POST", ["users", id, "revokeSignInSessions"]) => self.revoke(id),
            ("PATCH", ["users", id]) => self.change(id, body),
            ("DELETE", ["users", id]) => self.delete(id),
            ("POST", ["$batch"]) => Ok(list(batch::answer(self, body)?)),
            ("GET" | "POST" | "PATCH" | "DELETE", _) => Err(GraphError::NO_SEGMENT),
            _ => Err(GraphError::METHOD),
        }
    }

    /// Answers a request whose caller is known.
    pub(super) fn alone(&self, head: &Parts, body: &[u8]) -> Reply {
        self.route(head, body)
            .unwrap_or_else(|error| error.reply(&super::issuer::random_text()))
    }

    fn users(&self, query: &Query) -> Result<Reply, GraphError> {
        let state = self.state();
        let users = state
            .tenant
            .users
            .iter()
            .map(|user| select(user, query, USER_DEFAULT));
        Ok(list(page(&self.base, "users", users.collect(), query)?))
    }

    fn user(&self, id: &str, query: &Query) -> Result<Reply, GraphError> {
        let state = self.state();
        let user = &state.tenant.users[state.find_user(id)?];
        Ok(self.entity("users", select(user, query, USER_DEFAULT)))
    }

    fn groups(&self, query: &Query) -> Result<Reply, GraphError> {
        let state = self.state();
        let groups = state.tenant.groups.iter();
        let groups = groups.map(|group| select(&group.object, query, &[]));
        Ok(list(page(&self.base, "groups", groups.collect(), query)?))
    }

    fn group(&self, id: &str, query: &Query) -> Result<Reply, GraphError> {
        let state = self.state();
        let group = &state.tenant.groups[state.find_group(id)?];
        Ok(self.entity("groups", select(&group.object, query, &[])))
    }

    fn members(&self, id: &str, query: &Query) -> Result<Reply, GraphError> {
        let state = self.state();
        let group = &state.tenant.groups[state.find_group(id)?];
        let users = state.tenant.users.iter();
        let inside = users.filter(|user| group.members.iter().any(|id| user["id"] == **id));
        let members = inside.map(|user| {
            let mut member = Map::new();
            member.insert("@odata.type".into(), json!("#microsoft.graph.user"));
            member.extend(select(user, query, USER_DEFAULT));
            member
        });
        let path = format!("groups/{id}/members");
        Ok(list(page(&self.base, &path, members.collect(), query)?))
    }

    /// The audit log, which throttles every other call.
    fn sign_ins(&self, query: &Query) -> Result<Reply, GraphError> {
        let mut state = self.state();
        state.throttled = !state.throttled;
        if state.throttled {
            return Err(GraphError::THROTTLED);
        }
        let users = state.tenant.users.iter().take(SIGN_INS);
        let sign_ins = users.map(|user| {
            let mut sign_in = Map::new();
            for (name, of_user) in [
                ("id", "employeeId"),
                ("userId", "id"),
                ("userDisplayName", "displayName"),
                ("userPrincipalName", "userPrincipalName"),
            ] {
                sign_in.insert(name.into(), user[of_user].clone());
            }
            select(&sign_in, query, &[])
        });
        let sign_ins = sign_ins.collect();
        Ok(list(page(
            &self.base,
            "auditLogs/signIns",
            sign_ins,
            query,
        )?))
    }

    fn create(&self, body: &[u8]) -> Result<Reply, GraphError> {
        let mut user = object(body)?;
        for needed in ["displayName", "userPrincipalName"] {
            if !user.get(needed).is_some_and(Value::is_string) {
                return Err(GraphError::MISSING_PROPERTY);
            }
        }
        let mut state = self.state();
        let id = state.ids.guid();
        user.insert("id".into(), json!(id));
        state.tenant.users.push(user.clone());
        let reply = self.entity("users", user);
        let location = format!("{}/v1.0/users/{id}", self.base);
        Ok(Reply {
            status: StatusCode::CREATED,
            ..reply.with(header::LOCATION, &location)
        })
    }

    fn change(&self, id: &str, body: &[u8]) -> Result<Reply, GraphError> {
        let mut changes = object(body)?;
        changes.remove("id");
        let mut state = self.state();
        let index = state.find_user(id)?;
        state.tenant.users[index].extend(changes);
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    fn delete(&self, id: &str) -> Result<Reply, GraphError> {
        let mut state = self.state();
        let index = state.find_user(id)?;
        state.tenant.users.remove(index);
        Ok(Reply::empty(StatusCode::NO_CONTENT))
    }

    fn revoke(&self, id: &str) -> Result<Reply, GraphError> {
        self.state().find_user(id)?;
        let body = json!({
            "@odata.context": format!("{}/v1.0/$metadata#Edm.Boolean", self.base),
            "value": true,
        });
        Ok(Reply::json(StatusCode::OK, JSON, &body))
    }

    /// One object, with its `Content-Length`.
    fn entity(&self, set: &str, object: Map<String, Value>) -> Reply {
        let mut body = Map::new();
        let context = format!("{}/v1.0/$metadata#{set}/$entity", self.base);
        body.insert("@odata.context".into(), json!(context));
        body.extend(object);
        Reply::json(StatusCode::OK, JSON, &Value::Object(body))
    }

    /// A panic in one answer leaves the tenant as it was or changed: both can be read.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// By object id or by user principal name, as Graph has it.
    fn find_user(&self, id: &str) -> Result<usize, GraphError> {
        self.tenant
            .users
            .iter()
            .position(|user| user["id"] == *id || user["userPrincipalName"] == *id)
            .ok_or(GraphError::NOT_FOUND)
    }

    fn find_group(&self, id: &str) -> Result<usize, GraphError> {
        self.tenant
            .groups
            .iter()
            .position(|group| group.object["id"] == *id)
            .ok_or(GraphError::NOT_FOUND)
    }
}

impl Answer for Directory {
    fn answer(&self, head: &Parts, body: &[u8]) -> Reply {
        let request_id = super::issuer::random_text();
        let reply = match self.bearers.check(&head.headers) {
            Err(why) => GraphError::unauthenticated(why).reply(&request_id).with(
                header::WWW_AUTHENTICATE,
                "Bearer realm=\"\", error=\"invalid_token\"",
            ),
            Ok(()) => self
                .route(head, body)
                .unwrap_or_else(|error| error.reply(&request_id)),
        };
        let asked = head.headers.get("client-request-id");
        let asked = asked.and_then(|id| id.to_str().ok()).unwrap_or(&request_id);
        reply
            .with(HeaderName::from_static("request-id"), &request_id)
            .with(HeaderName::from_static("client-request-id"), asked)
            .with(HeaderName::from_static("odata-version"), "4.0")
            .with(header::CACHE_CONTROL, "no-cache")
    }
}

const JSON: &str = "application/json;odata.metadata=minimal;odata.streaming=true;\
                    IEEE754Compatible=false;charset=utf-8";

fn list(body: Value) -> Reply {
    Reply::json(StatusCode::OK, JSON, &body).in_chunks_of(LIST_CHUNK_BYTES)
}

fn object(body: &[u8]) -> Result<Map<String, Value>, GraphError> {
    serde_json::from_slice(body).map_err(|_| GraphError::UNREADABLE)
}

/// An answer that is an error, in Graph's form.
#[derive(Clone, Copy, Debug)]
pub struct GraphError {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
}

impl GraphError {
    const NOT_FOUND: GraphError = GraphError::new(
        StatusCode::NOT_FOUND,
        "Request_ResourceNotFound",
        "Resource does not exist or one of its queried reference-property objects are not present.",
    );
    const NO_SEGMENT: GraphError = GraphError::new(
        StatusCode::BAD_REQUEST,
        "BadRequest",
        "Resource not found for the segment.",
    );
    const METHOD: GraphError = GraphError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "Request_BadRequest",
        "Specified HTTP method is not allowed for the request target.",
    );
    /// A body that is not what the path takes.
    pub const UNREADABLE: GraphError = GraphError::new(
        StatusCode::BAD_REQUEST,
        "BadRequest",
        "Unable to read JSON request payload.",
    );
    const MISSING_PROPERTY: GraphError = GraphError::new(
        StatusCode::BAD_REQUEST,
        "Request_BadRequest",
        "A value is required for property 'displayName' and 'userPrincipalName' of resource 'User'.",
    );
    const THROTTLED: GraphError = GraphError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "TooManyRequests",
        "Too many requests. Please retry after the time given in Retry-After.",
    );
    /// A query option that is not answered here, or not understood.
    pub const QUERY: GraphError = GraphError::new(
        StatusCode::BAD_REQUEST,
        "Request_UnsupportedQuery",
        "The query option is not supported, or its value is not valid.",
    );

    const fn new(status: StatusCode, code: &'static str, message: &'static str) -> GraphError {
        GraphError {
            status,
            code,
            message,
        }
    }

    fn unauthenticated(message: &'static str) -> GraphError {
        GraphError::new(
            StatusCode::UNAUTHORIZED,
            "InvalidAuthenticationToken",
            message,
        )
    }

    fn reply(self, request_id: &str) -> Reply {
        let body = json!({ "error": {
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": Utc::from_unix(unix_now()).to_string().trim_end_matches('Z'),
                "request-id": request_id,
                "client-request-id": request_id,
            },
        }});
        let reply = Reply::json(self.status, JSON, &body);
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            return reply.with(header::RETRY_AFTER, RETRY_AFTER);
        }
        reply
    }
}
