//! A process while it runs: three pipes, and how it comes to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::super::child::{Child, Pipes};
use super::super::codes;
use super::super::lines::{Lines, Overlong};
use super::super::log::Log;
use super::super::message::{Message, Reader};
use super::super::stream::{End, Stream};
use super::super::table::Step;
use super::{Ending, Line, Process};
use crate::base::limits::{STDIO_GARBAGE_LINES, STDIO_GRACE, STDIO_STALL_TIME, STDIO_STDERR_BYTES};

impl Process {
    pub(super) async fn run(
        self: Arc<Self>,
        mut child: Child,
        pipes: Pipes,
        queue: mpsc::UnboundedReceiver<Line>,
        gone: impl FnOnce(&Arc<Process>, &Ending) + Send,
    ) {
        let writer = tokio::spawn(write(queue, pipes.stdin));
        let mut stderr = tokio::spawn(tell(pipes.stderr, self.log.clone()));
        let why = self.serve(&mut child, pipes.stdout).await;
        self.end(why.clone());
        let why = self.ending.borrow().clone().unwrap_or(why);
        self.room.close();
        self.close(&why);
        gone(&self, &why);
        // Its input is closed with this.
        writer.abort();
        match why {
            Ending::Asked => child.end().await,
            // What floods, or eats memory, goes on until it is stopped.
            Ending::Fault(_) => child.kill().await,
        }
        if timeout(STDIO_GRACE, &mut stderr).await.is_err() {
            stderr.abort();
        }
        self.is_gone.send_replace(true);
    }

    /// Serves until it ends, or is to end.
    async fn serve(&self, child: &mut Child, stdout: ChildStdout) -> Ending {
        let mut told = self.ending.subscribe();
        let is_told = async { drop(told.wait_for(Option::is_some).await) };
        let mut reading = std::pin::pin!(self.read(stdout));
        let why = tokio::select! {
            why = &mut reading => match why {
                Some(why) => why,
                // How it ended says more than that it closed its output, and comes at once.
                None => match timeout(STDIO_GRACE, child.ended()).await {
                    Ok(how) => how,
                    Err(_) => "it closed its standard output".to_owned(),
                },
            },
            how = child.ended() => {
                // What it said before it ended is still in the pipe.
                let _ = timeout(STDIO_GRACE, reading).await;
                how
            }
            () = is_told => return Ending::Asked,
        };
        Ending::Fault(why)
    }

    /// Reads its messages until there are no more, or it says what it must not.
    async fn read(&self, stdout: ChildStdout) -> Option<String> {
        let mut lines = Lines::new(stdout, self.plan.message_bytes, Overlong::Refused);
        let mut reader = Reader::default();
        let mut garbage = 0;
        loop {
            let line = match lines.next().await {
                Ok(Some(line)) => line,
                Ok(None) => return None,
                Err(error) => return Some(format!("its standard output: {error}")),
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            match reader.read(&line) {
                Ok((messages, _)) => {
                    garbage = 0;
                    self.has_spoken.store(true, Relaxed);
                    for message in &messages {
                        self.deliver(message).await;
                    }
                }
                Err(problem) => {
                    garbage += 1;
                    let length = line.len();
                    let what = format!("skipped a line of {length} bytes on its output: {problem}");
                    self.log.note(&what);
                    if garbage >= STDIO_GARBAGE_LINES {
                        return Some("its standard output is no JSON-RPC".to_owned());
                    }
                }
            }
        }
    }

    async fn deliver(&self, message: &Message) {
        let steps = self.table().arrived(message);
        for step in steps {
            match step {
                Step::Push(stream, text) => self.push(&stream, text).await,
                Step::Respond(stream, text) => stream.respond(text),
                Step::End(stream) => stream.end(End::Done),
                Step::Answer(text) => self.say(text),
            }
        }
    }

    async fn push(&self, stream: &Stream, text: Bytes) {
        let is_private = self.slot.principal.is_some();
        let has_room = !stream.is_full()
            || is_private && timeout(STDIO_STALL_TIME, stream.has_room()).await.is_ok();
        if has_room {
            stream.push(text);
        } else {
            self.log.note("a caller does not read: its stream is cut");
            stream.end(End::Cut);
        }
    }

    /// Answers every open call, and ends every session.
    fn close(&self, why: &Ending) {
        let mut table = self.table();
        let sessions = table.sessions();
        table.fail(codes::ENDED, &why.refused().to_string());
        drop(table);
        sessions.iter().for_each(|session| session.end(End::Done));
        if let Ending::Fault(why) = why {
            self.log.note(why);
        }
    }
}

/// Writes lines until the queue or the pipe is closed.
async fn write(mut queue: mpsc::UnboundedReceiver<Line>, mut stdin: ChildStdin) {
    while let Some(line) = queue.recv().await {
        let mut text = Vec::with_capacity(line.text.len() + 1);
        text.extend_from_slice(&line.text);
        text.push(b'\n');
        if stdin.write_all(&text).await.is_err() {
            // It reads no more, so it is about to end, which shows elsewhere.
            return;
        }
    }
}

/// Tells the log what a process writes to its standard error.
async fn tell(stderr: ChildStderr, log: Arc<Log>) {
    let mut lines = Lines::new(stderr, STDIO_STDERR_BYTES, Overlong::Cut);
    while let Ok(Some(line)) = lines.next().await {
        log.stderr(&line);
    }
}
