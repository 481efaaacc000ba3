//! Every shipped source over HTTP: the token request and the API request, byte for byte.
//!
//! `seed.yaml` holds the mechanisms, each with its expected wire format, and the sources with the
//! mechanisms they can be used with. Invented values fill the fields.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use hushgate_gateway::connect::Connector;
use hushgate_gateway::ports::{MemoryStore, SecretStore};
use reqwest::Url;
use serde::Deserialize;
use serde_json::Value;

use crate::server::{Action, Recorded, Server, json, reply};
use crate::setup::{START, Setup, key};
use crate::wire::{Cloud, google_key, jwt};

/// Headers that say nothing about the credential and that the HTTP client decides.
const TRANSPORT: &[&str] = &["host", "content-length", "user-agent", "accept-encoding"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seeds {
    pub(crate) mechanisms: BTreeMap<String, Mechanism>,
    pub(crate) sources: BTreeMap<String, Seed>,
}

/// A way to authenticate. `<name>` is replaced by the source's value, `<origin>` by the server's.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mechanism {
    #[serde(default)]
    store: BTreeMap<String, String>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    /// The user that the API request names.
    pub(crate) user: Option<String>,
    exchange: Option<Exchange>,
    pub(crate) call: Call,
    /// What the store holds afterwards; an empty text: nothing under this name, `<any>`: something.
    #[serde(default)]
    stored: BTreeMap<String, String>,
}

/// The token request and its answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    line: String,
    headers: BTreeMap<String, String>,
    /// The pairs of the body as they are encoded, in any order.
    #[serde(default)]
    body: Vec<String>,
    /// The pairs of the query as they are encoded, in any order.
    #[serde(default)]
    query: Vec<String>,
    /// The assertion, which stands as `<jwt>` in the parts above.
    jwt: Option<Jwt>,
    answer: String,
    /// The status line's end, when it is not `200 OK`.
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Jwt {
    header: BTreeMap<String, String>,
    /// Numbers are seconds after the clock's time; `<uuid>` is any UUID.
    claims: BTreeMap<String, Value>,
}

/// What reaches the API.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    pub(crate) headers: BTreeMap<String, String>,
    /// The JSON body, when the credential stands in it.
    pub(crate) body: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seed {
    pub(crate) mechanisms: Vec<String>,
    /// The method and target of a call of the source's API.
    call: String,
    /// The caller's JSON body.
    pub(crate) body: Option<Value>,
    #[serde(default)]
    values: BTreeMap<String, String>,
}

/// A source with a mechanism, ready to be used.
pub(crate) struct Stage {
    pub(crate) server: Server,
    store: Arc<MemoryStore>,
    pub(crate) connector: Connector,
    /// How many requests the exchange takes.
    pub(crate) exchanges: usize,
}

/// The table.
pub(crate) fn seeds() -> Seeds {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/connect/seed.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[tokio::test]
async fn every_source_is_reached_as_its_vendor_wants() {
    let seeds = seeds();
    let mut used = BTreeSet::new();
    for (id, seed) in &seeds.sources {
        assert!(!seed.mechanisms.is_empty(), "{id}");
        for name in &seed.mechanisms {
            let mechanism = &seeds.mechanisms[name];
            used.insert(name);
            Case {
                id,
                name,
                seed,
                mechanism,
            }
            .run()
            .await;
        }
    }
    let unused: Vec<_> = seeds
        .mechanisms
        .keys()
        .filter(|m| !used.contains(m))
        .collect();
    assert!(unused.is_empty(), "mechanisms of no source: {unused:?}");
    assert_eq!(
        seeds.sources.into_keys().collect::<BTreeSet<_>>(),
        shipped(),
        "the sources of seed.yaml are those of rules/"
    );
}

/// One source with one of its mechanisms.
pub(crate) struct Case<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) seed: &'a Seed,
    pub(crate) mechanism: &'a Mechanism,
}

impl Case<'_> {
    async fn run(&self) {
        let place = format!("{} by {}", self.id, self.name);
        let stage = self.stage(vec![json("{}")]).await;
        let Stage {
            server,
            store,
            connector,
            exchanges,
        } = &stage;
        let credential = connector
            .credential(self.mechanism.user.as_deref())
            .await
            .unwrap_or_else(|refused| panic!("{place}: {}", refused.detail()));

        let (method, target) = self.seed.call.split_once(' ').unwrap();
        let method: Method = method.parse().unwrap();
        let mut url = Url::parse(&format!("{}{target}", server.origin)).unwrap();
        let mut headers = HeaderMap::new();
        // What a caller put in the credential's place is replaced.
        for name in self.mechanism.call.headers.keys() {
            let name: HeaderName = name.parse().unwrap();
            headers.insert(name, HeaderValue::from_static("of-the-caller"));
        }
        let mut body = self
            .seed
            .body
            .as_ref()
            .map(|body| Bytes::from(body.to_string()));
        if body.is_some() {
            headers.insert("content-type", HeaderValue::from_static("application/json"));
        }
        credential
            .apply(&method, &mut url, &mut headers, &mut body)
            .unwrap_or_else(|e| panic!("{place}: {e:?}"));
        let request = reqwest::Client::new().request(method, url).headers(headers);
        request.body(body.unwrap_or_default()).send().await.unwrap();

        let sent = server.requests();
        assert_eq!(sent.len(), exchanges + 1, "{place}");
        if let Some(exchange) = &self.mechanism.exchange {
            self.exchanged(exchange, &sent[0], server, &place);
        }
        self.called(&sent[*exchanges], server, &place);
        for (name, expected) in self.filled(&self.mechanism.stored, server) {
            let held = store.read(&name).await.unwrap();
            let held = held
                .map(|secret| secret.reveal().to_owned())
                .unwrap_or_default();
            if expected == "<any>" {
                assert!(!held.is_empty(), "{place}: no `{name}` in the store");
            } else {
                assert_eq!(held, expected, "{place}: `{name}` in the store");
            }
        }
    }

    /// A server that answers the exchange, if there is one, and then these, the last again and again;
    /// and a connector to it with the mechanism's values.
    pub(crate) async fn stage(&self, answers: Vec<Action>) -> Stage {
        // The answer names the server's own origin, which is known only when it runs.
        let granted = Arc::new(Mutex::new(json("{}")));
        let script = Arc::clone(&granted);
        let exchanges = usize::from(self.mechanism.exchange.is_some());
        let server = Server::start(move |number| match number.checked_sub(exchanges) {
            None => script.lock().unwrap().clone(),
            Some(number) => answers[number.min(answers.len() - 1)].clone(),
        })
        .await;
        if let Some(exchange) = &self.mechanism.exchange {
            let status = exchange.status.as_deref().unwrap_or("200 OK");
            let answer = self.fill(&exchange.answer, &server);
            *granted.lock().unwrap() = reply(status, "application/json", answer);
        }
        let store = self.filled(&self.mechanism.store, &server);
        let entries = store.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let store = Arc::new(MemoryStore::new(entries));
        let settings = self.filled(&self.mechanism.settings, &server);
        let settings: Vec<_> = settings
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        let mut setup = Setup::shipped(self.id, &server.origin, &[]);
        setup.store = Arc::clone(&store) as Arc<dyn SecretStore>;
        setup.settings = &settings;
        setup.platform = Some(Arc::new(Cloud));
        let connector = setup.connector();
        Stage {
            server,
            store,
            connector,
            exchanges,
        }
    }

    fn exchanged(&self, expected: &Exchange, sent: &Recorded, server: &Server, place: &str) {
        let mut body = sent.body.clone();
        let mut headers = headers_of(sent);
        if let Some(expected) = &expected.jwt {
            let signed = find_jwt(&body, headers.get("authorization"))
                .unwrap_or_else(|| panic!("{place}: no assertion"));
            let (header, claims) = jwt(&signed);
            assert_eq!(
                header,
                self.object(&expected.header, server),
                "{place}: header of the assertion"
            );
            self.claimed(&expected.claims, &claims, server, place);
            body = body.replace(&signed, "<jwt>");
            for value in headers.values_mut() {
                *value = value.replace(&signed, "<jwt>");
            }
        }
        let (path, query) = sent
            .line
            .split_once('?')
            .map_or((sent.line.as_str(), ""), |(path, rest)| {
                (path, rest.rsplit_once(' ').map_or("", |(query, _)| query))
            });
        let path = path.trim_end_matches(" HTTP/1.1");
        assert_eq!(
            path,
            self.fill(&expected.line, server),
            "{place}: the token request"
        );
        assert_eq!(
            pairs(query),
            self.sorted(&expected.query, server),
            "{place}: its query"
        );
        assert_eq!(
            pairs(&body),
            self.sorted(&expected.body, server),
            "{place}: its body"
        );
        assert_eq!(
            headers,
            self.filled(&expected.headers, server),
            "{place}: its headers"
        );
    }

    fn claimed(
        &self,
        expected: &BTreeMap<String, Value>,
        claims: &Value,
        server: &Server,
        place: &str,
    ) {
        let claims = claims.as_object().unwrap();
        let names: BTreeSet<_> = claims.keys().collect();
        assert_eq!(
            names,
            expected.keys().collect::<BTreeSet<_>>(),
            "{place}: the claims"
        );
        for (name, expected) in expected {
            let found = &claims[name];
            match expected {
                Value::String(text) if text == "<uuid>" => {
                    assert_eq!(found.as_str().map(str::len), Some(36), "{place}: `{name}`");
                }
                Value::String(text) => {
                    assert_eq!(*found, self.fill(text, server), "{place}: `{name}`");
                }
                Value::Number(after) => {
                    let time = START.saturating_add_signed(after.as_i64().unwrap());
                    assert_eq!(found.as_u64(), Some(time), "{place}: `{name}`");
                }
                other => panic!("{place}: a claim can't be {other}"),
            }
        }
    }

    fn called(&self, sent: &Recorded, server: &Server, place: &str) {
        let line = sent.line.trim_end_matches(" HTTP/1.1");
        assert_eq!(line, self.seed.call, "{place}: the call");
        let mut headers = headers_of(sent);
        headers.remove("accept");
        headers.remove("content-type");
        let expected = self.filled(&self.mechanism.call.headers, server);
        assert_eq!(headers, expected, "{place}: the headers of the call");
        let expected = match (&self.mechanism.call.body, &self.seed.body) {
            (Some(body), _) | (None, Some(body)) => body.clone(),
            (None, None) => Value::Null,
        };
        let body = serde_json::from_str(&sent.body).unwrap_or(Value::Null);
        assert_eq!(body, expected, "{place}: the body of the call");
    }

    /// Fills `<name>` with the source's values and what only the run knows.
    fn fill(&self, text: &str, server: &Server) -> String {
        let run = [
            ("<origin>", server.origin.as_str()),
            ("<pem>", key().pkcs1_pem.as_str()),
            ("<google_key>", &google_key()),
        ];
        let own = self.seed.values.iter();
        let filled = own.fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("<{name}>"), value)
        });
        run.iter()
            .fold(filled, |text, (name, value)| text.replace(name, value))
    }

    fn filled(&self, map: &BTreeMap<String, String>, server: &Server) -> BTreeMap<String, String> {
        map.iter()
            .map(|(n, v)| (n.clone(), self.fill(v, server)))
            .collect()
    }

    fn object(&self, map: &BTreeMap<String, String>, server: &Server) -> Value {
        let filled = self.filled(map, server);
        filled
            .into_iter()
            .map(|(n, v)| (n, Value::String(v)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    fn sorted(&self, pairs: &[String], server: &Server) -> Vec<String> {
        let mut pairs: Vec<_> = pairs.iter().map(|pair| self.fill(pair, server)).collect();
        pairs.sort();
        pairs
    }
}

/// The headers that the connector decides.
pub(crate) fn headers_of(sent: &Recorded) -> BTreeMap<String, String> {
    let headers = sent.headers.iter();
    let headers = headers.filter(|(name, _)| !TRANSPORT.contains(&name.as_str()));
    headers.map(|(n, v)| (n.clone(), v.clone())).collect()
}

/// The encoded pairs of a query or a form, sorted; nothing is decoded.
pub(crate) fn pairs(encoded: &str) -> Vec<String> {
    let mut pairs: Vec<_> = encoded
        .split('&')
        .filter(|p| !p.is_empty())
        .map(str::to_owned)
        .collect();
    pairs.sort();
    pairs
}

/// The assertion in a form body or, for a GitHub App, in the header.
fn find_jwt(body: &str, authorization: Option<&String>) -> Option<String> {
    let in_body = body.split('&').filter_map(|pair| pair.split_once('='));
    let in_body = in_body
        .filter(|(name, _)| matches!(*name, "assertion" | "client_assertion"))
        .map(|(_, value)| value)
        .next();
    let in_header = authorization.and_then(|value| value.strip_prefix("Bearer "));
    in_body.or(in_header).map(str::to_owned)
}

pub(crate) fn shipped() -> BTreeSet<String> {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let folders = std::fs::read_dir(rules)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    folders
        .filter(|folder| folder.join("source.yaml").is_file())
        .map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}
