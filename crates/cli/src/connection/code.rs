//! The codes of `hushgate connection` and `hushgate vault`, beside those of the stores and of connecting.

use hushgate_gateway::codes;

use super::failure::Coded;

codes! {
    /// What can go wrong at these commands.
    pub(crate) enum Code {
        SourceUnknown = "source-unknown", "there is no built-in source of that name",
            "look the id up in docs/sources.md, or give the path of a `source.yaml`";
        SourceUnreadable = "source-unreadable", "the `source.yaml` can't be read",
            "check the path and its permissions";
        SourceInvalid = "source-invalid", "the `source.yaml` is wrong, at the lines that are told",
            "mend it; `hushgate rules check` checks the declaration";
        FieldMissing = "field-missing", "fields that the source needs are not given; each is named",
            "give them with `--field`, `--field-file` or `--fields-stdin`, or run the command in a terminal";
        FieldInvalid = "field-invalid", "the value of a field does not have the form that is told",
            "copy it again from the vendor's page";
        FieldUnknown = "field-unknown", "the source has no such field",
            "use the names that are listed";
        FieldRepeated = "field-repeated", "a field is given twice",
            "leave one of the two out";
        FieldForm = "field-form", "an option for a field is not of the form `NAME=…`",
            "write `--field NAME=VALUE` or `--field-file NAME=PATH`";
        FieldFile = "field-file", "the file with a field's value can't be read",
            "check the path, its permissions and that it is text of at most 1 MiB";
        FieldsStdin = "fields-stdin", "standard input is no JSON object of texts",
            "write a JSON object of texts, such as {\"CLIENT_ID\": \"…\", \"CLIENT_SECRET\": \"…\"}";
        SecretOnCommandLine = "secret-on-command-line", "a secret stands in `--field`, where every process can read it",
            "give it with `--field-file NAME=PATH` or `--fields-stdin`; replace it if others use this machine";
        ConnectionUnknown = "connection-unknown", "there is no connection with this id in the store",
            "`hushgate connection list` lists them";
        ConnectionIdInvalid = "connection-id-invalid", "this can't be the id of a connection",
            "use lower-case words and digits joined by `-`, at most 64 characters";
        ConnectionFamily = "connection-family", "these sources can't share a connection; the reason is told",
            "make a connection of its own for the other source";
        ConnectionSource = "connection-source", "the connection is of another source than the one that is named",
            "name that one, or connect this source under an id of its own";
        ConnectionBusy = "connection-busy", "a function renews the connection at the moment",
            "try again in two minutes";
        ConnectionRecordInvalid = "connection-record-invalid", "the connection's record was changed by hand, or is of another version",
            "`hushgate connection reconnect` can't read it either: revoke it at the vendor, remove its entries and connect anew";
        RevokeNotConfirmed = "revoke-not-confirmed", "nothing was revoked, because it was not confirmed",
            "give `--yes`, or answer the question with the connection's id";
        OnlyInCloud = "connection-only-in-cloud", "the connection uses the identity of the cloud that its function runs in, and this machine has none",
            "call the deployed function with `hushgate call`; where it fails, its log names the cause";
        Web = "web", "the page was cancelled, not finished in time, or can't be served",
            "start again; `--wait` gives more time, `--port` another port";
        WebAndFields = "web-and-fields", "with `--web` the page asks for the fields",
            "leave `--field`, `--field-file` and `--fields-stdin` out";
        PortDeclared = "port-declared", "the source declares the port to which the vendor returns",
            "leave `--port` out";
        CallbackPort = "callback-port", "the port to which the vendor returns can't be listened on",
            "end what listens there; where the source leaves the port open, choose another with `--port`";
        ConsentNotBegun = "consent-not-begun", "no consent is under way",
            "start again";
        InputEnded = "input-ended", "no answer to a question, or standard input that can't be read",
            "run the command in a terminal, or give the fields with options";
        Interrupted = "interrupted", "Ctrl-C; what was begun at the vendor was brought to its end",
            "run the command again";
        SecretEmpty = "secret-empty", "a secret of the deployment is blank",
            "give it on standard input, or as the answer to the question";
        StoreReadOnly = "store-read-only", "the store can't be written, or HUSHGATE_SECRETS names none",
            "set HUSHGATE_SECRETS to vault:FOLDER (`hushgate vault create FOLDER` makes one), file:PATH, or the store of a cloud: aws-secretsmanager:PREFIX, aws-ssm:PREFIX, gcp-secretmanager:PROJECT/PREFIX";
        StoreCloud = "store-cloud", "the store of a cloud can't be opened: the command was built without it, or the environment lacks what is told",
            "take the command with that cloud in it (docs/packages.md), or set what is missing";
        StoreDenied = "store-denied", "the store does not let this be done; the message says why",
            "use the whole vault, not handed keys; check the owner of the files";
        StoreUnavailable = "store-unavailable", "the store fails at the moment",
            "try again; the message holds the reason and its code";
        StoreUnfit = "store-unfit", "the store can't hold such a value or name, or holds something that is no text",
            "the message says what it takes; shorten the value, or use a store that takes it";
        PassPhraseShort = "vault-pass-phrase-short", "a pass phrase has at least 12 characters",
            "several random words are long and can be remembered";
        PassPhraseDiffers = "vault-pass-phrase-differs", "the pass phrase and its repetition differ",
            "try again";
        NoPassPhrase = "vault-no-pass-phrase", "the vault has no pass phrase: its key is in the system's keyring",
            "take away HUSHGATE_VAULT_PASSPHRASE_FILE";
        VaultLocked = "vault-locked", "nothing opens the vault",
            "set HUSHGATE_VAULT_PASSPHRASE_FILE to a file (mode 0600) with its pass phrase";
        VaultKeysInvalid = "vault-keys-invalid", "HUSHGATE_VAULT_KEYS can't be read",
            "set it to what `hushgate vault keys` prints, or to the path of a file (mode 0600) with that";
        KeyringMissing = "keyring-missing", "the command that asks the system's keyring is not installed",
            "install it (`secret-tool`, package libsecret-tools or libsecret), or use a vault with a pass phrase";
        KeyringRefused = "keyring-refused", "the keyring refused, or has no such key",
            "unlock it in your desktop session, and see that the vault was made by this user";
        KeyringKeyMissing = "keyring-key-missing", "the keyring has no key for this vault",
            "unlock the keyring of the user who made the vault; a lost key can't be restored";
        ConfigurationInvalid = "configuration-invalid", "a variable is wrong; every one is told",
            "`hushgate config` lists every variable and what it may be";
        Internal = "internal", "the command failed inside",
            "start it again, and report it if it stays";
    }
}

impl Coded for Code {
    fn coded(self) -> (&'static str, Option<&'static str>) {
        self.known().coded()
    }
}
