//! A request to a vendor in the making: its address and its parameters, filled in and encoded.

use http::HeaderMap;
use reqwest::Url;
use zeroize::Zeroizing;

use super::ConnectorParts;
use super::fault::ConnectFault;
use super::source::is_loopback;
use super::template::{Place, Template, percent_encode};
use super::values::Values;

/// Names with values, in the order in which they are sent.
pub(super) type Params = Vec<(String, Zeroizing<String>)>;

/// A request in the making.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) headers: HeaderMap,
    pub(super) params: Params,
}

impl Draft {
    pub(super) fn push(&mut self, name: &str, value: &str) {
        let value = Zeroizing::new(value.to_owned());
        self.params.push((name.to_owned(), value));
    }
}

/// An address of the vendor, its fields filled in. `origin` is the source's, for `{{host}}`.
pub(super) fn address(
    template: &Template,
    values: &Values,
    parts: &ConnectorParts,
    origin: &Url,
) -> Result<Url, ConnectFault> {
    address_of(template, |name| values.get(name), parts, origin)
}

/// The same for values that are no fields only, such as a token.
pub(super) fn address_of<'v>(
    template: &Template,
    mut value: impl FnMut(&str) -> Option<&'v str>,
    parts: &ConnectorParts,
    origin: &'v Url,
) -> Result<Url, ConnectFault> {
    let host = origin
        .as_str()
        .split_once("://")
        .map_or("", |(_, rest)| rest.trim_end_matches('/'));
    let filled = template.fill(Place::UrlComponent, |name| match name {
        "host" => Some(host),
        name => value(name),
    })?;
    let filled = Zeroizing::new(filled);
    let mut url = Url::parse(&filled).map_err(|_| ConnectFault::Internal)?;
    let local = match &parts.token_origin {
        Some(origin) => Some(origin),
        None => template.names().any(|n| n == "host").then_some(origin),
    };
    // The vendor is on this machine only where development allows it.
    if let Some(origin) = local.filter(|o| parts.dev_loopback && is_loopback(o)) {
        let path = url.path().to_owned();
        let query = url.query().map(str::to_owned);
        url = origin.clone();
        url.set_path(&path);
        url.set_query(query.as_deref());
    }
    Ok(url)
}

/// A template filled for a place whose writer escapes it.
pub(super) fn filled(
    template: &Template,
    values: &Values,
) -> Result<Zeroizing<String>, ConnectFault> {
    let text = template.fill(Place::Plain, |name| values.get(name));
    text.map(Zeroizing::new).map_err(ConnectFault::from)
}

/// Appends parameters to a URL's query; what stands there keeps its bytes.
pub(super) fn add_to_query(url: &mut Url, params: &Params) {
    let mut query = Zeroizing::new(url.query().unwrap_or_default().to_owned());
    encode(params, &mut query);
    url.set_query(Some(query.as_str()).filter(|q| !q.is_empty()));
}

/// `application/x-www-form-urlencoded`, everything but unreserved characters percent-encoded once.
pub(super) fn encode(params: &Params, into: &mut String) {
    for (name, value) in params {
        if !into.is_empty() {
            into.push('&');
        }
        percent_encode(name, into);
        into.push('=');
        percent_encode(value, into);
    }
}
