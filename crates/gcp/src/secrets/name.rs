//! Ids of secrets: a prefix, and the name of an entry in the letters that ids have.

/// The most letters of a secret's id.
const LONGEST: usize = 255;

/// The id of the secret that holds an entry; none when it would be too long.
///
/// Letters, digits, `_` and a `-` between two of them stay; `/` becomes `--`; every other byte, a `-`
/// at another place included, becomes `---` and two hexadecimal digits. So two names never share an
/// id: single dashes stand for themselves, an even number of dashes for slashes, and of an odd number the last three
/// begin a byte.
pub(super) fn id_of(prefix: &str, name: &str) -> Option<String> {
    let id = format!("{prefix}--{}", encoded(name));
    (id.len() <= LONGEST).then_some(id)
}

/// How the ids of all secrets begin whose names begin with `start`, which ends with a slash.
pub(super) fn start_of(prefix: &str, start: &str) -> String {
    format!("{prefix}--{}", encoded(start))
}

/// The name of the entry that a secret of this id holds; none when it is none of this prefix.
pub(super) fn name_of(prefix: &str, id: &str) -> Option<String> {
    decoded(id.strip_prefix(prefix)?.strip_prefix("--")?)
}

fn encoded(name: &str) -> String {
    let bytes = name.as_bytes();
    let mut id = String::with_capacity(bytes.len() + 8);
    for (at, &byte) in bytes.iter().enumerate() {
        let plain = |at: Option<usize>| {
            at.and_then(|at| bytes.get(at))
                .is_some_and(|b| is_plain(*b))
        };
        match byte {
            b'/' => id.push_str("--"),
            b'-' if plain(at.checked_sub(1)) && plain(Some(at + 1)) => id.push('-'),
            _ if is_plain(byte) => id.push(char::from(byte)),
            _ => {
                id.push_str("---");
                for half in [byte >> 4, byte & 15] {
                    id.extend(char::from_digit(u32::from(half), 16));
                }
            }
        }
    }
    id
}

fn decoded(id: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(id.len());
    let mut rest = id.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        if first != b'-' {
            bytes.push(first);
            rest = after;
            continue;
        }
        let dashes = rest.iter().take_while(|b| **b == b'-').count();
        rest = rest.get(dashes..)?;
        let escape = dashes % 2 == 1 && dashes > 1;
        let slashes = if escape { (dashes - 3) / 2 } else { dashes / 2 };
        bytes.extend(std::iter::repeat_n(b'/', slashes));
        if dashes == 1 {
            bytes.push(b'-');
        }
        if escape {
            let (digits, after) = rest.split_at_checked(2)?;
            let digits = std::str::from_utf8(digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = after;
        }
    }
    let name = String::from_utf8(bytes).ok()?;
    // Another writing of the same name was not made here.
    (encoded(&name) == id).then_some(name)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn ids_show_what_they_hold() {
        for (name, id) in [
            ("PSEUDONYM_KEY", "acme--PSEUDONYM_KEY"),
            (
                "connections/jira-work/REFRESH_TOKEN",
                "acme--connections--jira-work--REFRESH_TOKEN",
            ),
            ("a/-b", "acme--a-----2db"),
            ("a-/b", "acme--a---2d--b"),
            ("..%2Fx", "acme-----2e---2e---252Fx"),
            ("ü", "acme-----c3---bc"),
        ] {
            assert_eq!(id_of("acme", name).as_deref(), Some(id), "{name}");
            assert_eq!(name_of("acme", id).as_deref(), Some(name));
        }
        assert!(id_of("acme", &"a".repeat(249)).is_some());
        assert!(id_of("acme", &"a".repeat(250)).is_none());
    }

    #[test]
    fn no_two_names_share_an_id() {
        let letters = ['a', '-', '/', '_', '2', 'd', '.', 'ä'];
        let mut names = vec![String::new()];
        let mut ids: HashMap<String, String> = HashMap::new();
        for _ in 0..5 {
            names = names
                .iter()
                .flat_map(|name| letters.iter().map(move |l| format!("{name}{l}")))
                .collect();
            for name in &names {
                let id = id_of("p", name).unwrap();
                assert!(id.bytes().all(|b| is_plain(b) || b == b'-'), "{id}");
                assert_eq!(name_of("p", &id).as_deref(), Some(name.as_str()));
                assert_eq!(ids.insert(id, name.clone()), None, "{name}");
            }
        }
    }

    #[test]
    fn foreign_ids_hold_nothing() {
        for id in [
            "other--A",
            "acme",
            "acme-A",
            "acme-----zz",
            "acme--a---2",
            "acme--a---61",
        ] {
            assert_eq!(name_of("acme", id), None, "{id}");
        }
    }
}
