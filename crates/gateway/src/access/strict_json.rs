//! JSON as security wants it: one document, distinct names at every level, bounded depth.
//!
//! RFC 7515 section 5.2 leaves it open what a repeated name means; two readers that choose
//! differently is an attack, so here it is an error.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

const MAX_DEPTH: usize = 16;
const MAX_MEMBERS: usize = 512;

/// A JSON value with distinct names.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number from 0 to 2^64 - 1, written without fraction or exponent.
    Whole(u64),
    /// Any other number.
    Number,
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object.
    Object(Object),
}

/// A JSON object with distinct names, in the order of the document.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Object(Vec<(String, Json)>);

impl Object {
    /// Reads bytes that hold one JSON object and nothing else.
    ///
    /// `None` for anything else: broken JSON or UTF-8, a repeated name, trailing bytes, more than
    /// 16 levels, an object with more than 512 members.
    pub(super) fn parse(bytes: &[u8]) -> Option<Object> {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        let value = Seed { depth: 0 }.deserialize(&mut reader).ok()?;
        reader.end().ok()?;
        match value {
            Json::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The member with this name.
    pub(super) fn get(&self, name: &str) -> Option<&Json> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// The member with this name if it is a string.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Json::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether there is a member with this name, whatever its value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

struct Seed {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Seed {
    fn inner<E: de::Error>(&self) -> Result<Seed, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom("too deep"));
        }
        Ok(Seed {
            depth: self.depth + 1,
        })
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Whole(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner()?)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut object = Object::default();
        while let Some(name) = entries.next_key::<String>()? {
            if object.has(&name) || object.0.len() == MAX_MEMBERS {
                return Err(de::Error::custom("repeated name or too many members"));
            }
            let value = entries.next_value_seed(self.inner()?)?;
            object.0.push((name, value));
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_object_with_distinct_names() {
        let object =
            Object::parse(br#" {"a":1,"b":["x",{"a":-1,"c":1.5}],"d":"\u00e9"} "#).unwrap();
        assert_eq!(object.get("a"), Some(&Json::Whole(1)));
        assert_eq!(object.text("d"), Some("é"));
        assert_eq!(object.text("a"), None);
        assert!(object.has("b") && !object.has("c"));
    }

    #[test]
    fn refuses_anything_that_two_readers_could_read_differently() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(20), "]".repeat(20));
        let wide = format!(
            "{{{}}}",
            (0..600)
                .map(|i| format!("\"k{i}\":0"))
                .collect::<Vec<_>>()
                .join(",")
        );
        let cases = [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"b":{"a":1,"a":1}}"#,
            r#"{"b":[{"a":1,"a":1}]}"#,
            r#"{"a":1}{"a":1}"#,
            r#"{"a":1} x"#,
            r#"{"a":1,}"#,
            r"{'a':1}",
            r#"{"a":NaN}"#,
            r#"{"a":01}"#,
            r#"{"a":1e999}"#,
            r#"{"a":"\ud800"}"#,
            "{\"a\":\"\u{0}\"}",
            "\u{feff}{\"a\":1}",
            "[]",
            "1",
            "",
            deep.as_str(),
            wide.as_str(),
        ];
        for case in cases {
            assert_eq!(Object::parse(case.as_bytes()), None, "{case:.60}");
        }
        assert_eq!(Object::parse(b"{\"a\":\"\xff\"}"), None);
    }

    #[test]
    fn only_plain_whole_numbers_are_whole() {
        let object =
            Object::parse(br#"{"a":1.0,"b":1e3,"c":-0,"d":-1,"e":18446744073709551616,"f":0}"#)
                .unwrap();
        for name in ["a", "b", "c", "d", "e"] {
            assert_eq!(object.get(name), Some(&Json::Number), "{name}");
        }
        assert_eq!(object.get("f"), Some(&Json::Whole(0)));
    }
}
