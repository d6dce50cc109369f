//! The rig's own relay, see [`crate::relay`].

use super::{Door, Duty, Ground, Kind, Peer};
use crate::run::process::Child;
use crate::{Outcome, pinned};

pub fn start(ground: &Ground) -> Outcome<Peer> {
    let process = Child::start(
        pinned::on_core(ground.core, std::env::current_exe()?)?
            .arg("relay")
            .args(["--to", &ground.origin.to_string()]),
    )?;
    let address = process.first_line()?.trim().parse()?;
    let door = |duty| Door {
        duty,
        tls: super::Tls::NONE,
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
