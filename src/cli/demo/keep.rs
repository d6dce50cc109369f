//! After the story: what to try while it still runs, and what to do next.

use super::super::failure::Failure;
use super::cast;
use super::gateway::Gateway;
use super::issuer::Flaw;
use super::stage::Stage;
use super::tenant::Tenant;
use super::world::{World, app};
use std::io::Write;

/// Prints curl lines that work as they stand.
pub fn what_to_try<W: Write>(
    stage: &mut Stage<W>,
    world: &World,
    gateway: &Gateway,
    token: &str,
) -> Result<(), Failure> {
    let reader = app(&world.backdrop.issuer, cast::READER)?;
    let header = |token: &str| format!("Authorization: Bearer {token}\n");
    // Header files, so that no token stands in the process list or the shell's history.
    let good = world.backdrop.place.write("good.header", &header(token))?;
    let forged = world.backdrop.issuer.mint(reader, Flaw::Forged)?;
    let forged = world
        .backdrop
        .place
        .write("forged.header", &header(&forged))?;
    let (good, forged) = (good.display(), forged.display());
    let ca = world.backdrop.place.path("ca.pem");
    let graph = format!("{}/graph/v1.0", world.gateway_url);
    let tenant = Tenant::generate();
    let person = tenant.users[0]["id"].as_str().unwrap_or_default();

    stage.heading("Still running. Try, in another terminal:")?;
    let curl = format!("curl -si --cacert {}", ca.display());
    for (what, line) in [
        (
            "people, masked",
            format!("{curl} -H @{good} '{graph}/users?$top=3'"),
        ),
        (
            "one person",
            format!("{curl} -H @{good} {graph}/users/{person}"),
        ),
        (
            "denied by a rule",
            format!("{curl} -H @{good} -X DELETE {graph}/users/{person}"),
        ),
        (
            "a forged token",
            format!("{curl} -H @{forged} {graph}/users"),
        ),
        ("no token", format!("{curl} {graph}/users")),
        (
            "metrics",
            format!("curl -s {}/metrics", gateway.admin_url()),
        ),
        (
            "the recording",
            format!(
                "sluice sessions list --data {}",
                world.backdrop.place.path("data").display()
            ),
        ),
    ] {
        let paint = stage.paint();
        stage.line("")?;
        stage.line(paint.dim(format_args!("   # {what}")))?;
        stage.line(format_args!("   {line}"))?;
    }
    stage.line("")?;
    stage.paragraph("The token lasts an hour. Ctrl-C ends everything.")
}

/// Where to go from here.
pub fn what_next<W: Write>(stage: &mut Stage<W>) -> Result<(), Failure> {
    stage.heading("What to do next")?;
    stage.entry("play with it", "  sluice demo --keep --dir ./play")?;
    stage.entry("read its file", "  less ./play/sluice.yaml")?;
    stage.entry(
        "write your own",
        "  sluice check -c sluice.yaml   (examples in README.md)",
    )?;
    stage.entry("run it", "  sluice serve -c sluice.yaml")
}
