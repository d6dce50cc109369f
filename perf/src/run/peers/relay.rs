//! The rig's own relay, see [`crate::relay`].

use std::process::Command;

use super::{Door, Duty, Ground, Kind, Peer};
use crate::Outcome;
use crate::run::process::Child;

pub fn start(ground: &Ground) -> Outcome<Peer> {
    let process = Child::start(
        Command::new(std::env::current_exe()?)
            .arg("relay")
            .args(["--to", &ground.origin.to_string()])
            .args(["--core", &ground.core.to_string()]),
    )?;
    let address = process.first_line()?.trim().parse()?;
    let door = |duty| Door {
        duty,
        address,
        prefix: "",
    };
    Ok(Peer {
        kind: Kind::Relay,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        processes: vec![process.id()],
        doors: vec![door(Duty::Relay), door(Duty::Stream)],
        children: vec![process],
    })
}
