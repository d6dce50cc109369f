//! The shape of the file, for editors: JSON Schema, told by the same text that serde reads by.
//!
//! Sections stand in one another as they do in the file, without references: every editor
//! understands that, and the file is a tree of finite depth. Only draft 7's plainest words are used.

use serde_json::{Map, Value, json};

use super::{At, Named, Scalar};

/// What stands at some place of the file.
pub trait Shape {
    /// As JSON Schema.
    fn shape() -> Value;
}

/// Declares a section of the file: the structure that serde reads, and its [`Shape`] with the same
/// keys and words. Behind `=>` stands what a type cannot say: see [`How`].
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident {
            $(
                $(#[doc = $words:literal])+
                pub $key:ident: $type:ty $(=> $how:expr)?,
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(
                $(#[doc = $words])+
                pub $key: $type,
            )+
        }

        impl $crate::control::config::schema::shape::Shape for $name {
            fn shape() -> serde_json::Value {
                use $crate::control::config::schema::shape::{How, Section, Shape};
                let mut section = Section::new(&[$($about),+]);
                $({
                    let how: Option<How> = [$($how)?].into_iter().next();
                    section.key(
                        stringify!($key),
                        &[$($words),+],
                        &how.unwrap_or_default(),
                        <$type as Shape>::shape(),
                    );
                })+
                section.shape()
            }
        }
    };
}

pub(super) use section;

/// What is known of a key's value beyond its type.
#[derive(Default)]
pub struct How {
    needed: bool,
    words: Vec<&'static str>,
    pattern: Option<&'static str>,
    keys: Vec<(&'static str, String)>,
}

/// A key that the product cannot do without.
pub fn needed() -> How {
    How::default().needed()
}

/// A value, or values in a list, that are one of a few words.
pub fn one_of<const N: usize>(words: [&'static str; N]) -> How {
    How {
        words: words.to_vec(),
        ..How::default()
    }
}

/// A text that matches a pattern.
pub fn like(pattern: &'static str) -> How {
    How {
        pattern: Some(pattern),
        ..How::default()
    }
}

/// A mapping in which only these keys can stand, each with what it means.
pub fn keys(keys: Vec<(&'static str, String)>) -> How {
    How {
        keys,
        ..How::default()
    }
}

/// `env:NAME` or `file:PATH`.
pub const REFERENCE: &str = "^(env|file):.";
/// Such as `15m`.
pub const DURATION: &str = "^[0-9]+ *(ms|s|m|h|d)$";
/// Such as `4MiB`.
pub const SIZE: &str = "^[0-9]+ *(B|KiB|MiB|GiB)?$";
/// Such as `60/m`.
pub const RATE: &str = "^[0-9]+ */ *[smhd]$";
/// What is replaced before the file is read, and may stand anywhere.
const VARIABLE: &str = "\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}";

impl How {
    pub fn needed(mut self) -> How {
        self.needed = true;
        self
    }

    /// Says of `shape` what its type does not.
    fn told(&self, shape: &mut Value) {
        if shape.get("items").is_some() {
            return self.told(&mut shape["items"]);
        }
        if !self.words.is_empty() {
            *shape = or_variable(json!({ "enum": self.words }));
        }
        if let Some(pattern) = self.pattern {
            shape["pattern"] = json!(format!("{pattern}|{VARIABLE}"));
        }
        if !self.keys.is_empty() {
            let each = shape["additionalProperties"].take();
            let told = |(key, about): &(&str, String)| {
                let mut each = each.clone();
                each["description"] = json!(about);
                ((*key).to_owned(), each)
            };
            shape["properties"] = Value::Object(self.keys.iter().map(told).collect());
            shape["additionalProperties"] = json!(false);
        }
    }
}

/// A section in the making.
pub struct Section {
    about: String,
    keys: Map<String, Value>,
    needed: Vec<&'static str>,
}

impl Section {
    pub fn new(about: &[&str]) -> Section {
        Section {
            about: joined(about),
            keys: Map::new(),
            needed: Vec::new(),
        }
    }

    pub fn key(&mut self, key: &'static str, words: &[&str], how: &How, mut shape: Value) {
        let key = key.trim_start_matches("r#");
        how.told(&mut shape);
        shape["description"] = json!(joined(words));
        self.keys.insert(key.to_owned(), shape);
        if how.needed {
            self.needed.push(key);
        }
    }

    pub fn shape(self) -> Value {
        let mut shape = json!({
            "type": "object",
            "description": self.about,
            "properties": self.keys,
            "additionalProperties": false,
        });
        if !self.needed.is_empty() {
            shape["required"] = json!(self.needed);
        }
        shape
    }
}

/// The lines of a comment as one text.
fn joined(lines: &[&str]) -> String {
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    lines.join(" ")
}

/// What `shape` takes, or a variable that becomes it.
fn or_variable(shape: Value) -> Value {
    json!({ "anyOf": [shape, { "type": "string", "pattern": VARIABLE }] })
}

impl Shape for String {
    /// Numbers and truth values are texts, too, where a text is wanted.
    fn shape() -> Value {
        json!({ "type": ["string", "number", "boolean"] })
    }
}

impl Shape for Scalar {
    fn shape() -> Value {
        json!({ "type": ["string", "integer"] })
    }
}

impl Shape for bool {
    fn shape() -> Value {
        or_variable(json!({ "type": "boolean" }))
    }
}

impl<T: Shape> Shape for Option<T> {
    /// A key that is not needed; that it may be empty is nothing to suggest.
    fn shape() -> Value {
        T::shape()
    }
}

impl<T: Shape> Shape for At<T> {
    fn shape() -> Value {
        T::shape()
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn shape() -> Value {
        json!({ "type": "array", "items": T::shape() })
    }
}

impl<T: Shape> Shape for Named<T> {
    fn shape() -> Value {
        json!({ "type": "object", "additionalProperties": T::shape() })
    }
}
