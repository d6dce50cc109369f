//! The part of OData that the directory understands: `$top`, `$select`, `$skiptoken`, `$count`.

use super::directory::GraphError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// Page size when none is asked for, and the largest that may be: Graph's own figures for users.
const PAGE: usize = 100;
const PAGE_MOST: usize = 999;

/// The query options of one request.
#[derive(Debug, Default)]
pub struct Query {
    top: Option<usize>,
    select: Vec<String>,
    skip: usize,
    count: bool,
}

impl Query {
    /// Reads a query string; an option that is not understood is an error, as with Graph.
    pub fn parse(text: &str) -> Result<Query, GraphError> {
        let mut query = Query::default();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            match name.as_ref() {
                "$top" => {
                    let top = value.parse().map_err(|_| GraphError::QUERY)?;
                    if !(1..=PAGE_MOST).contains(&top) {
                        return Err(GraphError::QUERY);
                    }
                    query.top = Some(top);
                }
                "$select" => query.select = value.split(',').map(str::to_owned).collect(),
                "$skiptoken" => query.skip = offset(&value).ok_or(GraphError::QUERY)?,
                "$count" => query.count = value == "true",
                _ => return Err(GraphError::QUERY),
            }
        }
        Ok(query)
    }
}

/// The properties of `object` that the query selects, or those in `default` (empty: all).
pub fn select(object: &Map<String, Value>, query: &Query, default: &[&str]) -> Map<String, Value> {
    let wanted = |name: &str| match (&query.select[..], default) {
        ([], []) => true,
        ([], default) => default.contains(&name),
        (select, _) => name == "id" || select.iter().any(|one| one == name || one == "*"),
    };
    object
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// One page of `items`, with the absolute link to the next one.
pub fn page(
    base: &str,
    path: &str,
    items: Vec<Map<String, Value>>,
    query: &Query,
) -> Result<Value, GraphError> {
    let size = query.top.unwrap_or(PAGE);
    if query.skip > items.len() {
        return Err(GraphError::QUERY);
    }
    let mut body = Map::new();
    let context = format!(
        "{base}/v1.0/$metadata#{}",
        path.split('/').next().unwrap_or(path)
    );
    body.insert("@odata.context".into(), json!(context));
    if query.count {
        body.insert("@odata.count".into(), json!(items.len()));
    }
    let next = query.skip.saturating_add(size);
    if next < items.len() {
        let link = next_link(base, path, query, next);
        body.insert("@odata.nextLink".into(), json!(link));
    }
    let here: Vec<_> = items.into_iter().skip(query.skip).take(size).collect();
    body.insert("value".into(), json!(here));
    Ok(Value::Object(body))
}

fn next_link(base: &str, path: &str, query: &Query, next: usize) -> String {
    let mut link = format!("{base}/v1.0/{path}?");
    if let Some(top) = query.top {
        link.push_str(&format!("$top={top}&"));
    }
    if !query.select.is_empty() {
        link.push_str(&format!("$select={}&", query.select.join(",")));
    }
    if query.count {
        link.push_str("$count=true&");
    }
    link.push_str("$skiptoken=");
    link.push_str(&URL_SAFE_NO_PAD.encode(format!("after {next}")));
    link
}

fn offset(token: &str) -> Option<usize> {
    let text = URL_SAFE_NO_PAD.decode(token).ok()?;
    let text = std::str::from_utf8(&text).ok()?;
    text.strip_prefix("after ")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(count: usize) -> Vec<Map<String, Value>> {
        let item = |id| Map::from_iter([("id".to_owned(), json!(id)), ("mail".into(), json!("m"))]);
        (0..count).map(item).collect()
    }

    #[test]
    fn following_the_links_visits_everything_once() {
        let mut query = Query::parse("$top=7&$select=mail").unwrap();
        let mut seen = Vec::new();
        loop {
            let page = page("https://host", "users", items(20), &query).unwrap();
            seen.extend(
                page["value"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| item["id"].clone()),
            );
            let Some(link) = page.get("@odata.nextLink").and_then(Value::as_str) else {
                break;
            };
            let (path, options) = link.split_once('?').unwrap();
            assert_eq!(path, "https://host/v1.0/users");
            query = Query::parse(options).unwrap();
            assert_eq!(query.select, ["mail"]);
        }
        assert_eq!(seen, (0..20).map(|id| json!(id)).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for text in [
            "$top=0",
            "$top=1000",
            "$top=x",
            "$skiptoken=zz",
            "$filter=a eq 1",
        ] {
            assert!(Query::parse(text).is_err(), "{text}");
        }
        let beyond = Query::parse(&format!("$skiptoken={}", URL_SAFE_NO_PAD.encode("after 9")));
        assert!(page("", "users", items(3), &beyond.unwrap()).is_err());
    }
}
