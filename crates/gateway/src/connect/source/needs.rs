//! Which fields a call needs, beside those that only looking at the account, a consent or a forecast use.

use super::call::{Body, JsonTemplate};
use super::exchange::Exchange;
use super::oauth1::Oauth1;
use super::send::Placement;
use super::token_exchange::SubjectToken;
use super::{Auth, ClientAuthKind};
use crate::connect::template::Template;

/// The names that are met.
#[derive(Default)]
struct Names(Vec<String>);

impl Auth {
    /// Marks the fields that a call needs: what the credential and the exchange are made of.
    pub(super) fn mark_needed(&mut self) {
        let mut names = Names::default();
        for placement in &self.send {
            names.placement(placement);
        }
        if let Some(exchange) = &self.exchange {
            names.exchange(exchange);
        }
        if let Some(oauth1) = &self.oauth1 {
            names.oauth1(oauth1);
        }
        for field in &mut self.fields {
            field.needed = names.0.contains(&field.name);
        }
    }
}

impl Names {
    fn name(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }

    fn templates<'t>(&mut self, templates: impl IntoIterator<Item = &'t Template>) {
        let names = templates.into_iter().flat_map(Template::names);
        self.0.extend(names.map(str::to_owned));
    }

    fn placement(&mut self, placement: &Placement) {
        match placement {
            Placement::Header(_, value)
            | Placement::Query(_, value)
            | Placement::Body(_, value) => {
                self.templates([value]);
            }
            Placement::Basic(user, password) => self.templates([user, password]),
            // What it is made of stands in `Auth::oauth1`.
            Placement::Signature => {}
        }
    }

    fn exchange(&mut self, exchange: &Exchange) {
        let kinds = &exchange.client_auth.options;
        self.0.extend(exchange.client_auth.setting.clone());
        self.templates([&exchange.token_url, &exchange.client_id]);
        self.templates(exchange.params.iter().map(|(_, value)| value));
        self.templates(exchange.refresh_params.iter().map(|(_, value)| value));
        self.templates(exchange.headers.iter().map(|(_, value)| value));
        if kinds.iter().any(|kind| kind.needs_secret()) {
            self.templates([&exchange.client_secret]);
        }
        if kinds.contains(&ClientAuthKind::Federated) || exchange.token_exchange.is_some() {
            self.templates([&exchange.platform_audience]);
        }
        self.templates([&exchange.user_name, &exchange.password]);
        self.body(exchange.body.as_ref());
        if let Some(spec) = &exchange.token_exchange {
            self.templates(spec.actor.as_ref().map(|(actor, _)| actor));
            if let SubjectToken::Given(subject) = &spec.subject {
                self.templates([subject]);
            }
        }
        if let Some(spec) = &exchange.assertion {
            self.name(&spec.key);
            self.0.extend(spec.fingerprint.clone());
            let templates = [&spec.key_id, &spec.issuer, &spec.subject, &spec.audience];
            self.templates(templates.into_iter().flatten());
        }
        if exchange.grant.refreshes() {
            self.name(&exchange.refresh_token);
        }
    }

    fn body(&mut self, body: Option<&Body>) {
        match body {
            None => {}
            Some(Body::Form(params)) => self.templates(params.iter().map(|(_, value)| value)),
            Some(Body::Json(json)) => self.json(json),
        }
    }

    fn json(&mut self, json: &JsonTemplate) {
        match json {
            JsonTemplate::Text(template) => self.templates([template]),
            JsonTemplate::Fixed(_) => {}
            JsonTemplate::List(items) => items.iter().for_each(|item| self.json(item)),
            JsonTemplate::Object(members) => members.iter().for_each(|(_, item)| self.json(item)),
        }
    }

    fn oauth1(&mut self, oauth1: &Oauth1) {
        self.name(&oauth1.token);
        self.name(&oauth1.token_secret);
        self.0.extend(oauth1.private_key.clone());
        self.templates([&oauth1.consumer_key]);
        self.templates(&oauth1.realm);
        if oauth1.private_key.is_none() {
            self.templates([&oauth1.consumer_secret]);
        }
    }
}
