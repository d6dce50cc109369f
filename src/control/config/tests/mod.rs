//! A good file, and every kind of mistake made in it with what is then shown.

mod changes;
mod graph;
mod identity;
mod mcp;
mod proxies;
mod schema;
mod upstreams;

use super::*;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const GOOD: &str = r#"listeners: [{ bind: 127.0.0.1:8443, tls: { cert: file:tls.crt, key: file:tls.key } }]
admin: { bind: "127.0.0.1:15000" }
data: ./sluice-data
issuers:
  entra: { kind: entra, tenant: 7E2F0000-0000-0000-0000-000000000001, audiences: [api://sluice] }
  other: { kind: oidc, issuer: "https://id.example/", audiences: [sluice], algorithms: [ES256, PS256] }
credentials:
  reader:
    kind: entra_client
    tenant: contoso.example
    client_id: 9a4d
    secret: env:SECRET
    scope: https://graph.microsoft.com/.default
  fixed: { kind: bearer, token: env:SECRET }
  key: { kind: header, name: X-Api-Key, value: env:SECRET }
connections:
  graph:
    protocol: http
    upstream: https://graph.microsoft.com/
    credential: reader
    masks: [directory]
    record: durable
  local: { protocol: http, upstream: "http://[::1]:3001/api/", record: buffered, forward_headers: ["*"], links: false }
routes:
  - { path: /graph/**, connection: graph }
  - { host: Local.example, connection: local }
policies:
  - name: directory-readers
    connection: graph
    who: { issuer: entra, roles: [Directory.Read], groups: [5f0e] }
    rules:
      - allow: GET /v1.0/users
      - approve: POST /v1.0/users/*/revokeSignInSessions
        by: { groups: [sec-ops] }
        grant: 15m
      - deny: DELETE /**
masks:
  directory:
    fields: [mail, userPrincipalName]
    recognise: [email]
    literals: file:names.txt
    replace: { default: "[{kind}]", userPrincipalName: pseudonym }
limits: { head_time: 5s, request_body_bytes: 1MiB }
workers: ${WORKERS} # not ${UNSET}
io: tokio
"#;

fn environment(name: &str) -> Option<String> {
    match name {
        "SECRET" => Some("hunter2".into()),
        "WORKERS" => Some("3".into()),
        "SPACED" => Some("two words".into()),
        "EMPTY" => Some(String::new()),
        "HEX_KEY" => Some("0123456789abcdef".repeat(4)),
        "BASE64_KEY" => Some("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".into()),
        "SHORT_KEY" => Some("AAECAwQFBgcICQoLDA0ODw==".into()),
        _ => None,
    }
}

/// A directory with the files that [`GOOD`] names.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    for (name, text) in [
        ("tls.crt", made.cert.pem()),
        ("tls.key", made.signing_key.serialize_pem()),
        ("other.key", other.serialize_pem()),
        ("names.txt", "Adele Vance\n\nAlex Wilber\n".to_owned()),
        ("empty", "\n".to_owned()),
        ("ca.pem", made.cert.pem()),
    ] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn judge(directory: &Path, text: &str) -> Result<Config, String> {
    parse(&directory.join("s.yaml"), text.to_owned(), &environment).map_err(|mistakes| {
        let prefix = format!("{}/", directory.display());
        mistakes.to_string().replace(&prefix, "")
    })
}

#[test]
fn a_good_file_is_understood() {
    let directory = directory();
    let config = judge(directory.path(), GOOD).unwrap();
    assert_eq!(config.listeners[0].bind.port(), 8443);
    assert!(config.listeners[0].tls.is_some());
    assert_eq!(config.data, directory.path().join("./sluice-data"));
    assert_eq!(config.workers, 3);
    assert_eq!(config.io, Some(Io::Tokio));
    assert_eq!(config.access_log, AccessLog::Stdout);
    assert_eq!(config.limits.head_time, Duration::from_secs(5));
    assert_eq!(config.limits.request_body_bytes, 1 << 20);
    let issuers = config.trusted_issuers().unwrap();
    let tenant = "7e2f0000-0000-0000-0000-000000000001";
    for accepted in [
        format!("https://login.microsoftonline.com/{tenant}/v2.0"),
        format!("https://sts.windows.net/{tenant}/"),
    ] {
        assert!(issuers[0].goes_by(&accepted), "{accepted}");
    }
    assert_eq!(
        issuers[1].discovery_url(),
        "https://id.example/.well-known/openid-configuration"
    );
    let [graph, local] = config.connections.as_slice() else {
        panic!("two connections")
    };
    assert_eq!(
        (graph.credential, graph.masks.as_slice()),
        (Some(0), &[0][..])
    );
    assert_eq!(
        graph.upstream().unwrap().to_string(),
        "https://graph.microsoft.com"
    );
    assert_eq!(
        local.upstream().unwrap().to_string(),
        "http://[::1]:3001/api"
    );
    assert_eq!(local.forward_headers, ForwardHeaders::All);
    assert_eq!(config.routes[0].prefix, "/graph");
    assert_eq!(config.routes[1].host.as_deref(), Some("local.example"));
    let rules = &config.policies[0].rules;
    assert_eq!(rules[0].pattern, "GET /v1.0/users");
    assert_eq!(&*rules[2].text, "deny: DELETE /**");
    let Effect::Approve { grant, .. } = &rules[1].effect else {
        panic!("approve")
    };
    assert_eq!(*grant, Grant::Window(Duration::from_secs(900)));
    assert_eq!(config.masks[0].literals, ["Adele Vance", "Alex Wilber"]);
}

#[test]
fn no_secret_is_shown() {
    let directory = directory();
    let config = judge(directory.path(), GOOD).unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2"));
    assert!(!shown.contains("PRIVATE"));
}

#[test]
fn a_missing_file_is_named() {
    let error = load(&PathBuf::from("/no/such/sluice.yaml")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/no/such/sluice.yaml: No such file or directory (os error 2)"
    );
}

/// (what is replaced in [`GOOD`], by what, what is shown)
const MISTAKES: &[(&str, &str, &str)] = &include!("mistakes.in");

#[test]
fn every_mistake_is_shown_where_it_stands() {
    all_shown(GOOD, MISTAKES);
}

/// Makes each of `mistakes` in `good` and compares what is shown. Fails with all that differ,
/// written as the table wants them.
fn all_shown(good: &str, mistakes: &[(&str, &str, &str)]) {
    let directory = directory();
    let mut wrong = String::new();
    for (from, to, want) in mistakes {
        assert!(good.contains(from), "{from}");
        let text = good.replacen(from, to, 1);
        let got = judge(directory.path(), &text)
            .err()
            .unwrap_or_else(|| "good".into());
        if got.trim() != want.trim() {
            wrong.push_str(&format!("    (\n        r#\"{from}\"#,\n        r#\"{to}\"#,\n        r#\"\n{got}\n\"#,\n    ),\n"));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn several_mistakes_are_shown_at_once() {
    let directory = directory();
    let text = GOOD
        .replace("issuer: entra", "issuer: entar")
        .replace("io: tokio", "io: tokyo");
    let want = "s.yaml:30:20: unknown issuer `entar`
 30 |     who: { issuer: entar, roles: [Directory.Read], groups: [5f0e] }
    |                    ^^^^^
    = did you mean `entra`?

s.yaml:45:5: unknown driver `tokyo`
 45 | io: tokyo
    |     ^^^^^
    = did you mean `tokio`?";
    assert_eq!(judge(directory.path(), &text).unwrap_err(), want);
}

#[test]
fn a_token_has_one_issuer() {
    let directory = directory();
    let twin = "issuers:\n  twin: { kind: entra, tenant: TENANT, audiences: [api://other] }\n";
    let tenant = GOOD.split("tenant: ").nth(1).unwrap();
    let twin = twin.replace("TENANT", &tenant[..36].to_uppercase());
    let got = judge(directory.path(), &GOOD.replace("issuers:\n", &twin)).unwrap_err();
    assert!(
        got.contains("the issuer `twin` goes by the same `iss`"),
        "{got}"
    );
}

#[test]
fn ids_are_written_as_tokens_have_them() {
    use crate::control::rules::preview;
    let directory = directory();
    let id = "0B1C0000-0000-0000-0000-00000000000A";
    let with = |clients: &str| {
        let who = format!("groups: [{id}, sec-ops], clients: [{clients}]");
        judge(directory.path(), &GOOD.replace("groups: [5f0e]", &who)).unwrap()
    };
    let rules = preview(&with(id)).unwrap();
    let who = &rules.connections[0].policies.policies[0].who;
    assert_eq!(who.clients, [id.to_lowercase()]);
    assert_eq!(who.groups, [id.to_lowercase(), "sec-ops".to_owned()]);
    let got = preview(&with("my-app")).err().unwrap().to_string();
    assert!(got.contains("`my-app` is no client's id"), "{got}");
}
