//! `$batch`: many calls in one body, read once and strictly, and written anew with what may go on.
//!
//! Everything that is read is in a [`Part`], and nothing else is written: a member that nobody here
//! knows refuses the whole. So the upstream gets what was judged, in the one spelling that it was
//! judged in.

use super::answer::write_rest;
use super::path::{PathError, canonical};
use crate::base::limits::{BATCH_ID_BYTES, BATCH_REQUESTS, TARGET_BYTES};
use crate::http::{TargetError, uri};
use crate::json::{JsonError, Kind, Value, write_string};

/// How deep the members of a batch's own stand: below are bodies, which are the calls' own.
pub const ENVELOPE_DEPTH: usize = 3;

/// A batch that can be judged.
#[derive(Debug)]
pub struct Batch<'a> {
    parts: Vec<Part<'a>>,
    /// Bytes of the version in front of every path.
    version: usize,
}

/// One call of a batch.
#[derive(Debug)]
pub struct Part<'a> {
    /// What its answer is found by.
    pub id: &'a str,
    /// The method.
    pub method: &'a str,
    /// The canonical path, version included.
    pub path: String,
    /// What follows the `?`, canonical; empty without one.
    pub query: String,
    /// Header fields, names in lower case.
    pub fields: Vec<(String, &'a str)>,
    /// The body.
    pub body: Option<Value<'a>>,
    /// Places of earlier calls that must have succeeded.
    pub after: Vec<usize>,
}

/// Why a batch is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BatchError {
    /// It is no JSON that is read in one way.
    #[error("not JSON: {0}")]
    Json(#[from] JsonError),
    /// It is not `{"requests":[{…},…]}`.
    #[error("not a batch")]
    Shape,
    /// A member that is not known, or is in another letter case.
    #[error("a member that is not known")]
    Member,
    /// No request in it, or more than Graph takes.
    #[error("no requests, or more than {BATCH_REQUESTS}")]
    Length,
    /// An id that is missing, too long, or not plain text.
    #[error("a request without an id that can be told")]
    Id,
    /// Two ids that are the same but for letter case.
    #[error("two requests with the same id")]
    Ids,
    /// `dependsOn` that names something else than earlier requests.
    #[error("a request depends on what does not come before it")]
    After,
    /// None of the methods that Graph takes in a batch.
    #[error("a method that no batch has")]
    Method,
    /// A URL that is not relative to the version, or longer than any.
    #[error("a URL that is not relative to the batch, or too long")]
    Absolute,
    /// A URL that reads in two ways.
    #[error("malformed URL: {0}")]
    Target(TargetError),
    /// A path that reads in two ways.
    #[error("malformed path: {0}")]
    Path(PathError),
    /// Header fields that could not stand in a head, or stand there twice.
    #[error("header fields that cannot be read")]
    Fields,
    /// A body of a type that is no JSON and no text either.
    #[error("a body that does not fit its type")]
    Body,
}

const METHODS: [&str; 5] = ["GET", "POST", "PATCH", "PUT", "DELETE"];

impl<'a> Batch<'a> {
    /// Reads a whole body that came to `path`, the canonical path of a batch.
    ///
    /// # Errors
    /// Why it cannot be judged.
    pub fn read(body: Value<'a>, path: &str) -> Result<Batch<'a>, BatchError> {
        let version = path.strip_suffix("/$batch").ok_or(BatchError::Shape)?;
        let [requests] = members(body, ["requests"])?;
        let requests = requests.filter(|value| value.kind() == Kind::Array);
        let requests = requests.ok_or(BatchError::Shape)?;
        let count = requests.items().take(BATCH_REQUESTS + 1).count();
        if count == 0 || count > BATCH_REQUESTS {
            return Err(BatchError::Length);
        }
        let mut parts = Vec::with_capacity(count);
        for item in requests.items() {
            let part = Part::read(item, version, &parts)?;
            parts.push(part);
        }
        Ok(Batch {
            parts,
            version: version.len(),
        })
    }

    /// Every call, in order; at least one.
    #[must_use]
    pub fn parts(&self) -> &[Part<'a>] {
        &self.parts
    }

    /// Writes the calls that `keeps` names by their place, with the fields that `passes`.
    pub fn write(
        &self,
        keeps: impl Fn(usize) -> bool,
        passes: impl Fn(&str, &str) -> bool,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(b"{\"requests\":[");
        let mut first = true;
        for (_, part) in self.parts.iter().enumerate().filter(|(at, _)| keeps(*at)) {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            self.write_part(part, &passes, out);
        }
        out.extend_from_slice(b"]}");
    }

    fn write_part(&self, part: &Part<'_>, passes: impl Fn(&str, &str) -> bool, out: &mut Vec<u8>) {
        let url = match part.path.get(self.version..).unwrap_or_default() {
            "" => "/",
            url => url,
        };
        let url = match &*part.query {
            "" => url.to_owned(),
            query => format!("{url}?{query}"),
        };
        for (name, text) in [
            ("{\"id\":", part.id),
            (",\"method\":", part.method),
            (",\"url\":", &url),
        ] {
            out.extend_from_slice(name.as_bytes());
            write_string(text, out);
        }
        let kept = part
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .filter(|(name, value)| passes(name, value));
        write_rest(kept, part.body.map(|body| body.raw()), out);
        let mut before: &[u8] = b",\"dependsOn\":[";
        for earlier in part.after.iter().filter_map(|at| self.parts.get(*at)) {
            out.extend_from_slice(std::mem::replace(&mut before, b","));
            write_string(earlier.id, out);
        }
        if before == b"," {
            out.push(b']');
        }
        out.push(b'}');
    }
}

impl<'a> Part<'a> {
    fn read(item: Value<'a>, version: &str, before: &[Part<'a>]) -> Result<Part<'a>, BatchError> {
        // What msgraph's library for Python writes into each, as an empty list, and Graph does not read.
        let unread = "depends_on";
        let known = [
            "id",
            "method",
            "url",
            "headers",
            "body",
            "dependsOn",
            unread,
        ];
        let [id, method, url, fields, body, after, unread] = members(item, known)?;
        if unread.is_some_and(|list| list.kind() != Kind::Array || list.items().next().is_some()) {
            return Err(BatchError::Member);
        }
        let id = id.and_then(Value::as_str).filter(|id| is_id(id));
        let id = id.ok_or(BatchError::Id)?;
        if before.iter().any(|one| one.id.eq_ignore_ascii_case(id)) {
            return Err(BatchError::Ids);
        }
        let method = method.and_then(Value::as_str);
        let method = method.filter(|method| METHODS.contains(method));
        let url = url.and_then(Value::as_str).ok_or(BatchError::Absolute)?;
        let (path, query) = target(url, version)?;
        let fields = read_fields(fields)?;
        let fits = |body: &Value<'_>| is_json(&fields) || body.kind() == Kind::String;
        if !body.as_ref().is_none_or(fits) {
            return Err(BatchError::Body);
        }
        Ok(Part {
            id,
            method: method.ok_or(BatchError::Method)?,
            path,
            query,
            body,
            after: read_after(after, before)?,
            fields,
        })
    }

    /// Whether its body is what the JSON says, and not bytes in base64.
    #[must_use]
    pub fn is_json(&self) -> bool {
        is_json(&self.fields)
    }
}

/// What an object has under these names. Anything else in it is refused: also a name in another
/// letter case, which some reader takes for one of them.
fn members<'a, const N: usize>(
    object: Value<'a>,
    names: [&str; N],
) -> Result<[Option<Value<'a>>; N], BatchError> {
    if object.kind() != Kind::Object {
        return Err(BatchError::Shape);
    }
    let mut found = [None; N];
    for (name, value) in object.members() {
        let place = names.iter().position(|known| *known == name);
        let place = place
            .and_then(|at| found.get_mut(at))
            .ok_or(BatchError::Member)?;
        *place = Some(value);
    }
    Ok(found)
}

fn is_id(id: &str) -> bool {
    (1..=BATCH_ID_BYTES).contains(&id.len()) && !id.chars().any(char::is_control)
}

/// Path, version included, and query of a URL that is relative to the version.
fn target(url: &str, version: &str) -> Result<(String, String), BatchError> {
    let path_end = url.find('?').unwrap_or(url.len());
    let (path, _) = url.split_at(path_end);
    let first = path.split('/').next().unwrap_or_default();
    // A scheme, a host, or the version once more: services disagree about what that is.
    let names_version = |path: &str| {
        let first = path
            .trim_start_matches('/')
            .split('/')
            .next()
            .unwrap_or_default();
        first.eq_ignore_ascii_case("v1.0") || first.eq_ignore_ascii_case("beta")
    };
    if first.contains(':') || url.starts_with("//") || url.len() > TARGET_BYTES {
        return Err(BatchError::Absolute);
    }
    let slash = if url.starts_with('/') { "" } else { "/" };
    let mut scratch = Vec::new();
    let whole = format!("{slash}{url}");
    let target = uri::canonical(whole.as_bytes(), &mut scratch).map_err(BatchError::Target)?;
    if names_version(target.path()) {
        return Err(BatchError::Absolute);
    }
    let mut spelled = String::new();
    canonical(&format!("{version}{}", target.path()), &mut spelled).map_err(BatchError::Path)?;
    if super::is_batch(&spelled) {
        return Err(BatchError::Path(PathError::System));
    }
    Ok((spelled, target.query().unwrap_or_default().to_owned()))
}

fn read_fields<'a>(fields: Option<Value<'a>>) -> Result<Vec<(String, &'a str)>, BatchError> {
    let Some(fields) = fields.filter(|fields| !fields.is_null()) else {
        return Ok(Vec::new());
    };
    if fields.kind() != Kind::Object {
        return Err(BatchError::Fields);
    }
    let mut read: Vec<(String, &str)> = Vec::new();
    for (name, value) in fields.members() {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^`|~".contains(&byte);
        let lower = name.to_ascii_lowercase();
        let is_name = !name.is_empty() && name.bytes().all(is_token);
        let is_value = |value: &&str| value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let value = value.as_str().filter(is_value).ok_or(BatchError::Fields)?;
        if !is_name || read.iter().any(|(one, _)| *one == lower) {
            return Err(BatchError::Fields);
        }
        read.push((lower, value));
    }
    Ok(read)
}

/// Without a type a body is JSON, as Graph has it.
fn is_json(fields: &[(String, &str)]) -> bool {
    let named = fields.iter().find(|(name, _)| name == "content-type");
    named.is_none_or(|(_, value)| super::is_json_type(value))
}

/// Earlier calls only: else two could wait for each other.
fn read_after(after: Option<Value<'_>>, before: &[Part<'_>]) -> Result<Vec<usize>, BatchError> {
    let Some(after) = after.filter(|after| !after.is_null()) else {
        return Ok(Vec::new());
    };
    if after.kind() != Kind::Array {
        return Err(BatchError::After);
    }
    let mut places = Vec::new();
    for id in after.items() {
        let id = id.as_str().ok_or(BatchError::After)?;
        let place = before
            .iter()
            .position(|one| one.id.eq_ignore_ascii_case(id));
        let place = place.ok_or(BatchError::After)?;
        if places.contains(&place) {
            return Err(BatchError::After);
        }
        places.push(place);
    }
    Ok(places)
}
