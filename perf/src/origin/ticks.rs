//! Streams on which an event comes every so often.

use std::time::{Duration, Instant};

use super::answers::{TICKS, Then};
use super::connections::Connections;
use crate::bodies;

/// All streams that tick.
pub struct Ticking {
    paces: [Pace; TICKS.len()],
}

/// The streams that have an event in every `every`, evenly spread over it.
struct Pace {
    every: Duration,
    streams: Vec<usize>,
    next: usize,
    due: Option<Instant>,
}

impl Ticking {
    pub fn new() -> Ticking {
        Ticking {
            paces: TICKS.map(|every| Pace {
                every,
                streams: Vec::new(),
                next: 0,
                due: None,
            }),
        }
    }

    /// From now on this stream ticks, if that is what its answer says.
    pub fn add(&mut self, number: usize, then: Then) {
        for pace in &mut self.paces {
            if then == Then::Ticks(pace.every) {
                pace.streams.push(number);
            }
        }
    }

    /// How long nothing is due.
    pub fn wait(&self) -> Option<Duration> {
        let due = self.paces.iter().filter_map(|pace| pace.due).min()?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    /// Sends what is due.
    pub fn send(&mut self, connections: &mut Connections) {
        for pace in &mut self.paces {
            pace.send(connections);
        }
    }
}

impl Pace {
    /// Streams that are gone, or take nothing, are left out from then on.
    fn send(&mut self, connections: &mut Connections) {
        while !self.streams.is_empty() {
            let now = Instant::now();
            let due = *self.due.get_or_insert(now);
            if due > now {
                return;
            }
            self.next %= self.streams.len();
            self.due = Some(due + self.every / self.streams.len() as u32);
            let number = self.streams[self.next];
            let event = bodies::tick(crate::clock());
            let taken = connections.get(number).is_some_and(|connection| {
                connection.then == Then::Ticks(self.every)
                    && matches!(connection.wire.send(&event), Ok(count) if count == event.len())
            });
            match taken {
                true => self.next += 1,
                false => drop(self.streams.swap_remove(self.next)),
            }
        }
        self.due = None;
    }
}
