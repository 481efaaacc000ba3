//! The form of a setup: which fields are asked for, and what they take.

use hushgate_gateway::connect::source::{self, ClientAuthKind, FieldKind};
use hushgate_gateway::connect::{Field, SourceHost};
use hushgate_gateway::ports::Secret;

use super::Setup;
use crate::connection::draft::{HOST, chosen};
use crate::connection::web::{Answers, Choice, Input, InputKind};

impl Setup {
    /// Whether a value may be given under this name.
    pub fn has_field(&self, name: &str) -> bool {
        self.field(name).is_some() || (name == HOST && self.host_input().is_some())
    }

    /// The names under which values may be given.
    pub fn field_names(&self) -> Vec<&str> {
        let host = self.host_input().map(|_| HOST);
        let fields = self.main().auth.fields.iter();
        host.into_iter()
            .chain(fields.map(|f| f.name.as_str()))
            .collect()
    }

    /// Whether a field holds a secret.
    pub fn is_secret(&self, name: &str) -> bool {
        self.field(name).is_some_and(|field| field.secret)
    }

    /// The word of the client authentication that answers choose.
    pub fn client_auth(&self, answers: &Answers) -> Option<&'static str> {
        let value = |name: &str| {
            let answer = answers.get(name).filter(|v| !v.reveal().is_empty());
            let found = answer.or_else(|| self.known.get(name))?;
            Some(found.reveal().to_owned())
        };
        chosen(self.main(), value).map(ClientAuthKind::word)
    }

    fn field(&self, name: &str) -> Option<&Field> {
        self.main().auth.fields.iter().find(|f| f.name == name)
    }

    fn chooser(&self) -> Option<&str> {
        let exchange = self.main().auth.exchange.as_ref()?;
        exchange.client_auth.setting.as_deref()
    }

    fn input(&self, field: &Field) -> Input {
        let known = self.known.get(&field.name).filter(|_| !field.secret);
        let chooser = self.chooser() == Some(field.name.as_str());
        let options: Vec<Choice> = if chooser && field.options.is_empty() {
            self.client_auths()
        } else {
            let choice = |c: &source::Choice| Choice {
                value: c.value.clone(),
                label: c.label.clone(),
            };
            field.options.iter().map(choice).collect()
        };
        let kind = match field.kind {
            _ if !options.is_empty() => InputKind::Select(options),
            FieldKind::Password => InputKind::Password,
            FieldKind::Textarea => InputKind::TextArea,
            FieldKind::Text | FieldKind::Select => InputKind::Text,
        };
        Input {
            name: field.name.clone(),
            label: field.label.clone(),
            tooltip: field.tooltip.clone(),
            kind,
            required: field.required
                && field.default.is_none()
                && !self.known.contains_key(&field.name),
            secret: field.secret,
            default: known
                .map(|value| value.reveal().to_owned())
                .or_else(|| field.default.clone()),
            when: field
                .when
                .iter()
                .map(|kind| kind.word().to_owned())
                .collect(),
            chooser,
        }
    }

    fn client_auths(&self) -> Vec<Choice> {
        let exchange = self.main().auth.exchange.as_ref();
        let options = exchange.map_or(&[][..], |e| e.client_auth.options.as_slice());
        options
            .iter()
            .map(|kind| Choice {
                value: kind.word().to_owned(),
                label: match kind {
                    ClientAuthKind::Body => "Client secret, as a parameter",
                    ClientAuthKind::Basic => "Client secret, by HTTP Basic",
                    ClientAuthKind::Certificate => "Certificate and private key",
                    ClientAuthKind::PrivateKeyJwt => "Private key",
                    ClientAuthKind::Federated => "The hosting cloud's identity; nothing is stored",
                    ClientAuthKind::None => "None",
                }
                .to_owned(),
            })
            .collect()
    }

    fn host_input(&self) -> Option<Input> {
        let SourceHost::Account { example, .. } = &self.main().host else {
            return None;
        };
        let known = self.known.get(HOST);
        Some(Input {
            name: HOST.to_owned(),
            label: format!("Your host at {}", self.main().name),
            tooltip: format!("The host name of your account, such as {example}."),
            kind: InputKind::Text,
            required: known.is_none(),
            secret: false,
            default: known.map(|value| value.reveal().to_owned()),
            when: Vec::new(),
            chooser: false,
        })
    }

    /// What is asked, in order.
    pub(super) fn questions(&self) -> Vec<Input> {
        let auth = &self.main().auth;
        let consent = auth.asks_consent();
        if consent && self.before.is_some() {
            // The client is known; only the account's consent is asked for again.
            return Vec::new();
        }
        let asked = auth
            .fields
            .iter()
            .filter(|field| !(consent && field.obtained));
        let mut inputs: Vec<_> = self.host_input().into_iter().collect();
        inputs.extend(asked.map(|field| self.input(field)));
        if self.before.is_some() {
            // Renewing keeps the settings.
            inputs.retain(|input| input.secret);
        }
        inputs
    }

    /// A value as it is kept, when it fits its field.
    pub(super) fn accepted(&self, input: &str, value: &str) -> Result<Secret, String> {
        if input == HOST {
            return self.accept_host(value);
        }
        let Some(field) = self.field(input) else {
            return Err(format!("`{input}` is no field of {}", self.main().id));
        };
        let accepted = match field.accept(value) {
            Ok(accepted) => accepted,
            // What is known need not be entered again.
            Err(_) if value.trim().is_empty() && self.known.contains_key(input) => None,
            Err(problem) => return Err(problem.to_string()),
        };
        let accepted = accepted.unwrap_or_default();
        if !accepted.is_empty()
            && self.chooser() == Some(input)
            && !self.client_auths().iter().any(|c| c.value == accepted)
        {
            let words: Vec<_> = self
                .client_auths()
                .into_iter()
                .map(|c| format!("`{}`", c.value))
                .collect();
            return Err(format!("`{input}` is not one of {}", words.join(", ")));
        }
        Ok(Secret::new(accepted))
    }

    fn accept_host(&self, value: &str) -> Result<Secret, String> {
        let value = value.trim();
        if value.is_empty() && self.known.contains_key(HOST) {
            return Ok(Secret::new(""));
        }
        let plain = hushgate_host::config::check_host(value, self.place.config.dev_loopback);
        plain.map_err(|problem| format!("`{HOST}` is {problem}"))?;
        let origin = self
            .main()
            .origin(Some(value), self.place.config.dev_loopback);
        origin.map_err(|e| e.to_string())?;
        Ok(Secret::new(value))
    }
}
