//! `sluice serve` itself: the file that changes, and SIGHUP.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};

use super::scene::{
    Part, anywhere, await_ready, call, directory, eventually, readyz, server, yaml,
};

/// The binary at work.
struct Process {
    child: Child,
    said: Arc<Mutex<String>>,
    address: SocketAddr,
    admin: SocketAddr,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Process {
    fn start(text: &str) -> Process {
        let directory = directory();
        let path = directory.path().join("sluice.yaml");
        std::fs::write(&path, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_sluice"))
            .args(["serve", "-c"])
            .arg(&path)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::<Mutex<String>>::default();
        let (lines, heard) = (BufReader::new(child.stderr.take().unwrap()), said.clone());
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                *heard.lock().unwrap() += &format!("{line}\n");
            }
        });
        let find = |what: &str| {
            let mut found = None;
            eventually(what, || {
                let said = said.lock().unwrap();
                let rest = said.split_once(what).map(|(_, rest)| rest);
                found = rest.and_then(|rest| rest.split([' ', '/']).next()?.parse().ok());
                found.is_some()
            });
            found.unwrap()
        };
        let (address, admin) = (find("listening on "), find("admin on http://"));
        await_ready(admin);
        Process {
            address,
            admin,
            said,
            path,
            child,
            _directory: directory,
        }
    }

    fn says(&self, what: &str) {
        eventually(what, || self.said.lock().unwrap().contains(what));
    }

    fn allows(&self, tool: &str) -> bool {
        call(self.address, "up", tool).text().contains("who")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_file_that_changes_and_a_hangup_are_taken_over_and_a_bad_file_is_told() {
    let up = server("up");
    let text = |rule| yaml(anywhere(), &[Part::mcp("up", &up, &[rule])]);
    let process = Process::start(&text("allow: tools/call first"));
    assert!(process.allows("first") && !process.allows("second"));
    // Written in place.
    std::fs::write(&process.path, text("allow: tools/call second")).unwrap();
    process.says("configuration 2 is in force");
    assert!(process.allows("second") && !process.allows("first"));
    // Replaced, as editors do it.
    let aside = process.path.with_extension("new");
    std::fs::write(&aside, text("allow: tools/call first")).unwrap();
    std::fs::rename(&aside, &process.path).unwrap();
    process.says("configuration 3 is in force");
    assert!(process.allows("first"));
    // A mistake is shown where it stands, and changes nothing.
    std::fs::write(&process.path, text("alow: tools/call second")).unwrap();
    process.says("configuration 3 stays in force");
    process.says("alow");
    let (status, report) = readyz(process.admin);
    assert_eq!(status, 200);
    let refused = report["configuration"]["refused"].as_str().unwrap();
    assert!(refused.contains("alow"), "{refused}");
    assert!(process.allows("first"));
    // Another listener cannot be had without a restart.
    let elsewhere = text("allow: tools/call second").replace("127.0.0.1:0 }]", "127.0.0.2:0 }]");
    std::fs::write(&process.path, elsewhere).unwrap();
    process.says("`listeners` cannot change while the gateway runs");
    assert!(process.allows("first"));
    // What has been put right is taken over.
    std::fs::write(&process.path, text("allow: tools/call second")).unwrap();
    process.says("configuration 4 is in force");
    assert!(process.allows("second"));
    assert!(readyz(process.admin).1["configuration"]["refused"].is_null());
    // The file is as it was: somebody asks to look all the same.
    kill_process(Pid::from_child(&process.child), Signal::HUP).unwrap();
    process.says("nothing has changed");
    assert!(process.allows("second"));
}
