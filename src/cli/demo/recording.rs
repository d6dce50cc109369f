//! The last part of the story: what was recorded, what is not in it, and that a flipped byte shows.

use super::super::failure::{Doing, Failure, code};
use super::evidence;
use super::proof::Haystack;
use super::stage::Stage;
use super::world::World;
use crate::base::ids::SessionId;
use crate::record::payload::{Decision, Event};
use crate::record::verify::{Report, Trust, Verdict};
use crate::recorder::read::{Filter, Recording, SessionSummary, recordings, sessions};
use crate::recorder::{segment_name, show};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

/// What the story does: a person, three pages, 404 and 429 are allowed; four calls are denied.
const ALLOWED: usize = 6;
const DENIED: usize = 4;
/// The recorder signs at least each second; this long it may take to come to rest.
const PATIENCE: Duration = Duration::from_secs(6);

/// Lists, replays, searches and verifies the recording, then damages a copy.
pub async fn tell<W: Write>(
    world: &World,
    stage: &mut Stage<W>,
    used: &[(String, String)],
) -> Result<(), Failure> {
    let data = world.backdrop.place.path("data");
    let all = at_rest(&data).await?;
    stage.step("The recording: who did what, in frames that cannot be changed quietly")?;
    let found = list(&all, stage)?;
    replay(&all, &found, stage)?;
    stage.line("")?;
    let haystack = recorded(&all)?;
    for proof in evidence::of_recording(world, used, &haystack)? {
        stage.proof(&proof)?;
    }
    stage.step("Verified: every byte against a signed Merkle log, without any secret")?;
    verify(&all, stage)?;
    stage.step("One flipped bit in a copy of it")?;
    flip(&all, &world.backdrop.place.path("tampered"), stage)
}

/// The recordings, once every exchange has its end and everything is signed for.
async fn at_rest(data: &Path) -> Result<Vec<Recording>, Failure> {
    let started = Instant::now();
    loop {
        let all = recordings(data).doing("read the recording")?;
        let reports = verified(&all)?;
        let resting = |report: &Report| {
            report.verdict == Verdict::Ok
                && report.open_exchanges == 0
                && report.unsigned_bytes == 0
        };
        if started.elapsed() > PATIENCE || (!all.is_empty() && reports.iter().all(resting)) {
            return Ok(all);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn verified(all: &[Recording]) -> Result<Vec<Report>, Failure> {
    all.iter()
        .map(|recording| recording.verify(Trust::FirstSeen, None))
        .collect::<io::Result<_>>()
        .doing("verify the recording")
}

fn list<W: Write>(all: &[Recording], stage: &mut Stage<W>) -> Result<Vec<SessionSummary>, Failure> {
    let (found, unread) = sessions(all, &Filter::default()).doing("read the recording")?;
    stage.command("sluice sessions list")?;
    let mut text = Vec::new();
    show::list(&found, &mut text).doing("list sessions")?;
    stage.output(&text, usize::MAX)?;
    let decided = |decision| {
        let exchanges = found.iter().flat_map(|session| &session.exchanges);
        exchanges
            .filter(|it| it.decision == decision && it.end.is_some())
            .count()
    };
    let (allowed, denied) = (decided(Decision::Allowed), decided(Decision::Denied));
    let whole = allowed == ALLOWED && denied == DENIED && unread.is_empty();
    let claim = format!("every call is in it with its end: {allowed} allowed, {denied} denied");
    stage.check(whole, claim)?;
    Ok(found)
}

/// Plays the longest session again, quickly.
fn replay<W: Write>(
    all: &[Recording],
    found: &[SessionSummary],
    stage: &mut Stage<W>,
) -> Result<(), Failure> {
    let longest = found.iter().max_by_key(|session| session.exchanges.len());
    let longest = longest.ok_or_else(|| Failure::new("the recording holds no session"))?;
    stage.line("")?;
    stage.command(&format!(
        "sluice sessions replay {:.8}",
        longest.id.to_string()
    ))?;
    let mut text = Vec::new();
    let mut lasted = Duration::ZERO;
    let played = show::replay(all, longest.id, |pause| lasted += pause, &mut text);
    let played = played.doing("replay a session")?;
    stage.output(&text, first_exchange(&text))?;
    let seconds = lasted.as_secs_f64();
    let claim = format!("replayed: {seconds:.2} seconds, in which all is as the caller saw it");
    stage.check(played && !text.is_empty(), claim)
}

/// How many lines of a replay the first exchange takes; its last tells the status.
fn first_exchange(text: &[u8]) -> usize {
    let text = String::from_utf8_lossy(text);
    let end = text.lines().position(|line| line.contains(": status "));
    end.map_or(usize::MAX, |last| last + 1)
}

/// All recorded bytes of each exchange, in one piece, so that nothing hides astride two frames.
fn recorded(all: &[Recording]) -> Result<Haystack, Failure> {
    let mut exchanges = BTreeMap::<(SessionId, u64), Vec<u8>>::new();
    for recording in all {
        let visited = recording.visit(None, |session, frame, event| {
            let bytes = exchanges
                .entry((session, frame.header.exchange.0))
                .or_default();
            match event {
                Event::RequestHead { request, .. } => {
                    let query = request.query.unwrap_or_default();
                    for part in [request.path.as_bytes(), query.as_bytes(), request.headers] {
                        bytes.extend_from_slice(part);
                        bytes.push(b'\n');
                    }
                }
                Event::RequestChunk { bytes: chunk, .. }
                | Event::ResponseHead(chunk)
                | Event::ResponseChunk { bytes: chunk, .. } => bytes.extend_from_slice(chunk),
                _ => {}
            }
            ControlFlow::Continue(())
        });
        visited.doing("read the recording")?;
    }
    Ok(Haystack::new(exchanges.into_values().collect()))
}

fn verify<W: Write>(all: &[Recording], stage: &mut Stage<W>) -> Result<(), Failure> {
    stage.command("sluice sessions verify")?;
    let mut intact = !all.is_empty();
    for report in verified(all)? {
        let mut text = Vec::new();
        show::report(&report, &mut text).doing("report")?;
        stage.output(&text, usize::MAX)?;
        intact &= report.verdict == Verdict::Ok && report.frames > 0;
    }
    stage.check(intact, "untouched: exit code 0")
}

/// Copies the recording, flips one bit in the middle of what was written, and verifies the copy.
fn flip<W: Write>(all: &[Recording], copy: &Path, stage: &mut Stage<W>) -> Result<(), Failure> {
    let mut found = false;
    for recording in all {
        let target = copy.join(recording.writer().to_string());
        let damaged = copy_damaged(recording, &target);
        let damaged = damaged.doing("copy the recording")?;
        stage.paragraph(&damaged)?;
        let damaged = Recording::new(recording.writer(), target);
        let report = damaged.verify(Trust::FirstSeen, None);
        let report = report.doing("verify the copy")?;
        let mut text = Vec::new();
        show::report(&report, &mut text).doing("report")?;
        stage.output(&text, 3)?;
        found |= report.verdict == Verdict::Tampered;
    }
    let claim = format!("found: tampered, exit code {}", code::TAMPERED);
    stage.check(found, claim)
}

/// Copies the segments; in the first one a bit in the middle of its used part is another.
fn copy_damaged(recording: &Recording, to: &Path) -> io::Result<String> {
    std::fs::create_dir_all(to)?;
    let mut what = String::from("Nothing was flipped.");
    for (index, number) in recording.segments()?.into_iter().enumerate() {
        let name = segment_name(number);
        let mut bytes = std::fs::read(recording.path().join(&name))?;
        let length = bytes.len() as u64;
        let used = bytes
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(0, |last| last + 1);
        bytes.truncate(used);
        if let Some(byte) = bytes.get_mut(used / 2)
            && index == 0
        {
            *byte ^= 1;
            what = format!(
                "Byte {} of {used} in {name}: one bit is now another.",
                used / 2
            );
        }
        let mut file = File::create(to.join(name))?;
        file.write_all(&bytes)?;
        // Segments are prepared with zeros; here they need no room.
        file.set_len(length)?;
    }
    Ok(what)
}
