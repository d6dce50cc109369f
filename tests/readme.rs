//! What the README shows is what the program takes.

use std::fs;
use std::path::Path;

use serde_json::Value;
use sluice::base::limits;
use sluice::control::{config, rules};

const README: &str = include_str!("../README.md");
const EXAMPLE: &str = include_str!("../examples/sluice.yaml");
const MCP_EXAMPLE: &str = include_str!("../examples/mcp.yaml");

#[test]
fn the_readme_shows_the_examples_as_they_are() {
    let mut shown = (README.split("```yaml\n").skip(1))
        .filter_map(|rest| rest.split_once("```"))
        .map(|(yaml, _)| yaml);
    assert_eq!(shown.next(), Some(EXAMPLE));
    assert_eq!(shown.next(), Some(MCP_EXAMPLE));
    // What is shown beside them is good where it belongs.
    let keys = shown.next().expect("session keys");
    assert_eq!(shown.next(), None);
    let folder = tempfile::tempdir().expect("a directory");
    for (name, digit) in [("k1.key", "1"), ("k2.key", "2")] {
        fs::write(folder.path().join(name), digit.repeat(64)).expect("a key");
    }
    let path = folder.path().join("mcp.yaml");
    let config = config::parse(&path, format!("{MCP_EXAMPLE}{keys}"), &|_: &str| None);
    assert_eq!(config.map(|config| config.session_keys.len()).ok(), Some(2));
}

#[test]
fn the_example_is_a_good_configuration() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("sluice.yaml");
    write_what_it_refers_to(folder.path())?;
    let environment = |name: &str| (name == "GRAPH_SECRET").then(|| "a secret".to_owned());
    let config = config::parse(&path, EXAMPLE.to_owned(), &environment)?;
    rules::preview(&config)?;
    assert_eq!(config.connections.len(), 1);
    Ok(())
}

#[test]
fn the_example_with_mcp_is_a_good_configuration() -> Result<(), Box<dyn std::error::Error>> {
    // It refers to nothing: no file, no variable.
    let path = Path::new("/nonexistent/mcp.yaml");
    let config = config::parse(path, MCP_EXAMPLE.to_owned(), &|_: &str| None)?;
    let [tickets, files, all] = config.connections.as_slice() else {
        return Err("three servers".into());
    };
    assert!(matches!(tickets.reach, config::Reach::Upstream(_)));
    assert!(matches!(files.reach, config::Reach::Stdio(_)));
    assert_eq!(all.reach, config::Reach::Virtual(vec![0, 1]));
    assert!(config.connections.iter().all(|each| each.mcp.is_some()));
    rules::preview(&config)?;
    Ok(())
}

#[test]
fn a_slip_in_the_example_is_found_where_it_is() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    write_what_it_refers_to(folder.path())?;
    let slip = EXAMPLE.replace("upstream:", "upstraem:");
    let line = 1 + slip
        .lines()
        .position(|line| line.contains("upstraem"))
        .ok_or("no slip")?;
    let environment = |_: &str| Some("a secret".to_owned());
    let refused = config::parse(&folder.path().join("sluice.yaml"), slip, &environment);
    let message = refused.err().ok_or("accepted")?.to_string();
    assert!(
        message.contains(&format!("sluice.yaml:{line}:")),
        "{message}"
    );
    assert!(message.contains("upstream"), "{message}");
    Ok(())
}

/// The code of every error of JSON-RPC that the gateway makes stands in the README's table.
#[test]
fn every_error_code_is_in_the_readme() {
    let sources = [
        include_str!("../src/exchange/refusal/rpc.rs"),
        include_str!("../src/mcp/objection.rs"),
    ];
    let codes: Vec<_> = (sources.iter().flat_map(|source| source.lines()))
        .filter_map(|line| line.split_once(": i32 = ")?.1.strip_suffix(';'))
        .map(|code| code.replace('_', ""))
        .collect();
    assert_eq!(codes.len(), 11, "{codes:?}");
    for code in codes {
        assert!(README.contains(&format!("\n| {code} | ")), "{code}");
    }
}

#[test]
fn the_bounds_in_the_readme_are_those_of_the_program() {
    let kib = |bytes: usize| bytes / 1024;
    let mib = |bytes: u64| bytes / (1024 * 1024);
    let rows = [
        format!(
            "One message, either way | {} MiB; `message_bytes` up to {} MiB",
            mib(limits::MESSAGE_BYTES),
            mib(limits::MESSAGE_BYTES_MAX)
        ),
        format!(
            "Messages of a batch (2025-03-26) | {}",
            limits::MCP_MESSAGES
        ),
        format!(
            "A tool's definition; a longer one is hidden | {} KiB",
            kib(limits::TOOL_DEFINITION_BYTES)
        ),
        format!(
            "Tools remembered of one connection | {}",
            limits::TOOLS_PER_CONNECTION
        ),
        format!(
            "Owners of tasks that are remembered | {}, for {} h at most",
            limits::TASKS,
            limits::TASK_LIFE.as_secs() / 3600
        ),
        format!(
            "A server's session id; its `requestState` | {} KiB; {} KiB",
            kib(limits::MCP_SESSION_BYTES),
            kib(limits::MCP_STATE_BYTES)
        ),
        format!(
            "Budgets of one connection; callers that each remembers | {}; {}",
            limits::BUDGETS,
            limits::BUDGET_PRINCIPALS
        ),
        format!(
            "A condition | {} KiB, {} operations, {} deep",
            kib(limits::WHEN_BYTES),
            limits::WHEN_NODES,
            limits::WHEN_DEPTH
        ),
        format!(
            "Processes of a `stdio` server | {}; `processes` up to {}",
            limits::STDIO_PROCESSES,
            limits::STDIO_PROCESSES_MAX
        ),
        format!(
            "Memory of one, with its descendants | {} GiB; `memory`",
            mib(limits::STDIO_MEMORY) / 1024
        ),
        format!(
            "An idle one ends after | {} min; `idle` up to {} h",
            limits::STDIO_IDLE.as_secs() / 60,
            limits::STDIO_IDLE_MAX.as_secs() / 3600
        ),
        format!(
            "Its first answer may take | {} s",
            limits::STDIO_GREET_TIME.as_secs()
        ),
        format!("Members of a `virtual` server | {}", limits::UNION_MEMBERS),
        format!(
            "A list waits for members | {} s",
            limits::UNION_LIST_TIME.as_secs()
        ),
        format!(
            "Sessions of a `virtual` server; of one principal | {}; {}",
            limits::UNION_SESSIONS,
            limits::UNION_SESSIONS_PER_PRINCIPAL
        ),
        format!(
            "A call whose caller went away goes on for | {} min",
            limits::UNHEARD_TIME.as_secs() / 60
        ),
    ];
    for row in rows {
        assert!(README.contains(&format!("\n| {row} |\n")), "{row}");
    }
}

/// What the documents' examples are parts of.
const WHOLE: &str = "
listeners: [{ bind: 127.0.0.1:8080 }]
data: ./data
issuers: { entra: { kind: entra, tenant: 7e2f8c1a-6b7d-4c58-9d3e-2f1a0b9c8d7e, audiences: [a] } }
credentials: { graph-reader: { kind: bearer, token: env:TOKEN } }
connections: { api: { protocol: http, upstream: 'https://api.example', record: buffered } }
routes: []
";

/// Every example of a page in `docs` is good as a part of a whole configuration: its mappings are
/// merged into that, its lists take the place of those that stand there, and connections that no route
/// leads to get one.
#[test]
fn the_examples_in_the_documents_are_good() -> Result<(), Box<dyn std::error::Error>> {
    let mut seen = 0;
    for page in fs::read_dir("docs")? {
        let page = page?.path();
        let text = fs::read_to_string(&page)?;
        let link = format!("]({})", page.display());
        assert!(README.contains(&link), "the README does not lead to {link}");
        let examples = text.split("```yaml\n").skip(1);
        for example in examples.filter_map(|rest| Some(rest.split_once("```")?.0)) {
            let mut whole = serde_saphyr::from_str(WHOLE)?;
            merge(&mut whole, serde_saphyr::from_str(example)?);
            reach_all(&mut whole);
            if let Err(why) = judged(&whole) {
                panic!("{}: {why}\n{example}", page.display());
            }
            seen += 1;
        }
    }
    assert!(seen > 0);
    Ok(())
}

/// The page of limits has every one that the schema knows, with its default and its meaning, and no
/// other.
#[test]
fn the_page_of_limits_is_what_the_schema_says() {
    const PAGE: &str = include_str!("../docs/limits.md");
    let schema = config::json_schema();
    let known = schema["properties"]["limits"]["properties"].as_object();
    let mut missing = String::new();
    for (name, limit) in known.expect("limits") {
        let told = limit["description"].as_str().expect("a description");
        let (about, default) = told.split_once(" By default ").expect("a default");
        let row = format!(
            "| `{name}` | {} | {about} |\n",
            default.trim_end_matches('.')
        );
        if !PAGE.contains(&row) {
            missing += &row;
        }
    }
    assert!(missing.is_empty(), "docs/limits.md has no\n{missing}");
    let rows = PAGE.lines().filter(|line| line.starts_with("| `"));
    assert_eq!(rows.count(), known.map_or(0, serde_json::Map::len));
}

fn merge(whole: &mut Value, part: Value) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (key, value) in part {
                merge(whole.entry(key).or_insert(Value::Null), value);
            }
        }
        (whole, part) => *whole = part,
    }
}

fn reach_all(whole: &mut Value) {
    let routes = whole["routes"].as_array().cloned().unwrap_or_default();
    let names = whole["connections"].as_object().into_iter().flatten();
    let missing: Vec<Value> = names
        .map(|(name, _)| name)
        .filter(|name| !routes.iter().any(|route| route["connection"] == ***name))
        .map(|name| serde_json::json!({ "path": format!("/{name}/**"), "connection": name }))
        .collect();
    whole["routes"] = [routes, missing].concat().into();
}

/// Judges a configuration beside files of the kinds that it names.
fn judged(whole: &Value) -> Result<(), Box<dyn std::error::Error>> {
    const KEY: &str = include_str!("data/throw-away-rsa-2048.pem");
    let folder = tempfile::tempdir()?;
    let pair = rcgen::KeyPair::from_pkcs8_pem_and_sign_algo(KEY, &rcgen::PKCS_RSA_SHA256)?;
    let cert = rcgen::CertificateParams::new(["localhost".to_owned()])?.self_signed(&pair)?;
    // What a platform puts where it likes.
    let platform = "/var/run/secrets/azure/tokens/azure-identity-token";
    let text = whole.to_string().replace(platform, "platform-token.txt");
    for word in text.split(['"', ':', ' ']) {
        let file = folder.path().join(word);
        match word.rsplit_once('.').map(|(_, kind)| kind) {
            Some("crt" | "pem") => fs::write(file, cert.pem())?,
            Some("key") => fs::write(file, KEY)?,
            Some("hex") => fs::write(file, "5".repeat(64))?,
            Some("txt") => fs::write(file, "some-text-of-a-file")?,
            _ => {}
        }
    }
    // On no platform that has identities of its own.
    let environment = |name: &str| (!name.starts_with("IDENTITY_")).then(|| "a-secret".to_owned());
    let config = config::parse(&folder.path().join("sluice.yaml"), text, &environment)?;
    rules::preview(&config)?;
    Ok(())
}

fn write_what_it_refers_to(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    fs::write(folder.join("tls.crt"), pair.cert.pem())?;
    fs::write(folder.join("tls.key"), pair.signing_key.serialize_pem())?;
    fs::write(folder.join("names.txt"), "Ada Lovelace\n")?;
    Ok(())
}
