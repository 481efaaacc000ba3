//! The text of a double as `java.lang.Double.toString` writes it (JDK 19 and later).
//!
//! The rule language hashes numbers by this text and writes JSON numbers with it, so that pseudonyms and
//! documents stay equal to those of the reference.

use std::fmt::Write;

/// The text of `number` as Java writes it: `1.5`, `1000.0`, `1.0E10`, `9.9E-4`, `NaN`, `-Infinity`.
///
/// ```
/// use hushgate_rules::java_number::java_double_text;
/// assert_eq!(java_double_text(1e10), "1.0E10");
/// assert_eq!(java_double_text(0.001), "0.001");
/// ```
pub fn java_double_text(number: f64) -> String {
    let mut text = String::with_capacity(24);
    push_java_double(&mut text, number);
    text
}

/// Appends the text of `number` as Java writes it.
///
/// Plain notation from 1e-3 up to but not including 1e7, exponent notation outside; always at least one digit
/// after the point.
pub fn push_java_double(out: &mut String, number: f64) {
    if number.is_nan() {
        out.push_str("NaN");
        return;
    }
    if number.is_sign_negative() {
        out.push('-');
    }
    let magnitude = number.abs();
    if magnitude.is_infinite() {
        out.push_str("Infinity");
    } else if magnitude == 0.0 {
        out.push_str("0.0");
    } else if (1e-3..1e7).contains(&magnitude) {
        push_plain(out, magnitude);
    } else {
        push_exponent(out, magnitude);
    }
}

fn push_plain(out: &mut String, magnitude: f64) {
    let start = out.len();
    // Writing into a `String` cannot fail.
    let _ = write!(out, "{magnitude}");
    if !out[start..].contains('.') {
        out.push_str(".0");
    }
}

fn push_exponent(out: &mut String, magnitude: f64) {
    let shortest = format!("{magnitude:e}");
    let Some((digits, exponent)) = shortest.split_once('e') else {
        out.push_str(&shortest);
        return;
    };
    if digits.len() > 1 {
        let _ = write!(out, "{digits}E{exponent}");
        return;
    }
    // Java takes the closest of the two-digit texts where one digit would do: 4.9E-324, not 5.0E-324.
    let two_digits = format!("{magnitude:.1e}");
    if let (Some((digits, exponent)), Ok(read_back)) =
        (two_digits.split_once('e'), two_digits.parse::<f64>())
        && read_back.to_bits() == magnitude.to_bits()
    {
        let _ = write!(out, "{digits}E{exponent}");
        return;
    }
    let _ = write!(out, "{digits}.0E{exponent}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writes_what_java_writes() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (1.5, "1.5"),
            (-42.25, "-42.25"),
            (1000.0, "1000.0"),
            (0.1, "0.1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (0.001, "0.001"),
            (0.000_999, "9.99E-4"),
            (1e-5, "1.0E-5"),
            (9_999_999.0, "9999999.0"),
            (9_999_999.999, "9999999.999"),
            (1e7, "1.0E7"),
            (12_345_678.0, "1.2345678E7"),
            (1e10, "1.0E10"),
            (-1e10, "-1.0E10"),
            (1e21, "1.0E21"),
            (1e22, "1.0E22"),
            (1e23, "1.0E23"),
            (2e-323, "2.0E-323"),
            (1e-323, "9.9E-324"),
            (f64::from_bits(1), "4.9E-324"),
            (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
            (f64::MAX, "1.7976931348623157E308"),
            (9_007_199_254_740_993.0, "9.007199254740992E15"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (number, expected) in cases {
            assert_eq!(java_double_text(number), expected, "of {number:?}");
        }
    }

    #[test]
    fn appends_to_what_is_there() {
        let mut text = String::from("1.0,");
        push_java_double(&mut text, 2.0);
        assert_eq!(text, "1.0,2.0");
    }

    proptest! {
        #[test]
        fn reads_back_as_the_same_number(bits: u64) {
            let number = f64::from_bits(bits);
            let text = java_double_text(number);
            if number.is_finite() {
                prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits);
                let (digits, _) = text.split_once('E').unwrap_or((&text, ""));
                prop_assert!(digits.contains('.') && !digits.ends_with('.'));
                prop_assert_eq!(text.contains('E'), number != 0.0 && !(1e-3..1e7).contains(&number.abs()));
            }
        }
    }
}
