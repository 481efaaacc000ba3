//! The record of a connection: what is known of it beside its secrets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The field under which a connection's record is kept, beside its secrets.
pub const RECORD: &str = hushgate_gateway::connect::diagnosis::RECORD_ENTRY;

/// What is known of a connection. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// The source whose `auth` it was set up with.
    pub source: String,
    /// All sources it serves, its own first.
    pub serves: Vec<String>,
    /// Its name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The account's name, as the vendor tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The account's e-mail address, as the vendor tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The account's host, where the account decides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_host: Option<String>,
    /// The fields that are settings.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// When the account consented or the key was given, in seconds since 1970.
    pub authorized: u64,
    /// When it was last found to work, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validated: Option<u64>,
}

impl Record {
    /// Reads a record as it is kept.
    ///
    /// # Errors
    /// Says where the record is wrong, without its content.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|e| {
            format!(
                "its record can't be read (line {}, column {}); it is of another version of hushgate, or was changed by hand",
                e.line(),
                e.column()
            )
        })
    }

    /// The record as it is kept.
    pub fn text(&self) -> String {
        // Texts and numbers under text keys always are JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}
