//! Where an `mcp` connection goes when it is not to a server on the network: to a process of the
//! gateway's own, or to several connections as one.

use std::sync::Arc;

use super::super::errors::Mistake;
use super::super::model::{Share, Stdio};
use super::super::schema::{self, At, Named, Text};
use super::super::secrets::{is_reference, names_a_secret};
use super::super::units;
use super::Checker;
use crate::base::limits::{
    STDIO_IDLE, STDIO_IDLE_MAX, STDIO_MEMORY, STDIO_MEMORY_RANGE, STDIO_PROCESSES,
    STDIO_PROCESSES_MAX, STDIO_WORDS, UNION_MEMBERS,
};
use crate::base::secret::Secret;
use crate::control::config::Place;
use crate::policy::Protocol;

impl Checker<'_> {
    pub(super) fn stdio(&mut self, stdio: At<schema::Stdio>) -> Option<Stdio> {
        let At { value, at } = stdio;
        let command = self
            .need(value.command, at, "command")
            .and_then(|command| self.program(&command));
        let args = self.args(value.args);
        let env = self.env(value.env, at);
        let cwd = self.perhaps(value.cwd, |checker, cwd| {
            let path = checker.word(&cwd, "a directory")?;
            Some(checker.lookup.path(&path))
        });
        let shares = [("principal", Share::Principal), ("all", Share::All)];
        let share = match value.share {
            Some(share) => self.one_of(&share, "way to share", &shares),
            None => Some(Share::default()),
        };
        let processes = match (share, value.processes) {
            (Some(Share::All), Some(count)) => {
                let why = "with `share: all` there is one process; `processes` says nothing";
                self.refuse(count.at, why)
            }
            (Some(Share::All), None) => Some(1),
            (_, None) => Some(STDIO_PROCESSES),
            (_, Some(count)) => {
                let want = format!("expected a number from 1 to {STDIO_PROCESSES_MAX}");
                self.number(&count, 1..=STDIO_PROCESSES_MAX, want)
            }
        };
        let idle = self.perhaps(value.idle, |checker, idle| {
            match checker.found(idle.at, units::duration(&idle.value.0))? {
                long if long > STDIO_IDLE_MAX => checker.refuse(idle.at, "this can be at most 24h"),
                time => Some(time),
            }
        });
        let memory = self.perhaps(value.memory, |checker, memory| {
            let bytes = checker.found(memory.at, units::size(&memory.value.0))?;
            match STDIO_MEMORY_RANGE.contains(&bytes) {
                true => Some(bytes),
                false => checker.refuse(memory.at, "a process's memory is from 16MiB to 1024GiB"),
            }
        });
        Some(Stdio {
            command: command?,
            args: args?,
            env: env?,
            cwd: cwd?,
            share: share?,
            processes: processes?,
            idle: idle?.unwrap_or(STDIO_IDLE),
            memory: memory?.unwrap_or(STDIO_MEMORY),
        })
    }

    /// A program: a name that is looked up, or a path, which like all others starts at the file.
    fn program(&mut self, text: &Text) -> Option<String> {
        let name = self.word(text, "a program's name")?;
        if !name.contains('/') {
            return Some(name);
        }
        // Absolute: else the process would look for it in its own directory.
        let path = std::path::absolute(self.lookup.path(&name));
        let path = self.found(text.at, path.map_err(|error| error.to_string()))?;
        let unreadable = |_| "the way to this program is not UTF-8".to_owned();
        self.found(
            text.at,
            path.into_os_string().into_string().map_err(unreadable),
        )
    }

    fn args(&mut self, args: Option<At<Vec<Text>>>) -> Option<Vec<String>> {
        let Some(At { value, at }) = args else {
            return Some(Vec::new());
        };
        if value.len() > STDIO_WORDS {
            return self.refuse(
                at,
                format!("at most {STDIO_WORDS} arguments can stand here"),
            );
        }
        let judged: Vec<_> = value.iter().map(|arg| self.without_nul(arg)).collect();
        judged.into_iter().collect()
    }

    /// A text that the system takes as a name: not empty, and without the byte that ends it.
    fn word(&mut self, text: &Text, what: &str) -> Option<String> {
        if text.value.is_empty() {
            return self.refuse(text.at, format!("expected {what}"));
        }
        self.without_nul(text)
    }

    fn without_nul(&mut self, text: &Text) -> Option<String> {
        match text.value.contains('\0') {
            true => self.refuse(text.at, "no process can be given a NUL"),
            false => Some(text.value.clone()),
        }
    }

    fn env(&mut self, env: Option<Named<Text>>, owner: Place) -> Option<Vec<(String, Secret)>> {
        let entries = env.map(|env| env.0).unwrap_or_default();
        if entries.len() > STDIO_WORDS {
            return self.refuse(owner, format!("`env` can have at most {STDIO_WORDS} names"));
        }
        let judged: Vec<_> = entries
            .iter()
            .map(|(name, value)| {
                let value = self.variable(name, value);
                Some((self.variable_name(name)?, value?))
            })
            .collect();
        judged.into_iter().collect()
    }

    fn variable_name(&mut self, name: &Text) -> Option<String> {
        let is_name = name
            .value
            .starts_with(|first: char| !first.is_ascii_digit())
            && (name.value.chars())
                .all(|each| each.is_ascii_alphanumeric() || "_.-".contains(each));
        match is_name {
            true => Some(name.value.clone()),
            false => self.refuse(
                name.at,
                "expected the name of a variable, such as `API_URL`",
            ),
        }
    }

    /// What a variable is set to. One that is called a secret does not stand in the file.
    fn variable(&mut self, name: &Text, value: &Text) -> Option<Secret> {
        if is_reference(&value.value) {
            let secret = self.found(value.at, self.lookup.secret(&value.value))?;
            return match secret.expose().contains(&0) {
                true => self.refuse(value.at, "no process can be given a NUL"),
                false => Some(secret),
            };
        }
        if names_a_secret(&name.value) {
            let mistake = Mistake::new(value.at, "a secret does not stand in the file")
                .help("write a reference: `env:NAME` or `file:PATH`");
            self.mistakes.push(mistake);
            return None;
        }
        let value = self.without_nul(value)?;
        Some(Secret::new(value.into_bytes()))
    }

    /// The members of the virtual connection `name`, each of them once.
    pub(super) fn members(
        &mut self,
        name: &Arc<str>,
        union: At<schema::Virtual>,
    ) -> Option<Vec<usize>> {
        let At { value, at } = union;
        let members = self.need(value.members, at, "members")?;
        if members.value.is_empty() {
            return self.refuse(members.at, "at least one member is needed");
        }
        if members.value.len() > UNION_MEMBERS {
            let what = format!("a virtual connection has at most {UNION_MEMBERS} members");
            return self.refuse(members.at, what);
        }
        let mut good = Vec::new();
        let mut all_good = Some(());
        for member in &members.value {
            match self.member(name, member) {
                Some(index) if good.contains(&index) => {
                    all_good = self.refuse(member.at, "this member stands here twice");
                }
                Some(index) => good.push(index),
                None => all_good = None,
            }
        }
        all_good.map(|()| good)
    }

    fn member(&mut self, name: &Arc<str>, member: &Text) -> Option<usize> {
        let index = self.index(member, "connection", |names| &names.connections)?;
        let kind = self.names.kinds.get(index)?;
        let why = if **name == *member.value {
            "a connection cannot be a member of itself"
        } else if kind.is_virtual {
            "a virtual connection cannot be a member of another"
        } else if kind.protocol != Protocol::Mcp {
            "only connections of protocol `mcp` can be members"
        } else if member.value.contains("__") || member.value.ends_with('_') {
            // `a__b__c` would be read as the tool `b__c` of `a`, `a___c` as `_c` of `a`.
            "a member's name has no `__` and does not end in `_`: its tools are named `MEMBER__TOOL`"
        } else {
            return Some(index);
        };
        self.refuse(member.at, why)
    }
}
