//! Small values of the policy: days, spans of time, names.

const DAY: u64 = 24 * 60 * 60;

/// The first second after a day written as `2027-06-30`, in UTC, since 1970.
pub(super) fn end_of_day(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let shape = bytes.len() == 10
        && bytes.iter().enumerate().all(|(i, b)| {
            if i == 4 || i == 7 {
                *b == b'-'
            } else {
                b.is_ascii_digit()
            }
        });
    if !shape {
        return None;
    }
    let year: u64 = text.get(..4)?.parse().ok()?;
    let month: u64 = text.get(5..7)?.parse().ok()?;
    let day: u64 = text.get(8..)?.parse().ok()?;
    if !(1970..=9998).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    if day == 0 || day > days_in_month(year, month) {
        return None;
    }
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let whole_years = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    let whole_months: u64 = (1..month).map(|m| days_in_month(year, m)).sum();
    Some((whole_years + whole_months + day) * DAY)
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A span written as a whole number and `s`, `m`, `h` or `d`, in seconds.
pub(super) fn span(text: &str) -> Option<u64> {
    let unit = text.chars().next_back()?;
    let number = text.strip_suffix(unit)?;
    if number.is_empty() || number.len() > 9 || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => DAY,
        _ => return None,
    };
    Some(number.parse::<u64>().ok()? * seconds)
}

/// Whether a text is 1 to 64 of `a-z`, `0-9`, `-` and begins and ends with a letter or digit.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=64).contains(&text.len())
        && text.bytes().all(allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_when_the_next_begins() {
        let table = [
            ("1970-01-01", Some(86_400)),
            ("1999-12-31", Some(946_684_800)),
            ("2000-02-29", Some(951_868_800)),
            ("2027-06-30", Some(1_814_400_000)),
            ("2100-02-28", Some(4_107_542_400)),
            ("2100-02-29", None),
            ("2027-02-29", None),
            ("2027-06-31", None),
            ("2027-13-01", None),
            ("2027-00-10", None),
            ("2027-01-00", None),
            ("1969-12-31", None),
            ("2027-6-30", None),
            ("2027/06/30", None),
            ("+027-06-30", None),
            ("2027-06-30T00:00:00Z", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(end_of_day(text), expected, "{text}");
        }
    }

    #[test]
    fn spans_have_a_whole_number_and_a_unit() {
        let table = [
            ("90s", Some(90)),
            ("15m", Some(900)),
            ("24h", Some(86_400)),
            ("7d", Some(604_800)),
            ("24", None),
            ("h", None),
            ("1.5h", None),
            ("-1h", None),
            ("1 h", None),
            ("1w", None),
            ("9999999999s", None),
            ("1é", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(span(text), expected, "{text}");
        }
    }
}
