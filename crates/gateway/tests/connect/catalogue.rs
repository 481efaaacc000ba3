//! The declarations say what the catalogue of sources says, but for listed and reasoned differences.
//!
//! The catalogue is a shared folder beside the repository; without it the comparison is skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use hushgate_gateway::connect::{
    AuthType, ClientAuthKind, Grant, Kept, Placement, RefreshTokens, Source, SourceHost,
    SourceOptions,
};
use serde::Deserialize;

/// Entries that the gateway writes beside a source's fields.
const ACCESS_TOKEN: &str = "ACCESS_TOKEN";
const LOCK: &str = "OAUTH_REFRESH_TOKEN";

/// A source of the catalogue, as far as it is compared.
#[derive(Deserialize)]
struct Entry {
    id: String,
    mode: String,
    host: Option<String>,
    vendor_docs: Option<String>,
    auth: EntryAuth,
}

#[derive(Deserialize)]
struct EntryAuth {
    #[serde(rename = "type")]
    kind: Option<String>,
    grant: Option<String>,
    token_url: Option<String>,
    client_auth: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    app_permissions: Vec<String>,
    header: Option<String>,
    #[serde(default)]
    secrets: Vec<String>,
    #[serde(default)]
    optional_secrets: Vec<String>,
    #[serde(default)]
    writable_secrets: Vec<String>,
    lock: Option<String>,
    #[serde(default)]
    settings: Vec<String>,
}

/// `catalogue.yaml` beside this file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// Seconds an access token lives when the answer does not say, by source; `others` for the rest.
    lifetimes: BTreeMap<String, u64>,
    differences: Vec<Difference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Difference {
    sources: Vec<String>,
    fact: String,
    catalogue: String,
    ours: String,
    reason: String,
}

/// The keys of a declaration that are compared as written.
#[derive(Deserialize)]
struct Written {
    auth: WrittenAuth,
}

#[derive(Deserialize)]
struct WrittenAuth {
    token_url: Option<String>,
}

#[test]
fn every_declaration_loads_without_a_finding() {
    let declared = declared();
    assert!(declared.len() >= 39, "{}", declared.len());
    for (id, (_, source)) in declared {
        assert_eq!(source.id, id);
        assert!(!source.categories.is_empty(), "{id} has no category");
        for field in &source.auth.fields {
            let (name, tooltip) = (&field.name, &field.tooltip);
            assert!(
                !tooltip.is_empty(),
                "{id}: nothing says where {name} is found"
            );
        }
        let page = std::fs::read_to_string(rules().join(&id).join("README.md")).unwrap();
        // A line of a page may end inside a name of several words.
        let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
        let command = page.contains(&format!("`hushgate connection connect {id}`"));
        for field in source.auth.fields.iter().filter(|f| f.required) {
            let told = command || page.contains(&field.name);
            assert!(
                told,
                "the page of {id} does not say where {} comes from",
                field.name
            );
        }
    }
}

#[test]
fn every_declaration_says_how_the_credential_is_tested() {
    let silent: Vec<_> = declared()
        .into_values()
        .filter(|(_, source)| source.auth.account.validate.is_none())
        .map(|(_, source)| source.id)
        .collect();
    assert!(silent.is_empty(), "no `validate`: {silent:?}");
}

#[test]
fn the_declarations_agree_with_the_catalogue() {
    let Some(entries) = catalogue() else {
        return;
    };
    let text = std::fs::read_to_string(here("catalogue.yaml")).unwrap();
    let expected: Expected = serde_saphyr::from_str(&text).unwrap();
    let declared = declared();
    let ids = |list: &mut dyn Iterator<Item = &String>| list.cloned().collect::<BTreeSet<_>>();
    assert_eq!(
        ids(&mut declared.keys()),
        ids(&mut entries.keys()),
        "the sources of the catalogue"
    );
    let mut found = BTreeMap::new();
    for (id, entry) in &entries {
        let (written, source) = &declared[id];
        let lifetime = expected.lifetimes.get(id);
        let lifetime = *lifetime.unwrap_or(&expected.lifetimes["others"]);
        for (fact, theirs, ours) in facts(entry, lifetime, written, source) {
            if theirs != ours {
                found.insert((id.clone(), fact.to_owned()), apart(&theirs, &ours));
            }
        }
    }
    let mut problems = Vec::new();
    for difference in &expected.differences {
        assert!(difference.reason.len() > 20, "a reason that says nothing");
        for id in &difference.sources {
            let listed = (difference.catalogue.clone(), difference.ours.clone());
            match found.remove(&(id.clone(), difference.fact.clone())) {
                Some(real) if real == listed => {}
                Some(real) => problems.push(format!(
                    "{id} {}: differs otherwise: {real:?}",
                    difference.fact
                )),
                None => problems.push(format!(
                    "{id} {}: stale, there is no difference",
                    difference.fact
                )),
            }
        }
    }
    for ((id, fact), (theirs, ours)) in found {
        problems.push(format!("{id} {fact}: catalogue `{theirs}`, ours `{ours}`"));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// What each of two lists has and the other has not.
fn apart(theirs: &str, ours: &str) -> (String, String) {
    let only = |one: &str, other: &str| {
        let other: BTreeSet<_> = other.split(", ").collect();
        set(one.split(", ").filter(|item| !other.contains(item)))
    };
    (only(theirs, ours), only(ours, theirs))
}

/// Each fact's name, the catalogue's value and ours, both in the same words.
fn facts(
    entry: &Entry,
    lifetime: u64,
    written: &Written,
    source: &Source,
) -> Vec<(&'static str, String, String)> {
    let (theirs, auth) = (&entry.auth, &source.auth);
    let exchange = auth.exchange.as_ref();
    let mut facts = vec![
        (
            "host",
            entry
                .host
                .as_deref()
                .map(placeholders_starred)
                .unwrap_or_default(),
            host(source),
        ),
        (
            "docs",
            entry.vendor_docs.clone().unwrap_or_default(),
            source.docs.clone(),
        ),
        (
            "type",
            their_type(theirs).to_owned(),
            auth.kind.word().to_owned(),
        ),
        (
            "grant",
            their_grant(theirs).to_owned(),
            our_grant(auth.grant).to_owned(),
        ),
        (
            "token_url",
            theirs
                .token_url
                .as_deref()
                .map(as_template)
                .unwrap_or_default(),
            written.auth.token_url.clone().unwrap_or_default(),
        ),
        (
            "client_auth",
            their_client_auth(theirs).to_owned(),
            our_client_auth(source).to_owned(),
        ),
        (
            "scopes",
            set(theirs.scopes.iter().map(|s| without_remark(s))),
            set(auth.scope.iter().map(String::as_str)),
        ),
        (
            "permissions",
            set(theirs.app_permissions.iter().map(String::as_str)),
            set(auth.permissions.iter().map(String::as_str)),
        ),
        (
            "placement",
            their_placement(theirs).to_owned(),
            our_placement(auth.send.first()),
        ),
        (
            "secrets",
            set(theirs.secrets.iter().map(String::as_str)),
            secrets(source, true),
        ),
        (
            "optional secrets",
            set(theirs.optional_secrets.iter().map(String::as_str)),
            secrets(source, false),
        ),
        (
            "written secrets",
            set(theirs.writable_secrets.iter().map(String::as_str)),
            set(written_secrets(source)),
        ),
        (
            "lock",
            theirs.lock.clone().unwrap_or_default(),
            if auth.shared {
                LOCK.to_owned()
            } else {
                String::new()
            },
        ),
        (
            "named settings",
            set(named(&theirs.settings)),
            set(named(&theirs.settings)
                .filter(|name| source.setting_names().any(|own| own == *name))),
        ),
    ];
    if let Some(exchange) = exchange {
        let ours = exchange.default_lifetime.as_secs();
        facts.push(("lifetime", lifetime.to_string(), ours.to_string()));
    }
    facts
}

fn host(source: &Source) -> String {
    match &source.host {
        SourceHost::Fixed(host) => host.clone(),
        SourceHost::Account { pattern, .. } => pattern.as_str().to_owned(),
    }
}

/// `{instance}.example.com` as the pattern `*.example.com`.
fn placeholders_starred(host: &str) -> String {
    match host.split_once('{') {
        Some((before, rest)) => {
            let after = rest.split_once('}').map_or("", |(_, after)| after);
            format!("{before}*{after}")
        }
        None => host.to_owned(),
    }
}

/// The placeholders of an address as our templates write them.
fn as_template(url: &str) -> String {
    [
        ("{tenantId}", "{{TENANT_ID}}"),
        ("{installationId}", "{{INSTALLATION_ID}}"),
        ("{serverHost}", "{{host}}"),
        ("{myDomain}", "{{host}}"),
    ]
    .into_iter()
    .fold(url.to_owned(), |url, (theirs, ours)| {
        url.replace(theirs, ours)
    })
}

fn their_type(auth: &EntryAuth) -> &str {
    match auth.kind.as_deref() {
        // A key as the user of HTTP Basic is still a key.
        Some("basic") => AuthType::ApiKey.word(),
        Some("gcp_service_account" | "github_app") => AuthType::Oauth2.word(),
        Some(other) => other,
        None => "",
    }
}

fn their_grant(auth: &EntryAuth) -> &str {
    match auth.grant.as_deref().unwrap_or_default() {
        grant if grant.starts_with("static ") => "",
        grant if grant.starts_with("signed app JWT") => "github_app",
        grant => grant.split(' ').next().unwrap_or_default(),
    }
}

fn our_grant(grant: Option<Grant>) -> &'static str {
    let word = Grant::ALL.iter().find(|(_, known)| Some(*known) == grant);
    word.map_or("", |(word, _)| word)
}

fn their_client_auth(auth: &EntryAuth) -> &str {
    match auth.client_auth.as_deref() {
        Some("post") => "body",
        Some(other) => other,
        None => "",
    }
}

fn our_client_auth(source: &Source) -> &'static str {
    let Some(exchange) = &source.auth.exchange else {
        return "";
    };
    match exchange.client_auth.default {
        ClientAuthKind::Federated | ClientAuthKind::Certificate | ClientAuthKind::PrivateKeyJwt => {
            "assertion"
        }
        // There the grant itself is a signed assertion.
        ClientAuthKind::None if exchange.assertion.is_some() => "assertion",
        other => other.word(),
    }
}

fn their_placement(auth: &EntryAuth) -> &str {
    match auth.header.as_deref().unwrap_or_default() {
        "Authorization: Bearer" => "header authorization: Bearer",
        "Authorization: Basic base64(user:password)" => "basic",
        "none; JSON body field service_key" => "body service_key",
        "x-api-key" => "header x-api-key",
        other => other,
    }
}

fn our_placement(placement: Option<&Placement>) -> String {
    match placement {
        Some(Placement::Header(name, value)) => {
            let filled = value.fill(hushgate_gateway::connect::Place::Plain, |_| Some("x"));
            let bearer = filled.is_ok_and(|value| value == "Bearer x");
            format!("header {name}{}", if bearer { ": Bearer" } else { "" })
        }
        Some(Placement::Basic(..)) => "basic".to_owned(),
        Some(Placement::Body(name, _)) => format!("body {name}"),
        Some(Placement::Query(name, _)) => format!("query {name}"),
        Some(Placement::Signature) => "signature".to_owned(),
        None => String::new(),
    }
}

/// The entries of the store that the usual client authentication uses, and the token that is shared.
fn secrets(source: &Source, required: bool) -> String {
    let usual = source.auth.exchange.as_ref().map(|e| e.client_auth.default);
    let fields = source.auth.fields.iter();
    let fields = fields
        .filter(|f| f.kept == Kept::Store && f.required == required && f.applies(usual))
        .map(|f| f.name.as_str());
    let shared = (required && source.auth.shared).then_some(ACCESS_TOKEN);
    set(fields.chain(shared))
}

fn written_secrets(source: &Source) -> impl Iterator<Item = &str> {
    let refreshed = source
        .auth
        .exchange
        .as_ref()
        .filter(|e| e.grant.refreshes() && source.auth.rotation == RefreshTokens::Rotating);
    let shared = source.auth.shared.then_some(ACCESS_TOKEN);
    refreshed
        .map(|e| e.refresh_token.as_str())
        .into_iter()
        .chain(shared)
}

/// Names in capitals at the words of the catalogue's settings.
fn named(settings: &[String]) -> impl Iterator<Item = &str> {
    let words = settings
        .iter()
        .flat_map(|s| s.split([' ', ',', '(', ')', ':']));
    words.filter(|word| {
        word.len() > 3
            && word.contains('_')
            && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
            || *word == "AUDIENCE"
    })
}

fn without_remark(scope: &str) -> &str {
    scope.split_once(" (").map_or(scope, |(scope, _)| scope)
}

fn set<'a>(values: impl Iterator<Item = &'a str>) -> String {
    let values: BTreeSet<&str> = values.collect();
    values.into_iter().collect::<Vec<_>>().join(", ")
}

/// Every declaration by id: the keys as written, and as loaded.
fn declared() -> BTreeMap<String, (Written, Source)> {
    let mut declared = BTreeMap::new();
    for entry in std::fs::read_dir(rules()).unwrap() {
        let folder = entry.unwrap().path();
        let file = folder.join("source.yaml");
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        let id = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let name = file.display().to_string();
        let source = Source::load(&name, &text, SourceOptions::default())
            .unwrap_or_else(|findings| panic!("{id}: {}", findings[0]));
        let written = serde_saphyr::from_str(&text).unwrap();
        declared.insert(id, (written, source));
    }
    declared
}

/// The API sources of the catalogue, by id; nothing when the folder is not there.
fn catalogue() -> Option<BTreeMap<String, Entry>> {
    let shared = std::env::var_os("HUSHGATE_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| rules().join("../../shared"));
    let folder = shared.join("catalogue");
    let Ok(files) = std::fs::read_dir(&folder) else {
        // Past the capture of passing tests' output.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: the catalogue of sources is not found at {}",
            folder.display()
        );
        return None;
    };
    let mut entries = BTreeMap::new();
    for file in files {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|e| e == "yaml") {
            let text = std::fs::read_to_string(&path).unwrap();
            let entry: Entry =
                serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            if entry.mode == "api" {
                entries.insert(entry.id.clone(), entry);
            }
        }
    }
    Some(entries)
}

fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules")
}

fn here(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/connect")
        .join(file)
}
