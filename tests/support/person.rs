//! A person at a browser: follows redirects, keeps cookies, signs in and consents to what is asked.

use std::collections::BTreeMap;

use reqwest::Url;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};

/// The most pages that one consent may take.
const MOST_PAGES: usize = 20;

/// Somebody who does what every page asks.
pub(crate) struct Person {
    client: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

/// Where a consent ends.
#[derive(Debug)]
pub(crate) enum Arrived {
    /// The browser is sent to another server than the provider.
    Away(Url),
    /// A page that asks nothing more.
    Page(String),
}

impl Person {
    pub(crate) fn new() -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        Self {
            client: client.build().expect("a client"),
            cookies: BTreeMap::new(),
        }
    }

    /// Opens a page of a provider and does what it and the next ones ask.
    pub(crate) async fn consent(&mut self, address: &str) -> Arrived {
        let mut url = Url::parse(address).expect("an address");
        let provider = url.origin();
        let mut form = None;
        for _ in 0..MOST_PAGES {
            if url.origin() != provider {
                return Arrived::Away(url);
            }
            let (location, page) = self.open(&url, form.take()).await;
            if let Some(location) = location {
                url = url.join(&location).expect("a place to go to");
                continue;
            }
            let Some((action, fields)) = first_form(&page) else {
                return Arrived::Page(page);
            };
            url = url.join(&action).expect("a place to send the form to");
            form = Some(fields);
        }
        panic!("the provider asks without end, at last at {}", url.path());
    }

    /// Opens a page of a provider and takes the way out that it offers; gives where that leads.
    pub(crate) async fn refuse(&mut self, address: &str) -> Url {
        let mut url = Url::parse(address).expect("an address");
        let provider = url.origin();
        for _ in 0..MOST_PAGES {
            if url.origin() != provider {
                return url;
            }
            let next = match self.open(&url, None).await {
                (Some(location), _) => location,
                (None, page) => {
                    let links = page.split("<a ").skip(1);
                    let mut links = links.filter_map(|link| attribute(link, "href"));
                    links.find(|l| l.ends_with("/abort")).expect("a way out")
                }
            };
            url = url.join(&next).expect("a place to go to");
        }
        panic!("the provider has no way out");
    }

    /// Opens the address that a provider sent the browser to; gives the status and the page.
    pub(crate) async fn arrive(&self, url: Url) -> (u16, String) {
        let response = self.client.get(url).send().await.expect("an answer");
        let status = response.status().as_u16();
        (status, response.text().await.expect("a page"))
    }

    async fn open(
        &mut self,
        url: &Url,
        form: Option<Vec<(String, String)>>,
    ) -> (Option<String>, String) {
        let request = match form {
            Some(fields) => {
                let mut body = url.clone();
                body.query_pairs_mut().clear().extend_pairs(fields);
                let body = body.query().unwrap_or_default().to_owned();
                let post = self.client.post(url.clone()).body(body);
                post.header("content-type", "application/x-www-form-urlencoded")
            }
            None => self.client.get(url.clone()),
        };
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        let request = request.header(COOKIE, cookies.join("; "));
        let response = request.send().await.expect("a page");
        for cookie in response.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str().expect("a readable cookie");
            let pair = cookie.split(';').next().and_then(|c| c.split_once('='));
            let (name, value) = pair.expect("a cookie");
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let location = response.headers().get(LOCATION);
        let location = location.map(|l| l.to_str().expect("a readable address").to_owned());
        (location, response.text().await.expect("a page"))
    }
}

/// The action and the filled fields of the first form of a page.
fn first_form(page: &str) -> Option<(String, Vec<(String, String)>)> {
    let form = page.split_once("<form")?.1.split("</form>").next()?;
    let action = attribute(form.split('>').next()?, "action")?;
    let inputs = form.split("<input").skip(1);
    let inputs = inputs.filter_map(|input| {
        let input = input.split('>').next()?;
        let name = attribute(input, "name")?;
        let value = match name.as_str() {
            "login" => "avery".to_owned(),
            "password" => "correct horse".to_owned(),
            _ => attribute(input, "value").unwrap_or_default(),
        };
        Some((name, value))
    });
    Some((action, inputs.collect()))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split_once(&format!("{name}=\""))?.1.split('"').next()?;
    Some(value.replace("&amp;", "&"))
}
