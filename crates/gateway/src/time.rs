//! Times as texts: RFC 3339, and the HTTP date of `Retry-After`.

/// Seconds since 1970 of an RFC 3339 time such as `2026-11-21T10:00:00Z`; fractions are cut off.
pub fn rfc3339(text: &str) -> Option<u64> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.split('-');
    let (year, month, day) = (
        digits(parts.next()?, 4)?,
        digits(parts.next()?, 2)?,
        digits(parts.next()?, 2)?,
    );
    if parts.next().is_some() {
        return None;
    }
    let (clock, offset) = match rest.find(['Z', 'z', '+', '-']) {
        Some(at) => rest.split_at_checked(at)?,
        None => return None,
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let local = seconds(year, month, day, clock)?;
    let shift = match offset.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        (sign, by) => {
            let (hours, minutes) = by.split_once(':')?;
            let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let by = hours * 3600 + minutes * 60;
            if sign == "-" { by } else { -by }
        }
    };
    u64::try_from(local + shift).ok()
}

/// The RFC 3339 time of seconds since 1970, such as `2026-11-21T10:00:00Z`; the day is its first ten
/// characters.
pub fn rfc3339_text(seconds: u64) -> String {
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    // Days since the March of year 0, so that the leap day is a year's last (see `seconds`).
    let day = days + 719_468;
    let era = day / 146_097;
    let of_era = day % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Seconds since 1970 of an HTTP date such as `Sat, 21 Nov 2026 10:00:00 GMT` (RFC 9110 section 5.6.7).
pub fn http_date(text: &str) -> Option<u64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut words = text.split_once(", ")?.1.split(' ');
    let day = digits(words.next()?, 2)?;
    let month = words.next().filter(|m| m.len() == 3)?;
    let month = MONTHS.find(month).filter(|at| at % 3 == 0)?;
    let month = i64::try_from(month / 3 + 1).ok()?;
    let year = digits(words.next()?, 4)?;
    let at = seconds(year, month, day, words.next()?)?;
    (words.next() == Some("GMT") && words.next().is_none()).then_some(())?;
    u64::try_from(at).ok()
}

fn seconds(year: i64, month: i64, day: i64, clock: &str) -> Option<i64> {
    let mut parts = clock.split(':');
    let (hour, minute, second) = (
        digits(parts.next()?, 2)?,
        digits(parts.next()?, 2)?,
        digits(parts.next()?, 2)?,
    );
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_in_month = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days_in_month).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
        || parts.next().is_some()
    {
        return None;
    }
    // Days since 1970 with years counted from March, so that the leap day is a year's last.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

fn digits(text: &str, width: usize) -> Option<i64> {
    (text.len() == width && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rfc_3339() {
        assert_eq!(rfc3339("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(rfc3339("2016-07-11T22:14:10Z"), Some(1_468_275_250));
        assert_eq!(rfc3339("2024-02-29T12:00:00.250Z"), Some(1_709_208_000));
        assert_eq!(
            rfc3339("2026-11-21T10:00:00+02:00"),
            rfc3339("2026-11-21T08:00:00Z")
        );
        for bad in [
            "",
            "2026-11-21",
            "2026-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2026-11-21T10:00:00",
            "2026-11-21T25:00:00Z",
            "26-11-21T10:00:00Z",
            "2026-11-21T10:00:00.Z",
            "2026-11-21T10:00:00+1:00",
            "2026-11-21T10:00:00é",
            "-026-11-21T10:00:00Z",
            "2026-11-21T10:00:00Zx",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(rfc3339(bad), None, "{bad}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2016-07-11T22:14:10Z",
            "2024-02-29T23:59:59Z",
            "2000-02-29T00:00:00Z",
            "2000-03-01T00:00:00Z",
            "2024-03-01T00:00:00Z",
            "2100-02-28T23:59:59Z",
            "2100-03-01T00:00:00Z",
            "2026-12-31T23:00:01Z",
        ] {
            assert_eq!(rfc3339_text(rfc3339(text).unwrap()), text);
        }
        assert_eq!(rfc3339_text(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339_text(1_795_244_988), "2026-11-21T07:09:48Z");
    }

    #[test]
    fn reads_http_dates() {
        assert_eq!(
            http_date("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777)
        );
        for bad in [
            "",
            "120",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 anF 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(http_date(bad), None, "{bad}");
        }
    }
}
