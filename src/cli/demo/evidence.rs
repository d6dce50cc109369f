//! The proofs of the demo: claims about who never saw what, from captured and recorded bytes alone.

use super::super::failure::Failure;
use super::cast;
use super::config::MASKED_FIELDS;
use super::disguise::{Needle, of_text, of_token};
use super::proof::{Haystack, Proof};
use super::tap::{Direction, Tape};
use super::tenant::Tenant;
use super::world::{World, app, protected_name};
use serde_json::Value;

/// All proofs. `used` are the tokens that the caller has used, each with what it is.
pub fn proofs(world: &World, used: &[(String, String)]) -> Result<Vec<Proof>, Failure> {
    let tape = |tape: &Tape, direction| Haystack::new(tape.bytes(direction));
    let caller_sent = tape(&world.caller_tape, Direction::Sent);
    let caller_received = tape(&world.caller_tape, Direction::Received);
    let directory_received = tape(&world.backdrop.directory_tape, Direction::Received);
    let directory_sent = tape(&world.backdrop.directory_tape, Direction::Sent);

    let callers_tokens = callers_tokens(used);
    let (credentials, upstream_parts) = credentials(world, &directory_received)?;
    let personal = personal_values()?;

    let mut proofs = vec![
        Proof::search(
            "No token that the caller used ever reached the directory.",
            &callers_tokens,
            &directory_received,
            &caller_sent,
            2 * used.len(),
        ),
        Proof::search(
            "The gateway's credential never reached the caller.",
            &credentials,
            &caller_received,
            &directory_received,
            upstream_parts,
        ),
        Proof::search(
            "No masked value ever reached the caller.",
            &personal,
            &caller_received,
            &directory_sent,
            100,
        ),
    ];
    for (whose, tape) in [
        ("caller", &world.caller_tape),
        ("directory", &world.backdrop.directory_tape),
    ] {
        if !tape.is_complete() {
            let against = format!("not every byte of the {whose}'s sockets was captured");
            proofs
                .iter_mut()
                .for_each(|proof| proof.against.push(against.clone()));
        }
    }
    Ok(proofs)
}

/// Proofs about `recorded`, the bytes of the recording.
pub fn of_recording(
    world: &World,
    used: &[(String, String)],
    recorded: &Haystack,
) -> Result<Vec<Proof>, Failure> {
    let caller_sent = Haystack::new(world.caller_tape.bytes(Direction::Sent));
    let directory = &world.backdrop.directory_tape;
    let directory_received = Haystack::new(directory.bytes(Direction::Received));
    let directory_sent = Haystack::new(directory.bytes(Direction::Sent));
    let (credentials, upstream_parts) = credentials(world, &directory_received)?;
    Ok(vec![
        Proof::search(
            "No token of the caller is in the recording.",
            &callers_tokens(used),
            recorded,
            &caller_sent,
            2 * used.len(),
        ),
        Proof::search(
            "No credential of the gateway is in the recording.",
            &credentials,
            recorded,
            &directory_received,
            upstream_parts,
        ),
        Proof::search(
            "No masked value is in the recording.",
            &personal_values()?,
            recorded,
            &directory_sent,
            100,
        ),
    ])
}

fn callers_tokens(used: &[(String, String)]) -> Vec<Needle> {
    let tokens = used.iter();
    tokens
        .flat_map(|(what, token)| of_token(what, token))
        .collect()
}

/// What the gateway showed upstream, read off the directory's own sockets, and its client secret;
/// and how many of these the directory must have seen.
fn credentials(world: &World, received: &Haystack) -> Result<(Vec<Needle>, usize), Failure> {
    let shown = received.bearers();
    let tokens = shown.iter();
    let mut needles: Vec<Needle> = tokens
        .flat_map(|token| of_token("the upstream token", token))
        .collect();
    let secret = &app(&world.backdrop.issuer, cast::GATEWAY)?.secret;
    needles.extend(of_text("the gateway's client secret", secret.as_bytes()));
    Ok((needles, 2 * shown.len()))
}

/// Every value the masks have to hide, of every person and group in the tenant.
pub fn personal_values() -> Result<Vec<Needle>, Failure> {
    let tenant = Tenant::generate();
    let protected = protected_name(&tenant)?;
    let mut values = vec![protected];
    let groups = tenant.groups.iter().map(|group| &group.object);
    for object in tenant.users.iter().chain(groups) {
        for field in MASKED_FIELDS {
            match object.get(field) {
                Some(Value::String(text)) => values.push(text.clone()),
                Some(Value::Array(list)) => {
                    values.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                _ => {}
            }
        }
    }
    values.sort();
    values.dedup();
    let needle = |value: String| Needle {
        what: format!("the value {value}"),
        bytes: value.into_bytes(),
    };
    Ok(values.into_iter().map(needle).collect())
}
