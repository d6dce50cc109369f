//! The same for what concerns MCP.

use super::*;

pub(super) const GOOD: &str = r#"public_url: https://Gateway.example:8443/
session_keys: [ { id: k2, key: env:BASE64_KEY }, { id: k1, key: env:HEX_KEY } ]
listeners: [{ bind: 127.0.0.1:8443 }]
data: data
issuers:
  entra:
    kind: entra
    tenant: 7e2f0000-0000-0000-0000-000000000001
    audiences: [api://sluice]
    facade: { bind: 127.0.0.1:8444, public_url: "https://auth.gateway.example", client_id: 7E2F0000-0000-0000-0000-00000000000A }
  other: { kind: oidc, issuer: "https://id.example/", audiences: [sluice] }
credentials:
  fixed: { kind: bearer, token: env:SECRET }
connections:
  tickets:
    protocol: mcp
    upstream: http://127.0.0.1:3001/mcp/
    credential: fixed
    masks: [directory]
    record: durable
    scopes: [tickets.read, tickets.write]
    origins: ["https://app.example", "vscode-webview://panel"]
    hosts: [Tickets.mcp.example]
    tools: { on_change: alert, first: approve }
    budgets:
      - { calls: 60/m, tools: "search_*" }
      - { concurrent: 4 }
      - { result_bytes: 1MiB }
    message_bytes: 2MiB
  files:
    protocol: mcp
    stdio:
      command: npx
      args: [-y, "@modelcontextprotocol/server-filesystem", /srv]
      env: { TOKEN: env:SECRET, MODE: read, LEVEL: 3 }
      cwd: srv
      share: principal
      processes: 8
      idle: 5m
      memory: 512MiB
  shared: { protocol: mcp, stdio: { command: ./server, share: all } }
  all: { protocol: mcp, virtual: { members: [tickets, files] } }
  plain: { protocol: http, upstream: "http://127.0.0.1:3002/", record: buffered }
routes:
  - { path: /mcp/tickets/**, connection: tickets }
  - { path: /mcp/shared/**, connection: shared }
  - { path: /mcp/all/**, connection: all }
  - { path: /plain/**, connection: plain }
policies:
  - name: ticket-agents
    connection: tickets
    who: { issuer: entra, scopes: [tickets.read] }
    rules:
      - allow: tools/call search_*
      - deny: tools/call delete_*
        when: arguments.force == true
      - allow: prompts/get
        shadow: true
      - approve: tools/call close_*
        by: { groups: [support-leads] }
        when: arguments.count > 1
        shadow: false
  - name: plain
    connection: plain
    who: { issuer: other, roles: [reader] }
    rules:
      - allow: GET /a
        when: query.a == ""
masks:
  directory: { fields: [mail] }
"#;

#[test]
fn a_good_file_with_mcp_is_understood() {
    let directory = directory();
    let config = judge(directory.path(), GOOD).unwrap();
    assert_eq!(
        config.public_url.as_deref(),
        Some("https://gateway.example:8443")
    );
    let [new, old] = config.session_keys.as_slice() else {
        panic!("two keys")
    };
    assert_eq!((new.id.as_str(), old.id.as_str()), ("k2", "k1"));
    assert_eq!(new.key.expose(), (0..32).collect::<Vec<u8>>());
    assert_eq!(old.key.expose()[..2], [0x01, 0x23]);
    let facade = config.issuers[0].facade.as_ref().unwrap();
    assert_eq!(facade.public_url, "https://auth.gateway.example");
    let id = "7e2f0000-0000-0000-0000-00000000000a";
    assert_eq!(facade.client_id.as_deref(), Some(id));
    let policy = &config.policies[0];
    assert_eq!(policy.who.scopes, ["tickets.read"]);
    let patterns: Vec<_> = policy
        .rules
        .iter()
        .map(|rule| rule.pattern.as_str())
        .collect();
    assert_eq!(
        patterns,
        [
            "tools/call search_*",
            "tools/call delete_*",
            "prompts/get",
            "tools/call close_*"
        ]
    );
    let when = policy.rules[1].when.as_ref().unwrap();
    assert_eq!(&*when.text, "arguments.force == true");
    let shadows: Vec<_> = policy.rules.iter().map(|rule| rule.shadow).collect();
    assert_eq!(shadows, [false, false, true, false]);
    assert!(matches!(policy.rules[3].effect, Effect::Approve { .. }));
}

#[test]
fn connections_of_mcp_are_understood() {
    let directory = directory();
    let config = judge(directory.path(), GOOD).unwrap();
    let [tickets, files, shared, all, plain] = config.connections.as_slice() else {
        panic!("five connections")
    };
    let Reach::Upstream(upstream) = &tickets.reach else {
        panic!("an upstream")
    };
    assert_eq!(upstream.path, "/mcp/", "an endpoint stays as it is");
    let mcp = tickets.mcp.as_ref().unwrap();
    assert_eq!(mcp.scopes, ["tickets.read", "tickets.write"]);
    assert_eq!(
        mcp.origins,
        ["https://app.example", "vscode-webview://panel"]
    );
    assert_eq!(
        mcp.hosts.as_deref(),
        Some(&["tickets.mcp.example".to_owned()][..])
    );
    assert_eq!(
        (mcp.tools.on_change, mcp.tools.first),
        (OnChange::Alert, First::Approve)
    );
    let [calls, concurrent, result] = mcp.budgets.as_slice() else {
        panic!("three budgets")
    };
    let rate = calls.calls.unwrap();
    assert_eq!((rate.count.get(), rate.per), (60, Duration::from_secs(60)));
    assert_eq!(calls.tools.as_deref(), Some("search_*"));
    assert_eq!(concurrent.concurrent.map(u32::from), Some(4));
    assert_eq!(result.result_bytes, Some(1 << 20));
    assert_eq!(mcp.message_bytes, 2 << 20);

    let Reach::Stdio(stdio) = &files.reach else {
        panic!("a process")
    };
    assert_eq!((stdio.command.as_str(), stdio.args.len()), ("npx", 3));
    let env: Vec<_> = (stdio.env.iter())
        .map(|(name, value)| (name.as_str(), value.expose()))
        .collect();
    let want: [(&str, &[u8]); 3] = [("TOKEN", b"hunter2"), ("MODE", b"read"), ("LEVEL", b"3")];
    assert_eq!(env, want);
    assert_eq!(stdio.cwd.as_deref(), Some(&*directory.path().join("srv")));
    assert_eq!((stdio.share, stdio.processes), (Share::Principal, 8));
    assert_eq!(
        (stdio.idle, stdio.memory),
        (Duration::from_secs(300), 512 << 20)
    );
    assert_eq!((files.record, files.links), (RecordClass::Buffered, false));
    assert_eq!(files.mcp.as_ref().unwrap().message_bytes, 4 << 20);
    let Reach::Stdio(stdio) = &shared.reach else {
        panic!("a process")
    };
    assert_eq!((stdio.share, stdio.processes), (Share::All, 1));
    let beside = directory.path().join("./server");
    assert_eq!(Path::new(&stdio.command), beside);
    assert_eq!(all.reach, Reach::Virtual(vec![0, 1]));
    assert!(plain.mcp.is_none());
    assert!(plain.links);
}

/// (what is replaced in [`GOOD`], by what, what is shown)
pub(super) const MISTAKES: &[(&str, &str, &str)] = &include!("mcp.in");

#[test]
fn every_mistake_with_mcp_is_shown_where_it_stands() {
    all_shown(GOOD, MISTAKES);
}

#[test]
fn no_variable_of_a_server_is_shown() {
    let directory = directory();
    let config = judge(directory.path(), GOOD).unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2"));
}

#[test]
fn what_has_no_end_is_refused() {
    let directory = directory();
    let many = |count: usize, one: &dyn Fn(usize) -> String| {
        (0..count).map(one).collect::<Vec<_>>().join(", ")
    };
    let scopes = many(65, &|n| format!("s{n}"));
    let words = many(257, &|n| format!("w{n}"));
    let variables = many(257, &|n| format!("V{n}: x"));
    let keys = many(17, &|n| format!("{{ id: k{n}, key: env:HEX_KEY }}"));
    let budgets = many(6, &|n| {
        format!("{{ calls: {}/s, concurrent: 1, result_bytes: 1 }}", n + 1)
    });
    for (from, to, want) in [
        (
            "[tickets.read, tickets.write]",
            format!("[{scopes}]"),
            "at most 64 can stand here",
        ),
        (
            "args: [-y,",
            format!("args: [{words},"),
            "at most 256 arguments can stand here",
        ),
        (
            "env: { TOKEN:",
            format!("env: {{ {variables}, TOKEN:"),
            "at most 256 names",
        ),
        (
            "[ { id: k2,",
            format!("[ {keys}, {{ id: k2,"),
            "at most 16 keys can stand here",
        ),
        (
            "budgets:\n      - { calls: 60/m, tools: \"search_*\" }\n      - { concurrent: 4 }\n      - { result_bytes: 1MiB }",
            format!("budgets: [{budgets}]"),
            "at most 16 bounds can stand here",
        ),
        (
            "arguments.force == true",
            "a".repeat(4097),
            "a condition has at most 4096 bytes",
        ),
        (
            "members: [tickets, files]",
            format!("members: [{words}]"),
            "at most 256 members",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let got = judge(directory.path(), &GOOD.replacen(from, &to, 1)).err();
        let got = got.unwrap_or_else(|| "good".into());
        assert!(got.contains(want), "{want}: {got}");
    }
}
