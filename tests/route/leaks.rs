//! Many exchanges at once over one core, cut off at any point: nothing stays lent or reserved.

use super::check;
use super::drive::{After, Caller, Drive, Origin, Rng, Turn};
use super::replies::request;
use super::rig::{Hiding, Rig, Shape};
use sluice::exchange::Refusal;
use sluice::record::Class;

const REPLIES: [&str; 9] = [
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 15\r\n\r\nbob@example.com",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n{x}",
    "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 1\r\n\r\nx",
    "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
    "HTTP/1.1 103 Early\r\n\r\nnonsense\r\n\r\n",
    "",
];

fn text(rng: &mut Rng, number: usize) -> String {
    let path = ["/a", "/secret/b", "/careful/c", "/%2e", "/d?e=%25"][rng.below(5)];
    match rng.below(6) {
        0 => request("GET", &format!("{path}{number}"), ""),
        1 => {
            request(
                "POST",
                path,
                "Content-Type: text/plain\r\nContent-Length: 5\r\n",
            ) + "hello"
        }
        2 => request("PUT", path, "Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\n0\r\n\r\n",
        3 => {
            request(
                "POST",
                path,
                "Content-Type: application/json\r\nContent-Length: 4\r\nExpect: 100-continue\r\n",
            ) + "{\"a\""
        }
        4 => request("PATCH", path, "Transfer-Encoding: chunked\r\n") + "zz\r\n",
        _ => "GET / HT".into(),
    }
}

fn origin(rng: &mut Rng) -> Origin {
    Origin {
        ends: rng.below(2) == 0,
        early: rng.below(4) == 0,
        takes: [usize::MAX, usize::MAX, rng.below(200)][rng.below(3)],
        stale: usize::from(rng.below(4) == 0),
        refuses: (rng.below(10) == 0).then_some(Refusal::UpstreamUnreachable),
        ..Origin::new(REPLIES[rng.below(REPLIES.len())])
    }
}

#[test]
fn interleaved_exchanges_leave_nothing_behind() {
    for seed in 1..=500 {
        let mut rng = Rng::new(seed);
        let mut rig = Rig::new(Shape {
            hiding: [Hiding::Nothing, Hiding::Links, Hiding::All][rng.below(3)],
            class: [Class::Buffered, Class::Durable][rng.below(2)],
            ..Shape::default()
        });
        rig.draining = false;
        let mut going: Vec<(Caller, Drive)> = Vec::new();
        let mut begun = 0;
        while begun < 12 || !going.is_empty() {
            if begun < 12 && going.len() < 4 {
                begun += 1;
                let caller = Caller::new(text(&mut rng, begun), seed * 31 + begun as u64);
                let origin = origin(&mut rng);
                let drive = Drive::new(&mut rig, origin, seed + begun as u64);
                going.push((caller, drive));
            }
            let at = rng.below(going.len());
            let (caller, drive) = &mut going[at];
            let over = match drive.turn(&mut rig, caller) {
                Turn::Over => true,
                Turn::Moved => false,
                Turn::Waits(_) => {
                    match rng.below(12) {
                        0 => rig.drain(),
                        1 => rig.pass(std::time::Duration::from_secs(7)),
                        2 => rig.reload(|_| {}),
                        3 => {
                            drive.hang_up(&mut rig);
                        }
                        _ => rig.sync(),
                    }
                    false
                }
            };
            if over {
                let (caller, drive) = going.swap_remove(at);
                let end = drive.end;
                if end.after == After::KeepAlive && end.refusal.is_none() {
                    assert!(caller.left().is_empty());
                    check::request(&end.to_upstream);
                    assert!(
                        check::replies(&end.to_caller, false)
                            .iter()
                            .all(|it| it.whole)
                    );
                }
            }
        }
        rig.assert_clean();
    }
}
