//! Pages of other origins.

use std::time::Duration;

use super::super::schema::{self, At, Text};
use super::super::units;
use super::Checker;
use crate::base::limits::{CORS_AGE, CORS_AGE_MAX, LISTED_NAMES};
use crate::control::config::Place;
use crate::exchange::CorsSpec;

impl Checker<'_> {
    pub(super) fn cors(&mut self, cors: At<schema::Cors>) -> Option<CorsSpec> {
        let At { value, at } = cors;
        let origins = self.origins_of_pages(value.origins, at);
        let methods = self.tokens(value.methods, |it| {
            it.bytes().all(|it| it.is_ascii_uppercase())
        });
        let headers = self.tokens(value.headers, is_field);
        let expose = self.tokens(value.expose, is_field);
        let max_age = match value.max_age {
            None => Some(CORS_AGE),
            Some(age) => {
                let read = units::duration(&age.value.0);
                let read = read.and_then(|it| match it <= CORS_AGE_MAX {
                    true => Ok(it),
                    false => Err("this can be at most 1d".to_owned()),
                });
                self.found::<Duration>(age.at, read)
            }
        };
        let credentials = value.credentials.as_ref().is_some_and(|it| it.value);
        let spec = CorsSpec {
            origins: origins?,
            methods: methods?.unwrap_or_default(),
            headers: headers?
                .unwrap_or_else(|| ["authorization", "content-type"].map(String::from).into()),
            expose: expose?.unwrap_or_default(),
            max_age: max_age?,
            credentials,
        };
        if spec.credentials && spec.origins.is_empty() {
            let at = value.credentials.map(|it| it.at).unwrap_or(at);
            return self.refuse(at, "with credentials, origins are listed by name");
        }
        Some(spec)
    }

    /// Origins as browsers write them (RFC 6454, section 6.2); empty for every one.
    fn origins_of_pages(
        &mut self,
        origins: Option<At<Vec<Text>>>,
        owner: Place,
    ) -> Option<Vec<String>> {
        let At { value, at } = self.need(origins, owner, "origins")?;
        if value.is_empty() || value.len() > LISTED_NAMES {
            return self.refuse(at, format!("expected 1 to {LISTED_NAMES} origins"));
        }
        if let [every] = value.as_slice()
            && every.value == "*"
        {
            return Some(Vec::new());
        }
        let mut good = Some(());
        for origin in &value {
            let parsed = url::Url::parse(&origin.value).ok();
            let is_origin = parsed.is_some_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.origin().ascii_serialization() == origin.value
            });
            if !is_origin {
                good = self.refuse(
                    origin.at,
                    "expected an origin as browsers write it, such as `https://app.example`, or `\"*\"` alone",
                );
            }
        }
        good.map(|()| value.into_iter().map(|origin| origin.value).collect())
    }

    fn tokens(
        &mut self,
        names: Option<Vec<Text>>,
        is_one: fn(&str) -> bool,
    ) -> Option<Option<Vec<String>>> {
        let Some(names) = names else {
            return Some(None);
        };
        let mut good = Some(());
        for (index, name) in names.iter().enumerate() {
            if index == LISTED_NAMES {
                good = self.refuse(name.at, format!("at most {LISTED_NAMES} names"));
                break;
            }
            if name.value.is_empty() || !is_one(&name.value) {
                good = self.refuse(name.at, "expected a name, methods in capitals");
            }
        }
        good.map(|()| Some(names.into_iter().map(|name| name.value).collect()))
    }
}

fn is_field(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
