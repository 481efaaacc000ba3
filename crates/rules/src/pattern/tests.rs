use super::*;

fn whole(pattern: &str, text: &str) -> bool {
    Pattern::whole(pattern).unwrap().is_match(text).unwrap()
}

fn found(pattern: &str, text: &str) -> Vec<String> {
    let matches = Pattern::find(pattern).unwrap().find_all(text).unwrap();
    matches
        .into_iter()
        .map(|groups| text[groups.whole()].to_owned())
        .collect()
}

#[test]
fn matches_every_construct_that_rules_use() {
    // pattern, text that matches as a whole, text that does not
    let rows = [
        (r"/meetings/(?!me)[^/]+", "/meetings/77", "/meetings/me"),
        (r"(?)/view(?)", "/view", "/views"),
        (r"/(?<id>[a-z]+)", "/abc", "/9"),
        (r"(?i)smtp:.*", "SmTp:x", "x500:y"),
        (r"p~[a-zA-Z0-9_-]+?", "p~aZ_-", "p~"),
        (r"(?:a|b)c", "bc", "c"),
        (r".*\bfrom:\b?.*", "x from:", "xfromy"),
        (r"\d\w\s", "1_\t", "1é "),
        (r"[0-9a-f]{4}", "00ff", "00fff"),
        (r"/v[v2,3]", "/v,", "/v4"),
        (r"[A-z]", "_", "9"),
        (r"[({]?x", "{x", "[x"),
        (r"[\=\$\?]a\=\-\<\>", "$a=-<>", "a=-<>"),
        (
            r"/users/p~[\w-]{43,}",
            &format!("/users/p~{}", "a".repeat(43)),
            "/users/p~a",
        ),
        (r"\Qa.b\E.", "a.bc", "axbc"),
        (r"a++b", "aaab", "aaa"),
        (r"(?>a+)b", "aab", "aa"),
        (r"(a|b)\1", "aa", "ab"),
        (r"(?<q>['x])y\k<q>", "'y'", "'yx"),
        (r"(?<=a)b|ab", "ab", "b"),
        (r"\p{Lu}\p{Alpha}\p{IsLatin}\P{L}", "Éaé1", "éaé1"),
        (r"\p{Punct}[\p{Digit}x]", "!x", "aa"),
        (r"[a-z&&[^aeiou]]", "b", "a"),
        (r"[a-c[x-z]]", "y", "d"),
        (r"[+--]", ",", "a"),
        (r"[]a]", "]", "b"),
        (r"\x41\x{42}\u0043\0104\cA\t\e", "ABCD\u{1}\t\u{1b}", "A"),
        (r"\uD83D\uDE00", "😀", "x"),
        (r"(?x) a b # note", "ab", "a b"),
        (r"(?x)[a b]", "b", " "),
        (r"a\Rb", "a\r\nb", "a\tb"),
        (r"\h\v\H\V", "\u{a0}\u{85}ab", "aaaa"),
        (r"a\z|b\Z", "a", "ab"),
        (r"\Aa", "a", "b"),
    ];
    for (pattern, good, bad) in rows {
        assert!(whole(pattern, good), "{pattern} should match {good:?}");
        assert!(!whole(pattern, bad), "{pattern} should not match {bad:?}");
    }
}

#[test]
fn predefined_classes_are_ascii_unless_told_otherwise() {
    assert!(!whole(r"\w", "é"));
    assert!(!whole(r"\d", "٣"));
    assert!(!whole(r"\s", "\u{a0}"));
    assert!(whole(r"\W\D\S", "é٣\u{a0}"));
    assert!(whole(r"(?U)\w\d", "é٣"));
    assert!(whole(r"[\w]", "_"));
    assert!(whole(r"[^\W]", "_"));
    assert_eq!(found(r"\bx\b", "éxé x"), ["x", "x"]);
    assert_eq!(found(r"(?U)\bx\b", "éxé x"), ["x"]);
    assert_eq!(found(r"\Bx", "ax éx"), ["x"]);
}

#[test]
fn case_folding_is_ascii_only_unless_told_otherwise() {
    assert!(whole("(?i)k", "K"));
    assert!(!whole("(?i)k", "\u{212a}"), "the Kelvin sign");
    assert!(!whole("(?i)é", "É"));
    assert!(whole("(?iu)é", "É"));
    assert!(whole("(?iu)[é]", "É"));
    assert!(whole("(?i)[a-c]x", "BX"));
    assert!(!whole("(?i)[^a-c]", "B"));
    assert!(whole("(?i:a)b", "Ab"));
    assert!(!whole("(?i:a)b", "AB"));
    assert!(whole("((?i)a)b", "Ab"));
    assert!(!whole("((?i)a)b", "AB"));
    assert!(whole("(?i)a(?-i)b", "Ab"));
    assert!(!whole("(?i)a(?-i)b", "AB"));
}

#[test]
fn dot_stops_at_every_line_break() {
    for line_break in ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"] {
        assert!(!whole(".", line_break), "{line_break:?}");
        assert!(whole("(?s).", line_break), "{line_break:?}");
    }
    assert!(whole(".", "😀"));
    assert!(whole("(?d).", "\r"));
    assert!(!whole("(?d).", "\n"));
}

#[test]
fn dollar_also_matches_before_a_final_line_break() {
    assert_eq!(found("secret$", "secret\n"), ["secret"]);
    assert_eq!(found("secret$", "secret\r\n"), ["secret"]);
    assert_eq!(found("secret$", "secret"), ["secret"]);
    assert_eq!(found("secret$", "secret\n\n"), Vec::<String>::new());
    assert_eq!(found("(?m)^a$", "a\nb\na"), ["a", "a"]);
    assert!(!whole("^a$", "a\n"));
}

#[test]
fn reports_group_spans() {
    let pattern = Pattern::find(r"a(?<b>b)?|c").unwrap();
    let matches = pattern.find_all("a ab c").unwrap();
    let groups: Vec<_> = matches.iter().map(|groups| groups.span(1)).collect();
    assert_eq!(groups, [None, Some(3..4), None]);
    assert_eq!(pattern.group_count(), 1);
    assert_eq!(pattern.group_names().collect::<Vec<_>>(), [Some("b")]);
    assert!(!pattern.uses_lookaround());
}

#[test]
fn says_when_it_needs_backtracking() {
    for pattern in [
        "(?!a)b", "(?=a)", "(?<=a)", "(?<!a)", r"(a)\1", "a*+", "(?>a)",
    ] {
        assert!(
            Pattern::find(pattern).unwrap().uses_lookaround(),
            "{pattern}"
        );
    }
    for pattern in ["a$", r"\bx", "(?i)a", "(?<n>a)"] {
        assert!(
            !Pattern::find(pattern).unwrap().uses_lookaround(),
            "{pattern}"
        );
    }
}

#[test]
fn gives_up_after_the_step_limit() {
    let bomb = Pattern::whole(r"(?!x)(a|a)*\1b").unwrap();
    assert_eq!(bomb.is_match(&"a".repeat(64)), Err(StepLimitExceeded));
    assert_eq!(StepLimitExceeded.code(), "regex-step-limit");
}

#[test]
fn gives_up_on_texts_that_are_too_long_to_backtrack_in() {
    let pattern = Pattern::find("(?!b)a").unwrap();
    let many = "a".repeat(MAX_BACKTRACKING_MATCHES + 1);
    assert_eq!(pattern.find_all(&many), Err(StepLimitExceeded));
    let long = " ".repeat(MAX_BACKTRACKING_BYTES + 1);
    assert_eq!(pattern.is_match(&long), Err(StepLimitExceeded));
    assert_eq!(Pattern::find("a").unwrap().is_match(&long), Ok(false));
}

#[test]
fn stays_linear_on_patterns_that_explode_elsewhere() {
    let text = "a".repeat(50_000);
    assert!(!whole("(a+)+b", &text));
    assert!(!whole("(a|aa)*c", &text));
}

#[test]
fn refuses_what_it_cannot_read_and_says_where() {
    let rows = [
        ("a(b", "regex-invalid", Some(1)),
        ("a)b", "regex-invalid", Some(1)),
        ("[a", "regex-invalid", Some(0)),
        ("*a", "regex-invalid", Some(0)),
        ("a**", "regex-invalid", Some(2)),
        ("a{2", "regex-invalid", Some(1)),
        ("a{3,2}", "regex-invalid", Some(1)),
        ("{x}", "regex-invalid", Some(0)),
        ("a{99999}", "regex-invalid", Some(1)),
        ("a{1,1001}", "regex-invalid", Some(1)),
        ("a{1,x}", "regex-invalid", Some(1)),
        (r"a\", "regex-invalid", Some(1)),
        (r"\y", "regex-invalid", Some(0)),
        (r"[z-a]", "regex-invalid", Some(1)),
        (r"(?q)a", "regex-invalid", Some(0)),
        (r"(?<1a>x)", "regex-invalid", Some(0)),
        (r"\p{Nonsense}", "regex-invalid", Some(0)),
        (r"\G", "regex-unsupported", Some(0)),
        (r"\X", "regex-unsupported", Some(0)),
        ("((a{1000}){1000}){1000}", "regex-too-large", None),
    ];
    for (pattern, code, position) in rows {
        let error = Pattern::find(pattern).expect_err(pattern);
        assert_eq!(
            (error.code(), error.position()),
            (code, position),
            "{pattern}: {error}"
        );
        assert!(!error.help().is_empty());
    }
    let long = Pattern::find(&"a".repeat(MAX_SOURCE_BYTES + 1)).expect_err("too long");
    assert_eq!(long.code(), "regex-too-large");
}

#[test]
fn reads_flag_letters() {
    assert_eq!(Flags::from_letters("i"), Some(Flags::IGNORE_CASE));
    assert!(Flags::from_letters("ixsmduU").is_some());
    assert_eq!(Flags::from_letters("g"), None);
}
