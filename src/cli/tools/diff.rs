//! What has changed in a tool, for a person to judge.

use super::lines::{lines, sorted};
use super::{name, short, trusted};
use crate::base::calendar::Utc;
use crate::base::visible::Visible;
use crate::cli::terminal::Paint;
use crate::json::{Document, Kind, Value};
use crate::store::{Definition, StoreError, Tool};
use std::fmt::Write as _;

/// Lines that stay the same and are shown around a change.
const AROUND: usize = 2;
/// Pairs of lines that are compared; two texts beyond it are shown one after the other.
const PAIRS: usize = 4_000_000;
/// Names of changed members that are listed.
const NAMED: usize = 24;

/// A tool, and how its definition differs from the trusted one.
pub fn shown(tool: &Tool, paint: Paint) -> Result<String, StoreError> {
    let mut out = String::new();
    let since = Utc::from_unix(tool.changed_at);
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "{} {}: {} since {since}, {}",
        tool.connection,
        paint.bold(name(tool)),
        tool.state.name(),
        trusted(tool)
    );
    let is_back = tool.pinned.as_ref() == Some(tool.shown()?);
    if is_back && tool.other.is_some() {
        let note = "the server shows the trusted definition again; in between it showed this:";
        let _ = writeln!(out, "{}", paint.mark(note));
    }
    match (&tool.pinned, &tool.other) {
        (Some(pinned), Some(other)) => {
            named(pinned, other, &mut out);
            let _ = writeln!(
                out,
                "{}",
                paint.bad(format_args!("--- trusted {}", short(&pinned.print)))
            );
            let _ = writeln!(
                out,
                "{}",
                paint.good(format_args!("+++ shown   {}", short(&other.print)))
            );
            compared(&lines(&pinned.text), &lines(&other.text), paint, &mut out);
        }
        (Some(only), None) | (None, Some(only)) => {
            let _ = writeln!(out, "definition {}", short(&only.print));
            for line in lines(&only.text) {
                let _ = writeln!(out, "  {}", marked(&line, paint));
            }
        }
        (None, None) => {}
    }
    if lines(&tool.shown()?.text)
        .iter()
        .any(|line| is_marked(line))
    {
        let note =
            "it has characters that cannot be seen, or look like others: they stand as \\u{…}";
        let _ = writeln!(out, "{}", paint.mark(note));
    }
    Ok(out)
}

/// One line that names the members that differ.
fn named(old: &Definition, new: &Definition, out: &mut String) {
    let (Ok(old), Ok(new)) = (
        Document::parse(old.text.as_bytes()),
        Document::parse(new.text.as_bytes()),
    ) else {
        return;
    };
    let mut names = Vec::new();
    differing(old.root(), new.root(), "", &mut names);
    names.retain(|name| !name.ends_with(" _meta"));
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    let _ = write!(out, "{}", names.join(", "));
    if more > 0 {
        let _ = write!(out, ", and {more} more");
    }
    out.push('\n');
}

/// The members in which two values differ: changed, added or removed.
fn differing(old: Value<'_>, new: Value<'_>, path: &str, names: &mut Vec<String>) {
    if (old.kind(), new.kind()) != (Kind::Object, Kind::Object) {
        if lines_of(old) != lines_of(new) {
            names.push(format!("changed {path}"));
        }
        return;
    }
    let (old, new) = (sorted(old), sorted(new));
    let below = |name: &str| match path {
        "" => Visible(name).to_string(),
        path => format!("{path}.{}", Visible(name)),
    };
    for (name, value) in &old {
        match new.iter().find(|(other, _)| other == name) {
            Some((_, other)) => differing(*value, *other, &below(name), names),
            None => names.push(format!("removed {}", below(name))),
        }
    }
    for (name, _) in &new {
        if old.iter().all(|(other, _)| other != name) {
            names.push(format!("added {}", below(name)));
        }
    }
}

/// A value in a form in which equal values are equal, whatever their white space and order.
fn lines_of(value: Value<'_>) -> Vec<String> {
    lines(&format!("{{\"\":{}}}", value.raw()))
}

/// A line of a comparison.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Line<'a> {
    Same(&'a str),
    Old(&'a str),
    New(&'a str),
}

fn compared(old: &[String], new: &[String], paint: Paint, out: &mut String) {
    let lines = matched(old, new);
    let changes: Vec<usize> = (0..lines.len())
        .filter(|index| !matches!(lines[*index], Line::Same(_)))
        .collect();
    let mut left_out = 0;
    for (index, line) in lines.iter().enumerate() {
        let next = changes.partition_point(|change| *change < index);
        let near =
            |change: Option<&usize>| change.is_some_and(|change| change.abs_diff(index) <= AROUND);
        if !(near(changes.get(next)) || near(next.checked_sub(1).and_then(|it| changes.get(it)))) {
            left_out += 1;
            continue;
        }
        skipped(left_out, paint, out);
        left_out = 0;
        let _ = match line {
            Line::Same(text) => writeln!(out, "  {text}"),
            Line::Old(text) => writeln!(out, "{} {}", paint.bad('-'), paint.bad(text)),
            Line::New(text) => writeln!(out, "{} {}", paint.good('+'), paint.good(text)),
        };
    }
    skipped(left_out, paint, out);
}

fn skipped(lines: usize, paint: Paint, out: &mut String) {
    if lines > 0 {
        let text = format!("  … {lines} lines as before");
        let _ = writeln!(out, "{}", paint.dim(text));
    }
}

/// Whether something in the line is written out.
fn is_marked(line: &str) -> bool {
    line.contains("\\u{")
}

fn marked(line: &str, paint: Paint) -> String {
    if is_marked(line) {
        paint.mark(line).to_string()
    } else {
        line.to_owned()
    }
}

/// The longest lines that both have in common stay; the others are old or new.
fn matched<'a>(old: &'a [String], new: &'a [String]) -> Vec<Line<'a>> {
    let same = |(a, b): &(&String, &String)| a == b;
    let head = old.iter().zip(new).take_while(same).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = (old_rest.iter().rev().zip(new_rest.iter().rev()))
        .take_while(same)
        .count();
    let (old_middle, old_tail) = old_rest.split_at(old_rest.len() - tail);
    let new_middle = &new_rest[..new_rest.len() - tail];
    let same = |line: &'a String| Line::Same(line);
    let mut lines: Vec<Line<'a>> = old[..head].iter().map(same).collect();
    lines.extend(middle(old_middle, new_middle));
    lines.extend(old_tail.iter().map(same));
    lines
}

/// By the table of longest common subsequences, where it is small enough.
fn middle<'a>(old: &'a [String], new: &'a [String]) -> Vec<Line<'a>> {
    let all_old = |from: usize| old.iter().skip(from).map(|line| Line::Old(line));
    let all_new = |from: usize| new.iter().skip(from).map(|line| Line::New(line));
    if old.len().saturating_mul(new.len()) > PAIRS {
        return all_old(0).chain(all_new(0)).collect();
    }
    let width = new.len() + 1;
    // How much is in common from line `i` of the old and line `j` of the new on.
    let mut common = vec![0u32; (old.len() + 1) * width];
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            common[i * width + j] = if a == b {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while let (Some(a), Some(b)) = (old.get(i), new.get(j)) {
        if a == b {
            lines.push(Line::Same(a));
            (i, j) = (i + 1, j + 1);
        } else if common[(i + 1) * width + j] >= common[i * width + j + 1] {
            lines.push(Line::Old(a));
            i += 1;
        } else {
            lines.push(Line::New(b));
            j += 1;
        }
    }
    lines.extend(all_old(i));
    lines.extend(all_new(j));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_have_stays_in_order() {
        let text = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (old, new) in [
            ("a b c d e", "a x c d e"),
            ("a b c", "a b c"),
            ("a b c", "x y"),
            ("a c e g", "b c d e f g h"),
            ("a a b", "a b a b"),
        ] {
            let (old, new) = (text(old), text(new));
            let lines = matched(&old, &new);
            let side = |is_old: bool| {
                lines.iter().filter_map(move |line| match line {
                    Line::Same(text) => Some((*text).to_owned()),
                    Line::Old(text) => is_old.then(|| (*text).to_owned()),
                    Line::New(text) => (!is_old).then(|| (*text).to_owned()),
                })
            };
            assert_eq!(side(true).collect::<Vec<_>>(), old);
            assert_eq!(side(false).collect::<Vec<_>>(), new);
        }
        let (old, new) = (text("a c e g"), text("b c d e f g h"));
        let same = matched(&old, &new);
        let same = same.iter().filter(|line| matches!(line, Line::Same(_)));
        assert_eq!(same.count(), 3);
    }
}
