//! Rust as text: enough of a reader to tell code from comments and literals, and a function from
//! what stands around it.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A file of the crate, and what the rules look at in it.
pub struct Source {
    /// Path from the repository's root, with slashes.
    pub path: String,
    /// As it is in the file.
    pub text: String,
    /// The same, line by line, without comments and without what stands in literals.
    pub code: String,
    /// Like `code`, without what is compiled for tests only.
    pub shipped: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Source {
        let code = blank_out_prose(text);
        let shipped = blank_out_tests(&code);
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            shipped,
        }
    }

    /// The room it stands in; `main` and `lib` for the two files above the rooms.
    pub fn room(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let end = inside.find(['/', '.']).unwrap_or(inside.len());
        &inside[..end]
    }

    /// How deep its module lies: 1 for a room's own file, 2 for a file in the room.
    pub fn depth(&self) -> usize {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let names = inside.trim_end_matches("/mod.rs").trim_end_matches(".rs");
        match names {
            "lib" | "main" => 0,
            names => names.split('/').count(),
        }
    }

    /// The number of the line in which byte `at` stands.
    pub fn line(&self, at: usize) -> usize {
        1 + self.text[..at].bytes().filter(|b| *b == b'\n').count()
    }
}

/// Every file under `src/`. Files that are modules for tests only have nothing that is shipped.
pub fn crate_sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
        let mut sources = sources_under("src");
        let tests_only: Vec<String> = sources.iter().flat_map(test_modules).collect();
        for source in &mut sources {
            let part_of = |stem: &String| {
                let rest = source.path.strip_prefix(stem.as_str());
                rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            };
            if tests_only.iter().any(part_of) {
                source.shipped = blank(&source.code);
            }
        }
        sources
    });
    &SOURCES
}

/// The crate's files, and those of its tests, benches, fuzz targets and measurements.
pub fn all_sources() -> Vec<Source> {
    let folders = [
        "src",
        "tests",
        "bench",
        "fuzz/fuzz_targets",
        "fuzz/src",
        "perf/src",
    ];
    folders.into_iter().flat_map(sources_under).collect()
}

fn sources_under(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join(folder), &mut paths);
    paths.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("sources are text");
        let shown = path.strip_prefix(root).expect("under the root").display();
        Source::new(&shown.to_string(), &text)
    };
    paths.iter().map(read).collect()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|end| end == "rs") {
            into.push(path);
        }
    }
}

/// The modules that `source` declares with `#[cfg(test)] mod name;`, as paths without `.rs`.
fn test_modules(source: &Source) -> Vec<String> {
    let folder = source
        .path
        .trim_end_matches("/mod.rs")
        .trim_end_matches(".rs");
    source
        .code
        .split("#[cfg(test)]")
        .skip(1)
        .filter_map(|after| after.trim_start().strip_prefix("mod "))
        .filter_map(|after| after.split_once(';'))
        .filter(|(name, _)| name.bytes().all(is_word))
        .map(|(name, _)| format!("{folder}/{name}"))
        .collect()
}

/// A word, a number or one character of punctuation, and where it begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token<'s> {
    pub text: &'s str,
    pub at: usize,
}

/// The tokens of blanked code. `::` and `->` are one token each.
pub fn tokens(code: &str) -> Vec<Token<'_>> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        at += 1;
        if bytes[start].is_ascii_whitespace() {
            continue;
        }
        if is_word(bytes[start]) {
            while at < bytes.len() && is_word(bytes[at]) {
                at += 1;
            }
        } else if matches!(&bytes[start..], [b':', b':', ..] | [b'-' | b'=', b'>', ..]) {
            at += 1;
        } else {
            while !code.is_char_boundary(at) {
                at += 1;
            }
        }
        found.push(Token {
            text: &code[start..at],
            at: start,
        });
    }
    found
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

/// A function as it is written.
pub struct Function<'s> {
    pub name: &'s str,
    /// `pub`, `pub(super)` and so on; empty for a private one.
    pub visibility: &'s str,
    /// What it answers, as written; empty for nothing.
    pub answers: &'s str,
    /// From the name to the closing brace, or to the semicolon of a declaration.
    pub whole: &'s str,
    /// Only what is between the braces.
    pub body: &'s str,
    pub at: usize,
}

/// The functions in blanked code, in order. One within another is found too.
pub fn functions(code: &str) -> Vec<Function<'_>> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let Some(name) = tokens.get(index + 1).filter(|_| token.text == "fn") else {
            continue;
        };
        if !name
            .text
            .starts_with(|c: char| c.is_alphabetic() || c == '_')
        {
            continue; // A type: `fn(Mono) -> Step`.
        }
        let (mut depth, mut arrow, mut stop) = (0, None, None);
        for (place, token) in tokens.iter().enumerate().skip(index + 2) {
            match token.text {
                "(" | "[" => depth += 1,
                ")" | "]" => depth -= 1,
                "->" if depth == 0 => arrow = arrow.or(Some(token.at + 2)),
                "where" if depth == 0 => stop = stop.or(Some(token.at)),
                "{" | ";" if depth == 0 => {
                    let end = closing(&tokens, place);
                    found.push(Function {
                        name: name.text,
                        visibility: visibility(code, &tokens, index),
                        answers: arrow.map_or("", |from| &code[from..stop.unwrap_or(token.at)]),
                        whole: &code[name.at..end],
                        body: code[token.at..end].trim_start_matches(['{', ';']),
                        at: name.at,
                    });
                    break;
                }
                _ => {}
            }
        }
    }
    found
}

/// Where the block that opens at token `open` ends; for anything else, where that token does.
pub fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0;
    for token in &tokens[open..] {
        match token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return token.at + token.text.len();
        }
    }
    tokens.last().map_or(0, |last| last.at + last.text.len())
}

/// What stands before the keyword at `keyword`, from `pub` on.
fn visibility<'s>(code: &'s str, tokens: &[Token<'_>], keyword: usize) -> &'s str {
    let mut index = keyword;
    while index > 0 && matches!(tokens[index - 1].text, "const" | "async" | "unsafe") {
        index -= 1;
    }
    let end = index;
    if index > 0 && tokens[index - 1].text == ")" {
        while index > 0 && tokens[index].text != "(" {
            index -= 1;
        }
    }
    match index.checked_sub(1).map(|before| tokens[before]) {
        Some(token) if token.text == "pub" => {
            let last = tokens[end - 1];
            &code[token.at..last.at + last.text.len()]
        }
        _ => "",
    }
}

/// As many spaces as there are bytes, line breaks kept.
fn blank(text: &str) -> String {
    let keep = |byte| if byte == b'\n' { '\n' } else { ' ' };
    text.bytes().map(keep).collect()
}

/// Blanks comments, and what stands between the quotes of literals.
fn blank_out_prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut after_word = false;
    while let Some(next) = rest.chars().next() {
        let (prose, quotes) = prose_at_start(rest, after_word);
        let (taken, left) = rest.split_at(prose.max(next.len_utf8()));
        if prose == 0 {
            out.push_str(if next.is_ascii() { taken } else { "?" });
            out.extend(std::iter::repeat_n('?', taken.len() - 1).filter(|_| !next.is_ascii()));
        } else if quotes {
            out.push('"');
            out.push_str(&blank(&taken[1..taken.len() - 1]));
            out.push('"');
        } else {
            out.push_str(&blank(taken));
        }
        after_word = prose == 0 && (next == '_' || next.is_alphanumeric());
        rest = left;
    }
    out
}

/// How long the comment or literal is that `text` begins with, and whether it is a literal.
fn prose_at_start(text: &str, after_word: bool) -> (usize, bool) {
    if text.starts_with("//") {
        return (text.find('\n').unwrap_or(text.len()), false);
    }
    if text.starts_with("/*") {
        return (text.find("*/").map_or(text.len(), |end| end + 2), false);
    }
    let prefix = ["br", "cr", "r", "b", "c", ""]
        .into_iter()
        .find(|prefix| (prefix.is_empty() || !after_word) && text.starts_with(prefix))
        .unwrap_or("");
    let literal = &text[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = literal.bytes().take_while(|b| *b == b'#').count();
        if literal[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let inner = prefix.len() + hashes + 1;
            let close = text[inner..].find(&end).map_or(text.len(), |at| inner + at);
            return (text.len().min(close + end.len()), true);
        }
        return (0, false);
    }
    match literal.as_bytes() {
        [b'"', inner @ ..] => (prefix.len() + 1 + until_quote(inner, b'"'), true),
        [b'\'', b'\\', inner @ ..] => (prefix.len() + 3 + until_quote(&inner[1..], b'\''), true),
        [b'\'', ..] => {
            // A character has its closing quote after it; a lifetime has none.
            let closes = literal.char_indices().nth(2);
            match closes {
                Some((at, '\'')) => (prefix.len() + at + 1, true),
                _ => (0, false),
            }
        }
        _ => (0, false),
    }
}

/// Bytes up to and with the closing quote.
fn until_quote(inner: &[u8], quote: u8) -> usize {
    let mut at = 0;
    while at < inner.len() && inner[at] != quote {
        at += if inner[at] == b'\\' { 2 } else { 1 };
    }
    inner.len().min(at + 1)
}

/// Blanks every item under `#[cfg(test)]`.
fn blank_out_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = code.to_owned();
    let mut from = 0;
    while let Some(found) = out[from..].find(MARK) {
        let start = from + found;
        let tokens = tokens(&out[start + MARK.len()..]);
        let open = tokens.iter().position(|t| matches!(t.text, "{" | ";"));
        let length = open.map_or(0, |open| closing(&tokens, open));
        let end = start + MARK.len() + length;
        out.replace_range(start..end, &blank(&code[start..end]));
        from = end;
    }
    out
}

#[test]
fn code_is_told_from_prose() {
    let text =
        "let a = \"x // {\"; // c '{'\nlet b = b'\\''; let r = r#\"\"{\"#; fn f<'a>(c: char) {}";
    let source = Source::new("src/a/b.rs", text);
    assert_eq!(source.code.len(), text.len());
    assert!(!source.code.contains('{') || source.code.matches('{').count() == 1);
    assert!(source.code.contains("fn f<'a>(c: char) {}"));
    assert_eq!((source.room(), source.depth()), ("a", 2));
    assert_eq!(Source::new("src/a/mod.rs", "").depth(), 1);
}

#[test]
fn tests_are_told_from_what_ships() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { c(); }\n}\nfn d() {}";
    let source = Source::new("src/a.rs", text);
    let names: Vec<_> = functions(&source.shipped).iter().map(|f| f.name).collect();
    assert_eq!(names, ["a", "d"]);
    let declared = Source::new("src/a/mod.rs", "#[cfg(test)]\nmod tests;\nmod b;");
    assert_eq!(test_modules(&declared), ["src/a/tests"]);
}

#[test]
fn functions_are_taken_apart() {
    let code = "impl A { pub(super) const fn f(x: fn(u8) -> B) -> Option<C> where D: E { g() } }";
    let found = functions(code);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].name, found[0].visibility, found[0].answers.trim()),
        ("f", "pub(super)", "Option<C>")
    );
    assert!(found[0].whole.starts_with("f(") && found[0].whole.ends_with("g() }"));
}

#[test]
fn visibility_is_read_with_its_scope() {
    let code = "pub(in crate::auth) const fn f() {}";
    let tokens = tokens(code);
    let keyword = tokens
        .iter()
        .position(|token| token.text == "fn")
        .expect("a function");
    assert_eq!(visibility(code, &tokens, keyword), "pub(in crate::auth)");
}
