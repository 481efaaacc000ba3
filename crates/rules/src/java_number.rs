//! Numbers in the text form of Java's `Double.toString`, which pseudonyms and output depend on.

/// The text of a double as Java 19 and later writes it: the shortest digits that read back as the
/// same value, in plain form from 1e-3 to below 1e7, else with an exponent.
///
/// ```
/// use hushgate_rules::java_number::java_double_text;
///
/// assert_eq!(java_double_text(1.10), "1.1");
/// assert_eq!(java_double_text(100.0), "100.0");
/// assert_eq!(java_double_text(1e10), "1.0E10");
/// assert_eq!(java_double_text(0.00001), "1.0E-5");
/// ```
pub fn java_double_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        return format!("{value:?}");
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let point = if digits.contains('.') { "" } else { ".0" };
    format!("{digits}{point}E{exponent}")
}
