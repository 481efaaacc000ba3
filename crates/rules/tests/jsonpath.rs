//! JSONPath: what paths find, in which order, and how they are refused.
#![expect(clippy::unwrap_used, reason = "a failure is the test's failure")]

use hushgate_rules::json::{Document, Limits, NewValue, NodeId, Symbols};
use hushgate_rules::jsonpath::{JsonPath, Repeats};
use proptest::prelude::*;
use serde_json::Value;

const SEMANTICS: &str = include_str!("jsonpath/semantics.json");

fn parse<'t>(text: &'t str, symbols: &'t Symbols) -> Document<'t> {
    Document::parse(text.as_bytes(), symbols, Limits::default()).unwrap()
}

fn texts(document: &Document<'_>, places: &[NodeId]) -> Vec<String> {
    let text = |&place: &NodeId| {
        let mut out = Vec::new();
        document.write_node(place, &mut out);
        String::from_utf8(out).unwrap()
    };
    places.iter().map(text).collect()
}

/// Values as our writer writes them.
fn written(values: &Value) -> Vec<String> {
    let text = values.to_string();
    let symbols = Symbols::new();
    let document = parse(&text, &symbols);
    let elements: Vec<_> = document.children(document.root()).collect();
    texts(&document, &elements)
}

#[test]
fn finds_and_removes_what_the_table_says() {
    let cases: Vec<Value> = serde_json::from_str(SEMANTICS).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        let mut symbols = Symbols::new();
        let path = JsonPath::parse(case["path"].as_str().unwrap(), &mut symbols).unwrap();
        let text = match case["text"].as_str() {
            Some(text) => text.to_owned(),
            None => case["document"].to_string(),
        };
        let mut document = parse(&text, &symbols);
        let places = path.select(&document, Repeats::Drop);
        let (mut found, mut expected) = (texts(&document, &places), written(&case["found"]));
        if case["order"] == "any" {
            found.sort();
            expected.sort();
        }
        let repeated = texts(&document, &path.select(&document, Repeats::Keep));
        for &place in &places {
            document.delete(place);
        }
        let deleted: Value = serde_json::from_str(&document.to_text()).unwrap();
        // Positions move up when elements are removed.
        let moves = path.as_str().contains(['0', '-', ':']);
        let again = path.select(&document, Repeats::Keep).len();
        let kept = case
            .get("repeated")
            .map_or(repeated.len() == found.len(), |expected| {
                repeated == written(expected)
            });
        if found != expected || deleted != case["deleted"] || !kept || (again != 0 && !moves) {
            wrong.push(format!(
                "{case}\n  found {found:?} {repeated:?} left {deleted} again {again}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases.len() > 90);
}

#[test]
fn conditions_hold_only_when_something_is_found() {
    let cases = [
        ("$.r[?(@.t == 'U')]", r#"{"r":[{"t":"U"}]}"#, true),
        ("$.r[?(@.t == 'U')]", r#"{"r":[]}"#, false),
        ("$.r[?(@.t == 'U')]", r"{}", false),
        ("$.r[?(@.t == 'U')]", r#"{"r":null}"#, false),
        ("$.r[?(@.t == 'U')]", r#"{"r":"U"}"#, false),
        ("$.r", r#"{"r":[1]}"#, true),
        ("$.r", r#"{"r":[]}"#, false),
        ("$.r", r#"{"r":{"a":1}}"#, false),
        ("$.r", r#"{"r":true}"#, false),
        ("$..r", r#"{"r":null}"#, true),
        ("$", "[1]", true),
        ("$", "{}", false),
    ];
    for (path, text, holds) in cases {
        let mut symbols = Symbols::new();
        let path = JsonPath::parse(path, &mut symbols).unwrap();
        assert_eq!(path.holds(&parse(text, &symbols)), holds, "{path:?} {text}");
    }
}

#[test]
fn refuses_with_place_found_and_allowed() {
    let cases = [
        ("", 0, "the end"),
        ("$a", 1, "`a`"),
        ("$.", 2, "the end"),
        ("$..", 3, "the end"),
        ("$...a", 3, "`.`"),
        (".a", 0, "`.`"),
        ("@.a", 0, "`@`"),
        ("$.a b", 4, "`b`"),
        ("$.a]", 3, "`]`"),
        ("$[", 2, "the end"),
        ("$[]", 2, "`]`"),
        ("$['a'", 5, "the end"),
        ("$['a',]", 6, "`]`"),
        ("$['a',0]", 6, "`0`"),
        ("$['a", 4, "the end"),
        ("$['a\\x']", 4, "`\\`"),
        ("$['\u{1}']", 3, "U+0001"),
        ("$['\\ud800']", 3, "`\\`"),
        ("$[00]", 2, "`0`"),
        ("$[-0]", 2, "`-`"),
        ("$[-]", 2, "`-`"),
        ("$[0,]", 4, "`]`"),
        ("$[9007199254740992]", 2, "`9`"),
        ("$[0:2:1]", 5, "`:`"),
        ("$.length()", 2, "`l`"),
        ("$[?(@.a]", 7, "`]`"),
        ("$[?(@.a == )]", 11, "`)`"),
        ("$[?(@.a = 1)]", 8, "`=`"),
        ("$[?(@.a ~ 1)]", 8, "`~`"),
        ("$[?(@.a like 'x')]", 8, "`l`"),
        ("$[?(@.a type 'x')]", 8, "`t`"),
        ("$[?(!@.a == 1)]", 9, "`=`"),
        ("$[?(true)]", 8, "`)`"),
        ("$[?(@.a =~ 'x')]", 11, "`'`"),
        ("$[?(@.a == /x/)]", 11, "`/`"),
        ("$[?(@.a =~ /x/q)]", 14, "`q`"),
        ("$[?(@.a =~ /x)]", 15, "the end"),
        ("$[?(@.a in 'x')]", 11, "`'`"),
        ("$[?(@.a size 'x')]", 13, "`'`"),
        ("$[?(@.a empty 1)]", 14, "`1`"),
        ("$[?(@.a == 01)]", 11, "`0`"),
        ("$[?(@.a == [1,])]", 14, "`]`"),
        ("$.é[?(@.a && )]", 13, "`)`"),
    ];
    for (text, offset, found) in cases {
        let error = JsonPath::parse(text, &mut Symbols::new()).unwrap_err();
        assert_eq!(error.code(), "jsonpath-invalid", "{text}");
        let start = format!("at character {offset} of the path: found {found}, expected ");
        assert!(error.to_string().starts_with(&start), "{text}: {error}");
    }
    let error = JsonPath::parse("$.l[?(@.a =~ /(/)]", &mut Symbols::new()).unwrap_err();
    assert_eq!((error.code(), error.offset()), ("regex-invalid", 14));
    let deep = format!("$[?{}@.a{}]", "(".repeat(10_000), ")".repeat(10_000));
    assert!(JsonPath::parse(&deep, &mut Symbols::new()).is_err());
    let deep = format!("$[?{}@.a]", "!".repeat(10_000));
    assert!(JsonPath::parse(&deep, &mut Symbols::new()).is_err());
    let deep = format!("$[?@ == {}]", "[".repeat(10_000));
    assert!(JsonPath::parse(&deep, &mut Symbols::new()).is_err());
    let deep = "$[?@".repeat(10_000);
    assert!(JsonPath::parse(&deep, &mut Symbols::new()).is_err());
}

#[test]
fn says_what_a_path_means_in_rfc_9535() {
    let same = [
        "$",
        "$.a.b",
        "$..a",
        "$['a','b'][*].c",
        "$..['a','b'].c",
        "$.a[0]",
        "$['-'].é_1",
        "$[-1:]",
    ];
    let other = [
        ("a.b", "`$`"),
        (" $.a", "blanks"),
        ("$..['a','b']", "all of the names"),
        ("$.['a']", "`.` before `[`"),
        ("$.1a", "digit"),
        ("$.@a", "quotes"),
        ("$.a-b", "quotes"),
        ("$[?(@.a)]", "filter on an object"),
        ("$[?(@.a == '1')]", "equals a text"),
        ("$[?(@.a == [1])]", "compares with"),
        ("$[?(@.a in [1])]", "only the operators"),
        ("$[?(@.x[?(@.a =~ /a/)])]", "`=~`"),
    ];
    for text in same {
        let path = JsonPath::parse(text, &mut Symbols::new()).unwrap();
        assert_eq!(path.rfc9535_difference(), None, "{text}");
    }
    for (text, reason) in other {
        let path = JsonPath::parse(text, &mut Symbols::new()).unwrap();
        let difference = path.rfc9535_difference().unwrap_or("");
        assert!(difference.contains(reason), "{text}: {difference}");
    }
}

#[test]
fn a_pattern_out_of_steps_selects() {
    let mut symbols = Symbols::new();
    let path = JsonPath::parse("$[?(!(@ =~ /(?:(?=a)a|aa)+b/))]", &mut symbols).unwrap();
    assert!(path.uses_lookaround());
    let text = format!("[\"{}c\"]", "a".repeat(5000));
    assert_eq!(path.select(&parse(&text, &symbols), Repeats::Drop).len(), 1);
    let path = JsonPath::parse("$[?(@ =~ /(?:(?=a)a|aa)+b/)]", &mut symbols).unwrap();
    assert_eq!(path.select(&parse(&text, &symbols), Repeats::Drop).len(), 1);
}

#[test]
#[should_panic(expected = "two rule sets")]
fn a_path_of_other_symbols_is_no_silent_miss() {
    let path = JsonPath::parse("$..a", &mut Symbols::new()).unwrap();
    path.select(&parse("{\"a\":1}", &Symbols::new()), Repeats::Drop);
}

#[test]
fn nesting_multiplies_nothing() {
    let mut symbols = Symbols::new();
    let path = JsonPath::parse("$..a..a..a..a..b", &mut symbols).unwrap();
    let text = "{\"a\":".repeat(200) + "{\"b\":1}" + &"}".repeat(200);
    let document = parse(&text, &symbols);
    assert_eq!(path.select(&document, Repeats::Drop).len(), 1);
    assert_eq!(path.select(&document, Repeats::Keep).len(), 1024);
    let path = JsonPath::parse("$..a..*", &mut symbols).unwrap();
    let text = "{\"a\":".repeat(200) + &format!("[0{}]", ",0".repeat(50_000)) + &"}".repeat(200);
    let document = parse(&text, &symbols);
    assert_eq!(path.select(&document, Repeats::Drop).len(), 50_200);
}

#[test]
fn edits_are_seen_by_later_paths() {
    let mut symbols = Symbols::new();
    let inner = JsonPath::parse("$..k.e", &mut symbols).unwrap();
    let outer = JsonPath::parse("$..k", &mut symbols).unwrap();
    let any = JsonPath::parse("$..e", &mut symbols).unwrap();
    let mut document = parse(r#"{"k":{"e":1},"l":[{"k":{"e":2}}],"e":3}"#, &symbols);
    assert_eq!(inner.select(&document, Repeats::Drop).len(), 2);
    let first = outer.select(&document, Repeats::Drop)[0];
    document.set(first, NewValue::Null);
    assert_eq!(inner.select(&document, Repeats::Drop).len(), 1);
    assert_eq!(any.select(&document, Repeats::Drop).len(), 2);
    let added = NewValue::Object(vec![("e".to_owned(), NewValue::Integer(4))]);
    document.put_member(document.root(), "+k:x", added);
    let found = any.select(&document, Repeats::Drop);
    assert_eq!(texts(&document, &found), ["2", "3", "4"]);
}

fn any_document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3_i64).prop_map(Value::from),
        "[ab1]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[abc]", inner), 0..5).prop_map(|all| all.into_iter().collect()),
        ]
    })
}

fn any_path() -> impl Strategy<Value = String> {
    let name = "[abc]";
    let operand = prop_oneof![
        Just("@".to_owned()),
        name.prop_map(|a| format!("@.{a}")),
        Just("$.a".to_owned()),
        Just("@..a".to_owned()),
        Just("1".to_owned()),
        Just("'a'".to_owned()),
        Just("null".to_owned()),
        Just("[1,'a']".to_owned()),
    ];
    let operator = prop::sample::select(vec!["==", "!=", "<", ">=", "===", "contains"]);
    let condition =
        (operand.clone(), operator, operand).prop_map(|(l, o, r)| format!("{l} {o} {r}"));
    let segment = prop_oneof![
        4 => name.prop_map(|a| format!(".{a}")),
        4 => name.prop_map(|a| format!("..{a}")),
        1 => Just("['a','b']".to_owned()),
        1 => Just("..['a','b']".to_owned()),
        3 => Just("[*]".to_owned()),
        1 => Just("..*".to_owned()),
        1 => (-3..3_i8).prop_map(|n| format!("[{n}]")),
        1 => (-3..3_i8, -3..3_i8).prop_map(|(a, b)| format!("[{a}:{b}]")),
        2 => condition.clone().prop_map(|c| format!("[?({c})]")),
        1 => condition.prop_map(|c| format!("..[?(!({c}) || @ =~ /a/)]")),
        1 => name.prop_map(|a| format!("[?(@.{a})]")),
    ];
    prop::collection::vec(segment, 1..5).prop_map(|segments| format!("${}", segments.concat()))
}

/// The same document with the members of all objects in reverse.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Array(elements) => elements.iter().map(reversed).collect(),
        Value::Object(members) => members
            .iter()
            .rev()
            .map(|(name, value)| (name.clone(), reversed(value)))
            .collect(),
        scalar => scalar.clone(),
    }
}

/// A path evaluated by brute force: the places of all steps, one by one.
fn naive(document: &Document<'_>, names: &[(bool, &str)]) -> Vec<NodeId> {
    let mut places = vec![document.root()];
    for &(descend, name) in names {
        let mut next = Vec::new();
        for &place in &places {
            let mut open = vec![place];
            while let Some(at) = open.pop() {
                next.extend(
                    document
                        .children(at)
                        .filter(|&id| name == "*" || document.name(id) == Some(name)),
                );
                if descend {
                    open.extend(document.children(at));
                }
            }
        }
        places = next;
    }
    places.sort();
    places
}

proptest! {
    #[test]
    fn never_panics_on_any_path(text in "[$@.\\[\\]*?()'\"a1:,!=<>~&|/ \\\\{}\u{e9}-]{0,30}") {
        let mut symbols = Symbols::new();
        if let Ok(path) = JsonPath::parse(&text, &mut symbols) {
            path.rfc9535_difference();
            let document = parse(r#"{"a":[{"a":1},[null,"a"]],"1":{"é":true}}"#, &symbols);
            path.select(&document, Repeats::Keep);
            path.holds(&document);
        }
    }

    #[test]
    fn what_was_removed_is_not_found_again(value in any_document(), path in any_path()) {
        let mut symbols = Symbols::new();
        let path = JsonPath::parse(&path, &mut symbols).unwrap();
        let text = value.to_string();
        let mut document = parse(&text, &symbols);
        let places = path.select(&document, Repeats::Drop);
        let repeats = path.select(&document, Repeats::Keep);
        prop_assert!(places.iter().all(|place| document.is_live(*place) && repeats.contains(place)));
        for place in places {
            document.delete(place);
            prop_assert!(!document.is_live(place) || place == document.root());
        }
        // Without filters and positions, which look at what is left, nothing may remain.
        if !path.as_str().contains('?') && !path.as_str().contains(|c: char| c.is_ascii_digit()) {
            prop_assert_eq!(path.select(&document, Repeats::Drop), vec![]);
        }
        let written = document.to_text();
        prop_assert_eq!(parse(&written, &symbols).to_text(), written);
    }

    #[test]
    fn order_of_members_and_blanks_change_nothing(value in any_document(), path in any_path()) {
        let mut symbols = Symbols::new();
        let path = JsonPath::parse(&path, &mut symbols).unwrap();
        let find = |text: &str, turn: bool| {
            let document = parse(text, &symbols);
            let mut found = texts(&document, &path.select(&document, Repeats::Keep));
            if turn {
                for text in &mut found {
                    *text = reversed(&serde_json::from_str(text).unwrap()).to_string();
                }
            }
            found.sort();
            found
        };
        let plain = find(&value.to_string(), false);
        prop_assert_eq!(&find(&serde_json::to_string_pretty(&value).unwrap(), false), &plain);
        prop_assert_eq!(&find(&reversed(&value).to_string(), true), &plain);
    }

    #[test]
    fn the_index_finds_what_a_full_search_finds(
        value in any_document(),
        names in prop::collection::vec((any::<bool>(), prop::sample::select(vec!["a", "b", "c", "d", "*"])), 1..4),
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
    ) {
        let path: String = names.iter().map(|(descend, name)| if *descend { format!("..{name}") } else { format!(".{name}") }).collect();
        let mut symbols = Symbols::new();
        let path = JsonPath::parse(&format!("${path}"), &mut symbols).unwrap();
        let everything = JsonPath::parse("$..*", &mut symbols).unwrap();
        let text = value.to_string();
        let mut document = parse(&text, &symbols);
        prop_assert_eq!(path.query(&document), naive(&document, &names));
        for (n, at) in removed.iter().enumerate() {
            let all = everything.query(&document);
            if all.is_empty() { continue }
            let id = all[at.index(all.len())];
            match n {
                0 => document.delete(id),
                1 => document.set(id, NewValue::Object(vec![("a".to_owned(), NewValue::Object(vec![("b".to_owned(), NewValue::Null)]))])),
                _ => document.put_member(id, "c", NewValue::Object(vec![("a".to_owned(), NewValue::Bool(true))])),
            }
            prop_assert_eq!(path.query(&document), naive(&document, &names));
        }
    }
}
