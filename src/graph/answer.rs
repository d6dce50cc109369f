//! What a batch is answered with: one response for each of its calls, in any order.

use super::batch::BatchError;
use crate::base::limits::BATCH_REQUESTS;
use crate::json::{Kind, Value, write_string};

/// One call's response.
#[derive(Debug)]
pub struct Response<'a> {
    /// The call's id.
    pub id: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// Header fields, as they are spelled.
    pub fields: Vec<(&'a str, &'a str)>,
    /// The body: a value, or bytes in base64 where the type is no JSON.
    pub body: Option<Value<'a>>,
}

/// Every response of a reply's whole body. Members that mean nothing here are left out.
///
/// # Errors
/// When it is no answer to a batch, or can be read in two ways.
pub fn responses(body: Value<'_>) -> Result<Vec<Response<'_>>, BatchError> {
    let list = one(body, "responses")?.filter(|list| list.kind() == Kind::Array);
    let list = list.ok_or(BatchError::Shape)?;
    let mut read: Vec<Response<'_>> = Vec::new();
    for item in list.items() {
        let response = Response::read(item)?;
        if read
            .iter()
            .any(|one| one.id.eq_ignore_ascii_case(response.id))
        {
            return Err(BatchError::Ids);
        }
        if read.len() == BATCH_REQUESTS {
            return Err(BatchError::Length);
        }
        read.push(response);
    }
    Ok(read)
}

impl<'a> Response<'a> {
    fn read(item: Value<'a>) -> Result<Response<'a>, BatchError> {
        let id = one(item, "id")?.and_then(Value::as_str);
        let status = one(item, "status")?.and_then(Value::as_u64);
        let status = status.and_then(|status| u16::try_from(status).ok());
        let status = status.filter(|status| (200..=599).contains(status));
        let mut fields: Vec<(&str, &str)> = Vec::new();
        let listed = one(item, "headers")?.filter(|fields| !fields.is_null());
        for (name, value) in listed.into_iter().flat_map(Value::members) {
            let value = value.as_str().ok_or(BatchError::Fields)?;
            if fields.iter().any(|(one, _)| one.eq_ignore_ascii_case(name)) {
                return Err(BatchError::Fields);
            }
            fields.push((name, value));
        }
        Ok(Response {
            id: id.ok_or(BatchError::Id)?,
            status: status.ok_or(BatchError::Shape)?,
            fields,
            body: one(item, "body")?,
        })
    }

    /// Whether the body is what the JSON says. A text may be anything in base64, whatever its type.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        let named = |(name, _): &&(&str, &str)| name.eq_ignore_ascii_case("content-type");
        let is_json =
            (self.fields.iter().find(named)).is_none_or(|(_, value)| super::is_json_type(value));
        self.body
            .is_none_or(|body| is_json && body.kind() != Kind::String)
    }
}

/// Writes one response; `fields` are names and values, `body` is JSON.
pub fn write_response<'f>(
    id: &str,
    status: u16,
    fields: impl Iterator<Item = (&'f str, &'f str)>,
    body: Option<&str>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"{\"id\":");
    write_string(id, out);
    out.extend_from_slice(format!(",\"status\":{status}").as_bytes());
    write_rest(fields, body, out);
    out.push(b'}');
}

/// Writes what requests and responses have alike: their header fields, where there are any, and the
/// body.
pub(super) fn write_rest<'f>(
    fields: impl Iterator<Item = (&'f str, &'f str)>,
    body: Option<&str>,
    out: &mut Vec<u8>,
) {
    let mut before: &[u8] = b",\"headers\":{";
    for (name, value) in fields {
        out.extend_from_slice(std::mem::replace(&mut before, b","));
        write_string(name, out);
        out.push(b':');
        write_string(value, out);
    }
    if before == b"," {
        out.push(b'}');
    }
    if let Some(body) = body {
        out.extend_from_slice(b",\"body\":");
        out.extend_from_slice(body.as_bytes());
    }
}

/// The member of that name. One that differs in letter case alone could be taken for it.
fn one<'a>(object: Value<'a>, name: &str) -> Result<Option<Value<'a>>, BatchError> {
    if object.kind() != Kind::Object {
        return Err(BatchError::Shape);
    }
    let mut alike = object
        .members()
        .filter(|(key, _)| key.eq_ignore_ascii_case(name));
    match (alike.next(), alike.next()) {
        (None, _) => Ok(None),
        (Some((key, value)), None) if key == name => Ok(Some(value)),
        _ => Err(BatchError::Member),
    }
}
