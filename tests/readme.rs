//! What the README shows is what the program takes.

use std::fs;
use std::path::Path;

use sluice::control::{config, rules};

const README: &str = include_str!("../README.md");
const EXAMPLE: &str = include_str!("../examples/sluice.yaml");
const MCP_EXAMPLE: &str = include_str!("../examples/mcp.yaml");

#[test]
fn the_readme_shows_the_example_as_it_is() {
    let shown = README
        .split_once("```yaml\n")
        .and_then(|(_, rest)| rest.split_once("```"))
        .map(|(yaml, _)| yaml);
    assert_eq!(shown, Some(EXAMPLE));
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

fn write_what_it_refers_to(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    fs::write(folder.join("tls.crt"), pair.cert.pem())?;
    fs::write(folder.join("tls.key"), pair.signing_key.serialize_pem())?;
    fs::write(folder.join("names.txt"), "Ada Lovelace\n")?;
    Ok(())
}
