//! Form bodies (`application/x-www-form-urlencoded`).

use super::Shape;
use crate::endpoint::percent;
use crate::endpoint::reverse::{ReverseError, reverse_value};
use serde_json::Value;

/// Whether a form is admitted: each field by its schema, repeated fields all of them.
pub(crate) fn admits(shape: &Shape, body: &[u8]) -> bool {
    let Some(fields) = fields(body) else {
        return false;
    };
    let present = |name: &String| fields.iter().any(|field| field.name == *name);
    shape.required.iter().all(present)
        && fields
            .iter()
            .all(|field| match shape.property(&field.name) {
                Some(property) => property.admits(&Value::String(field.value.clone()), 1),
                None => shape.open,
            })
}

/// The form with its tokens turned back; `None` if nothing changed.
pub(crate) fn reverse<E>(
    shape: Option<&Shape>,
    everywhere: bool,
    body: &[u8],
    reverser: &impl Fn(&str) -> Result<String, E>,
) -> Result<Option<Vec<u8>>, ReverseError<E>> {
    let fields = fields(body).ok_or(ReverseError::BodyNotReadable)?;
    let mut changed = false;
    let mut text = String::with_capacity(body.len());
    for field in fields {
        let property = shape.and_then(|shape| shape.property(&field.name));
        let declared = everywhere || property.is_some_and(|property| property.token);
        let original = if declared {
            reverse_value(&field.value, reverser)?
        } else {
            None
        };
        changed |= original.is_some();
        if !text.is_empty() {
            text.push('&');
        }
        percent::encode_into(&field.name, &mut text);
        text.push('=');
        percent::encode_into(original.as_ref().unwrap_or(&field.value), &mut text);
    }
    Ok(changed.then(|| text.into_bytes()))
}

struct Field {
    name: String,
    value: String,
}

/// The fields in their order; `None` for a field without `=` or a broken encoding.
fn fields(body: &[u8]) -> Option<Vec<Field>> {
    let text = std::str::from_utf8(body).ok()?.trim();
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=')?;
            Some(Field {
                name: percent::decode_query(name)?.into_owned(),
                value: percent::decode_query(value)?.into_owned(),
            })
        })
        .collect()
}
