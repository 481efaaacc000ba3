//! `link` headers (RFC 8288) of a source, rewritten so that they can be shown to the caller.
//!
//! The source's links hold its own host, its clear identifiers, and whatever else it likes. What a
//! caller needs of them is where the next page is: the request's own path with another cursor. So
//! a link becomes exactly that, relative, or it is dropped.

use std::fmt::Write as _;

use http::HeaderValue;
use reqwest::Url;

/// Longest value of a parameter that comes from the source, in bytes.
const LONGEST_VALUE: usize = 512;
/// Most links that are kept.
const MOST_LINKS: usize = 8;

/// The request whose answer the links came with.
pub(crate) struct OwnTarget<'a> {
    /// The path as the caller wrote it, with pseudonyms.
    pub(crate) path: &'a str,
    /// The query as the caller wrote it, with pseudonyms.
    pub(crate) query: &'a str,
    /// The URL that was called, with pseudonyms turned back.
    pub(crate) url: &'a Url,
}

/// The links that can be shown, as one header value. `admits` says whether the rules admit the
/// request's path with another query.
pub(crate) fn rewrite(
    links: &[HeaderValue],
    own: &OwnTarget<'_>,
    admits: &dyn Fn(&str) -> bool,
) -> Option<HeaderValue> {
    let mut text = String::new();
    let shown = links
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(split_links)
        .take(4 * MOST_LINKS)
        .filter_map(|link| rewrite_one(link, own, admits))
        .take(MOST_LINKS);
    for (target, relation) in shown {
        let separator = if text.is_empty() { "" } else { ", " };
        // Writing to a String can't fail.
        let _ = write!(text, "{separator}<{target}>; rel=\"{relation}\"");
    }
    if text.is_empty() {
        None
    } else {
        HeaderValue::from_str(&text).ok()
    }
}

fn rewrite_one(
    link: &str,
    own: &OwnTarget<'_>,
    admits: &dyn Fn(&str) -> bool,
) -> Option<(String, &'static str)> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let relation = relation(parameters)?;
    let url = own.url.join(target).ok()?;
    let same_place =
        url.origin() == own.url.origin() && last_segment(&url) == last_segment(own.url);
    if !same_place || url.fragment().is_some() || !url.username().is_empty() {
        return None;
    }
    let query = rewrite_query(&url, own)?;
    if !admits(&query) {
        return None;
    }
    let separator = if query.is_empty() { "" } else { "?" };
    Some((format!("{}{separator}{query}", own.path), relation))
}

/// Pairs which the request sent itself come back as the caller wrote them; other values must be opaque.
fn rewrite_query(url: &Url, own: &OwnTarget<'_>) -> Option<String> {
    let written: Vec<&str> = own
        .query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .collect();
    let sent: Vec<_> = own.url.query_pairs().collect();
    if written.len() != sent.len() {
        return None;
    }
    let mut pairs: Vec<String> = Vec::new();
    for pair in url.query_pairs() {
        match sent
            .iter()
            .position(|s| *s == pair)
            .and_then(|index| written.get(index))
        {
            Some(own_pair) => pairs.push((*own_pair).to_owned()),
            None => pairs.push(opaque_pair(&pair.0, &pair.1)?),
        }
    }
    Some(pairs.join("&"))
}

fn opaque_pair(name: &str, value: &str) -> Option<String> {
    let plain_name = name.len() <= 64
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    let plain_value = value.len() <= LONGEST_VALUE
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.:=+/".contains(&b));
    if !plain_name || !plain_value {
        return None;
    }
    let mut pair = format!("{name}=");
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"_-.".contains(&byte) {
            pair.push(char::from(byte));
        } else {
            let _ = write!(pair, "%{byte:02X}");
        }
    }
    Some(pair)
}

fn relation(parameters: &str) -> Option<&'static str> {
    const KNOWN: &[&str] = &["next", "prev", "previous", "first", "last"];
    let value = parameters
        .split(';')
        .map(str::trim)
        .find_map(|p| p.strip_prefix("rel=").or_else(|| p.strip_prefix("REL=")))?
        .trim_matches('"');
    KNOWN
        .iter()
        .find(|known| known.eq_ignore_ascii_case(value))
        .copied()
}

fn last_segment(url: &Url) -> Option<&str> {
    url.path().rsplit('/').next()
}

/// Splits a header value at the commas between links, not at those inside `<…>` or `"…"`.
fn split_links(value: &str) -> Vec<&str> {
    let mut links = Vec::new();
    let (mut start, mut in_target, mut in_quotes) = (0, false, false);
    for (index, byte) in value.bytes().enumerate() {
        match byte {
            b'<' if !in_quotes => in_target = true,
            b'>' if !in_quotes => in_target = false,
            b'"' if !in_target => in_quotes = !in_quotes,
            b',' if !in_target && !in_quotes => {
                links.extend(value.get(start..index));
                start = index + 1;
            }
            _ => {}
        }
    }
    links.extend(value.get(start..));
    links
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(link: &str) -> Option<String> {
        let url = Url::parse("https://api.example.com/v1/users/ada%40example.com/repos?user=ada%40example.com&page=1").unwrap();
        let own = OwnTarget {
            path: "/v1/users/p~TOKEN/repos",
            query: "user=p~TOKEN&page=1",
            url: &url,
        };
        rewrite(&[HeaderValue::from_str(link).unwrap()], &own, &|q| {
            !q.contains("forbidden")
        })
        .map(|v| v.to_str().unwrap().to_owned())
    }

    #[test]
    fn shows_the_next_page_in_the_caller_s_own_terms() {
        assert_eq!(
            show("<https://api.example.com/v1/users/ada%40example.com/repos?user=ada@example.com&page=2>; rel=\"next\"; title=\"Ada\", <?page=9>; rel=last").as_deref(),
            Some("</v1/users/p~TOKEN/repos?user=p~TOKEN&page=2>; rel=\"next\", </v1/users/p~TOKEN/repos?page=9>; rel=\"last\"")
        );
        assert_eq!(
            show("<https://api.example.com/users/17/repos?after=Y3Vyc29y%3D%3D>; rel=next")
                .as_deref(),
            Some("</v1/users/p~TOKEN/repos?after=Y3Vyc29y%3D%3D>; rel=\"next\"")
        );
    }

    #[test]
    fn drops_every_link_that_could_tell_something() {
        for link in [
            "<https://evil.example.org/v1/users/ada%40example.com/repos?page=2>; rel=next",
            "<http://api.example.com/v1/users/ada%40example.com/repos?page=2>; rel=next",
            "<https://api.example.com/v1/users/ada%40example.com>; rel=next",
            "<?page=2&email=ada%40example.com>; rel=next",
            "<?page=2&name=Ada%20Lovelace>; rel=next",
            "<?page=2&forbidden=1>; rel=next",
            "<?page=2#ada>; rel=next",
            "<https://ada@api.example.com/v1/users/x/repos?page=2>; rel=next",
            "<?page=2>; rel=author",
            "<?page=2>; title=ada",
            "<?page=2",
            "?page=2; rel=next",
            "",
            "<>",
        ] {
            assert_eq!(show(link), None, "{link}");
        }
        assert_eq!(
            show(&format!("<?page={}>; rel=next", "1".repeat(600))),
            None
        );
    }
}
