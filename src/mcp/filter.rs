//! Lists without the items that a caller may not know of, as edits: what is kept stays byte by byte.

use super::answer::Unreadable;
use super::edit::{Edits, Misplaced};
use super::keys::Names;
use super::revision::Revision;
use crate::json::{self, Keys, Tape, Value};

/// What a list holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ListKind {
    /// `tools/list`
    Tools,
    /// `prompts/list`
    Prompts,
    /// `resources/list`
    Resources,
    /// `resources/templates/list`
    Templates,
}

/// One item of a list.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// What it is.
    pub kind: ListKind,
    /// What a call would name: a name, a URI, or a template of URIs.
    pub name: &'a str,
    /// The whole item, an object.
    pub definition: Value<'a>,
}

/// How many items stayed, and how many did not.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Count {
    /// Items that stayed.
    pub kept: usize,
    /// Items that were taken out.
    pub hidden: usize,
}

impl ListKind {
    /// Every kind.
    pub const ALL: [ListKind; 4] = [
        ListKind::Tools,
        ListKind::Prompts,
        ListKind::Resources,
        ListKind::Templates,
    ];

    /// The kind of list that a method asks for.
    #[must_use]
    pub fn of_method(method: &str) -> Option<ListKind> {
        ListKind::ALL
            .into_iter()
            .find(|kind| kind.method() == method)
    }

    /// The method that asks for such a list.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            ListKind::Tools => "tools/list",
            ListKind::Prompts => "prompts/list",
            ListKind::Resources => "resources/list",
            ListKind::Templates => "resources/templates/list",
        }
    }

    /// The method that uses an item.
    #[must_use]
    pub fn used_by(self) -> &'static str {
        match self {
            ListKind::Tools => "tools/call",
            ListKind::Prompts => "prompts/get",
            ListKind::Resources | ListKind::Templates => "resources/read",
        }
    }

    /// The member of a result that holds the list.
    #[must_use]
    pub fn member(self) -> &'static str {
        match self {
            ListKind::Tools => "tools",
            ListKind::Prompts => "prompts",
            ListKind::Resources => "resources",
            ListKind::Templates => "resourceTemplates",
        }
    }

    /// The member of an item that names it.
    fn name(self) -> &'static Names<1> {
        const NAME: Names<1> = Names::new(["name"]);
        const URI: Names<1> = Names::new(["uri"]);
        const TEMPLATE: Names<1> = Names::new(["uriTemplate"]);
        match self {
            ListKind::Tools | ListKind::Prompts => &NAME,
            ListKind::Resources => &URI,
            ListKind::Templates => &TEMPLATE,
        }
    }
}

/// Lists what must change in the result of a list method, so that it holds only what `keep` says
/// yes to. `edits` count from the start of the message, and are added to.
///
/// Every list that the result holds is filtered, whichever was asked for. An item that cannot be
/// named is taken out. What is left depends on who asked, so no cache may share it: `cacheScope`
/// becomes `private`, and is added where the revision has it.
pub fn filter<'a>(
    result: Value<'a>,
    revision: Revision,
    edits: &mut Edits,
    mut keep: impl FnMut(Item<'a>) -> bool,
) -> Result<Count, Unreadable> {
    if result.kind() != json::Kind::Object {
        return Err(Unreadable::List);
    }
    let mut count = Count::default();
    if revision.is_modern() && result.get("cacheScope").is_none() {
        let text: &[u8] = match result.members().next() {
            Some(_) => b"\"cacheScope\":\"private\",",
            None => b"\"cacheScope\":\"private\"",
        };
        let inside = result.span().start + 1;
        edits.push(inside..inside, text)?;
    }
    for (name, value) in result.members() {
        if name == "cacheScope" {
            if value.as_str() != Some("private") {
                edits.push(value.span(), b"\"private\"")?;
            }
        } else if let Some(kind) = ListKind::ALL.into_iter().find(|kind| kind.member() == name) {
            if value.kind() != json::Kind::Array {
                return Err(Unreadable::List);
            }
            filter_list(value, kind, edits, &mut keep, &mut count)?;
        }
    }
    Ok(count)
}

/// Takes items out together with one comma each: the one before, once an item has been kept; until
/// then the one after.
fn filter_list<'a>(
    list: Value<'a>,
    kind: ListKind,
    edits: &mut Edits,
    keep: &mut impl FnMut(Item<'a>) -> bool,
    count: &mut Count,
) -> Result<(), Unreadable> {
    let mut items = list.items().peekable();
    // Where the item before ended, once one was kept.
    let mut after_kept = None;
    while let Some(definition) = items.next() {
        let span = definition.span();
        let item = item(kind, definition);
        if item.is_some_and(&mut *keep) {
            count.kept += 1;
            after_kept = Some(span.end);
            continue;
        }
        count.hidden += 1;
        match (&mut after_kept, items.peek()) {
            (Some(before), _) => {
                edits.push(*before..span.end, b"")?;
                *before = span.end;
            }
            (None, Some(next)) => edits.push(span.start..next.span().start, b"")?,
            (None, None) => edits.push(span, b"")?,
        }
    }
    Ok(())
}

fn item(kind: ListKind, definition: Value<'_>) -> Option<Item<'_>> {
    // A tool whose name reads in two ways could be shown under one and called under the other.
    let [name] = kind.name().of(definition).ok()?;
    Some(Item {
        kind,
        name: name?.as_str()?,
        definition,
    })
}

/// Applies edits and reads the outcome again, with memory that it keeps. One per core.
#[derive(Default)]
pub struct Rewriter(Tape);

impl Rewriter {
    /// One that has written nothing.
    #[must_use]
    pub fn new() -> Rewriter {
        Rewriter::default()
    }

    /// Writes `text`, a JSON text, changed, at the end of `out`: only if that is JSON again. On an
    /// error `out` is as it was.
    pub fn rewrite(
        &mut self,
        text: &[u8],
        edits: &Edits,
        out: &mut Vec<u8>,
    ) -> Result<(), Unreadable> {
        let start = out.len();
        edits.apply(text, out)?;
        let written = out.get(start..).unwrap_or_default();
        match self.0.parse(written, Keys::Unchecked) {
            Ok(_) => Ok(()),
            Err(_) => {
                out.truncate(start);
                Err(Unreadable::List)
            }
        }
    }
}

impl From<Misplaced> for Unreadable {
    fn from(_: Misplaced) -> Unreadable {
        Unreadable::List
    }
}
