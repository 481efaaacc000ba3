//! The table of variables as text: for a terminal and for the documentation.

use std::fmt::Write as _;

use hushgate_gateway::codes::Known;

use super::VARIABLES;
use crate::start::StartCode;

/// The table for a terminal.
pub fn table() -> String {
    let mut text = String::new();
    for variable in VARIABLES {
        let default = variable
            .default
            .map_or(String::new(), |d| format!(" (default {d})"));
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "{}{default}\n    {}\n    allowed: {}\n",
            variable.name, variable.meaning, variable.allowed
        );
    }
    text
}

/// The page `docs/configuration.md`.
pub fn page() -> String {
    let mut text = String::from(HEAD);
    for variable in VARIABLES {
        let default = variable
            .default
            .map_or_else(|| "not set".to_owned(), |d| format!("`{d}`"));
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {default} |",
            variable.name, variable.meaning, variable.allowed
        );
    }
    text.push_str(START);
    text.extend(StartCode::TABLE.iter().map(Known::row));
    text.push_str(FOOT);
    text
}

const HEAD: &str = "\
# Configuration

A function is configured by environment variables only. All are checked when it starts: a wrong one stops it with a message that
names the variable and what is allowed, and all problems are told at once. A name that looks like a slip
(`HUSHGATE_RULE`) is a problem too. A function takes no arguments but `--help`, which prints this table, and `--version`.

`hushgate config` prints this table; `hushgate config --check` checks the variables it is started with, and an access policy and rules
that are in a file or inline, as the start of a function does. It warns where the policy lets nobody in: a source that is not built in, a day in the past. It does not
look at what lies in a store or bucket, nor at the secrets themselves: `hushgate call URL --health` asks the started function about these ([call.md](call.md)).

This page is written by `BLESS=1 cargo test -p hushgate-host`.

| variable | meaning | allowed | default |
|---|---|---|---|
";

const START: &str = "
## When a function does not start

It ends with code 1 before it answers anything, and writes each problem to standard error, behind `error: ` and the variable's name. Nothing stands in for a document
that can't be read: neither the built-in rules nor a policy of another start. What is told of it is its place and what is missing, never what it holds. These have a stable code, in brackets at the end:

| code | when | what to do |
|---|---|---|
";

const FOOT: &str = "
## Secrets

Secrets are read from the store that `HUSHGATE_SECRETS` names, under the names the source's `source.yaml` lists, and these:

| name | meaning |
|---|---|
| `PSEUDONYM_KEY` | master key of pseudonyms |
| `PSOXY_SALT` | salt of pseudonyms, with `HUSHGATE_COMPAT=psoxy` |
| `PSOXY_ENCRYPTION_KEY` | key of reversible pseudonyms, with `HUSHGATE_COMPAT=psoxy`; needed only if the rules make any |

A secrets file is a JSON object of texts, or lines `NAME=value`. It must belong to the user the function runs as and be closed to
everybody else (mode 0600). When a source gives a new refresh token, the file is replaced in one step and flushed to the disk first.

A vault is a folder (mode 0700) of encrypted files: one for each connection and one, `deployment`, for all other secrets. `hushgate vault`
makes one and prints the keys of single files, so that a function can open its own and no other; see
[connection-command.md](connection-command.md).

## Whom a function trusts

TLS servers are trusted whose certificates come from an authority of the system's bundle (`/etc/ssl/certs/ca-certificates.crt` and
where other systems have it), or from one in the system's folder of certificates where there is no bundle. `SSL_CERT_FILE` (a file) and `SSL_CERT_DIR` (a folder)
name other authorities in their place, for example those of a network that inspects TLS. They are read once, at the start.

## What a function answers without a token

`GET /healthz` answers `ok`, and a request with `X-Hushgate-Health-Check` answers `{\"status\":\"up\"}`. Both say only that the
process runs. With a valid token, the health check tells what is configured, which secrets are missing (`missingConfigProperties`) and
which are there and can't be used (`unusableConfigProperties`: `denied`, `invalid` or `unavailable`), never a value. Why, and under which
whole name each was looked for, stands in the log alone.
";
