use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey,
};

use super::base::{base_uri, recoded};
use super::*;
use proptest::prelude::*;

const CLIENT: (&str, &str) = ("dpf43f3p2l4k3l03", "kd94hf93k423kf44");

fn signer(method: SignatureMethod, client: (&str, &str), token: Option<(&str, &str)>) -> Signer {
    let token = token.map(|(id, secret)| Pair::new(id, secret));
    let client = Pair::new(client.0, client.1);
    let mut signer = Signer::new(method, client, token, "CONSUMER_SECRET").unwrap();
    // The RFC's examples leave the optional version out.
    signer.version = false;
    signer
}

fn stamp(timestamp: u64, nonce: &str) -> Stamp {
    Stamp {
        timestamp,
        nonce: nonce.to_owned(),
    }
}

fn signature(header: &HeaderValue) -> String {
    let text = header.to_str().unwrap();
    let (_, rest) = text.split_once("oauth_signature=\"").unwrap();
    let encoded = rest.strip_suffix('"').unwrap();
    let url = Url::parse(&format!("http://x.example/?s={encoded}")).unwrap();
    url.query_pairs().next().unwrap().1.into_owned()
}

fn header(signer: &Signer, call: &Call<'_>, more: &[(&str, &str)], stamp: &Stamp) -> HeaderValue {
    match signer.sign(call, more, stamp).unwrap() {
        Signed::Header(value) => value,
        Signed::Query(_) => panic!("a header was wanted"),
    }
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

#[test]
fn signs_the_three_requests_of_rfc_5849_section_1_2() {
    let cases = [
        (
            "POST",
            "https://photos.example.net/initiate",
            None,
            &[("oauth_callback", "http://printer.example.com/ready")][..],
            stamp(137_131_200, "wIjqoS"),
            "74KNZJeDHnMBp0EMJ9ZHt/XKycU=",
        ),
        (
            "POST",
            "https://photos.example.net/token",
            Some(("hh5s93j4hdidpola", "hdhd0244k9j7ao03")),
            &[("oauth_verifier", "hfdp7dh39dks9884")],
            stamp(137_131_201, "walatlh"),
            "gKgrFCywp7rO0OXSjdot/IHF7IU=",
        ),
        (
            "GET",
            "http://photos.example.net/photos?file=vacation.jpg&size=original",
            Some(("nnch734d00sl2jdk", "pfkkdhi9sl3r4s00")),
            &[],
            stamp(137_131_202, "chapoH"),
            "MdpQcU8iPSUjWoN/UDMsK2sui9I=",
        ),
    ];
    for (method, target, token, more, stamp, wanted) in cases {
        let (url, form) = (url(target), None);
        let call = Call {
            method,
            url: &url,
            form,
        };
        let signer = signer(SignatureMethod::HmacSha1, CLIENT, token);
        let header = header(&signer, &call, more, &stamp);
        assert_eq!(signature(&header), wanted, "{target}");
        assert!(header.is_sensitive());
    }
}

#[test]
fn makes_the_base_string_of_rfc_5849_section_3_4_1_1() {
    let signer = signer(
        SignatureMethod::HmacSha1,
        ("9djdj82h48djs9d2", ""),
        Some(("kkk9d7dh3k39sjv7", "")),
    );
    let stamp = stamp(137_131_201, "7d8f3e4a");
    let url = url("http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b");
    let call = Call {
        method: "post",
        url: &url,
        form: Some(b"c2&a3=2+q"),
    };
    assert_eq!(
        base_string(&call, &signer.protocol(&[], &stamp)),
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
    );
}

#[test]
fn makes_base_uris_as_rfc_5849_section_3_4_1_2_says() {
    for (target, wanted) in [
        (
            "http://EXAMPLE.COM:80/r%20v/X?id=123",
            "http://example.com/r%20v/X",
        ),
        (
            "https://www.example.net:8080/?q=1",
            "https://www.example.net:8080/",
        ),
        (
            "HTTPS://www.Example.net:443/a#frag",
            "https://www.example.net/a",
        ),
        ("https://www.example.net", "https://www.example.net/"),
        ("http://www.example.net:443/", "http://www.example.net:443/"),
        ("http://[::1]:8080/a", "http://[::1]:8080/a"),
    ] {
        assert_eq!(base_uri(&url(target)), wanted);
    }
}

#[test]
fn recodes_every_piece_as_rfc_5849_section_3_6_says() {
    for (piece, wanted) in [
        ("", ""),
        ("aZ09-._~", "aZ09-._~"),
        ("%7e%2D", "~-"),
        ("a+b%20c%2Bd", "a%20b%20c%2Bd"),
        ("é", "%C3%A9"),
        ("%E2%98%83", "%E2%98%83"),
        ("!*'()", "%21%2A%27%28%29"),
        ("%", "%25"),
        ("%4", "%254"),
        ("%zz%41", "%25zzA"),
        ("%ff%00", "%FF%00"),
        ("a%3Db%26c", "a%3Db%26c"),
    ] {
        assert_eq!(recoded(piece.as_bytes()), wanted, "{piece}");
    }
}

#[test]
fn keeps_duplicates_and_empty_values_and_sorts_by_encoded_bytes() {
    let url = url("https://x.example/?b=2&b=10&b&a%C3%A9=1&aZ=1&&B=1&=v");
    let call = Call {
        method: "GET",
        url: &url,
        form: Some(b"b=1%2B1"),
    };
    let base = base_string(&call, &[]);
    let (_, normalized) = base.rsplit_once('&').unwrap();
    assert_eq!(
        normalized,
        encoded("=v&B=1&a%C3%A9=1&aZ=1&b=&b=1%2B1&b=10&b=2")
    );
}

#[test]
fn signs_with_hmac_sha256_and_in_plaintext() {
    let url = url("https://photos.example.net/photos?file=vacation.jpg&size=original");
    let call = Call {
        method: "GET",
        url: &url,
        form: None,
    };
    let token = Some(("nnch734d00sl2jdk", "pf kkd&hi"));
    let sign = |method| {
        let signer = signer(method, CLIENT, token);
        header(&signer, &call, &[], &stamp(7, "n"))
    };
    // Computed with another implementation of the same rules.
    assert_eq!(
        signature(&sign(SignatureMethod::HmacSha256)),
        "f1PdYLT8vphMTMUb5C7ksNX2DgLDbXHZtql+KCWNnfA="
    );
    assert_eq!(
        sign(SignatureMethod::Plaintext).to_str().unwrap(),
        "OAuth oauth_consumer_key=\"dpf43f3p2l4k3l03\", oauth_token=\"nnch734d00sl2jdk\", oauth_signature_method=\"PLAINTEXT\", \
         oauth_timestamp=\"7\", oauth_nonce=\"n\", oauth_signature=\"kd94hf93k423kf44%26pf%2520kkd%2526hi\""
    );
}

#[test]
fn signs_with_rsa_sha1_so_that_the_backend_verifies_it() {
    for size in [KeySize::Rsa2048, KeySize::Rsa3072] {
        let pair = KeyPair::generate(size).unwrap();
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> =
            aws_lc_rs::encoding::AsDer::as_der(&pair).unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der.as_ref())
        );
        let signer = signer(
            SignatureMethod::RsaSha1,
            ("key", &pem),
            Some(("token", "unused")),
        );
        let url = url("https://x.example/rest?a=1");
        let call = Call {
            method: "GET",
            url: &url,
            form: None,
        };
        let stamp = stamp(9, "n");
        let header = header(&signer, &call, &[], &stamp);
        let base = base_string(&call, &signer.protocol(&[], &stamp));
        let public = pair.public_key().as_ref();
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, public);
        let signature = STANDARD.decode(signature(&header)).unwrap();
        assert!(key.verify(base.as_bytes(), &signature).is_ok());
        assert!(key.verify(b"other", &signature).is_err());
    }
}

#[test]
fn refuses_keys_that_rsa_sha1_can_not_sign_with() {
    let made = |pem: &str| {
        let client = Pair::new("key", pem);
        Signer::new(SignatureMethod::RsaSha1, client, None, "FIELD").unwrap_err()
    };
    for pem in [
        "",
        "do-not-show",
        "-----BEGIN",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        "-----BEGIN EC PRIVATE KEY-----\ndo+not+show=\n-----END EC PRIVATE KEY-----",
    ] {
        let fault = made(pem);
        assert_eq!(fault.code(), "connect-field-invalid");
        assert!(fault.to_string().contains("`FIELD`") && !fault.to_string().contains("show"));
    }
}

#[test]
fn refuses_protocol_parameters_that_the_caller_sends() {
    for method in [SignatureMethod::HmacSha1, SignatureMethod::Plaintext] {
        let signer = signer(method, CLIENT, None);
        for (target, form) in [
            ("https://x.example/?oauth_token=forged", None),
            ("https://x.example/?%6fauth_nonce=1", None),
            ("https://x.example/?a=1&oauth_verifier", None),
            ("https://x.example/", Some(&b"oauth_consumer_key=x"[..])),
        ] {
            let url = url(target);
            let call = Call {
                method: "GET",
                url: &url,
                form,
            };
            let result = signer.sign(&call, &[], &stamp(1, "n"));
            assert_eq!(result.unwrap_err(), Reserved, "{target}");
        }
    }
}

#[test]
fn writes_values_into_the_header_so_that_none_can_leave_its_quotes() {
    let signer = signer(
        SignatureMethod::Plaintext,
        ("k\"\r\nx: y", "s\"\r\n"),
        Some(("t\\\"", "")),
    );
    let url = url("https://x.example/");
    let call = Call {
        method: "GET",
        url: &url,
        form: None,
    };
    let more = [("oauth_callback", "a\"b\n")];
    let header = header(&signer, &call, &more, &stamp(1, "n\""));
    let text = header.to_str().unwrap();
    assert_eq!(text.matches('"').count(), 14);
    assert!(text.contains("k%22%0D%0Ax%3A%20y") && text.contains("n%22"));
}

#[test]
fn nonces_differ_and_debug_shows_no_secret() {
    let nonces: std::collections::HashSet<String> =
        (0..1000).map(|_| Stamp::fresh(1).nonce).collect();
    assert_eq!(nonces.len(), 1000);
    for method in [SignatureMethod::HmacSha1, SignatureMethod::Plaintext] {
        let shown = format!("{:?}", signer(method, CLIENT, Some(("t", "visible"))));
        assert!(
            !shown.contains("visible") && !shown.contains("kd94"),
            "{shown}"
        );
    }
}

fn spoilt_key() -> &'static str {
    static PEM: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    PEM.get_or_init(|| {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> =
            aws_lc_rs::encoding::AsDer::as_der(&pair).unwrap();
        let text = STANDARD.encode(der.as_ref());
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    })
}

proptest! {
    #[test]
    fn recodes_what_is_encoded_to_the_same(text in any::<String>()) {
        prop_assert_eq!(recoded(encoded(&text).as_bytes()), encoded(&text));
    }

    #[test]
    fn signs_any_request_without_a_panic(query in "\\PC*", form in any::<Vec<u8>>()) {
        let mut url = url("https://x.example/a");
        url.set_query(Some(&query));
        let call = Call { method: "POST", url: &url, form: Some(&form) };
        let signer = signer(SignatureMethod::HmacSha1, CLIENT, Some(("t", "s")));
        // Only parameters of the protocol itself are refused.
        let reserved = call_params(&call).any(|(name, _)| name.starts_with("oauth_"));
        prop_assert_eq!(signer.sign(&call, &[], &stamp(1, "n")).is_err(), reserved);
    }

    #[test]
    fn a_key_that_is_cut_or_changed_is_no_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = spoilt_key().as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let cut = String::from_utf8_lossy(&bytes[..at]).into_owned();
        for text in [String::from_utf8_lossy(&bytes).into_owned(), cut] {
            let _ = RsaKey::read("FIELD", &text);
        }
    }
}
