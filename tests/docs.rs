//! What the pages below `docs/` show is what the program takes.
//!
//! A block of YAML is a whole configuration, or a part of one: what it leaves out is as in [`GROUND`],
//! and every connection has a route. What blocks refer to is made up.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use sluice::control::{config, rules};

/// A small configuration with something in every section that others refer to.
const GROUND: &str = "listeners: [{ bind: 127.0.0.1:8443 }]
data: data
issuers:
  entra: { kind: entra, tenant: 7e2f8c1a-6b7d-4c58-9d3e-2f1a0b9c8d7e, audiences: [api://sluice] }
credentials:
  graph-reader: { kind: bearer, token: env:TOKEN }
connections:
  api: { protocol: http, upstream: https://api.example, record: durable }
";

const KEY: &str = include_str!("data/throw-away-rsa-2048.pem");

#[test]
fn what_the_pages_show_is_good() {
    let folder = tempfile::tempdir().unwrap();
    let cert = certificate();
    let (mut pages, mut shown) = (0, 0);
    for page in fs::read_dir("docs").unwrap() {
        let path = page.unwrap().path();
        let page = fs::read_to_string(&path).unwrap();
        pages += 1;
        let blocks = page.split("```yaml\n").skip(1);
        for block in blocks.filter_map(|rest| Some(rest.split_once("```")?.0)) {
            let text = whole(block);
            let text = make_up(&text, folder.path(), &cert);
            // On no platform that has identities of its own.
            let environment =
                |name: &str| (!name.starts_with("IDENTITY_")).then(|| "made-up".to_owned());
            let config = config::parse(&folder.path().join("sluice.yaml"), text, &environment);
            let judged = config.and_then(|config| rules::preview(&config).map(drop));
            if let Err(mistakes) = judged {
                panic!("{}: {mistakes}\nin\n{block}", path.display());
            }
            shown += 1;
        }
    }
    assert!(pages > 0 && shown > 0, "{shown} blocks on {pages} pages");
}

/// The block over the ground, as a text: JSON is YAML.
fn whole(block: &str) -> String {
    let read = |text| serde_saphyr::from_str::<Value>(text).expect("YAML");
    let mut whole = read(GROUND);
    lay(&mut whole, read(block));
    let mut routes = match &whole["routes"] {
        Value::Array(routes) => routes.clone(),
        _ => Vec::new(),
    };
    let names = whole["connections"].as_object().expect("connections");
    for name in names.keys() {
        if !routes.iter().any(|route| route["connection"] == **name) {
            routes.push(json!({ "path": format!("/{name}/**"), "connection": name }));
        }
    }
    whole["routes"] = routes.into();
    whole.to_string()
}

/// Lays one value over another: mappings key by key, all else as a whole.
fn lay(under: &mut Value, over: Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                lay(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over,
    }
}

/// Writes every file that `text` refers to into `folder`, and leads absolute paths there, too.
fn make_up(text: &str, folder: &Path, cert: &str) -> String {
    let mut text = text.to_owned();
    for word in text
        .clone()
        .split([' ', ',', '}', '{', '[', ']', '\n', '"'])
    {
        let path = word.strip_prefix("file:").unwrap_or(word);
        let is_file = path != word || path.starts_with("/var/") || path.ends_with(".pem");
        let name = path.rsplit('/').next().unwrap_or_default();
        if !is_file || name.is_empty() {
            continue;
        }
        let content = match name.rsplit('.').next() {
            Some("crt" | "pem") => cert,
            Some("key") => KEY,
            _ => "made-up",
        };
        fs::write(folder.join(name), content).unwrap();
        text = text.replace(path, name);
    }
    text
}

fn certificate() -> String {
    let pair = rcgen::KeyPair::from_pkcs8_pem_and_sign_algo(KEY, &rcgen::PKCS_RSA_SHA256).unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.self_signed(&pair).unwrap().pem()
}
