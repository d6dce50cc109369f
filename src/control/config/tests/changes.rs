//! What is said to be different between two files.

use super::*;

fn entries(added: &[&str], removed: &[&str], changed: &[&str]) -> Entries {
    let names = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
    Entries {
        added: names(added),
        removed: names(removed),
        changed: names(changed),
    }
}

/// The changes from `good` to what it becomes when each `from` is replaced by its `to`.
fn changes(good: &str, edits: &[(&str, &str)]) -> Changes {
    let directory = directory();
    let old = judge(directory.path(), good).unwrap();
    let mut text = good.to_owned();
    for (from, to) in edits {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    diff(&old, &judge(directory.path(), &text).unwrap())
}

#[test]
fn the_same_is_no_change() {
    for good in [GOOD, mcp::GOOD] {
        assert!(changes(good, &[]).is_empty());
        let comment = [("connections:\n", "# about\n\n\nconnections:\n")];
        assert!(changes(good, &comment).is_empty());
    }
}

#[test]
fn another_order_is_no_change() {
    let other = "  other: { kind: oidc, issuer: \"https://id.example/\", audiences: [sluice] }\n";
    let shared = "  shared: { protocol: mcp, stdio: { command: ./server, share: all } }\n";
    let first = "  unused: { kind: bearer, token: env:SECRET }\n  fixed:";
    let edits = [
        (other, ""),
        ("issuers:\n", &format!("issuers:\n{other}")),
        (shared, ""),
        ("connections:\n", &format!("connections:\n{shared}")),
        ("  fixed:", first),
        ("  - { path: /mcp/tickets/**, connection: tickets }\n", ""),
        (
            "  - { path: /plain/**, connection: plain }\n",
            "  - { path: /plain/**, connection: plain }\n  - { path: /mcp/tickets/**, connection: tickets }\n",
        ),
    ];
    let got = changes(mcp::GOOD, &edits);
    let want = Changes {
        credentials: entries(&["unused"], &[], &[]),
        ..Changes::default()
    };
    assert_eq!(got, want);
}

/// Puts into the changes what one edit is to be told as.
type Want = fn(&mut Changes);

/// What holders have to prove is judged with their issuer.
#[test]
fn other_rules_for_holders_are_another_issuer() {
    for (to, issuers) in [
        ("[sluice], dpop: { nonce: true }", &["other"][..]),
        ("[sluice], bound: dpop", &["other"]),
    ] {
        let got = changes(mcp::GOOD, &[("[sluice]", to)]);
        assert_eq!(got.issuers, entries(&[], &[], issuers), "{to}");
        assert_eq!(got.refusal(), None);
    }
    let window = "data: data\nlimits: { dpop_window: 9s }\n";
    let got = changes(mcp::GOOD, &[("data: data\n", window)]);
    assert_eq!(got.issuers, entries(&[], &[], &["entra", "other"]));
}

#[test]
fn what_can_be_swapped_is_told_apart() {
    let tickets: Want = |want| want.connections = entries(&[], &[], &["tickets"]);
    let policy: Want = |want| want.policies = entries(&[], &[], &["ticket-agents"]);
    let table: [(&str, &str, Want); 20] = [
        ("record: durable", "record: buffered", tickets),
        ("    credential: fixed\n", "", tickets),
        (
            "record: durable",
            "record: durable\n    limits: { calls: 7 }",
            tickets,
        ),
        (
            "upstream: http://127.0.0.1:3001/mcp/",
            "upstream: [ http://127.0.0.1:3001/mcp/, http://127.0.0.2:3001/mcp/ ]",
            tickets,
        ),
        ("masks: [directory]", "masks: []", tickets),
        ("concurrent: 4", "concurrent: 5", tickets),
        ("MODE: read", "MODE: write", |want| {
            want.connections = entries(&[], &[], &["files"]);
            want.servers = entries(&[], &[], &["files"]);
        }),
        ("fields: [mail]", "fields: [mail, phone]", |want| {
            want.masks = entries(&[], &[], &["directory"]);
        }),
        ("bearer, token", "header, name: X-Key, value", |want| {
            want.credentials = entries(&[], &[], &["fixed"])
        }),
        ("[sluice]", "[sluice, more]", |want| {
            want.issuers = entries(&[], &[], &["other"]);
        }),
        ("arguments.force == true", "arguments.force", policy),
        ("shadow: true", "shadow: false", policy),
        (
            "scopes: [tickets.read] }",
            "scopes: [tickets.write] }",
            policy,
        ),
        ("tools/call search_*", "tools/call find_*", policy),
        ("issuer: entra, scopes", "issuer: other, scopes", policy),
        ("/mcp/all/**", "/all/**", |want| want.routes = true),
        ("https://Gateway", "https://edge", |want| {
            want.public_url = true
        }),
        ("id: k2", "id: k3", |want| want.session_keys = true),
        (
            "data: data\n",
            "data: data\nlimits: { head_time: 9s, connections_per_worker: 7 }\n",
            |want| want.limits = true,
        ),
        (
            "data: data\n",
            "data: data\nlimits: { clock_skew: 1s }\n",
            |want| {
                want.limits = true;
                want.issuers = entries(&[], &[], &["entra", "other"]);
            },
        ),
    ];
    for (from, to, set) in table {
        let got = changes(mcp::GOOD, &[(from, to)]);
        let mut want = Changes::default();
        set(&mut want);
        assert_eq!(got, want, "{to}");
        assert_eq!(got.refusal(), None);
    }
}

#[test]
fn what_comes_and_goes_is_named() {
    let edits = [
        ("  shared: {", "  joint: {"),
        (
            "/mcp/shared/**, connection: shared",
            "/mcp/joint/**, connection: joint",
        ),
        (
            "members: [tickets, files]",
            "members: [tickets, files, joint]",
        ),
        ("name: plain", "name: plainer"),
        ("  directory: {", "  people: {"),
        ("masks: [directory]", "masks: [people]"),
    ];
    let got = changes(mcp::GOOD, &edits);
    let want = Changes {
        connections: entries(&["joint"], &["shared"], &["all", "tickets"]),
        servers: entries(&["joint"], &["shared"], &["all"]),
        routes: true,
        policies: entries(&["plainer"], &["plain"], &[]),
        masks: entries(&["people"], &["directory"], &[]),
        ..Changes::default()
    };
    assert_eq!(got, want);
}

#[test]
fn a_server_that_moves_away_is_one_that_changed() {
    let stdio = "stdio: { command: ./server, share: all }";
    let got = changes(
        mcp::GOOD,
        &[(stdio, "upstream: \"http://127.0.0.1:9/mcp\"")],
    );
    let shared = entries(&[], &[], &["shared"]);
    assert_eq!((&got.connections, &got.servers), (&shared, &shared));
}

#[test]
fn what_takes_a_restart_is_refused_by_name() {
    let facade = "facade: { bind: 127.0.0.1:8444, public_url: \"https://auth.gateway.example\", client_id: 7E2F0000-0000-0000-0000-00000000000A }";
    for (from, to, key) in [
        ("127.0.0.1:8443", "127.0.0.1:8442", "listeners"),
        (
            "127.0.0.1:8443",
            "127.0.0.1:8443, proxy_protocol: { from: [10.0.0.0/8] }",
            "listeners",
        ),
        (
            "127.0.0.1:8443",
            "127.0.0.1:8443, forwarded: { from: [10.0.0.0/8] }",
            "listeners",
        ),
        (
            "data: data\n",
            "data: data\nadmin: { bind: 127.0.0.1:9 }\n",
            "admin",
        ),
        ("data: data\n", "data: date\n", "data"),
        ("data: data\n", "data: data\nworkers: 777\n", "workers"),
        ("data: data\n", "data: data\nio: epoll\n", "io"),
        (
            "data: data\n",
            "data: data\naccess_log: off\n",
            "access_log",
        ),
        (
            "data: data\n",
            "data: data\nlimits: { segment_bytes: 8MiB }\n",
            "limits.segment_bytes",
        ),
        (
            "data: data\n",
            "data: data\nlimits: { retention_bytes: 9GiB }\n",
            "limits.retention_bytes",
        ),
        (
            "data: data\n",
            "data: data\nlimits: { reserve_bytes: 9MiB }\n",
            "limits.reserve_bytes",
        ),
        ("127.0.0.1:8444", "127.0.0.1:8445", "issuers.entra.facade"),
        (facade, "", "issuers.entra.facade"),
    ] {
        let got = changes(mcp::GOOD, &[(from, to)]);
        let want = Changes {
            restart: vec![key.to_owned()],
            ..Changes::default()
        };
        assert_eq!(got, want, "{to}");
        let why = got.refusal().unwrap();
        assert!(why.starts_with(&format!("`{key}` cannot change")), "{why}");
    }
    let edits = [("data: data\n", "data: date\nio: epoll\nworkers: 777\n")];
    let why = changes(mcp::GOOD, &edits).refusal().unwrap();
    assert!(
        why.starts_with("`data`, `workers` and `io` cannot"),
        "{why}"
    );
}

#[test]
fn a_renewed_certificate_is_not_another_listener() {
    let directory = directory();
    let old = judge(directory.path(), GOOD).unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(directory.path().join("tls.crt"), made.cert.pem()).unwrap();
    std::fs::write(
        directory.path().join("tls.key"),
        made.signing_key.serialize_pem(),
    )
    .unwrap();
    let got = diff(&old, &judge(directory.path(), GOOD).unwrap());
    let want = Changes {
        certificates: vec!["127.0.0.1:8443".parse().unwrap()],
        ..Changes::default()
    };
    assert_eq!(got, want);
    assert_eq!(got.refusal(), None);
    // With TLS and without are two listeners.
    let plain = GOOD.replace(", tls: { cert: file:tls.crt, key: file:tls.key }", "");
    let got = diff(&old, &judge(directory.path(), &plain).unwrap());
    assert_eq!(got.restart, ["listeners"]);
}

#[test]
fn a_secret_that_is_another_is_a_change() {
    let directory = directory();
    let path = directory.path().join("secret");
    let text = GOOD.replace(
        "fixed: { kind: bearer, token: env:SECRET }",
        "fixed: { kind: bearer, token: file:secret }",
    );
    std::fs::write(&path, "one").unwrap();
    let old = judge(directory.path(), &text).unwrap();
    std::fs::write(&path, "two").unwrap();
    let got = diff(&old, &judge(directory.path(), &text).unwrap());
    let want = Changes {
        credentials: entries(&[], &[], &["fixed"]),
        ..Changes::default()
    };
    assert_eq!(got, want);
}

#[test]
fn identities_are_swapped_and_where_they_ask_is_not() {
    let good = GOOD.replace(
        "https://graph.microsoft.com/.default",
        "api://sluice/.default",
    ) + "identity_endpoint: { bind: 127.0.0.1:15002, identities: [{ header: env:HEX_KEY, credential: reader }] }\n";
    let got = changes(&good, &[("header: env:HEX_KEY", "header: env:BASE64_KEY")]);
    let want = Changes {
        identities: true,
        ..Changes::default()
    };
    assert_eq!(got, want);
    assert_eq!(got.refusal(), None);
    let got = changes(&good, &[(":15002", ":15003")]);
    assert_eq!(got.restart, ["identity_endpoint"]);
    assert!(!got.identities);
}

#[test]
fn the_name_in_via_can_change() {
    let got = changes(GOOD, &[("io: tokio", "via: edge-2\nio: tokio")]);
    let want = Changes {
        via: true,
        ..Changes::default()
    };
    assert_eq!(got, want);
    assert_eq!(got.refusal(), None);
}
