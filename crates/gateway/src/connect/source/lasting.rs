//! How long the parts of a connection last, and whether its access token is shared.

use std::time::Duration;

use super::client::ClientAuthKind;
use super::exchange::Exchange;
use super::read::{Map, Reader, SECOND};

const FORECAST_KEYS: &[&str] = &[
    "refresh_token_life",
    "refresh_token_idle",
    "key_life",
    "key_age",
    "certificate",
    "ends",
    "warn_before",
];
const CENTURY: Duration = Duration::from_hours(100 * 366 * 24);

/// What happens to a refresh token when it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshTokens {
    /// A new one comes with each use, and the old one ends.
    Rotating,
    /// It stays. One that is returned is kept nevertheless.
    Constant,
}

/// Facts from which the end of a connection is foretold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// From the consent to the end of every refresh token that comes of it.
    pub refresh_token_life: Option<Duration>,
    /// How long a refresh token may lie unused.
    pub refresh_token_idle: Option<Duration>,
    /// From the making of a key to its end.
    pub key_life: Option<Duration>,
    /// The age at which a key should be replaced, though it still works.
    pub key_age: Option<Duration>,
    /// The field with the certificate in PEM.
    pub certificate: Option<String>,
    /// Fields that hold a date at which a key ends, as the vendor shows it (RFC 3339 date or time).
    pub ends: Vec<String>,
    /// How long before an end a warning begins.
    pub warn_before: Duration,
}

impl Forecast {
    /// Nothing known: a key is old after 180 days, and warnings begin 30 days before an end.
    pub fn unknown() -> Self {
        Self {
            refresh_token_life: None,
            refresh_token_idle: None,
            key_life: None,
            key_age: Some(Duration::from_hours(180 * 24)),
            certificate: None,
            ends: Vec::new(),
            warn_before: Duration::from_hours(30 * 24),
        }
    }
}

impl Reader<'_> {
    pub(super) fn forecast(&mut self, map: &Map<'_>) -> Forecast {
        let mut forecast = Forecast::unknown();
        let declared = map
            .get("forecast")
            .and_then(|node| self.map(node, "`forecast`", FORECAST_KEYS));
        let Some(map) = declared else {
            return forecast;
        };
        let spans = [
            ("refresh_token_life", &mut forecast.refresh_token_life),
            ("refresh_token_idle", &mut forecast.refresh_token_idle),
            ("key_life", &mut forecast.key_life),
            ("key_age", &mut forecast.key_age),
        ];
        for (key, place) in spans {
            if let Some(span) = self.duration(&map, key, SECOND, CENTURY) {
                *place = Some(span);
            }
        }
        forecast.certificate = self.field_name(&map, "certificate");
        for field in self.texts(&map, "ends") {
            self.uses(&field, field.span);
            forecast.ends.push(field.value);
        }
        if let Some(span) = self.duration(&map, "warn_before", SECOND, CENTURY) {
            forecast.warn_before = span;
        }
        forecast
    }

    /// Whether the access token is shared by all instances: declared, or what the mechanism suggests.
    pub(super) fn shared(&mut self, map: &Map<'_>, exchange: Option<&Exchange>) -> bool {
        let suggested = exchange.is_some_and(|exchange| {
            let for_user = exchange.assertion.as_ref().is_some_and(|a| a.for_user);
            let cheap = exchange.client_auth.options.iter().any(|kind| {
                matches!(
                    kind,
                    ClientAuthKind::Federated | ClientAuthKind::Certificate
                )
            });
            !for_user && !cheap
        });
        let declared = self.flag(map, "shared");
        let per_user = exchange.is_some_and(|e| e.assertion.as_ref().is_some_and(|a| a.for_user));
        if let Some(node) = map
            .get("shared")
            .filter(|_| declared == Some(true) && per_user)
        {
            self.invalid(
                node.span,
                "`shared: true` with an assertion `for_user`",
                "each user has a token of their own, kept in memory; remove `shared`",
            );
        }
        declared.unwrap_or(suggested)
    }

    pub(super) fn rotation(&mut self, map: &Map<'_>) -> RefreshTokens {
        let words = [
            ("rotating", RefreshTokens::Rotating),
            ("constant", RefreshTokens::Constant),
        ];
        self.word(map, "rotation", &words)
            .unwrap_or(RefreshTokens::Rotating)
    }
}
