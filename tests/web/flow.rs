//! Setups whose outcome the test decides.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use hushgate_cli::connection::failure::Failure;
use hushgate_cli::connection::web::{
    Answers, Begun, Button, Choice, Connected, Device, Doing, Face, Flow, Input, InputKind,
};
use hushgate_gateway::ports::Secret;

/// A setup that goes as written.
pub(super) struct Script {
    face: Face,
    inputs: Vec<Input>,
    begins: Mutex<VecDeque<Result<Begun, Failure>>>,
    answers: Mutex<BTreeMap<String, String>>,
}

impl Script {
    /// A setup with a form; each attempt ends as the next of `ends`.
    pub(super) fn new(
        inputs: Vec<Input>,
        ends: impl IntoIterator<Item = Result<Connected, Failure>>,
    ) -> Self {
        Self {
            face: Face {
                source: "Vexillum".into(),
                connection: "vexillum".into(),
                store: "the vault at ~/.hushgate/vault".into(),
                docs: Some("https://vexillum.example/docs".into()),
                ..Face::default()
            },
            inputs,
            begins: Mutex::new(
                ends.into_iter()
                    .map(|end| end.map(Begun::Connected))
                    .collect(),
            ),
            answers: Mutex::default(),
        }
    }

    fn consenting(begun: Begun, button: Option<Button>) -> Self {
        let mut script = Self::new(form(), []);
        script.face.consent = true;
        script.face.again = true;
        script.face.button = button;
        script.face.permissions = vec![
            "https://vexillum.example/auth/directory.members.readonly".into(),
            "reports:read".into(),
        ];
        script.inputs.clear();
        script.begins = Mutex::new(VecDeque::from([Ok(begun)]));
        script
    }

    /// What was entered.
    pub(super) fn answers(&self) -> BTreeMap<String, String> {
        self.answers.lock().expect("no panic before").clone()
    }
}

impl Flow for Script {
    fn face(&self) -> Face {
        self.face.clone()
    }

    fn inputs(&self) -> Vec<Input> {
        self.inputs.clone()
    }

    fn accept(&self, _: &str, value: &str) -> Result<Secret, String> {
        Ok(Secret::new(value.trim()))
    }

    fn begin<'a>(&'a self, answers: &'a Answers, _: &'a str) -> Doing<'a, Result<Begun, Failure>> {
        Box::pin(async move {
            let texts = answers
                .iter()
                .map(|(k, v)| (k.clone(), v.reveal().to_owned()));
            *self.answers.lock().expect("no panic before") = texts.collect();
            let next = self.begins.lock().expect("no panic before").pop_front();
            next.expect("an end for each attempt")
        })
    }

    fn recognizes(&self, _: &str) -> bool {
        false
    }

    fn returned<'a>(&'a self, _: &'a str) -> Doing<'a, Result<Connected, Failure>> {
        Box::pin(async { Ok(Connected::default()) })
    }

    fn entered(&self) -> Doing<'_, Result<(), Failure>> {
        Box::pin(std::future::pending())
    }

    fn granted(&self) -> Doing<'_, Result<Connected, Failure>> {
        Box::pin(async { Ok(Connected::default()) })
    }
}

/// A form with every kind of question.
pub(super) fn form() -> Vec<Input> {
    let input = |name: &str, label: &str, tooltip: &str, kind, secret| Input {
        name: name.into(),
        label: label.into(),
        tooltip: tooltip.into(),
        kind,
        required: true,
        secret,
        default: None,
        when: Vec::new(),
        chooser: false,
    };
    let choice = |value: &str, label: &str| Choice {
        value: value.into(),
        label: label.into(),
    };
    let ways = InputKind::Select(vec![
        choice("body", "Client secret"),
        choice("certificate", "Certificate and private key"),
    ]);
    let account = "The account’s id; in the Vexillum admin console under “Organization”.";
    let secret = "Shown once when the app is created. A new one can be made at any time.";
    let optional = input("REGION", "Region", "", InputKind::Text, false);
    vec![
        input("ACCOUNT", "Account id", account, InputKind::Text, false),
        Input {
            default: Some("body".into()),
            chooser: true,
            ..input(
                "CLIENT_AUTH",
                "How the client proves itself",
                "",
                ways,
                false,
            )
        },
        input("CLIENT_ID", "Client id", "", InputKind::Text, false),
        Input {
            when: vec!["body".into()],
            ..input(
                "CLIENT_SECRET",
                "Client secret",
                secret,
                InputKind::Password,
                true,
            )
        },
        Input {
            when: vec!["certificate".into()],
            ..input(
                "PRIVATE_KEY",
                "Private key",
                "PEM, as it was made.",
                InputKind::TextArea,
                true,
            )
        },
        Input {
            required: false,
            ..optional
        },
    ]
}

type State = (
    &'static str,
    Option<&'static str>,
    &'static [&'static str],
    &'static str,
    Script,
);

/// Every page that the keyboard's way does not pass: name, path, buttons to press, heading.
pub(super) fn states() -> Vec<State> {
    let plain = || Script::new(form(), []);
    let certificate = || {
        let mut inputs = form();
        for input in &mut inputs {
            input.default = input.default.take().map(|_| "certificate".into());
        }
        Script::new(inputs, [])
    };
    let consent = |button| Script::consenting(Begun::Consent("https://[invalid".into()), button);
    let device = Begun::Device(Device {
        code: "WDJB-MJHT".into(),
        url: "https://vexillum.example/device".into(),
        complete: Some("https://vexillum.example/device?code=WDJB-MJHT".into()),
    });
    let button = Button {
        media: "image/svg+xml",
        bytes: include_bytes!("button.svg").as_slice().into(),
    };
    vec![
        ("certificate", None, &[], "Connect Vexillum", certificate()),
        ("consent", None, &[], "Reconnect Vexillum", consent(None)),
        (
            "consent-picture",
            None,
            &[],
            "Reconnect Vexillum",
            consent(Some(button)),
        ),
        (
            "device",
            None,
            &["Continue to Vexillum"],
            "Enter this code at Vexillum",
            Script::consenting(device, None),
        ),
        (
            "cancelled",
            None,
            &["Cancel"],
            "The setup is cancelled",
            plain(),
        ),
        (
            "not-served",
            Some("/nowhere"),
            &[],
            "This is not served",
            plain(),
        ),
        (
            "used",
            Some("/enter/again"),
            &[],
            "This link was used already",
            plain(),
        ),
        (
            "not-ours",
            Some("/callback?state=x"),
            &[],
            "This does not belong to the setup",
            plain(),
        ),
    ]
}
