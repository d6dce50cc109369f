//! What only connections of protocol `mcp` have: scopes, doors, pinning, budgets.

use std::num::NonZeroU32;
use std::str::FromStr;

use super::super::model::{Budget, First, Mcp, OnChange, Rate, ToolPolicy};
use super::super::schema::{self, At, Scalar, Text};
use super::super::units;
use super::{Checker, place};
use crate::base::limits::{BUDGET_CALLS, BUDGETS, LISTED_NAMES, MESSAGE_BYTES, MESSAGE_BYTES_MAX};
use crate::control::config::Place;

/// The least a message's bound may be: below it no handshake fits.
const MESSAGE_BYTES_MIN: u64 = 1024;

impl Checker<'_> {
    /// The keys that only `mcp` connections have, whichever of them are there.
    pub(super) fn mcp(&mut self, connection: &mut schema::Connection) -> Option<Mcp> {
        let scopes = self.scopes(connection.scopes.take());
        let origins = self.origins(connection.origins.take());
        let hosts = self.hosts(connection.hosts.take());
        let tools = self.tools(connection.tools.take());
        let message_bytes = self.message_bytes(connection.message_bytes.take());
        let most = message_bytes.unwrap_or(MESSAGE_BYTES_MAX);
        let budgets = self.budgets(connection.budgets.take(), most);
        Some(Mcp {
            scopes: scopes?,
            origins: origins?,
            hosts: hosts?,
            tools: tools?,
            budgets: budgets?,
            message_bytes: message_bytes?,
        })
    }

    /// Scopes are told apart by spaces in a challenge (RFC 6749, section 3.3).
    fn scopes(&mut self, scopes: Option<At<Vec<Text>>>) -> Option<Vec<String>> {
        let is_scope = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        self.listed(all(scopes), |checker, scope| {
            if !scope.value.is_empty() && scope.value.bytes().all(is_scope) {
                return Some(scope.value.clone());
            }
            checker.refuse(
                scope.at,
                "a scope is plain ASCII without spaces, quotes and backslashes",
            )
        })
    }

    fn origins(&mut self, origins: Option<At<Vec<Text>>>) -> Option<Vec<String>> {
        self.listed(all(origins), |checker, origin| {
            let judged = judged_origin(&origin.value);
            checker.found(origin.at, judged)
        })
    }

    fn hosts(&mut self, hosts: Option<At<Vec<Text>>>) -> Option<Option<Vec<String>>> {
        let Some(At { value, at }) = hosts else {
            return Some(None);
        };
        if value.is_empty() {
            return self.refuse(
                at,
                "no `Host` at all would be accepted: name one, or leave it out",
            );
        }
        self.listed(value, Checker::host).map(Some)
    }

    /// Judges each of a bounded list in which nothing stands twice.
    fn listed(
        &mut self,
        texts: Vec<Text>,
        judge: impl Fn(&mut Self, &Text) -> Option<String>,
    ) -> Option<Vec<String>> {
        let mut good = Vec::new();
        let mut all_good = Some(());
        for (index, text) in texts.iter().enumerate() {
            match judge(self, text) {
                Some(value) if good.contains(&value) => {
                    all_good = self.refuse(text.at, format!("`{value}` stands here twice"));
                }
                Some(value) => good.push(value),
                None => all_good = None,
            }
            if index == LISTED_NAMES {
                all_good = self.refuse(text.at, format!("at most {LISTED_NAMES} can stand here"));
            }
        }
        all_good.map(|()| good)
    }

    fn tools(&mut self, tools: Option<At<schema::Tools>>) -> Option<ToolPolicy> {
        let Some(At { value, .. }) = tools else {
            return Some(ToolPolicy::default());
        };
        let changes = [
            ("quarantine", OnChange::Quarantine),
            ("alert", OnChange::Alert),
        ];
        let firsts = [("trust", First::Trust), ("approve", First::Approve)];
        let on_change = match value.on_change {
            Some(word) => self.one_of(&word, "answer to a change", &changes),
            None => Some(OnChange::default()),
        };
        let first = match value.first {
            Some(word) => self.one_of(&word, "answer to a new tool", &firsts),
            None => Some(First::default()),
        };
        Some(ToolPolicy {
            on_change: on_change?,
            first: first?,
        })
    }

    fn message_bytes(&mut self, size: Option<At<Scalar>>) -> Option<u64> {
        let Some(size) = size else {
            return Some(MESSAGE_BYTES);
        };
        let bytes = self.found(size.at, units::size(&size.value.0))?;
        if (MESSAGE_BYTES_MIN..=MESSAGE_BYTES_MAX).contains(&bytes) {
            return Some(bytes);
        }
        self.refuse(size.at, "a message's bound is from 1KiB to 64MiB")
    }

    fn budgets(
        &mut self,
        budgets: Option<At<Vec<At<schema::Budget>>>>,
        message_bytes: u64,
    ) -> Option<Vec<Budget>> {
        let Some(At { value, at }) = budgets else {
            return Some(Vec::new());
        };
        let bounds = |At { value, .. }: &At<schema::Budget>| {
            let bounds = [
                value.calls.is_some(),
                value.concurrent.is_some(),
                value.result_bytes.is_some(),
            ];
            bounds.iter().filter(|is_there| **is_there).count()
        };
        if value.iter().map(bounds).sum::<usize>() > BUDGETS {
            return self.refuse(at, format!("at most {BUDGETS} bounds can stand here"));
        }
        let judged: Vec<_> = value
            .into_iter()
            .map(|budget| self.budget(budget, message_bytes))
            .collect();
        judged.into_iter().collect()
    }

    fn budget(&mut self, budget: At<schema::Budget>, message_bytes: u64) -> Option<Budget> {
        let At { value, at } = budget;
        if value.calls.is_none() && value.concurrent.is_none() && value.result_bytes.is_none() {
            let what = "name at least one of `calls`, `concurrent`, `result_bytes`";
            return self.refuse(at, what);
        }
        let tools = self.perhaps(value.tools, |checker, glob| checker.name_glob(&glob));
        let calls = self.perhaps(value.calls, |checker, rate| checker.rate(&rate));
        let concurrent = self.perhaps(value.concurrent, |checker, count| {
            let what = format!("expected a number from 1 to {BUDGET_CALLS}");
            let most = NonZeroU32::new(BUDGET_CALLS)?;
            checker.number(&count, NonZeroU32::MIN..=most, what)
        });
        let result_bytes = self.perhaps(value.result_bytes, |checker, size| {
            let bytes = checker.found(size.at, units::size(&size.value.0))?;
            if bytes > message_bytes {
                let why = "this is never reached: `message_bytes` lets no result be so large";
                return checker.refuse(size.at, why);
            }
            Some(bytes)
        });
        Some(Budget {
            tools: tools?,
            calls: calls?,
            concurrent: concurrent?,
            result_bytes: result_bytes?,
            place: at.into(),
        })
    }

    fn rate(&mut self, text: &Text) -> Option<Rate> {
        let (count, per) = self.found(text.at, units::rate(&text.value))?;
        if count.get() > BUDGET_CALLS {
            return self.refuse(text.at, format!("this can be at most {BUDGET_CALLS}"));
        }
        Some(Rate { count, per })
    }

    /// A name in which `*` stands for any run of characters.
    fn name_glob(&mut self, glob: &Text) -> Option<String> {
        if glob.value.is_empty() || glob.value.chars().any(char::is_control) {
            return self.refuse(glob.at, "expected a tool's name, such as `search_*`");
        }
        Some(glob.value.clone())
    }

    /// A value that may be missing, judged where it is there.
    pub(super) fn perhaps<T, U>(
        &mut self,
        value: Option<T>,
        judge: impl FnOnce(&mut Self, T) -> Option<U>,
    ) -> Option<Option<U>> {
        match value {
            Some(value) => judge(self, value).map(Some),
            None => Some(None),
        }
    }

    /// A number in a range; `want` says in which.
    pub(super) fn number<T: FromStr + PartialOrd>(
        &mut self,
        text: &At<Scalar>,
        range: std::ops::RangeInclusive<T>,
        want: String,
    ) -> Option<T> {
        match text.value.0.parse() {
            Ok(number) if range.contains(&number) => Some(number),
            _ => self.refuse(text.at, want),
        }
    }
}

fn all(texts: Option<At<Vec<Text>>>) -> Vec<Text> {
    texts.map(|texts| texts.value).unwrap_or_default()
}

/// The keys of `connection` that only `mcp` connections have.
pub(super) fn only_mcp(connection: &schema::Connection) -> [(&'static str, Option<Place>); 7] {
    [
        ("stdio", place(&connection.stdio)),
        ("virtual", place(&connection.r#virtual)),
        ("scopes", place(&connection.scopes)),
        ("origins", place(&connection.origins)),
        ("hosts", place(&connection.hosts)),
        ("tools", place(&connection.tools)),
        ("budgets", place(&connection.budgets)),
    ]
}

/// An origin as browsers write it (RFC 6454, section 6.2).
fn judged_origin(text: &str) -> Result<String, String> {
    const WANT: &str = "expected an origin such as `https://app.example`, without a path";
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'*');
    let (scheme, host) = text.split_once("://").filter(|_| plain).ok_or(WANT)?;
    if matches!(scheme, "http" | "https") {
        let url = url::Url::parse(text).map_err(|_| WANT)?;
        let written = url.origin().ascii_serialization();
        return match written == text {
            true => Ok(written),
            false => Err(format!("{WANT}; browsers write this one `{written}`")),
        };
    }
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme
            .chars()
            .all(|each| each.is_ascii_lowercase() || each.is_ascii_digit() || "+-.".contains(each));
    match is_scheme && !host.is_empty() && !host.contains(['/', '?', '#', '@']) {
        true => Ok(text.to_owned()),
        false => Err(WANT.to_owned()),
    }
}
