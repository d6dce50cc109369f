//! Who plays in the demo: the applications registered with its issuer.

use super::super::failure::Failure;
use super::issuer::{App, random_secret};

/// The gateway itself, as a client of Graph.
pub const GATEWAY: &str = "sluice";
/// An agent that may read the directory.
pub const READER: &str = "staff-finder";
/// An application of the same tenant that was given nothing.
pub const STRANGER: &str = "newsletter";

/// The applications, with fresh secrets.
pub fn apps() -> Result<Vec<App>, Failure> {
    let app = |name, client_id: &str, object_id: &str, roles| {
        Ok::<_, Failure>(App {
            name,
            client_id: client_id.to_owned(),
            object_id: object_id.to_owned(),
            secret: random_secret()?,
            roles,
            groups: Vec::new(),
        })
    };
    Ok(vec![
        app(
            GATEWAY,
            "9a4d51c3-7e20-4c8b-a6f1-2b3d4e5f6071",
            "d1f0a7b2-3c64-4e5d-8f90-a1b2c3d4e5f6",
            Vec::new(),
        )?,
        app(
            READER,
            "3c770e8a-41d9-4b52-9e06-8f7a6b5c4d3e",
            "5b2e9d14-6a7f-4c30-b8e1-0f9e8d7c6b5a",
            vec!["Directory.Read"],
        )?,
        app(
            STRANGER,
            "81b6f2d0-9c3e-4a17-8d54-6e5f4a3b2c1d",
            "e7c8d9f0-1a2b-4c3d-9e4f-5a6b7c8d9e0f",
            Vec::new(),
        )?,
    ])
}
