//! The form of every declared source, as the command shows it.

use serde_json::json;

use super::command::Running;
use super::drive;
use crate::support::function::{free_port, scratch};
use hushgate_cli::sources::Declared;

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_on_the_form_of_any_source() {
    let folder = scratch("forms");
    let mut running = Vec::new();
    let mut forms = Vec::new();
    for declared in Declared::all() {
        let source = declared.load().expect("a declaration");
        let consent = source.auth.asks_consent();
        let fields = source.auth.fields.iter();
        let asked = fields.filter(|field| !(consent && field.obtained));
        let names: Vec<_> = asked.map(|field| field.name.clone()).collect();
        // The registered ports of some are the same.
        let registered = "http://localhost:8917/";
        let free = format!("http://localhost:{}/", free_port());
        let file = format!("{}.yaml", declared.id);
        let text = declared.source.replace(registered, &free);
        std::fs::write(folder.join(&file), text).expect("a source");
        let arguments = ["connect", &file, "--web"];
        let mut command = Running::start(&folder, &[], &arguments);
        let link = command.link().await;
        forms.push(json!({"name": declared.id, "link": link, "fields": names}));
        running.push(command);
    }
    assert!(forms.len() > 30, "{} sources", forms.len());
    drive("forms.mjs", &json!({"forms": forms})).await;
}
