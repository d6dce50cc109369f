//! How near the two cores are to each other. A virtual machine's cores move, and what they cost
//! each other moves with them; figures of different placements cannot be compared.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use crate::Outcome;
use crate::pinned::pin;

const ROUNDS: u32 = 2_500;
/// Whatever else runs on the cores makes a game longer, and none shorter.
const GAMES: usize = 8;

/// Nanoseconds for a cache line to go from one core to the other and back.
pub fn probe(one: usize, other: usize) -> Outcome<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..GAMES {
        best = best.min(game(one, other)?);
    }
    Ok(best)
}

fn game(one: usize, other: usize) -> Outcome<f64> {
    let ball = AtomicU32::new(0);
    let (served, returned) = std::thread::scope(|scope| {
        let other = scope.spawn(|| play(&ball, other, 1));
        let one = scope.spawn(|| play(&ball, one, 0));
        (one.join(), other.join())
    });
    let failed = |_| "the placement probe failed";
    returned.map_err(failed)?.map_err(|error| error.clone())?;
    Ok(served.map_err(failed)?? / f64::from(ROUNDS))
}

/// Waits for the ball to be this side's, hands it over, and answers the nanoseconds of the whole
/// game.
fn play(ball: &AtomicU32, core: usize, mine: u32) -> Result<f64, String> {
    // An unpinned player plays on, or the other one would wait for ever.
    let pinned = pin(core).map_err(|error| format!("core {core}: {error}"));
    let begin = Instant::now();
    for _ in 0..ROUNDS {
        while ball.load(Ordering::Acquire) % 2 != mine {
            std::hint::spin_loop();
        }
        ball.fetch_add(1, Ordering::Release);
    }
    pinned.map(|()| begin.elapsed().as_secs_f64() * 1e9)
}
