//! What a browser sends: `application/x-www-form-urlencoded` (WHATWG URL, section 5), read strictly.

/// The names and values in their order.
pub(super) type Pairs = Vec<(String, String)>;

/// Most pairs of a form or a query.
const MOST: usize = 200;

/// Why a form is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum FormError {
    /// Too many pairs.
    #[error("the form has more than {MOST} values")]
    TooMany,
    /// A `%` that begins no byte, or bytes that are no UTF-8.
    #[error("the form has a value that is not encoded right")]
    Encoding,
    /// A name that occurs twice.
    #[error("the form has a name twice")]
    Repeated,
}

/// Reads a form or a query.
///
/// # Errors
/// When anything in it could be read in two ways.
pub(super) fn parse(text: &[u8]) -> Result<Pairs, FormError> {
    let mut pairs = Pairs::new();
    for piece in text.split(|b| *b == b'&').filter(|p| !p.is_empty()) {
        if pairs.len() == MOST {
            return Err(FormError::TooMany);
        }
        let mut halves = piece.splitn(2, |b| *b == b'=');
        let name = decode(halves.next().unwrap_or_default())?;
        let value = decode(halves.next().unwrap_or_default())?;
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(FormError::Repeated);
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

fn decode(text: &[u8]) -> Result<String, FormError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (digit(rest.next()), digit(rest.next())) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(FormError::Encoding),
            },
            other => *other,
        });
    }
    String::from_utf8(bytes).map_err(|_| FormError::Encoding)
}

fn digit(byte: Option<&u8>) -> Option<u8> {
    char::from(*byte?)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn reads_what_browsers_send() {
        let form = b"A=1+2&B=%C3%A4%26%3D&&C&D=a=b&=x";
        let wanted = vec![
            pair("A", "1 2"),
            pair("B", "ä&="),
            pair("C", ""),
            pair("D", "a=b"),
            pair("", "x"),
        ];
        assert_eq!(parse(form), Ok(wanted));
        assert_eq!(parse(b""), Ok(Vec::new()));
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        for form in [&b"A=%"[..], b"A=%4", b"A=%zz", b"A=%ff", b"%c3=1"] {
            assert_eq!(parse(form), Err(FormError::Encoding), "{form:?}");
        }
        assert_eq!(parse(b"A=1&A=2"), Err(FormError::Repeated));
        assert_eq!(parse(b"A=1&%41=2"), Err(FormError::Repeated));
        let many: Vec<_> = (0..=MOST).map(|n| format!("a{n}=")).collect();
        assert_eq!(parse(many.join("&").as_bytes()), Err(FormError::TooMany));
    }
}
