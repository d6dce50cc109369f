//! What is known to go wrong: reads that lose bytes when they are dropped, secrets that get shown.

use super::source::{Source, closing, crate_sources, tokens};
use crate::{Excepted, Finding, can_fail, hold};

/// A read that a timer drops may take bytes with it. The data plane waits for readiness, which
/// moves no byte, and races two futures in one place only, `worker::wait`.
#[test]
fn the_data_plane_drops_no_read() {
    hold("no dropped reads", &dropped_reads(crate_sources()), &[]);
    can_fail(
        dropped_reads,
        "src/worker/pump.rs",
        &[
            "async fn f() { tokio::time::timeout(t, stream.read(buffer)).await }",
            "async fn f() { tokio::select! { _ = a => {} } }",
            "async fn f() { futures_util::select!(a, b) }",
            "use tokio::io::AsyncReadExt;",
        ],
        &["async fn f() { worker.within(until, readable).await }"],
    );
}

fn dropped_reads(sources: &[Source]) -> Vec<Finding> {
    named(sources, |source, pair| {
        source.room() == "worker"
            && (matches!(
                pair,
                ["timeout" | "timeout_at", "("] | ["select" | "select_biased", "!"]
            ) || matches!(pair[0], "AsyncReadExt" | "AsyncRead"))
    })
}

/// The kernel's own vectors hold bare pointers; `IoSlice` says the same and borrows.
#[test]
fn vectors_are_slices() {
    let rule = |sources: &[Source]| named(sources, |_, pair| pair[0] == "iovec");
    hold("no iovec", &rule(crate_sources()), &[]);
    can_fail(
        rule,
        "src/worker/io/sys.rs",
        &["fn f(v: libc::iovec) {}"],
        &["fn f(v: IoSlice) {}"],
    );
}

const fn exposes(path: &'static str, why: &'static str) -> Excepted {
    Excepted {
        path,
        what: "expose",
        why,
    }
}

/// Every place that sees the bytes of a secret.
const EXPOSED: &[Excepted] = &[
    exposes("src/base/secret.rs", "where it is defined"),
    exposes("src/auth/cache.rs", "tokens are looked up by what they are"),
    exposes(
        "src/base/credential/callers.rs",
        "what is kept of callers is weighed",
    ),
    exposes(
        "src/exchange/forward",
        "the credential is written into the upstream's head",
    ),
    exposes(
        "src/recorder/keys.rs",
        "a signing seed goes to ring, and to its own file",
    ),
    exposes(
        "src/control/config/check/edge.rs",
        "is this PEM a private key?",
    ),
    exposes(
        "src/control/config/check/credentials.rs",
        "can this secret stand in a header?",
    ),
    exposes(
        "src/control/config/check/servers.rs",
        "can this secret stand in a process's environment?",
    ),
    exposes(
        "src/control/config/secrets.rs",
        "a session key is decoded from base64 or hexadecimal digits",
    ),
    exposes(
        "src/control/tokens/",
        "secrets and keys go to the issuer and to ring, its tokens into a header",
    ),
    exposes(
        "src/control/groups.rs",
        "a token for the directory goes into a header",
    ),
    exposes(
        "src/cli/bench/",
        "a caller's own token goes into its requests",
    ),
    exposes(
        "src/control/config/check/identities.rs",
        "can this secret stand in a header, and not be guessed?",
    ),
    exposes(
        "src/control/identities.rs",
        "a token for the gateway goes to the caller whose identity it is",
    ),
    exposes("src/control/admin.rs", "a bearer is compared"),
    exposes(
        "src/control/config/check/traces.rs",
        "can this secret stand in a header field?",
    ),
    exposes(
        "src/control/traces.rs",
        "a collector gets the header fields that it wants",
    ),
    exposes(
        "src/control/config/check/proxies.rs",
        "a password is encoded as a proxy wants to see it",
    ),
    exposes("src/control/http_client.rs", "that goes to the proxy"),
    exposes("src/exchange/rules.rs", "and so it does from a worker"),
    exposes(
        "src/servers/union/wire.rs",
        "the inner secret and the caller's own token go to the gateway's inner listener",
    ),
    exposes("src/tls/server.rs", "the listener's key goes to rustls"),
    exposes("src/mcp/seal.rs", "session keys go to ring"),
    exposes(
        "src/servers/stdio/",
        "a process gets its environment; what it says is searched for it",
    ),
];

#[test]
fn secrets_are_exposed_where_they_must_be() {
    let rule = |sources: &[Source]| named(sources, |_, pair| pair[0] == "expose" && pair[1] == "(");
    hold(
        "secrets are exposed where they must be",
        &rule(crate_sources()),
        EXPOSED,
    );
    can_fail(
        rule,
        "src/control/access.rs",
        &["fn f() { log(secret.expose()) }"],
        &["fn f() {}"],
    );
}

const SHOWN: &[Excepted] = &[Excepted {
    path: "src/control/config/model/mod.rs",
    what: "pem: Vec<u8>",
    why: "certificates of trusted roots, which are public",
}];

#[test]
fn debug_shows_no_secret() {
    hold("debug shows no secret", &shown(crate_sources()), SHOWN);
    can_fail(
        shown,
        "src/control/tokens.rs",
        &[
            "#[derive(Clone, Debug)]\npub struct A { pub client_secret: String }",
            "#[derive(Debug)] struct A { key: [u8; 32] }",
            "#[derive(Debug)] struct A { id: u8, token: Option<Vec<u8>> }",
            "#[derive(Debug, serde::Serialize)] enum A { B { access_token: Box<str> } }",
        ],
        &[
            "#[derive(Debug)] pub struct A { secret: Secret }",
            "#[derive(Debug)] struct A { token_id: String, keys: Vec<Key> }",
            "#[derive(Clone)] struct A { key: [u8; 32] }",
        ],
    );
}

/// Types that derive `Debug` and have a field that is called a secret and is bare bytes or text.
fn shown(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for (start, _) in source.code.match_indices("#[derive(") {
            let rest = &source.code[start..];
            let list = &rest[..rest.find(']').unwrap_or(rest.len())];
            if !tokens(list).iter().any(|token| token.text == "Debug") {
                continue;
            }
            let tokens = tokens(rest);
            let open = tokens
                .iter()
                .position(|token| matches!(token.text, "{" | ";"));
            let Some(open) = open.filter(|open| tokens[*open].text == "{") else {
                continue;
            };
            let end = closing(&tokens, open);
            for line in rest[tokens[open].at..end].split([',', '{', '}', '\n']) {
                if is_bare_secret(line) {
                    findings.push(Finding::at(source, start, line.trim()));
                }
            }
        }
    }
    findings
}

fn is_bare_secret(field: &str) -> bool {
    const NAMES: &[&str] = &[
        "secret", "token", "key", "password", "bearer", "seed", "pem",
    ];
    const BARE: &[&str] = &["String", "Vec<u8>", "[u8", "Box<str>", "Arc<str>", "Bytes"];
    let Some((name, kind)) = field.split_once(':') else {
        return false;
    };
    let last = name.trim().rsplit([' ', '_']).next().unwrap_or_default();
    NAMES.contains(&last) && BARE.iter().any(|bare| kind.contains(bare))
}

/// Places where two tokens in a row are `bad`, in what ships.
fn named(sources: &[Source], bad: impl Fn(&Source, [&str; 2]) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for pair in tokens(&source.shipped).windows(2) {
            if bad(source, [pair[0].text, pair[1].text]) {
                findings.push(Finding::at(source, pair[0].at, pair[0].text));
            }
        }
    }
    findings
}
