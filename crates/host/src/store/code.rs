//! The codes of everything that can be wrong with a store of this machine.

use hushgate_gateway::codes;
use hushgate_gateway::codes::Known;

codes! {
    /// What can be wrong with a store.
    pub(crate) enum StoreCode {
        Io = "store-io", "a file or folder of the store can't be opened, read or written",
            "look at the reason in the message: the path, its owner, the space on the disk";
        OpenToOthers = "store-open-to-others", "a file or folder of the store may be used by others than its owner",
            "`chmod` it as the message says, and replace the secrets if somebody may have read them";
        WrongKind = "store-wrong-kind", "a folder stands where a file is wanted, or the other way round",
            "check the path in HUSHGATE_SECRETS";
        TooLarge = "store-too-large", "a file of the store is larger than any of it is",
            "check that the path is the store's";
        Busy = "store-busy", "another process keeps a file of the store locked for more than ten seconds",
            "try again; end a process that hangs while it writes";
        Malformed = "store-malformed", "the secrets file is neither a JSON object of texts nor lines `NAME=value`",
            "mend it at the place in the message, or restore it from a copy";
        NameInvalid = "store-name-invalid", "the store can't hold a secret of that name",
            "use letters, digits, `_`, `-` and `.`";
        VaultMissing = "vault-missing", "there is no vault in the folder, or HUSHGATE_SECRETS names none",
            "`hushgate vault create FOLDER` makes one; name it with HUSHGATE_SECRETS=vault:FOLDER";
        VaultExists = "vault-exists", "there is a vault in that folder already",
            "use it, or choose another folder";
        PassPhraseWrong = "vault-pass-phrase-wrong", "the pass phrase does not open the vault",
            "check it; a lost pass phrase can't be recovered: make a new vault and connect anew";
        PassPhraseFile = "vault-pass-phrase-file", "the file with the pass phrase is empty or no text",
            "write the pass phrase into it, on one line";
        KeyringKeyWrong = "vault-keyring-key-wrong", "the key in the system's keyring is not this vault's",
            "restore the file `header` of the vault from a copy";
        Damaged = "vault-damaged", "a file of the vault is not as it was written",
            "restore that file from a copy; or remove it and connect anew";
        Version = "vault-version", "a file of the vault was written by another version of hushgate",
            "use that version";
        CompartmentTooLarge = "vault-too-large", "a file of the vault would have more than 1 MiB",
            "store less in it";
        Crypto = "vault-crypto", "the system gave no random numbers, or encryption failed",
            "try again; check the system";
        KeyNotHanded = "vault-key-not-handed", "the function was not handed the key of this part of the vault",
            "add the connection to `hushgate vault keys` and hand the function the result";
        NotWhole = "vault-not-whole", "handed keys open single parts, and this needs the whole vault",
            "take away HUSHGATE_VAULT_KEYS where you administer the vault";
        CompartmentMissing = "vault-compartment-missing", "a key was handed for a connection that is not there any more",
            "connect anew, and hand the function the new key";
        ConnectionExists = "connection-exists", "there is a connection with this id already",
            "renew it with `hushgate connection reconnect ID`, or choose another id with `--id`";
    }
}

/// Every code of the stores of this machine.
pub const CODES: &[Known] = StoreCode::TABLE;
