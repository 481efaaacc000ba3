//! The operating system's keyring, by its own command: `secret-tool` (the Secret Service of a Linux
//! desktop) or `security` (macOS). A library for the former would bring some forty crates.

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hushgate_host::store::vault::Key;
use zeroize::Zeroizing;

use super::code::Code;
use super::failure::Failure;

const SERVICE: &str = "hushgate-vault";

/// Whether this system's keyring is the one of macOS.
const MACOS: bool = cfg!(target_os = "macos");

/// Puts a key into the keyring.
///
/// # Errors
/// When the keyring's command is missing or fails.
pub fn store(id: &str, key: &Key) -> Result<(), Failure> {
    let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(key.bytes()));
    // Never as an argument, which every process of the machine could read.
    let (mut command, input) = if MACOS {
        let mut command = Command::new("security");
        command.arg("-i");
        let line = format!(
            "add-generic-password -U -s {SERVICE} -a {id} -w {}\n",
            secret.as_str()
        );
        (command, Zeroizing::new(line))
    } else {
        let mut command = Command::new("secret-tool");
        command.args([
            "store",
            "--label",
            "Hushgate vault",
            "service",
            SERVICE,
            "vault",
            id,
        ]);
        (command, secret)
    };
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|_| missing())?;
    let written = child
        .stdin
        .take()
        .map(|mut stdin| stdin.write_all(input.as_bytes()));
    let status = child.wait().map_err(|_| refused())?;
    if status.success() && matches!(written, Some(Ok(()))) {
        Ok(())
    } else {
        Err(refused())
    }
}

/// The key that the keyring has under an id.
///
/// # Errors
/// When the keyring's command is missing or fails, or has no such key.
pub fn lookup(id: &str) -> Result<Key, Failure> {
    let mut command = if MACOS {
        let mut command = Command::new("security");
        command.args(["find-generic-password", "-s", SERVICE, "-a", id, "-w"]);
        command
    } else {
        let mut command = Command::new("secret-tool");
        command.args(["lookup", "service", SERVICE, "vault", id]);
        command
    };
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|_| missing())?;
    let found = Zeroizing::new(output.stdout);
    if !output.status.success() {
        return Err(refused());
    }
    let bytes = URL_SAFE_NO_PAD
        .decode(found.trim_ascii())
        .map(Zeroizing::new);
    let key = bytes.ok().and_then(|bytes| Key::from_bytes(&bytes));
    key.ok_or_else(|| {
        Failure::new(
            Code::KeyringKeyMissing,
            "the keyring has no key for this vault",
        )
        .next("unlock the keyring of the user who made the vault; a lost key can't be restored")
    })
}

fn missing() -> Failure {
    let tool = if MACOS { "security" } else { "secret-tool" };
    Failure::new(
        Code::KeyringMissing,
        format!("the keyring can't be asked: there is no command `{tool}`"),
    )
    .next(if MACOS {
        "use a vault with a pass phrase"
    } else {
        "install it (package libsecret-tools or libsecret), or use a vault with a pass phrase"
    })
}

fn refused() -> Failure {
    Failure::new(
        Code::KeyringRefused,
        "the keyring refused, or has no such key",
    )
    .next("unlock it in your desktop session, and see that the vault was made by this user")
}
