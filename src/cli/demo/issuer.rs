//! An issuer that speaks Entra's paths: discovery, key set, `client_credentials` with a secret.
//!
//! Its tokens have the claims of Entra's app-only access tokens, of version 2 for APIs like the
//! gateway's and of version 1 for Graph, as Entra issues them. It also mints the tokens a gateway
//! has to refuse; those are never handed out over HTTP.

use super::super::failure::{Doing, Failure};
use super::generator::unix_now;
use super::host::{Answer, Reply};
use super::signer::Signer;
use crate::base::calendar::Utc;
use http::request::Parts;
use http::{HeaderName, Method, StatusCode, header};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};

/// The gateway's own application id: the audience of tokens for it.
pub const GATEWAY_AUDIENCE: &str = "0b1c6d2e-5a47-4f1b-8e02-7d4c9b3a6f58";
/// The gateway's App ID URI, which callers put in `scope`.
pub const GATEWAY_URI: &str = "api://sluice";
/// Graph's App ID URI and audience.
pub const GRAPH_URI: &str = "https://graph.microsoft.com";
/// An API that has nothing to do with the gateway.
const OTHER_AUDIENCE: &str = "c4d3b2a1-0f9e-4d8c-b7a6-5e4f3d2c1b0a";
const OTHER_URI: &str = "api://payroll";

/// `expires_in` of every token.
const LIFE_SECONDS: u64 = 3_599;
/// Entra dates its tokens five minutes back, for callees whose clocks are behind.
const BACKDATE_SECONDS: u64 = 300;

/// An application registered in the tenant.
pub struct App {
    /// What the story calls it.
    pub name: &'static str,
    /// Its application (client) id.
    pub client_id: String,
    /// Its service principal's object id.
    pub object_id: String,
    /// Its client secret.
    pub secret: String,
    /// App roles it was given on the gateway's API.
    pub roles: Vec<&'static str>,
    /// Groups its service principal is in.
    pub groups: Vec<String>,
}

/// What is wrong with a token, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing: what the token endpoint would issue.
    None,
    /// Signed with a key that is not the issuer's, under the name of one that is.
    Forged,
    /// Its time is over.
    Expired,
    /// For another API of the tenant.
    OtherAudience,
    /// For Graph itself: good there, no good anywhere else.
    GraphAudience,
}

/// The issuer.
pub struct Issuer {
    authority: String,
    tenant: String,
    signer: Signer,
    impostor: Signer,
    apps: Vec<App>,
}

impl Issuer {
    /// An issuer for `tenant` at the base URL `authority`, with fresh keys.
    pub fn new(authority: String, tenant: String, apps: Vec<App>) -> Result<Issuer, Failure> {
        let signer = Signer::generate()?;
        let impostor = Signer::impostor_of(&signer)?;
        Ok(Issuer {
            authority,
            tenant,
            signer,
            impostor,
            apps,
        })
    }

    /// The registered application called `name`.
    pub fn app(&self, name: &str) -> Option<&App> {
        self.apps.iter().find(|app| app.name == name)
    }

    /// The key set, as served.
    pub fn key_set(&self) -> Value {
        json!({ "keys": [self.signer.jwk(&self.issuer_v2())] })
    }

    /// A token of `app` for the gateway, flawed as asked.
    pub fn mint(&self, app: &App, flaw: Flaw) -> Result<String, Failure> {
        let audience = match flaw {
            Flaw::None | Flaw::Forged | Flaw::Expired => GATEWAY_AUDIENCE,
            Flaw::OtherAudience => OTHER_AUDIENCE,
            Flaw::GraphAudience => GRAPH_URI,
        };
        let issued_at = unix_now() - BACKDATE_SECONDS;
        match flaw {
            Flaw::Forged => self.impostor.sign(&self.claims(app, audience, issued_at)),
            Flaw::Expired => {
                let yesterday = issued_at - 86_400;
                self.signer.sign(&self.claims(app, audience, yesterday))
            }
            _ => self.signer.sign(&self.claims(app, audience, issued_at)),
        }
    }

    fn claims(&self, app: &App, audience: &str, issued_at: u64) -> Value {
        let mut claims = json!({
            "aud": audience,
            "iat": issued_at,
            "nbf": issued_at,
            "exp": issued_at + BACKDATE_SECONDS + LIFE_SECONDS,
            "aio": random_text(),
            "idtyp": "app",
            "oid": app.object_id,
            "rh": random_text(),
            "sub": app.object_id,
            "tid": self.tenant,
            "uti": random_text(),
        });
        if audience == GRAPH_URI {
            claims["ver"] = json!("1.0");
            claims["iss"] = json!(format!("{}/{}/", self.authority, self.tenant));
            claims["appid"] = json!(app.client_id);
            claims["appidacr"] = json!("1");
            claims["roles"] = json!(["Directory.Read.All", "User.ReadWrite.All"]);
        } else {
            claims["ver"] = json!("2.0");
            claims["iss"] = json!(self.issuer_v2());
            claims["azp"] = json!(app.client_id);
            claims["azpacr"] = json!("1");
            if !app.roles.is_empty() {
                claims["roles"] = json!(app.roles);
            }
            if !app.groups.is_empty() {
                claims["groups"] = json!(app.groups);
            }
        }
        claims
    }

    fn issuer_v2(&self) -> String {
        format!("{}/{}/v2.0", self.authority, self.tenant)
    }

    fn discovery(&self) -> Value {
        let base = format!("{}/{}", self.authority, self.tenant);
        json!({
            "issuer": self.issuer_v2(),
            "token_endpoint": format!("{base}/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
            "jwks_uri": format!("{base}/discovery/v2.0/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "scopes_supported": ["openid"],
            "cloud_instance_name": "microsoftonline.com",
        })
    }

    /// The token endpoint (RFC 6749, 4.4), with Entra's errors.
    fn token(&self, body: &[u8]) -> Result<Value, Refusal> {
        let form = |name: &str| {
            url::form_urlencoded::parse(body)
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        let need = |name: &'static str| form(name).ok_or(Refusal::Missing(name));
        if need("grant_type")? != "client_credentials" {
            return Err(Refusal::GrantType);
        }
        let client_id = need("client_id")?;
        let app = self.apps.iter().find(|app| app.client_id == client_id);
        let app = app.ok_or(Refusal::UnknownClient)?;
        let secret = form("client_secret").ok_or(Refusal::NoCredential)?;
        if !crate::base::secret::constant_time_eq(secret.as_bytes(), app.secret.as_bytes()) {
            return Err(Refusal::Secret);
        }
        let scope = need("scope")?;
        let resource = scope.strip_suffix("/.default").ok_or(Refusal::Scope)?;
        let flaw = match resource {
            GATEWAY_URI | GATEWAY_AUDIENCE => Flaw::None,
            OTHER_URI => Flaw::OtherAudience,
            GRAPH_URI => Flaw::GraphAudience,
            _ => return Err(Refusal::Resource),
        };
        let token = self.mint(app, flaw).map_err(|_| Refusal::Internal)?;
        Ok(json!({
            "token_type": "Bearer",
            "expires_in": LIFE_SECONDS,
            "ext_expires_in": LIFE_SECONDS,
            "access_token": token,
        }))
    }
}

impl Answer for Issuer {
    fn answer(&self, head: &Parts, body: &[u8]) -> Reply {
        let path = head.uri.path().trim_start_matches('/');
        let Some((tenant, path)) = path.split_once('/') else {
            return Reply::empty(StatusCode::NOT_FOUND);
        };
        if tenant != self.tenant {
            return Refusal::Tenant.reply();
        }
        match (&head.method, path) {
            (&Method::GET, "v2.0/.well-known/openid-configuration") => ok(&self.discovery()),
            (&Method::GET, "discovery/v2.0/keys") => ok(&self.key_set()),
            (&Method::POST, "oauth2/v2.0/token") => match self.token(body) {
                Ok(answer) => uncached(ok(&answer)),
                Err(refusal) => refusal.reply(),
            },
            _ => Reply::empty(StatusCode::NOT_FOUND),
        }
    }
}

/// Why no token was issued.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    Missing(&'static str),
    GrantType,
    UnknownClient,
    NoCredential,
    Secret,
    Scope,
    Resource,
    Tenant,
    Internal,
}

impl Refusal {
    /// Status, OAuth error, AADSTS number and text, as Entra words them.
    fn entra(self) -> (StatusCode, &'static str, u32, String) {
        let bad = StatusCode::BAD_REQUEST;
        let unauthorized = StatusCode::UNAUTHORIZED;
        let text = |text: &str| text.to_owned();
        match self {
            Refusal::Missing(name) => (
                bad,
                "invalid_request",
                900_144,
                format!("The request body must contain the following parameter: '{name}'."),
            ),
            Refusal::GrantType => (
                bad,
                "unsupported_grant_type",
                70_003,
                text("The app requested an unsupported grant type."),
            ),
            Refusal::UnknownClient => (
                bad,
                "unauthorized_client",
                700_016,
                text("Application with the given identifier was not found in the directory."),
            ),
            Refusal::NoCredential => (
                unauthorized,
                "invalid_client",
                7_000_218,
                text(
                    "The request body must contain the following parameter: \
                     'client_assertion' or 'client_secret'.",
                ),
            ),
            Refusal::Secret => (
                unauthorized,
                "invalid_client",
                7_000_215,
                text("Invalid client secret provided."),
            ),
            Refusal::Scope => (
                bad,
                "invalid_scope",
                1_002_012,
                text(
                    "The provided value for scope is not valid. Client credential flows must \
                     have a scope value with /.default suffixed to the resource identifier.",
                ),
            ),
            Refusal::Resource => (
                bad,
                "invalid_resource",
                500_011,
                text("The resource principal was not found in the tenant."),
            ),
            Refusal::Tenant => (bad, "invalid_request", 90_002, text("Tenant not found.")),
            Refusal::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "server_error",
                90_033,
                text("A transient error has occurred. Please try again."),
            ),
        }
    }

    fn reply(self) -> Reply {
        let (status, error, number, text) = self.entra();
        let timestamp = Utc::from_unix(unix_now()).to_string();
        let (trace, correlation) = (random_text(), random_text());
        let body = json!({
            "error": error,
            "error_description": format!(
                "AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation} \
                 Timestamp: {timestamp}"
            ),
            "error_codes": [number],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
        });
        uncached(Reply::json(status, JSON, &body))
    }
}

const JSON: &str = "application/json; charset=utf-8";

fn ok(body: &Value) -> Reply {
    Reply::json(StatusCode::OK, JSON, body)
}

/// RFC 6749, 5.1: what carries a token is not stored.
fn uncached(reply: Reply) -> Reply {
    reply
        .with(header::CACHE_CONTROL, "no-store, no-cache")
        .with(HeaderName::from_static("pragma"), "no-cache")
}

/// Fresh text for the claims and ids whose content means nothing to anybody but Entra.
pub fn random_text() -> String {
    use base64::Engine;
    let mut bytes = [0; 16];
    // Without randomness they are all alike, which nobody who reads them minds.
    let _ = SystemRandom::new().fill(&mut bytes);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// A client secret as long and as random as Entra's.
pub fn random_secret() -> Result<String, Failure> {
    use base64::Engine;
    let mut bytes = [0; 30];
    SystemRandom::new()
        .fill(&mut bytes)
        .doing("draw a client secret")?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}
