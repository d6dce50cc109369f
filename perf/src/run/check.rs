//! Whether every proxy does what it is measured for: bytes come as they were sent, what is to be
//! hidden is hidden, and a token that is not good is refused. Figures of one that does less mean
//! nothing.

mod client;

use self::client::{Answer, Client};
use super::keys::Algorithm;
use super::peers::{Door, Duty};
use super::stage::Stage;
use crate::{Outcome, bodies, wire};

/// Events of a stream that are waited for; together they are smaller than any buffer.
const EVENTS: usize = 5;

/// Checks every door of every peer that is there; all that is wrong is in the error.
pub fn all(stage: &Stage) -> Outcome<()> {
    let mut wrong = Vec::new();
    for peer in &stage.peers.present {
        for door in &peer.doors {
            if let Err(error) = (Check { stage, door }).run() {
                let (kind, does) = (peer.kind.name(), door.duty.says(peer.kind));
                wrong.push(format!("{kind} ({does}, {:?}): {error}", door.tls));
            }
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(format!("not measured, since wrong:\n  {}", wrong.join("\n  ")).into()),
    }
}

struct Check<'a> {
    stage: &'a Stage<'a>,
    door: &'a Door,
}

impl Check<'_> {
    fn run(&self) -> Outcome<()> {
        let token = self.good_token()?;
        let mut client = self.connect()?;
        match self.door.duty {
            Duty::Relay => self.bodies_come(&mut client, &token),
            Duty::Stream => {
                self.bodies_come(&mut client, &token)?;
                self.events_come(&mut client, &token)
            }
            Duty::Token(algorithm) => {
                self.bodies_come(&mut client, &token)?;
                self.bad_tokens_are_refused(algorithm)
            }
            Duty::Policy | Duty::Guard | Duty::Durable => {
                self.bodies_come(&mut client, &token)?;
                self.bad_tokens_are_refused(Algorithm::Rs256)?;
                self.bad_tokens_are_refused(Algorithm::Es256)
            }
            Duty::Mcp => {
                self.calls_come(&mut client, &token)?;
                self.events_come(&mut client, &token)
            }
            Duty::Mask { literals, fields } => {
                self.texts_are_hidden(&mut client, &token, literals, fields)
            }
        }
    }

    fn connect(&self) -> Outcome<Client> {
        let tls = match self.door.tls.down {
            true => Some(wire::client(&self.stage.base.pki.ca, false)?),
            false => None,
        };
        Client::connect(self.door.address, tls)
    }

    fn good_token(&self) -> Outcome<String> {
        let algorithm = match self.door.duty {
            Duty::Token(algorithm) => algorithm,
            _ => Algorithm::Es256,
        };
        let tokens = std::fs::read_to_string(self.stage.base.tokens(algorithm))?;
        Ok(tokens
            .lines()
            .next()
            .ok_or("there are no tokens")?
            .to_owned())
    }

    fn get(&self, client: &mut Client, target: &str, token: &str) -> Outcome<Answer> {
        client.ask("GET", &format!("{}{target}", self.door.prefix), token, "")
    }

    /// Bodies of all sizes, one after the other on one connection.
    fn bodies_come(&self, client: &mut Client, token: &str) -> Outcome<()> {
        for (target, kibibytes) in [("/1k", 1), ("/10k", 10), ("/100k", 100), ("/1k", 1)] {
            let answer = self.get(client, target, token)?;
            same(target, &answer, &bodies::users(kibibytes * 1024))?;
        }
        let answer = self.get(client, "/events", token)?;
        same(
            "/events",
            &answer,
            &client::unchunked(&bodies::events(1024 * 1024, 256)),
        )
    }

    /// A stream that never ends has to bring its events all the same.
    fn events_come(&self, client: &mut Client, token: &str) -> Outcome<()> {
        let target = format!("{}/ticks", self.door.prefix);
        client.listen(&target, token, EVENTS)
    }

    fn calls_come(&self, client: &mut Client, token: &str) -> Outcome<()> {
        let target = format!("{}/call", self.door.prefix);
        let answer = client.ask("POST", &target, token, bodies::TOOL_CALL)?;
        same("a call", &answer, bodies::result().as_bytes())?;
        // Whoever refuses may end the connection.
        let refused = self
            .connect()?
            .ask("POST", &target, "", bodies::TOOL_CALL)?;
        match refused.status {
            401 => Ok(()),
            status => Err(format!("a call without a token is answered by {status}").into()),
        }
    }

    fn bad_tokens_are_refused(&self, algorithm: Algorithm) -> Outcome<()> {
        let mut bad = self.stage.base.issued.bad(algorithm)?;
        bad.push(("none", String::new()));
        for (what, token) in bad {
            // Whoever refuses may end the connection.
            match self.get(&mut self.connect()?, "/1k", &token)?.status {
                401 | 403 => {}
                status => {
                    let name = algorithm.name();
                    return Err(format!("{name}, {what}: {status} and no refusal").into());
                }
            }
        }
        Ok(())
    }

    fn texts_are_hidden(
        &self,
        client: &mut Client,
        token: &str,
        literals: usize,
        fields: usize,
    ) -> Outcome<()> {
        for (target, kibibytes) in [("/10k", 10), ("/100k", 100)] {
            let original = String::from_utf8(bodies::users(kibibytes * 1024))?;
            let answer = self.get(client, target, token)?;
            let mut hidden = original.clone();
            for literal in bodies::literals(literals) {
                hidden = hidden.replace(&literal, "[literal]");
            }
            if fields == 0 {
                same(target, &answer, hidden.as_bytes())?;
                continue;
            }
            let seen = String::from_utf8_lossy(&answer.body);
            let mut secrets = bodies::literals(literals);
            secrets.push("person.0@example.org".to_owned());
            if let Some(secret) = secrets.iter().find(|secret| seen.contains(*secret)) {
                return Err(format!("{target}: {secret:?} is not hidden").into());
            }
            let is_json = serde_json::from_str::<serde_json::Value>(&seen).is_ok();
            if answer.status != 200 || !is_json || !seen.contains("\"displayName\":\"Person 0\"") {
                return Err(format!("{target}: {} and no document", answer.status).into());
            }
        }
        Ok(())
    }
}

fn same(what: &str, answer: &Answer, body: &[u8]) -> Outcome<()> {
    if answer.status != 200 {
        return Err(format!("{what} is answered by {}", answer.status).into());
    }
    if answer.body == body {
        return Ok(());
    }
    let at = answer.body.iter().zip(body).position(|(a, b)| a != b);
    let (came, sent) = (answer.body.len(), body.len());
    Err(format!("{what}: {came} bytes of {sent}, and other ones from {at:?} on").into())
}
