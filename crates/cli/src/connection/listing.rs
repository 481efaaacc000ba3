//! Connections listed and shown, without any secret.

use clap::Args;
use hushgate_host::connection::Record;
use hushgate_host::store::entry;
use serde_json::{Value, json};

use super::Place;
use super::failure::Failure;
use super::kept::{One, connector, main_source};
use super::outlook;
use crate::print;

/// Options of `connection list`.
#[derive(Debug, Args)]
pub struct List {
    /// Print one JSON array
    #[arg(long)]
    pub(super) json: bool,
}

/// Lists all connections.
pub(super) async fn list(options: &List) -> Result<(), Failure> {
    let place = Place::open()?;
    let mut rows = Vec::new();
    for id in place.store.connections().await? {
        let row = match place.record(&id).await {
            Ok(record) => described(&place, &record, None).await,
            // One that can't be read must not hide the others.
            Err(failure) => {
                json!({"id": id, "error": {"code": failure.code(), "message": failure.message}})
            }
        };
        rows.push(row);
    }
    if options.json {
        print::line(&Value::Array(rows).to_string());
        return Ok(());
    }
    if rows.is_empty() {
        print::note(&format!("there is no connection in {}", place.name));
    }
    for row in &rows {
        print::line(&one_line(row));
    }
    Ok(())
}

/// Shows one connection.
pub(super) async fn show(options: &One) -> Result<(), Failure> {
    let place = Place::open()?;
    let record = place.record(&options.id).await?;
    let mut row = described(&place, &record, options.source.as_deref()).await;
    let fields = present(&place, &record, options.source.as_deref()).await?;
    if let Some(members) = row.as_object_mut() {
        members.insert("settings".to_owned(), json!(record.settings));
        members.insert("host".to_owned(), json!(record.target_host));
        members.insert("secrets".to_owned(), json!(fields));
    }
    if options.json {
        print::line(&row.to_string());
        return Ok(());
    }
    if let Some(members) = row.as_object() {
        for (name, value) in members {
            for line in as_lines(name, value) {
                print::line(&line);
            }
        }
    }
    Ok(())
}

/// Which secrets are there, by name.
async fn present(
    place: &Place,
    record: &Record,
    named: Option<&str>,
) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    let source = main_source(place, record, named)?;
    for name in source.secret_names() {
        if place
            .store
            .read_newest(&entry(&record.id, name))
            .await?
            .is_some()
        {
            found.push(name.to_owned());
        }
    }
    Ok(found)
}

/// A connection as JSON, without any secret.
async fn described(place: &Place, record: &Record, named: Option<&str>) -> Value {
    let looked = async {
        let source = main_source(place, record, named)?;
        outlook::of(&connector(place, record, &source)?, record).await
    };
    let ends = looked
        .await
        .unwrap_or_else(|failure| vec![outlook::unknown(&failure)]);
    json!({
        "id": record.id,
        "source": record.source,
        "serves": record.serves,
        "label": record.label,
        "account": record.account,
        "email": record.email,
        "created": outlook::day(record.created),
        "authorized": outlook::day(record.authorized),
        "validated": record.validated.map(outlook::day),
        "outlook": ends,
    })
}

fn one_line(row: &Value) -> String {
    let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or("-");
    if let Some(error) = row.get("error") {
        let message = error
            .get("message")
            .and_then(Value::as_str)
            .unwrap_or_default();
        return format!("{}\t{message}", text("id"));
    }
    let serves: Vec<_> = row
        .get("serves")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let account = match text("account") {
        "-" => text("email"),
        account => account,
    };
    let mut line = format!(
        "{}\t{}\t{account}\tauthorized {}",
        text("id"),
        serves.join(","),
        text("authorized")
    );
    for end in row
        .get("outlook")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        if let Some(text) = end.get("text").and_then(Value::as_str) {
            line.push('\t');
            line.push_str(text);
        }
    }
    line
}

fn as_lines(name: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![format!("{name}: {text}")],
        Value::Array(items) if items.is_empty() => Vec::new(),
        Value::Array(items) => {
            let texts: Vec<_> = items
                .iter()
                .filter_map(|item| item.as_str().or_else(|| item.get("text")?.as_str()))
                .collect();
            vec![format!("{name}: {}", texts.join(", "))]
        }
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| format!("{name}: {key} = {}", value.as_str().unwrap_or_default()))
            .collect(),
        other => vec![format!("{name}: {other}")],
    }
}
